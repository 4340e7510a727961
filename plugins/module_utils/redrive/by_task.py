# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dead letters back to their queue by SQS itself: begin a move task, and follow it.

A task goes on when whoever began it is killed; the next run finds it and follows it instead of beginning another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..aws.messages import Messages
from ..reconcile.errors import EngineError
from .pairs import Pair

RUNNING, COMPLETED = ("RUNNING", "CANCELLING"), "COMPLETED"
# Seconds between two looks at a task.
LOOK = 2.0
FASTEST = 500


@dataclass
class Task:
    """How a move went. ``others``: it was running when we came. ``running``: it still is, and goes on by itself."""

    moved: int = 0
    others: bool = False
    running: bool = False
    failure: str = ""


def running(messages: Messages, pair: Pair) -> Mapping[str, Any] | None:
    """The task that moves the pair's dead letters now."""
    return next((task for task in messages.moves(pair.dead.arn) or () if task["Status"] in RUNNING), None)


def replay(messages: Messages, pair: Pair, rate: int, patience: float, tell: Callable[[int, int], None]) -> Task | None:
    """None where the service does not offer move tasks; nothing has been moved then. Waits ``patience`` seconds at most."""
    end = time.monotonic() + patience
    tasks = messages.moves(pair.dead.arn)
    if tasks is None:
        return None
    found = Task()
    if begun := [_started(task) for task in tasks if task["Status"] in RUNNING]:
        found.others = True
        _follow(messages, pair, found, max(begun), end, tell)
    if found.running or found.failure or not messages.queue(pair.dead.url).visible:
        return found
    answer = messages.start_move(pair.dead.arn, pair.source.arn, min(rate, FASTEST) or None)
    if answer == "not offered":
        return None
    found.others = found.others or answer == "running"
    _follow(messages, pair, found, max(map(_started, tasks), default=0) + 1, end, tell)
    return found


def _started(task: Mapping[str, Any]) -> int:
    """Milliseconds of SQS's own clock. Of a task that has ended SQS tells no handle, so this is what tells tasks apart."""
    return int(task.get("StartedTimestamp") or 0)


def _follow(messages: Messages, pair: Pair, found: Task, since: int, end: float, tell: Callable[[int, int], None]) -> None:
    """Wait until the newest task that was begun at ``since`` or later has ended; add what it moved."""
    while True:
        task = next((task for task in messages.moves(pair.dead.arn) or () if _started(task) >= since), None)
        if task is None:
            # The list is a moment behind, and shows at most earlier ones.
            if time.monotonic() >= end:
                raise EngineError(f"{pair.dead.name}: SQS took a move task and does not show it: run again to look for it")
            time.sleep(LOOK)
            continue
        moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
        tell(moved, int(task.get("ApproximateNumberOfMessagesToMove") or 0))
        found.running = task["Status"] in RUNNING
        if not found.running or time.monotonic() >= end:
            found.moved += moved
            if not found.running and task["Status"] != COMPLETED:
                found.failure = f"the move task ended {task['Status']}: {task.get('FailureReason') or 'by somebody'}"
            return
        time.sleep(LOOK)
