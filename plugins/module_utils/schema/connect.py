# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into a PostgreSQL database: where it is, who asks, and what goes wrong on the way, as sentences.

Facts: libpq documentation ("Parameter Key Words": ``host`` is the name that the certificate must have, ``hostaddr`` where to
connect to); PostgreSQL documentation, "pg_authid" (form of a SCRAM verifier); RFC 5802.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..reconcile.errors import EngineError

TLS = "verify-full"
ITERATIONS = 4096
# Seconds.
REACHED_WITHIN = 5
CONNECTED_WITHIN = 15
# RDS asks IAM, by PAM, of whoever is a member of rds_iam, and takes no password of theirs.
BY_PAM = "PAM authentication failed"


class Unreachable(EngineError):
    """Nobody answers there, or not as is demanded."""


@dataclass(frozen=True)
class Target:
    """``host`` is the name in the certificate; ``address`` where a tunnel to it begins, empty for none. ``ca_bundle``: path of the
    certificates of the authorities that may have signed it."""

    host: str
    port: int
    database: str
    ca_bundle: str
    address: str = ""
    application: str = ""

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}" + (f" by way of {self.address}" if self.address else "")

    def arguments(self, user: str, password: str, database: str | None = None) -> dict[str, Any]:
        """Those of ``psycopg.connect``."""
        return {
            "host": self.host,
            **({"hostaddr": self.address} if self.address else {}),
            "port": self.port,
            "user": user,
            "password": password,
            "dbname": database or self.database,
            "sslmode": TLS,
            "sslrootcert": self.ca_bundle,
            "connect_timeout": CONNECTED_WITHIN,
            "application_name": self.application or application_name(),
        }


def application_name() -> str:
    """By which ``pg_stat_activity`` tells one run from another."""
    return f"agent_platform.aws schema on {socket.gethostname()[:24]} pid {os.getpid()}"


def check_bundle(path: str, variable: str = "schema_ca_bundle") -> None:
    """Raises EngineError for a file of certificates that is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            if "-----BEGIN CERTIFICATE-----" in stream.read():
                return
        problem = "holds no certificate in PEM form"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise EngineError(
        f'{variable}: {path!r} {problem}: fetch the bundle of RDS for your region or for all (its user guide, "Using '
        'SSL/TLS to encrypt a connection", links both), and name its path'
    )


def reach(target: Target) -> None:
    """Raises Unreachable, within seconds, where no connection comes about."""
    try:
        socket.create_connection((target.address or target.host, target.port), timeout=REACHED_WITHIN).close()
    except OSError as error:
        reason = "no answer within 5 s" if isinstance(error, TimeoutError) else (error.strerror or str(error))
        raise Unreachable(
            f"database/{target.database}: {target.where} cannot be reached from here ({reason}): a private database is reached "
            "from an execution node in the VPC, through a tunnel whose near end schema_tunnel_address and schema_tunnel_port "
            "name (SSM port forwarding), or from a Job with schema_run_in: cluster"
        ) from error


def connect(target: Target, user: str, password: str, database: str | None = None) -> Any:
    """A connection in autocommit. Raises Unreachable, in one sentence that holds no password."""
    try:
        import psycopg
    except ImportError as error:
        raise EngineError(
            "psycopg is not installed for the Python that runs Ansible: pip install 'psycopg[binary]>=3.1'"
        ) from error
    try:
        return psycopg.connect(**target.arguments(user, password, database), autocommit=True)
    except psycopg.OperationalError as error:
        raise Unreachable(
            f"database/{database or target.database}: {target.where} refused {user}: {_reason(error, target)}"
        ) from error


def _reason(error: Exception, target: Target) -> str:
    text = " ".join(str(error).replace("connection failed:", "").split())
    if "certificate verify failed" in text or "signature failure" in text:
        return f"its certificate is signed by no authority in schema_ca_bundle ({target.ca_bundle}): name the bundle of its region"
    if "does not match host name" in text:
        return f"its certificate is another host's than {target.host}: connect to it by the endpoint that RDS shows"
    if "password authentication failed" in text:
        return (
            "the password in its secret is not the one of the database: wait for a rotation under way, or rotate the secret, and "
            "run again"
        )
    if BY_PAM in text:
        return "RDS takes no password of a member of rds_iam: take that membership away (REVOKE rds_iam), and run again"
    return text


def lets_in(target: Target, user: str, password: str) -> bool:
    """Whether the password is the user's. Raises Unreachable for any other reason not to get in.

    Who is let in and may not connect to the database is told so after the password was found right.
    """
    import psycopg

    try:
        psycopg.connect(**target.arguments(user, password)).close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error) or BY_PAM in str(error):
            return False
        if "permission denied for database" in str(error):
            return True
        raise Unreachable(f"database/{target.database}: {target.where} refused {user}: {_reason(error, target)}") from error
    return True


def community_arguments(target: Target, user: str, password: str, database: str | None = None) -> Mapping[str, Any]:
    """The same for a module of ``community.postgresql``."""
    return {
        "login_host": target.host,
        "login_port": target.port,
        "login_user": user,
        "login_password": password,
        "login_db": database or target.database,
        "ssl_mode": TLS,
        "ca_cert": target.ca_bundle,
        "connect_params": {
            "application_name": target.application or application_name(),
            "connect_timeout": CONNECTED_WITHIN,
            **({"hostaddr": target.address} if target.address else {}),
        },
    }


def verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores of an ASCII password. Sent in its place, the password itself is in no statement and so in no log."""
    password.encode("ascii")  # anything else would have to be normalised first
    salt = salt or secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    coded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{coded[0]}${coded[1]}:{coded[2]}"
