#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis
version_added: 0.1.0
short_description: Keep the platform's cache
description:
  - Keeps the ElastiCache replication group C(<environment>-redis), Redis OSS or Valkey, of one primary node and its replicas, in
    the database subnets and the security group C(redis) that M(agent_platform.aws.vpc) keeps, with its subnet group, parameter
    group and logs. It is encrypted with keys that M(agent_platform.aws.kms) keeps.
  - The AUTH token is made once, at random, and kept in the secret C(<environment>/redis-auth-token). It is never shown.
    O(auth_token_rotation) replaces it in such an order that the secret's current value is good at every moment.
  - The cache is never replaced. A change that AWS cannot make in place is refused before anything is touched.
author:
  - agent_platform contributors (@agent-platform)
options:
  cluster_name:
    description: The EKS cluster that has to run before the cache is made. Without a name none has to.
    type: str
  zones:
    description: Zones of the network whose database subnets the nodes may stand in, at least two.
    type: list
    elements: str
    required: true
  engine:
    description: V(redis) becomes V(valkey) in place. AWS does not go back, so that is refused.
    type: str
    choices: [redis, valkey]
    default: redis
  engine_version:
    description:
      - Major and minor version; V(7.0) or later of Redis, V(7.2) or later of Valkey. A later one is upgraded to in place.
      - A later minor version that AWS moved to by itself is left. An earlier major version is refused.
    type: str
    default: "7.1"
  node_type:
    description: Size of every node. Changed in place.
    type: str
    default: cache.r7g.large
  nodes:
    description: The primary and its replicas, 1 to 6. Replicas are added and removed in place.
    type: int
    default: 3
  automatic_failover:
    description: Let a replica take over when the primary fails. Needs two nodes.
    type: bool
    default: true
  multi_az:
    description: Spread the nodes over the zones. Needs O(automatic_failover).
    type: bool
    default: true
  parameters:
    description: Parameters that differ from AWS's, by name, such as C(maxmemory-policy). What is taken out gets AWS's value back.
    type: dict
    default: {}
  transit_encryption:
    description:
      - V(required) takes TLS connections only, V(preferred) others too. Changed in place.
      - V(preferred) needs O(auth_enabled=false), since AWS takes an AUTH token only where every connection is over TLS.
      - V(disabled) needs O(auth_enabled=false), and is refused for a cache that has TLS.
    type: str
    choices: [required, preferred, disabled]
    default: required
  auth_enabled:
    description: Ask for an AUTH token. Can be turned on in place, and is refused to be turned off.
    type: bool
    default: true
  auth_token:
    description:
      - "A token of your own instead of a random one; 16 to 128 letters, digits and the characters ! & # $ ^ < > and -."
      - Another one takes the place of the current one as in a rotation.
    type: str
  auth_token_rotation:
    description: Any number or word. Another one makes a new random token, and the cache takes it up in place.
    type: str
    default: "1"
  snapshot_retention_days:
    description: Days that the daily snapshots are kept, 0 to 35. 0 for no snapshots.
    type: int
    default: 7
  snapshot_window:
    description: When the daily snapshot is taken, in UTC, an hour or more.
    type: str
    default: 02:00-03:00
  final_snapshot:
    description: Let O(state=absent) take a last snapshot, C(<environment>-redis-final-<time>), which stays.
    type: bool
    default: true
  maintenance_window:
    description: When AWS may maintain the nodes, in UTC, an hour to a day.
    type: str
    default: sun:04:00-sun:05:00
  auto_minor_version_upgrade:
    description: Let AWS upgrade minor versions in the maintenance window.
    type: bool
    default: true
  notification_topic_arn:
    description: ARN of an SNS topic that ElastiCache tells what happens to the cache. Without one it tells nobody.
    type: str
  logs:
    description: Logs that go to CloudWatch Logs, as JSON.
    type: list
    elements: str
    choices: [slow-log, engine-log]
    default: [slow-log, engine-log]
  log_retention_days:
    description: Days that the logs are kept, one of those that CloudWatch Logs takes.
    type: int
    default: 90
  recovery_window_days:
    description: Days within which the deleted secret of the token can be restored, 7 to 30.
    type: int
    default: 30
  key:
    description: Name of the key that encrypts the cache and its snapshots, without the environment. Cannot be changed later.
    type: str
    required: true
  secrets_key:
    description: Name of the key that encrypts the secret of the token.
    type: str
    required: true
  log_key:
    description: Name of the key that encrypts the logs.
    type: str
    required: true
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a cache of one node, by itself
  agent_platform.aws.redis:
    environment: staging
    region: us-east-1
    zones: [us-east-1a, us-east-1b]
    engine: valkey
    engine_version: "8.0"
    node_type: cache.t4g.small
    nodes: 1
    automatic_failover: false
    multi_az: false
    parameters:
      maxmemory-policy: volatile-lru
    key: elasticache
    secrets_key: secrets
    log_key: storage
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
      sample: replication_group/redis
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.eks.cluster import Cluster
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elasticache.groups import (
    CacheParameterGroup,
    CacheSubnetGroup,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elasticache.replication_group import ReplicationGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.generated_secret import GeneratedSecret
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.logs import LogGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import vpc_lookups
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.redis import SPEC, check, declare

KINDS = (GeneratedSecret(), LogGroup(), CacheSubnetGroup(), CacheParameterGroup(), ReplicationGroup())
TIER = Tier("redis", SPEC, KINDS, declare, check, looks_up=(Key(), Cluster(), *vpc_lookups.KINDS))


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
