# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several tiers looked at in one pass: the account is read for all of them side by side, and then each is planned in its turn."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from .reconcile.overlay import Overlay
from .tier_module import Idle, RunOptions, Tier, idle

# Calls at the same time, of all tiers together.
CALLERS = 48


def idle_tiers(tiers: Sequence[tuple[Tier, Mapping[str, Any]]], options: RunOptions, overlay: Overlay) -> dict[str, Idle]:
    """By its name each tier in which nothing is to be done. One that refers to a tier in which something is to be done is none of
    them: what becomes of that is not known yet.

    ``tiers``: each with its validated parameters, in the order of their turns, all of one place and with a verb that makes the
    account like the configuration. ``overlay``: of the run so far; told what these tell those behind.
    Writes nothing, and raises nothing: what could not be read is left to the tier itself, which says why.
    """
    # Each answers the tiers up to its own in which something is to be done.
    turns: list[Future[frozenset[str]]] = [Future() for _tier in range(len(tiers) + 1)]
    turns[0].set_result(frozenset())

    def look(place: int, calls: Executor) -> Idle | None:
        tier, params = tiers[place]
        found = None
        try:
            # What goes wrong here goes wrong in the tier's own run too, which says it.
            with contextlib.suppress(Exception):
                found = idle(tier, params, dataclasses.replace(options, calls=calls), overlay, turns[place].result)
        finally:
            turns[place + 1].set_result(turns[place].result() | (set() if found else {tier.name}))
        return found

    with (
        ThreadPoolExecutor(max_workers=CALLERS, thread_name_prefix="aws-call") as calls,
        ThreadPoolExecutor(max_workers=len(tiers), thread_name_prefix="tier") as pool,
    ):
        results = pool.map(lambda place: look(place, calls), range(len(tiers)))
        return {tier.name: result for (tier, _params), result in zip(tiers, results, strict=True) if result}
