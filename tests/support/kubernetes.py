"""The kubernetes tier's parameters as the inventories give them, facts as an account would, and who may talk to whom."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import kubernetes as tier
from jinja2.nativetypes import NativeEnvironment

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ARGUMENTS = {"kubernetes_availability_zones": "zones"}
FACTS: dict[str, Any] = {
    "environment": "prod",
    "region": REGION,
    "cluster_name": "prod-agent-platform",
    "registry": "123456789012.dkr.ecr.us-east-1.amazonaws.com",
    "vpc_id": "vpc-1",
    "public_cidrs": ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"],
    "private_cidrs": ["10.0.64.0/20", "10.0.80.0/20", "10.0.96.0/20"],
    "database_cidrs": ["10.0.128.0/20", "10.0.144.0/20", "10.0.160.0/20"],
    "target_group_arn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/prod-ingress/1",
    "database_endpoint": "prod-agentdb.x.us-east-1.rds.amazonaws.com",
    "redis_endpoint": "master.prod-redis.x.use1.cache.amazonaws.com",
    "queues": {
        name: f"https://sqs.us-east-1.amazonaws.com/123456789012/prod-{name}"
        for name in ("ticket-events", "notification-requests", "knowledge-updates", "action-requests")
    },
    "tables": {"conversations": "prod-conversations", "sessions": "prod-sessions"},
    "buckets": {"user-uploads": "agent-prod-us-east-1-user-uploads"},
    "topics": {"ticket-events": "arn:aws:sns:us-east-1:123456789012:prod-ticket-events"},
    "custom_metrics": True,
    "node_role": "prod-us-east-1-eks-nodes",
    "node_subnets": ["subnet-1", "subnet-2", "subnet-3"],
    "node_security_groups": ["sg-1", "sg-2"],
    "node_key": "arn:aws:kms:us-east-1:123456789012:key/1",
}


def parameters(environment: str, **changed: Any) -> dict[str, Any]:
    """What the role passes with an environment's inventory, every option with a value; ``changed``: arguments instead of those."""
    values = yaml.safe_load((ROOT / "roles/kubernetes/defaults/main.yml").read_text())
    path = ROOT / f"inventories/{environment}/group_vars/{environment}/kubernetes.yml"
    values.update(yaml.safe_load(path.read_text()) if path.exists() else {})
    shared = {"platform_region": REGION, "platform_node_autoscaler": changed.get("node_autoscaler", "cluster-autoscaler")}
    shared |= {"platform_tags": {}}
    values = _rendered(values, NativeEnvironment(), shared)
    given = {ARGUMENTS.get(name, name.removeprefix("kubernetes_")): value for name, value in values.items()}
    filled = {name: option.get("default") for name, option in tier.TIER.argument_spec().items()}
    place = {"environment": environment, "region": REGION, "deployment": f"{environment}-{REGION}", "prefix": "agent"}
    for name in ("consumers", "namespaces", "helm_releases", "node_pools"):
        options = tier.SPEC[name]["options"]
        given[name] = [{**dict.fromkeys(options), **item} for item in given[name]]
    return {**filled, **given, **place, "cluster_name": f"{environment}-agent-platform", **changed}


def _rendered(value: Any, native: NativeEnvironment, shared: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _rendered(item, native, shared) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, native, shared) for item in value]
    return native.from_string(value).render(**shared) if isinstance(value, str) and "{{" in value else value


def objects(environment: str = "prod", facts: dict[str, Any] | None = None, **changed: Any) -> dict[str, dict[str, Any]]:
    """Address -> every object that an environment gets."""
    made = tier.render(parameters(environment, **changed), {**FACTS, **(facts or {})}, f"{environment}-{REGION}")
    from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.objects import address

    found = {address(item): item for item in made}
    assert len(found) == len(made)
    return found


class Flows:
    """What NetworkPolicies allow, by the rules of Kubernetes: a pod that a policy selects for a direction may do in it what one of
    the policies that select it allows, and nothing else.

    A pod is its namespace and its labels; any other peer is an address.
    """

    def __init__(self, policies: list[dict[str, Any]], namespaces: dict[str, dict[str, str]]):
        self.policies = policies
        self.namespaces = namespaces

    def out(self, pod: tuple[str, dict[str, str]], peer: Any, port: int, protocol: str = "TCP") -> bool:
        return self._allowed("Egress", "egress", "to", pod, peer, port, protocol)

    def into(self, pod: tuple[str, dict[str, str]], peer: Any, port: int, protocol: str = "TCP") -> bool:
        return self._allowed("Ingress", "ingress", "from", pod, peer, port, protocol)

    def _allowed(self, direction: str, rules: str, side: str, pod: Any, peer: Any, port: int, protocol: str) -> bool:
        namespace, labels = pod
        chosen = [
            policy["spec"]
            for policy in self.policies
            if policy["metadata"]["namespace"] == namespace
            and direction in policy["spec"]["policyTypes"]
            and _selects(policy["spec"]["podSelector"], labels)
        ]
        if not chosen:
            return True
        return any(
            _has_port(rule.get("ports"), port, protocol) and self._has_peer(rule.get(side), peer, namespace)
            for spec in chosen
            for rule in spec.get(rules, ())
        )

    def _has_peer(self, peers: Any, peer: Any, namespace: str) -> bool:
        return not peers or any(self._is_peer(one, peer, namespace) for one in peers)

    def _is_peer(self, one: dict[str, Any], peer: Any, namespace: str) -> bool:
        if isinstance(peer, str):
            address = ipaddress.ip_address(peer)
            block = one.get("ipBlock")
            return bool(block) and _within(address, block["cidr"]) and not any(_within(address, c) for c in block.get("except", ()))
        if "ipBlock" in one:
            return False
        where, labels = peer
        in_namespace = (
            _selects(one["namespaceSelector"], self.namespaces[where]) if "namespaceSelector" in one else where == namespace
        )
        return in_namespace and _selects(one.get("podSelector", {}), labels)


def _within(address: Any, cidr: str) -> bool:
    return address in ipaddress.ip_network(cidr)


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, selector
    return selector.get("matchLabels", {}).items() <= labels.items()


def _has_port(ports: Any, port: int, protocol: str) -> bool:
    return not ports or any(one["port"] == port and one.get("protocol", "TCP") == protocol for one in ports)
