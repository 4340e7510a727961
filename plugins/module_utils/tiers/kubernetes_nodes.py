# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kubernetes tier takes for the nodes that Karpenter starts, what of it would be refused, and what of AWS they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..tier_module import Place
from . import checks, kms, vpc_lookups
from .eks_input import EFFECTS, GRAVITON, INSTANCE_TYPE, IOPS_PER_GIB, LABEL_KEY, LABEL_VALUE, NAME, RANGES
from .eks_karpenter import ACTOR_OF, AUTOSCALER, CHOICES, KARPENTER, NODES
from .eks_spec import CAPACITY, TAINTS

OPERATORS = {"In": 1, "NotIn": 1, "Exists": 0, "DoesNotExist": 0, "Gt": 1, "Lt": 1}
POOL_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "instance_types": {"type": "list", "elements": "str"},
    "requirements": {
        "type": "list",
        "elements": "dict",
        "options": {
            "key": {"type": "str", "required": True, "no_log": False},
            "operator": {"type": "str", "required": True, "choices": list(OPERATORS)},
            "values": {"type": "list", "elements": "str"},
        },
    },
    "capacity_type": {"type": "str", "choices": CAPACITY},
    "cpu": {"type": "str", "required": True},
    "memory": {"type": "str", "required": True},
    "labels": {"type": "dict"},
    "taints": TAINTS,
}
SPEC: dict[str, dict[str, Any]] = {
    "node_autoscaler": {"type": "str", "choices": list(CHOICES), "default": AUTOSCALER},
    "node_pools": {"type": "list", "elements": "dict", "default": [], "options": POOL_SPEC},
    "node_capacity_type": {"type": "str", "choices": CAPACITY, "default": "ON_DEMAND"},
    "node_image": {"type": "str", "default": "al2023@latest"},
    "node_key": {"type": "str", "default": "eks", "no_log": False},
    "node_disk_size_gib": {"type": "int", "default": 50},
    "node_disk_iops": {"type": "int", "default": 3000},
    "node_disk_throughput": {"type": "int", "default": 125},
    "node_metadata_hop_limit": {"type": "int", "default": 1},
    "node_tags": {"type": "dict", "default": {}},
    "node_consolidate_after": {"type": "str", "default": "10m"},
    "node_expire_after": {"type": "str", "default": "720h"},
    "node_max_unavailable_percent": {"type": "int", "default": 33},
}
IMAGE = re.compile(r"^al2023@(latest|v\d{8})$")
DURATION = re.compile(r"^(([0-9]+(s|m|h))+|Never)$")
CPU, MEMORY = re.compile(r"^\d+$"), re.compile(r"^\d+(Mi|Gi|Ti)$")
# Labels and tags that are Kubernetes's, EKS's and Karpenter's to set.
THEIRS = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "eks.amazonaws.com")
TAGS_OF_OTHERS = ("kubernetes.io/cluster/", "karpenter.sh/", "karpenter.k8s.aws/", "eks:")


def makes_nodes(params: Mapping[str, Any]) -> bool:
    return params["node_autoscaler"] == KARPENTER and bool(params["node_pools"])


