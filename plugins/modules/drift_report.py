#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_report
version_added: 0.1.0
short_description: Tell what a drift or an adoption found in this run
description:
  - Stands after the tiers' roles, which ran with the verb C(drift) or C(adopt), and makes one report of what they found. It calls
    nothing of AWS and runs where Ansible runs.
  - Of a drift it fails where there is any difference that is not ignored, after everything is told.
author:
  - agent_platform contributors (@agent-platform)
options:
  what:
    description: What is told of.
    type: str
    choices: [drift, adoption]
    default: drift
  deployment:
    description: The deployment's name.
    type: str
    required: true
  environment:
    description: The environment's name, for the JSON.
    type: str
  region:
    description: The deployment's region, for the JSON.
    type: str
  ignores:
    description: Differences that are listed as ignored and do not count.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: The address, in which C(*) stands for any characters.
        type: str
        required: true
      reason:
        description: Why it is to be ignored.
        type: str
        required: true
  confirmed:
    description: Whether the adoption was confirmed, and so made.
    type: bool
    default: false
  path:
    description: Where to write the drift as JSON, in the form that C(docs/drift.md) describes. Empty writes none.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: It changes nothing of the account in either mode. The JSON is written in both.
  diff_mode:
    support: none
    description: It shows differences itself.
"""

EXAMPLES = r"""
- name: Tell the drift
  agent_platform.aws.drift_report:
    deployment: prod-us-east-1
    ignores:
      - address: sqs_queue/prod-experiment-*
        reason: The data team tries something until March.
    path: drift.json
"""

RETURN = r"""
summary:
  description: The report, for people.
  returned: always
  type: list
  elements: str
drift:
  description: The report as a dictionary. C(docs/drift.md) describes it.
  returned: for O(what=drift)
  type: dict
"""
