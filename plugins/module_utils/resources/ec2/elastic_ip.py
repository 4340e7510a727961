# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public addresses that stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...reconcile.resource import Context, Observed, Resource
from .common import Ec2Kind


class ElasticIp(Ec2Kind):
    """An address of Amazon's pool. Nothing of it can change but its tags."""

    name = "elastic_ip"
    listing = ("describe_addresses", "Addresses", "AllocationId", "AllocationIds")
    resource_type = "elastic-ip"

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"public_ip": item["PublicIp"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").allocate_address(Domain="vpc", TagSpecifications=self.tagging(resource))
        return self.made(resource, answer)

    def remove(self, client: Any, observed: Observed) -> None:
        client.release_address(AllocationId=observed.id)
