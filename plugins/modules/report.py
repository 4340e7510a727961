#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: report
version_added: 0.1.0
short_description: Tell what the tiers of this run found, and keep it as a plan
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
    type: str
    choices: [plan, approve]
    required: true
  path:
    description:
      - The plan's JSON file, relative to the directory of the command. The Markdown has the same name, with C(.md).
      - Its form is described in C(docs/plan-file.md). Only its owner can read it.
      - Required for O(what=plan) and O(what=approve).
    type: str
  max_age:
    description: How old the plan may be for V(approve), in minutes.
    type: int
    default: 1440
attributes:
  check_mode:
    support: full
    description: It changes nothing of the account in either mode. A plan's files are written in both.
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
  returned: for O(what=plan)
  type: list
  elements: str
path:
  description: The plan's JSON file.
  returned: always
  type: str
markdown:
  description: The Markdown file.
  returned: for O(what=plan)
  type: str
digest:
  description: The plan's digest. Two plans have the same one when they do the same on the same ground.
  returned: success
  type: str
"""
