# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a plan's steps on a thread pool, each as soon as what it needs has ended."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from .plan import Action


def execute(
    actions: list[Action],
    perform: Callable[[Action], bool],
    pool: ThreadPoolExecutor,
    counted: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Exception], set[str]]:
    """Perform every action whose needs were met; return the failures by the action's key, and the keys of what was begun only.

    ``perform`` runs on the pool and answers whether the action is done; False means begun, and AWS goes on by itself. Either a
    failure or a beginning stops what rests on it and nothing else, so that one run gets as far as it can. ``counted(done, total)``
    is told when it begins and after each action.
    """
    known = {action.key for action in actions}
    waiting = {action.key: (action, action.needs & known) for action in actions}
    running: dict[Future, Action] = {}
    ended: set[str] = set()
    failures: dict[str, Exception] = {}
    begun: set[str] = set()
    counted(0, len(actions))
    while waiting or running:
        for key in [key for key, (_action, needs) in waiting.items() if needs <= ended]:
            action, _needs = waiting.pop(key)
            running[pool.submit(perform, action)] = action
        if not running:
            break
        done, _pending = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            action = running.pop(future)
            error = future.exception()
            if error is None:
                (ended if future.result() else begun).add(action.key)
            elif isinstance(error, Exception):
                failures[action.key] = error
            else:
                raise error
        counted(len(ended) + len(begun) + len(failures), len(actions))
    return failures, begun
