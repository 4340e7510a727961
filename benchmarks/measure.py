"""What one command costs: wall and CPU seconds of it and all its children, peak memory, and the calls that reached the emulator."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.proxy import Proxy
from local_aws.launch import LocalAws

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# Would lead a subject elsewhere.
FORBIDDEN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_URL", "EC2_URL", "ANSIBLE_CONFIG")
SAMPLE_SECONDS = 0.1


@dataclass
class Cost:
    """Of one run, in seconds and megabytes.

    ``rss_mb``: of the biggest process; ``sum_rss_mb``, ``sum_pss_mb``: of all together, where sampled (pages that forked processes
    share count once in the latter). ``sleeps``: the seconds in ``wall`` that a subject slept for a fixed time.
    """

    wall: float
    cpu: float
    rss_mb: float
    reads: int = 0
    writes: int = 0
    connections: int = 0
    sleeps: float = 0.0
    sum_rss_mb: float = 0.0
    sum_pss_mb: float = 0.0
    operations: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}


class Failed(Exception):
    """A measured command failed; the message has its last words."""


class Bench:
    """One emulator behind one proxy. Context manager.

    This process stays small on purpose: Linux counts the memory of the process that starts a command as the command's own.
    """

    def __init__(self) -> None:
        self.aws = LocalAws("--idle-timeout", "0", timeout=120)

    def __enter__(self) -> Bench:
        self.aws.start()
        self.proxy = Proxy(self.aws.url).__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.proxy.__exit__(kind, error, trace)
        self.aws.stop()

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in FORBIDDEN}
        return {**inherited, **self.aws.env, "AWS_ENDPOINT_URL": self.proxy.url, **(more or {})}

    def cost(
        self,
        command: Sequence[str],
        latency_ms: float = 0,
        env: Mapping[str, str] | None = None,
        sample: bool = False,
        count: bool = True,
    ) -> Cost:
        """Run ``command`` and tell its cost. Raises Failed. ``sample``: the memory of all its processes together, too."""
        self.aws.clear_requests()
        self.proxy.clear()
        self.proxy.latency = latency_ms / 1000
        try:
            cost = run(command, self.env(env), sample)
        finally:
            self.proxy.latency = 0
        if count:
            log = self.aws.requests()
            if len(log) != self.proxy.requests:
                raise Failed(f"the proxy saw {self.proxy.requests} requests and the emulator {len(log)}")
            access = Counter(entry["access"] for entry in log)
            cost.reads, cost.writes, cost.connections = access["read"], access["write"], self.proxy.connections
            cost.operations = dict(sorted(Counter(f"{entry['service']}:{entry['operation']}" for entry in log).items()))
        return cost

    def ask(self, *arguments: str) -> Any:
        """What ``benchmarks/standing.py`` tells about the account."""
        command = [sys.executable, str(ROOT / "benchmarks/standing.py"), *arguments]
        done = subprocess.run(command, env=self.env(), cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def run(command: Sequence[str], env: Mapping[str, str], sample: bool = False, cwd: Path = ROOT) -> Cost:
    """Run a command to its end, in a session of its own, and tell what it took. Raises Failed when it fails."""
    log = ROOT / ".cache" / f"benchmark-{os.getpid()}-{threading.get_ident()}.log"
    log.parent.mkdir(exist_ok=True)
    memory = _Memory()
    with log.open("wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if sample:
            memory.watch(process.pid)
        _pid, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    memory.stop()
    text = log.read_text(errors="replace")
    log.unlink()
    if process.returncode:
        raise Failed(f"{' '.join(map(str, command))}: exit code {process.returncode}\n{text[-3000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, _megabytes(used), sum_rss_mb=memory.rss, sum_pss_mb=memory.pss)


def _megabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


class _Memory:
    """The peak of what a process and all its descendants hold together, looked at now and then. Linux only; 0 elsewhere."""

    def __init__(self) -> None:
        self.rss = self.pss = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, root: int) -> None:
        self._thread = threading.Thread(target=self._look, args=(root,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def _look(self, root: int) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            held = [_held(process) for process in _family(root)]
            self.rss = max(self.rss, sum(rss for rss, _pss in held))
            self.pss = max(self.pss, sum(pss for _rss, pss in held))


def _family(root: int) -> list[int]:
    """The process and its descendants. By parents: Ansible's workers begin a session of their own."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [root]
    for process in found:
        found += children.get(process, [])
    return found


def _held(process: int) -> tuple[float, float]:
    """Megabytes of its memory, and with shared pages in proportion; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0, 0.0
    values = dict(line.split(":", 1) for line in lines)
    return tuple(int(values.get(name, "0").split()[0]) / 1024 for name in ("Rss", "Pss"))  # type: ignore[return-value]
