# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of M(agent_platform.aws.kubernetes) that say which nodes Karpenter starts."""

    DOCUMENTATION = r"""
options:
  node_autoscaler:
    description:
      - Who adds and removes nodes, as for M(agent_platform.aws.eks), which makes its role.
      - The other C(node_*) options are read with V(karpenter) alone.
    type: str
    choices: [cluster-autoscaler, karpenter]
    default: cluster-autoscaler
  node_pools:
    description: Pools of nodes that Karpenter starts beside the node groups, each a NodePool.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      instance_types:
        description: Types of its instances, all x86 or all Graviton.
        type: list
        elements: str
      requirements:
        description:
          - What its instances have to be beside or instead of that, by Karpenter's labels.
          - One of a label that would be required anyway (system, architecture, type, kind of purchase) takes its place.
        type: list
        elements: dict
        suboptions:
          key:
            description: The label.
            type: str
            required: true
          operator:
            description: How it has to be.
            type: str
            required: true
            choices: [In, NotIn, Exists, DoesNotExist, Gt, Lt]
          values:
            description: The values, for the operators that take some.
            type: list
            elements: str
      capacity_type:
        description: Instead of O(node_capacity_type).
        type: str
        choices: [ON_DEMAND, SPOT]
      cpu:
        description: Most processors of all of its nodes together.
        type: str
        required: true
      memory:
        description: Most memory of all of its nodes together, in V(Mi), V(Gi) or V(Ti).
        type: str
        required: true
      labels:
        description: Labels of its nodes.
        type: dict
      taints:
        description: Taints of its nodes.
        type: list
        elements: dict
        suboptions:
          key:
            description: The key.
            type: str
            required: true
          value:
            description: The value.
            type: str
          effect:
            description: V(NoSchedule), V(NoExecute) or V(PreferNoSchedule).
            type: str
            required: true
  node_capacity_type:
    description: How nodes are paid for, where a pool says nothing else.
    type: str
    choices: [ON_DEMAND, SPOT]
    default: ON_DEMAND
  node_image:
    description: The image, as an alias of AL2023 such as V(al2023@v20260601). With V(al2023@latest) a new image replaces the nodes.
    type: str
    default: al2023@latest
  node_key:
    description: Name of the key that encrypts volumes.
    type: str
    default: eks
  node_disk_size_gib:
    description: Size of a node's gp3 volume, 20 to 16384 GiB.
    type: int
    default: 50
  node_disk_iops:
    description: Operations a second of the volume, 3000 to 16000.
    type: int
    default: 3000
  node_disk_throughput:
    description: MiB a second of the volume, 125 to 1000, at most a quarter of O(node_disk_iops).
    type: int
    default: 125
  node_metadata_hop_limit:
    description: How many hops an answer of a node's metadata service may go, 1 to 64. IMDSv2 is required whatever it is.
    type: int
    default: 1
  node_tags:
    description: Tags of instances, their volumes and network interfaces, beside Karpenter's own.
    type: dict
    default: {}
  node_consolidate_after:
    description: How long a node has to be empty, or its pods to fit elsewhere, before it goes. V(Never) keeps it.
    type: str
    default: 10m
  node_expire_after:
    description: How old a node may become before another one takes its place. V(Never) lets it be.
    type: str
    default: 720h
  node_max_unavailable_percent:
    description: Share of a pool's nodes that may be replaced or taken away at a time, 1 to 100 percent.
    type: int
    default: 33
"""
