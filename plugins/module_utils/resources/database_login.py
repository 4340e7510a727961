# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may sign in to a database: the master user's secret, which RDS keeps, and the application's, which holds ``{username,
password}`` too.

Facts: Secrets Manager user guide ("Rotation by Lambda function": AWSPENDING, then the database, then AWSCURRENT; "Lambda
function rotation strategies": alternating users), RDS user guide
("Password management with Amazon RDS and AWS Secrets Manager").

The application has two logins, of which AWSCURRENT names one. A rotation is of the other, so that AWSCURRENT is good at every
moment, and what becomes AWSPREVIOUS stays good until the next rotation:

1. a new value is stored as AWSPENDING, with the other login and a new password;
2. the database takes it;
3. it becomes AWSCURRENT;
4. AWSPENDING is taken off.

Whoever finds AWSPENDING goes on with 2, which may be done twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..aws.api import opened
from ..aws.errors import explain
from ..aws.session import Connection
from ..reconcile.errors import EngineError
from .generated_secret import made_for, store
from .rds.common import describe_instance
from .secretsmanager import CURRENT, PENDING, PREVIOUS, describe, stages_of


@dataclass(frozen=True)
class Login:
    user: str
    password: str


@dataclass(frozen=True)
class Server:
    """An instance that can be connected to. ``master_secret``: the ARN of its master user's secret."""

    host: str
    port: int
    master_secret: str


class Unreadable(EngineError):
    """Somebody put another value into a secret."""


class Logins:
    """Reads and writes what the database's inside needs of AWS. Raises EngineError, one sentence, for what AWS refuses. Close
    it."""

    def __init__(self, params: Mapping[str, Any], callers: dict[str, dict[str, str]]):
        """``callers``: as RunOptions has them."""
        self._context: Any = SimpleNamespace(api=opened(Connection(params), ("rds", "secretsmanager"), callers))

    def close(self) -> None:
        self._context.api.close()

    def server(self, name: str) -> Server | None:
        """None while there is no instance of that name with an endpoint."""
        with sentences(f"look for the database instance {name}"):
            item = describe_instance(self._context, name) or {}
        endpoint, secret = item.get("Endpoint") or {}, item.get("MasterUserSecret") or {}
        if not endpoint.get("Address"):
            return None
        if not secret.get("SecretArn"):
            raise EngineError(
                f"db_instance/{name}: RDS does not manage the password of its master user, so nobody signs in: run the rds tier"
            )
        return Server(endpoint["Address"], endpoint["Port"], secret["SecretArn"])

    def login(self, secret_id: str, **version: str) -> Login:
        """What the secret's current version holds, or that of ``VersionId``."""
        with sentences(f"read the secret {secret_id}"):
            text = self._context.api.client("secretsmanager").get_secret_value(SecretId=secret_id, **version).get("SecretString")
        try:
            value = json.loads(text or "")
            return Login(value["username"], value["password"])
        except (ValueError, TypeError, KeyError):
            raise Unreadable(
                f"secret {secret_id}: its value is not the JSON object with username and password that is kept there"
            ) from None

    def application(self, name: str, options: Mapping[str, Any]) -> ApplicationSecret | None:
        """None before it has a value."""
        with sentences(f"look for the secret {name}"):
            secret = describe(self._context, name)
        if not secret or secret.get("DeletedDate") or CURRENT not in stages_of(secret):
            return None
        return ApplicationSecret(self, secret, options)


class ApplicationSecret:
    """``options``: those of a generated secret."""

    def __init__(self, logins: Logins, secret: Mapping[str, Any], options: Mapping[str, Any]):
        self.logins, self.options = logins, options
        self.name, self.arn = secret["Name"], secret["ARN"]
        self.stages = stages_of(secret)

    @property
    def under_way(self) -> bool:
        """Whether a rotation was begun and not finished."""
        return PENDING in self.stages

    @property
    def due(self) -> bool:
        return not made_for(self.name, self.stages, self.options.get("rotation"))

    def current(self) -> Login:
        return self._at(CURRENT)

    def _at(self, stage: str) -> Login:
        return self.logins.login(self.arn, VersionId=self.stages[stage])

    def turn(self, users: Sequence[str]) -> str:
        """Which of the two a rotation is of: the one that it was begun for, else the one that is not in use. Of a current value
        that somebody typed in nothing follows, and the one before it tells who was."""
        if self.under_way:
            return self._at(PENDING).user
        for stage in (CURRENT, PREVIOUS):
            try:
                used = self._at(stage).user if stage in self.stages else ""
            except Unreadable:
                continue
            if used in users:
                return users[1 - list(users).index(used)]
        return users[0]

    def rotate(self, user: str, bring: Callable[[Login], None]) -> None:
        """Begin, for ``user``, or go on. ``bring`` makes the database let the login in, and is sure of it when it returns."""
        context = self.logins._context
        with sentences(f"rotate the secret {self.name}"):
            if not self.under_way:
                secret = {"Name": self.name, "ARN": self.arn, "VersionIdsToStages": self._versions()}
                store(context, secret, {**self.options, "username": user}, (PENDING,))
                self.stages = stages_of(describe(context, self.arn) or {})
            version = self.stages[PENDING]
            if self.stages[CURRENT] != version:
                bring(self._at(PENDING))
                self._move(CURRENT, MoveToVersionId=version, RemoveFromVersionId=self.stages[CURRENT])
            self._move(PENDING, RemoveFromVersionId=version)

    def _versions(self) -> dict[str, list[str]]:
        versions: dict[str, list[str]] = {}
        for stage, version in self.stages.items():
            versions.setdefault(version, []).append(stage)
        return versions

    def _move(self, label: str, **versions: str) -> None:
        client = self.logins._context.api.client("secretsmanager")
        client.update_secret_version_stage(SecretId=self.arn, VersionStage=label, **versions)


@contextmanager
def sentences(doing: str) -> Iterator[None]:
    """AWS's errors as EngineErrors; all others as they are."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        sentence = explain(error, doing)
        if sentence is None:
            raise
        raise EngineError(sentence) from error
