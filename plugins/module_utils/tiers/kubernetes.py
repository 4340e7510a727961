# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubernetes tier: what runs in the cluster, from the role's variables and what the other tiers made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..kubernetes import external_secrets, foundation, network, node_pools, releases, workloads
from ..kubernetes.objects import Object, mark
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.eks.cluster import Cluster
from ..resources.elasticache.replication_group import ReplicationGroup
from ..resources.elb.target_group import TargetGroup
from ..resources.rds.instance import Instance
from ..resources.sqs import Queue
from ..schema.connect import check_bundle
from ..tier_module import Place, Tier
from . import checks, cloudfront, eks, kms, kubernetes_nodes, vpc_lookups
from .s3 import bucket_name

NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
CIDR = re.compile(r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$")
LEVELS = ("privileged", "baseline", "restricted")
SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")
LABEL_LENGTH = 63
# An object's annotations take 256 KiB, and one of them repeats the object as it was applied.
LARGEST_BUNDLE = 250_000

_NAMESPACE = {
    "name": {"type": "str", "required": True},
    "pod_security": {"type": "str", "choices": list(LEVELS)},
    "quota": {"type": "dict"},
    "limits": {"type": "dict"},
}
_CONSUMER = {
    "name": {"type": "str", "required": True},
    "image": {"type": "str", "required": True},
    "service_account": {"type": "str", "required": True},
    "queues": {"type": "list", "elements": "str", "required": True},
    "min_replicas": {"type": "int"},
    "max_replicas": {"type": "int"},
    "messages_per_pod": {"type": "int"},
    "grace_seconds": {"type": "int"},
    "resources": {"type": "dict"},
}
_RELEASE = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "namespace": {"type": "str"},
    "chart": {"type": "str"},
    "repository": {"type": "str"},
    "values": {"type": "dict"},
}
_METRIC = {"name": {"type": "str"}, "average_value": {"type": "str"}}
# Where the inside is kept from.
DIRECT, NOWHERE = "direct", "none"
SPEC: dict[str, dict[str, Any]] = {
    "run_in": {"type": "str", "choices": [DIRECT, NOWHERE], "default": DIRECT},
    "tunnel_address": {"type": "str", "default": ""},
    "tunnel_port": {"type": "int", "default": 0},
    "cluster_name": {"type": "str", "required": True},
    "prefix": {"type": "str", "required": True},
    "zones": {"type": "list", "elements": "str", "required": True},
    "namespaces": {"type": "list", "elements": "dict", "required": True, "options": _NAMESPACE},
    "namespace": {"type": "str", "default": "agents"},
    "jobs_namespace": {"type": "str", "default": ""},
    "service_accounts": {"type": "list", "elements": "str", "default": ["agents/agent", "agents/consumers"]},
    "registry": {"type": "str", "default": ""},
    "agent_name": {"type": "str", "default": "agent"},
    "agent_image": {"type": "str", "required": True},
    "agent_service_account": {"type": "str", "default": "agent"},
    "agent_port": {"type": "int", "default": 8080},
    "agent_health_path": {"type": "str", "default": "/healthz"},
    "agent_node_selector": {"type": "dict", "default": {}},
    "agent_tolerations": {"type": "list", "elements": "dict", "default": []},
    "agent_resources": {"type": "dict", "required": True},
    "agent_grace_seconds": {"type": "int", "default": 150},
    "agent_min_replicas": {"type": "int", "default": 2},
    "agent_max_replicas": {"type": "int", "default": 10},
    "agent_cpu_percent": {"type": "int", "default": 70},
    "agent_memory_percent": {"type": "int", "default": 80},
    "agent_request_metric": {"type": "dict", "options": _METRIC, "default": {}},
    "agent_scale_up_pods": {"type": "int", "default": 2},
    "agent_scale_down_pods": {"type": "int", "default": 1},
    "agent_scale_down_seconds": {"type": "int", "default": 300},
    "consumers": {"type": "list", "elements": "dict", "default": [], "options": _CONSUMER},
    "consumer_resources": {"type": "dict", "required": True},
    "consumer_min_replicas": {"type": "int", "default": 0},
    "consumer_max_replicas": {"type": "int", "default": 20},
    "metrics_namespace": {"type": "str", "default": ""},
    "public_cidrs": {"type": "list", "elements": "str", "default": ["0.0.0.0/0"]},
    "tables": {"type": "list", "elements": "str", "default": []},
    "buckets": {"type": "list", "elements": "str", "default": []},
    "topics": {"type": "list", "elements": "str", "default": []},
    "database": {"type": "str", "default": ""},
    "database_name": {"type": "str", "default": "agentdb"},
    "database_ca": {"type": "path"},
    "database_secret": {"type": "str", "default": "", "no_log": False},
    "redis": {"type": "bool", "default": True},
    "redis_secret": {"type": "str", "default": "", "no_log": False},
    "api_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "secret_refresh": {"type": "str", "default": "5m", "no_log": False},
    "helm_releases": {"type": "list", "elements": "dict", "default": [], "options": _RELEASE},
    **kubernetes_nodes.SPEC,
    "helm_binary": {"type": "str", "default": ""},
    "helm_timeout": {"type": "str", "default": "10m"},
    "rollout_timeout_seconds": {"type": "int", "default": 900},
    "rollout_required": {"type": "bool", "default": True},
}
LOOKS_UP = (*vpc_lookups.KINDS, kms.Key(), Cluster(), TargetGroup(), Instance(), ReplicationGroup(), Queue())
# What a consumer takes of the role's variables where it sets nothing itself.
COMMON = {"resources": "consumer_resources", "min_replicas": "consumer_min_replicas", "max_replicas": "consumer_max_replicas"}
DEFAULTS = {"messages_per_pod": 10, "grace_seconds": 60}


