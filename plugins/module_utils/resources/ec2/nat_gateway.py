# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT gateways.

Facts: VPC user guide, "NAT gateways": a failed one stays listed for about an hour and does nothing; a deleted one too; its
address is free once it is deleted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ...aws.tags import as_dict, owned_filter
from ...reconcile.delta import Field
from ...reconcile.ownership import ADDRESS
from ...reconcile.reference import Ref
from ...reconcile.resource import Context, Observed, Resource, View
from ...reconcile.waiter import Waiter
from .common import Ec2Kind, state_of


class NatGateway(Ec2Kind):
    name = "nat_gateway"
    listing = ("describe_nat_gateways", "NatGateways", "NatGatewayId", "NatGatewayIds")
    filter_parameter = "Filter"
    resource_type = "natgateway"
    vpc_filter = "vpc-id"
    observe_after = ("vpc", "subnet")
    place = ("subnet_id", "connectivity")
    within = ("subnet", "elastic_ip", "internet_gateway")
    waiter = Waiter(ready=frozenset({"available"}), failed=frozenset({"failed"}), gone=frozenset({"deleted"}), delay=5.0)
    fields = (
        Field("subnet_id", on_change="replace"),
        Field("allocation_id", on_change="replace"),
        Field("connectivity", on_change="replace"),
    )

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "subnet_id": item["SubnetId"],
            "allocation_id": self._address(item).get("AllocationId"),
            "connectivity": item.get("ConnectivityType", "public"),
        }

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"public_ip": self._address(item).get("PublicIp")}

    @staticmethod
    def _address(item: Mapping[str, Any]) -> Mapping[str, Any]:
        """The primary one; secondary ones can come and go without us. Until IsPrimary is told the only one is."""
        addresses = item.get("NatGatewayAddresses") or [{}]
        return next((address for address in addresses if address.get("IsPrimary")), addresses[0])

    def occupies(self, observed: Observed) -> Iterable[str]:
        return [observed.fields[name] for name in ("subnet_id", "allocation_id") if observed.fields.get(name)]

    def broken(self, item: Mapping[str, Any]) -> str | None:
        if state_of(item) != "failed":
            return None
        return f"it failed: {item.get('FailureCode', 'no code')}: {item.get('FailureMessage', 'no message')}"

    def in_place_of(
        self, view: View, missing: Sequence[Resource], claimed: Container[str]
    ) -> Iterable[tuple[Resource, Mapping[str, Any]]]:
        """Without those that have another address than the one that stands for it: somebody else's may be in our subnet too."""
        listed = view.api.pages("ec2", "describe_addresses", "Addresses", Filters=owned_filter(view.owner))
        ours = {as_dict(item.get("Tags")).get(ADDRESS): item["AllocationId"] for item in listed}
        for resource, item in super().in_place_of(view, missing, claimed):
            wanted = resource.desired["allocation_id"]
            allocation = ours.get(wanted.address) if isinstance(wanted, Ref) else wanted
            if allocation in (None, self.values(item)["allocation_id"]):
                yield resource, item

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client("ec2").create_nat_gateway(
            SubnetId=desired["subnet_id"],
            AllocationId=desired["allocation_id"],
            ConnectivityType=desired["connectivity"],
            TagSpecifications=self.tagging(resource),
        )
        made = self.made(resource, answer["NatGateway"])
        # A pending gateway may not list its address yet.
        made.fields["allocation_id"] = desired["allocation_id"]
        return made

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_nat_gateway(NatGatewayId=observed.id)
