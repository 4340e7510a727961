# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to whom: nothing is allowed but the flows of the platform.

Facts: Kubernetes, "Network Policies" (a pod that any policy selects is denied what none of its policies allows; they add up);
EKS user guide, "Limit Pod traffic with Kubernetes network policies" (the VPC CNI allows a node to reach its own pods, so that
probes pass) and "EKS Pod Identity agent" (link-local address and port).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .objects import APP, Object, make

DNS_PODS = {"k8s-app": "kube-dns"}
NAMESPACE_NAME = "kubernetes.io/metadata.name"
# The pod identity agent of the node.
IDENTITY_CIDR, IDENTITY_PORT = "169.254.170.23/32", 80
# What is not the internet: RFC 1918, shared address space, link-local.
NOT_PUBLIC = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
ANYWHERE = "0.0.0.0/0"
HTTPS, POSTGRESQL, REDIS, DNS = 443, 5432, 6379, 53
# The platform's Jobs, and what each reaches in the database subnets.
JOBS = {"schema": (POSTGRESQL,), "verify": (POSTGRESQL, REDIS)}


def policies(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterable[Object]:
    namespace = params["namespace"]
    yield make("NetworkPolicy", "default-deny", namespace, _spec({}, ingress=[], egress=[]))
    yield make("NetworkPolicy", "dns", namespace, _spec({}, egress=[_dns()]))
    agent = {"matchLabels": {APP: params["agent_name"]}}
    yield make("NetworkPolicy", params["agent_name"], namespace, _spec(agent, _into(params, facts), _out_of(params, facts)))
    for consumer in params["consumers"]:
        chosen = {"matchLabels": {APP: consumer["name"]}}
        yield make("NetworkPolicy", consumer["name"], namespace, _spec(chosen, egress=_out_of(params, facts)))
    if params["jobs_namespace"]:
        yield from _jobs(params, facts)


def _jobs(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterable[Object]:
    """Nothing comes in to them."""
    namespace = params["jobs_namespace"]
    yield make("NetworkPolicy", "default-deny", namespace, _spec({}, ingress=[], egress=[]))
    yield make("NetworkPolicy", "dns", namespace, _spec({}, egress=[_dns()]))
    for job, stores in JOBS.items():
        chosen = {"matchLabels": {APP: job}}
        yield make("NetworkPolicy", job, namespace, _spec(chosen, egress=_out_of(params, facts, stores)))


def _spec(pods: Mapping[str, Any], ingress: Any = None, egress: Any = None) -> dict[str, Any]:
    """``ingress`` and ``egress``: the rules; None: the policy is not about that direction."""
    types = [name for name, rules in (("Ingress", ingress), ("Egress", egress)) if rules is not None]
    rules = {name: rules for name, rules in (("ingress", ingress), ("egress", egress)) if rules}
    return {"spec": {"podSelector": dict(pods), "policyTypes": types, **rules}}


def _ports(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"protocol": protocol, "port": port} for protocol, port in pairs]


def _blocks(cidrs: Iterable[str]) -> list[dict[str, Any]]:
    return [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]


def _dns() -> dict[str, Any]:
    pods = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "kube-system"}}, "podSelector": {"matchLabels": DNS_PODS}}
    return {"to": [pods], "ports": _ports(("UDP", DNS), ("TCP", DNS))}


def _into(params: Mapping[str, Any], facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """From the load balancer, whose addresses are in the public subnets; and from where metrics are collected, if anywhere."""
    ports = _ports(("TCP", params["agent_port"]))
    rules = [{"from": _blocks(facts["public_cidrs"]), "ports": ports}]
    if params.get("metrics_namespace"):
        collector = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: params["metrics_namespace"]}}}
        rules.append({"from": [collector], "ports": ports})
    return rules


def _out_of(
    params: Mapping[str, Any], facts: Mapping[str, Any], stores: Iterable[int] = (POSTGRESQL, REDIS)
) -> list[dict[str, Any]]:
    """``stores``, database and cache in the database subnets; AWS by the interface endpoints in the private subnets; the identity
    of the pod; and 443 on public addresses: S3 and DynamoDB behind the gateway endpoints, and the providers of models.
    """
    public = [
        {"ipBlock": {"cidr": cidr, **({"except": list(NOT_PUBLIC)} if cidr == ANYWHERE else {})}} for cidr in params["public_cidrs"]
    ]
    return [
        {"to": _blocks(facts["database_cidrs"]), "ports": _ports(*(("TCP", port) for port in stores))},
        {"to": _blocks(facts["private_cidrs"]), "ports": _ports(("TCP", HTTPS))},
        {"to": _blocks([IDENTITY_CIDR]), "ports": _ports(("TCP", IDENTITY_PORT))},
        {"to": public, "ports": _ports(("TCP", HTTPS))},
    ]
