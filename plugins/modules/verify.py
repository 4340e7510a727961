#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
version_added: 0.1.0
short_description: Prove that a deployment's flows work
description:
  - Proves each arrow of the data flows, from the web ACL to the dead-letter queues, by what it reads back, and in O(mode=full) by
    sending something through.
  - Where a flow does not work it names the likely cause, which is the policy, rule, route or subscription to look at. It fails when
    any does not.
  - What it learns from configuration it says it did. What an organisation's service control policies refuse it does not see.
author:
  - agent_platform contributors (@agent-platform)
options:
  environment:
    description: The environment, the first part of every name.
    type: str
    required: true
  deployment:
    description: The deployment's name. Defaults to the environment and the region.
    type: str
  mode:
    description:
      - V(observe) only reads, and is for production.
      - V(full) also puts probe data into tables, buckets and queues, and takes it away again; what a run that was killed left, the
        next one removes. In check mode it is V(observe).
      - V(smoke) sends requests through a real account instead, from where it runs. It only reads, too.
    type: str
    choices: [observe, full, smoke]
    default: observe
  arrows:
    description: The arrows to prove, of C(1), C(2), C(3), C(4a) to C(4f) and C(async). All of them when empty.
    type: list
    elements: str
    default: []
  run_in:
    description:
      - Where the connections to database and cache are made from. V(direct) makes them from where this runs, which has to be
        inside the network, since both are private. V(cluster) makes them in a Job in the cluster O(cluster_name), and takes its
        rows; in check mode it starts none.
    type: str
    choices: [direct, cluster]
    default: direct
  connections_only:
    description: Prove nothing but the connections to database and cache. The Job of O(run_in=cluster) does that.
    type: bool
    default: false
  job:
    description: The Job of O(run_in=cluster).
    type: dict
    default: {}
    suboptions:
      image:
        description: Image with Ansible, this collection and its requirements, such as that of the schema tier's Job.
        type: str
      namespace:
        description: Namespace that it runs in.
        type: str
        default: platform-jobs
      service_account:
        description: Service account that its pod runs as, whose IAM role may read the secrets of database and cache.
        type: str
        default: verify
      timeout_seconds:
        description: How long it may take, 60 to 86400.
        type: int
        default: 900
      node_selector:
        description: Labels of the nodes that it may run on.
        type: dict
        default: {}
      tolerations:
        description: Tolerations of its pod.
        type: list
        elements: dict
        default: []
      secret_environment:
        description: Environment variables of its pod, each with C(name) and C(key) of a Secret in the namespace.
        type: dict
        default: {}
  workloads:
    description: What runs in the cluster, as the eks role has it in C(eks_workloads).
    type: list
    elements: dict
    required: true
  topics:
    description: The topics, as the messaging role has them in C(messaging_topics).
    type: list
    elements: dict
    required: true
  max_receive_count:
    description: After how many receives a message is a dead letter, where its topic says nothing else.
    type: int
    default: 5
  tables:
    description: The tables, as the dynamodb role has them in C(dynamodb_tables).
    type: list
    elements: dict
    required: true
  secrets:
    description: Names of the API secrets, without the environment.
    type: list
    elements: str
    required: true
  secret_readers:
    description: Roles, besides the workloads that name a secret, that may read it, without C(<deployment>-eks-).
    type: list
    elements: str
    default: [ext-secrets]
  buckets:
    description: The purposes of the buckets, such as C(user-uploads).
    type: list
    elements: str
    required: true
  bucket_prefix:
    description: The first part of the buckets' names.
    type: str
    required: true
  refuse_other_keys:
    description: Whether buckets are to refuse objects under another key than their own.
    type: bool
    default: true
  database:
    description: The database instance's name, without the environment.
    type: str
    required: true
  database_secret:
    description:
      - The secret of the application's user of the database, without the environment.
      - It holds JSON with C(username) and C(password).
    type: str
    default: rds/agent-app
  database_ca:
    description: Path of a PEM file with the authorities that sign RDS's certificates. Without it nobody signs in to the database.
    type: path
  cache_ca:
    description: Path of a PEM file with the authorities that sign the cache's certificate. The system's own without it.
    type: path
  cache_auth:
    description: Whether the cache is to ask for an AUTH token.
    type: bool
    default: true
  cluster_name:
    description: The EKS cluster's name.
    type: str
    required: true
  key_for:
    description: Which key encrypts the data of which service.
    type: dict
    required: true
  gateway_endpoints:
    description: Services that are reached by gateway endpoints.
    type: list
    elements: str
    required: true
  interface_endpoints:
    description: Services that are reached by interface endpoints.
    type: list
    elements: str
    required: true
  nat:
    description: Whether the private subnets are to reach the internet.
    type: bool
    default: true
  pods:
    description: Whether pods are to be registered behind the load balancer, so that it is a failure where none is.
    type: bool
    default: true
  domain:
    description: The platform's domain; empty where it has none.
    type: str
  origin_subdomain:
    description: The load balancer's name in the domain.
    type: str
    default: origin
  origin_header:
    description: The header with which CloudFront proves itself to the load balancer.
    type: str
    default: X-Origin-Verify
  tls_policy:
    description: The TLS policy of the load balancer's listener.
    type: str
    default: ELBSecurityPolicy-TLS13-1-2-2021-06
  from_cloudfront:
    description: Whether the load balancer's group is to let CloudFront in.
    type: bool
    default: true
  alb_cidrs:
    description: Ranges that the load balancer's group lets in besides CloudFront.
    type: list
    elements: str
    default: []
  rate_limit:
    description: Requests of an address in the window of the web ACL's rate limit.
    type: int
    required: true
  rule_groups:
    description: Names of the managed rule groups of the web ACL.
    type: list
    elements: str
    required: true
  path:
    description: A JSON file for the result, written where Ansible runs.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.cluster_tunnel
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    support: full
    description: V(full) of O(mode) is V(observe) then.
  diff_mode:
    support: none
    description: It has no differences to show.
