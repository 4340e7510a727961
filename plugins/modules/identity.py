#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: identity
version_added: 0.1.0
short_description: Learn who calls AWS
description:
  - Asks AWS for the account and the principal of the credentials, and fails with one sentence where there is no answer.
  - Where it runs on the controller, the tiers' modules of the same run that have the same connection need not ask again.
author:
  - agent_platform contributors (@agent-platform)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It changes nothing.
"""

EXAMPLES = r"""
- name: Ask AWS who we are
  agent_platform.aws.identity:
    region: us-east-1
"""

RETURN = r"""
account:
  description: The account's id.
  returned: success
  type: str
  sample: "123456789012"
arn:
  description: The principal.
  returned: success
  type: str
  sample: arn:aws:sts::123456789012:assumed-role/deployer/session
region:
  description: The region that was asked for.
  returned: success
  type: str
  sample: us-east-1
msg:
  description: All that in words.
  returned: always
  type: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.who import run_module


def main() -> None:
    run_module()


if __name__ == "__main__":
    main()
