"""Patches to ElastiCache's replication groups, of one node group (cluster mode disabled)."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult, PaginatedResult
from moto.elasticache.exceptions import CacheSubnetGroupNotFound, ReplicationGroupNotFound
from moto.elasticache.models import ElastiCacheBackend, ReplicationGroup
from moto.elasticache.responses import ElastiCacheResponse

from local_aws.cache import CACHE
from local_aws.patches import patch, replace, wrap
from local_aws.patches.elasticache import KIND, error, forget_tags, tell
from local_aws.transitions import failure, now, settled

ID = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
TOKEN = re.compile(r"^[A-Za-z0-9!&#$^<>-]{16,128}$")
WINDOW = re.compile(r"^\d\d:\d\d-\d\d:\d\d$")
MAINTENANCE = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun):\d\d:\d\d-(mon|tue|wed|thu|fri|sat|sun):\d\d:\d\d$")
# What AWS adds to major and minor.
PATCH_LEVEL = {"redis": "0", "valkey": "1"}
LONGEST = 40
NODES = 6
FIRST_WITH_MODE = 7


@patch
def states() -> None:
    """AWS: a group is creating, then available or create-failed; modifying after each change, snapshotting, deleting, then gone;
    until it is available it takes no change (InvalidReplicationGroupState). moto: available at once, and deleting for ever."""
    ReplicationGroup.phase = "creating"
    ReplicationGroup.since = 0.0
    ReplicationGroup.failure = None
    ReplicationGroup.tokens = ()
    ReplicationGroup.rotating = None

    def status(self: Any) -> str:
        if self.phase == "deleting" or not settled(KIND, self.since):
            return self.phase
        return "create-failed" if self.failure else "available"

    ReplicationGroup.status = property(status, lambda self, value: None)

    @replace(ElastiCacheBackend, "sweep")
    def sweep(self: Any) -> None:
        for name, group in list(self.replication_groups.items()):
            if group.phase == "deleting" and settled(KIND, group.since):
                del self.replication_groups[name]
                forget_tags(self, group.arn)

    @wrap(ElastiCacheBackend, "describe_replication_groups")
    def describe(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        self.sweep()
        return original(self, *args, **kwargs)


def find(self: Any, available: bool = True) -> Any:
    """The group that the call names, which must be available to be changed."""
    name = self._get_param("ReplicationGroupId").lower()
    self.elasticache_backend.sweep()
    if name not in self.elasticache_backend.replication_groups:
        raise ReplicationGroupNotFound(name)
    group = self.elasticache_backend.replication_groups[name]
    if available and group.status != "available":
        raise error("InvalidReplicationGroupState", f"Replication group {name} must be in available state: it is {group.status}.")
    return group


def begin(group: Any, phase: str) -> None:
    group.phase, group.since = phase, now()


def described(backend: Any, group: Any) -> dict[str, Any]:
    """The group as AWS shows it; its members' settings are on the members."""
    state, name = group.status, group.replication_group_id
    members = [f"{name}-{number:03}" for number in group.numbers]
    answer = {
        "ReplicationGroupId": name,
        "Description": group.description,
        "Status": state,
        "PendingModifiedValues": {},
        "MemberClusters": members,
        "NodeGroups": [],
        "AutomaticFailover": group.automatic_failover,
        "MultiAZ": group.multi_az,
        "SnapshotRetentionLimit": group.snapshot_retention_limit,
        "SnapshotWindow": group.snapshot_window,
        "ClusterEnabled": False,
        "CacheNodeType": group.cache_node_type,
        "AuthTokenEnabled": bool(group.tokens),
        "TransitEncryptionEnabled": group.transit_encryption_enabled,
        "AtRestEncryptionEnabled": group.at_rest_encryption_enabled,
        "ARN": group.arn,
        "LogDeliveryConfigurations": group.log_delivery_configurations,
        "ReplicationGroupCreateTime": group.replication_group_create_time,
        "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        "ClusterMode": "disabled",
        "Engine": group.engine,
    }
    if group.tokens:
        answer["AuthTokenLastModifiedDate"] = group.auth_token_last_modified_date
    if group.kms_key_id:
        answer["KmsKeyId"] = group.kms_key_id
    if group.transit_encryption_enabled:
        answer["TransitEncryptionMode"] = group.transit_encryption_mode
    if state == "modifying" and group.rotating:
        answer["PendingModifiedValues"]["AuthTokenStatus"] = group.rotating
    if state not in ("creating", "create-failed"):
        answer["NodeGroups"] = [_node_group(backend, group, members)]
    return answer