"""

EXAMPLES = r"""
- name: Prove that secrets are read by those who may, and by nobody else
  agent_platform.aws.verify:
    environment: prod
    region: us-east-1
    arrows: [4a]
    workloads: "{{ eks_workloads }}"
    topics: "{{ messaging_topics }}"
    tables: "{{ dynamodb_tables }}"
    secrets: "{{ secrets_entries | map(attribute='name') | list }}"
    buckets: "{{ s3_buckets.keys() | list }}"
    bucket_prefix: agent
    database: agentdb
    cluster_name: prod-agent-platform
    key_for: "{{ platform_kms_key_for }}"
    gateway_endpoints: [s3, dynamodb]
    interface_endpoints: [secretsmanager, kms]
    rate_limit: 2000
    rule_groups: [AWSManagedRulesSQLiRuleSet, AWSManagedRulesCommonRuleSet]
"""

RETURN = r"""
flows:
  description: Each flow, in the order of the arrows.
  returned: success and when a flow fails
  type: list
  elements: dict
  contains:
    arrow:
      description: The arrow of the data flows.
      type: str
      sample: 4f
    flow:
      description: What goes from where to where.
      type: str
    state:
      description: V(ok), V(failed) or V(not exercised).
      type: str
    how:
      description: V(exercised), V(from configuration), or V(not exercised) with the reason.
      type: str
    seconds:
      description: How long it took.
      type: float
    cause:
      description: The likely cause of a failure.
      type: str
counts:
  description: How many flows are in each state.
  returned: success and when a flow fails
  type: dict
summary:
  description: The same as a table for people.
  returned: success and when a flow fails
  type: list
  elements: str
"""

from ansible_collections.agent_platform.aws.plugins.module_utils.tool_module import run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.tool import TOOL


def main():
    run_module(TOOL)


if __name__ == "__main__":
    main()
