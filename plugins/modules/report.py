#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
version_added: 0.1.0
short_description: Tell what the tiers of this run found, and keep a plan
description:
  - Stands after the tiers' roles in a play whose verb only looks, and makes one report of what they found. It calls nothing of AWS
    and runs where Ansible runs.
  - It fails where the run is not to go on, after everything is written and told.
author:
  - agent_platform contributors (@agent-platform)
options:
  what:
    description:
      - V(plan) writes the plan to O(path), as Markdown beside it, and fails when something in it is refused.
      - V(approve) compares the plan in O(path) with what the tiers planned in this run, and fails, telling what moved, unless they
        are the same.
      - V(drift) tells what is not as the configuration says, and fails when any of it is not ignored.
      - V(adopt) tells what is or would be taken over.
      - V(before_destroy) tells what the tiers would delete, keep and leave behind, and fails when something is refused. It tells
        nothing when O(confirmed), since V(after_destroy) then tells what they did.
    type: str
    choices: [plan, approve, drift, adopt, before_destroy, after_destroy]
    required: true
  path:
    description:
      - The JSON file, relative to the directory of the command. A plan's Markdown has the same name, with C(.md).
      - Its form is described in C(docs/plan-file.md) and C(docs/drift.md). Only its owner can read it.
      - Required for O(what=plan) and O(what=approve); empty or unset, a drift writes none.
    type: str
  max_age:
    description: How old the plan may be for V(approve), in minutes.
    type: int
    default: 1440
  deployment:
    description: The deployment's name. Required but for O(what=plan) and O(what=approve).
    type: str
  environment:
    description: The environment's name, for the JSON of a drift.
    type: str
  region:
    description: The deployment's region, for the JSON of a drift.
    type: str
  ignores:
    description: Differences that a drift lists as ignored and does not count.
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
    description: Whether the adoption or the destroy was confirmed.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: It changes nothing of the account in either mode. Files are written in both.
  diff_mode:
    support: none
    description: It shows differences itself.
"""

EXAMPLES = r"""
- name: Write the plan
  agent_platform.aws.report:
    what: plan
    path: plans/prod-us-east-1.json

- name: Go on only with just that plan
  agent_platform.aws.report:
    what: approve
    path: plans/prod-us-east-1.json
    max_age: 120
"""

RETURN = r"""
summary:
  description: The report, for people.
  returned: but for O(what=approve)
  type: list
  elements: str
path:
  description: The plan's JSON file.
  returned: for O(what=plan) and O(what=approve)
  type: str
markdown:
  description: The Markdown file.
  returned: for O(what=plan)
  type: str
digest:
  description: The plan's digest. Two plans have the same one when they do the same on the same ground.
  returned: for O(what=plan) and O(what=approve)
  type: str
drift:
  description: The report as a dictionary. C(docs/drift.md) describes it.
  returned: for O(what=drift)
  type: dict
"""
