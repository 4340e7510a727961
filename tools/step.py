#!/usr/bin/env python3
"""Run one command as a named step: say when it starts, that it still runs, how it ended and how long it took.

    step.py NAME -- COMMAND [ARGUMENT ...]

The command's output passes through; while it is silent, a line every few seconds says that it still runs.
Exits with the command's own status.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Mapping

SILENCE = 8.0  # seconds


def say(text: str = "") -> None:
    print(text, flush=True)


def run(name: str, command: list[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the exit status of `command` and what it wrote, having passed that on as it came."""
    say(f"==> {name}")
    began = heard = time.monotonic()
    # Both streams in one pipe keep their order.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    finished = threading.Event()

    def pulse() -> None:
        nonlocal heard
        while not finished.wait(1):
            now = time.monotonic()
            if now - heard >= SILENCE:
                heard = now
                say(f"    {name}: still running after {now - began:.0f} s")

    threading.Thread(target=pulse, daemon=True).start()
    assert process.stdout is not None
    written = bytearray()
    try:
        while chunk := process.stdout.read1():
            heard = time.monotonic()
            written += chunk
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    except KeyboardInterrupt:
        pass  # the command got it too, and ends by it
    status = process.wait()
    finished.set()
    say(f"<== {name}: {'done' if status == 0 else f'FAILED (status {status})'} after {time.monotonic() - began:.0f} s")
    return status, written.decode(errors="replace")


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        say(__doc__ or "")
        return 2
    return run(sys.argv[1], sys.argv[3:])[0]


if __name__ == "__main__":
    raise SystemExit(main())
