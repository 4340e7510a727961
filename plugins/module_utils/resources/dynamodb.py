# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DynamoDB: tables with their indexes, and all that is configured by calls of its own.

Facts: DynamoDB API reference (CreateTable, UpdateTable, UpdateTimeToLive, UpdateContinuousBackups, DescribeTable) and developer
guide ("Managing Global Secondary Indexes", "Using Time to Live", "Quotas").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..aws.errors import is_code, says, tolerating
from ..aws.retry import until
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.errors import EngineError
from ..reconcile.resource import Block, Context, Kind, Left, Observed, Resource, Stranger, View
from ..reconcile.waiter import Waiter
from . import autoscaling, dynamodb_backups
from .strangers import Candidate, among, for_its_name, prefixes

ACTIVE = "ACTIVE"
DELETING = "DELETING"
UPDATING = "UPDATING"
NO_KEY = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
ON_DEMAND = "PAY_PER_REQUEST"
PROVISIONED = "PROVISIONED"
GONE = "ResourceNotFoundException"
BUSY = "ResourceInUseException"
INDEXES = 20  # a table, unless the quota was raised
NO_STREAM = ""
NO_TTL = ""
TTL_LIMIT = "modified multiple times"


def same_where_both(desired: Mapping[str, Any], observed: Mapping[str, Any] | None) -> bool:
    """Indexes that stand on only one side are made or deleted; what both have cannot be changed."""
    both = set(desired) & set(observed or ())
    return all(desired[name] == (observed or {})[name] for name in both)


