#!/usr/bin/python
# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: eks
version_added: 0.1.0
short_description: Keep the platform's EKS cluster
description:
  - Keeps an EKS cluster in the private subnets that M(agent_platform.aws.vpc) keeps, with its node groups, add-ons, access
    entries and pod identities, and the IAM roles of the cluster, its nodes and what runs in it.
  - Secrets, logs and the nodes' volumes are encrypted with keys that M(agent_platform.aws.kms) keeps.
  - Another O(version) is an update in place, one minor at a time. The control plane goes first, then the nodes, then the add-ons.
  - How many nodes a group has is the cluster autoscaler's, within the group's bounds; Karpenter leaves the groups as they are.
  - The cluster is never replaced. A node group that works is only with O(replace_node_groups).
author:
  - agent_platform contributors (@agent-platform)
options:
  cluster_name:
    description:
      - Name of the cluster, beginning with the environment and C(-); 1 to 100 letters, digits, C(_) and C(-).
      - Cannot be changed.
    type: str
    required: true
  version:
    description:
      - Minor version of Kubernetes, such as V(1.35).
      - At most one minor above the one that the cluster has, and none below it.
    type: str
    required: true
  availability_zones:
    description:
      - Zones whose private subnets hold the control plane's interfaces and the nodes; two or more of those of the network.
    type: list
    elements: str
    required: true
  key_for:
    description:
      - Key that encrypts for each of V(eks), V(ebs), V(logs), V(s3), V(dynamodb), V(sns), V(sqs) and V(secretsmanager).
    type: dict
    required: true
  prefix:
    description:
      - First part of bucket names, which roles name.
    type: str
    required: true
  support_type:
    description:
      - What happens to a version whose standard support ends.
      - V(STANDARD) has AWS upgrade the cluster then; V(EXTENDED) keeps the version for a year more, at six times the price.
    type: str
    choices: [STANDARD, EXTENDED]
    default: STANDARD
  public_access_cidrs:
    description:
      - Ranges of the internet from which the cluster's API can be reached. Without any, it has no public endpoint.
    type: list
    elements: str
    default: []
  service_cidr:
    description:
      - Private range of the cluster's services, /12 to /24. EKS chooses one unless set. Cannot be changed.
    type: str
  log_retention_days:
    description:
      - Days that the logs of the control plane are kept; one of those that CloudWatch Logs accepts.
    type: int
    default: 90
  deletion_protection:
    description:
      - Let nobody delete the cluster.
    type: bool
    default: true
  deployer:
    description:
      - Who gets an access entry as administrator of the cluster.
      - V(caller) is the role or user that runs this first and nobody later, V(none) nobody; else the ARN of an IAM role or user.
    type: str
    default: caller
  access_entries:
    description:
      - Who else may do what in the cluster.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the entry here, unique; lower-case letters, digits and hyphens.
        type: str
        required: true
      principal:
        description:
          - ARN of an IAM role or user.
        type: str
        required: true
      groups:
        description:
          - Kubernetes groups that it is in.
        type: list
        elements: str
      policies:
        description:
          - Access policies of EKS.
        type: list
        elements: dict
        suboptions:
          policy:
            description:
              - Name of the policy, such as V(AmazonEKSViewPolicy).
            type: str
            required: true
          namespaces:
            description:
              - Namespaces that it holds for. All unless set.
            type: list
            elements: str
  addons:
    description:
      - Add-ons of EKS.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the add-on, such as V(coredns).
        type: str
        required: true
      version:
        description:
          - V(recommended) is what AWS recommends for the cluster's version, and the default. V(keep) leaves alone what stands.
            Else a version such as V(v1.20.4-eksbuild.1).
        type: str
      configuration:
        description:
          - Its settings, by the add-on's own schema.
        type: dict
  node_groups:
    description:
      - Managed node groups.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name without the environment, unique; lower-case letters, digits and hyphens.
        type: str
        required: true
      instance_types:
        description:
          - 1 to 20 types, all x86 or all Graviton, in the order of preference. Another list needs O(replace_node_groups).
        type: list
        elements: str
        required: true
      capacity_type:
        description:
          - As O(capacity_type), for this group alone. Another one needs O(replace_node_groups).
        type: str
        choices: [ON_DEMAND, SPOT]
      min_size:
        description:
          - Fewest nodes, 0 or more. Raised above what the group has, it lifts the group in the same call.
        type: int
        required: true
      max_size:
        description:
          - Most nodes, 1 or more. Lowered below what the group has, it takes nodes away in the same call.
        type: int
        required: true
      desired_size:
        description:
          - Nodes that the group begins with. O(node_groups[].min_size) unless set. Never written again.
        type: int
      labels:
        description:
          - Labels of its nodes.
        type: dict
      taints:
        description:
          - Taints of its nodes.
        type: list
        elements: dict
        suboptions:
          key:
            description:
              - Key of the taint.
            type: str
            required: true
          value:
            description:
              - Value of the taint.
            type: str
          effect:
            description:
              - V(NoSchedule), V(NoExecute) or V(PreferNoSchedule).
            type: str
            required: true
      disk_size_gib:
        description:
          - As O(disk_size_gib), for this group alone.
        type: int
  capacity_type:
    description:
      - "How nodes are paid for: V(SPOT) is cheaper, and AWS takes them back at two minutes' notice."
    type: str
    choices: [ON_DEMAND, SPOT]
    default: ON_DEMAND
  max_unavailable_percent:
    description:
      - Share of a group's nodes that an update may replace at a time, 1 to 100 percent.
    type: int
    default: 33
  disk_size_gib:
    description:
      - Size of a node's gp3 volume, 20 to 16384 GiB. Another size replaces the nodes, one after another.
    type: int
    default: 50
  disk_iops:
    description:
      - Operations a second of a node's volume, 3000 to 16000.
    type: int
    default: 3000
  disk_throughput:
    description:
      - MiB a second of a node's volume, 125 to 1000, at most a quarter of O(disk_iops).
    type: int
    default: 125
  metadata_hop_limit:
    description:
      - How many hops an answer of a node's metadata service may go, 1 to 64.
      - With V(1) pods cannot take the node's credentials; such as use the network of the host can.
    type: int
    default: 1
  node_tags:
    description:
      - Tags of instances, their volumes and network interfaces. Others replace the nodes, one after another.
    type: dict
    default: {}
  force_updates:
    description:
      - Let an update of nodes evict pods whose disruption budget forbids it.
    type: bool
    default: false
  replace_node_groups:
    description:
      - Let a node group that works be deleted and made anew where AWS cannot change it in place; its nodes all go first.
    type: bool
    default: false
  node_autoscaler:
    description: Who adds and removes nodes. It gets a role, and the other one none.
    type: str
    choices: [cluster-autoscaler, karpenter]
    default: cluster-autoscaler
  service_accounts:
    description:
      - Service account, as C(namespace/name), of each controller and of each Job of the platform that gets a role.
      - Keys are V(ebs-csi), V(vpc-cni), V(lb-controller), V(autoscaler), V(karpenter), V(ext-secrets) and V(keda), and of the Jobs
        V(schema), which signs in to the database as its master user, and V(verify), which signs in to database and
        cache as the application does. Of V(autoscaler) and V(karpenter) only the one that O(node_autoscaler) chooses gets a role.
    type: dict
    default: {}
  database:
    description:
      - The database instance of the Jobs' roles, without the environment.
    type: str
    default: agentdb
  workloads:
    description:
      - What else runs in the cluster and reaches the platform's services, each with a role of its own.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name, unique; part of the role's name.
        type: str
        required: true
      service_account:
        description:
          - Its service account, as C(namespace/name).
        type: str
        required: true
      tables:
        description:
          - Tables that it reads and writes, by their names without the environment.
        type: list
        elements: str
      read_buckets:
        description:
          - Buckets that it reads, by their purposes.
        type: list
        elements: str
      write_buckets:
        description:
          - Buckets that it writes to, by their purposes.
        type: list
        elements: str
      publish:
        description:
          - Topics that it publishes to, by their names without the environment.
        type: list
        elements: str
      consume:
        description:
          - Queues that it receives from, by their names without the environment.
        type: list
        elements: str
      secrets:
        description:
          - Secrets that it reads, by their names without the environment.
        type: list
        elements: str
  permissions_boundary:
    description:
      - ARN of a policy that bounds what all the roles may do.
    type: str
