"""One container as a process of this machine: runs a command, and ends it with all that it started.

    python container.py PARENT FOLDER COMMAND...

It ends the command on SIGTERM, and when the process PARENT is gone; then it removes FOLDER too, as nobody else will. Its exit
code is the command's, as a container tells it (128 and the signal's number for one that a signal ended).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LOOK_EVERY = 0.1  # seconds
# Kubernetes gives a pod 30 s (terminationGracePeriodSeconds): here nobody wants to wait for what is being thrown away.
GRACE = 2.0
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def below(pid: int) -> set[int]:
    """The processes that descend from one, as Linux lists them; elsewhere none."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path(f"/proc/{int(name)}/stat").read_text(encoding="utf-8", errors="replace")
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(name))
    found, open_ones = set(), [pid]
    while open_ones:
        for child in children.get(open_ones.pop(), ()):
            found.add(child)
            open_ones.append(child)
    return found


def tell(number: int) -> None:
    """Send a signal to all that was started here, however it has detached itself."""
    for pid in below(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def end(child: subprocess.Popen[bytes]) -> None:
    """First asked, then killed."""
    with contextlib.suppress(OSError):
        child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    sweep(child)


def sweep(child: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of it."""
    with contextlib.suppress(OSError):
        child.kill()
    child.wait()
    give_up = time.monotonic() + GRACE
    while below(os.getpid()) and time.monotonic() < give_up:
        tell(signal.SIGKILL)
        # What was handed up to this process is its to bury.
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def main(parent: int, folder: str, command: list[str]) -> int:
    stopping = False

    def stop(*_signal: Any) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    # Ctrl-C in a terminal is for the server, which then stops this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1)
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )
    while child.poll() is None:
        orphaned = os.getppid() != parent
        if stopping or orphaned:
            end(child)
            if orphaned:
                shutil.rmtree(folder, ignore_errors=True)
            return 128 + signal.SIGTERM
        time.sleep(LOOK_EVERY)
    sweep(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
