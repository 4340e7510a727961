# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to AWS's own services that do not leave the network: gateway and interface endpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..aws.policies import parse
from . import policy, reach
from .model import Check
from .world import World

HTTPS = 443
# Endpoint -> the arrow that needs it, and an action that it has to let through.
INTERFACES = {
    "secretsmanager": ("4a", "secretsmanager:GetSecretValue"),
    "sns": ("4f", "sns:Publish"),
    "sqs": ("4f", "sqs:ReceiveMessage"),
    "kms": ("4a", "kms:Decrypt"),
    "sts": ("3", "sts:GetCallerIdentity"),
    "ecr.api": ("3", "ecr:BatchGetImage"),
    "ecr.dkr": ("3", "ecr:BatchGetImage"),
    "logs": ("3", "logs:PutLogEvents"),
}
GATEWAYS = {"dynamodb": ("4c", "dynamodb:GetItem"), "s3": ("4d", "s3:GetObject")}


def checks(world: World) -> list[Check]:
    found = [
        Check(GATEWAYS[name][0], f"pods reach {name} by its gateway endpoint", _gateway(world, name))
        for name in world.params["gateway_endpoints"]
        if name in GATEWAYS
    ]
    for name in world.params["interface_endpoints"]:
        arrow = INTERFACES.get(name, ("3", ""))[0]
        found.append(Check(arrow, f"pods reach {name} by its interface endpoint", _interface(world, name)))
    return found


def _lets(world: World, endpoint: Mapping[str, Any], name: str, action: str) -> str | None:
    """Whether the endpoint's policy lets the workloads through, with what their own policies allow."""
    document = parse(endpoint.get("PolicyDocument")) or {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*"}}
    for workload in world.params["workloads"]:
        role = world.role(workload["name"])
        called = f"the policy of endpoint {endpoint['VpcEndpointId']} ({name})"
        for resource in _resources(world, name, workload):
            verdict = policy.judge([(called, document)], role.asks(action, resource, world.context()))
            if verdict.denied or not (verdict.allowed or verdict.delegated):
                why = f"{verdict.denied} denies" if verdict.denied else "it allows no"
                return f"{called} does not let role {role.name} through: {why} {action} on {resource}"
    return None


def _resources(world: World, name: str, workload: Mapping[str, Any]) -> list[str]:
    """What the workload uses of a service for whose endpoint's policy it matters which; for others any."""
    place = world.place

    def arns(service: str, what: str, beginning: str = "") -> list[str]:
        return [place.arn(service, beginning + world.named(item)) for item in workload.get(what) or ()]

    buckets = sorted({bucket for one in ("read_buckets", "write_buckets") for bucket in workload.get(one) or ()})
    found = {
        "s3": [place.arn("s3", f"{world.bucket_name(bucket)}/x", region="", account="") for bucket in buckets],
        "dynamodb": arns("dynamodb", "tables", "table/"),
        "secretsmanager": [
            place.arn("secretsmanager", f"secret:{place.environment}/{item}-aaaaaa") for item in workload.get("secrets") or ()
        ],
        "sns": arns("sns", "publish"),
        "sqs": arns("sqs", "consume"),
    }
    return found.get(name, ["*"])


def _gateway(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        endpoint, network = world.endpoint(name), world.network
        if endpoint["State"].lower() != "available":
            return f"endpoint {endpoint['VpcEndpointId']} ({name}) is {endpoint['State']}"
        for subnet in world.workers.subnets:
            table = network.table(subnet)
            if table is None or table["RouteTableId"] not in endpoint.get("RouteTableIds", ()):
                called = network.name(table) if table else "of the subnet"
                return f"route table {called} has no route to endpoint {endpoint['VpcEndpointId']} ({name})"
            blocked = reach.acl_in_the_way(network, subnet, True, reach.ANYWHERE_BUT, (HTTPS, HTTPS)) or reach.acl_in_the_way(
                network, subnet, False, reach.ANYWHERE_BUT, reach.LINUX
            )
            if blocked:
                return blocked
        return _lets(world, endpoint, name, GATEWAYS[name][1])

    return prove


def _interface(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        endpoint = world.endpoint(name)
        called = f"endpoint {endpoint['VpcEndpointId']} ({name})"
        if endpoint["State"].lower() != "available":
            return f"{called} is {endpoint['State']}"
        if not endpoint.get("PrivateDnsEnabled"):
            return f"{called} has no private DNS, so its service's name leads out of the network"
        groups = tuple(group["GroupId"] for group in endpoint.get("Groups") or ())
        target = reach.Side(called, tuple(endpoint.get("SubnetIds") or ()), groups)
        action = INTERFACES.get(name, ("", ""))[1]
        return reach.way(world.network, world.workers, target, HTTPS) or (_lets(world, endpoint, name, action) if action else None)

    return prove
