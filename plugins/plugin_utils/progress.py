# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a long task prints about itself."""

from __future__ import annotations

import threading
import time

from ansible.utils.display import Display

# Seconds between two lines about the same wait.
SAY_EVERY = 10.0


class Progress:
    """A line now and then about each wait, and about how far a tier or tool is where it counts, on stderr so that the output of a
    run stays what its callback writes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: dict[str, float] = {}
        self.done, self.total = 0, 0
        self.spoke = time.monotonic()
        self.lock = threading.Lock()

    def __call__(self, address: str, state: str, seconds: float) -> None:
        with self.lock:
            # A wait that is younger than the last that was told of is another one.
            before = self.said.get(address, 0.0)
            due = seconds - (before if seconds >= before else 0.0) >= SAY_EVERY
            if due or seconds < before:
                self.said[address] = seconds
            if due:
                minutes, rest = divmod(int(seconds), 60)
                far = f"  ({self.done} of {self.total} done)" if self.total else ""
                self._say(f"{address}  {state}  {minutes}m{rest:02d}s{far}")

    def counted(self, done: int, total: int) -> None:
        with self.lock:
            self.done, self.total = done, total
            if time.monotonic() - self.spoke >= SAY_EVERY:
                self._say(f"{self.name}  {done} of {total} done")

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        Display().display(line, stderr=True)
