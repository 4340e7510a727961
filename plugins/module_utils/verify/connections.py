# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrows 4b and 4e by doing: a connection to PostgreSQL and to Redis, where they can be reached from here.

Both are private, so from outside of the network neither can; then these rows say so, and the others go by configuration.
Facts: libpq ("SSL Support"), RDS user guide ("Using SSL with a PostgreSQL DB instance"), redis-py's own documentation.
"""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..aws.probing import MARK
from ..aws.reading import access
from ..reconcile.errors import EngineError
from .model import EXERCISED, Check, NotExercised
from .world import World

# Seconds for a connection.
TIMEOUT = 5
SESSION = 24 * 3600
SESSION_KEY = f"session:{MARK}"
CACHE_SECRET = "redis-auth-token"
# It always calls the endpoint's own host and port, by which the server's certificate is checked too.
LOOK_AT = (
    "look at the network policies of the Job's namespace, at the security groups and ACLs, and whether names are resolved there"
)
WAYS_IN = (
    "run from an execution node in the VPC, by a Job in the cluster (verify_run_in: cluster), or through a tunnel under this very "
    "name and port (an entry in /etc/hosts)"
)


@dataclass(frozen=True)
class Connecting:
    """A check before anybody knows where to: ``prove`` gets the world."""

    arrow: str
    flow: str
    prove: Callable[[World], str | None]
    how: str = EXERCISED
    writes: bool = False


def checks(world: World) -> list[Check]:
    return [Check(one.arrow, one.flow, partial(one.prove, world), one.how, one.writes) for one in CHECKS]


def reached(world: World, endpoint: Mapping[str, Any]) -> tuple[str, int]:
    """Host and port; each is tried once. Where nothing answers there raises NotExercised, and in the cluster itself, where
    something has to, EngineError.
    """
    host, port = endpoint["Address"], int(endpoint["Port"])
    if (host, port) not in world.unreachable:
        world.unreachable[host, port] = unreachable(host, port)
    if why := world.unreachable[host, port]:
        if world.params.get("connections_only"):
            raise EngineError(f"{host}:{port} does not answer in the cluster ({why}): {LOOK_AT}")
        raise NotExercised(f"{host}:{port} does not answer from here ({why}): {WAYS_IN}")
    return host, port


def unreachable(host: str, port: int) -> str | None:
    """Why nothing answers there. Looking a name up knows no timeout, so that is done aside."""
    answers: list[str | None] = []

    def call() -> None:
        try:
            socket.create_connection((host, port), TIMEOUT).close()
            answers.append(None)
        except OSError as error:
            answers.append(error.strerror or str(error))

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    return answers[0] if answers else "timed out"


def _secret(world: World, name: str, tier: str) -> str:
    full = f"{world.place.environment}/{name}"
    found = access.secret(world.api, full)
    if found is None or found["deleted"] or not found["has_value"]:
        raise NotExercised(f"secret {full} has no value yet: apply the {tier} tier")
    return access.secret_value(world.api, full)


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise NotExercised("the Python package psycopg is not installed here: see requirements.txt") from None
    return psycopg


def plain_database(world: World) -> str | None:
    """Who connects is not known to the database: a server that wants TLS refuses before it asks who that is."""
    found, psycopg = world.database(), _psycopg()
    host, port = reached(world, found["Endpoint"])
    name = found["DBInstanceIdentifier"]
    try:
        psycopg.connect(
            host=host,
            port=port,
            user=MARK,
            password="none",
            dbname=found.get("DBName") or "postgres",
            sslmode="disable",
            connect_timeout=TIMEOUT,
        ).close()
    except psycopg.OperationalError as error:
        if "pg_hba.conf" in str(error) or "no encryption" in str(error):
            return None
        return f"database {name} asks for a password without TLS: look at rds.force_ssl of its parameter group"
    return f"database {name} lets in without TLS: look at rds.force_ssl of its parameter group"


def database(world: World) -> str | None:
    found, psycopg, bundle = world.database(), _psycopg(), world.params["database_ca"]
    host, port = reached(world, found["Endpoint"])
    if not bundle:
        raise NotExercised("verify_database_ca is empty: name the file with RDS's certificates")
    secret = world.params["database_secret"]
    login = json.loads(_secret(world, secret, "schema"))
    name = found["DBInstanceIdentifier"]
    try:
        with psycopg.connect(
            host=host,
            port=port,
            user=login["username"],
            password=login["password"],
            dbname=login.get("dbname") or found.get("DBName"),
            sslmode="verify-full",
            sslrootcert=bundle,
            connect_timeout=TIMEOUT,
        ) as connection:
            (encrypted,) = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    except psycopg.OperationalError as error:
        lines = str(error).strip().splitlines()
        return f"database {name} does not let the user of secret {secret} in over TLS: {lines[-1] if lines else 'no reason given'}"
    return None if encrypted else f"database {name} has taken the connection without TLS"


def _redis() -> Any:
    try:
        import redis
        import redis.backoff
        import redis.retry
    except ImportError:
        raise NotExercised("the Python package redis is not installed here: see requirements.txt") from None
    return redis


def _client(world: World, token: str | None = None, tls: bool = True) -> Callable[[], Any]:
    found, redis = world.cache(), _redis()
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    host, port = reached(world, found["NodeGroups"][0]["PrimaryEndpoint"])
    bundle = world.params["cache_ca"]
    more: dict[str, Any] = {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True} if tls else {}
    if tls and bundle:
        more["ssl_ca_certs"] = bundle
    return lambda: redis.Redis(
        host=host, port=port, password=token, socket_connect_timeout=TIMEOUT, socket_timeout=TIMEOUT, protocol=2, retry=once, **more
    )


def plain_cache(world: World) -> str | None:
    name, redis = world.cache()["ReplicationGroupId"], _redis()
    if not world.params["cache_auth"]:
        raise NotExercised("redis_auth_enabled is false, so the cache is to be open")
    for tls, words in ((False, "without TLS"), (True, "without AUTH")):
        try:
            with _client(world, tls=tls)() as client:
                client.ping()
        except redis.AuthenticationError:
            # It asks who that is, which it may only over TLS.
            if not tls:
                return f"cache {name} talks without TLS: look at its encryption in transit"
        except redis.RedisError as error:
            if tls:
                return f"cache {name} does not answer over TLS: {error}"
        else:
            return f"cache {name} answers {words}: look at its encryption in transit and its AUTH token"
    return None


def cache(world: World) -> str | None:
    name, redis = world.cache()["ReplicationGroupId"], _redis()
    token, run = _secret(world, CACHE_SECRET, "redis"), uuid.uuid4().hex
    connect = _client(world, token)
    try:
        with connect() as client:
            try:
                # One key for all runs: the next one writes over what a killed one left, and it ends by itself.
                client.set(SESSION_KEY, run, ex=SESSION)
                left, value = client.ttl(SESSION_KEY), client.get(SESSION_KEY)
            finally:
                client.delete(SESSION_KEY)
    except redis.AuthenticationError:
        return f"cache {name} does not take the token of secret {world.place.environment}/{CACHE_SECRET}: rotate it"
    except redis.RedisError as error:
        return f"cache {name} does not answer over TLS: {error}"
    if not SESSION - 60 <= left <= SESSION or value != run.encode():
        return f"cache {name} keeps a session key for {left} s instead of {SESSION}, or with another value"
    return None


CHECKS = (
    Connecting("4b", "PostgreSQL refuses a connection without TLS", plain_database),
    Connecting("4b", "PostgreSQL lets the application in over TLS", database, writes=True),
    Connecting("4e", "Redis refuses what has no TLS or no AUTH", plain_cache),
    Connecting("4e", "Redis keeps a session key for 24 hours", cache, writes=True),
)
