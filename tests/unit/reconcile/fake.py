"""A cloud of one dictionary, and kinds of resources in it: what the engine needs to be tested without AWS."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.delta import Delta, Field
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import ADDRESS, Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Reconciler
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Context, Kind, Observed, Resource, View

OWNER = Owner("test-here", "test", "tier")


class Cloud:
    """Records by id: ``{kind, tags, fields, state}``. ``log`` holds every write as (verb, address)."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.log: list[tuple[str, str]] = []
        self.fail_at: set[tuple[str, str]] = set()
        self.lock = threading.Lock()
        self._ids = itertools.count(1)

    def write(self, verb: str, address: str) -> None:
        with self.lock:
            if (verb, address) in self.fail_at:
                raise RuntimeError(f"{verb} {address} was told to fail")
            self.log.append((verb, address))

    def new_id(self, kind: str) -> str:
        with self.lock:
            return f"{kind}-{next(self._ids)}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Cloud:
        other = Cloud()
        other.records = copy.deepcopy(self.records, memo)
        other._ids = itertools.count(len(self.records) + 1000)
        return other


class FakeKind(Kind):
    """Stores its fields; ``link`` usually refers to another resource. ``birth`` fields are set by the creating call."""

    name = "thing"
    fields = (
        Field("size"),
        Field("members", unordered=True),
        Field("link"),
        Field("secret", sensitive=True),
        Field("shape", on_change="replace"),
        Field("seed", on_change="keep"),
    )
    birth = ("size", "shape", "seed", "link")

    def observe(self, view: View) -> Iterable[Observed]:
        for record_id, record in sorted(view.api.records.items()):
            if record["kind"] == self.name and view.owner.owns_in_tier(record["tags"]):
                yield self.seen(record_id, record)

    def seen(self, record_id: str, record: Mapping[str, Any]) -> Observed:
        return Observed(
            record["tags"].get(ADDRESS, f"{self.name}/{record_id}"),
            record_id,
            fields=copy.deepcopy(dict(record["fields"])),
            attributes={"arn": f"arn:{record_id}"},
            tags=dict(record["tags"]),
            state=record.get("state"),
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        context.api.write("create", resource.address)
        record_id = context.api.new_id(self.name)
        born = {name: value for name, value in resource.desired.items() if name in self.birth}
        context.api.records[record_id] = {"kind": self.name, "tags": dict(resource.desired["tags"]), "fields": copy.deepcopy(born)}
        return Observed(resource.address, record_id, fields=born, attributes={"arn": f"arn:{record_id}"})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        context.api.write("update", resource.address)
        record = context.api.records[observed.id]
        for change in delta:
            if change.field.name == "tags":
                record["tags"] = dict(resource.desired["tags"])
            else:
                record["fields"][change.field.name] = copy.deepcopy(change.new)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        context.api.write("delete", observed.address)
        context.api.records.pop(observed.id, None)


class Parent(FakeKind):
    name = "parent"


class Child(FakeKind):
    """Stands within a parent; its link is immutable."""

    name = "child"
    within = ("parent",)
    fields = (Field("size"), Field("link", on_change="replace"))


class Vault(FakeKind):
    name = "vault"
    stateful = True


THING, PARENT, CHILD, VAULT = FakeKind(), Parent(), Child(), Vault()
KINDS = (PARENT, CHILD, THING, VAULT)


def explain(error: Exception, doing: str) -> str | None:
    return f"Could not {doing}: {error}." if isinstance(error, RuntimeError) else None


def reconciler(cloud: Cloud, check_mode: bool = False, overlay: Any = None, owner: Owner = OWNER, kinds: Any = KINDS) -> Reconciler:
    return Reconciler(Context(cloud, owner), kinds, check_mode, overlay, explain)


def apply(cloud: Cloud, *resources: Resource) -> Any:
    return reconciler(cloud).present(resources)


def plan(cloud: Cloud, *resources: Resource, overlay: Any = None) -> Any:
    return reconciler(cloud, check_mode=True, overlay=overlay).present(resources)


def summary(outcome: Any) -> dict[str, tuple[str, list[str]]]:
    """Address -> (action, changed fields without tags)."""
    return {
        item["address"]: (item["action"], [field["field"] for field in item["fields"] if field["field"] != "tags"])
        for item in outcome.plan.reported()
    }
