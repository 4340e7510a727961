"""Start the local AWS from a test or a script, and stop it again.

with LocalAws() as aws:
    subprocess.run([...], env={**os.environ, **aws.env})
    assert all(call["access"] == "read" for call in aws.requests())
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

READY = "local AWS listening on "
ROOT = Path(__file__).resolve().parent.parent


def environment(url: str, region: str) -> dict[str, str]:
    """What leads a client of AWS to the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class LocalAws:
    """Context manager around `python -m local_aws` with the same interpreter.

    `arguments` are more options of the command line. The server ends with the block, and with this process at the
    latest. Raises RuntimeError when it is not ready within `timeout` seconds, or on an error of the control API.
    """

    def __init__(self, *arguments: str, region: str = "us-east-1", timeout: float = 60) -> None:
        self.arguments = arguments
        self.region = region
        self.timeout = timeout
        self.url = ""
        # What a run needs in its environment to reach the real database and cache.
        self.real: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> LocalAws:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        command = [sys.executable, "-m", "local_aws", "--parent-pid", str(os.getpid()), *self.arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        watchdog = threading.Timer(self.timeout, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()  # type: ignore[union-attr]
        finally:
            watchdog.cancel()
        if not line.startswith(READY):
            self.stop()
            raise RuntimeError(f"the local AWS did not start within {self.timeout:.0f} s")
        self.attach(line.removeprefix(READY).strip())

    def attach(self, url: str) -> None:
        """Speak to a server that runs already, and is left running by ``stop``."""
        self.url = url
        self.real = self._control("GET", "environment")

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()  # type: ignore[union-attr]
            self.process = None

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that lead every AWS client here."""
        return {**environment(self.url, self.region), **self.real}

    def requests(self) -> list[dict[str, Any]]:
        """The calls so far, oldest first."""
        return self._control("GET", "requests")

    def clear_requests(self) -> None:
        """Forget the calls so far."""
        self._control("DELETE", "requests")

    def reset(self) -> None:
        """Empty the account, the log and the settings."""
        self._control("POST", "reset")

    def settings(self, **values: Any) -> dict[str, Any]:
        """Set latency_ms, transitions, failures, faults, rate_limit, queue_deleted_recently_seconds; answers all settings."""
        return self._control("PUT", "settings", values)

    def skip(self, seconds: float) -> None:
        """Let this much time have passed for every transition."""
        self._control("POST", f"skip/{seconds}")

    def snapshot(self) -> str:
        """Copy the state; answers the copy's id."""
        return self._control("POST", "snapshot")["id"]

    def restore(self, snapshot_id: str) -> None:
        """Put a copied state back."""
        self._control("POST", f"restore/{snapshot_id}")

    def _control(self, method: str, path: str, value: Any = None) -> Any:
        data = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(f"{self.url}/_local_aws/{path}", data=data, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["error"]) from None
