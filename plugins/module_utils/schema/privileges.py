# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a privilege can be on, and the statements for what ``community.postgresql`` has no words for.

An object is named ``database`` and ``schema``; or within the schema ``users`` (a table or view), ``users.email`` (a column),
``sequence numbers``, and ``function next_number(integer, text)`` with the types of its arguments as PostgreSQL writes them.

Facts: PostgreSQL documentation, "Privileges" (which there are on what, and that everybody may execute a new function), GRANT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

PUBLIC = "PUBLIC"
DATABASE, SCHEMA, TABLE, COLUMN, SEQUENCE, FUNCTION = "database", "schema", "table", "column", "sequence", "function"
RIGHTS = {
    TABLE: ("DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"),
    COLUMN: ("INSERT", "REFERENCES", "SELECT", "UPDATE"),
    SEQUENCE: ("SELECT", "UPDATE", "USAGE"),
    FUNCTION: ("EXECUTE",),
}
_WORD, _TYPE = r"[a-z_]\w*", r"[a-z_][\w .\[\]]*"
NAMED = re.compile(rf"^(?:{_WORD}(?:\.{_WORD})?|sequence {_WORD}|function {_WORD}\((?:{_TYPE}(?:, {_TYPE})*)?\))\Z")


def kind_of(name: str) -> str:
    if name in (DATABASE, SCHEMA):
        return name
    for kind in (SEQUENCE, FUNCTION):
        if name.startswith(f"{kind} "):
            return kind
    return COLUMN if "." in name else TABLE


def table_of(name: str) -> str:
    """Of a column, and of itself."""
    return name.partition(".")[0]


def statement(state: str, schema: str, name: str, roles: Iterable[str], rights: Iterable[str]) -> Any:
    """To grant (``present``) or to take away (``absent``) rights on a column, a sequence or a function."""
    from psycopg import sql

    kind = kind_of(name)
    words = sql.SQL(", ").join(map(sql.SQL, rights))
    if kind == COLUMN:
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
    return sql.SQL("{} {} ON {} {} {}").format(verb, words, target, way, whose)
