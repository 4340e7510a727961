"""A real ``ansible-playbook`` process, killed with SIGKILL in the middle of its writes, and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import site
from support.census import census, duplicates


def family(pid: int) -> list[int]:
    """The process and all that descend from it, the oldest first: Ansible's workers lead sessions of their own."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in listed.splitlines())}
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def kill_after(platform, writes: int) -> int:
    """Run the site and kill it, and every process it forked, once so many writes were begun; return how many there were."""
    # A fault that never comes counts; to read the whole log again and again would take longer than the run.
    platform.local.settings(faults=[{"access": "write", "nth": 1_000_000, "code": "Never"}])
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "site.yml",
        "-i",
        "inventories/prod",
        "-e",
        "@local_aws/vars.yml",
    ]
    env = {**os.environ, **platform.local.env}
    process = subprocess.Popen(command, cwd=site.ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = 0
    deadline = time.monotonic() + 120
    while process.poll() is None and done < writes and time.monotonic() < deadline:
        (counted,) = platform.local.settings()["faults"]
        done = counted["seen"]
        time.sleep(0.02)
    for pid in family(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)
    return done


@pytest.mark.parametrize("writes", [45, 200])
def test_the_next_run_converges(empty, deployed, writes):
    """The emulator answers slowly, so that calls are in flight when the process dies."""
    empty.local.settings(latency_ms=60)
    try:
        done = kill_after(empty, writes)
    finally:
        empty.local.settings(latency_ms=0, faults=[])
    assert done >= writes
    results = empty.results("site.yml")
    assert not any(result.get("unmanaged") for result in results.values())
    assert not any(result["changed"] for result in empty.results("site.yml").values())
    standing = census(empty.client)
    assert duplicates(standing) == []
    expected = deployed("prod")
    assert standing == census(expected.client)
