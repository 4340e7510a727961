# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public addresses that stay."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ...reconcile.resource import Context, Observed, Resource, View
from .common import Ec2Kind


class ElasticIp(Ec2Kind):
    """An address of Amazon's pool. Nothing of it can change but its tags."""

    name = "elastic_ip"
    listing = ("describe_addresses", "Addresses", "AllocationId", "AllocationIds")
    resource_type = "elastic-ip"
    observe_after = ("nat_gateway",)

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"public_ip": item["PublicIp"]}

    def in_place_of(
        self, view: View, missing: Sequence[Resource], claimed: Container[str]
    ) -> Iterable[tuple[Resource, Mapping[str, Any]]]:
        """Those that our NAT gateways have."""
        used = {}
        for gateway in view.desired("nat_gateway"):
            standing = view.of("nat_gateway").get(gateway.address)
            allocation = standing.fields["allocation_id"] if standing else None
            if allocation and allocation not in claimed:
                used[gateway.desired["allocation_id"].address] = allocation
        wanted = {used[resource.address]: resource for resource in missing if resource.address in used}
        if wanted:
            filters = [{"Name": "allocation-id", "Values": sorted(wanted)}]
            for item in view.api.pages("ec2", "describe_addresses", "Addresses", Filters=filters):
                yield wanted[item["AllocationId"]], item

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").allocate_address(Domain="vpc", TagSpecifications=self.tagging(resource))
        return self.made(resource, answer)

    def remove(self, client: Any, observed: Observed) -> None:
        client.release_address(AllocationId=observed.id)
