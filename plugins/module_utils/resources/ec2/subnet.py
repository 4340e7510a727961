# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnets, and whether the availability zones that they name exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...reconcile.delta import Delta, Field
from ...reconcile.errors import InvalidInput
from ...reconcile.resource import Context, Observed, Resource, View
from ...reconcile.waiter import Waiter
from .common import Ec2Kind


class Subnet(Ec2Kind):
    """Options: ``excluded_zone_ids``, ids of zones in which it would be of no use (names are shuffled from account to account).

    Deleting one ends its associations with a route table and a network ACL, neither of which can be deleted before that.
    """

    name = "subnet"
    listing = ("describe_subnets", "Subnets", "SubnetId", "SubnetIds")
    resource_type = "subnet"
    vpc_filter = "vpc-id"
    observe_after = ("vpc",)
    place = ("vpc_id", "cidr")
    interfaces_by = "subnet-id"
    irreplaceable = True
    referred = True
    within = ("vpc", "route_table", "network_acl")
    waiter = Waiter(
        ready=frozenset({"available"}),
        failed=frozenset({"failed", "failed-insufficient-capacity"}),
        await_deletion=False,
        delay=2.0,
    )
    fields = (
        Field("vpc_id", on_change="replace"),
        Field("cidr", on_change="replace"),
        Field("availability_zone", on_change="replace"),
        Field("map_public_ip"),
    )

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "vpc_id": item["VpcId"],
            "cidr": item["CidrBlock"],
            "availability_zone": item["AvailabilityZone"],
            "map_public_ip": item.get("MapPublicIpOnLaunch", False),
        }

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"cidr": item["CidrBlock"], "availability_zone": item["AvailabilityZone"]}

    def observe(self, view: View) -> Iterable[Observed]:
        """Raises InvalidInput when a subnet that is still to be made names a zone that the account does not have."""
        found = list(super().observe(view))
        missing = {resource.address for resource in view.resources} - {observed.address for observed in found}
        if missing and not view.thorough:
            check_zones(view, [resource for resource in view.resources if resource.address in missing])
        return found

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client("ec2").create_subnet(
            VpcId=desired["vpc_id"],
            CidrBlock=desired["cidr"],
            AvailabilityZone=desired["availability_zone"],
            TagSpecifications=self.tagging(resource),
        )
        return self.made(resource, answer["Subnet"])

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "map_public_ip" in delta:
            value = {"Value": delta["map_public_ip"].new}
            context.api.client("ec2").modify_subnet_attribute(SubnetId=observed.id, MapPublicIpOnLaunch=value)

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_subnet(SubnetId=observed.id)


def check_zones(view: View, resources: list[Resource]) -> None:
    answer = view.api.client("ec2").describe_availability_zones()["AvailabilityZones"]
    zones = {zone["ZoneName"]: zone.get("ZoneId", "") for zone in answer if zone.get("ZoneType") == "availability-zone"}
    for resource in resources:
        zone, excluded = resource.desired["availability_zone"], set(resource.options.get("excluded_zone_ids", ()))
        usable = ", ".join(sorted(name for name, zone_id in zones.items() if zone_id not in excluded))
        if zone not in zones:
            raise InvalidInput(f"vpc_availability_zones: {zone!r} is no availability zone of this account: use some of {usable}")
        if zones[zone] in excluded:
            raise InvalidInput(
                f"vpc_availability_zones: {zone!r} is {zones[zone]}, where EKS has no control plane: use some of {usable}"
            )
