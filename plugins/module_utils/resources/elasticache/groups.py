# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache: the groups of subnets and of parameters that a replication group is made with.

Facts: ElastiCache API reference (ModifyCacheSubnetGroup, ModifyCacheParameterGroup: at most 20 parameters a call,
ResetCacheParameterGroup) and user guide ("Engine specific parameters").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .common import GONE, SERVICE, ours, strangers, write_tags

CHANGES_A_CALL = 20


class CacheSubnetGroup(Kind):
    """The subnets that the nodes of a replication group stand in. Its natural name is its name."""

    name = "cache_subnet_group"
    services = (SERVICE,)
    fields = (Field("name", on_change="replace"), Field("description"), Field("subnets", unordered=True))

    def observe(self, view: View) -> Iterable[Observed]:
        found = view.api.pages(SERVICE, "describe_cache_subnet_groups", "CacheSubnetGroups")
        for address, item, tags in ours(view, self.name, found, "CacheSubnetGroupName"):
            name = item["CacheSubnetGroupName"]
            fields = {
                "name": name,
                "description": item.get("CacheSubnetGroupDescription"),
                "subnets": [subnet["SubnetIdentifier"] for subnet in item.get("Subnets") or ()],
            }
            yield Observed(address, name, fields, {"name": name, "arn": item["ARN"]}, tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = view.api.pages(SERVICE, "describe_cache_subnet_groups", "CacheSubnetGroups")
        yield from strangers(view, self, found, "CacheSubnetGroupName", "VpcId")

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, "name": name, "arn": context.api.arn(SERVICE, f"subnetgroup:{name}")}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(SERVICE).create_cache_subnet_group(
            CacheSubnetGroupName=desired["name"],
            CacheSubnetGroupDescription=desired["description"],
            SubnetIds=desired["subnets"],
            Tags=as_list(desired["tags"]),
        )["CacheSubnetGroup"]
        fields = {field.name: desired[field.name] for field in self.fields}
        return Observed(resource.address, desired["name"], fields, {"name": desired["name"], "arn": answer["ARN"]})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "tags" in delta:
            write_tags(context, observed.attributes["arn"], delta["tags"])
        if delta.any("description", "subnets"):
            desired = resource.desired
            context.api.client(SERVICE).modify_cache_subnet_group(
                CacheSubnetGroupName=observed.id,
                CacheSubnetGroupDescription=desired["description"],
                SubnetIds=desired["subnets"],
            )

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        client = context.api.client(SERVICE)
        with tolerating(*GONE):
            # It counts as used for a moment after the group that used it is gone.
            until(
                lambda: client.delete_cache_subnet_group(CacheSubnetGroupName=observed.id),
                not_yet=lambda error: is_code(error, "CacheSubnetGroupInUse"),
            )


class CacheParameterGroup(Kind):
    """The parameters of a family of engine versions. Its natural name is its name.

    ``parameters`` maps those that are set to their values, as texts; all others have AWS's values. AWS calls set (``Source``
    user) only what differs from the family's default: what is desired is compared by its value.
    """

    name = "cache_parameter_group"
    services = (SERVICE,)
    fields = (
        Field("name", on_change="replace"),
        Field("family", on_change="replace"),
        # AWS has no call that changes it.
        Field("description", on_change="keep"),
        Field("parameters"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        found = view.api.pages(SERVICE, "describe_cache_parameter_groups", "CacheParameterGroups")
        mine = list(ours(view, self.name, found, "CacheParameterGroupName"))
        desired = {resource.desired["name"]: resource.desired["parameters"] for resource in view.resources}
        names = [item["CacheParameterGroupName"] for _address, item, _tags in mine]
        values = view.api.map(lambda name: self._parameters(view, name, desired.get(name) or {}), names)
        for (address, item, tags), parameters in zip(mine, values, strict=True):
            name = item["CacheParameterGroupName"]
            fields = {"name": name, "family": item["CacheParameterGroupFamily"], "parameters": parameters}
            yield Observed(address, name, fields, {"name": name, "arn": item["ARN"]}, tags)

    @staticmethod
    def _parameters(context: Context, name: str, desired: Mapping[str, str]) -> dict[str, str]:
        """Those that were set, and those that are desired, whoever set them."""
        with tolerating(*GONE):
            items = context.api.pages(SERVICE, "describe_cache_parameters", "Parameters", CacheParameterGroupName=name)
            return {
                item["ParameterName"]: item.get("ParameterValue", "")
                for item in items
                if item.get("Source") == "user" or item["ParameterName"] in desired
            }
        return {}

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = view.api.pages(SERVICE, "describe_cache_parameter_groups", "CacheParameterGroups")
        yield from strangers(view, self, found, "CacheParameterGroupName")

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, "name": name, "arn": context.api.arn(SERVICE, f"parametergroup:{name}")}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(SERVICE).create_cache_parameter_group(
            CacheParameterGroupName=desired["name"],
            CacheParameterGroupFamily=desired["family"],
            Description=desired["description"],
            Tags=as_list(desired["tags"]),
        )["CacheParameterGroup"]
        fields = {"name": desired["name"], "family": desired["family"], "parameters": {}}
        return Observed(resource.address, desired["name"], fields, {"name": desired["name"], "arn": answer["ARN"]})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client(SERVICE)
        if "tags" in delta:
            write_tags(context, observed.attributes["arn"], delta["tags"])
        if "parameters" in delta:
            old, new = delta["parameters"].old or {}, delta["parameters"].new
            for names in _batches(sorted(name for name in old if name not in new)):
                items = [{"ParameterName": name, "ParameterValue": old[name]} for name in names]
                client.reset_cache_parameter_group(CacheParameterGroupName=observed.id, ParameterNameValues=items)
            for names in _batches(sorted(name for name in new if old.get(name) != new[name])):
                items = [{"ParameterName": name, "ParameterValue": new[name]} for name in names]
                client.modify_cache_parameter_group(CacheParameterGroupName=observed.id, ParameterNameValues=items)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        client = context.api.client(SERVICE)
        with tolerating(*GONE):
            # As a subnet group.
            until(
                lambda: client.delete_cache_parameter_group(CacheParameterGroupName=observed.id),
                not_yet=lambda error: is_code(error, "InvalidCacheParameterGroupState"),
            )


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), CHANGES_A_CALL):
        yield names[start : start + CHANGES_A_CALL]
