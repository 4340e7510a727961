# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a privilege can be on, and the statements to grant it and to take it away.

An object is named ``the database`` and ``the schema``, as no table's name can be without quotes; or within the schema ``users``
(a table or view), ``users.email`` (a column), ``sequence numbers``, and ``function next_number(integer, text)`` with the types of
its arguments as PostgreSQL writes them.

Facts: PostgreSQL documentation, "Privileges" (which there are on what, and that everybody may execute a new function), GRANT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

PUBLIC = "PUBLIC"
# Ends a privilege that may be passed on, which stands beside the privilege itself.
GRANT_OPTION = " WITH GRANT OPTION"
DATABASE, SCHEMA, TABLE, COLUMN, SEQUENCE, FUNCTION = "database", "schema", "table", "column", "sequence", "function"
THE_DATABASE, THE_SCHEMA = "the database", "the schema"
RIGHTS = {
    TABLE: ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    COLUMN: ("INSERT", "REFERENCES", "SELECT", "UPDATE"),
    SEQUENCE: ("SELECT", "UPDATE", "USAGE"),
    FUNCTION: ("EXECUTE",),
}
_WORD, _TYPE = r"[a-z_]\w*", r"[a-z_][\w .\[\]]*"
NAMED = re.compile(rf"^(?:{_WORD}(?:\.{_WORD})?|sequence {_WORD}|function {_WORD}\((?:{_TYPE}(?:, {_TYPE})*)?\))\Z")


def kind_of(name: str) -> str:
    if name in (THE_DATABASE, THE_SCHEMA):
        return DATABASE if name == THE_DATABASE else SCHEMA
    for kind in (SEQUENCE, FUNCTION):
        if name.startswith(f"{kind} "):
            return kind
    return COLUMN if "." in name else TABLE


def table_of(name: str) -> str:
    """Of a column, and of itself."""
    return name.partition(".")[0]


def statement(state: str, schema: str, name: str, roles: Iterable[str], rights: Sequence[str], database: str = "") -> Any:
    """To grant (``present``) or to take away (``absent``) rights. Of those that may be passed on, only that is taken away, with
    what came of it. ``database``: the name of ``the database``."""
    from psycopg import sql

    kind, option = kind_of(name), sql.SQL("")
    if all(right.endswith(GRANT_OPTION) for right in rights):
        rights, option = [right.removesuffix(GRANT_OPTION) for right in rights], sql.SQL("GRANT OPTION FOR ")
    words = sql.SQL(", ").join(map(sql.SQL, rights))
    if kind in (DATABASE, SCHEMA):
        target = sql.SQL(kind.upper() + " {}").format(sql.Identifier(database if kind == DATABASE else schema))
    elif kind == TABLE:
        target = sql.SQL("TABLE {}").format(sql.Identifier(schema, name))
    elif kind == COLUMN:
        table, _dot, column = name.partition(".")
        one = sql.Identifier(column)
        words = sql.SQL(", ").join(sql.SQL("{} ({})").format(sql.SQL(right), one) for right in rights)
        target = sql.SQL("TABLE {}").format(sql.Identifier(schema, table))
    elif kind == SEQUENCE:
        target = sql.SQL("SEQUENCE {}").format(sql.Identifier(schema, name.partition(" ")[2]))
    else:
        function, bracket, types = name.partition(" ")[2].partition("(")
        # Types are as PostgreSQL itself writes them, or as they passed NAMED.
        target = sql.SQL("ROUTINE {}{}").format(sql.Identifier(schema, function), sql.SQL(bracket + types))
    verb, way = (sql.SQL("GRANT"), sql.SQL("TO")) if state == "present" else (sql.SQL("REVOKE"), sql.SQL("FROM"))
    whose = sql.SQL(", ").join(sql.SQL(PUBLIC) if role == PUBLIC else sql.Identifier(role) for role in roles)
    end = sql.SQL(" CASCADE" if state == "absent" else "")
    return sql.SQL("{} {}{} ON {} {} {}{}").format(verb, option, words, target, way, whose, end)
