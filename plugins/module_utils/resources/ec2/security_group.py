# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups. Their rules are a kind of their own, so that groups can refer to each other and to themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, View
from .common import Ec2Kind
from .rules import EVERYTHING_OUT, OPERATIONS, permission_of, rules_of, write_rules


class SecurityGroup(Ec2Kind):
    name = "security_group"
    listing = ("describe_security_groups", "SecurityGroups", "GroupId", "GroupIds")
    resource_type = "security-group"
    vpc_filter = "vpc-id"
    observe_after = ("vpc",)
    place = ("vpc_id", "group_name")
    interfaces_by = "group-id"
    irreplaceable = True
    referred = True
    within = ("vpc",)
    fields = (
        Field("vpc_id", on_change="replace"),
        Field("group_name", on_change="replace"),
        Field("description", on_change="replace"),
    )

    def items(self, view: View) -> list[dict[str, Any]]:
        """Without the VPC's default group, which carries our tags once it is locked down and is a kind of its own."""
        return [item for item in super().items(view) if item["GroupName"] != "default"]

    def is_of_aws(self, item: Mapping[str, Any]) -> bool:
        """The VPC's default one, the one that EKS makes for a cluster, and the one of classic load balancers that name none."""
        return item["GroupName"] == "default" or item["GroupName"].startswith(("eks-cluster-sg-", "default_elb_"))

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The rules are for ``SecurityGroupRules``: they come in the same answer."""
        return {
            "vpc_id": item["VpcId"],
            "group_name": item["GroupName"],
            "description": item["Description"],
            **rules_of(item),
        }

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": item["GroupName"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client("ec2").create_security_group(
            VpcId=desired["vpc_id"],
            GroupName=desired["group_name"],
            Description=desired["description"],
            TagSpecifications=self.tagging(resource),
        )
        made = {field.name: desired[field.name] for field in self.fields}
        return Observed(resource.address, answer["GroupId"], fields=made, attributes={"name": desired["group_name"]})

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_security_group(GroupId=observed.id)


class SecurityGroupRules(Kind):
    """All rules of the group of the same name; others are removed.

    They go before any group does: EC2 deletes no group to which another's rules refer.
    """

    name = "security_group_rules"
    services = ("ec2",)
    tagged = False
    within = ("security_group",)
    observe_after = ("security_group",)
    fields = (Field("group_id", on_change="replace"), Field("ingress", unordered=True), Field("egress", unordered=True))

    def observe(self, view: View) -> Iterable[Observed]:
        for address, group in view.of("security_group").items():
            fields = {"group_id": group.id, **{direction: group.fields[direction] for direction in OPERATIONS}}
            # A group without any rule stands for nothing that could be deleted.
            if not view.thorough or fields["ingress"] or fields["egress"]:
                yield Observed(f"{self.name}/{address.split('/', 1)[1]}", group.id, fields=fields)

    def create(self, context: Context, resource: Resource) -> Observed:
        """The group is as new as this: what stands has been observed."""
        group_id = resource.desired["group_id"]
        fields = {"group_id": group_id, "ingress": [], "egress": [dict(EVERYTHING_OUT)]}
        return Observed(resource.address, group_id, fields=fields)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        for direction in OPERATIONS:
            if direction in delta:
                write_rules(context.api.client("ec2"), observed.id, direction, delta[direction])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        for direction, (_add, _describe, revoke) in OPERATIONS.items():
            permissions = [permission_of(rule) for rule in observed.fields[direction]]
            with tolerating("NotFound"):
                if permissions:
                    getattr(context.api.client("ec2"), revoke)(GroupId=observed.id, IpPermissions=permissions)
