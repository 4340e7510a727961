# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eks tier: the cluster, its nodes, its add-ons, and what runs in it may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.ec2.launch_template import LaunchTemplate
from ..resources.eks.access import AccessEntry, PodIdentity
from ..resources.eks.addon import Addon, AddonRelease, AddonVersion
from ..resources.eks.cluster import LOG_TYPES, Cluster
from ..resources.eks.log_group import ClusterLogGroup
from ..resources.eks.node_group import NodeGroup
from ..resources.iam import Role
from ..resources.iam_others import Caller, OidcProvider, ServiceLinkedRole, identity
from ..resources.leftovers import balancers, compute, groups
from ..tier_module import Place
from . import eks_roles, kms, vpc_lookups
from .eks_input import DEPLOYER, EFFECTS, KEEP, KEYS, NOBODY, RECOMMENDED, architecture, check
from .eks_karpenter import KARPENTER
from .eks_spec import CALLER, SPEC

__all__ = ["KINDS", "LOOKS_UP", "SPEC", "check", "declare", "looked_up"]

KINDS = (
    ServiceLinkedRole(),
    Role(),
    ClusterLogGroup(),
    Cluster(),
    OidcProvider(),
    AccessEntry(),
    PodIdentity(),
    LaunchTemplate(),
    NodeGroup(),
    Addon(),
    AddonVersion(),
    compute.Instance(),
    balancers.LoadBalancer(),
    balancers.ClassicLoadBalancer(),
    balancers.TargetGroup(),
    compute.Interface(),
    groups.SecurityGroup(),
    compute.Volume(),
)
LOOKS_UP = (*vpc_lookups.KINDS, kms.Key(), AddonRelease(), Caller())
# What a node needs to become ready. Everything else needs ready nodes.
BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
LOG_GROUP = "eks-cluster"
ADMINISTRATOR = "AmazonEKSClusterAdminPolicy"
SERVICES = {
    "eks": "eks.amazonaws.com",
    "nodegroup": "eks-nodegroup.amazonaws.com",
    "autoscaling": "autoscaling.amazonaws.com",
    "spot": "spot.amazonaws.com",
}


def looked_up(place: Place, name: str) -> Resource:
    """The cluster as another tier refers to it: ``Ref("eks_cluster/<name>", "cluster_security_group_id")``, or ``after`` it."""
    return Resource(Cluster(), name, {"name": name}, provider="eks")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    groups = params["node_groups"]
    # Karpenter may not make the role of Spot itself, and what its pools are of is not told here.
    spot = params["node_autoscaler"] == KARPENTER or any(_of(params, group, "capacity_type") == "SPOT" for group in groups)
    services = [name for name in SERVICES if name != "spot" or spot]
    return [
        *(kms.looked_up(place, name) for name in sorted({params["key_for"][service] for service in KEYS})),
        *vpc_lookups.subnets("private", params["availability_zones"]),
        vpc_lookups.security_group("workers"),
        *(Resource(ServiceLinkedRole(), name, {"service": SERVICES[name]}) for name in services),
        *eks_roles.roles(params, place),
        *_cluster(params, place),
        *_access(params, place),
        *(resource for group in groups for resource in _node_group(params, group, place, services)),
        *_addons(params),
    ]


def _of(params: Mapping[str, Any], group: Mapping[str, Any], name: str) -> Any:
    """The group's own value, or the common one."""
    own = group.get(name)
    return params[name] if own is None else own


def _subnets(params: Mapping[str, Any]) -> list[Ref]:
    return vpc_lookups.ids(vpc_lookups.subnets("private", params["availability_zones"]))


def _name(params: Mapping[str, Any]) -> Ref:
    return Ref(f"eks_cluster/{params['cluster_name']}", "name")


def _cluster(params: Mapping[str, Any], place: Place) -> list[Resource]:
    name, public = params["cluster_name"], params["public_access_cidrs"]
    return [
        Resource(
            ClusterLogGroup(),
            LOG_GROUP,
            {
                "log_group_name": f"/aws/eks/{name}/cluster",
                "kms_key": eks_roles.key(params, "logs"),
                "retention_days": params["log_retention_days"],
            },
        ),
        Resource(
            Cluster(),
            name,
            {
                "name": name,
                "role_arn": Ref("iam_role/eks-cluster", "arn"),
                "service_cidr": params.get("service_cidr") or None,
                "authentication_mode": "API",
                "encryption_key": eks_roles.key(params, "eks"),
                "secrets_encrypted": True,
                "version": params["version"],
                "subnets": _subnets(params),
                "private_endpoint": True,
                "public_endpoint": bool(public),
                "public_cidrs": public,
                "log_types": sorted(LOG_TYPES),
                "support_type": params["support_type"],
                "deletion_protection": params["deletion_protection"],
            },
            # EKS would make the log group itself, without key and without end.
            after=(f"log_group/{LOG_GROUP}", "iam_service_linked_role/eks"),
        ),
        Resource(
            OidcProvider(),
            name,
            {"url": Ref(f"eks_cluster/{name}", "oidc_issuer"), "client_ids": ["sts.amazonaws.com"]},
        ),
    ]


