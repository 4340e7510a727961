# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a state: a table of states and times, and the one loop that reads it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .errors import WaitFailed

# A wait lasts at most this part longer than what it waits for, until its pauses have reached the waiter's ``delay``.
OVERSHOOT = 0.1


@dataclass(frozen=True)
class Waiter:
    """States as AWS spells them; seconds.

    ``ready``: done. ``failed``: will never be ready. ``stuck``: no waiting ends it, but a change or a person may; it is no
    reason to replace what is there. ``gone``: states that mean deleted, besides not being found.
    ``await_deletion``: whether a deletion is waited for (others cannot be deleted before it has ended).
    ``patience``: for so long a stuck state is taken for one on the way to ready. ``delay``: the longest pause between two looks.
    ``later``: AWS needs minutes, and others do not: a run that starts only begins it and leaves the waiting to a later one.
    """

    ready: frozenset[str]
    failed: frozenset[str] = frozenset()
    stuck: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    await_deletion: bool = True
    delay: float = 5.0
    first_delay: float = 0.5
    timeout: float = 600.0
    later: bool = False
    patience: float = 0.0

    def ends(self, state: str | None, waited: float = 0.0) -> bool:
        """True in a state that no further waiting changes into a ready one, after ``waited`` seconds."""
        return state in self.failed or (state in self.stuck and waited >= self.patience)


def wait_ready(
    waiter: Waiter,
    address: str,
    refresh: Callable[[], str | None],
    progress: Callable[[str, str, float], None],
    failure: Callable[[str], str],
    sleep: Callable[[float], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> None:
    """Return once ``refresh()`` answers a ready state. Raises WaitFailed when time is up and for a failed or stuck state, with
    what ``failure(state)`` says of it.

    Not being found is taken for not being visible yet: AWS lists a new resource with a delay.
    """

    def done(state: str | None, elapsed: float) -> bool:
        if waiter.ends(state, elapsed):
            raise WaitFailed(failure(str(state)))
        return state in waiter.ready

    _poll(waiter, address, refresh, done, progress, failure, sleep, clock)


def wait_gone(
    waiter: Waiter,
    address: str,
    refresh: Callable[[], str | None],
    progress: Callable[[str, str, float], None],
    sleep: Callable[[float], None] | None = None,
    clock: Callable[[], float] | None = None,
) -> None:
    """Return once ``refresh()`` answers None or a ``gone`` state. Raises WaitFailed when time is up."""
    _poll(waiter, address, refresh, lambda state, elapsed: state is None or state in waiter.gone, progress, None, sleep, clock)


def _poll(waiter, address, refresh, done, progress, failure, sleep, clock) -> None:
    clock = clock or time.monotonic
    start = clock()
    while True:
        state = refresh()
        elapsed = clock() - start
        if done(state, elapsed):
            return
        if elapsed >= waiter.timeout:
            more = f" ({failure(state)})" if failure and state else ""
            raise WaitFailed(
                f"{address} is still {state or 'not visible'} after {waiter.timeout:.0f} s{more}: run again to go on waiting"
            )
        progress(address, state or "not visible", elapsed)
        (sleep or time.sleep)(min(max(waiter.first_delay, elapsed * OVERSHOOT), waiter.delay))
