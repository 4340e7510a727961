"""Patches to ElastiCache's changes of replication groups."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.elasticache.responses import ElastiCacheResponse

from local_aws.patches import patch, replace
from local_aws.patches.elasticache import error
from local_aws.patches.elasticache_groups import (
    NODES,
    begin,
    check_failover,
    check_mode,
    check_token,
    check_windows,
    described,
    find,
    full,
    log_deliveries,
    parameter_group,
)

# Argument of ModifyReplicationGroup -> attribute, where the value is just kept.
KEPT = {
    "ReplicationGroupDescription": "description",
    "CacheNodeType": "cache_node_type",
    "PreferredMaintenanceWindow": "preferred_maintenance_window",
    "SnapshotWindow": "snapshot_window",
    "SecurityGroupIds": "security_group_ids",
    "NotificationTopicArn": "notification_topic_arn",
    "CacheParameterGroupName": "cache_parameter_group_name",
}


@patch
def groups_change() -> None:
    """AWS changes nearly everything in place, TLS by way of `preferred` (without AUTH) and never back to none while `required`, the
    engine from Redis to Valkey and never back, the token by ROTATE (the two latest are good) and then SET (that one alone is).
    moto changes six settings and ignores the others."""

    @replace(ElastiCacheResponse, "modify_replication_group")
    def modify(self: Any) -> Any:
        backend, group, given = self.elasticache_backend, find(self), self._get_params()
        group.rotating = None
        failover = _flag(self, "AutomaticFailoverEnabled", group.automatic_failover == "enabled")
        multi_az = _flag(self, "MultiAZEnabled", group.multi_az == "enabled")
        check_failover(failover, multi_az, len(group.numbers))
        check_windows(given.get("SnapshotWindow"), given.get("PreferredMaintenanceWindow"))
        _change_engine(backend, group, given)
        mode, token = given.get("TransitEncryptionMode"), given.get("AuthToken")
        check_mode(mode, group.engine, group.engine_version, bool(group.tokens or token))
        if token:
            check_mode(group.transit_encryption_mode, group.engine, group.engine_version, token=True)
        _change_tls(self, group, given)
        _change_token(group, given)
        group.automatic_failover = "enabled" if failover else "disabled"
        group.multi_az = "enabled" if multi_az else "disabled"
        for argument, attribute in KEPT.items():
            if given.get(argument) is not None:
                setattr(group, attribute, given[argument])
        if "SnapshotRetentionLimit" in given:
            group.snapshot_retention_limit = int(given["SnapshotRetentionLimit"])
        group.auto_minor_version_upgrade = _flag(self, "AutoMinorVersionUpgrade", group.auto_minor_version_upgrade)
        group.topic_status = given.get("NotificationTopicStatus") or group.topic_status
        configurations = given.get("LogDeliveryConfigurations", [])
        group.log_delivery_configurations = log_deliveries(backend, configurations, group.log_delivery_configurations)
        begin(group, "modifying")
        return ActionResult({"ReplicationGroup": described(backend, group)})


def _flag(self: Any, name: str, standing: bool) -> bool:
    given = self._get_bool_param(name)
    return standing if given is None else given


def _change_engine(backend: Any, group: Any, given: dict[str, Any]) -> None:
    engine = given.get("Engine") or group.engine
    version = given.get("EngineVersion") or group.engine_version
    if engine != group.engine and engine != "valkey":
        raise error("InvalidParameterCombination", f"Engine change from {group.engine} to {engine} is not supported.")
    old, new = (tuple(int(part) for part in text.split(".")[:2]) for text in (group.engine_version, version))
    if engine == group.engine and new < old:
        raise error("InvalidParameterCombination", f"Engine downgrade from {group.engine_version} to {version} is not supported.")
    named = given.get("CacheParameterGroupName") or group.cache_parameter_group_name
    parameter_group(backend, named, engine, version)
    if given.get("EngineVersion") or engine != group.engine:
        group.engine, group.engine_version = engine, full(engine, version)


def _change_tls(self: Any, group: Any, given: dict[str, Any]) -> None:
    enabled = _flag(self, "TransitEncryptionEnabled", group.transit_encryption_enabled)
    mode = given.get("TransitEncryptionMode")
    if not enabled and group.transit_encryption_mode == "required":
        raise error("InvalidParameterCombination", "Transit encryption can be turned off only from the mode preferred.")
    if enabled and not group.transit_encryption_enabled and mode != "preferred":
        raise error("InvalidParameterCombination", "TransitEncryptionMode must be preferred to enable transit encryption.")
    group.transit_encryption_enabled = enabled
    group.transit_encryption_mode = (mode or group.transit_encryption_mode) if enabled else None


def _change_token(group: Any, given: dict[str, Any]) -> None:
    token, strategy = given.get("AuthToken"), given.get("AuthTokenUpdateStrategy", "ROTATE")
    if token is None:
        if "AuthTokenUpdateStrategy" in given:
            raise error("InvalidParameterCombination", "AuthTokenUpdateStrategy needs an AuthToken.")
        return
    check_token(token, group.transit_encryption_enabled)
    if strategy == "SET" and token not in group.tokens:
        raise error("InvalidParameterCombination", "The AUTH token update strategy SET is only allowed after ROTATE.")
    # The two latest: what is rotated to twice is both of them.
    group.tokens = (token,) if strategy == "SET" else (*group.tokens, token)[-2:]
    group.rotating = "SETTING" if strategy == "SET" else "ROTATING"
    last = group.auth_token_last_modified_date
    group.auth_token_last_modified_date = max(utcnow(), last + timedelta(seconds=1)) if last else utcnow()


@patch
def replicas_come_and_go() -> None:
    """AWS adds and removes replicas in place; with automatic failover one has to stay. moto has neither call."""

    def change(self: Any, direction: int) -> Any:
        backend, group = self.elasticache_backend, find(self)
        nodes = self._get_int_param("NewReplicaCount") + 1
        if (nodes - len(group.numbers)) * direction <= 0:
            raise error("InvalidParameterValue", f"The group has {len(group.numbers) - 1} replicas already.")
        if nodes > NODES:
            raise error("NodeQuotaForClusterExceeded", f"A replication group has at most {NODES} nodes.")
        if nodes < 2 and group.automatic_failover == "enabled":
            raise error("InvalidParameterCombination", "Automatic failover needs at least one replica.")
        while len(group.numbers) > nodes:
            group.numbers.pop()
        while len(group.numbers) < nodes:
            group.numbers.append(next(number for number in range(1, NODES + 2) if number not in group.numbers))
        begin(group, "modifying")
        return ActionResult({"ReplicationGroup": described(backend, group)})

    @replace(ElastiCacheResponse, "increase_replica_count")
    def increase(self: Any) -> Any:
        return change(self, 1)

    @replace(ElastiCacheResponse, "decrease_replica_count")
    def decrease(self: Any) -> Any:
        return change(self, -1)
