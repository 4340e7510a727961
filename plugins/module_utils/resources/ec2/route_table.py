# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route tables: their routes, and the subnets that use them.

Facts: EC2 API reference. A subnet has one explicit association or none, and then uses the VPC's main table; an explicit one is
moved by ReplaceRouteTableAssociation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...reconcile.delta import Change, Delta, Field
from ...reconcile.resource import Context, Observed, Resource
from .common import Ec2Kind, at_least

DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
# The beginning of a target's id -> the parameter that takes it. Other targets are only ever removed.
TARGETS = {"igw-": "GatewayId", "nat-": "NatGatewayId"}
# Where a described route may name its target.
NAMED = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
)


class RouteTable(Ec2Kind):
    """``routes``: destination -> id of the target, complete. ``subnets``: those that must use it."""

    name = "route_table"
    listing = ("describe_route_tables", "RouteTables", "RouteTableId", "RouteTableIds")
    resource_type = "route-table"
    vpc_filter = "vpc-id"
    observe_after = ("vpc", "subnet")
    # A subnet uses one at a time.
    place = ("subnets",)
    within = ("vpc",)
    fields = (Field("vpc_id", on_change="replace"), Field("routes"), Field("subnets", equal=at_least))

    def is_of_aws(self, item: Mapping[str, Any]) -> bool:
        """The main one, which a VPC is born with."""
        return any(each.get("Main") for each in item.get("Associations") or ())

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "vpc_id": item["VpcId"],
            "routes": routes_of(item),
            "subnets": [link["SubnetId"] for link in item.get("Associations") or () if link.get("SubnetId")],
        }

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").create_route_table(
            VpcId=resource.desired["vpc_id"], TagSpecifications=self.tagging(resource)
        )
        return self.made(resource, answer["RouteTable"])

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client("ec2")
        if "routes" in delta:
            write_routes(client, observed.id, delta["routes"])
        if "subnets" in delta:
            associate(client, observed.id, sorted(set(delta["subnets"].new) - set(delta["subnets"].old or ())))

    def serves(self, observed: Observed) -> Iterable[str]:
        """EC2 deletes none that a subnet uses."""
        return observed.fields.get("subnets") or ()

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_route_table(RouteTableId=observed.id)


def routes_of(item: Mapping[str, Any]) -> dict[str, str]:
    """Those that somebody set: without the local one, an endpoint's own, and what a virtual private gateway propagates."""
    routes = {}
    for route in item.get("Routes") or ():
        target = next((route[name] for name in NAMED if route.get(name)), "unknown")
        if route.get("Origin", "CreateRoute") != "CreateRoute" or target == "local" or target.startswith("vpce-"):
            continue
        routes[next(route[name] for name in DESTINATIONS if route.get(name))] = target
    return routes


def write_routes(client: Any, table_id: str, change: Change) -> None:
    old, new = change.old or {}, change.new
    for destination, target in sorted(new.items()):
        if old.get(destination) != target:
            write = client.replace_route if destination in old else client.create_route
            parameter = next(name for prefix, name in TARGETS.items() if target.startswith(prefix))
            write(RouteTableId=table_id, **_destination(destination), **{parameter: target})
    for destination in sorted(set(old) - set(new)):
        client.delete_route(RouteTableId=table_id, **_destination(destination))


def _destination(text: str) -> dict[str, str]:
    if text.startswith("pl-"):
        return {"DestinationPrefixListId": text}
    return {"DestinationIpv6CidrBlock" if ":" in text else "DestinationCidrBlock": text}


def associate(client: Any, table_id: str, subnets: list[str]) -> None:
    """Let the subnets use the table, moving those that have an association with another."""
    tables = client.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": subnets}])["RouteTables"]
    links = {
        link["SubnetId"]: link["RouteTableAssociationId"]
        for table in tables
        for link in table["Associations"]
        if link.get("SubnetId")
    }
    for subnet in subnets:
        if subnet in links:
            with tolerating("NotFound"):
                client.replace_route_table_association(AssociationId=links[subnet], RouteTableId=table_id)
                continue
        client.associate_route_table(SubnetId=subnet, RouteTableId=table_id)
