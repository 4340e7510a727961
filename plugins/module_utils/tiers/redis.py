# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The redis tier: the cache of sessions and responses, with its token, parameters and logs, in the database subnets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.elasticache.groups import CacheParameterGroup, CacheSubnetGroup
from ..resources.elasticache.replication_group import ReplicationGroup
from ..resources.elasticache.shapes import NO_TLS, NO_TOPIC, OPTIONAL_TLS, REDIS, VALKEY, numbers
from ..resources.logs import LogGroup
from ..tier_module import Place
from . import checks, eks, kms, secrets, vpc_lookups

PORT = 6379
NODES = 6
LOGS = ("slow-log", "engine-log")
SECRET = "redis-auth-token"  # the secrets tier leaves the name to this one
NODE_TYPE = re.compile(r"^cache\.[a-z][a-z0-9]+\.(micro|small|medium|large|\d*xlarge)\Z")
TIERED = re.compile(r"^cache\.[a-z]\d+gd\.")
# The family of each major version. AWS takes a mode of TLS from Redis 7 on, and from Valkey's beginning.
FAMILIES = {REDIS: {7: "redis7"}, VALKEY: {7: "valkey7", 8: "valkey8", 9: "valkey9"}}
VERSION = re.compile(r"^\d{1,2}\.\d{1,2}\Z")
OLDEST = {REDIS: (7, 0), VALKEY: (7, 2)}
TOKEN = re.compile(r"^[A-Za-z0-9!&#$^<>-]{16,128}\Z")
CLOCK = r"([01]\d|2[0-3]):([0-5]\d)"
SNAPSHOT_WINDOW = re.compile(rf"^{CLOCK}-{CLOCK}\Z")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAINTENANCE_WINDOW = re.compile(rf"^({'|'.join(DAYS)}):{CLOCK}-({'|'.join(DAYS)}):{CLOCK}\Z")
PARAMETER = re.compile(r"^[a-z][a-z0-9-]*\Z")
POLICY = "maxmemory-policy"
POLICIES = (
    *("volatile-lru", "allkeys-lru", "volatile-lfu", "allkeys-lfu"),
    *("volatile-random", "allkeys-random", "volatile-ttl", "noeviction"),
)
RANGES = {
    "nodes": (1, NODES, "nodes, the primary among them"),
    "snapshot_retention_days": (0, 35, "days"),
    "recovery_window_days": (7, 30, "days"),
}
KEYS = {"key": "elasticache", "secrets_key": "secretsmanager", "log_key": "logs"}

SPEC = {
    "cluster_name": {"type": "str"},
    "zones": {"type": "list", "elements": "str", "required": True},
    "engine": {"type": "str", "choices": [REDIS, VALKEY], "default": REDIS},
    "engine_version": {"type": "str", "default": "7.1"},
    "node_type": {"type": "str", "default": "cache.r7g.large"},
    "nodes": {"type": "int", "default": 3},
    "automatic_failover": {"type": "bool", "default": True},
    "multi_az": {"type": "bool", "default": True},
    "parameters": {"type": "dict", "default": {}},
    "transit_encryption": {"type": "str", "choices": ["required", OPTIONAL_TLS, NO_TLS], "default": "required"},
    "auth_enabled": {"type": "bool", "default": True},
    "auth_token": {"type": "str", "no_log": True},
    "auth_token_rotation": {"type": "str", "default": "1", "no_log": False},
    "snapshot_retention_days": {"type": "int", "default": 7},
    "snapshot_window": {"type": "str", "default": "02:00-03:00"},
    "final_snapshot": {"type": "bool", "default": True},
    "maintenance_window": {"type": "str", "default": "sun:04:00-sun:05:00"},
    "auto_minor_version_upgrade": {"type": "bool", "default": True},
    "notification_topic_arn": {"type": "str"},
    "logs": {"type": "list", "elements": "str", "choices": list(LOGS), "default": list(LOGS)},
    "log_retention_days": {"type": "int", "default": 90},
    "recovery_window_days": {"type": "int", "default": 30},
    "key": {"type": "str", "required": True, "no_log": False},
    "secrets_key": {"type": "str", "required": True, "no_log": False},
    "log_key": {"type": "str", "required": True, "no_log": False},
}


