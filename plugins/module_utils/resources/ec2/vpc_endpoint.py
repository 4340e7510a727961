# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC endpoints: gateways on route tables, and interfaces in subnets.

Facts: EC2 API reference (ModifyVpcEndpoint takes what is to be added and removed, all in one call; DeleteVpcEndpoints reports its
failures in its answer); PrivateLink guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import raise_unsuccessful
from ...aws.policies import parse, same_policy, text
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Observed, Resource
from ...reconcile.waiter import Waiter
from .common import Ec2Kind

# Field -> the parameter of CreateVpcEndpoint; with Add or Remove before it, that of ModifyVpcEndpoint.
MEMBERS = {"subnets": "SubnetIds", "security_groups": "SecurityGroupIds", "route_tables": "RouteTableIds"}


class VpcEndpoint(Ec2Kind):
    """``type``: ``Gateway``, with ``route_tables``, or ``Interface``, with ``subnets``, ``security_groups`` and ``private_dns``."""

    name = "vpc_endpoint"
    listing = ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "VpcEndpointIds")
    resource_type = "vpc-endpoint"
    vpc_filter = "vpc-id"
    observe_after = ("vpc",)
    place = ("vpc_id", "service", "type")
    within = ("vpc", "subnet", "security_group", "route_table")
    waiter = Waiter(
        ready=frozenset({"available"}), failed=frozenset({"failed", "rejected", "expired"}), gone=frozenset({"deleted"}), delay=3.0
    )
    fields = (
        Field("vpc_id", on_change="replace"),
        Field("service", on_change="replace"),
        Field("type", on_change="replace"),
        Field("policy", equal=same_policy),
        Field("private_dns"),
        *(Field(name, unordered=True) for name in MEMBERS),
    )

    def is_of_aws(self, item: Mapping[str, Any]) -> bool:
        return bool(item.get("RequesterManaged"))

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "vpc_id": item["VpcId"],
            "service": item["ServiceName"],
            "type": item["VpcEndpointType"],
            "policy": parse(item.get("PolicyDocument")),
            "private_dns": item.get("PrivateDnsEnabled", False),
            "subnets": item.get("SubnetIds") or [],
            "security_groups": [group["GroupId"] for group in item.get("Groups") or ()],
            "route_tables": item.get("RouteTableIds") or [],
        }

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"service": item["ServiceName"]}

    def occupies(self, observed: Observed) -> Iterable[str]:
        """Where its interfaces are; a gateway has none."""
        return [identity for name in ("subnets", "security_groups") for identity in observed.fields.get(name) or ()]

    def broken(self, item: Mapping[str, Any]) -> str | None:
        error = item.get("LastError") or {}
        failed = (item.get("State") or "").lower() in self.waiter.failed
        return f"it failed: {error.get('Code', 'no code')}: {error.get('Message', 'no message')}" if failed else None

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        members = {parameter: desired[field] for field, parameter in MEMBERS.items() if desired.get(field)}
        if desired.get("private_dns") is not None:
            members["PrivateDnsEnabled"] = desired["private_dns"]
        answer = context.api.client("ec2").create_vpc_endpoint(
            VpcId=desired["vpc_id"],
            ServiceName=desired["service"],
            VpcEndpointType=desired["type"],
            PolicyDocument=text(desired["policy"]),
            TagSpecifications=self.tagging(resource),
            **members,
        )
        made = self.made(resource, answer["VpcEndpoint"])
        # All of it was set by this call, even if a pending endpoint does not show it yet.
        made.fields = {field.name: desired.get(field.name) for field in self.fields}
        return made

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        changes: dict[str, Any] = {}
        for field, parameter in MEMBERS.items():
            if field in delta:
                old, new = set(delta[field].old or ()), set(delta[field].new)
                changes.update({f"Add{parameter}": sorted(new - old), f"Remove{parameter}": sorted(old - new)})
        if "policy" in delta:
            changes["PolicyDocument"] = text(delta["policy"].new)
        if "private_dns" in delta:
            changes["PrivateDnsEnabled"] = delta["private_dns"].new
        changes = {name: value for name, value in changes.items() if value != []}
        if changes:
            context.api.client("ec2").modify_vpc_endpoint(VpcEndpointId=observed.id, **changes)

    def remove(self, client: Any, observed: Observed) -> None:
        raise_unsuccessful(client.delete_vpc_endpoints(VpcEndpointIds=[observed.id]), "DeleteVpcEndpoints")
