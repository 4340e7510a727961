#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secrets
version_added: 0.1.0
short_description: Keep the platform's secrets
description:
  - Keeps, for each of O(entries), a Secrets Manager secret C(<environment>/<name>), encrypted with a key that
    M(agent_platform.aws.kms) keeps, with a resource policy that refuses every other account.
  - A value in O(values) is written when it differs from the current one. A secret without one is made without a value, and the
    value that somebody gives it later is neither read nor written.
  - No value is ever shown. A plan shows that one changes, as C((sensitive)).
  - Secrets are never replaced. O(state=absent) deletes them with a recovery window, within which O(state=present) restores them.
author:
  - agent_platform contributors (@agent-platform)
options:
  entries:
    description: The secrets.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The name behind the environment and a slash, unique whatever the case of its letters.
          - Letters, digits and C(/ _ + = . @ -). None may be another one with a hyphen and six characters behind, which is how AWS
            ends an ARN.
        type: str
        required: true
      description:
        description: What it is for, at most 2048 characters. By default the deployment and the name.
        type: str
  values:
    description:
      - Values by name, from a vault or a lookup. Those of the other secrets are left to whoever sets them by hand.
      - A text of 1 to 65536 bytes, or a mapping of names to texts, which is stored as JSON.
    type: dict
    default: {}
  encryption_key:
    description: Name of the key that encrypts the secrets, without the environment.
    type: str
    required: true
  replicas:
    description: Other regions that get a copy of every secret. A region that is taken out loses its copies.
    type: list
    elements: dict
    default: []
    suboptions:
      region:
        description: The region, not the secrets' own.
        type: str
        required: true
      kms_key_arn:
        description: ARN of a key in that region. By default the key C(aws/secretsmanager), which AWS keeps there.
        type: str
  recovery_window_days:
    description: Days within which a deleted secret can be restored, 7 to 30. Its name is taken that long.
    type: int
    default: 30
  delete_without_recovery:
    description: Let O(state=absent) delete the secrets for good, at once.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep two secrets, one with the value that the vault has
  agent_platform.aws.secrets:
    environment: staging
    region: us-east-1
    encryption_key: secrets
    entries:
      - name: openai-api-key
        description: Key of the OpenAI API
      - name: servicenow-oauth
    values:
      servicenow-oauth:
        client_id: agent-platform
        client_secret: "{{ vault_servicenow_client_secret }}"
"""

RETURN = r"""
plan:
  description: The changes, made or (in check mode) to be made.
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: Kind and name.
      type: str
      sample: secret/openai-api-key
    action:
      description: C(create), C(update), C(replace) or C(delete).
      type: str
    fields:
      description: Each field that changes, with C(old) and C(new).
      type: list
      elements: dict
resources:
  description: What stands, by address, with ids, ARNs and names.
  returned: success
  type: dict
unmanaged:
  description: Addresses that carry this tier's ownership tags but are no longer in the configuration.
  returned: success
  type: list
  elements: str
kept:
  description: What O(state=absent) left standing, each with its reason.
  returned: success
  type: list
  elements: dict
awaiting:
  description: Addresses that O(verb=start) began or left, and O(verb=await) finishes.
  returned: when O(verb=start) left something
  type: list
  elements: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.secretsmanager import Secret
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.secrets import SPEC, check, declare

TIER = Tier("secrets", SPEC, (Secret(),), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
