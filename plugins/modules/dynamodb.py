#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dynamodb
version_added: 0.1.0
short_description: Keep the platform's DynamoDB tables
description:
  - Keeps, for each of O(tables), a DynamoDB table C(<environment>-<name>) with its global secondary indexes, stream, time to live
    and point-in-time recovery, encrypted with a key that M(agent_platform.aws.kms) keeps.
  - A table is on demand, or provisioned with a capacity that follows its use, as do those of its indexes; O(billing_mode) changes
    one into the other in place.
  - Tables are never replaced. O(state=absent) refuses a table that is protected, and one that holds items unless O(destroy_data).
author:
  - agent_platform contributors (@agent-platform)
options:
  tables:
    description: The tables. Each may set aside some of the common values for itself.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The table's name without the environment, unique.
          - Letters, digits and C(_ . -); 3 to 255 characters with the environment before it.
        type: str
        required: true
      attributes:
        description:
          - The type, V(S), V(N) or V(B), of each attribute that is part of a key of the table or of an index.
          - Other attributes are not declared; items have what they have.
        type: dict
        required: true
      hash_key:
        description: Attribute that is the table's partition key. Cannot be changed later.
        type: str
        required: true
      range_key:
        description: Attribute that is the table's sort key. Cannot be changed later.
        type: str
      indexes:
        description:
          - Global secondary indexes, at most 20. They are added and deleted in place, one after another.
          - The keys and the projection of one cannot be changed; give the changed one another name.
        type: list
        elements: dict
        suboptions:
          name:
            description: Unique within the table; 3 to 255 letters, digits and C(_ . -).
            type: str
            required: true
          hash_key:
            description: Attribute that is the index's partition key.
            type: str
            required: true
          range_key:
            description: Attribute that is the index's sort key.
            type: str
          projection:
            description: What the index holds of an item. V(ALL) unless set.
            type: str
            choices: [ALL, KEYS_ONLY, INCLUDE]
          projected_attributes:
            description: With V(INCLUDE), 1 to 20 attributes that it holds besides the keys.
            type: list
            elements: str
      ttl_attribute:
        description:
          - Attribute with the time, in seconds since 1970, after which DynamoDB deletes an item. Without it none is.
          - AWS takes one change an hour.
        type: str
      billing_mode:
        description: As O(billing_mode), for this table alone.
        type: str
        choices: [PAY_PER_REQUEST, PROVISIONED]
      min_read_capacity:
        description: As O(min_read_capacity), for this table and its indexes alone.
        type: int
      max_read_capacity:
        description: As O(max_read_capacity), for this table and its indexes alone.
        type: int
      min_write_capacity:
        description: As O(min_write_capacity), for this table and its indexes alone.
        type: int
      max_write_capacity:
        description: As O(max_write_capacity), for this table and its indexes alone.
        type: int
      stream:
        description: As O(stream), for this table alone.
        type: str
        choices: [NEW_AND_OLD_IMAGES, NEW_IMAGE, OLD_IMAGE, KEYS_ONLY, none]
      table_class:
        description: As O(table_class), for this table alone.
        type: str
        choices: [STANDARD, STANDARD_INFREQUENT_ACCESS]
  key:
    description: Name of the key that encrypts the tables, without the environment.
    type: str
    required: true
  billing_mode:
    description:
      - V(PAY_PER_REQUEST) pays for each request. V(PROVISIONED) pays for a capacity, which follows the use between its bounds.
      - AWS takes only a few changes a day.
    type: str
    choices: [PAY_PER_REQUEST, PROVISIONED]
    default: PAY_PER_REQUEST
  min_read_capacity:
    description: Read units that a provisioned table, and each of its indexes, has at least and begins with, 1 to 40000.
    type: int
    default: 5
  max_read_capacity:
    description: Read units that a provisioned table, and each of its indexes, has at most, 1 to 40000.
    type: int
    default: 100
  min_write_capacity:
    description: Write units that a provisioned table, and each of its indexes, has at least and begins with, 1 to 40000.
    type: int
    default: 5
  max_write_capacity:
    description: Write units that a provisioned table, and each of its indexes, has at most, 1 to 40000.
    type: int
    default: 100
  target_utilization_percent:
    description: Share of a provisioned capacity that is to be in use, 20 to 90 percent.
    type: int
    default: 70
  scale_in_cooldown_seconds:
    description: Seconds between two decreases of a provisioned capacity, 0 to 86400.
    type: int
    default: 900
  scale_out_cooldown_seconds:
    description: Seconds between two increases of a provisioned capacity, 0 to 86400.
    type: int
    default: 0
  stream:
    description: What the table's stream tells of a change. V(none) for no stream.
    type: str
    choices: [NEW_AND_OLD_IMAGES, NEW_IMAGE, OLD_IMAGE, KEYS_ONLY, none]
    default: NEW_AND_OLD_IMAGES
  table_class:
    description: V(STANDARD_INFREQUENT_ACCESS) stores for less and reads for more. AWS takes two changes in 30 days.
    type: str
    choices: [STANDARD, STANDARD_INFREQUENT_ACCESS]
    default: STANDARD
  point_in_time_recovery:
    description: Keep continuous backups, from which a table can be restored as it was at any second of the last O(recovery_days).
    type: bool
    default: true
  recovery_days:
    description: Days that continuous backups reach back, 1 to 35.
    type: int
    default: 35
  deletion_protection:
    description: Let nobody delete the tables. O(state=absent) refuses while it is on.
    type: bool
    default: true
  destroy_data:
    description: Let O(state=absent) delete tables that hold items.
    type: bool
    default: false
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a table of orders, which can also be listed by customer
  agent_platform.aws.dynamodb:
    environment: staging
    region: us-east-1
    key: data
    tables:
      - name: orders
        attributes:
          orderId: S
          customerId: S
          placedAt: S
        hash_key: orderId
        ttl_attribute: expiresAt
        indexes:
          - name: by-customer
            hash_key: customerId
            range_key: placedAt

- name: Show what it would take to pay for capacity instead of requests
  agent_platform.aws.dynamodb:
    environment: staging
    region: us-east-1
    key: data
    billing_mode: PROVISIONED
    max_read_capacity: 500
    tables:
      - name: orders
        attributes:
          orderId: S
        hash_key: orderId
  check_mode: true
  diff: true
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
      sample: dynamodb_table/conversations
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.dynamodb import Table
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.dynamodb import SPEC, check, declare

TIER = Tier("dynamodb", SPEC, (Table(),), declare, check, looks_up=(Key(),))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
