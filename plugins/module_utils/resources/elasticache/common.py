# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of ElastiCache share: which of what was found is ours, and tags.

Facts: ElastiCache API reference. No Describe operation shows tags or filters by them (ListTagsForResource, one resource a call);
names are unique in an account and region, and AWS keeps them in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import is_code
from ...aws.tags import address_in, as_dict, write_resource_tags
from ...reconcile.delta import Change
from ...reconcile.resource import Context, Kind, Stranger, View
from ..strangers import named_or_inside

SERVICE = "elasticache"
GONE = (
    "ReplicationGroupNotFoundFault",
    "CacheSubnetGroupNotFoundFault",
    "CacheParameterGroupNotFound",
    "CacheClusterNotFound",
    "InvalidARN",
)
BUSY = "InvalidReplicationGroupState"


def ours(
    view: View, kind: str, found: Iterable[Mapping[str, Any]], name_key: str, desired_key: str = "name"
) -> Iterator[tuple[str, Mapping[str, Any], dict[str, str] | None]]:
    """Of what a Describe found, what is desired or owned: its address, itself and its tags (None where AWS shows none now).

    Tags are read only of what is desired or called as ours are: beginning with the environment.
    """
    wanted = {resource.desired[desired_key]: resource.address for resource in view.resources}
    prefix = f"{view.owner.environment}-"
    candidates = [item for item in found if item[name_key] in wanted or item[name_key].startswith(prefix)]
    for item, tags in zip(candidates, view.api.map(lambda item: tags_of(view, item["ARN"]), candidates), strict=True):
        name = item[name_key]
        if name in wanted or view.owner.owns_in_tier(tags or {}):
            yield wanted.get(name) or address_in(tags or {}, kind, name), item, tags


def strangers(view: View, kind: Kind, items: Iterable[Mapping[str, Any]], key: str, vpc: str = "") -> Iterator[Stranger]:
    return named_or_inside(view, kind, items, key, "ARN", vpc, lambda arn: tags_of(view, arn))


def tags_of(context: Context, arn: str) -> dict[str, str] | None:
    """None for what is gone, and for a replication group that is being made or deleted, whose tags AWS does not show."""
    try:
        return as_dict(context.api.client(SERVICE).list_tags_for_resource(ResourceName=arn).get("TagList"))
    except Exception as error:
        if not is_code(error, BUSY, *GONE):
            raise
    return None


def write_tags(context: Context, arn: str, change: Change) -> None:
    write_resource_tags(context.api.client(SERVICE), arn, change)
