# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rds tier: the agents' PostgreSQL database, with what it needs around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..aws.policies import document
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.iam import Role
from ..resources.logs import LogGroup
from ..resources.rds.instance import Instance
from ..resources.rds.parameter_group import ParameterGroup
from ..resources.rds.settings import STRIPED
from ..resources.rds.subnet_group import SubnetGroup
from ..tier_module import Place
from . import checks, eks, kms, vpc_lookups

ENGINE = "postgres"
PORT = 5432
STORAGE = "gp3"
LOG_TYPES = ("postgresql", "upgrade", "iam-db-auth-error")
INTERVALS = (0, 1, 5, 10, 15, 30, 60)
CERTIFICATES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
FORCE_SSL = "rds.force_ssl"

NAME = re.compile(r"^[a-z](-?[a-z0-9])*$")
NAME_LENGTH = 63
DATABASE = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,62}$")
# PostgreSQL's, and RDS's own.
RESERVED_USERS = ("admin", "postgres_admin", "public", "rds_superuser", "rdsadmin", "rdsrepladmin", "rdstopmgr", "user")
RESERVED_DATABASES = ("rdsadmin", "template0", "template1")
VERSION = re.compile(r"^(1[2-9]|[2-9]\d)(\.\d{1,2})?$")
CLASS = re.compile(r"^db\.[a-z0-9-]+\.[a-z0-9-]+$")
PARAMETER = re.compile(r"^[A-Za-z_][A-Za-z0-9_.]*$")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BACKUP_WINDOW = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$")
MAINTENANCE_WINDOW = re.compile(rf"^({'|'.join(DAYS)}):([01]\d|2[0-3]):([0-5]\d)-({'|'.join(DAYS)}):([01]\d|2[0-3]):([0-5]\d)$")
DAY = 24 * 60
SHORTEST_WINDOW = 30  # minutes
LONGEST_MAINTENANCE = DAY - 1
ADVANCED_DAYS = 465
INSIGHTS_DAYS = (7, *(31 * months for months in range(1, 24)), 731)

SPEC = {
    "name": {"type": "str", "default": "agentdb"},
    "database": {"type": "str", "default": "agentdb"},
    "master_username": {"type": "str", "default": "agentadmin"},
    "key": {"type": "str", "required": True, "no_log": False},
    "password_key": {"type": "str", "required": True, "no_log": False},
    "log_key": {"type": "str", "required": True, "no_log": False},
    "zones": {"type": "list", "elements": "str", "required": True},
    "cluster_name": {"type": "str", "default": ""},
    "engine_version": {"type": "str", "default": "17"},
    "allow_major_upgrade": {"type": "bool", "default": False},
    "auto_minor_version_upgrade": {"type": "bool", "default": True},
    "instance_class": {"type": "str", "default": "db.r6g.large"},
    "multi_az": {"type": "bool", "default": True},
    "replicas": {"type": "int", "default": 0},
    "allocated_storage": {"type": "int", "default": 100},
    "max_allocated_storage": {"type": "int", "default": 1000},
    "iops": {"type": "int", "default": 0},
    "storage_throughput": {"type": "int", "default": 0},
    "backup_retention_days": {"type": "int", "default": 30},
    "backup_window": {"type": "str", "default": "03:00-04:00"},
    "maintenance_window": {"type": "str", "default": "sun:05:00-sun:06:00"},
    "force_ssl": {"type": "bool", "default": True},
    "parameters": {"type": "dict", "default": {}},
    "ca_certificate": {"type": "str", "choices": list(CERTIFICATES), "default": CERTIFICATES[0]},
    "iam_authentication": {"type": "bool", "default": False},
    "monitoring_interval": {"type": "int", "choices": list(INTERVALS), "default": 60},
    "insights_mode": {"type": "str", "choices": ["standard", "advanced"], "default": "standard"},
    "insights_retention_days": {"type": "int", "default": 7},
    "log_exports": {"type": "list", "elements": "str", "choices": list(LOG_TYPES), "default": ["postgresql", "upgrade"]},
    "log_retention_days": {"type": "int", "default": 90},
    "apply_immediately": {"type": "bool", "default": True},
    "deletion_protection": {"type": "bool", "default": True},
    "final_snapshot": {"type": "bool", "default": True},
    "permissions_boundary": {"type": "str"},
}
RANGES = {
    "backup_retention_days": (1, 35, "days"),
    "allocated_storage": (20, 65536, "GiB"),
    "max_allocated_storage": (22, 65536, "GiB"),
    "iops": (12000, 64000, "operations a second"),
    "storage_throughput": (500, 4000, "MiB a second"),
}
# 0 means that AWS decides.
OPTIONAL = ("max_allocated_storage", "iops", "storage_throughput")


