# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out to, and in from, the internet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Observed, Resource
from .common import Ec2Kind


class InternetGateway(Ec2Kind):
    """Made by itself and then attached: a gateway that was cut off in between is attached by the next run."""

    name = "internet_gateway"
    listing = ("describe_internet_gateways", "InternetGateways", "InternetGatewayId", "InternetGatewayIds")
    resource_type = "internet-gateway"
    vpc_filter = "attachment.vpc-id"
    observe_after = ("vpc",)
    # A VPC has one at most.
    place = ("vpc_id",)
    within = ("vpc",)
    fields = (Field("vpc_id"),)

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        attached = [attachment["VpcId"] for attachment in item.get("Attachments") or ()]
        return {"vpc_id": attached[0] if attached else None}

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").create_internet_gateway(TagSpecifications=self.tagging(resource))
        return self.made(resource, answer["InternetGateway"])

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "vpc_id" in delta:
            client = context.api.client("ec2")
            if delta["vpc_id"].old:
                client.detach_internet_gateway(InternetGatewayId=observed.id, VpcId=delta["vpc_id"].old)
            client.attach_internet_gateway(InternetGatewayId=observed.id, VpcId=delta["vpc_id"].new)

    def remove(self, client: Any, observed: Observed) -> None:
        if observed.fields["vpc_id"]:
            client.detach_internet_gateway(InternetGatewayId=observed.id, VpcId=observed.fields["vpc_id"])
        client.delete_internet_gateway(InternetGatewayId=observed.id)
