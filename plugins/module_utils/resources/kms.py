# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS: customer managed keys, each with its alias.

Facts: KMS API reference and developer guide ("Rotating keys", "Deleting keys", "Key states").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..aws.errors import tolerating
from ..aws.policies import parse, same_policy, text
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import for_its_name, is_accounted_for, prefixes

TAG_SHAPE = ("TagKey", "TagValue")


class Key(Kind):
    """A symmetric key and its alias. Options: ``deletion_window_days`` (7 to 30).

    Its natural name is the alias. A key whose making was cut off before it got the alias, or that waits for its deletion,
    is found by its tags among the keys that have no alias: KMS has no bulk read of tags.
    """

    name = "kms_key"
    services = ("kms",)
    stateful = True
    referred = True
    guards = True
    revivable = True
    fields = (
        Field("alias"),
        Field("description"),
        Field("enabled"),
        Field("policy", equal=same_policy),
        Field("rotation_period_days"),
        Field("key_spec", on_change="replace"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        aliases = self._aliases(view)
        wanted = {resource.desired["alias"]: resource.address for resource in view.resources}
        # A second alias of a key is none of the key's names.
        desired = {key_id for alias, key_id in aliases.items() if alias in wanted}
        named = {
            alias: key_id
            for alias, key_id in aliases.items()
            if alias in wanted or (alias.startswith(f"alias/{view.owner.environment}/") and key_id not in desired)
        }
        found = view.api.map(lambda item: self._named(view, item[1], item[0], wanted.get(item[0])), named.items())
        yield from (observed for observed in found if observed)
        if view.thorough or not set(wanted) <= set(aliases):
            yield from self._without_alias(view, set(aliases.values()))

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Aliases of our names that are not in use as such: on a key of others, or on one of ours besides its own."""
        own = {key.attributes.get("alias") for key in view.of(self.name).values()}
        aliases = self._aliases(view)
        ours = [alias for alias in aliases if alias.startswith(prefixes(view, "/", "alias/")) and alias not in own]
        for alias in ours:
            tags = self._tags_if_readable(view, aliases[alias])
            second = f"{self.name}/{aliases[alias]}" in view.known
            if second or not is_accounted_for(view, tags):
                why = f"it is a second alias of {aliases[alias]}" if second else for_its_name(view, "/", "alias/")
                yield Stranger(f"{self.name}/{alias}", alias, tags=tags, why=why)

    def find(self, view: View) -> Iterable[Observed]:
        aliases = self._aliases(view)
        for resource in view.resources:
            key_id = aliases.get(resource.desired["alias"])
            if key_id:
                arn = view.api.arn("kms", f"key/{key_id}")
                yield Observed(resource.address, key_id, attributes={"arn": arn, "alias": resource.desired["alias"]})

    @staticmethod
    def _aliases(view: View) -> dict[str, str]:
        """Alias -> key id, of the whole account and region."""
        aliases = view.api.pages("kms", "list_aliases", "Aliases")
        return {alias["AliasName"]: alias["TargetKeyId"] for alias in aliases if "TargetKeyId" in alias}

    def _named(self, view: View, key_id: str, alias: str, address: str | None) -> Observed | None:
        """None for a key of others that is not desired (has no ``address``): its policy may let us read nothing but its name."""
        if address:
            # An alias of ours names the address even if the tags were lost.
            return dataclasses.replace(self._describe(view, key_id, alias), address=address)
        tags = self._tags_if_readable(view, key_id)
        return self._describe(view, key_id, alias, tags) if view.owner.owns_in_tier(tags) else None

    def _without_alias(self, view: View, named: set[str]) -> Iterator[Observed]:
        keys = [key["KeyId"] for key in view.api.pages("kms", "list_keys", "Keys") if key["KeyId"] not in named]
        for key_id, tags in zip(keys, view.api.map(lambda key: self._tags_if_readable(view, key), keys), strict=False):
            if view.owner.owns_in_tier(tags):
                yield self._describe(view, key_id, None, tags)

    @staticmethod
    def _tags_if_readable(view: View, key_id: str) -> dict[str, str]:
        """AWS's own keys and those of others may refuse; then they are not ours."""
        with tolerating("AccessDeniedException", "NotFoundException"):
            return as_dict(view.api.pages("kms", "list_resource_tags", "Tags", KeyId=key_id), *TAG_SHAPE)
        return {}

    def _describe(self, view: View, key_id: str, alias: str | None, tags: dict[str, str] | None = None) -> Observed:
        client = view.api.client("kms")
        metadata = client.describe_key(KeyId=key_id)["KeyMetadata"]
        if tags is None:
            tags = as_dict(view.api.pages("kms", "list_resource_tags", "Tags", KeyId=key_id), *TAG_SHAPE)
        state = metadata["KeyState"]
        rotation: Mapping[str, Any] = {}
        if state != "PendingDeletion":
            rotation = client.get_key_rotation_status(KeyId=key_id)
        return Observed(
            address_in(tags, self.name, key_id),
            key_id,
            fields={
                "alias": alias,
                "description": metadata.get("Description", ""),
                "enabled": state == "Enabled",
                "policy": parse(client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]),
                "rotation_period_days": rotation.get("RotationPeriodInDays") if rotation.get("KeyRotationEnabled") else None,
                "key_spec": metadata.get("KeySpec"),
            },
            attributes={"arn": metadata["Arn"], "alias": alias},
            tags=tags,
            state=state,
            leaving=state == "PendingDeletion" and alias is None,
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        metadata = context.api.client("kms").create_key(
            Description=desired["description"],
            KeySpec=desired["key_spec"],
            Policy=text(desired["policy"]),
            Tags=as_list(desired["tags"], *TAG_SHAPE),
        )["KeyMetadata"]
        made = {name: desired[name] for name in ("description", "key_spec", "policy")}
        return Observed(
            resource.address,
            metadata["KeyId"],
            fields={**made, "enabled": True, "alias": None, "rotation_period_days": None},
            attributes={"arn": metadata["Arn"], "alias": desired["alias"]},
        )

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, key_id = context.api.client("kms"), observed.id
        if "enabled" in delta:
            if observed.state == "PendingDeletion":
                client.cancel_key_deletion(KeyId=key_id)
            client.enable_key(KeyId=key_id)
        if "policy" in delta:
            client.put_key_policy(KeyId=key_id, PolicyName="default", Policy=text(delta["policy"].new))
        if "rotation_period_days" in delta:
            client.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=delta["rotation_period_days"].new)
        if "description" in delta:
            client.update_key_description(KeyId=key_id, Description=delta["description"].new)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(KeyId=key_id, Tags=as_list(to_set, *TAG_SHAPE))
            if to_remove:
                client.untag_resource(KeyId=key_id, TagKeys=to_remove)
        if "alias" in delta:
            if delta["alias"].old:
                client.delete_alias(AliasName=delta["alias"].old)
            client.create_alias(AliasName=delta["alias"].new, TargetKeyId=key_id)
            observed.attributes["alias"] = delta["alias"].new

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Schedule it. The alias goes first: without it a cut-off deletion is still found, by the key's tags."""
        client = context.api.client("kms")
        if observed.fields["alias"]:
            client.delete_alias(AliasName=observed.fields["alias"])
        if observed.state != "PendingDeletion":
            window = options.get("deletion_window_days", 30)
            client.schedule_key_deletion(KeyId=observed.id, PendingWindowInDays=window)
