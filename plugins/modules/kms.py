#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kms
version_added: 0.1.0
short_description: Keep the platform's encryption keys
description:
  - Keeps one customer managed KMS key for each key name in O(key_for), with its alias C(alias/<environment>/<key>), rotation and
    a key policy derived from the services that it serves.
  - Keys are never replaced. O(state=absent) schedules their deletion; a later O(state=present) within the window takes them back.
author:
  - agent_platform contributors (@agent-platform)
options:
  key_for:
    description:
      - Which key encrypts the data of which service.
      - Services are C(s3), C(logs), C(cloudtrail), C(backup), C(ecr), C(rds), C(dynamodb), C(sns), C(sqs), C(elasticache),
        C(secretsmanager), C(eks) and C(ebs).
    type: dict
    required: true
  administrators:
    description: ARNs of existing IAM principals that the key policies name as key administrators.
    type: list
    elements: str
    default: []
  rotation_period_days:
    description: Days between automatic rotations, 90 to 2560.
    type: int
    default: 365
  deletion_window_days:
    description: Days that a deleted key can be taken back, 7 to 30.
    type: int
    default: 30
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep one key for the data and one for messages
  agent_platform.aws.kms:
    environment: staging
    region: us-east-1
    key_for:
      s3: storage
      logs: storage
      sns: messages
      sqs: messages
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
      sample: kms_key/storage
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
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.kms import SPEC, check, declare

TIER = Tier("kms", SPEC, (Key(),), declare, check)


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
