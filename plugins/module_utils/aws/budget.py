# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls a second AWS takes: learned from its throttling, one budget a service and region, shared by all threads.

AWS throttles by account, service and region. botocore's adaptive mode keeps a rate for each client and comes back from a throttling
only after many seconds; this one goes down to what AWS has just taken and up by some percent a second.
"""

from __future__ import annotations

import collections
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.retries.standard import RetryEventAdapter, ThrottlingErrorDetector

# Seconds over which the rate is measured. Of several throttled answers within it the first counts.
WINDOW = 1.0
# What is left of the measured rate after a throttling, and the lowest rate in calls a second.
BACK_OFF = 0.9
LOWEST = 1.0
# The part by which the rate grows each second without throttling.
RECOVERY = 0.06
# Seconds of the rate that may be saved up for a burst.
BURST = 0.1


class Budget:
    """Unlimited until the first throttling. ``rate``: calls a second, or None."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep):
        self.clock = clock
        self.sleep = sleep
        self.rate: float | None = None
        self._lock = threading.Lock()
        self._taken: collections.deque[float] = collections.deque()
        self._next = 0.0
        self._grown = 0.0
        self._throttled = float("-inf")

    def acquire(self) -> None:
        """Return when the next call may be sent."""
        with self._lock:
            if self.rate is None:
                return
            now = self.clock()
            self.rate *= 1 + (now - self._grown) * RECOVERY
            self._grown = now
            self._next = max(self._next, now - BURST) + 1 / self.rate
            pause = self._next - now
        if pause > 0:
            self.sleep(pause)

    def answered(self, throttled: bool) -> None:
        """Tell of an answer."""
        with self._lock:
            now = self.clock()
            while self._taken and self._taken[0] <= now - WINDOW:
                self._taken.popleft()
            if not throttled:
                self._taken.append(now)
            elif now - self._throttled >= WINDOW:
                self._throttled = self._grown = now
                measured = len(self._taken) / WINDOW
                # Little was taken where little was asked for, so one throttling at most halves what is known.
                known = measured if self.rate is None else min(self.rate, max(measured, self.rate / 2))
                self.rate = max(LOWEST, known * BACK_OFF)
                self._next = max(self._next, now)


@functools.cache
def budget(service: str, region: str) -> Budget:
    """The process's own."""
    return Budget()


def keep_within_budget(client: Any) -> None:
    """Make every call of a botocore client ask its service's budget first, retried ones too."""
    found = budget(client.meta.service_model.service_name, client.meta.region_name)
    detector = ThrottlingErrorDetector(retry_event_adapter=RetryEventAdapter())

    def before_send(**_kwargs: Any) -> None:
        found.acquire()

    def needs_retry(**kwargs: Any) -> None:
        found.answered(detector.is_throttling_error(**kwargs))

    client.meta.events.register("before-send", before_send)
    client.meta.events.register("needs-retry", needs_retry)
