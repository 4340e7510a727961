"""A real Redis beside the local AWS, as strict as one of ElastiCache: TLS only, and AUTH.

    with Redis() as server:
        redis.Redis(**server.login())

It runs the machine's own `redis-server` (Debian: `apt-get install redis-server`), on a loopback address, with a certificate
authority of its own, which ends with it.
"""

from __future__ import annotations

import ctypes
import datetime
import ipaddress
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

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LOOPBACK = "127.0.0.1"
PORT = 6379
READY_WITHIN = 30.0
ATTEMPTS = 10


class Unavailable(RuntimeError):
    """There is no Redis to start; the message is one sentence."""


def missing() -> str:
    """Why there is no Redis to start; empty when there is."""
    if shutil.which("redis-server"):
        return ""
    return "Redis is not installed here (no redis-server on the path): apt-get install redis-server"


class Redis:
    """Context manager around one server, which ends with the block.

    ``port`` None: any free port of 127.0.0.1. A number: that port, on an address of 127.0.0.0/8 where nobody listens on it.
    ``tls`` and ``auth`` False make it as lax as it should not be. ``ca``: the file of the authority that signed its certificate.
    """

    def __init__(self, port: int | None = None, tls: bool = True, auth: bool = True) -> None:
        self.fixed, self.tls = port, tls
        self.address, self.port = LOOPBACK, port or 0
        self.token = secrets.token_urlsafe(24) if auth else ""
        self.directory = Path()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Redis:
        if why := missing():
            raise Unavailable(why)
        self.directory = Path(tempfile.mkdtemp(prefix="local_aws_redis_"))
        try:
            for _attempt in range(ATTEMPTS):
                self._choose()
                self._certify()
                if self._serve():
                    return self
            raise RuntimeError(f"Redis did not start: {self.log.read_text()[-500:]}")
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def ca(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def stop(self) -> None:
        """Stop the server, if it runs, and remove what it had."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)

    def login(self, **more: Any) -> dict[str, Any]:
        """Arguments of ``redis.Redis`` for a client that trusts nobody but the authority."""
        tls = {"ssl": True, "ssl_ca_certs": str(self.ca), "ssl_check_hostname": True} if self.tls else {}
        return {"host": self.address, "port": self.port, "password": self.token or None, "protocol": 2, **tls, **more}

    def _choose(self) -> None:
        if self.fixed is None:
            with socket.socket() as probe:
                probe.bind((LOOPBACK, 0))
                self.port = probe.getsockname()[1]
            return
        for _attempt in range(200):
            self.address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
            with socket.socket() as probe:
                try:
                    probe.bind((self.address, self.port))
                except OSError:
                    continue
                return
        raise Unavailable(f"no address of 127.0.0.0/8 has port {self.port} free")

    def _serve(self) -> bool:
        """Start it; whether it answers. It does not where somebody has just taken the port."""
        listens = (
            {
                "port": "0",
                "tls-port": str(self.port),
                "tls-cert-file": "server.crt",
                "tls-key-file": "server.key",
                "tls-ca-cert-file": "ca.crt",
                "tls-auth-clients": "no",
            }
            if self.tls
            else {"port": str(self.port)}
        )
        settings = {"bind": self.address, "save": '""', "appendonly": "no", "daemonize": "no", **listens}
        if self.token:
            settings["requirepass"] = self.token
        # In a file, since an argument can be seen by everybody on the machine.
        config = self.directory / "redis.conf"
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        config.chmod(0o600)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["redis-server", str(config)], cwd=self.directory, stdout=log, stderr=log, preexec_fn=_end_with_parent
            )
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection((self.address, self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"Redis did not answer within {READY_WITHIN:.0f} s: {self.log.read_text()[-500:]}")

    def _certify(self) -> None:
        """An authority, and a certificate for the address."""
        now = datetime.datetime.now(datetime.UTC)
        authority = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "local AWS cache authority")])
        key = ec.generate_private_key(ec.SECP256R1())

        def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
            made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
            made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            return made.not_valid_after(now + datetime.timedelta(days=2))

        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        root = builder(issuer, authority.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        identity = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
        root = root.add_extension(usage, True).add_extension(identity, False)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(self.address))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.address)])
        of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        leaf = builder(subject, key.public_key()).add_extension(names, False).add_extension(of_issuer, False)
        for name, certificate in (("ca.crt", root), ("server.crt", leaf)):
            signed = certificate.sign(authority, hashes.SHA256())
            (self.directory / name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self.directory / "server.key"
        path.touch(mode=0o600)
        path.write_bytes(private)


def _end_with_parent() -> None:
    """In the child: Linux tells it to end when whoever started it is gone. Elsewhere only ``stop`` ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
