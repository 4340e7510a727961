# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags in AWS's shapes, and the calls that write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..reconcile.delta import Change
from ..reconcile.ownership import ADDRESS, DEPLOYMENT, TIER, Owner


def as_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def as_dict(tags: Iterable[Mapping[str, str]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag.get(value, "") for tag in tags or ()}


def written(change: Change) -> tuple[dict[str, str], list[str]]:
    """What a change of tags means: those to set, and the keys to remove."""
    old, new = change.old or {}, change.new
    return {k: v for k, v in new.items() if old.get(k) != v}, sorted(set(old) - set(new))


def specification(resource_type: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """EC2's TagSpecifications: tags in the call that makes the resource. ``resource_type`` as EC2 spells it (``natgateway``)."""
    return [{"ResourceType": resource_type, "Tags": as_list(tags)}]


def owned_filter(owner: Owner) -> list[dict[str, Any]]:
    """EC2's Filters for everything that this tier of this deployment owns."""
    return [
        {"Name": f"tag:{DEPLOYMENT}", "Values": [owner.deployment]},
        {"Name": f"tag:{TIER}", "Values": [owner.tier]},
    ]


def owned_arns(context: Any, resource_type: str, client: str = "resourcegroupstaggingapi") -> list[str]:
    """ARNs of what this tier of this deployment owns, for a service whose lists show no tags. ``resource_type`` as the tagging API
    has it (``logs:log-group``). It may still list what was deleted minutes ago."""
    owner = context.owner
    filters = [{"Key": DEPLOYMENT, "Values": [owner.deployment]}, {"Key": TIER, "Values": [owner.tier]}]
    found = context.api.pages(
        client, "get_resources", "ResourceTagMappingList", ResourceTypeFilters=[resource_type], TagFilters=filters
    )
    return [item["ResourceARN"] for item in found]


def address_in(tags: Mapping[str, str], kind: str, fallback: str) -> str:
    """The address that the tags give; one that no configuration has (by ``fallback``, the id) where they give none of the kind."""
    address = tags.get(ADDRESS, "")
    return address if address.startswith(kind + "/") else f"{kind}/{fallback}"


def write_resource_tags(client: Any, arn: str, change: Change) -> None:
    """AddTagsToResource and RemoveTagsFromResource, as RDS and ElastiCache have them, each only when needed."""
    to_set, to_remove = written(change)
    if to_set:
        client.add_tags_to_resource(ResourceName=arn, Tags=as_list(to_set))
    if to_remove:
        client.remove_tags_from_resource(ResourceName=arn, TagKeys=to_remove)


def write_ec2_tags(client: Any, resource_id: str, change: Change) -> None:
    """EC2 CreateTags and DeleteTags, each only when needed."""
    to_set, to_remove = written(change)
    if to_set:
        client.create_tags(Resources=[resource_id], Tags=as_list(to_set))
    if to_remove:
        client.delete_tags(Resources=[resource_id], Tags=[{"Key": key} for key in to_remove])
