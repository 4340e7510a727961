# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes that Karpenter starts: one EC2NodeClass, which makes them as the node groups' launch templates do, and the NodePools.

Facts: Karpenter v1, "NodePools" and "NodeClasses" (both without a namespace; ids of subnets and security groups are ORed; a role is
named, not given by its ARN; an alias of AL2023 chooses the image for the cluster's version and each architecture).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .objects import Object, make

NODE_CLASS = "platform"
# The root volume of AL2023.
DEVICE = "/dev/xvda"
CAPACITY_TYPES = {"ON_DEMAND": "on-demand", "SPOT": "spot"}
INSTANCE_TYPE, CAPACITY_TYPE = "node.kubernetes.io/instance-type", "karpenter.sh/capacity-type"
ARCHITECTURE, SYSTEM = "kubernetes.io/arch", "kubernetes.io/os"


def node_pools(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Object]:
    """Of ``facts``: ``node_role`` (its name), ``node_subnets`` and ``node_security_groups`` (ids) and ``node_key`` (its ARN).
    Of ``params``: the pools with an ``architecture`` each, of AWS's names for it."""
    if not params["node_pools"]:
        return
    yield make("EC2NodeClass", NODE_CLASS, None, {"spec": _node_class(params, facts)})
    for pool in params["node_pools"]:
        yield make("NodePool", pool["name"], None, {"spec": _pool(params, pool)})


def _node_class(params: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    ebs = {
        "volumeSize": f"{params['node_disk_size_gib']}Gi",
        "volumeType": "gp3",
        "iops": params["node_disk_iops"],
        "throughput": params["node_disk_throughput"],
        "encrypted": True,
        "kmsKeyID": facts["node_key"],
        "deleteOnTermination": True,
    }
    spec: dict[str, Any] = {
        "amiSelectorTerms": [{"alias": params["node_image"]}],
        "role": facts["node_role"],
        "subnetSelectorTerms": [{"id": subnet} for subnet in facts["node_subnets"]],
        "securityGroupSelectorTerms": [{"id": group} for group in facts["node_security_groups"]],
        "blockDeviceMappings": [{"deviceName": DEVICE, "ebs": ebs}],
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": params["node_metadata_hop_limit"],
            "httpTokens": "required",
        },
    }
    # Never the tags of ownership: a destroy takes what carries them for ours, and not for what Karpenter left.
    return {**spec, "tags": dict(params["node_tags"])} if params["node_tags"] else spec


def _pool(params: Mapping[str, Any], pool: Mapping[str, Any]) -> dict[str, Any]:
    labels, taints = pool.get("labels"), pool.get("taints")
    template = {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": NODE_CLASS},
        "requirements": _requirements(params, pool),
        "expireAfter": params["node_expire_after"],
    }
    if taints:
        template["taints"] = [{name: value for name, value in taint.items() if value} for taint in taints]
    return {
        "template": {**({"metadata": {"labels": dict(labels)}} if labels else {}), "spec": template},
        "limits": {"cpu": pool["cpu"], "memory": pool["memory"]},
        "disruption": {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": params["node_consolidate_after"],
            "budgets": [{"nodes": f"{params['node_max_unavailable_percent']}%"}],
        },
    }


def _requirements(params: Mapping[str, Any], pool: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the pool says itself wins over what follows from the rest."""
    own = [
        {"key": item["key"], "operator": item["operator"], **({"values": list(item["values"])} if item.get("values") else {})}
        for item in pool.get("requirements") or ()
    ]
    known = {
        SYSTEM: ["linux"],
        ARCHITECTURE: [pool["architecture"]],
        CAPACITY_TYPE: [CAPACITY_TYPES[pool.get("capacity_type") or params["node_capacity_type"]]],
        INSTANCE_TYPE: list(pool.get("instance_types") or ()),
    }
    taken = {item["key"] for item in own}
    return [*({"key": key, "operator": "In", "values": v} for key, v in known.items() if v and key not in taken), *own]