def check(params: Mapping[str, Any], region: str) -> None:
    for service, name in (("rds", params["key"]), ("secretsmanager", params["password_key"]), ("logs", params["log_key"])):
        if not kms.KEY_NAME.match(name):
            raise InvalidInput(
                f"platform_kms_key_for: the key {name!r} of {service} cannot be part of an alias: "
                "lower-case letters, digits, _ and -"
            )
    _check_names(params)
    vpc_lookups.check_zones("rds_zones", params["zones"], region)
    for name, (low, high, unit) in RANGES.items():
        value = params[name]
        if not low <= value <= high and not (name in OPTIONAL and value == 0):
            raise InvalidInput(f"rds_{name}: {value} is outside {low} to {high} {unit}{', or 0' if name in OPTIONAL else ''}")
    _check_engine(params)
    _check_storage(params)
    _check_windows(params)
    _check_parameters(params)
    _check_watching(params)
    if params["replicas"]:
        raise InvalidInput(
            f"rds_replicas: {params['replicas']} cannot be made: RDS makes no read replica of a PostgreSQL database whose master "
            "password it manages itself, as it does here; a password that is kept and rotated otherwise is not offered: set 0 and "
            "scale rds_instance_class up, or have PostgreSQL's logical replication feed a database made outside of this collection"
        )


def _check_names(params: Mapping[str, Any]) -> None:
    name = f"{params['environment']}-{params['name']}"
    if not NAME.match(params["name"]) or len(name) > NAME_LENGTH:
        raise InvalidInput(
            f"rds_name: {params['name']!r} cannot be part of the name of a database instance: lower-case letters, digits "
            f"and single hyphens, beginning with a letter, at most {NAME_LENGTH} with {params['environment']}- before it"
        )
    for variable, reserved in (("database", RESERVED_DATABASES), ("master_username", RESERVED_USERS)):
        value = params[variable]
        if not DATABASE.match(value) or value.lower() in reserved:
            raise InvalidInput(
                f"rds_{variable}: {value!r} is none that RDS takes: 1 to 63 letters, digits and _, beginning with a letter, "
                f"and none of {', '.join(reserved)}"
            )
    checks.permissions_boundary("rds_permissions_boundary", params.get("permissions_boundary"))


def _check_engine(params: Mapping[str, Any]) -> None:
    if not VERSION.match(params["engine_version"]):
        raise InvalidInput(
            f"rds_engine_version: {params['engine_version']!r} is no version of PostgreSQL: a major version from 12 on, such as "
            "'17', with or without a minor one, such as '17.4'"
        )
    if not CLASS.match(params["instance_class"]):
        raise InvalidInput(f"rds_instance_class: {params['instance_class']!r} is no class of RDS: one such as db.r6g.large")


