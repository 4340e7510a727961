# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward-only migrations of a PostgreSQL schema: numbered SQL files, each applied once, in its own transaction with its row of
history.

Facts: PostgreSQL documentation, "Advisory Locks" (a session's lock ends with its connection, however that ends), "pg_locks" (a
64-bit key is shown as classid and objid, with objsubid 1), ``client_connection_check_interval``.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HISTORY = "schema_migrations"
FILE = re.compile(r"^(\d{4})_[a-z0-9]+(?:_[a-z0-9]+)*\.sql$")
# A migration that ended its transaction would leave what it did without its row.
TRANSACTION = re.compile(
    r"^\s*(?:begin(?:\s+(?:work|transaction))?|start\s+transaction|commit(?:\s+(?:work|transaction))?|rollback|abort|savepoint\s+\w+)\s*;",
    re.IGNORECASE | re.MULTILINE,
)
# A change that waits for the application's transactions keeps the application's next ones waiting behind it.
PATIENCE = "30s"
# Seconds between two tries to get the lock.
TRY_EVERY = 0.5


class MigrationError(Exception):
    """The migrations cannot be applied. ``refused``: (name of the migration, reason), one each; the message has them all."""

    def __init__(self, refused: Sequence[tuple[str, str]]):
        self.refused = list(refused)
        super().__init__("; ".join(f"migration/{name}: {reason}" for name, reason in refused))


class Locked(Exception):
    """Another runner has the lock; the message says who."""


@dataclass(frozen=True)
class Migration:
    """``name``: the file's name without its extension, which begins with its number."""

    name: str
    sql: str

    @property
    def number(self) -> int:
        return int(self.name[:4])

    @property
    def checksum(self) -> str:
        """SHA-256 of the text; how its lines end does not count."""
        return hashlib.sha256("\n".join(self.sql.splitlines()).encode()).hexdigest()


@dataclass(frozen=True)
class Applied:
    """A row of the history."""

    name: str
    checksum: str


def load(directory: Path) -> list[Migration]:
    """The migrations of a directory, in their order. Raises MigrationError for a name, a number or a text that cannot be."""
    try:
        names = sorted(path.name for path in directory.iterdir() if path.suffix == ".sql")
        texts = {name: (directory / name).read_text(encoding="utf-8") for name in names}
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError([("*", f"the migrations in {directory} cannot be read: {error}")]) from error
    return checked([Migration(name.removesuffix(".sql"), text) for name, text in texts.items()])


def checked(migrations: Iterable[Migration]) -> list[Migration]:
    """As ``load``, of what was read already."""
    found = sorted(migrations, key=lambda migration: migration.name)
    wrong = []
    for place, migration in enumerate(found, 1):
        if not FILE.match(f"{migration.name}.sql"):
            wrong.append((migration.name, "the name is not of the form 0001_lower_case_words.sql: rename it"))
        elif migration.number != place:
            wrong.append(
                (migration.name, f"the number {place:04d} is missing or stands twice before it: number them without a gap")
            )
            break
        elif TRANSACTION.search(migration.sql):
            wrong.append((migration.name, "it begins or ends a transaction: each migration is one already, so take that out"))
        elif not migration.sql.strip():
            wrong.append((migration.name, "it is empty: write it, or take it away"))
    if wrong:
        raise MigrationError(wrong)
    return found


def pending(migrations: Sequence[Migration], history: Sequence[Applied]) -> list[Migration]:
    """What is still to be applied. Raises MigrationError where the files are not what was applied."""
    files, wrong = {migration.name: migration for migration in migrations}, []
    for row in history:
        if row.name not in files:
            wrong.append((row.name, "it was applied and its file is gone: put it back as it was, and undo it by a new migration"))
        elif files[row.name].checksum != row.checksum:
            wrong.append(
                (row.name, "it was applied and its file was changed since: put it back, and change the schema by a new migration")
            )
    applied = {row.name for row in history}
    last = max((int(row.name[:4]) for row in history), default=0)
    left = [migration for migration in migrations if migration.name not in applied]
    wrong += [
        (migration.name, f"it was not applied, and {last:04d}, which comes after it, was: give it the next free number")
        for migration in left
        if migration.number <= last
    ]
    if wrong:
        raise MigrationError(wrong)
    return left


