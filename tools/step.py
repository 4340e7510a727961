#!/usr/bin/env python3
"""Run one command as a named step: say when it starts, that it still runs, how it ended and how long it took.

    step.py NAME -- COMMAND [ARGUMENT ...]

The command's output passes through; while it is silent, a line every ten seconds says that it still runs.
Exits with the command's own status.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time

PULSE = 10.0  # seconds of silence


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(name: str, command: list[str]) -> int:
    """Return the exit status of `command`, having echoed its output and timed it."""
    say(f"==> {name}")
    began = heard = time.monotonic()
    # Both streams in one pipe keeps their order; what the command writes is passed on as it comes.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    finished = threading.Event()

    def pulse() -> None:
        while not finished.wait(1):
            nonlocal heard
            now = time.monotonic()
            if now - heard >= PULSE:
                heard = now
                say(f"    {name}: still running, {now - began:.0f} s")

    threading.Thread(target=pulse, daemon=True).start()
    assert process.stdout is not None
    try:
        while chunk := process.stdout.read1():
            heard = time.monotonic()
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        status = process.wait()
    except KeyboardInterrupt:
        status = process.wait()
    finally:
        finished.set()
    say(f"<== {name}: {'passed' if status == 0 else f'FAILED with status {status}'} in {time.monotonic() - began:.0f} s")
    return status


def main() -> int:
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        say(__doc__ or "")
        return 2
    return run(sys.argv[1], sys.argv[3:])


if __name__ == "__main__":
    raise SystemExit(main())