def _check_storage(params: Mapping[str, Any]) -> None:
    size, highest = params["allocated_storage"], params["max_allocated_storage"]
    least = -(-size * 11 // 10)
    if highest and highest < least:
        raise InvalidInput(
            f"rds_max_allocated_storage: {highest} GiB is less than a tenth more than rds_allocated_storage ({size}): use {least} "
            "to 65536, or 0 for storage that does not grow by itself"
        )
    for name in ("iops", "storage_throughput"):
        if params[name] and size < STRIPED:
            raise InvalidInput(
                f"rds_{name}: {params[name]} cannot be set for {size} GiB: below {STRIPED} GiB of rds_allocated_storage gp3 has "
                "its baseline, so set 0"
            )
    if params["storage_throughput"] and params["storage_throughput"] * 4 > (params["iops"] or RANGES["iops"][0]):
        raise InvalidInput(
            f"rds_storage_throughput: {params['storage_throughput']} MiB a second need {params['storage_throughput'] * 4} "
            f"operations a second, since gp3 takes a quarter of them: rds_iops is {params['iops'] or 'its baseline of 12000'}"
        )


def _check_windows(params: Mapping[str, Any]) -> None:
    """Neither may be shorter than half an hour, and they may not overlap on any day."""
    backup = BACKUP_WINDOW.match(params["backup_window"])
    if not backup:
        raise InvalidInput(
            f"rds_backup_window: {params['backup_window']!r} is no window: hours and minutes (UTC) such as 03:00-04:00"
        )
    maintenance = MAINTENANCE_WINDOW.match(params["maintenance_window"].lower())
    if not maintenance:
        raise InvalidInput(
            f"rds_maintenance_window: {params['maintenance_window']!r} is no window: days, hours and minutes (UTC) such as "
            "sun:05:00-sun:06:00"
        )
    begin = int(backup[1]) * 60 + int(backup[2])
    length = (int(backup[3]) * 60 + int(backup[4]) - begin) % DAY
    start = DAYS.index(maintenance[1]) * DAY + int(maintenance[2]) * 60 + int(maintenance[3])
    end = DAYS.index(maintenance[4]) * DAY + int(maintenance[5]) * 60 + int(maintenance[6])
    duration = (end - start) % (7 * DAY)
    if length < SHORTEST_WINDOW:
        raise InvalidInput(f"rds_backup_window: {params['backup_window']!r} is shorter than {SHORTEST_WINDOW} minutes")
    if not SHORTEST_WINDOW <= duration <= LONGEST_MAINTENANCE:
        raise InvalidInput(
            f"rds_maintenance_window: {params['maintenance_window']!r} is outside {SHORTEST_WINDOW} minutes to a day"
        )
    # Both on the same clock of a day: the backup is each day's.
    if (begin - start) % DAY < duration or (start - begin) % DAY < length:
        raise InvalidInput(
            f"rds_backup_window: {params['backup_window']!r} overlaps rds_maintenance_window ({params['maintenance_window']}): "
            "AWS wants them apart"
        )


def _check_parameters(params: Mapping[str, Any]) -> None:
    for name, value in params["parameters"].items():
        if not isinstance(name, str) or not PARAMETER.match(name):
            raise InvalidInput(f"rds_parameters: {name!r} is no name of a parameter of PostgreSQL")
        if name == FORCE_SSL:
            raise InvalidInput(f"rds_parameters: {FORCE_SSL} is set by rds_force_ssl: set that instead")
        if not isinstance(value, (str, int, float)) or str(value) == "":
            raise InvalidInput(f"rds_parameters: {value!r} for {name} is no value: a text, a number, true or false")


def _check_watching(params: Mapping[str, Any]) -> None:
    days, mode = params["insights_retention_days"], params["insights_mode"]
    if days not in INSIGHTS_DAYS:
        raise InvalidInput(
            f"rds_insights_retention_days: {days} is none of 7, 731 and the multiples of 31 up to 713, which are all that AWS takes"
        )
    if mode == "advanced" and days < ADVANCED_DAYS:
        raise InvalidInput(
            f"rds_insights_retention_days: {days} is too few for rds_insights_mode advanced, which needs {ADVANCED_DAYS} or more"
        )
    checks.retention("rds_log_retention_days", params["log_retention_days"])
    if len(set(params["log_exports"])) < len(params["log_exports"]):
        raise InvalidInput(f"rds_log_exports: {params['log_exports']} names something twice: name each once")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    name = f"{place.environment}-{params['name']}"
    subnets = vpc_lookups.subnets("database", params["zones"])
    group = vpc_lookups.security_group("rds")
    cluster = [eks.looked_up(place, params["cluster_name"])] if params["cluster_name"] else []
    keys = {name: kms.looked_up(place, params[name]) for name in ("key", "password_key", "log_key")}
    logs = [_log_group(params, name, kind, keys["log_key"]) for kind in params["log_exports"]]
    parameters = _parameters(params, name)
    subnet_group = Resource(
        SubnetGroup(),
        params["name"],
        {"name": name, "description": f"Database subnets of {place.deployment}", "subnets": vpc_lookups.ids(subnets)},
    )
    role = [_monitoring_role(params, place, name)] if params["monitoring_interval"] else []
    instance = Resource(
        Instance(),
        params["name"],
        {
            "name": name,
            "engine": ENGINE,
            "engine_version": params["engine_version"],
            "database": params["database"],
            "master_username": params["master_username"],
            "secret_key": Ref(keys["password_key"].address, "arn"),
            "port": PORT,
            "instance_class": params["instance_class"],
            "multi_az": params["multi_az"],
            "kms_key": Ref(keys["key"].address, "arn"),
            "storage_type": STORAGE,
            "allocated_storage": params["allocated_storage"],
            "max_allocated_storage": params["max_allocated_storage"],
            "iops": params["iops"] or None,
            "storage_throughput": params["storage_throughput"] or None,
            "subnet_group": Ref(subnet_group.address, "name"),
            "security_groups": [Ref(group.address)],
            "publicly_accessible": False,
            "parameter_group": Ref(parameters.address, "name"),
            "backup_retention_days": params["backup_retention_days"],
            "backup_window": params["backup_window"],
            "maintenance_window": params["maintenance_window"],
            "copy_tags_to_snapshots": True,
            "auto_minor_version_upgrade": params["auto_minor_version_upgrade"],
            "ca_certificate": params["ca_certificate"],
            "iam_authentication": params["iam_authentication"],
            "monitoring_interval": params["monitoring_interval"],
            "monitoring_role": Ref(role[0].address, "arn") if role else None,
            "insights_mode": params["insights_mode"],
            "insights_retention_days": params["insights_retention_days"],
            "insights_key": Ref(keys["key"].address, "arn"),
            "log_exports": params["log_exports"],
            "deletion_protection": params["deletion_protection"],
        },
        options={
            "apply_immediately": params["apply_immediately"],
            "allow_major_upgrade": params["allow_major_upgrade"],
            "final_snapshot": params["final_snapshot"],
        },
        # RDS would make the log groups itself, without a key; and the diagrams want the cluster first.
        after=tuple(resource.address for resource in (*logs, *cluster)),
    )
    looked_up = {resource.address: resource for resource in (*keys.values(), *subnets, group, *cluster)}
    return [*looked_up.values(), subnet_group, parameters, *logs, *role, instance]


def _parameters(params: Mapping[str, Any], name: str) -> Resource:
    """A group of a family of its own for each major version, so that an upgrade goes from one to the next."""
    family = ENGINE + params["engine_version"].partition(".")[0]
    values = {**params["parameters"], FORCE_SSL: params["force_ssl"]}
    desired = {
        "name": f"{name}-{family}",
        "family": family,
        "description": f"{name}, {family}",
        "parameters": {key: _text(value) for key, value in values.items()},
    }
    return Resource(ParameterGroup(), f"{params['name']}-{family}", desired)


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _log_group(params: Mapping[str, Any], name: str, kind: str, key: Resource) -> Resource:
    desired = {
        "log_group_name": f"/aws/rds/instance/{name}/{kind}",
        "kms_key": Ref(key.address, "arn"),
        "retention_days": params["log_retention_days"],
    }
    return Resource(LogGroup(), f"{params['name']}-{kind}", desired)


def _monitoring_role(params: Mapping[str, Any], place: Place, name: str) -> Resource:
    """For enhanced monitoring, of this database alone (RDS user guide, "Setting up and enabling Enhanced Monitoring").

    The inline policy is what AWS's own, AmazonRDSEnhancedMonitoringRole, allows, in this account and region alone.
    """
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "monitoring.rds.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": place.account_id},
            "ArnLike": {"aws:SourceArn": place.arn("rds", f"db:{name}")},
        },
    }
    group = place.arn("logs", "log-group:RDS*")
    return Resource(
        Role(),
        "rds-monitoring",
        {
            "role_name": f"{place.deployment}-rds-monitoring",
            "path": "/",
            "description": f"{place.deployment}: writes what enhanced monitoring of {name} measures",
            "trust_policy": document([trust]),
            "inline_policies": {"write": document([_allow(group, "CreateLogGroup", "PutRetentionPolicy"), _streams(group)])},
            "managed_policies": [],
            "permissions_boundary": params.get("permissions_boundary") or None,
        },
    )


def _streams(group: str) -> dict[str, Any]:
    return _allow(f"{group}:log-stream:*", "CreateLogStream", "PutLogEvents", "DescribeLogStreams", "GetLogEvents")


def _allow(resource: str, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [f"logs:{action}" for action in actions], "Resource": [resource]}
