#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpc
version_added: 0.1.0
short_description: Keep the platform's network
description:
  - Keeps a VPC with a public, a private and a database subnet in each availability zone, their route tables and network ACLs, an
    internet gateway, NAT gateways, gateway and interface endpoints, security groups, and flow logs in an encrypted log group.
  - Subnets belong to a zone by its name and get their range from its index, so another zone or another order changes nothing of
    the zones that stand.
  - The VPC, subnets, security groups and the log group are never replaced; a change that would take that is refused.
  - The rules of security groups and network ACLs, and the routes, are kept complete; what others add is removed. The VPC's default
    security group and network ACL let nothing through.
  - Reads roles by C(iam:GetAccountAuthorizationDetails), which answers for all at once.
author:
  - agent_platform contributors (@agent-platform)
options:
  cidr:
    description:
      - The VPC's IPv4 range, /16 to /28.
      - It does not overlap a network that is to be connected to it.
    type: str
    required: true
  availability_zones:
    description: The zones, two to six.
    type: list
    elements: dict
    required: true
    suboptions:
      zone:
        description: Name of the zone, such as V(us-east-1a).
        type: str
        required: true
      index:
        description:
          - The zone's own number, 0 to 9, which it keeps for ever. Ranges and the numbers of network ACL rules come from it.
          - Of the sixteen equal blocks of O(cidr), the public subnet has block index, the private one 4 + index and the database
            one 8 + index; in a /16 each is a /20. So an index above 3 needs all three ranges given.
        type: int
        required: true
      public:
        description: Range of the public subnet, instead of the one that follows from the index.
        type: str
      private:
        description: Range of the private subnet, instead of the one that follows from the index.
        type: str
      database:
        description: Range of the database subnet, instead of the one that follows from the index.
        type: str
  cluster_name:
    description:
      - Name of the EKS cluster that uses the public and private subnets.
      - They carry the tag C(kubernetes.io/cluster/<name>), and that of their role for load balancers.
    type: str
    required: true
  subnet_tags:
    description: More tags for the subnets of a tier, such as C(karpenter.sh/discovery).
    type: dict
    suboptions:
      public:
        description: Tags of the public subnets.
        type: dict
      private:
        description: Tags of the private subnets.
        type: dict
      database:
        description: Tags of the database subnets.
        type: dict
  nat_gateways:
    description:
      - V(per_zone) makes a NAT gateway with an Elastic IP in each zone; the private subnets of a zone use their own.
      - V(single) makes one, in the zone of the lowest index, for all. That is cheaper, and all lose their way out with that zone.
      - V(none) makes none; then the private subnets reach nothing but the endpoints.
    type: str
    choices: [per_zone, single, none]
    default: per_zone
  gateway_endpoints:
    description: Services that the private subnets reach through a gateway endpoint.
    type: list
    elements: str
    choices: [s3, dynamodb]
    default: [s3, dynamodb]
  interface_endpoints:
    description:
      - Services that the private subnets reach through an interface endpoint, with private DNS.
      - Each is what follows C(com.amazonaws.<region>.) in the endpoint service's name.
    type: list
    elements: str
    default: [ecr.api, ecr.dkr, sts, logs, secretsmanager, sns, sqs, kms]
  interface_endpoint_zones:
    description:
      - Zones in which the interface endpoints have an address. Each zone costs by the hour.
      - All of O(availability_zones) when not given.
    type: list
    elements: str
  alb_from_cloudfront:
    description:
      - Let CloudFront reach the load balancer, by the list of its addresses that AWS keeps.
      - The list counts as 55 of the 60 rules that a security group takes, so it goes with one port.
    type: bool
    default: true
  alb_ingress_cidrs:
    description: IPv4 ranges that reach the load balancer besides.
    type: list
    elements: str
    default: []
  alb_ingress_ports:
    description: TCP ports on which they do.
    type: list
    elements: int
    default: [443]
  flow_log_key:
    description: Name of the key that encrypts the flow logs. M(agent_platform.aws.kms) keeps it.
    type: str
    required: true
  flow_log_retention_days:
    description: Days for which flow logs are kept, one of the numbers that CloudWatch Logs accepts.
    type: int
    default: 90
  flow_log_traffic_type:
    description: Which traffic is logged.
    type: str
    choices: [ALL, ACCEPT, REJECT]
    default: ALL
  flow_log_aggregation_interval:
    description: Seconds of traffic that a record sums up.
    type: int
    choices: [60, 600]
    default: 600
  permissions_boundary:
    description:
      - ARN of a policy that bounds what the flow logs' role may do.
      - When not given, a boundary that stands is left alone.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: Keep a network in two zones with one way out
  agent_platform.aws.vpc:
    environment: staging
    region: us-east-1
    cidr: 10.20.0.0/16
    availability_zones:
      - zone: us-east-1a
        index: 0
      - zone: us-east-1b
        index: 1
    cluster_name: staging-agent-platform
    nat_gateways: single
    interface_endpoint_zones: [us-east-1a]
    flow_log_key: shared

- name: Let Karpenter find the private subnets, and give the third zone ranges of its own
  agent_platform.aws.vpc:
    environment: prod
    region: us-east-1
    cidr: 10.0.0.0/16
    availability_zones:
      - zone: us-east-1a
        index: 0
      - zone: us-east-1b
        index: 1
      - zone: us-east-1c
        index: 2
        public: 10.0.48.0/24
        private: 10.0.192.0/19
        database: 10.0.49.0/24
    cluster_name: prod-agent-platform
    subnet_tags:
      private:
        karpenter.sh/discovery: prod-agent-platform
    flow_log_key: storage
    flow_log_retention_days: 365
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
      sample: subnet/private-us-east-1a
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

from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.defaults import (
    DefaultNetworkAcl,
    DefaultSecurityGroup,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.elastic_ip import ElasticIp
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.flow_log import FlowLog
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.guests import GUESTS
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.internet_gateway import InternetGateway
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.nat_gateway import NatGateway
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.network_acl import NetworkAcl
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.prefix_list import PrefixList
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.route_table import RouteTable
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.security_group import (
    SecurityGroup,
    SecurityGroupRules,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.subnet import Subnet
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.vpc import Vpc
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.ec2.vpc_endpoint import VpcEndpoint
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.iam import Role
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.logs import LogGroup
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.vpc import SPEC, check, declare

KINDS = (
    Vpc(),
    InternetGateway(),
    Subnet(),
    ElasticIp(),
    NatGateway(),
    RouteTable(),
    SecurityGroup(),
    SecurityGroupRules(),
    DefaultSecurityGroup(),
    NetworkAcl(),
    DefaultNetworkAcl(),
    VpcEndpoint(),
    LogGroup(),
    Role(),
    FlowLog(),
)
TIER = Tier("vpc", SPEC, KINDS, declare, check, looks_up=(Key(), PrefixList()), walks=GUESTS)


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