extends_documentation_fragment:
  - agent_platform.aws.tier
"""

EXAMPLES = r"""
- name: A cluster with one group of nodes
  agent_platform.aws.eks:
    environment: staging
    region: us-east-1
    cluster_name: staging-agent-platform
    version: '1.35'
    availability_zones: [us-east-1a, us-east-1b, us-east-1c]
    prefix: agent
    key_for:
      eks: eks
      ebs: eks
      logs: storage
      s3: storage
      dynamodb: dynamodb
      sns: sns-sqs
      sqs: sns-sqs
      secretsmanager: secrets
    node_groups:
      - name: general
        instance_types: [m7g.large]
        min_size: 2
        max_size: 6
    addons:
      - name: vpc-cni
        configuration:
          enableNetworkPolicy: 'true'
      - name: kube-proxy
      - name: eks-pod-identity-agent
      - name: coredns
    service_accounts:
      vpc-cni: kube-system/aws-node
    access_entries:
      - name: operators
        principal: arn:aws:iam::123456789012:role/operators
        policies:
          - policy: AmazonEKSAdminPolicy
            namespaces: [agents]
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
      sample: eks_nodegroup/general
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

from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier, run_module
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.eks import KINDS, LOOKS_UP, SPEC, check, declare

TIER = Tier("eks", SPEC, KINDS, declare, check, looks_up=LOOKS_UP)


def main():
    run_module(TIER)


if __name__ == "__main__":
    main()