def history(connection: Any, schema: str) -> list[Applied]:
    """What was applied, in its order; nothing where there is no history yet."""
    from psycopg import sql

    if connection.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))", (schema, HISTORY)).fetchone()[0] is None:
        return []
    rows = connection.execute(sql.SQL("SELECT name, checksum FROM {} ORDER BY name").format(sql.Identifier(schema, HISTORY)))
    return [Applied(*row) for row in rows.fetchall()]


def apply(
    connection: Any,
    schema: str,
    owner: str,
    migrations: Sequence[Migration],
    done: Callable[[Migration], None] = lambda migration: None,
) -> list[Migration]:
    """Apply what is pending, and answer it. The caller holds the lock; ``connection`` is in autocommit.

    The schema stands, and is ``owner``'s, as whom every statement runs. ``done`` is told of each that is through. Raises
    MigrationError for what is refused, before anything is applied, and for one that PostgreSQL refuses, after the ones before it.
    """
    import psycopg

    with as_owner(connection, schema, owner):
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {HISTORY} (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT "
            "NULL DEFAULT now(), applied_by text NOT NULL DEFAULT session_user, duration interval NOT NULL)"
        )
    todo = pending(migrations, history(connection, schema))
    for migration in todo:
        try:
            with as_owner(connection, schema, owner):
                connection.execute(migration.sql)
                connection.execute(
                    f"INSERT INTO {HISTORY} (name, checksum, duration) VALUES (%s, %s, clock_timestamp() - now())",
                    (migration.name, migration.checksum),
                )
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            raise MigrationError([(migration.name, f"PostgreSQL refused it, and nothing of it was kept: {reason}")]) from error
        done(migration)
    return todo


@contextmanager
def as_owner(connection: Any, schema: str, owner: str) -> Iterator[None]:
    """One transaction of the owner, in which names without a schema are of this one."""
    from psycopg import sql

    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
        connection.execute(sql.SQL("SET LOCAL search_path = {}, pg_temp").format(sql.Identifier(schema)))
        connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        yield


@contextmanager
def locked(connection: Any, schema: str, seconds: float) -> Iterator[None]:
    """Hold the schema's advisory lock, for which others are waited for so long. Raises Locked.

    It belongs to the connection, so that it goes with a runner that is killed; for that the server has to notice a client
    that is gone while a statement runs.
    """
    key = lock_key(schema)
    connection.execute("SELECT set_config('client_connection_check_interval', '2s', false)")
    give_up = time.monotonic() + seconds
    while not connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()[0]:
        if time.monotonic() >= give_up:
            raise Locked(
                f"schema {schema}: {_holder(connection, key)} is changing it, and was waited for {seconds:.0f} s: run again when "
                "that is through, or allow more by schema_lock_timeout_seconds"
            )
        time.sleep(min(TRY_EVERY, max(give_up - time.monotonic(), 0.01)))
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (key,))


def lock_key(schema: str) -> int:
    """Advisory locks are the database's own, so that only the schema tells two apart."""
    return int.from_bytes(hashlib.sha256(f"agent_platform.aws schema {schema}".encode()).digest()[:8], "big", signed=True)


def _holder(connection: Any, key: int) -> str:
    row = connection.execute(
        "SELECT pid, usename, application_name, host(client_addr), to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') FROM "
        "pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) AND (classid::bigint << 32) | objid::bigint = %s",
        (key,),
    ).fetchone()
    if row is None:
        return "another run"
    pid, user, application, address, since = row
    return f"{application or 'somebody'} (user {user}, from {address}, process {pid} of the server, connected since {since})"


def as_rows(migrations: Iterable[Migration]) -> list[Mapping[str, str]]:
    """For a result: ``{name, checksum}`` of each."""
    return [{"name": migration.name, "checksum": migration.checksum} for migration in migrations]
