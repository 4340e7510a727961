# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema tier: the secret of the application's database user. What is inside the database is no resource of AWS and follows
after it (``plugin_utils/schema.py``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..kubernetes import jobs
from ..reconcile.errors import InvalidInput
from ..reconcile.resource import Resource
from ..schema import job
from ..schema.desired import Desired, clone_of
from ..schema.migrations import load
from ..schema.privileges import NAMED, RIGHTS, kind_of, table_of
from ..tier_module import Place
from . import kms, secrets

SECRET = "rds/agent-app"
# Where the inside is set up from.
DIRECT, CLUSTER, NOWHERE = "direct", "cluster", "none"
IDENTIFIER = re.compile(r"^[a-z_][a-z0-9_]{0,62}\Z")
RESERVED = ("public", "pg_temp", "information_schema", "rdsadmin", "postgres")
APPEND_ONLY = "audit_log"

SPEC = {
    "run_in": {"type": "str", "choices": [DIRECT, CLUSTER, NOWHERE], "default": DIRECT},
    "cluster_name": {"type": "str", "default": ""},
    **jobs.TUNNEL,
    "secrets_key": {"type": "str", "required": True, "no_log": False},
    "instance": {"type": "str", "default": "agentdb"},
    "database": {"type": "str", "default": "agentdb"},
    "name": {"type": "str", "default": "agent"},
    "owner_role": {"type": "str", "default": "agent_migrate"},
    "app_role": {"type": "str", "default": "agent_app"},
    "grants": {"type": "dict", "default": {}},
    "migrations_path": {"type": "path"},
    "audit_months_ahead": {"type": "int", "default": 3},
    "lock_timeout_seconds": {"type": "int", "default": 60},
    "ca_bundle": {"type": "path"},
    "tunnel_address": {"type": "str"},
    "tunnel_port": {"type": "int"},
    "password_rotation": {"type": "str", "default": "1", "no_log": False},
    "recovery_window_days": {"type": "int", "default": 30},
    "job": {"type": "dict", "default": {}, "options": {**jobs.spec(job.KIND), "again": {"type": "str", "default": ""}}},
}


def check(params: Mapping[str, Any], region: str) -> None:
    if not kms.KEY_NAME.match(params["secrets_key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['secrets_key']!r} of secretsmanager cannot be part of an alias: lower-case "
            "letters, digits, _ and -"
        )
    if not 7 <= params["recovery_window_days"] <= 30:
        raise InvalidInput(f"schema_recovery_window_days: {params['recovery_window_days']} is outside 7 to 30 days")
    if not params["password_rotation"]:
        raise InvalidInput("schema_password_rotation: '' is empty: use any number or word, and another one for a new password")
    _check_names(params)
    _check_grants(params)
    if not 0 <= params["audit_months_ahead"] <= 60:
        raise InvalidInput(f"schema_audit_months_ahead: {params['audit_months_ahead']} is outside 0 to 60 months")
    if not 0 <= params["lock_timeout_seconds"] <= 3600:
        raise InvalidInput(f"schema_lock_timeout_seconds: {params['lock_timeout_seconds']} is outside 0 to 3600 seconds")
    if bool(params.get("tunnel_address")) != bool(params.get("tunnel_port")):
        raise InvalidInput(
            f"schema_tunnel_address: {params.get('tunnel_address') or ''!r} with schema_tunnel_port "
            f"{params.get('tunnel_port') or 0} is half a tunnel: set both, or neither"
        )
    if params["run_in"] == NOWHERE:
        return
    for name, what in (
        ("ca_bundle", "the file of RDS's certificate bundle"),
        ("migrations_path", "the directory of the migrations"),
    ):
        if not params.get(name):
            raise InvalidInput(
                f"schema_{name}: '' names no file: name {what}, or set schema_run_in: {NOWHERE} to leave the database alone"
            )
    if params["run_in"] == CLUSTER:
        jobs.check(job.KIND, params["job"])
        if not params["cluster_name"]:
            raise InvalidInput(
                "platform_cluster_name: '' names no cluster, and schema_run_in: cluster needs one: name that of the eks tier"
            )


def _check_names(params: Mapping[str, Any]) -> None:
    for name in ("database", "name", "owner_role", "app_role"):
        value = params[name]
        if not IDENTIFIER.match(value) or value in RESERVED or value.startswith("pg_"):
            raise InvalidInput(
                f"schema_{name}: {value!r} cannot be used: 1 to 63 lower-case letters, digits and _, not beginning with a digit "
                f"or pg_, and none of {', '.join(RESERVED)}"
            )
    clone = clone_of(params["app_role"])
    if len(clone) > 63:
        raise InvalidInput(
            f"schema_app_role: {params['app_role']!r} is too long: with the name of its other login, {clone}, it may have 57 "
            "characters"
        )
    if params["owner_role"] == clone or clone in params["grants"]:
        where = "schema_owner_role" if params["owner_role"] == clone else "schema_grants"
        raise InvalidInput(f"{where}: {clone!r} is the other login of schema_app_role, and may what that may: use another name")
    if params["owner_role"] == params["app_role"]:
        raise InvalidInput(
            f"schema_app_role: {params['app_role']!r} is schema_owner_role too: the application may not own the schema"
        )


def _check_grants(params: Mapping[str, Any]) -> None:
    for role, objects in params["grants"].items():
        if not IDENTIFIER.match(role) or role.startswith("pg_") or role == params["owner_role"]:
            raise InvalidInput(
                f"schema_grants: {role!r} is no role that can be granted something: use lower-case letters, digits and _, and not "
                f"schema_owner_role, which owns everything"
            )
        if not isinstance(objects, Mapping):
            raise InvalidInput(f"schema_grants: what {role} gets is no mapping of tables to lists of privileges")
        for name, rights in objects.items():
            if not NAMED.match(name) or kind_of(name) not in RIGHTS:
                raise InvalidInput(
                    f"schema_grants: {name!r} of {role} names nothing in the schema: use users for a table or view, users.email "
                    "for a column, 'sequence numbers' or 'function next_number(integer, text)'"
                )
            known = RIGHTS[kind_of(name)]
            if not isinstance(rights, list) or set(rights) - set(known):
                raise InvalidInput(f"schema_grants: {rights!r} of {role} on {name} is no list of {', '.join(known)}")
            wrong = sorted({"DELETE", "TRUNCATE", "UPDATE", "TRIGGER"} & set(rights)) if table_of(name) == APPEND_ONLY else []
            if wrong:
                raise InvalidInput(
                    f"schema_grants: {', '.join(wrong)} of {role} on {name}: that table only grows: grant INSERT and SELECT"
                )


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    return [
        kms.looked_up(place, params["secrets_key"]),
        secrets.generated(
            place,
            SECRET,
            f"{place.deployment}: {params['app_role']}, the agents' user of the database",
            params["secrets_key"],
            secret_options(params),
        ),
    ]


def secret_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Of the generated secret."""
    return {
        "rotation": params["password_rotation"],
        "username": params["app_role"],
        "recovery_window_days": params["recovery_window_days"],
    }


def desired(params: Mapping[str, Any]) -> Desired:
    """The database's inside. Raises MigrationError for migrations that cannot be read or numbered so."""
    roles = {
        params["owner_role"]: False,
        params["app_role"]: True,
        clone_of(params["app_role"]): True,
        **{name: False for name in params["grants"] if name != params["app_role"]},
    }
    migrations = load(Path(params["migrations_path"]))
    return Desired(
        params["database"],
        params["name"],
        params["owner_role"],
        params["app_role"],
        roles,
        params["grants"],
        migrations,
        params["audit_months_ahead"],
        any(f"_{APPEND_ONLY}" in migration.name for migration in migrations),
    )
