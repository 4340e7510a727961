# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS: the parameters that a database's engine runs with.

Facts: RDS API reference (ModifyDBParameterGroup, ResetDBParameterGroup, DescribeEngineDefaultParameters) and user guide
("DB parameter groups for DB instances"): a static parameter takes effect when the instance is rebooted, a dynamic one at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import InvalidInput
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from . import common

NOT_FOUND = ("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault")
PARAMETERS_A_CALL = 20
RANGE = re.compile(r"^(-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)$")
NUMBER = re.compile(r"^-?\d+(\.\d+)?$")


class ParameterGroup(Kind):
    """``parameters``: name -> value as text, all that are set; every other one is the engine's default.

    AWS calls set (``Source`` user) only what differs from the family's default: what is desired is compared by its value.

    Its natural name is its name. What was changed and waits for a reboot is the attribute ``waiting_for_reboot``, of the run that
    changed it; afterwards the instance says so.
    """

    name = "db_parameter_group"
    services = (common.SERVICE,)
    irreplaceable = True
    fields = (
        Field("name", on_change="replace"),
        Field("family", on_change="replace"),
        Field("description", on_change="keep"),
        Field("parameters"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """Raises InvalidInput for a parameter that is to be changed and that the family does not have, or not so."""
        addresses = common.addresses(view)
        groups = view.api.pages(common.SERVICE, "describe_db_parameter_groups", "DBParameterGroups")
        mine = common.ours(view, groups, "DBParameterGroupName", "DBParameterGroupArn")
        desired = {resource.desired["name"]: resource.desired["parameters"] for resource in view.resources}
        names = [item["DBParameterGroupName"] for item, _tags in mine]
        found = dict(view.api.map(lambda name: (name, self._parameters(view, name, desired.get(name) or {})), names))
        if not view.thorough:
            for resource in view.resources:
                standing = found.get(resource.desired["name"], {})
                check_parameters(view, resource.desired["family"], _changed(resource.desired["parameters"], standing))
        for item, tags in mine:
            name = item["DBParameterGroupName"]
            fields = {"name": name, "family": item["DBParameterGroupFamily"], "parameters": found[name]}
            address = addresses.get(name) or address_in(tags, self.name, name)
            yield Observed(address, name, fields, _attributes(name, item["DBParameterGroupArn"]), tags)

    @staticmethod
    def _parameters(context: Context, name: str, desired: Mapping[str, str]) -> dict[str, str]:
        """What somebody set in the group, and what is desired to be set, whoever set it."""
        items = context.api.pages(common.SERVICE, "describe_db_parameters", "Parameters", DBParameterGroupName=name)
        return {
            item["ParameterName"]: item["ParameterValue"]
            for item in items
            if "ParameterValue" in item and (item.get("Source") == "user" or item["ParameterName"] in desired)
        }

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = view.api.pages(common.SERVICE, "describe_db_parameter_groups", "DBParameterGroups")
        yield from common.strangers(view, self, found, "DBParameterGroupName", "DBParameterGroupArn")

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, **_attributes(name, context.api.arn(common.SERVICE, f"pg:{name}"))}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        item = context.api.client(common.SERVICE).create_db_parameter_group(
            DBParameterGroupName=desired["name"],
            DBParameterGroupFamily=desired["family"],
            Description=desired["description"],
            Tags=common.tagging(resource),
        )["DBParameterGroup"]
        made = {"name": desired["name"], "family": desired["family"], "parameters": {}}
        return Observed(resource.address, desired["name"], made, _attributes(desired["name"], item["DBParameterGroupArn"]))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "parameters" in delta:
            old, new = delta["parameters"].old or {}, delta["parameters"].new
            changed, removed = _changed(new, old), sorted(set(old) - set(new))
            static = {
                name for name, item in catalogue(context, resource.desired["family"]).items() if item["ApplyType"] == "static"
            }
            for batch in _batches(changed):
                items = [{**_method(name, static), "ParameterValue": changed[name]} for name in batch]
                context.api.client(common.SERVICE).modify_db_parameter_group(DBParameterGroupName=observed.id, Parameters=items)
            for batch in _batches(removed):
                items = [_method(name, static) for name in batch]
                context.api.client(common.SERVICE).reset_db_parameter_group(
                    DBParameterGroupName=observed.id, ResetAllParameters=False, Parameters=items
                )
            # Nothing runs yet with what is new.
            if old:
                observed.attributes["waiting_for_reboot"] = sorted(static & {*changed, *removed}) or None
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        def call() -> None:
            with tolerating(*NOT_FOUND):
                context.api.client(common.SERVICE).delete_db_parameter_group(DBParameterGroupName=observed.id)

        def uses(item: Mapping[str, Any]) -> bool:
            return any(group["DBParameterGroupName"] == observed.id for group in item.get("DBParameterGroups") or ())

        common.delete_when_free(context, observed.address, call, "InvalidDBParameterGroupState", uses)


def catalogue(context: Context, family: str) -> dict[str, dict[str, Any]]:
    """What there is to set in groups of a family, by name. Some pages; read only where something is to be changed."""
    pages = context.api.client(common.SERVICE).get_paginator("describe_engine_default_parameters")
    found = pages.paginate(DBParameterGroupFamily=family)
    return {item["ParameterName"]: item for page in found for item in page["EngineDefaults"].get("Parameters") or ()}


def check_parameters(context: Context, family: str, parameters: Mapping[str, str]) -> None:
    if not parameters:
        return
    known = catalogue(context, family)
    for name, value in parameters.items():
        item = known.get(name)
        if item is None:
            raise InvalidInput(f"rds_parameters: {name!r} is no parameter of {family}")
        if not item.get("IsModifiable", True):
            raise InvalidInput(f"rds_parameters: {name!r} of {family} cannot be changed: leave it out")
        allowed = item.get("AllowedValues")
        if allowed and not _allowed(value, allowed, item.get("DataType")):
            raise InvalidInput(f"rds_parameters: {value!r} for {name} is not among what {family} takes: {allowed}")


def _allowed(value: str, allowed: str, data_type: str | None) -> bool:
    """By AWS's notation, a range or a list. What is a formula, or is written otherwise, is for AWS to judge."""
    bounds = RANGE.match(allowed)
    if "{" in value or "," in value:
        return True
    if bounds:
        return bool(NUMBER.match(value)) and float(bounds[1]) <= float(value) <= float(bounds[2])
    return value in allowed.split(",") or data_type not in ("boolean", "integer", "string")


def _changed(new: Mapping[str, str], old: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in new.items() if old.get(name) != value}


def _method(name: str, static: set[str]) -> dict[str, str]:
    return {"ParameterName": name, "ApplyMethod": "pending-reboot" if name in static else "immediate"}


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), PARAMETERS_A_CALL):
        yield ordered[start : start + PARAMETERS_A_CALL]


def _attributes(name: str, arn: str) -> dict[str, Any]:
    return {"name": name, "arn": arn}