def check(params: Mapping[str, Any], region: str) -> None:
    vpc_lookups.check_zones("kubernetes_availability_zones", params["zones"], region)
    if len(params.get("deployment") or "") > LABEL_LENGTH:
        raise InvalidInput(f"platform_deployment: {params['deployment']!r} is too long for a label of Kubernetes: {LABEL_LENGTH}")
    names = [item["name"] for item in params["namespaces"]]
    for variable, given in (("namespaces", names), ("agent_name", [params["agent_name"]]), ("consumers", _names(params))):
        for name in given:
            if not NAME.match(name) or len(name) > LABEL_LENGTH:
                raise InvalidInput(
                    f"kubernetes_{variable}: {name!r} cannot be a name in Kubernetes: at most {LABEL_LENGTH} lower-case letters, "
                    "digits and hyphens, beginning and ending with a letter or digit"
                )
    for name in (*names, *_names(params)):
        if [*names, *_names(params), params["agent_name"]].count(name) > 1:
            raise InvalidInput(f"kubernetes_namespaces, kubernetes_consumers: {name!r} is there twice: name each once")
    if taken := sorted(set(names) & set(SYSTEM)):
        raise InvalidInput(f"kubernetes_namespaces: {taken[0]!r} is Kubernetes's own: use another name")
    for account in params["service_accounts"]:
        namespace, _slash, name = account.partition("/")
        if namespace not in names or not NAME.match(name):
            raise InvalidInput(
                f"kubernetes_service_accounts: {account!r} is none: <namespace>/<name>, with one of {', '.join(names)} as the first"
            )
    if bool(params["tunnel_address"]) != bool(params["tunnel_port"]):
        raise InvalidInput(
            f"kubernetes_tunnel_address: {params['tunnel_address']!r} with kubernetes_tunnel_port {params['tunnel_port']} is half "
            "a tunnel: set both, or neither"
        )
    checks.within("kubernetes_rollout_timeout_seconds", params["rollout_timeout_seconds"], 0, 7200, "seconds")
    _check_workloads(params, names)
    _check_releases(params, names)
    makes = params["run_in"] != NOWHERE and params.get("verb") != "destroy" and params.get("state") != "absent"
    if makes and len(json.dumps(authorities(params))) > LARGEST_BUNDLE:
        raise InvalidInput(
            f"kubernetes_database_ca: {params['database_ca']!r} has more than the {LARGEST_BUNDLE} characters that an object of "
            "Kubernetes can be applied with: name the bundle of one region"
        )
    for cidr in params["public_cidrs"]:
        if not CIDR.match(cidr):
            raise InvalidInput(f"kubernetes_public_cidrs: {cidr!r} is no range of IPv4: one such as 203.0.113.0/24")


def _names(params: Mapping[str, Any]) -> list[str]:
    return [consumer["name"] for consumer in params["consumers"]]


