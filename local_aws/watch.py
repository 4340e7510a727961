"""Reasons for the server to stop by itself: nobody calls any more, or the process that it served is gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from local_aws.gate import GATE


def alive(pid: int) -> bool:
    """Whether a process exists (a zombie counts as gone)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # no /proc on this system
        return True


def watch(stop: Callable[[], None], idle_timeout: float, parent_pid: int | None, interval: float = 0.5) -> None:
    """Call `stop` once, from a thread of its own, after `idle_timeout` seconds without a call (0: never) or when
    `parent_pid` is gone."""

    def loop() -> None:
        while True:
            time.sleep(interval)
            idle = idle_timeout and time.monotonic() - GATE.last_call > idle_timeout
            if idle or (parent_pid and not alive(parent_pid)):
                stop()
                return

    threading.Thread(target=loop, daemon=True, name="local-aws-watch").start()
