#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: teardown_report
version_added: 0.1.0
short_description: Tell what a destroy would do, or did
description:
  - Stands after the tiers' roles in a play of C(playbooks/destroy.yml). It calls nothing of AWS and runs where Ansible runs.
author:
  - agent_platform contributors (@agent-platform)
options:
  what:
    description:
      - V(before) tells what the tiers would delete, keep and leave behind, and fails when something is refused.
      - V(after) tells what they deleted, kept and left behind.
    type: str
    choices: [before, after]
    required: true
  deployment:
    description: The deployment's name.
    type: str
    required: true
  confirmed:
    description: Whether the destroy goes on. Otherwise it is told how it would.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: It changes nothing in either mode.
  diff_mode:
    support: none
    description: There is nothing to compare.
"""

EXAMPLES = r"""
- name: Tell what would go
  agent_platform.aws.teardown_report:
    what: before
    deployment: prod-us-east-1
"""

RETURN = r"""
summary:
  description: The report, line by line.
  returned: always
  type: list
  elements: str
"""
