# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache: from what AWS shows of a replication group to its fields, and back to what AWS takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...reconcile.errors import Refusal
from ...reconcile.resource import Resource

NO_TLS, OPTIONAL_TLS = "disabled", "preferred"
NO_TOPIC = ""
REDIS, VALKEY = "redis", "valkey"


def same_once_seen(desired: Any, observed: Any) -> bool:
    """For what is shown on the nodes: while a group is being made there may be none, which tells nothing. A list is a set."""
    if isinstance(desired, list) and isinstance(observed, list):
        return sorted(desired) == sorted(observed)
    return observed is None or desired == observed


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def same_version(desired: str, observed: str | None) -> bool:
    """AWS shows major, minor and patch level, and may have moved on to a later minor version by itself. As ``same_once_seen``."""
    if not observed:
        return True
    wanted, standing = numbers(desired), numbers(observed)
    return standing[0] == wanted[0] and standing[: len(wanted)] >= wanted


def same_key(desired: str, observed: str | None) -> bool:
    """By ARN or by id."""
    return observed is not None and (desired == observed or desired.endswith(f":key/{observed}"))


def own_fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeReplicationGroups shows."""
    return {
        "group_id": item["ReplicationGroupId"],
        "description": item.get("Description"),
        "engine": item.get("Engine") or REDIS,
        "node_type": item.get("CacheNodeType"),
        "nodes": len(item.get("MemberClusters") or ()),
        "automatic_failover": item.get("AutomaticFailover") in ("enabled", "enabling"),
        "multi_az": item.get("MultiAZ") == "enabled",
        "kms_key": item.get("KmsKeyId"),
        "transit_encryption": (item.get("TransitEncryptionMode") or "required") if item.get("TransitEncryptionEnabled") else NO_TLS,
        "snapshot_retention_days": item.get("SnapshotRetentionLimit"),
        "snapshot_window": item.get("SnapshotWindow"),
        "auto_minor_version_upgrade": item.get("AutoMinorVersionUpgrade"),
        "logs": log_fields(item),
    }


def member_fields(node: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeCacheClusters shows of one of the nodes, and all have in common."""
    topic = node.get("NotificationConfiguration") or {}
    return {
        "version": node.get("EngineVersion"),
        "subnet_group": node.get("CacheSubnetGroupName"),
        "security_groups": [group["SecurityGroupId"] for group in node.get("SecurityGroups") or ()],
        "parameter_group": (node.get("CacheParameterGroup") or {}).get("CacheParameterGroupName"),
        "maintenance_window": node.get("PreferredMaintenanceWindow"),
        "notification_topic": topic.get("TopicArn") if topic.get("TopicStatus") == "active" else NO_TOPIC,
    }


def log_fields(item: Mapping[str, Any]) -> list[dict[str, str]]:
    """With what is still being turned on; one that failed has its error among it, so that it equals none that is desired."""
    pending = (item.get("PendingModifiedValues") or {}).get("LogDeliveryConfigurations") or ()
    by_type = {entry["LogType"]: entry for entry in (*(item.get("LogDeliveryConfigurations") or ()), *pending)}
    return [
        {
            "type": entry["LogType"],
            "log_group": (entry.get("DestinationDetails") or {}).get("CloudWatchLogsDetails", {}).get("LogGroup"),
            "format": entry.get("LogFormat"),
            **({"error": entry.get("Message", "")} if entry.get("Status") == "error" else {}),
        }
        for entry in by_type.values()
        if entry.get("Status") != "disabling"
    ]


def log_requests(old: Iterable[Mapping[str, str]], new: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """LogDeliveryConfigurations that turn on what is new and off what is no longer desired."""
    new = list(new)
    wanted = {log["type"] for log in new}
    on = [
        {
            "LogType": log["type"],
            "DestinationType": "cloudwatch-logs",
            "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": log["log_group"]}},
            "LogFormat": log["format"],
            "Enabled": True,
        }
        for log in new
    ]
    return on + [{"LogType": log["type"], "Enabled": False} for log in old if log["type"] not in wanted]


def ways_back(resource: Resource, fields: Mapping[str, Any]) -> list[Refusal]:
    """Why the changes are refused that AWS makes in one direction only; each with the way out."""
    desired, reasons = resource.desired, []
    engine, version = fields["engine"], fields.get("version") or "0"
    way_out = "or make another cache under another environment's name and move over"
    if (desired["engine"], engine) == (REDIS, VALKEY):
        reasons.append(
            f"engine: {engine} -> {desired['engine']}: AWS upgrades Redis to Valkey in place and never back; "
            f"set redis_engine: {VALKEY} again, {way_out}"
        )
    elif desired["engine"] == engine and numbers(desired["version"])[0] < numbers(version)[0]:
        reasons.append(
            f"version: {version} -> {desired['version']}: AWS does not go back to an older major version in "
            f"place; set redis_engine_version to at least {version} again, {way_out}"
        )
    if desired["transit_encryption"] == NO_TLS != fields["transit_encryption"]:
        reasons.append(
            f"transit_encryption: {fields['transit_encryption']} -> {NO_TLS}: connections of a standing cache "
            f"are not laid open; set redis_transit_encryption: {fields['transit_encryption']} again, {way_out}"
        )
    elif desired.get("auth_token") is None and fields["auth_token"] != "none":
        reasons.append(
            f"auth_token: AWS does not take the AUTH token off a cache in place; set redis_auth_enabled: true again, {way_out}"
        )
    return [Refusal(resource.address, reason) for reason in reasons]
