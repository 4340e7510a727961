#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: s3
version_added: 0.1.0
short_description: Keep the platform's buckets
description:
  - Keeps one S3 bucket for each purpose in O(buckets), named C(<prefix>-<environment>-<account>-<region>-<purpose>).
  - Each is versioned and encrypted, refuses public access and anything but TLS 1.2 or later, and writes its access logs to
    O(log_bucket).
  - Buckets are never replaced. O(state=absent) deletes empty ones; see O(destroy_data) for the others.
author:
  - agent_platform contributors (@agent-platform)
options:
  prefix:
    description: First part of the buckets' names, which are unique in the world; a name has at most 63 characters.
    type: str
    required: true
  kms_key:
    description: Name of the key that encrypts the buckets, as the M(agent_platform.aws.kms) module made it.
    type: str
    required: true
  buckets:
    description:
      - Purpose to settings of its bucket; an empty dictionary for a plain one. Days are whole days, at least 1; unset for never.
      - C(versioning) (bool, default V(true)) keeps the old versions of objects.
      - C(encryption) is V(kms) (the default), with O(kms_key) and a bucket key, or V(s3), with a key that S3 itself holds.
      - C(lock_mode) is V(COMPLIANCE) (nobody can delete a version in its time) or V(GOVERNANCE) (who has a permission of its own
        can); unset for no lock. A lock can be added later and never be taken off. C(lock_days) (int) is how long a new version is
        locked.
      - C(transitions) is a list of C(days) and C(storage_class), in the order in which objects go down; classes are V(STANDARD_IA),
        V(INTELLIGENT_TIERING), V(ONEZONE_IA), V(GLACIER_IR), V(GLACIER) and V(DEEP_ARCHIVE).
      - C(expiration_days) (int) is when objects expire; in a versioned bucket they become old versions then.
      - C(noncurrent_days) (int) is when old versions are deleted. C(noncurrent_versions) (int) is how many of the newest of them
        stay all the same, at most 100.
    type: dict
    required: true
  log_bucket:
    description: Purpose of the bucket that the access logs of all others go to. It has C(encryption) V(s3) and no lock.
    type: str
    required: true
  abort_multipart_days:
    description: Days after which an upload in parts that was not completed is given up.
    type: int
    default: 7
  refuse_other_keys:
    description: Refuse uploads that name another encryption than the bucket's. Those that name none get the bucket's.
    type: bool
    default: true
  destroy_data:
    description:
      - Let O(state=absent) delete what the buckets hold, all versions of it, with them.
      - Without it a bucket that is not empty stops the deletion before anything is deleted.
      - What an object lock holds stays in any case, and its bucket with it.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a bucket for reports and one for the access logs
  agent_platform.aws.s3:
    environment: staging
    region: us-east-1
    prefix: example
    kms_key: storage
    log_bucket: access-logs
    buckets:
      reports:
        transitions:
          - days: 30
            storage_class: STANDARD_IA
        expiration_days: 365
        noncurrent_days: 30
      access-logs:
        encryption: s3
        expiration_days: 90
        noncurrent_days: 7

- name: Delete them with everything in them
  agent_platform.aws.s3:
    environment: staging
    region: us-east-1
    prefix: example
    kms_key: storage
    log_bucket: access-logs
    buckets:
      reports: {}
      access-logs:
        encryption: s3
    destroy_data: true
    state: absent
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
      sample: s3_bucket/backups
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
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.s3.bucket import Bucket
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.s3 import SPEC, check, declare

TIER = Tier("s3", SPEC, (Bucket(),), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
