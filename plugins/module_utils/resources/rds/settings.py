# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be set of a database instance: each field with its argument, and how AWS shows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...reconcile.delta import Delta, Field

VERSION = re.compile(r"^(\d{2})(?:\.(\d{1,2}))?$")
# From this size on gp3 has operations and throughput of its own, which a change of the storage has to name; and their least.
STRIPED, STRIPED_IOPS, STRIPED_THROUGHPUT = 400, 12000, 500


def version_of(text: str) -> tuple[int, int]:
    """Major and minor; minor 0 where only the major is named. What AWS appends (17.4-R1) does not count."""
    major, _dot, minor = text.partition(".")
    digits = re.match(r"\d+", minor)
    return int(major), int(digits[0]) if digits else 0


def same_version(desired: str, observed: str | None) -> bool:
    """A major version alone is any of its minor ones; a newer minor one than asked for is AWS's upgrade, and stays."""
    if not observed:
        return False
    return version_of(desired)[0] == version_of(observed)[0] and version_of(observed) >= version_of(desired)


def at_least(desired: int, observed: int | None) -> bool:
    """Storage grows by itself and never shrinks: what stands counts when it is enough."""
    return observed is not None and observed >= desired


def same_if_any(desired: str, observed: str | None) -> bool:
    """A key can be given to what has none, and never be changed."""
    return observed is None or desired == observed


class _Unseen:
    """What AWS does not tell of an instance that it is making: that everything was said when it was begun."""

    def __repr__(self) -> str:
        return "(not known yet)"


UNSEEN = _Unseen()


class Seen(Field):
    """A field that is not compared as long as it is UNSEEN."""

    def same(self, desired: Any, observed: Any) -> bool:
        return observed is UNSEEN or super().same(desired, observed)


@dataclass(frozen=True)
class Setting:
    """``argument`` of CreateDBInstance; ``modify`` of ModifyDBInstance where it is called otherwise. ``read``: its value in an
    answer. ``pending``: its key among PendingModifiedValues. ``group``: AWS wants those of a group together."""

    field: Field
    argument: str
    read: Callable[[Mapping[str, Any]], Any]
    modify: str | None = None
    pending: str | None = None
    group: str | None = None


def _key(name: str, default: Any = None) -> Callable[[Mapping[str, Any]], Any]:
    def read(item: Mapping[str, Any]) -> Any:
        return item.get(name, default)

    return read


def _plain(field: str | Field, argument: str, default: Any = None, pending: bool = False, group: str | None = None) -> Setting:
    """One that is called the same everywhere."""
    field = field if isinstance(field, Field) else Seen(field)
    return Setting(field, argument, _key(argument, default), pending=argument if pending else None, group=group)


def _fixed(field: str, argument: str, read: Callable[[Mapping[str, Any]], Any] | None = None) -> Setting:
    """One that AWS cannot change."""
    return Setting(Seen(field, on_change="replace"), argument, read or _key(argument))


def _groups(item: Mapping[str, Any]) -> list[str]:
    return [group["VpcSecurityGroupId"] for group in item.get("VpcSecurityGroups") or () if group.get("Status") != "removing"]


def _parameter_group(item: Mapping[str, Any]) -> str | None:
    return next((group["DBParameterGroupName"] for group in item.get("DBParameterGroups") or ()), None)


def _port(item: Mapping[str, Any]) -> int | None:
    """An instance that is being made has no endpoint yet."""
    return (item.get("Endpoint") or {}).get("Port") or item.get("DbInstancePort") or None


SETTINGS = (
    _fixed("name", "DBInstanceIdentifier"),
    _fixed("engine", "Engine"),
    _fixed("database", "DBName"),
    _fixed("master_username", "MasterUsername"),
    _fixed("kms_key", "KmsKeyId"),
    _fixed("subnet_group", "DBSubnetGroupName", lambda item: (item.get("DBSubnetGroup") or {}).get("DBSubnetGroupName")),
    _fixed("secret_key", "MasterUserSecretKmsKeyId", lambda item: (item.get("MasterUserSecret") or {}).get("KmsKeyId")),
    Setting(
        Seen("insights_key", on_change="replace", equal=same_if_any),
        "PerformanceInsightsKMSKeyId",
        _key("PerformanceInsightsKMSKeyId"),
    ),
    _plain(Seen("engine_version", equal=same_version), "EngineVersion", pending=True, group="version"),
    _plain("instance_class", "DBInstanceClass", pending=True),
    _plain("multi_az", "MultiAZ", pending=True),
    _plain("storage_type", "StorageType", pending=True, group="storage"),
    _plain(Seen("allocated_storage", equal=at_least), "AllocatedStorage", pending=True, group="storage"),
    _plain("iops", "Iops", pending=True, group="storage"),
    _plain("storage_throughput", "StorageThroughput", pending=True, group="storage"),
    _plain("max_allocated_storage", "MaxAllocatedStorage", 0),
    _plain("backup_retention_days", "BackupRetentionPeriod", pending=True),
    _plain("backup_window", "PreferredBackupWindow"),
    _plain(Seen("maintenance_window", canonical=str.lower), "PreferredMaintenanceWindow"),
    _plain("copy_tags_to_snapshots", "CopyTagsToSnapshot", False),
    _plain("auto_minor_version_upgrade", "AutoMinorVersionUpgrade", False),
    _plain("deletion_protection", "DeletionProtection", False),
    _plain("publicly_accessible", "PubliclyAccessible", False),
    _plain("ca_certificate", "CACertificateIdentifier", pending=True),
    _plain("monitoring_interval", "MonitoringInterval", 0, group="monitoring"),
    _plain("monitoring_role", "MonitoringRoleArn", group="monitoring"),
    _plain("insights_mode", "DatabaseInsightsMode", "standard", group="insights"),
    _plain("insights_retention_days", "PerformanceInsightsRetentionPeriod", 0, group="insights"),
    Setting(Seen("port"), "Port", _port, modify="DBPortNumber", pending="Port"),
    Setting(Seen("security_groups", unordered=True), "VpcSecurityGroupIds", _groups),
    Setting(Seen("parameter_group"), "DBParameterGroupName", _parameter_group, group="version"),
    Setting(
        Seen("iam_authentication"),
        "EnableIAMDatabaseAuthentication",
        _key("IAMDatabaseAuthenticationEnabled", False),
        pending="IAMDatabaseAuthenticationEnabled",
    ),
    Setting(
        Seen("log_exports", unordered=True),
        "EnableCloudwatchLogsExports",
        lambda item: item.get("EnabledCloudwatchLogsExports") or [],
    ),
)
FIELDS = tuple(setting.field for setting in SETTINGS)


