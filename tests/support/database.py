"""A database of a test's own on the PostgreSQL of the session: roles and names that no other test has.

Run by itself it applies migrations, as a runner that can be killed:

    python tests/support/database.py HOST PORT CA DATABASE USER PASSWORD OWNER DIRECTORY NAME
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "agent"
MIGRATIONS = ROOT / "roles/schema/files/migrations"
_numbers = itertools.count(1)


@dataclass
class Database:
    """``master`` may act as ``owner``, whose the schema ``agent`` is; nothing is in it."""

    server: Any
    name: str
    master: str
    owner: str
    password: str = "the master's own"

    @classmethod
    def make(cls, server: Any) -> Database:
        number = next(_numbers)
        made = cls(server, f"db{number}", f"master{number}", f"owner{number}")
        server.make_master(made.master, made.password, made.name)
        with made.connect() as connection:
            for statement in (f"CREATE ROLE {made.owner}", f"GRANT {made.owner} TO CURRENT_USER"):
                connection.execute(statement)
            connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {made.owner}")
        return made

    def target(self, application: str = "", **more: Any) -> Any:
        from ansible_collections.agent_platform.aws.plugins.module_utils.schema.connect import Target

        place = {"host": self.server.address, "port": self.server.port, "database": self.name, "ca_bundle": str(self.server.ca)}
        return Target(**{**place, "application": application, **more})

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """As the master, in autocommit."""
        return psycopg.connect(**self.server.login(self.master, self.password, self.name), autocommit=True, **more)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """As the owner, in the schema."""
        with self.connect() as connection:
            connection.execute(f"SET ROLE {self.owner}")
            connection.execute(f"SET search_path = {SCHEMA}")
            return connection.execute(statement, values).fetchall()

    def do(self, *statements: str) -> None:
        """Likewise, in one transaction."""
        with self.connect() as connection, connection.transaction():
            connection.execute(f"SET LOCAL ROLE {self.owner}")
            connection.execute(f"SET LOCAL search_path = {SCHEMA}")
            for statement in statements:
                connection.execute(statement)

    def migrate(self, files: list[Any], seconds: float = 60, application: str = "") -> list[str]:
        """Names of what was applied."""
        from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect, migrations

        with (
            connect.connect(self.target(application), self.master, self.password) as connection,
            migrations.locked(connection, SCHEMA, seconds),
        ):
            return [done.name for done in migrations.apply(connection, SCHEMA, self.owner, files)]

    def applied(self) -> list[str]:
        return [name for (name,) in self.rows("SELECT name FROM schema_migrations ORDER BY applied_at, name")]


def main(host: str, port: str, ca: str, database: str, user: str, password: str, owner: str, directory: str, name: str) -> None:
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import conftest  # noqa: F401 - makes the checkout a collection
    from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect, migrations

    target = connect.Target(host, int(port), database, ca, application=name)
    with connect.connect(target, user, password) as connection, migrations.locked(connection, SCHEMA, 60):
        migrations.apply(connection, SCHEMA, owner, migrations.load(Path(directory)))


if __name__ == "__main__":
    main(*sys.argv[1:])