def check(params: Mapping[str, Any], region: str) -> None:
    for option, service in KEYS.items():
        if not kms.KEY_NAME.match(params[option]):
            raise InvalidInput(
                f"platform_kms_key_for: the key {params[option]!r} of {service} cannot be part of an alias: lower-case letters, "
                "digits, _ and -"
            )
    vpc_lookups.check_zones("redis_zones", params["zones"], region)
    for name, (low, high, unit) in RANGES.items():
        if not low <= params[name] <= high:
            raise InvalidInput(f"redis_{name}: {params[name]} is outside {low} to {high} {unit}")
    checks.retention("redis_log_retention_days", params["log_retention_days"])
    _check_engine(params["engine"], params["engine_version"])
    _check_nodes(params)
    _check_encryption(params)
    _check_windows(params)
    _check_parameters(params["parameters"])
    topic = params.get("notification_topic_arn")
    if topic and not re.match(rf"^arn:aws[a-z-]*:sns:{region}:\d{{12}}:[A-Za-z0-9_-]{{1,256}}\Z", topic):
        raise InvalidInput(f"redis_notification_topic_arn: {topic!r} is not the ARN of a standard SNS topic in {region}")
    if len(set(params["logs"])) != len(params["logs"]):
        raise InvalidInput(f"redis_logs: {params['logs']} names a log twice: name each of {', '.join(LOGS)} at most once")


def _check_engine(engine: str, version: str) -> None:
    oldest, families = OLDEST[engine], FAMILIES[engine]
    if not VERSION.match(version) or numbers(version) < oldest or numbers(version)[0] not in families:
        raise InvalidInput(
            f"redis_engine_version: {version!r} is no version of {engine} that can be used here: major and minor with a point "
            f"between, quoted, from {'.'.join(map(str, oldest))} on, of a major version {' or '.join(map(str, families))}"
        )


def _check_nodes(params: Mapping[str, Any]) -> None:
    node_type, nodes = params["node_type"], params["nodes"]
    if not NODE_TYPE.match(node_type):
        raise InvalidInput(f"redis_node_type: {node_type!r} is not the name of a node type: use one such as cache.r7g.large")
    if TIERED.match(node_type):
        raise InvalidInput(f"redis_node_type: {node_type!r} keeps data on disks, which this cache does not: use cache.r7g.large")
    if params["automatic_failover"] and nodes < 2:
        raise InvalidInput(
            f"redis_automatic_failover: true with redis_nodes: {nodes}: there is nothing to fail over to, so use 2 to {NODES} "
            "nodes, or false"
        )
    if params["multi_az"] and not params["automatic_failover"]:
        raise InvalidInput(
            "redis_multi_az: true with redis_automatic_failover: false: Multi-AZ is failover to another zone, so set both to "
            "true, or this one to false"
        )


def _check_encryption(params: Mapping[str, Any]) -> None:
    """No sentence holds a token."""
    token = params.get("auth_token")
    if params["auth_enabled"] and params["transit_encryption"] == NO_TLS:
        raise InvalidInput(
            f"redis_transit_encryption: {NO_TLS} with redis_auth_enabled: true: AWS takes an AUTH token only where TLS is on, so "
            "use required"
        )
    if params["auth_enabled"] and params["transit_encryption"] == OPTIONAL_TLS:
        raise InvalidInput(
            f"redis_transit_encryption: {OPTIONAL_TLS} with redis_auth_enabled: true: AWS takes an AUTH token only where every "
            "connection is over TLS, so use required; a cache that is to be without AUTH, and may lie open to some connections, "
            f"takes {OPTIONAL_TLS} with redis_auth_enabled: false"
        )
    if token and not params["auth_enabled"]:
        raise InvalidInput("redis_auth_token: it is set with redis_auth_enabled: false: leave it out, or set the other to true")
    if token is not None and not TOKEN.match(token):
        raise InvalidInput(
            f"redis_auth_token: AWS refuses the one that is set (not shown), of {len(token)} characters: use 16 to 128 letters, "
            "digits and ! & # $ ^ < > -"
        )
    if params["auth_enabled"] and not params["auth_token_rotation"]:
        raise InvalidInput("redis_auth_token_rotation: '' is empty: use any number or word, and another one for a new token")


def _check_windows(params: Mapping[str, Any]) -> None:
    window = params["snapshot_window"]
    match = SNAPSHOT_WINDOW.match(window)
    begin, end = (_minutes(match, 1), _minutes(match, 3)) if match else (0, 0)
    if (end - begin) % 1440 < 60:
        raise InvalidInput(f"redis_snapshot_window: {window!r} is no window of an hour or more in UTC, such as 02:00-03:00")
    window = params["maintenance_window"]
    match = MAINTENANCE_WINDOW.match(window)
    if match:
        begin = DAYS.index(match[1]) * 1440 + _minutes(match, 2)
        end = DAYS.index(match[4]) * 1440 + _minutes(match, 5)
    if not match or not 60 <= (end - begin) % (7 * 1440) <= 1440:
        raise InvalidInput(
            f"redis_maintenance_window: {window!r} is no window of one hour to a day in UTC, such as sun:04:00-sun:05:00"
        )


