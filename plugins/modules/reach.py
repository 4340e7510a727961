#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reach
version_added: 0.1.0
short_description: Learn whether the cluster and the database can be reached from here
description:
  - Connects to the API of the cluster and to the database, where they stand, and closes the connection again.
  - Fails, with one sentence that names the ways out, where one of them cannot be reached. In check mode it only warns, so that the
    run shows what the other tiers would do.
  - It only warns of a cluster that the configuration lets somebody into from outside, since this very run may bring that about.
  - Of what does not stand yet it only warns that it will be private.
author:
  - agent_platform contributors (@agent-platform)
options:
  environment:
    description: The environment.
    type: str
    required: true
  deployment:
    description: The name of the deployment. Defaults to the environment and the region.
    type: str
  cluster_name:
    description: The EKS cluster. Empty where nothing is done in it.
    type: str
    default: ''
  cluster_lets_in:
    description: The ranges of addresses outside the network from which the configuration lets its API be asked.
    type: list
    elements: str
    default: []
  cluster_tunnel_address:
    description: Where a tunnel to its API begins. Empty for none.
    type: str
    default: ''
  cluster_tunnel_port:
    description: The port there.
    type: int
    default: 0
  database:
    description: The database instance's full name. Empty where nothing is done in it from here.
    type: str
    default: ''
  database_tunnel_address:
    description: Where a tunnel to it begins. Empty for none.
    type: str
    default: ''
  database_tunnel_port:
    description: The port there.
    type: int
    default: 0
  path:
    description: Where to write the result as JSON. Empty, it writes none.
    type: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: It only looks.
  diff_mode:
    support: none
    description: It changes nothing.
"""

EXAMPLES = r"""
- name: Look whether cluster and database can be reached from here
  agent_platform.aws.reach:
    environment: prod
    region: us-east-1
    cluster_name: prod-agent-platform
    database: prod-agentdb
"""

RETURN = r"""
reached:
  description: What answered.
  returned: success
  type: list
  elements: str
msg:
  description: All that in words.
  returned: always
  type: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils import reach
from ansible_collections.agent_platform.aws.plugins.module_utils.tool_module import run_module

TOOL = reach.TOOL


def main():
    run_module(TOOL)


if __name__ == "__main__":
    main()