def _check_workloads(params: Mapping[str, Any], namespaces: list[str]) -> None:
    if params["namespace"] not in namespaces:
        raise InvalidInput(
            f"kubernetes_namespace: {params['namespace']!r} is none of kubernetes_namespaces ({', '.join(namespaces)}): add it"
        )
    if params["jobs_namespace"] and params["jobs_namespace"] not in namespaces:
        raise InvalidInput(
            f"kubernetes_jobs_namespace: {params['jobs_namespace']!r} is none of kubernetes_namespaces ({', '.join(namespaces)}): "
            "add it, or set it to '' where no Job of the platform is to run"
        )
    if params["jobs_namespace"] == params["namespace"]:
        raise InvalidInput(
            f"kubernetes_jobs_namespace: {params['jobs_namespace']!r} is kubernetes_namespace too: who may start pods beside the "
            "agents would sign in to the database as its master user, so give the Jobs a namespace of their own"
        )
    checks.within("kubernetes_agent_port", params["agent_port"], 1024, 65535)
    for variable in ("agent_cpu_percent", "agent_memory_percent"):
        checks.within(f"kubernetes_{variable}", params[variable], 10, 100, "percent")
    checks.within("kubernetes_agent_min_replicas", params["agent_min_replicas"], 1, params["agent_max_replicas"])
    for variable in ("agent_scale_up_pods", "agent_scale_down_pods"):
        checks.within(f"kubernetes_{variable}", params[variable], 1, 100, "pods a minute")
    checks.within("kubernetes_agent_scale_down_seconds", params["agent_scale_down_seconds"], 0, 3600, "seconds")
    accounts = {
        account.partition("/")[2] for account in params["service_accounts"] if account.startswith(params["namespace"] + "/")
    }
    used = [("kubernetes_agent_service_account", params["agent_service_account"])]
    for consumer in params["consumers"]:
        full = _consumer(params, consumer)
        checks.within(f"kubernetes_consumers: max_replicas of {consumer['name']}", full["max_replicas"], 1, 1000)
        checks.within(f"kubernetes_consumers: min_replicas of {consumer['name']}", full["min_replicas"], 0, full["max_replicas"])
        checks.within(f"kubernetes_consumers: messages_per_pod of {consumer['name']}", full["messages_per_pod"], 1, 100000)
        if not consumer["queues"]:
            raise InvalidInput(f"kubernetes_consumers: {consumer['name']} has no queue: name those that it reads in its queues")
        used.append(("kubernetes_consumers", consumer["service_account"]))
    for variable, account in used:
        if account not in accounts:
            raise InvalidInput(
                f"{variable}: {account!r} is no service account of {params['namespace']}: add {params['namespace']}/{account} to "
                "kubernetes_service_accounts, and to eks_workloads for its role"
            )


def _check_releases(params: Mapping[str, Any], namespaces: list[str]) -> None:
    if not 0 < releases.seconds(params["helm_timeout"]) <= releases.LONGEST:
        raise InvalidInput(
            f"kubernetes_helm_timeout: {params['helm_timeout']!r} is no duration of at most {releases.LONGEST / 60:.0f}m, such as "
            "10m or 8m30s: the token that Helm asks the cluster with is good for 15 minutes"
        )
    named = [entry["name"] for entry in params["helm_releases"]]
    if twice := [name for name in named if named.count(name) > 1]:
        raise InvalidInput(f"kubernetes_helm_releases: {twice[0]} is there twice: name each once")
    both = [name for name in named if name in releases.NODE_AUTOSCALERS]
    if len(both) > 1:
        raise InvalidInput(f"kubernetes_helm_releases: {' and '.join(both)} would fight over the same nodes: take one of them")
    kubernetes_nodes.check(params)
    for entry in params["helm_releases"]:
        if entry["name"] not in releases.CHARTS and not entry.get("chart"):
            raise InvalidInput(
                f"kubernetes_helm_releases: {entry['name']} is none of {', '.join(releases.CHARTS)}, so that its chart and its "
                "repository have to be given"
            )
    for release in releases.desired(params["helm_releases"], _blank()):
        if release.namespace not in (*namespaces, "kube-system"):
            raise InvalidInput(
                f"kubernetes_helm_releases: the namespace {release.namespace!r} of {release.name} is not made by anyone: add it to "
                "kubernetes_namespaces"
            )


def _blank() -> dict[str, str]:
    return dict.fromkeys(("cluster_name", "region", "vpc_id"), "")


