#!/usr/bin/env python3
"""Run commands side by side, and pass on what each wrote in one piece when it has ended.

    together.py -- COMMAND [ARGUMENT ...] [-- COMMAND [ARGUMENT ...] ...]

Exits with 1 when one of them failed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping

LOOK = 0.2  # seconds


def run(commands: Iterable[tuple[list[str], Mapping[str, str]]]) -> bool:
    """Whether all commands, each with what it adds to the environment, succeeded."""
    succeeded = True
    with contextlib.ExitStack() as outputs:
        running = []
        for command, more in commands:
            output = outputs.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **more})
            running.append((process, output))
        while running:
            time.sleep(LOOK)
            for process, output in [(process, output) for process, output in running if process.poll() is not None]:
                running.remove((process, output))
                succeeded &= process.returncode == 0
                output.seek(0)
                sys.stdout.buffer.write(output.read())
                sys.stdout.buffer.flush()
    return succeeded


def main() -> int:
    groups = itertools.groupby(sys.argv[1:], key=lambda argument: argument == "--")
    commands = [list(group) for separator, group in groups if not separator]
    if not commands or sys.argv[1] != "--":
        print(__doc__)
        return 2
    return 0 if run((command, {}) for command in commands) else 1


if __name__ == "__main__":
    raise SystemExit(main())