def pools(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that shall stand, each with the architecture of its instances."""
    if not makes_nodes(params):
        return []
    return [{**pool, "architecture": _architecture(pool)} for pool in params["node_pools"]]


def check(params: Mapping[str, Any]) -> None:
    """Raises InvalidInput. What Karpenter alone reads is looked at where it runs."""
    chosen = params["node_autoscaler"]
    for name in (entry["name"] for entry in params["helm_releases"]):
        if name in ACTOR_OF and name != chosen:
            raise InvalidInput(
                f"kubernetes_helm_releases: {name} has no role, since platform_node_autoscaler is {chosen}: set that to {name}, or "
                f"list {chosen} instead"
            )
    if chosen != KARPENTER:
        return
    if not params["node_pools"]:
        raise InvalidInput(
            "kubernetes_node_pools: it is empty, so that karpenter would start no node and pods that do not fit would wait for "
            f"ever: name a pool, or set platform_node_autoscaler to {AUTOSCALER}"
        )
    _check_class(params)
    names = [pool["name"] for pool in params["node_pools"]]
    for pool in params["node_pools"]:
        if not NAME.match(pool["name"]) or len(pool["name"]) > 63:
            raise InvalidInput(
                f"kubernetes_node_pools: the name {pool['name']!r} is none that fits: at most 63 lower-case letters, digits and -"
            )
        if names.count(pool["name"]) > 1:
            raise InvalidInput(f"kubernetes_node_pools: {pool['name']!r} is there twice: use each name once")
        _check_pool(pool)


def _check_class(params: Mapping[str, Any]) -> None:
    if not IMAGE.match(params["node_image"]):
        raise InvalidInput(
            f"kubernetes_node_image: {params['node_image']!r} is no alias of AL2023, of which the node groups are: use "
            "al2023@latest or one such as al2023@v20260601"
        )
    for name in ("disk_size_gib", "disk_iops", "disk_throughput", "metadata_hop_limit", "max_unavailable_percent"):
        low, high, unit = RANGES[name]
        checks.within(f"kubernetes_node_{name}", params[f"node_{name}"], low, high, unit)
    size, iops, throughput = (params[f"node_disk_{what}"] for what in ("size_gib", "iops", "throughput"))
    if iops > IOPS_PER_GIB * size:
        raise InvalidInput(
            f"kubernetes_node_disk_iops: {iops} is more than the {IOPS_PER_GIB * size} that a volume of {size} GiB can have: lower "
            "it, or raise kubernetes_node_disk_size_gib"
        )
    if throughput * 4 > iops:
        raise InvalidInput(
            f"kubernetes_node_disk_throughput: {throughput} MiB a second needs {throughput * 4} of kubernetes_node_disk_iops, "
            f"which is {iops}: gp3 gives a quarter of a MiB for each"
        )
    for name in ("consolidate_after", "expire_after"):
        if not DURATION.match(params[f"node_{name}"]):
            raise InvalidInput(
                f"kubernetes_node_{name}: {params[f'node_{name}']!r} is no duration: one such as 10m or 1h30m, or Never"
            )
    for key, value in params["node_tags"].items():
        if not checks.can_be_tag(key, value) or key.startswith(TAGS_OF_OTHERS):
            raise InvalidInput(
                f"kubernetes_node_tags: {key!r}: {value!r} cannot be a tag of Karpenter's nodes: a key of 1 to 128 characters that "
                "is neither AWS's, Kubernetes's, Karpenter's nor agent-platform:'s, and a string of at most 256"
            )


def _check_pool(pool: Mapping[str, Any]) -> None:
    what = f"kubernetes_node_pools: {pool['name']}"
    if not pool.get("instance_types") and not pool.get("requirements"):
        raise InvalidInput(
            f"{what} says of no instance which: name some in instance_types, or what they have to be in requirements"
        )
    _architecture(pool)
    for limit, pattern, such in (("cpu", CPU, "68"), ("memory", MEMORY, "272Gi")):
        if not pattern.match(str(pool[limit])):
            raise InvalidInput(
                f"{what} has {limit} {pool[limit]!r}, which is no limit of all of its nodes together: one such as {such}"
            )
    for item in pool.get("requirements") or ():
        values = item.get("values") or []
        if not LABEL_KEY.match(item["key"]) or bool(values) != bool(OPERATORS[item["operator"]]):
            raise InvalidInput(
                f"{what} requires {item['key']!r} {item['operator']} {values}: a label, with values for In, NotIn, Gt and Lt and "
                "without for Exists and DoesNotExist"
            )
        if item["operator"] in ("Gt", "Lt") and not (len(values) == 1 and values[0].isdigit()):
            raise InvalidInput(f"{what} requires {item['key']} {item['operator']} {values}: it takes one whole number")
    for key, value in (pool.get("labels") or {}).items():
        domain = key.partition("/")[0] if "/" in key else ""
        if not LABEL_KEY.match(key) or any(domain == one or domain.endswith(f".{one}") for one in THEIRS):
            raise InvalidInput(f"{what} has the label {key!r}, which is none that Karpenter takes from us: use one of your own")
        if not isinstance(value, str) or not LABEL_VALUE.match(value):
            raise InvalidInput(
                f"{what} has the value {value!r} for label {key}, which is none that Kubernetes takes: a string of at most 63 "
                "letters, digits and _ . -, with a letter or digit at both ends"
            )
    for taint in pool.get("taints") or ():
        if taint["effect"] not in EFFECTS:
            raise InvalidInput(f"{what} has a taint {taint['key']} of effect {taint['effect']!r}: use one of {', '.join(EFFECTS)}")
        if not LABEL_KEY.match(taint["key"]) or not LABEL_VALUE.match(taint.get("value") or ""):
            raise InvalidInput(
                f"{what} has the taint {taint['key']}={taint.get('value') or ''}, which is none that Kubernetes takes"
            )


def _architecture(pool: Mapping[str, Any]) -> str:
    """As Kubernetes calls it; x86 where no type says."""
    found: dict[str, str] = {}
    for one in pool.get("instance_types") or ():
        match = INSTANCE_TYPE.match(one)
        if not match:
            raise InvalidInput(
                f"kubernetes_node_pools: {one!r} of {pool['name']} is no instance type: use one such as t3.xlarge or m7g.large"
            )
        found.setdefault("arm64" if GRAVITON.match(match[1]) else "amd64", one)
    if len(found) > 1:
        raise InvalidInput(
            f"kubernetes_node_pools: {pool['name']} mixes {found['arm64']} (Graviton, ARM) and {found['amd64']} (x86), so that a "
            "pod's image may not run on its node: make a pool of each"
        )
    return next(iter(found), "amd64")


def lookups(
    params: Mapping[str, Any], place: Place, subnets: list[Resource], cluster: Resource
) -> tuple[list[Resource], dict[str, Any]]:
    """What is asked of AWS for them beside ``subnets`` and ``cluster``, and the facts; nothing where Karpenter does not run."""
    if not makes_nodes(params):
        return [], {}
    workers, used = vpc_lookups.security_group("workers"), kms.looked_up(place, params["node_key"])
    facts = {
        "node_subnets": vpc_lookups.ids(subnets),
        "node_security_groups": [Ref(cluster.address, "cluster_security_group_id"), Ref(workers.address)],
        "node_key": Ref(used.address, "arn"),
    }
    return [workers, used], facts


def role_name(place: Place) -> str:
    """The role of the nodes, by the naming rule of the eks tier."""
    return f"{place.deployment}-eks-{NODES}"