def lookups(params: Mapping[str, Any], place: Place) -> tuple[list[Resource], dict[str, Any]]:
    """What of other tiers is needed, and the facts that are made of it (with references)."""
    environment, zones = place.environment, params["zones"]
    subnets = {tier: vpc_lookups.subnets(tier, zones) for tier in ("public", "private", "database")}
    cluster, group = eks.looked_up(place, params["cluster_name"]), cloudfront.looked_up_target_group(place)
    queues = {name: Resource(Queue(), name, {"name": f"{environment}-{name}"}, provider="messaging") for name in _queues(params)}
    resources = [vpc_lookups.vpc(), *(subnet for some in subnets.values() for subnet in some), cluster, group, *queues.values()]
    facts: dict[str, Any] = {
        "endpoint": Ref(cluster.address, "endpoint"),
        "certificate_authority": Ref(cluster.address, "certificate_authority"),
        "vpc_id": Ref("vpc/main"),
        "target_group_arn": Ref(group.address, "arn"),
        **{f"{tier}_cidrs": [Ref(subnet.address, "cidr") for subnet in some] for tier, some in subnets.items()},
        "queues": {name: Ref(queue.address, "url") for name, queue in queues.items()},
    }
    if params["database"]:
        name = params["database"]
        database = Resource(Instance(), name, {"name": f"{environment}-{name}"}, provider="rds")
        resources.append(database)
        facts["database_endpoint"] = Ref(database.address, "endpoint")
    if params["redis"]:
        redis = Resource(ReplicationGroup(), "redis", {"group_id": f"{environment}-redis"}, provider="redis")
        resources.append(redis)
        facts["redis_endpoint"] = Ref(redis.address, "primary_endpoint")
    more, of_nodes = kubernetes_nodes.lookups(params, place, subnets["private"], cluster)
    return [*resources, *more], {**facts, **of_nodes}


def _queues(params: Mapping[str, Any]) -> list[str]:
    return sorted({queue for consumer in params["consumers"] for queue in consumer["queues"]})


def named(params: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The facts that follow from the naming rules of the other tiers."""
    suffix = "amazonaws.com.cn" if place.partition == "aws-cn" else "amazonaws.com"
    return {
        "environment": place.environment,
        "region": place.region,
        "cluster_name": params["cluster_name"],
        "node_role": kubernetes_nodes.role_name(place),
        "registry": params["registry"] or f"{place.account_id}.dkr.ecr.{place.region}.{suffix}",
        "tables": {name: f"{place.environment}-{name}" for name in params["tables"]},
        "buckets": {name: bucket_name(params["prefix"], place, name) for name in params["buckets"]},
        "topics": {name: place.arn("sns", f"{place.environment}-{name}") for name in params["topics"]},
    }


def authorities(params: Mapping[str, Any]) -> str:
    """The certificates that pods hold the database's to; empty where none are given. Raises EngineError for a file without any."""
    if not params["database"] or not params.get("database_ca"):
        return ""
    check_bundle(params["database_ca"], "kubernetes_database_ca")
    return Path(params["database_ca"]).read_text(encoding="ascii", errors="replace")


def notes(params: Mapping[str, Any]) -> list[str]:
    """What whoever runs this should know, one sentence each."""
    if not params["database"] or params.get("database_ca"):
        return []
    return [
        "kubernetes_database_ca is empty, so that pods are told to hold the database to verify-full and get no authorities for it: "
        "name the file of RDS's certificate bundle, or have the images bring it"
    ]


def render(params: Mapping[str, Any], facts: Mapping[str, Any], deployment: str) -> list[Object]:
    """Every object, marked as ours, in the order in which they are made."""
    whole = {
        "consumers": [_consumer(params, item) for item in params["consumers"]],
        "authorities": authorities(params),
        "node_pools": kubernetes_nodes.pools(params),
    }
    return mark(_objects({**params, **whole}, facts), deployment)


def _objects(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Object]:
    yield from foundation.namespaces(params)
    yield from foundation.service_accounts(params)
    yield from network.policies(params, facts)
    yield from external_secrets.external_secrets(params, facts)
    yield from node_pools.node_pools(params, facts)
    yield workloads.config_map(params, facts)
    yield from workloads.authorities(params)
    yield from workloads.agent(params, facts)
    yield from workloads.consumers(params, facts)


def _consumer(params: Mapping[str, Any], consumer: Mapping[str, Any]) -> dict[str, Any]:
    """With what it does not set itself."""
    common = {**DEFAULTS, **{name: params[variable] for name, variable in COMMON.items()}}
    return {**common, **{name: value for name, value in consumer.items() if value is not None}}


# What the argument spec and the lookups need of a tier; its objects are not of AWS, so that no kind of them is the engine's.
TIER = Tier(
    name="kubernetes", spec=SPEC, kinds=(), declare=lambda params, place: lookups(params, place)[0], check=check, looks_up=LOOKS_UP
)
