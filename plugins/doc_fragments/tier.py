# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What every tier module has in common."""

    DOCUMENTATION = r"""
options:
  environment:
    description:
      - The environment, V(dev), V(prod) or one of your own; the first part of every name.
      - 2 to 16 lower-case letters, digits and hyphens.
    type: str
    required: true
  deployment:
    description:
      - What distinguishes this deployment from every other in the account; the value of the ownership tag
        C(agent-platform:deployment).
      - Defaults to the environment and the region, such as V(prod-us-east-1).
    type: str
  state:
    description:
      - V(present) makes the account like the configuration and deletes nothing.
      - V(absent) deletes whatever this tier of this deployment owns.
    type: str
    choices: [present, absent]
    default: present
  verb:
    description:
      - V(apply) does what O(state) says; in check mode it plans it.
      - V(start) does the same, but only begins what AWS needs minutes for (node groups, databases, caches, the distribution), so
        that several tiers' long builds run side by side. RV(awaiting) names what is left.
      - V(await) does what V(start) left in the same run, and nothing where nothing was left; by itself it is V(apply).
      - V(validate) only checks the arguments, without any call of AWS.
      - V(plan) plans like check mode, and lists what is refused instead of failing.
      - V(drift) does the same, and looks for whatever else is there that the configuration does not know.
      - V(destroy) deletes whatever this tier of this deployment owns, but keeps what holds data and what that rests on. It needs
        O(confirm) and without it only lists what it would do.
      - V(adopt) writes the ownership tags to what stands under our names without them. It needs O(confirm), too.
    type: str
    choices: [apply, start, await, validate, plan, drift, destroy, adopt]
    default: apply
  confirm:
    description: The deployment's name, to let O(verb=destroy) and O(verb=adopt) write.
    type: str
  confirm_data:
    description: The deployment's name, to let O(verb=destroy) delete what holds data as well.
    type: str
  lift_deletion_protection:
    description: Whether O(verb=destroy) switches deletion protection off where it is on.
    type: bool
    default: false
  prune:
    description:
      - Addresses of resources that this tier owns and the configuration does not name any more; they are deleted, unless they hold
        data.
    type: list
    elements: str
    default: []
  tags:
    description: Tags for every resource, besides the ownership tags. Other tags are removed.
    type: dict
    default: {}
  drift_ignores:
    description: Differences that O(verb=drift) lists as ignored instead of reporting them.
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
  plan_file:
    description: A plan that C(playbooks/plan.yml) wrote; whatever is not in it is refused.
    type: str
  plan_max_age:
    description: How old O(plan_file) may be, in minutes.
    type: int
    default: 1440
  ignored_tag_prefixes:
    description: Prefixes of tags that other actors put on our resources, which are neither compared nor removed.
    type: list
    elements: str
    default: []
  planned:
    description: What earlier tiers of the same run planned, kept or found. The action plugin passes it; leave it unset.
    type: dict
  approved:
    description: What the plan that is applied allows. The action plugin passes it; leave it unset.
    type: dict
  approved_for:
    description: The deployment and account that the plan is for. The action plugin passes it; leave it unset.
    type: dict
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what it would change, without changing anything, on an empty account too.
  diff_mode:
    support: full
    description: Returns the fields that change, with the old and the new value, when in diff mode.
"""
