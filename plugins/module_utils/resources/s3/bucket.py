# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3: buckets with all their configurations.

Facts: S3 API reference and user guide ("Bucket naming rules", "Object Lock", "Enabling server access logging").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import DENIED, is_code, tolerating
from ...aws.tags import address_in, as_dict, as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Block, Context, Kind, Observed, Resource, Stranger, View
from ..strangers import Candidate, among, for_its_name
from . import contents
from .settings import SETTINGS, Setting

# The one region that has no LocationConstraint.
FIRST_REGION = "us-east-1"
# How often a bucket that gets new objects meanwhile is emptied again: logs arrive for hours after what they tell of.
ROUNDS = 5
# What is read of every bucket, besides its settings.
TAGS = "tags"


def base_name(prefix: str, environment: str, account_id: str, region: str) -> str:
    """What the names of all buckets of one deployment begin with."""
    return f"{prefix}-{environment}-{account_id}-{region}"


class Bucket(Kind):
    """A general purpose bucket. Options: ``destroy_data`` (a deletion may delete what it holds).

    Its natural name is ``name``. Buckets that are no longer in the configuration are found by the environment, account and
    region in their names and then by their tags; so are those of an earlier prefix, of which a change is refused.
    ``object_lock_enabled`` can be turned on at any time and never off again.
    """

    name = "s3_bucket"
    services = ("s3",)
    stateful = True
    referred = True
    fields = (
        Field("name", on_change="replace"),
        Field("object_lock_enabled", on_change="replace", equal=lambda desired, observed: desired or not observed),
        *(setting.field for setting in SETTINGS),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """One ListBuckets, then for each bucket one call a setting, all side by side."""
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        reads = [
            (bucket, setting)
            for bucket in self._candidates(view, wanted)
            for setting in (None, *(SETTINGS if bucket in wanted else ()))
        ]
        found: dict[str, dict[str, Any]] = {}
        for (bucket, setting), value in zip(reads, view.api.map(lambda read: self._read(view, *read), reads), strict=True):
            found.setdefault(bucket, {})[setting.field.name if setting else TAGS] = value
        for bucket, fields in found.items():
            tags = fields.pop(TAGS)
            if tags is not None and bucket in wanted:
                fields["object_lock_enabled"] = fields["object_lock"] is not None
                yield self._observed(view, wanted[bucket].address, bucket, fields, tags)
            elif tags is not None and view.owner.owns_in_tier(tags):
                yield self._observed(view, address_in(tags, self.name, bucket), bucket, {}, tags)

    def find(self, view: View) -> Iterable[Observed]:
        standing = set(self._names(view))
        for resource in view.resources:
            bucket = resource.desired["name"]
            if bucket in standing:
                yield Observed(resource.address, bucket, {"name": bucket}, self._attributes(view, bucket))

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Those of our names, whatever their prefix, which another deployment may have too."""
        ours = [bucket for bucket in self._candidates(view, {}) if f"{self.name}/{bucket}" not in view.known]
        why = for_its_name(view).replace("begins with", "has in it")
        yield from among(
            view, self, [Candidate(name, name, why, lambda name=name: self._tags_if_readable(view, name)) for name in ours]
        )

    @staticmethod
    def _tags_if_readable(view: View, bucket: str) -> dict[str, str] | None:
        with tolerating("NoSuchBucket", *DENIED):
            return _tags(view.api.client("s3"), bucket)
        return None

    @staticmethod
    def _names(view: View) -> list[str]:
        return [bucket["Name"] for bucket in view.api.pages("s3", "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000})]

    def _candidates(self, view: View, wanted: Mapping[str, Resource]) -> list[str]:
        ours = base_name("", view.owner.environment, view.api.account_id, view.api.region) + "-"
        return [bucket for bucket in self._names(view) if bucket in wanted or ours in bucket]

    @staticmethod
    def _read(view: View, bucket: str, setting: Setting | None) -> Any:
        """The tags, or a setting; None when the bucket is gone: ListBuckets shows a deleted one for a while."""
        client = view.api.client("s3")
        with tolerating("NoSuchBucket"):
            return setting.read(client, bucket) if setting else _tags(client, bucket)
        return None

    def _observed(self, view: View, address: str, bucket: str, fields: dict[str, Any], tags: dict[str, str]) -> Observed:
        return Observed(address, bucket, {"name": bucket, **fields}, self._attributes(view, bucket), tags)

    @staticmethod
    def _attributes(context: Context, bucket: str) -> dict[str, Any]:
        return {"arn": f"arn:{context.api.partition}:s3:::{bucket}", "name": bucket}

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        bucket = resource.desired["name"]
        return {"id": bucket, **self._attributes(context, bucket)}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        bucket, locked = desired["name"], desired["object_lock_enabled"]
        configuration: dict[str, Any] = {"Tags": as_list(desired["tags"])}
        if context.api.region != FIRST_REGION:
            configuration["LocationConstraint"] = context.api.region
        client = context.api.client("s3")
        try:
            client.create_bucket(
                Bucket=bucket,
                CreateBucketConfiguration=configuration,
                ObjectLockEnabledForBucket=locked,
                ObjectOwnership=desired["object_ownership"],
            )
        except Exception as error:
            # Ours when the answer to an earlier attempt of this call was lost.
            if not is_code(error, "BucketAlreadyOwnedByYou") or _tags(client, bucket) != desired["tags"]:
                raise
        made = {name: desired[name] for name in ("name", "object_lock_enabled", "object_ownership")}
        # A lock turns versioning on.
        return Observed(resource.address, bucket, {**made, "versioning": locked}, self._attributes(context, bucket))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """One after another: S3 answers OperationAborted when a bucket is configured by two calls at once."""
        client = context.api.client("s3")
        if "tags" in delta:
            # The call replaces all tags, those of others too.
            others = {key: value for key, value in (observed.tags or {}).items() if key not in (delta["tags"].old or {})}
            client.put_bucket_tagging(Bucket=observed.id, Tagging={"TagSet": as_list({**others, **delta["tags"].new})})
        for setting in SETTINGS:
            if setting.field.name in delta:
                setting.write(client, observed.id, delta[setting.field.name].new)

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        """A bucket with something locked in it is kept; one with anything else needs ``destroy_data``."""
        amount = contents.amount(context.api.client("s3"), observed.id)
        if amount is None:
            return None
        locked = observed.fields.get("object_lock_enabled", True) and contents.held(context.api, observed.id)
        if locked:
            return Block(f"{observed.id} stays with its {amount}: {locked}")
        if options.get("destroy_data") or context.destroy_data:
            return None
        way_out = "set s3_destroy_data: true to delete them with it, or empty it"
        if "destroy_data" not in options:
            way_out = "it is not in s3_buckets any more: put it there again with s3_destroy_data: true, or empty it"
        return Block(f"{observed.id} holds {amount}; {way_out}", refuse=True)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        client, bucket = context.api.client("s3"), observed.id
        empties = options.get("destroy_data") or context.destroy_data
        for _round in range(ROUNDS):
            try:
                if empties:
                    contents.empty(client, bucket)
                client.delete_bucket(Bucket=bucket)
                return
            except Exception as error:
                if is_code(error, "NoSuchBucket"):
                    return
                if not is_code(error, "BucketNotEmpty"):
                    raise
                if not empties:
                    break
        raise EngineError(f"{observed.address}: {bucket} got new objects while it was being deleted: run again")


def _tags(client: Any, bucket: str) -> dict[str, str]:
    with tolerating("NoSuchTagSet"):
        return as_dict(client.get_bucket_tagging(Bucket=bucket)["TagSet"])
    return {}