class Table(Kind):
    """A table. Options: ``destroy_data`` (a deletion may delete its items).

    Its natural name is its name. ``key`` is ``{"hash": {"name", "type"}, "range": ...}``, and so is each of ``index_definitions``,
    with ``projection`` and ``attributes``; ``indexes`` are the names of those that shall stand. ``capacity`` is what a provisioned
    table and its indexes begin with; from then on it is the scaling's. ``recovery_days`` 0: there is no point-in-time recovery.
    """

    name = "dynamodb_table"
    services = ("dynamodb", autoscaling.SERVICE)
    stateful = True
    protection = "dynamodb_deletion_protection"
    waiter = Waiter(ready=frozenset({ACTIVE}), failed=frozenset({NO_KEY, "ARCHIVED"}), delay=10.0, timeout=3600.0)
    fields = (
        Field("name", on_change="replace"),
        Field("key", on_change="replace"),
        Field("indexes", unordered=True),
        Field("index_definitions", on_change="replace", equal=same_where_both),
        Field("billing_mode"),
        Field("capacity", on_change="keep"),
        Field("scaling"),
        Field("table_class"),
        Field("kms_key"),
        Field("stream"),
        Field("deletion_protection"),
        Field("ttl_attribute"),
        Field("recovery_days"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """One list, then four calls for each table that is ours: none has a bulk form. What is not desired is asked for its tags
        first."""
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        names = [name for name in self._names(view) if name in wanted or name.startswith(f"{view.owner.environment}-")]
        desired, others = [name for name in names if name in wanted], [name for name in names if name not in wanted]
        *rows, other_tags, (targets, policies) = view.api.table(
            [
                *([lambda name=name: self._tags(view, name), *self._reads(view, name)] for name in desired),
                [lambda name=name: self._tags(view, name) for name in others],
                autoscaling.reads(view),
            ]
        )
        found = {name: row for name, row in zip(desired, rows, strict=True) if row[0] is not None}
        unmanaged = {
            name: tags for name, tags in zip(others, other_tags, strict=True) if tags is not None and view.owner.owns_in_tier(tags)
        }
        more = view.api.table(self._reads(view, name) for name in unmanaged)
        found |= {name: [tags, *row] for (name, tags), row in zip(unmanaged.items(), more, strict=True)}
        scaling = autoscaling.scaling(found, targets, policies)
        for name, (tags, table, ttl, backups) in found.items():
            if table is not None:
                item = table["Table"]
                fields = {**_fields(item), **_ttl(ttl), **_recovery(backups), "scaling": scaling[name]}
                address = wanted.get(name) or address_in(tags, self.name, name)
                yield Observed(address, name, fields, self._attributes(view, item), tags, **_state(item))

    @staticmethod
    def _reads(view: View, name: str) -> list[Callable[[], Any]]:
        """The calls that tell of a table, but for its tags. None of what the list still shows after its end."""
        client = view.api.client("dynamodb")
        calls = (client.describe_table, client.describe_time_to_live, client.describe_continuous_backups)
        return [lambda call=call: _unless_gone(lambda: call(TableName=name)) for call in calls]

    def find(self, view: View) -> Iterable[Observed]:
        standing = set(self._names(view))
        for resource in view.resources:
            name = resource.desired["name"]
            if name in standing:
                yield Observed(resource.address, name, {"name": name}, {"arn": self._arn(view, name), "name": name})

    def strangers(self, view: View) -> Iterable[Stranger]:
        ours = [name for name in self._names(view) if name.startswith(prefixes(view))]
        yield from among(
            view, self, [Candidate(name, name, for_its_name(view), lambda name=name: self._tags(view, name)) for name in ours]
        )

    @staticmethod
    def _names(view: View) -> list[str]:
        return view.api.pages("dynamodb", "list_tables", "TableNames")

    @staticmethod
    def _arn(context: Context, name: str) -> str:
        return context.api.arn("dynamodb", f"table/{name}")

    def _tags(self, view: View, name: str) -> dict[str, str] | None:
        """None for a table that the list still shows after its end."""
        tags = _unless_gone(lambda: view.api.pages("dynamodb", "list_tags_of_resource", "Tags", ResourceArn=self._arn(view, name)))
        return None if tags is None else as_dict(tags)

    def _attributes(self, context: Context, item: Mapping[str, Any]) -> dict[str, Any]:
        name = item["TableName"]
        return {"name": name, "arn": self._arn(context, name), "stream_arn": _stream_arn(item)}

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, "name": name, "arn": self._arn(context, name)}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("dynamodb")
        name, definitions = desired["name"], desired["index_definitions"]
        used = [desired["key"], *definitions.values()]
        request: dict[str, Any] = {
            "TableName": name,
            "AttributeDefinitions": _attribute_definitions(used),
            "KeySchema": _key_schema(desired["key"]),
            "BillingMode": desired["billing_mode"],
            "StreamSpecification": _stream_specification(desired["stream"]),
            "SSESpecification": _encryption(desired["kms_key"]),
            "TableClass": desired["table_class"],
            "DeletionProtectionEnabled": desired["deletion_protection"],
            "Tags": as_list(desired["tags"]),
            **_throughput(desired),
        }
        if desired["indexes"]:
            request["GlobalSecondaryIndexes"] = [_index(desired, index) for index in desired["indexes"]]
        try:
            item = client.create_table(**request)["TableDescription"]
        except Exception as error:
            gone = Observed(resource.address, name)
            if not is_code(error, BUSY) or self.refresh(context, gone) not in (DELETING, None):
                raise
            # One of the same name is on its way out.
            self.wait_gone(context, gone)
            item = client.create_table(**request)["TableDescription"]
        made = {field.name: desired.get(field.name) for field in self.fields}
        unmade = {"scaling": {}, "ttl_attribute": NO_TTL, "recovery_days": 0}
        return Observed(resource.address, name, {**made, **unmade}, self._attributes(context, item))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """One change at a time, each awaited: DynamoDB takes no two at once. What frees a capacity from its scaling comes first."""
        desired, table = resource.desired, _Change(self, context, observed)
        client = table.client
        if observed.state not in (None, ACTIVE):
            table.wait()
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            arn = observed.attributes["arn"]
            if to_set:
                table.change(lambda: client.tag_resource(ResourceArn=arn, Tags=as_list(to_set)))
            if to_remove:
                table.change(lambda: client.untag_resource(ResourceArn=arn, TagKeys=to_remove))
        if "deletion_protection" in delta:
            table.update(DeletionProtectionEnabled=delta["deletion_protection"].new)
        if "kms_key" in delta:
            table.update(SSESpecification=_encryption(delta["kms_key"].new))
        if "table_class" in delta:
            table.update(TableClass=delta["table_class"].new)
        if "scaling" in delta:
            autoscaling.remove(context, observed.id, sorted(set(delta["scaling"].old or {}) - set(delta["scaling"].new)))
        if "billing_mode" in delta:
            table.update(BillingMode=desired["billing_mode"], **_switch(desired, observed.fields["indexes"]))
        if "indexes" in delta:
            self._change_indexes(table, desired, delta["indexes"].old, delta["indexes"].new)
        if "scaling" in delta:
            autoscaling.write(context, observed.id, delta["scaling"].new, delta["scaling"].old or {})
        if "stream" in delta:
            self._change_stream(table, delta["stream"].old, delta["stream"].new)
        if "ttl_attribute" in delta:
            self._change_ttl(table, delta["ttl_attribute"].old, delta["ttl_attribute"].new)
        if "recovery_days" in delta:
            recovery = _recovery_specification(delta["recovery_days"].new)
            call = {"TableName": observed.id, "PointInTimeRecoverySpecification": recovery}
            # Its backups are being set up for a while after a table was made.
            table.change(lambda: client.update_continuous_backups(**call), "ContinuousBackupsUnavailableException")

    @staticmethod
    def _change_indexes(table: _Change, desired: Mapping[str, Any], old: list[str], new: list[str]) -> None:
        """One index a call. New ones come first, so that readers can move over, unless there is no room for both."""
        additions = [{"Create": _index(desired, name)} for name in new if name not in old]
        removals = [{"Delete": {"IndexName": name}} for name in old if name not in new]
        room = len(old) + len(additions) <= INDEXES
        for step in [*additions, *removals] if room else [*removals, *additions]:
            more: dict[str, Any] = {}
            if "Create" in step:
                # Those in use, and the new index's.
                defined = {item["AttributeName"]: item for item in table.description()["AttributeDefinitions"]}
                for item in _attribute_definitions([desired["index_definitions"][step["Create"]["IndexName"]]]):
                    defined[item["AttributeName"]] = item
                more["AttributeDefinitions"] = list(defined.values())
            table.update(GlobalSecondaryIndexUpdates=[step], **more)

    @staticmethod
    def _change_stream(table: _Change, old: str, new: str) -> None:
        """A stream of another view is another stream: the old one ends, and can be read for 24 hours more."""
        if old:
            table.update(StreamSpecification=_stream_specification(NO_STREAM))
        if new:
            table.update(StreamSpecification=_stream_specification(new))
        table.observed.attributes["stream_arn"] = _stream_arn(table.description()) if new else None

    @staticmethod
    def _change_ttl(table: _Change, old: str, new: str) -> None:
        """Off with the old attribute, on with the new. AWS takes one such change an hour, so that the second may have to wait."""
        for attribute, enabled in ((old, False), (new, True)):
            if not attribute:
                continue
            specification = {"Enabled": enabled, "AttributeName": attribute}
            try:
                table.client.update_time_to_live(TableName=table.observed.id, TimeToLiveSpecification=specification)
            except Exception as error:
                if not says(error, TTL_LIMIT):
                    raise
                raise EngineError(
                    f"{table.observed.address}: AWS changes the time to live of a table once an hour, and it was changed lately: "
                    f"run again in an hour to turn it {'on' if enabled else 'off'} for {attribute!r}"
                ) from error

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """The scaling goes first: without its table nothing would find it."""
        autoscaling.remove(context, observed.id, sorted(observed.fields["scaling"]))
        client = context.api.client("dynamodb")
        with tolerating(GONE):
            until(lambda: client.delete_table(TableName=observed.id), not_yet=lambda error: is_code(error, BUSY))

    def refresh(self, context: Context, observed: Observed) -> str | None:
        answer = _unless_gone(lambda: context.api.client("dynamodb").describe_table(TableName=observed.id))
        return None if answer is None else _state(answer["Table"])["state"]

    def unprotect(self, context: Context, observed: Observed) -> None:
        with tolerating(GONE):
            _Change(self, context, observed).update(DeletionProtectionEnabled=False)

    def leaves(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Left | None:
        return dynamodb_backups.last_of(observed)

    def left_before(self, context: Context, resources: Sequence[Resource]) -> Iterable[Left]:
        return dynamodb_backups.standing(context)

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        """One with items needs ``destroy_data``. ItemCount is up to six hours old, so a Scan tells."""
        again = "" if "destroy_data" in options else "it is not in dynamodb_tables any more: put it there again, "
        if options.get("destroy_data") or context.destroy_data:
            return None
        if context.api.client("dynamodb").scan(TableName=observed.id, Limit=1, Select="COUNT")["ScannedCount"]:
            return Block(f"{observed.id} holds items; {again}set dynamodb_destroy_data: true to delete them with it", refuse=True)
        return None


class _Change:
    """The changes of one table, one after another: each begins when the table is free, and is awaited."""

    def __init__(self, kind: Table, context: Context, observed: Observed):
        self.kind, self.context, self.observed = kind, context, observed
        self.client = context.api.client("dynamodb")

    def update(self, **arguments: Any) -> None:
        self.change(lambda: self.client.update_table(TableName=self.observed.id, **arguments))
        self.wait()

    def change(self, call: Callable[[], Any], *busy: str) -> None:
        """``busy``: codes, besides the table's own, that mean "not yet"."""
        until(call, not_yet=lambda error: is_code(error, BUSY, *busy))

    def description(self) -> Mapping[str, Any]:
        return self.client.describe_table(TableName=self.observed.id)["Table"]

    def wait(self) -> None:
        self.kind.wait_ready(self.context, self.observed)


def _unless_gone(call: Callable[[], Any]) -> Any:
    """None when the table is gone. ContinuousBackups calls it another name."""
    with tolerating(GONE, "TableNotFoundException"):
        return call()
    return None


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeTable says of the kind's fields."""
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in item["AttributeDefinitions"]}
    indexes = {
        index["IndexName"]: {
            **_key(index["KeySchema"], types),
            "projection": index["Projection"]["ProjectionType"],
            "attributes": sorted(index["Projection"].get("NonKeyAttributes") or ()),
        }
        for index in item.get("GlobalSecondaryIndexes") or ()
        if index.get("IndexStatus") != DELETING
    }
    stream = item.get("StreamSpecification") or {}
    return {
        "name": item["TableName"],
        "key": _key(item["KeySchema"], types),
        "indexes": sorted(indexes),
        "index_definitions": indexes,
        # AWS leaves the summary out for a table that never was on demand, and the class where it is the standard one.
        "billing_mode": (item.get("BillingModeSummary") or {}).get("BillingMode") or PROVISIONED,
        "table_class": (item.get("TableClassSummary") or {}).get("TableClass") or "STANDARD",
        "kms_key": (item.get("SSEDescription") or {}).get("KMSMasterKeyArn"),
        "stream": stream.get("StreamViewType", NO_STREAM) if stream.get("StreamEnabled") else NO_STREAM,
        "deletion_protection": item.get("DeletionProtectionEnabled", False),
    }


def _state(item: Mapping[str, Any]) -> dict[str, Any]:
    """``state``, ``broken`` and ``leaving``. A table is ACTIVE while an index is made or deleted, but takes no other."""
    state = item["TableStatus"]
    indexes = {index.get("IndexStatus", ACTIVE) for index in item.get("GlobalSecondaryIndexes") or ()}
    if state == ACTIVE and (indexes - {ACTIVE} or (item.get("SSEDescription") or {}).get("Status") == UPDATING):
        state = UPDATING
    broken = f"its key cannot be used ({NO_KEY}): enable the key or take back its deletion" if state == NO_KEY else None
    return {"state": state, "broken": broken, "leaving": state == DELETING}


def _ttl(answer: Mapping[str, Any] | None) -> dict[str, str]:
    described = (answer or {}).get("TimeToLiveDescription") or {}
    on = described.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return {"ttl_attribute": described.get("AttributeName", NO_TTL) if on else NO_TTL}


def _recovery(answer: Mapping[str, Any] | None) -> dict[str, int]:
    described = ((answer or {}).get("ContinuousBackupsDescription") or {}).get("PointInTimeRecoveryDescription") or {}
    on = described.get("PointInTimeRecoveryStatus") == "ENABLED"
    return {"recovery_days": described.get("RecoveryPeriodInDays", 35) if on else 0}


def _recovery_specification(days: int) -> dict[str, Any]:
    return {"PointInTimeRecoveryEnabled": bool(days), **({"RecoveryPeriodInDays": days} if days else {})}


def _stream_arn(item: Mapping[str, Any]) -> str | None:
    """Of the stream that runs: AWS goes on showing the latest one after its end."""
    return item.get("LatestStreamArn") if (item.get("StreamSpecification") or {}).get("StreamEnabled") else None


def _stream_specification(view: str) -> dict[str, Any]:
    return {"StreamEnabled": bool(view), **({"StreamViewType": view} if view else {})}


def _encryption(key: str) -> dict[str, Any]:
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def _key(schema: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> dict[str, Any]:
    """A KeySchema as ``{"hash": {"name", "type"}, "range": ...}``."""
    parts = {part["KeyType"]: part["AttributeName"] for part in schema}
    return {
        kind.lower(): {"name": parts[kind], "type": types.get(parts[kind])} if kind in parts else None for kind in ("HASH", "RANGE")
    }


def _key_schema(key: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"AttributeName": key[kind]["name"], "KeyType": kind.upper()} for kind in ("hash", "range") if key.get(kind)]


def _attribute_definitions(keys: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """AttributeDefinitions of just the attributes that are part of one of ``keys``: AWS refuses any other."""
    types = {key[kind]["name"]: key[kind]["type"] for key in keys for kind in ("hash", "range") if key.get(kind)}
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in sorted(types.items())]


def _throughput(desired: Mapping[str, Any]) -> dict[str, Any]:
    """ProvisionedThroughput of a table or an index; nothing on demand."""
    if desired["billing_mode"] != PROVISIONED:
        return {}
    capacity = desired["capacity"]
    return {"ProvisionedThroughput": {"ReadCapacityUnits": capacity["read"], "WriteCapacityUnits": capacity["write"]}}


def _switch(desired: Mapping[str, Any], indexes: Iterable[str]) -> dict[str, Any]:
    """What goes with another BillingMode: provisioned, the table and each index that stands need a capacity in the same call."""
    throughput = _throughput(desired)
    if not throughput:
        return {}
    updates = [{"Update": {"IndexName": index, **throughput}} for index in indexes]
    return {**throughput, **({"GlobalSecondaryIndexUpdates": updates} if updates else {})}


def _index(desired: Mapping[str, Any], name: str) -> dict[str, Any]:
    definition = desired["index_definitions"][name]
    projection: dict[str, Any] = {"ProjectionType": definition["projection"]}
    if definition["attributes"]:
        projection["NonKeyAttributes"] = list(definition["attributes"])
    return {"IndexName": name, "KeySchema": _key_schema(definition), "Projection": projection, **_throughput(desired)}