def _access(params: Mapping[str, Any], place: Place) -> Iterator[Resource]:
    """The entries of the configuration, and the deployer's unless one of them is for the deployer already."""
    principals = [entry["principal"] for entry in params["access_entries"]]
    for entry in params["access_entries"]:
        policies = [(one["policy"], one.get("namespaces") or ()) for one in entry.get("policies") or ()]
        yield _entry(params, place, entry["name"], entry["principal"], entry.get("groups") or [], policies)
    deployer, administration = params["deployer"], [(ADMINISTRATOR, ())]
    if deployer == CALLER and place.caller_arn:
        kind, who = identity(place.caller_arn)
        name = who.rsplit("/", 1)[-1]
        if not any(f":{kind}/" in principal and principal.endswith(f"/{name}") for principal in principals):
            caller = Resource(Caller(), name, provider="aws")
            yield caller
            # Whoever runs first has it for good: another who runs later gets none.
            entry = _entry(params, place, DEPLOYER, None, [], administration)
            entry.desired["first_principal"] = Ref(caller.address, "arn")
            yield entry
    elif deployer not in (CALLER, NOBODY) and deployer not in principals:
        yield _entry(params, place, DEPLOYER, deployer, [], administration)


def _entry(params: Mapping[str, Any], place: Place, name: str, principal: Any, groups: Any, policies: Any) -> Resource:
    return Resource(
        AccessEntry(),
        name,
        {
            "cluster": _name(params),
            "principal": principal,
            "groups": list(groups),
            "policies": [
                {
                    "policy": place.arn("eks", f"cluster-access-policy/{policy}", region="", account="aws"),
                    "namespaces": sorted(namespaces),
                }
                for policy, namespaces in policies
            ],
        },
    )


def _node_group(
    params: Mapping[str, Any], group: Mapping[str, Any], place: Place, services: list[str]
) -> tuple[Resource, Resource]:
    name, full = group["name"], f"{place.environment}-{group['name']}"
    settings = {
        # A template's groups replace the one that EKS would put nodes into.
        "security_groups": [
            Ref(f"eks_cluster/{params['cluster_name']}", "cluster_security_group_id"),
            Ref("security_group/workers"),
        ],
        "volume": {
            "size_gib": _of(params, group, "disk_size_gib"),
            "type": "gp3",
            "iops": params["disk_iops"],
            "throughput": params["disk_throughput"],
            "kms_key": eks_roles.key(params, "ebs"),
        },
        "hop_limit": params["metadata_hop_limit"],
        "instance_tags": {**params["node_tags"], "Name": f"{params['cluster_name']}-{name}"},
    }
    template = Resource(LaunchTemplate(), name, {"template_name": f"{params['cluster_name']}-{name}", "settings": settings})
    low = group["min_size"]
    nodes = Resource(
        NodeGroup(),
        name,
        {
            "cluster": _name(params),
            "name": full,
            "node_role": Ref("iam_role/eks-nodes", "arn"),
            "subnets": _subnets(params),
            "instance_types": list(group["instance_types"]),
            "capacity_type": _of(params, group, "capacity_type"),
            "ami_type": f"AL2023_{architecture(group)}_STANDARD",
            "template_id": Ref(template.address),
            "template_version": Ref(template.address, "version"),
            "template": settings,
            # Not before the control plane, which may be on its way to it.
            "version": params["version"],
            "labels": dict(group.get("labels") or {}),
            "taints": [
                {"key": taint["key"], "value": taint.get("value") or "", "effect": EFFECTS[taint["effect"]]}
                for taint in group.get("taints") or ()
            ],
            "scaling": {"min": low, "max": group["max_size"]},
            "desired_size": low if group.get("desired_size") is None else group["desired_size"],
            "max_unavailable_percent": params["max_unavailable_percent"],
        },
        options={"force": params["force_updates"], "replace": params["replace_node_groups"]},
        after=(
            *(f"eks_addon/{addon['name']}" for addon in params["addons"] if addon["name"] in BEFORE_NODES),
            *(f"iam_service_linked_role/{service}" for service in services if service != "eks"),
        ),
    )
    return template, nodes


def _addons(params: Mapping[str, Any]) -> Iterator[Resource]:
    """Those that nodes need are made before them and follow them to another version; the others come after them altogether."""
    nodes = tuple(f"eks_nodegroup/{group['name']}" for group in params["node_groups"])
    for addon in params["addons"]:
        name, version = addon["name"], addon.get("version") or RECOMMENDED
        early = name in BEFORE_NODES
        if version == RECOMMENDED:
            release = Resource(AddonRelease(), name, {"addon_name": name, "kubernetes_version": params["version"]}, provider="aws")
            yield release
            version = Ref(release.address, "version")
        elif version == KEEP:
            version = None
        desired = {"cluster": _name(params), "addon_name": name, "configuration": dict(addon.get("configuration") or {})}
        # The service account's role is there before its pods are.
        identities = tuple(
            f"eks_pod_identity/{actor}" for actor, of in _IDENTITIES.items() if of == name and actor in params["service_accounts"]
        )
        yield Resource(
            Addon(),
            name,
            {**desired, ("first_version" if early else "version"): version},
            after=identities if early else (*identities, *nodes),
        )
        if early and version is not None:
            yield Resource(AddonVersion(), name, {**desired, "version": version}, after=(f"eks_addon/{name}", *nodes))


_IDENTITIES = {"ebs-csi": "aws-ebs-csi-driver", "vpc-cni": "vpc-cni"}
