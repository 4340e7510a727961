# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the eks tier takes, and what of it AWS would refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from ..reconcile.errors import InvalidInput
from ..resources.eks.cluster import VERSION
from ..tier_module import deployment_of
from . import checks, kms, vpc_lookups
from .eks_karpenter import KARPENTER
from .eks_spec import CALLER
from .vpc import CLUSTER_NAME

KEYS = ("eks", "ebs", "logs", "s3", "dynamodb", "sns", "sqs", "secretsmanager")
ACTORS = ("ebs-csi", "vpc-cni", "lb-controller", "autoscaler", "karpenter", "ext-secrets", "keda", "schema", "verify")
EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}
NOBODY = "none"
RECOMMENDED, KEEP = "recommended", "keep"
DEPLOYER = "deployer"
PUBLIC_CIDRS = 40
NOT_OF_THE_INTERNET = [
    IPv4Network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
]
ROLE_NAME = 64
GROUP_NAME = 63
# Nodes on which the pods of Karpenter run.
GROUND = 2
IOPS_PER_GIB = 500
CNI = "vpc-cni"
ADDON_VERSION = re.compile(r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
INSTANCE_TYPE = re.compile(r"^([a-z]+-?\d+[a-z0-9]*(?:-[a-z0-9]+)*)\.(?:nano|micro|small|medium|large|\d*xlarge|metal(?:-\w+)?)$")
GRAVITON = re.compile(r"^(?:a1|[a-z]+\d+g[a-z]*)$")
NAME = re.compile(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
PRINCIPAL = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+$")
LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")
LABEL_KEY = re.compile(r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")
ACCESS_POLICY = re.compile(r"^AmazonEKS[A-Za-z]*Policy$")

RANGES = {
    "max_unavailable_percent": (1, 100, "percent"),
    "disk_size_gib": (20, 16384, "GiB"),
    "disk_iops": (3000, 16000, "operations a second"),
    "disk_throughput": (125, 1000, "MiB a second"),
    "metadata_hop_limit": (1, 64, "hops"),
}


def check(params: Mapping[str, Any], region: str) -> None:
    _check_cluster(params, region)
    _check_keys(params)
    _check_endpoint(params)
    for name, (low, high, unit) in RANGES.items():
        checks.within(f"eks_{name}", params[name], low, high, unit)
    if params["disk_throughput"] * 4 > params["disk_iops"]:
        raise InvalidInput(
            f"eks_disk_throughput: {params['disk_throughput']} MiB a second needs {params['disk_throughput'] * 4} of "
            f"eks_disk_iops, which is {params['disk_iops']}: gp3 gives a quarter of a MiB for each"
        )
    _check_tags(params["node_tags"])
    _check_node_groups(params)
    _check_addons(params["addons"], params["service_accounts"])
    _check_access(params)
    _check_role_names(params, region)
    _check_workloads(params, region)
    checks.permissions_boundary("eks_permissions_boundary", params.get("permissions_boundary"))


def _check_unique(variable: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"{variable}: {name!r} is there twice: use each name once")


def _check_cluster(params: Mapping[str, Any], region: str) -> None:
    name, prefix = params["cluster_name"], f"{params['environment']}-"
    if not CLUSTER_NAME.match(name) or not name.startswith(prefix):
        raise InvalidInput(
            f"platform_cluster_name: {name!r} is no name for this environment's EKS cluster: 1 to 100 letters, digits, _ and -, "
            f"beginning with {prefix}"
        )
    if not VERSION.match(params["version"]):
        raise InvalidInput(
            f"eks_version: {params['version']!r} is no minor version of Kubernetes: use one in quotes, such as '1.35' (EKS chooses "
            "the patch)"
        )
    vpc_lookups.check_zones("eks_availability_zones", params["availability_zones"], region)
    checks.retention("eks_log_retention_days", params["log_retention_days"])


def _check_keys(params: Mapping[str, Any]) -> None:
    for service in KEYS:
        name = params["key_for"].get(service)
        if not isinstance(name, str) or not kms.KEY_NAME.match(name):
            raise InvalidInput(
                f"platform_kms_key_for: the key {name!r} of {service} cannot be in an alias: lower-case letters, digits, _ and -"
            )


def _check_endpoint(params: Mapping[str, Any]) -> None:
    cidrs = params["public_access_cidrs"]
    for text in cidrs:
        network = _network("eks_public_access_cidrs", text)
        if any(network.subnet_of(inside) for inside in NOT_OF_THE_INTERNET):
            raise InvalidInput(
                f"eks_public_access_cidrs: {text} is no range of the internet: the endpoint is open to the VPC already, so list "
                "public addresses alone"
            )
    _check_unique("eks_public_access_cidrs", cidrs)
    if len(cidrs) > PUBLIC_CIDRS:
        raise InvalidInput(f"eks_public_access_cidrs: {len(cidrs)} ranges: EKS takes at most {PUBLIC_CIDRS}")
    if params.get("service_cidr"):
        network = _network("eks_service_cidr", params["service_cidr"])
        if not network.is_private or not 12 <= network.prefixlen <= 24:
            raise InvalidInput(
                f"eks_service_cidr: {network} is none that EKS takes: a private range of /12 to /24, outside of vpc_cidr"
            )


def _network(variable: str, text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise InvalidInput(
            f"{variable}: {text!r} is not an IPv4 range: use one such as 203.0.113.0/24 that begins on a boundary of its size "
            f"({error})"
        ) from error


def _check_tags(tags: Mapping[str, Any]) -> None:
    for key, value in tags.items():
        if not checks.can_be_tag(key, value):
            raise InvalidInput(
                f"eks_node_tags: {key!r}: {value!r} cannot be a tag: a key of 1 to 128 characters, beginning with neither aws: nor "
                "agent-platform:, and a string of at most 256"
            )
    if len(tags) > 40:
        raise InvalidInput(f"eks_node_tags: {len(tags)} tags: AWS takes 50 and some are ours, so give at most 40")


def _check_node_groups(params: Mapping[str, Any]) -> None:
    groups, prefix = params["node_groups"], f"{params['environment']}-"
    _check_unique("eks_node_groups", [group["name"] for group in groups])
    ground = sum(group["min_size"] for group in groups if not group.get("taints"))
    if params["node_autoscaler"] == KARPENTER and ground < GROUND:
        raise InvalidInput(
            f"eks_node_groups: those without taints have at least {ground} nodes together, and platform_node_autoscaler is "
            f"{KARPENTER}, whose {GROUND} pods run on different nodes and on none that it started: raise a min_size"
        )
    for group in groups:
        name = group["name"]
        if not NAME.match(name) or len(prefix + name) > GROUP_NAME:
            raise InvalidInput(
                f"eks_node_groups: the name {name!r} is none that fits: lower-case letters, digits and -, at most {GROUP_NAME} "
                f"with {prefix} before it"
            )
        _check_sizes(group)
        architecture(group)
        size = params["disk_size_gib"] if group.get("disk_size_gib") is None else group["disk_size_gib"]
        low, high, unit = RANGES["disk_size_gib"]
        if not low <= size <= high:
            raise InvalidInput(f"eks_node_groups: disk_size_gib {size} of {name} is outside {low} to {high} {unit}")
        if params["disk_iops"] > IOPS_PER_GIB * size:
            raise InvalidInput(
                f"eks_disk_iops: {params['disk_iops']} is outside 3000 to {IOPS_PER_GIB * size}, what a volume of {size} GiB "
                f"can have, as those of {name} are ({IOPS_PER_GIB} for each GiB): lower it, or raise disk_size_gib"
            )
        _check_labels(group)
        _check_taints(group)


def _check_sizes(group: Mapping[str, Any]) -> None:
    name, low, high = group["name"], group["min_size"], group["max_size"]
    if low < 0 or high < 1:
        raise InvalidInput(f"eks_node_groups: {name} has {low} to {high} nodes: min_size is at least 0 and max_size at least 1")
    if low > high:
        raise InvalidInput(f"eks_node_groups: min_size {low} of {name} is more than its max_size {high}: use {low} or more")
    wanted = group.get("desired_size")
    if wanted is not None and not low <= wanted <= high:
        raise InvalidInput(f"eks_node_groups: desired_size {wanted} of {name} is outside its min_size {low} to max_size {high}")


def architecture(group: Mapping[str, Any]) -> str:
    """``x86_64`` or ``ARM_64``: what the instance types of a group have in common, since one image is for all of them."""
    name, types = group["name"], group["instance_types"]
    if not 1 <= len(types) <= 20 or len(set(types)) < len(types):
        raise InvalidInput(f"eks_node_groups: instance_types of {name} are {types}: name 1 to 20 different ones")
    found: dict[str, str] = {}
    for one in types:
        match = INSTANCE_TYPE.match(one)
        if not match:
            raise InvalidInput(f"eks_node_groups: {one!r} of {name} is no instance type: use one such as t3.xlarge or m7g.large")
        found.setdefault("ARM_64" if GRAVITON.match(match[1]) else "x86_64", one)
    if len(found) > 1:
        raise InvalidInput(
            f"eks_node_groups: {name} mixes {found['ARM_64']} (Graviton, ARM) and {found['x86_64']} (x86): no image runs on both, "
            "so make a group of each"
        )
    return next(iter(found))


def _check_labels(group: Mapping[str, Any]) -> None:
    for key, value in (group.get("labels") or {}).items():
        if not LABEL_KEY.match(key) or key.startswith("eks.amazonaws.com/"):
            raise InvalidInput(f"eks_node_groups: the label {key!r} of {group['name']} is none that Kubernetes takes from us")
        if not isinstance(value, str) or not LABEL_VALUE.match(value):
            raise InvalidInput(
                f"eks_node_groups: the value {value!r} of label {key} of {group['name']} is none that Kubernetes takes: a string "
                "of at most 63 letters, digits and _ . -, with a letter or digit at both ends"
            )


def _check_taints(group: Mapping[str, Any]) -> None:
    taken = set()
    for taint in group.get("taints") or ():
        what = f"eks_node_groups: the taint {taint['key']} of {group['name']}"
        if taint["effect"] not in EFFECTS:
            raise InvalidInput(f"{what} has effect {taint['effect']!r}: use one of {', '.join(EFFECTS)}")
        if not LABEL_KEY.match(taint["key"]) or not LABEL_VALUE.match(taint.get("value") or ""):
            raise InvalidInput(f"{what}={taint.get('value') or ''} is none that Kubernetes takes")
        if (taint["key"], taint["effect"]) in taken:
            raise InvalidInput(f"{what}: {taint['effect']} is there twice: one value for a key and an effect")
        taken.add((taint["key"], taint["effect"]))


def _check_addons(addons: list[Mapping[str, Any]], accounts: Mapping[str, Any]) -> None:
    names = [addon["name"] for addon in addons]
    _check_unique("eks_addons", names)
    if CNI in names and CNI not in accounts:
        raise InvalidInput(
            f"eks_service_accounts: {CNI} is not among {', '.join(accounts) or 'none'}, and eks_addons lists it: the role of nodes "
            f"gives no pod its address, so add {CNI}: kube-system/aws-node"
        )
    for addon in addons:
        version = addon.get("version") or RECOMMENDED
        if version not in (RECOMMENDED, KEEP) and not ADDON_VERSION.match(version):
            raise InvalidInput(
                f"eks_addons: the version {version!r} of {addon['name']} is none of an add-on: use one such as v1.20.4-eksbuild.1, "
                f"{RECOMMENDED} or {KEEP}"
            )
        try:
            json.dumps(addon.get("configuration") or {})
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"eks_addons: the configuration of {addon['name']} is no JSON: {error}") from error


def _check_access(params: Mapping[str, Any]) -> None:
    deployer, entries = params["deployer"], params["access_entries"]
    if deployer not in (CALLER, NOBODY) and not PRINCIPAL.match(deployer):
        raise InvalidInput(
            f"eks_deployer: {deployer!r} is no principal: use {CALLER}, {NOBODY}, or the ARN of an IAM role or user such as "
            "arn:aws:iam::123456789012:role/deployer"
        )
    _check_unique("eks_access_entries", [entry["name"] for entry in entries])
    _check_unique("eks_access_entries", [entry["principal"] for entry in entries])
    for entry in entries:
        name, principal = entry["name"], entry["principal"]
        if not NAME.match(name) or name.startswith(DEPLOYER):
            raise InvalidInput(
                f"eks_access_entries: the name {name!r} is none that fits: lower-case letters, digits and -, not beginning with "
                f"{DEPLOYER}"
            )
        if not PRINCIPAL.match(principal):
            raise InvalidInput(
                f"eks_access_entries: the principal {principal!r} of {name} is no ARN of an IAM role or user, such as "
                "arn:aws:iam::123456789012:role/operators"
            )
        policies = entry.get("policies") or []
        _check_unique(f"eks_access_entries: policies of {name}", [one["policy"] for one in policies])
        for one in policies:
            if not ACCESS_POLICY.match(one["policy"]):
                raise InvalidInput(
                    f"eks_access_entries: the policy {one['policy']!r} of {name} is none of EKS's access policies, such as "
                    "AmazonEKSViewPolicy or AmazonEKSClusterAdminPolicy"
                )
        for group in entry.get("groups") or ():
            if group.startswith(("system:", "eks:", "aws:", "amazon:", "iam:")):
                raise InvalidInput(f"eks_access_entries: the group {group!r} of {name} is one that EKS reserves")
        if not policies and not entry.get("groups"):
            raise InvalidInput(f"eks_access_entries: {name} has neither policies nor groups, so it could do nothing: give one")


def _check_role_names(params: Mapping[str, Any], region: str) -> None:
    """Those that are ours to name; a workload's name gives way to the deployment's instead."""
    deployment = deployment_of(params, region)
    actor = max(("cluster", "nodes", *(name for name in params["service_accounts"] if name in ACTORS)), key=len)
    role = f"{deployment}-eks-{actor}"
    if len(role) > ROLE_NAME:
        raise InvalidInput(
            f"platform_deployment: {deployment!r} makes the role {role} of {len(role)} characters, and IAM takes {ROLE_NAME}: "
            f"use a name of at most {ROLE_NAME - len(role) + len(deployment)}"
        )


def _check_workloads(params: Mapping[str, Any], region: str) -> None:
    deployment = deployment_of(params, region)
    accounts = dict(params["service_accounts"])
    for actor in accounts:
        if actor not in ACTORS:
            raise InvalidInput(f"eks_service_accounts: {actor!r} is no controller or Job that we know: one of {', '.join(ACTORS)}")
    if params["node_autoscaler"] == KARPENTER and KARPENTER not in accounts:
        raise InvalidInput(
            f"eks_service_accounts: {KARPENTER} is not among {', '.join(accounts) or 'none'}, and platform_node_autoscaler names "
            f"it: without a role it can start no node, so add {KARPENTER}: kube-system/{KARPENTER}"
        )
    names = [workload["name"] for workload in params["workloads"]]
    _check_unique("eks_workloads", names)
    for workload in params["workloads"]:
        name = workload["name"]
        longest = ROLE_NAME - len(f"{deployment}-eks-")
        if not NAME.match(name) or len(name) > longest or name in (*ACTORS, "cluster", "nodes"):
            raise InvalidInput(
                f"eks_workloads: the name {name!r} cannot be part of a role's name: at most {longest} lower-case letters, digits "
                f"and -, and none of cluster, nodes, {', '.join(ACTORS)}"
            )
        accounts[name] = workload["service_account"]
    for name, account in accounts.items():
        parts = account.split("/") if isinstance(account, str) else []
        if len(parts) != 2 or not all(NAME.match(part) and len(part) <= 63 for part in parts):
            raise InvalidInput(
                f"eks_workloads: the service account {account!r} of {name} is not <namespace>/<name>, such as agents/agent"
            )
    taken: dict[str, str] = {}
    for name, account in accounts.items():
        if account in taken:
            raise InvalidInput(
                f"eks_workloads: {name} and {taken[account]} have the same service account {account}, which can have one role: "
                "give each its own"
            )
        taken[account] = name
