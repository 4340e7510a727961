# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RDS: database instances.

Facts: RDS API reference (CreateDBInstance, ModifyDBInstance, DeleteDBInstance, DescribeDBInstances, DescribeEvents) and user guide
("DB instance status", "Modifying an Amazon RDS DB instance", "Working with storage", "Password management with Amazon RDS and AWS
Secrets Manager", "Upgrades of the RDS for PostgreSQL DB engine").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...aws.errors import is_code, says, tolerating
from ...aws.retry import until
from ...aws.tags import address_in, as_dict
from ...reconcile.delta import Delta
from ...reconcile.errors import EngineError, InvalidInput, Refused
from ...reconcile.resource import Block, Context, Kind, Left, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter, wait_ready
from ..final import final_name
from . import common
from .settings import FIELDS, USABLE, creation, effective, modification, pending, values, version_of

BUSY = "InvalidDBInstanceState"
EXISTS = "DBInstanceAlreadyExists"
OPTIMIZING = "previous storage change"
# Will never serve. AWS takes no final snapshot of them.
LOST = frozenset({"failed", "incompatible-create", "incompatible-restore", "insufficient-capacity", "restore-error"})
# Serve no more until somebody mends what they lack.
STUCK = frozenset(
    {
        "inaccessible-encryption-credentials",
        "inaccessible-encryption-credentials-recoverable",
        "incompatible-network",
        "incompatible-option-group",
        "incompatible-parameters",
        "stopped",
        "storage-full",
    }
)
WITHOUT_SNAPSHOT = LOST | {"incompatible-network"}
EVENTS_MINUTES = 14 * 24 * 60  # as long as RDS keeps them
WORRYING = ("failure", "low storage", "notification", "availability", "maintenance", "recovery")


class Instance(Kind):
    """A PostgreSQL instance, whose master password RDS makes, keeps in Secrets Manager and rotates.

    Its natural name is its identifier. Options: ``apply_immediately`` (else changes wait for the maintenance window),
    ``allow_major_upgrade``, ``final_snapshot`` (a deletion takes one). ``max_allocated_storage`` 0: it does not grow by itself.

    Attributes: ``master_secret_arn``; ``waiting_for_reboot``, true when parameters are; ``scheduled``, the fields whose new values
    wait for the maintenance window.
    """

    name = "db_instance"
    services = (common.SERVICE,)
    stateful = True
    protection = "rds_deletion_protection"
    # Its log groups would come back by themselves, and its role writes what it measures.
    within = ("db_subnet_group", "db_parameter_group", "log_group", "iam_role")
    waiter = Waiter(ready=USABLE, failed=LOST, stuck=STUCK, delay=20.0, timeout=3600.0, later=True)
    # What a change needs besides.
    free = Waiter(ready=USABLE - {"backing-up"}, failed=LOST, stuck=STUCK, delay=20.0, timeout=3600.0)
    next_step = (
        "look at its events (aws rds describe-events --source-type db-instance), mend what they name, or, where it holds nothing, "
        "delete it, and run again"
    )
    fields = FIELDS

    def observe(self, view: View) -> Iterable[Observed]:
        """One list, which has everything. Raises InvalidInput or Refused for what cannot become of the one that stands."""
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        standing = set()
        for item in view.api.pages(common.SERVICE, "describe_db_instances", "DBInstances"):
            tags, resource = as_dict(item.get("TagList")), wanted.get(item["DBInstanceIdentifier"])
            if resource is None and not view.owner.owns_in_tier(tags):
                continue
            leaving = item["DBInstanceStatus"] == common.DELETING
            if resource and not leaving:
                standing.add(item["DBInstanceIdentifier"])
                if not view.thorough and view.owner.owns(tags):
                    check_changes(view, resource, item)
            yield self._observed(view, resource, item, tags, leaving)
        if not view.thorough:
            for name in sorted(set(wanted) - standing):
                check_version(view, wanted[name].desired)

    def _observed(
        self, view: View, resource: Resource | None, item: Mapping[str, Any], tags: dict[str, str], leaving: bool
    ) -> Observed:
        name = item["DBInstanceIdentifier"]
        immediately = resource.options.get("apply_immediately", True) if resource else True
        return Observed(
            resource.address if resource else address_in(tags, self.name, name),
            name,
            effective(item, resource.desired, immediately) if resource else values(item),
            attributes_of(item),
            tags,
            state=item["DBInstanceStatus"],
            leaving=leaving,
        )

    def find(self, view: View) -> Iterable[Observed]:
        for resource in view.resources:
            item = common.describe_instance(view, resource.desired["name"])
            if item:
                tags = as_dict(item.get("TagList"))
                leaving = item["DBInstanceStatus"] == common.DELETING
                yield Observed(resource.address, item["DBInstanceIdentifier"], {}, attributes_of(item), tags, leaving=leaving)

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = view.api.pages(common.SERVICE, "describe_db_instances", "DBInstances")
        flat = [{**item, "VpcId": (item.get("DBSubnetGroup") or {}).get("VpcId")} for item in found]
        yield from common.strangers(view, self, flat, "DBInstanceIdentifier", "DBInstanceArn", "VpcId")

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, "name": name, "arn": context.api.arn(common.SERVICE, f"db:{name}"), "port": resource.desired["port"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client(common.SERVICE)
        request = {**creation(desired), "Tags": common.tagging(resource)}

        def call() -> Mapping[str, Any]:
            # A role is known everywhere only after seconds.
            return until(lambda: client.create_db_instance(**request), not_yet=_unknown_role)["DBInstance"]

        try:
            item = call()
        except Exception as error:
            gone = Observed(resource.address, desired["name"])
            if not is_code(error, EXISTS) or self.refresh(context, gone) not in (common.DELETING, None):
                raise
            # One of the same name is on its way out.
            self.wait_gone(context, gone)
            item = call()
        made = {field.name: desired.get(field.name) for field in self.fields}
        return Observed(resource.address, desired["name"], made, attributes_of(item), state=item["DBInstanceStatus"])

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, immediately = context.api.client(common.SERVICE), resource.options.get("apply_immediately", True)
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        arguments = modification(resource.desired, observed.fields, delta)
        if not arguments:
            return
        if "engine_version" in delta:
            arguments["AllowMajorVersionUpgrade"] = resource.options.get("allow_major_upgrade", False)

        def call() -> None:
            client.modify_db_instance(DBInstanceIdentifier=observed.id, ApplyImmediately=immediately, **arguments)

        try:
            self._change(context, observed, call)
        except Exception as error:
            if not says(error, OPTIMIZING):
                raise
            raise EngineError(
                f"{observed.address}: AWS changes the storage of a database once in six hours, and it was changed lately: nothing "
                "was changed; run again later, or set the storage back to what it is for the other changes"
            ) from error
        if immediately:
            # AWS goes on calling it available for a while.
            observed.fields["applying"] = {change.field.name: change.new for change in delta}

    def _change(self, context: Context, observed: Observed, call: Callable[[], None]) -> None:
        """At once, or when a backup or another change is through."""
        try:
            until(call, not_yet=_unknown_role)
        except Exception as error:
            if not is_code(error, BUSY):
                raise
            wait_ready(
                self.free,
                observed.address,
                lambda: self.refresh(context, observed),
                context.progress,
                lambda state: f"{observed.address} takes no change in state {state}: {self.reason(context, observed)}",
            )
            call()

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """With the snapshot that ``leaves`` named, if it did."""
        client, name = context.api.client(common.SERVICE), observed.attributes.get("final_snapshot")
        snapshot = {"FinalDBSnapshotIdentifier": name} if name else {}

        def call() -> None:
            arguments: dict[str, Any] = {"SkipFinalSnapshot": not name, **snapshot}
            with tolerating("DBInstanceNotFound", "DBInstanceNotFoundFault"):
                client.delete_db_instance(DBInstanceIdentifier=observed.id, **arguments)

        try:
            call()
        except Exception as error:
            # A repeated call finds the first one's work under way.
            if is_code(error, BUSY) and self.refresh(context, observed) == common.DELETING:
                return
            if not is_code(error, BUSY):
                raise
            self._change(context, observed, call)

    def unprotect(self, context: Context, observed: Observed) -> None:
        client, off = context.api.client(common.SERVICE), {"DeletionProtection": False, "ApplyImmediately": True}
        with tolerating("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            self._change(context, observed, lambda: client.modify_db_instance(DBInstanceIdentifier=observed.id, **off))

    def leaves(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Left | None:
        """A last snapshot, named by the time so that no later one clashes with it."""
        if not options.get("final_snapshot", True):
            return None
        name = final_name(observed.id)
        observed.attributes["final_snapshot"] = name
        return Left(f"database snapshot {name}", tuple(filter(None, [observed.fields.get("kms_key")])))

    def left_before(self, context: Context, resources: Sequence[Resource]) -> Iterable[Left]:
        """All that the account has and a person or AWS Backup asked for: whoever made one, it may need a key of ours."""
        for source in ("manual", "awsbackup"):
            for item in context.api.pages(common.SERVICE, "describe_db_snapshots", "DBSnapshots", SnapshotType=source):
                if item.get("KmsKeyId"):
                    yield Left(f"database snapshot {item['DBSnapshotIdentifier']}", (item["KmsKeyId"],))

    def refresh(self, context: Context, observed: Observed) -> str | None:
        """A new instance learns its endpoint and its secret while it is made."""
        item = common.describe_instance(context, observed.id)
        if item is None:
            return None
        observed.attributes.update(attributes_of(item))
        state, waiting = item["DBInstanceStatus"], pending(item)
        applying = {
            field.name
            for field in FIELDS
            if field.name in waiting and field.name in observed.fields.get("applying", {})
            if field.same(observed.fields["applying"][field.name], waiting[field.name])
        }
        return "modifying" if applying and state in USABLE else state

    def reason(self, context: Context, observed: Observed) -> str:
        """The latest of its events that tell of trouble, else the latest of all."""
        call = {"SourceIdentifier": observed.id, "SourceType": "db-instance", "Duration": EVENTS_MINUTES}
        events = context.api.pages(common.SERVICE, "describe_events", "Events", **call)
        worrying = [event for event in events if set(event.get("EventCategories") or ()) & set(WORRYING)]
        latest = max(worrying or events, key=lambda event: event["Date"], default=None)
        return latest["Message"] if latest else ""

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        """One that failed leaves no snapshot, so that has to be said first."""
        if observed.state in WITHOUT_SNAPSHOT and options.get("final_snapshot", True):
            return Block(
                f"{observed.id} is in state {observed.state}, of which AWS takes no snapshot: set rds_final_snapshot: false if it "
                "may be deleted without one",
                refuse=True,
            )
        return None


def attributes_of(item: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = item.get("Endpoint") or {}
    groups = item.get("DBParameterGroups") or ()
    return {
        "name": item["DBInstanceIdentifier"],
        "arn": item["DBInstanceArn"],
        "resource_id": item.get("DbiResourceId"),
        "endpoint": endpoint.get("Address"),
        "port": endpoint.get("Port"),
        "database": item.get("DBName"),
        "engine_version": item.get("EngineVersion"),
        "master_secret_arn": (item.get("MasterUserSecret") or {}).get("SecretArn"),
        "waiting_for_reboot": any(group.get("ParameterApplyStatus") == "pending-reboot" for group in groups),
        "scheduled": sorted(pending(item)) or None,
    }


def check_changes(view: View, resource: Resource, item: Mapping[str, Any]) -> None:
    """Raises Refused for what would need another database, or more leave than was given."""
    desired, name, address = resource.desired, item["DBInstanceIdentifier"], resource.address
    check_version(view, desired, item, resource.options.get("allow_major_upgrade", False), address)
    highest, size = desired.get("max_allocated_storage"), item.get("AllocatedStorage") or 0
    if highest and size > highest:
        raise Refused.one(
            address,
            f"the storage of {name} has {size} GiB and cannot shrink, and rds_max_allocated_storage is "
            f"{highest}: set it to more than {size}, or to 0",
        )
    wanted, least = desired["allocated_storage"], -(-size * 11 // 10)
    if size < wanted < least:
        raise Refused.one(
            address,
            f"rds_allocated_storage: the storage of {name} has {size} GiB, which AWS enlarges by a tenth "
            f"at least, and {wanted} is less: set it to {least} or more, or to {size} to leave it",
        )


def check_version(
    view: View, desired: Mapping[str, Any], item: Mapping[str, Any] | None = None, allow_major: bool = False, address: str = ""
) -> None:
    """Raises InvalidInput for a version that RDS does not have, Refused for one to which the instance (``item``) of ``address``
    cannot go.

    Reads only where a version is to be changed.
    """
    wanted = desired["engine_version"]
    if item is None:
        if not _versions(view, desired["engine"], wanted):
            raise InvalidInput(
                f"rds_engine_version: RDS has no {desired['engine']} {wanted} in {view.api.region}: "
                f"aws rds describe-db-engine-versions --engine {desired['engine']} lists those that it has"
            )
        return
    name, standing = item["DBInstanceIdentifier"], item["EngineVersion"]
    old, new = version_of(standing), version_of(wanted)
    if new[0] == old[0] and new <= old:
        return
    if new < old:
        raise Refused.one(
            address,
            f"rds_engine_version: {name} runs {standing}, and AWS does not bring a database back to {wanted}: set {old[0]}, or "
            "restore a snapshot of that version under another name and move over",
        )
    if new[0] > old[0] and not allow_major:
        raise Refused.one(
            address,
            f"rds_engine_version: {name} runs {standing}, and {wanted} is a major upgrade, with a downtime and no way back: "
            "set rds_allow_major_upgrade: true to have it made, after trying it on a restored snapshot",
        )
    targets = [target["EngineVersion"] for found in _versions(view, desired["engine"], standing) for target in _targets(found)]
    if not any(target == wanted or target.startswith(f"{wanted}.") for target in targets):
        raise Refused.one(
            address,
            f"rds_engine_version: {name} runs {standing}, from which RDS does not upgrade to {wanted}: use one of "
            f"{', '.join(targets) or 'none'}",
        )


def _versions(view: View, engine: str, version: str) -> list[Mapping[str, Any]]:
    return view.api.pages(common.SERVICE, "describe_db_engine_versions", "DBEngineVersions", Engine=engine, EngineVersion=version)


def _targets(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return found.get("ValidUpgradeTarget") or []


def _unknown_role(error: Exception) -> bool:
    return is_code(error, "InvalidParameterValue") and says(error, "IAM role ARN")