def _minutes(match: re.Match[str], group: int) -> int:
    return int(match[group]) * 60 + int(match[group + 1])


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    for name, value in parameters.items():
        if not PARAMETER.match(name) or name == "cluster-enabled":
            raise InvalidInput(
                f"redis_parameters: {name!r} is no parameter of a cache of one node group: lower-case letters, digits and -"
            )
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidInput(
                f"redis_parameters: the value {value!r} of {name} is neither text nor number: put yes and no in quotes"
            )
        if name == POLICY and value not in POLICIES:
            raise InvalidInput(f"redis_parameters: {POLICY} {value!r} is none of {', '.join(POLICIES)}")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    name = f"{place.environment}-redis"
    subnets = vpc_lookups.subnets("database", params["zones"])
    cluster = [eks.looked_up(place, params["cluster_name"])] if params.get("cluster_name") else []
    family = FAMILIES[params["engine"]][numbers(params["engine_version"])[0]]
    logs = {log: _log_group(params, name, log) for log in params["logs"]}
    subnet_group = Resource(
        CacheSubnetGroup(),
        "redis",
        {"name": name, "description": f"{place.deployment}: database subnets", "subnets": vpc_lookups.ids(subnets)},
    )
    # Another family is another group, so that the cache can change from one to the other.
    called = f"redis-{family}"
    parameter_group = Resource(
        CacheParameterGroup(),
        called,
        {
            "name": f"{place.environment}-{called}",
            "family": family,
            "description": f"{place.deployment}: parameters of the cache",
            "parameters": {parameter: str(value) for parameter, value in params["parameters"].items()},
        },
    )
    token = _token(params, place) if params["auth_enabled"] else None
    return [
        *(kms.looked_up(place, key) for key in sorted({params[option] for option in KEYS})),
        *subnets,
        vpc_lookups.security_group("redis"),
        *cluster,
        *logs.values(),
        subnet_group,
        parameter_group,
        *([token] if token else []),
        Resource(
            ReplicationGroup(),
            "redis",
            {
                "group_id": name,
                "description": f"{place.deployment}: cache of sessions and responses",
                "engine": params["engine"],
                "version": params["engine_version"],
                "node_type": params["node_type"],
                "nodes": params["nodes"],
                "automatic_failover": params["automatic_failover"],
                "multi_az": params["multi_az"],
                "port": PORT,
                "subnet_group": Ref(subnet_group.address, "name"),
                "security_groups": [Ref("security_group/redis")],
                "parameter_group": Ref(parameter_group.address, "name"),
                "kms_key": Ref(f"kms_key/{params['key']}", "arn"),
                "transit_encryption": params["transit_encryption"],
                "auth_secret": Ref(token.address, "arn") if token else None,
                "auth_token": "current" if token else None,
                "snapshot_retention_days": params["snapshot_retention_days"],
                # AWS keeps none where it takes no snapshots.
                "snapshot_window": params["snapshot_window"] if params["snapshot_retention_days"] else None,
                "maintenance_window": params["maintenance_window"],
                "auto_minor_version_upgrade": params["auto_minor_version_upgrade"],
                "notification_topic": params.get("notification_topic_arn") or NO_TOPIC,
                "logs": [{"type": log, "log_group": Ref(group.address, "name"), "format": "json"} for log, group in logs.items()],
            },
            options={
                "final_snapshot": params["final_snapshot"],
                **({"token": {**token.options, "address": token.address}} if token else {}),
            },
            after=tuple(resource.address for resource in cluster),
        ),
    ]


def _token(params: Mapping[str, Any], place: Place) -> Resource:
    options = {
        "rotation": params["auth_token_rotation"],
        "value": params.get("auth_token"),
        "recovery_window_days": params["recovery_window_days"],
    }
    return secrets.generated(place, SECRET, f"{place.deployment}: AUTH token of the cache", params["secrets_key"], options)


def _log_group(params: Mapping[str, Any], name: str, log: str) -> Resource:
    return Resource(
        LogGroup(),
        f"redis-{log}",
        {
            "log_group_name": f"/aws/elasticache/{name}/{log}",
            "kms_key": Ref(f"kms_key/{params['log_key']}", "arn"),
            "retention_days": params["log_retention_days"],
        },
    )
