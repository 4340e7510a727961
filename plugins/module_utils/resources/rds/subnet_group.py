# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS: the subnets that a database may be in.

Facts: RDS API reference (CreateDBSubnetGroup, ModifyDBSubnetGroup) and user guide ("Working with a DB instance in a VPC").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from . import common

NOT_FOUND = "DBSubnetGroupNotFoundFault"


class SubnetGroup(Kind):
    """Its natural name is its name, which AWS keeps in lower case."""

    name = "db_subnet_group"
    services = (common.SERVICE,)
    irreplaceable = True
    fields = (Field("name", on_change="replace"), Field("description"), Field("subnets", unordered=True))

    def observe(self, view: View) -> Iterable[Observed]:
        addresses = common.addresses(view)
        groups = view.api.pages(common.SERVICE, "describe_db_subnet_groups", "DBSubnetGroups")
        for item, tags in common.ours(view, groups, "DBSubnetGroupName", "DBSubnetGroupArn"):
            name = item["DBSubnetGroupName"]
            fields = {
                "name": name,
                "description": item["DBSubnetGroupDescription"],
                "subnets": [subnet["SubnetIdentifier"] for subnet in item["Subnets"]],
            }
            address = addresses.get(name) or address_in(tags, self.name, name)
            yield Observed(address, name, fields, _attributes(name, item["DBSubnetGroupArn"]), tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = view.api.pages(common.SERVICE, "describe_db_subnet_groups", "DBSubnetGroups")
        yield from common.strangers(view, self, found, "DBSubnetGroupName", "DBSubnetGroupArn", "VpcId")

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, **_attributes(name, context.api.arn(common.SERVICE, f"subgrp:{name}"))}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        item = context.api.client(common.SERVICE).create_db_subnet_group(
            DBSubnetGroupName=desired["name"],
            DBSubnetGroupDescription=desired["description"],
            SubnetIds=desired["subnets"],
            Tags=common.tagging(resource),
        )["DBSubnetGroup"]
        made = {field.name: desired[field.name] for field in self.fields}
        return Observed(resource.address, desired["name"], made, _attributes(desired["name"], item["DBSubnetGroupArn"]))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if delta.any("description", "subnets"):
            context.api.client(common.SERVICE).modify_db_subnet_group(
                DBSubnetGroupName=observed.id,
                DBSubnetGroupDescription=resource.desired["description"],
                SubnetIds=resource.desired["subnets"],
            )
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        def call() -> None:
            with tolerating(NOT_FOUND):
                context.api.client(common.SERVICE).delete_db_subnet_group(DBSubnetGroupName=observed.id)

        def uses(item: Mapping[str, Any]) -> bool:
            return (item.get("DBSubnetGroup") or {}).get("DBSubnetGroupName") == observed.id

        common.delete_when_free(context, observed.address, call, "InvalidDBSubnetGroupStateFault", uses)


def _attributes(name: str, arn: str) -> dict[str, Any]:
    return {"name": name, "arn": arn}
