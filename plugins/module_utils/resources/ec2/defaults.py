# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 makes together with a VPC and deletes with it: its default security group and its default network ACL.

Neither can be deleted; so each is adopted: it gets our tags and the rules that are asked for, none to let nothing through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ...aws.retry import until
from ...aws.tags import as_dict
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Context, Observed, Resource, View
from .common import Ec2Kind
from .network_acl import entries_of, write_entries
from .rules import OPERATIONS, rules_of, write_rules


class DefaultKind(Ec2Kind):
    """``default``: the filter that tells the default one from the others of its VPC."""

    implicit = True
    observe_after = ("vpc",)
    default: ClassVar[dict[str, Any]]

    def observe(self, view: View) -> Iterable[Observed]:
        """Those of our VPCs, which the desired ones are named after, whether or not they carry our tags yet."""
        vpcs = {vpc.id: address.split("/", 1)[1] for address, vpc in view.of("vpc").items()}
        if not vpcs:
            return
        operation, key, _id_key, _ids = self.listing
        filters = [self.default, {"Name": "vpc-id", "Values": sorted(vpcs)}]
        for item in view.api.pages("ec2", operation, key, Filters=filters):
            yield self.adopted(f"{self.name}/{vpcs[item['VpcId']]}", item)

    def adopted(self, address: str, item: Mapping[str, Any]) -> Observed:
        return Observed(address, item[self.listing[2]], fields=self.values(item), tags=as_dict(item.get("Tags")))

    def create(self, context: Context, resource: Resource) -> Observed:
        """Find what EC2 has just made with the VPC."""
        operation, key, _id_key, _ids = self.listing
        filters = [self.default, {"Name": "vpc-id", "Values": [resource.desired["vpc_id"]]}]
        found = until(lambda: context.api.pages("ec2", operation, key, Filters=filters), done=bool)
        if not found:
            raise EngineError(f"{resource.address} of {resource.desired['vpc_id']} is not visible yet: run again")
        return self.adopted(resource.address, found[0])


class DefaultSecurityGroup(DefaultKind):
    name = "default_security_group"
    listing = ("describe_security_groups", "SecurityGroups", "GroupId", "GroupIds")
    default: ClassVar[dict[str, Any]] = {"Name": "group-name", "Values": ["default"]}
    fields = (
        Field("vpc_id", on_change="replace"),
        Field("ingress", unordered=True),
        Field("egress", unordered=True),
    )

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"vpc_id": item["VpcId"], **rules_of(item)}

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        for direction in OPERATIONS:
            if direction in delta:
                write_rules(context.api.client("ec2"), observed.id, direction, delta[direction])


class DefaultNetworkAcl(DefaultKind):
    name = "default_network_acl"
    listing = ("describe_network_acls", "NetworkAcls", "NetworkAclId", "NetworkAclIds")
    default: ClassVar[dict[str, Any]] = {"Name": "default", "Values": ["true"]}
    fields = (Field("vpc_id", on_change="replace"), Field("ingress"), Field("egress"))

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {"vpc_id": item["VpcId"], **entries_of(item)}

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        write_entries(context.api.client("ec2"), observed.id, delta)