def creation(desired: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of CreateDBInstance."""
    arguments = {
        setting.argument: desired[setting.field.name] for setting in SETTINGS if desired.get(setting.field.name) not in (None, [])
    }
    if not desired.get("max_allocated_storage"):
        arguments.pop("MaxAllocatedStorage", None)
    return {**arguments, "StorageEncrypted": True, "ManageMasterUserPassword": True, "EnablePerformanceInsights": True}


def modification(desired: Mapping[str, Any], observed: Mapping[str, Any], delta: Delta) -> dict[str, Any]:
    """The arguments of ModifyDBInstance: what changes, with what AWS wants to be told along with it."""
    groups = {setting.group for setting in SETTINGS if setting.field.name in delta} - {None}
    arguments = {
        setting.modify or setting.argument: desired[setting.field.name]
        for setting in SETTINGS
        if setting.field.on_change == "update"
        and (setting.field.name in delta or setting.group in groups)
        and desired.get(setting.field.name) is not None
    }
    if "storage" in groups:
        # What it has grown to, when that is more: it cannot be told to shrink.
        size = arguments["AllocatedStorage"] = max(desired["allocated_storage"], observed.get("allocated_storage") or 0)
        if desired.get("storage_type") == "gp3" and size >= STRIPED:
            # What is not set stays as it is.
            arguments.setdefault("Iops", max(observed.get("iops") or 0, STRIPED_IOPS))
            arguments.setdefault("StorageThroughput", max(observed.get("storage_throughput") or 0, STRIPED_THROUGHPUT))
        if "storage_type" not in delta:
            arguments.pop("StorageType", None)
    if "version" in groups and "engine_version" not in delta:
        arguments.pop("EngineVersion", None)
    if "max_allocated_storage" in delta and not desired["max_allocated_storage"]:
        # To let it grow no further is to set the maximum to what it has.
        arguments["MaxAllocatedStorage"] = observed["allocated_storage"]
    if "insights" in groups:
        arguments["EnablePerformanceInsights"] = True
        if observed.get("insights_key") is None:
            arguments["PerformanceInsightsKMSKeyId"] = desired["insights_key"]
    exports = arguments.pop("EnableCloudwatchLogsExports", None)
    if exports is not None:
        old = set(observed.get("log_exports") or ())
        arguments["CloudwatchLogsExportConfiguration"] = {
            "EnableLogTypes": sorted(set(exports) - old),
            "DisableLogTypes": sorted(old - set(exports)),
        }
    return arguments


def values(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as they are now."""
    return {setting.field.name: setting.read(item) for setting in SETTINGS}


def pending(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that AWS is about to change, with their new values."""
    waiting = item.get("PendingModifiedValues") or {}
    found = {setting.field.name: waiting[setting.pending] for setting in SETTINGS if setting.pending and setting.pending in waiting}
    exports = waiting.get("PendingCloudwatchLogsExports") or {}
    if exports:
        # AWS names them by what is to come of them.
        standing = set(item.get("EnabledCloudwatchLogsExports") or ()) | set(exports.get("LogTypesToEnable") or ())
        found["log_exports"] = sorted(standing - set(exports.get("LogTypesToDisable") or ()))
    return found


def effective(item: Mapping[str, Any], desired: Mapping[str, Any], immediately: bool) -> dict[str, Any]:
    """The fields as a plan compares them.

    What is being made has been told everything, and shows it bit by bit. What is pending counts as there, whoever asked for it:
    where it is not what is desired, so that it gets called off; where it is, so that it is not asked for twice. Only what waits for
    the maintenance window and is to be applied at once counts as missing.
    """
    found = values(item)
    if item["DBInstanceStatus"] == "creating":
        hidden = {setting.field.name for setting in SETTINGS if setting.field.on_change == "update"} - {"deletion_protection"}
        return {name: UNSEEN if name in hidden or value is None else value for name, value in found.items()}
    for name, value in pending(item).items():
        wanted = desired.get(name)
        field = next(field for field in FIELDS if field.name == name)
        scheduled = item["DBInstanceStatus"] in USABLE and wanted is not None and field.same(wanted, value)
        if not (scheduled and immediately):
            found[name] = value
    return found


# States in which an instance serves. While it is backed up it takes no change, but that is for the change to wait for.
USABLE = frozenset({"available", "backing-up", "storage-optimization", "storage-config-upgrade", "storage-initialization"})