def _domain(backend: Any, group: Any) -> str:
    area, direction, number = backend.region_name.split("-", 2)
    return f"{group.replication_group_id}.abc123.{area}{direction[0]}{number[-1]}.cache.amazonaws.com"


def _zones(backend: Any, group: Any) -> list[str]:
    subnets = getattr(backend.cache_subnet_groups.get(group.cache_subnet_group_name), "subnets", [])
    found = sorted({subnet["subnet_availability_zone"]["Name"] for subnet in subnets})
    return found or [f"{backend.region_name}a", f"{backend.region_name}b"]


def _node_group(backend: Any, group: Any, members: list[str]) -> dict[str, Any]:
    domain, zones, port = _domain(backend, group), _zones(backend, group), int(group.port)
    return {
        "NodeGroupId": "0001",
        "Status": group.status,
        "PrimaryEndpoint": {"Address": CACHE.address(group, backend.replication_groups) or f"master.{domain}", "Port": port},
        "ReaderEndpoint": {"Address": f"replica.{domain}", "Port": port},
        "NodeGroupMembers": [
            {
                "CacheClusterId": member,
                "CacheNodeId": "0001",
                "ReadEndpoint": {"Address": f"{member}.{domain}", "Port": port},
                "PreferredAvailabilityZone": zones[index % len(zones)],
                "CurrentRole": "replica" if index else "primary",
            }
            for index, member in enumerate(members)
        ],
    }


def _members(backend: Any, group: Any) -> list[dict[str, Any]]:
    zones, state, name = _zones(backend, group), group.status, group.replication_group_id
    arn = f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:cluster:{name}"
    common = {
        "CacheNodeType": group.cache_node_type,
        "Engine": group.engine,
        "EngineVersion": group.engine_version,
        "CacheClusterStatus": state,
        "NumCacheNodes": 1,
        "PreferredMaintenanceWindow": group.preferred_maintenance_window,
        "CacheParameterGroup": {
            "CacheParameterGroupName": group.cache_parameter_group_name,
            "ParameterApplyStatus": "in-sync",
        },
        "CacheSubnetGroupName": group.cache_subnet_group_name,
        "AutoMinorVersionUpgrade": group.auto_minor_version_upgrade,
        "SecurityGroups": [{"SecurityGroupId": item, "Status": "active"} for item in group.security_group_ids or ()],
        "ReplicationGroupId": group.replication_group_id,
        "AuthTokenEnabled": bool(group.tokens),
        "TransitEncryptionEnabled": group.transit_encryption_enabled,
        "AtRestEncryptionEnabled": group.at_rest_encryption_enabled,
    }
    if group.notification_topic_arn:
        common["NotificationConfiguration"] = {"TopicArn": group.notification_topic_arn, "TopicStatus": group.topic_status}
    return [
        {
            **common,
            "CacheClusterId": f"{name}-{number:03}",
            "PreferredAvailabilityZone": zones[index % len(zones)],
            "ARN": f"{arn}-{number:03}",
        }
        for index, number in enumerate(group.numbers)
    ]


