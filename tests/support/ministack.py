"""Start MiniStack, the second emulator, from a test, and stop it again.

Its packages are in a directory of their own, which ``make setup`` fills from tests/ministack/requirements.lock, and it sees no
others: it pins a botocore that is not the collection's, and starts containers where it finds a client of Docker.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

PACKAGES = Path(sys.prefix) / "ministack"
# Its only packages are PACKAGES; it ends when its standard input does, which is when this process ends at the latest.
PROGRAM = f"""
import os, runpy, sys, threading
sys.path.insert(0, {str(PACKAGES)!r})
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
runpy.run_module("ministack", run_name="__main__")
"""
STARTS = 3


class MiniStack:
    """Context manager around one server on 127.0.0.1, on a free port, with an empty account.

    Raises RuntimeError when it is not installed, or not ready within ``timeout`` seconds.
    """

    def __init__(self, region: str = "us-east-1", timeout: float = 60) -> None:
        self.region = region
        self.timeout = timeout
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> MiniStack:
        if not PACKAGES.is_dir():
            raise RuntimeError(f"MiniStack is not installed in {PACKAGES}: run make setup")
        self._directory = tempfile.TemporaryDirectory(prefix="ministack-")
        # Another process may take the port between the question for it and its use.
        for attempt in range(1, STARTS + 1):
            try:
                self._start()
                return self
            except RuntimeError:
                self.stop()
                if attempt == STARTS:
                    raise
        raise AssertionError("unreachable")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        if self._directory:
            self._directory.cleanup()

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()  # type: ignore[union-attr]
            self.process = None

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that lead every AWS client here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _start(self) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        directory = self._directory.name  # type: ignore[union-attr]
        environment = {
            "PATH": os.defpath,
            "HOME": directory,
            "TMPDIR": directory,
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": self.region,
            "LOG_LEVEL": "ERROR",
            # Each would listen on a port of its own.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        command = [sys.executable, "-I", "-S", "-c", PROGRAM]
        with open(Path(directory) / "output", "wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=output, env=environment, cwd=directory
            )
        end = time.monotonic() + self.timeout
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > end:
                said = (Path(directory) / "output").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"MiniStack did not start within {self.timeout:.0f} s: {said}")
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(f"{self.url}/_ministack/ready", timeout=self.timeout).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
