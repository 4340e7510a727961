# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles a role is a member of, and how it comes to be one of those that are meant, and of no others.

Facts: PostgreSQL documentation, GRANT and REVOKE ("Notes": from 16 on a membership is its grantor's, of which there can be
several, and only who has that role's privileges takes it away; what was passed on goes by CASCADE alone).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

OWN_GRANTORS = 160000


def memberships(connection: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """Of which roles these are members. One that may pass its membership on, or has the role's rights only when it becomes that
    role, is so marked: neither is meant here."""
    found: dict[str, list[str]] = {}
    for member, role, _grantor, amiss in _rows(connection, names):
        shown = role + amiss
        if shown not in found.setdefault(member, []):
            found[member].append(shown)
    return found


def join(connection: Any, name: str, meant: Collection[str]) -> list[str]:
    """Take away each membership of the role that is not meant, and add what is missing, in one transaction: the clone is never
    without the application's rights. Answers what the login was refused."""
    import psycopg
    from psycopg import sql

    by_grantor = connection.info.server_version >= OWN_GRANTORS
    member, refused = sql.Identifier(name), []

    def tried(statement: Any) -> str:
        try:
            with connection.transaction():
                connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege as error:
            return " ".join(str(error).split())
        return ""

    with connection.transaction():
        (me,) = connection.execute("SELECT current_user").fetchone()
        for _member, role, grantor, amiss in _rows(connection, [name]):
            if role in meant and not amiss:
                continue
            revoke = sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), member)
            by = sql.SQL(" GRANTED BY {}").format(sql.Identifier(grantor)) if by_grantor else sql.SQL("")
            why = tried(revoke + by + sql.SQL(" CASCADE"))
            if why and grantor != me:
                # A service's own user may stand for whoever granted it.
                tried(revoke + sql.SQL(" CASCADE"))
            refused += [why] if why else []
        stands = {role for _member, role, _grantor, amiss in _rows(connection, [name]) if not amiss}
        for role in meant:
            why = "" if role in stands else tried(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), member))
            refused += [why] if why else []
    return refused


def left(connection: Any, meant: Mapping[str, Collection[str]], refused: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each role that is a member of something else than is meant for it. ``refused``: role -> why, as ``join``
    has it."""
    rows, told = _rows(connection, list(meant)), []
    for name, roles in meant.items():
        extra = [(role + amiss, by) for member, role, by, amiss in rows if member == name and (amiss or role not in roles)]
        missing = [role for role in roles if not any(row[:2] == (name, role) for row in rows)]
        what = [f"it is still a member of {shown}, which {by} granted" for shown, by in extra]
        what += [f"it is no member of {role}" for role in missing]
        if what:
            why = f" ({'; '.join(dict.fromkeys(refused[name]))})" if refused.get(name) else ""
            told.append(f"database_role/{name}: {' and '.join(what)}{why}: have whoever may change it")
    return told


def _rows(connection: Any, names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """(member, role, grantor, what is amiss about it)."""
    return connection.execute(
        "SELECT m.rolname, g.rolname, pg_get_userbyid(a.grantor), CASE WHEN a.admin_option THEN ' with admin option' ELSE '' END "
        "|| CASE WHEN pg_has_role(m.oid, g.oid, 'USAGE') THEN '' ELSE ' without inheritance' END FROM pg_auth_members a JOIN "
        "pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid WHERE m.rolname = ANY(%s) ORDER BY 1, 2, 4, 3",
        (list(names),),
    ).fetchall()