@patch
def groups_are_shown() -> None:
    """AWS shows a replication group's nodes, its endpoints once it is made, and its other settings on the member clusters of
    DescribeCacheClusters, in the zones of its subnets. moto makes one node for NumCacheClusters=3, knows no member clusters, and
    puts everything into us-east-1."""

    @replace(ElastiCacheResponse, "describe_replication_groups")
    def describe(self: Any) -> Any:
        backend = self.elasticache_backend
        groups = backend.describe_replication_groups(self._get_param("ReplicationGroupId"))
        return PaginatedResult({"ReplicationGroups": [described(backend, group) for group in groups]})

    @replace(ElastiCacheResponse, "describe_cache_clusters")
    def describe_clusters(self: Any) -> Any:
        backend, wanted = self.elasticache_backend, self._get_param("CacheClusterId")
        backend.sweep()
        members = [item for group in backend.replication_groups.values() for item in _members(backend, group)]
        if wanted:
            found = [item for item in members if item["CacheClusterId"] == wanted] or backend.describe_cache_clusters(wanted)
        else:
            found = [*backend.describe_cache_clusters(), *members]
        return PaginatedResult({"CacheClusters": found})


def parameter_group(backend: Any, name: str | None, engine: str, version: str) -> str:
    family = family_of(engine, version)
    if not name or name.startswith("default."):
        return name or f"default.{family}"
    group = backend.parameter_groups.get(name)
    if group is None:
        raise error("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
    if group["CacheParameterGroupFamily"] != family:
        raise error(
            "InvalidParameterCombination",
            f"Expected a parameter group of family {family} but found one of family {group['CacheParameterGroupFamily']}",
        )
    return name


def family_of(engine: str, version: str) -> str:
    major = version.split(".")[0]
    return f"{engine}{'6.x' if major == '6' else '5.0' if major == '5' else major}"


def full(engine: str, version: str) -> str:
    parts = version.split(".")
    return version if len(parts) > 2 else f"{version}.{PATCH_LEVEL[engine]}"


def check_mode(mode: str | None, engine: str, version: str, token: bool) -> None:
    """Of TLS, where there is one."""
    if mode and engine == "redis" and int(version.split(".")[0]) < FIRST_WITH_MODE:
        raise error("InvalidParameterCombination", "Transit encryption mode is not supported for engine version before 7.0.5.")
    if mode == "preferred" and token:
        raise error("InvalidParameterCombination", "Transit encryption preferred is not supported with redis access control.")


def check_token(token: str, encrypted: bool) -> None:
    if not encrypted:
        raise error("InvalidParameterCombination", "The AUTH token is only supported when encryption-in-transit is enabled")
    if not TOKEN.match(token):
        raise error(
            "InvalidParameterValue",
            "Invalid AuthToken provided: 16 to 128 characters, and none but ! & # $ ^ < > - besides letters and digits",
        )


def check_failover(failover: bool, multi_az: bool, nodes: int) -> None:
    if failover and nodes < 2:
        raise error("InvalidParameterCombination", "Automatic failover is not supported for replication groups with one node.")
    if multi_az and not failover:
        raise error("InvalidParameterCombination", "Must enable automatic failover to enable Multi-AZ.")


def check_windows(snapshot: str | None, maintenance: str | None) -> None:
    for value, form in ((snapshot, WINDOW), (maintenance, MAINTENANCE)):
        if value and not form.match(value):
            raise error("InvalidParameterValue", f"Invalid window: {value}.")


def log_deliveries(backend: Any, items: list[dict[str, Any]], standing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from moto.logs.models import logs_backends

    kept = {item["LogType"]: item for item in standing}
    for item in items:
        enabled = str(item.get("Enabled", True)).lower() != "false"
        if not enabled:
            kept.pop(item["LogType"], None)
            continue
        name = item["DestinationDetails"]["CloudWatchLogsDetails"]["LogGroup"]
        there = name in logs_backends[backend.account_id][backend.region_name].groups
        message = {} if there else {"Message": f"Destination log group {name} does not exist"}
        shown = {key: value for key, value in item.items() if key != "Enabled"}
        kept[item["LogType"]] = {**shown, "Status": "active" if there else "error", **message}
    return [kept[key] for key in sorted(kept)]


@patch
def groups_are_made() -> None:
    """AWS checks what a new group refers to and what excludes one another: AUTH needs TLS, required; a mode needs Redis 7;
    Multi-AZ needs failover and that two nodes, the parameter group's family the engine's version. moto takes everything. The
    transition is `replication_group`."""

    @wrap(ElastiCacheResponse, "create_replication_group")
    def create(original: Any, self: Any) -> Any:
        backend, name = self.elasticache_backend, self._get_param("ReplicationGroupId").lower()
        backend.sweep()
        if not ID.match(name) or len(name) > LONGEST:
            raise error("InvalidParameterValue", f"The parameter ReplicationGroupId {name} is not a valid identifier.")
        nodes = self._get_int_param("NumCacheClusters") or 1
        failover, multi_az = self._get_bool_param("AutomaticFailoverEnabled"), self._get_bool_param("MultiAZEnabled")
        encrypted, token = bool(self._get_bool_param("TransitEncryptionEnabled")), self._get_param("AuthToken")
        engine = self._get_param("Engine") or "redis"
        version = self._get_param("EngineVersion") or {"redis": "7.1", "valkey": "8.0"}[engine]
        subnets = self._get_param("CacheSubnetGroupName")
        if nodes > NODES:
            raise error("InvalidParameterValue", f"A replication group has at most {NODES} nodes.")
        check_failover(bool(failover), bool(multi_az), nodes)
        check_windows(self._get_param("SnapshotWindow"), self._get_param("PreferredMaintenanceWindow"))
        if subnets and subnets not in backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(subnets)
        family_group = parameter_group(backend, self._get_param("CacheParameterGroupName"), engine, version)
        if token is not None:
            check_token(token, encrypted)
        check_mode(self._get_param("TransitEncryptionMode"), engine, version, token is not None)
        original(self)
        group = backend.replication_groups.pop(self._get_param("ReplicationGroupId"))
        backend.replication_groups[name] = group
        group.numbers = list(range(1, nodes + 1))
        group.engine_version, group.cache_parameter_group_name = full(engine, version), family_group
        group.transit_encryption_mode = (self._get_param("TransitEncryptionMode") or "required") if encrypted else None
        group.tokens = (token,) if token else ()
        group.snapshot_window = self._get_param("SnapshotWindow") or "05:00-06:00"
        group.preferred_maintenance_window = self._get_param("PreferredMaintenanceWindow") or "sun:03:00-sun:04:00"
        group.auto_minor_version_upgrade = self._get_bool_param("AutoMinorVersionUpgrade") is not False
        group.topic_status = "active"
        configurations = self._get_params().get("LogDeliveryConfigurations", [])
        group.log_delivery_configurations = log_deliveries(backend, configurations, [])
        group.failure = failure(KIND)
        begin(group, "creating")
        message = f"Replication group {name} created" if not group.failure else group.failure
        tell(backend, name, message, group.since)
        return ActionResult({"ReplicationGroup": described(backend, group)})

    @replace(ElastiCacheResponse, "delete_replication_group")
    def delete(self: Any) -> Any:
        backend, group = self.elasticache_backend, find(self, available=False)
        if group.status not in ("available", "create-failed"):
            raise error("InvalidReplicationGroupState", f"Replication group is {group.status}.")
        final = self._get_param("FinalSnapshotIdentifier")
        if final:
            if group.status == "create-failed":
                raise error("InvalidReplicationGroupState", "A snapshot needs an available replication group.")
            backend.create_snapshot(final, group.replication_group_id, None, group.kms_key_id, [])
        begin(group, "deleting")
        return ActionResult({"ReplicationGroup": described(backend, group)})
