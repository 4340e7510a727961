# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network itself.

Facts: EC2 API reference. ModifyVpcAttribute and DescribeVpcAttribute take one attribute a call, and DescribeVpcs shows none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ...aws.errors import is_code
from ...aws.tags import owned_filter
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Block, Context, Observed, Resource, View
from ...reconcile.waiter import Waiter
from .common import Ec2Kind
from .occupants import all_in, strangers_in

# Field -> attribute, as DescribeVpcAttribute takes it and as its answer and ModifyVpcAttribute spell it.
ATTRIBUTES = {
    "dns_support": ("enableDnsSupport", "EnableDnsSupport"),
    "dns_hostnames": ("enableDnsHostnames", "EnableDnsHostnames"),
}


class Vpc(Ec2Kind):
    name = "vpc"
    listing = ("describe_vpcs", "Vpcs", "VpcId", "VpcIds")
    resource_type = "vpc"
    irreplaceable = True
    referred = True
    interfaces_by = "vpc-id"
    waiter = Waiter(ready=frozenset({"available"}), await_deletion=False, delay=2.0)
    fields = (Field("cidr", on_change="replace"), Field("dns_support"), Field("dns_hostnames"))

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """With what a new VPC has; ``observe`` reads what an old one has."""
        return {"cidr": item["CidrBlock"], "dns_support": True, "dns_hostnames": False}

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"cidr": item["CidrBlock"]}

    def observe(self, view: View) -> Iterable[Observed]:
        found = list(super().observe(view))
        questions = [(observed, field) for observed in found for field in ATTRIBUTES]
        answers = view.api.map(lambda question: self._attribute(view, question[0].id, question[1]), questions)
        for (observed, field), value in zip(questions, answers, strict=True):
            observed.fields[field] = value
        return found

    def in_place_of(
        self, view: View, missing: Sequence[Resource], claimed: Container[str]
    ) -> Iterable[tuple[Resource, Mapping[str, Any]]]:
        """The one in which our subnets stand, the most of them if in several."""
        subnets = view.api.pages("ec2", "describe_subnets", "Subnets", Filters=owned_filter(view.owner))
        around = Counter(item["VpcId"] for item in subnets if item["VpcId"] not in claimed)
        for resource, identity in zip(missing, sorted(around, key=lambda one: (-around[one], one)), strict=False):
            filters = [{"Name": "vpc-id", "Values": [identity]}]
            for item in view.api.pages("ec2", "describe_vpcs", "Vpcs", Filters=filters):
                yield resource, item

    @staticmethod
    def _attribute(view: View, vpc_id: str, field: str) -> bool:
        asked, answered = ATTRIBUTES[field]
        return view.api.client("ec2").describe_vpc_attribute(VpcId=vpc_id, Attribute=asked)[answered]["Value"]

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").create_vpc(CidrBlock=resource.desired["cidr"], TagSpecifications=self.tagging(resource))
        return self.made(resource, answer["Vpc"])

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """Support comes first: AWS refuses host names without it."""
        for field, (_asked, attribute) in ATTRIBUTES.items():
            if field in delta:
                context.api.client("ec2").modify_vpc_attribute(VpcId=observed.id, **{attribute: {"Value": delta[field].new}})

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        others = strangers_in(context, observed.id)
        if not others:
            return None
        return Block(f"{others} in {observed.id} was not made by deployment {context.owner.deployment}: delete it and run again")

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Raises EngineError with what is still in it, where that is what EC2 minds."""
        try:
            super().delete(context, observed, options)
        except Exception as error:
            standing = all_in(context, observed.id) if is_code(error, "DependencyViolation") else ""
            if not standing:
                raise
            raise EngineError(f"{observed.address}: {standing} still in {observed.id}: delete it and run again") from error

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_vpc(VpcId=observed.id)
