# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of RDS share: names, tags, and who still uses what is to be deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.tags import as_dict, as_list, write_resource_tags
from ...reconcile.delta import Change
from ...reconcile.resource import Context, Kind, Resource, Stranger, View
from ...reconcile.waiter import Waiter, wait_gone
from ..strangers import named_or_inside

SERVICE = "rds"
DELETING = "deleting"
# What is deleted with an instance is free once that is gone.
GONE = Waiter(ready=frozenset(), delay=15.0, timeout=3600.0)


def ours(view: View, items: Iterable[Mapping[str, Any]], key: str, arn: str) -> list[tuple[Mapping[str, Any], dict[str, str]]]:
    """Those of ``items`` that are desired (by the name under ``key``) or owned, with their tags, one call for each that may be:
    the lists have none."""
    wanted = {resource.desired["name"] for resource in view.resources}
    prefix = f"{view.owner.environment}-"
    mine = [item for item in items if item[key] in wanted or item[key].startswith(prefix)]
    found = zip(mine, view.api.map(lambda item: _tags(view, item[arn]), mine), strict=True)
    return [(item, tags) for item, tags in found if item[key] in wanted or view.owner.owns_in_tier(tags)]


def strangers(view: View, kind: Kind, items: Iterable[Mapping[str, Any]], key: str, arn: str, vpc: str = "") -> Iterator[Stranger]:
    return named_or_inside(view, kind, items, key, arn, vpc, lambda one: _tags(view, one))


def addresses(view: View) -> dict[str, str]:
    """Name -> address of what is desired."""
    return {resource.desired["name"]: resource.address for resource in view.resources}


def _tags(context: Context, arn: str) -> dict[str, str]:
    with tolerating("NotFound", "DBParameterGroupNotFound", "DBSubnetGroupNotFoundFault"):
        return as_dict(context.api.client(SERVICE).list_tags_for_resource(ResourceName=arn)["TagList"])
    return {}


def tagging(resource: Resource) -> list[dict[str, str]]:
    return as_list(resource.desired["tags"])


def write_tags(context: Context, arn: str, change: Change) -> None:
    write_resource_tags(context.api.client(SERVICE), arn, change)


def describe_instance(context: Context, name: str) -> Mapping[str, Any] | None:
    with tolerating("DBInstanceNotFound", "DBInstanceNotFoundFault"):
        return context.api.client(SERVICE).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return None


def delete_when_free(
    context: Context, address: str, call: Callable[[], Any], used: str, uses: Callable[[Mapping[str, Any]], bool]
) -> None:
    """``call`` deletes what an instance may use; ``used``: AWS's code for that. One that is being deleted is waited for."""
    try:
        call()
    except Exception as error:
        if not is_code(error, used):
            raise
        instances = context.api.pages(SERVICE, "describe_db_instances", "DBInstances")
        leaving = [item["DBInstanceIdentifier"] for item in instances if uses(item) and item["DBInstanceStatus"] == DELETING]
        if not leaving:
            raise
        for name in leaving:
            wait_gone(GONE, address, lambda name=name: _state(context, name), context.progress)
        call()


def _state(context: Context, name: str) -> str | None:
    item = describe_instance(context, name)
    return f"used by {name}, which is {item['DBInstanceStatus']}" if item else None
