# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the database, in a few reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .members import memberships
from .migrations import Applied, history
from .privileges import GRANT_OPTION, THE_DATABASE, THE_SCHEMA

PARTITION = "audit_log_"
# What a role of ours may not be.
ATTRIBUTES = ("createdb", "createrole", "replication", "bypassrls", "super")
Privileges = dict[str, dict[str, list[str]]]


@dataclass
class Seen:
    """``roles``: name -> {login, attributes (those it has of ATTRIBUTES), search_path, member_of (names, each with what is amiss
    about the membership)}. ``privileges``: role -> object, named as in ``privileges.py`` -> sorted privileges; PUBLIC is a role
    in it. ``holds_owner``: the login may act as the owner. ``months``: partitions, as 2026_11. ``now``: the month by the server's
    clock."""

    database: bool = False
    schema_owner: str | None = None
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    holds_owner: bool = False
    history: list[Applied] = field(default_factory=list)
    months: list[str] = field(default_factory=list)
    privileges: Privileges = field(default_factory=dict)
    now: tuple[int, int] = (1, 1)


def database_stands(connection: Any, database: str) -> bool:
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", (database,)).fetchone() is not None


def look(connection: Any, schema: str, owner: str, roles: Iterable[str]) -> Seen:
    """``connection`` is to the database itself."""
    names = list(roles)
    seen = Seen(database=True)
    year, month = connection.execute(
        "SELECT extract(year FROM t)::int, extract(month FROM t)::int FROM timezone('UTC', now()) t"
    ).fetchone()
    seen.now = (year, month)
    seen.roles = _roles(connection, names)
    row = connection.execute("SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    seen.schema_owner = row[0] if row else None
    seen.holds_owner = owner in seen.roles and _may_be(connection, owner)
    # Everything of the schema is its owner's to read.
    if seen.schema_owner and (seen.schema_owner != owner or seen.holds_owner):
        with connection.transaction():
            if seen.schema_owner == owner:
                _become(connection, owner)
            seen.history = history(connection, schema)
        seen.months = _months(connection, schema)
    seen.privileges = _privileges(connection, schema, names)
    return seen


def _roles(connection: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    rows = connection.execute(
        "SELECT rolname, rolcanlogin, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolsuper, rolconfig FROM "
        "pg_roles WHERE rolname = ANY(%s)",
        (names,),
    ).fetchall()
    members = memberships(connection, names)
    found = {}
    for name, login, *flags, config in rows:
        settings = dict(item.split("=", 1) for item in config or ())
        attributes = [attribute for attribute, held in zip(ATTRIBUTES, flags, strict=True) if held]
        found[name] = {
            "login": login,
            "attributes": attributes,
            "search_path": settings.get("search_path"),
            "member_of": members.get(name, []),
        }
    return found


def _become(connection: Any, role: str) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def _may_be(connection: Any, role: str) -> bool:
    """By trying: what membership is enough for it differs between the versions of PostgreSQL."""
    import psycopg

    try:
        with connection.transaction():
            _become(connection, role)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _months(connection: Any, schema: str) -> list[str]:
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname ~ %s",
        (schema, rf"^{PARTITION}\d{{4}}_\d{{2}}$"),
    ).fetchall()
    return sorted(name.removeprefix(PARTITION) for (name,) in rows)


def _privileges(connection: Any, schema: str, names: list[str]) -> Privileges:
    """What was granted to the roles and to everybody on the database, the schema and what is in it, down to columns.

    The rights of owners are not among it, and neither are those on functions of extensions, which come as their extension has them.
    """
    rows = connection.execute(
        """
        WITH granted AS (
            SELECT %(the_database)s::text AS object, 'd' AS kind, datdba AS owner, coalesce(datacl, acldefault('d', datdba)) AS acl
            FROM pg_database WHERE datname = current_database()
            UNION ALL
            SELECT %(the_schema)s::text, 'n', nspowner, coalesce(nspacl, acldefault('n', nspowner))
            FROM pg_namespace WHERE nspname = %(schema)s
            UNION ALL
            SELECT relname, 'r', relowner, coalesce(relacl, acldefault('r', relowner))
            FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
            WHERE n.nspname = %(schema)s AND relkind IN ('r', 'p', 'v', 'm')
            UNION ALL
            SELECT relname || '.' || attname, 'c', relowner, attacl
            FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
            WHERE n.nspname = %(schema)s AND relkind IN ('r', 'p', 'v', 'm') AND attacl IS NOT NULL AND NOT attisdropped
            UNION ALL
            SELECT 'sequence ' || relname, 's', relowner, coalesce(relacl, acldefault('s', relowner))
            FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE n.nspname = %(schema)s AND relkind = 'S'
            UNION ALL
            SELECT 'function ' || proname || '(' || oidvectortypes(proargtypes) || ')', 'f', proowner,
                coalesce(proacl, acldefault('f', proowner))
            FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE n.nspname = %(schema)s AND NOT EXISTS (
                SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
        )
        SELECT coalesce(r.rolname, 'PUBLIC'), object, array_agg(DISTINCT privilege ORDER BY privilege)
        FROM granted, aclexplode(acl) item LEFT JOIN pg_roles r ON r.oid = item.grantee
        CROSS JOIN LATERAL unnest(CASE WHEN item.is_grantable THEN
            ARRAY[item.privilege_type, item.privilege_type || %(option)s] ELSE ARRAY[item.privilege_type] END) privilege
        WHERE item.grantee <> granted.owner AND (item.grantee = 0 OR r.rolname = ANY(%(names)s))
        GROUP BY 1, 2
        """,
        {
            "schema": schema,
            "names": names,
            "option": GRANT_OPTION,
            "the_database": THE_DATABASE,
            "the_schema": THE_SCHEMA,
        },
    ).fetchall()
    found: Privileges = {}
    for role, name, privileges in rows:
        found.setdefault(role, {})[name] = privileges
    return found
