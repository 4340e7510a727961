"""The real PostgreSQL behind the first database instance of the local AWS, where one was asked for (`--database`).

It follows what the account says of the instance: its master user, the password in its secret, its database. What is in it
belongs to no snapshot of the account: restoring one brings the password back, and leaves the tables alone.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from local_aws.postgres import PORT, Postgres


class Database:
    """One server a process. It listens on RDS's port, on a loopback address of its own."""

    def __init__(self) -> None:
        self.server: Postgres | None = None
        self._instance: str | None = None
        self._password: str | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        self.server = Postgres(port=PORT)
        self.server.start()

    def stop(self) -> None:
        if self.server:
            self.server.stop()
            self.server = None

    def env(self) -> dict[str, str]:
        """What a run needs to know besides the endpoint: the file of the authority that signed the certificate."""
        return {"LOCAL_AWS_DATABASE_CA": str(self.server.ca)} if self.server else {}

    def follow(self, instance: str, standing: set[str], user: str, password: str, database: str) -> str | None:
        """The address of the instance, whose secret holds the password; None for another than the one that has the server.

        ``instance`` and ``standing`` are resource ids: the server goes to another one when its own is gone, empty.
        """
        with self._lock:
            if not self.server or (self._instance != instance and self._instance in standing):
                return None
            if self._instance != instance:
                self.server.empty()
                self.server.make_master(user, password, database)
            elif self._password != password:
                self.server.set_password(user, password)
            self._instance, self._password = instance, password
            return self.server.address


DATABASE = Database()


def address_of(instance: Any) -> str | None:
    """The real address of a DBInstance of moto, as it is described; None: it has a made-up one."""
    secret = getattr(instance, "master_user_secret", None)
    if DATABASE.server is None or secret is None or not instance.db_name:
        return None
    held = secret.secretsmanager.secrets.get(secret.secret.arn)
    if held is None:
        return None
    value = json.loads(held.versions[held.default_version_id]["secret_string"])
    standing = {database.dbi_resource_id for database in instance.backend.databases.values()}
    return DATABASE.follow(instance.dbi_resource_id, standing, value["username"], value["password"], instance.db_name)
