# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several tiers looked at in one pass: the account is read for all of them side by side, and then each is planned in its turn."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .reconcile.overlay import Overlay
from .tier_module import RunOptions, Tier, idle


class _Over(Exception):
    """A tier before this one has something to do, or could not be looked at."""


def idle_tiers(tiers: Sequence[tuple[Tier, Mapping[str, Any]]], options: RunOptions, overlay: Overlay) -> dict[str, dict[str, Any]]:
    """Tier -> its result (see ``tier_module.idle``), for the first tiers in which nothing is to be done. With the first that has
    something to do it ends: what a tier does may change what those behind find.

    ``tiers``: each with its validated parameters, all of one place and with a verb that makes the account like the configuration.
    ``overlay``: of the run so far; told what these tell those behind.
    Writes nothing, and raises nothing: what could not be read is left to the tier itself, which says why.
    """
    turns: list[Future[None]] = [Future() for _tier in range(len(tiers) + 1)]
    turns[0].set_result(None)

    def look(place: int) -> dict[str, Any] | None:
        tier, params = tiers[place]
        found = None
        # What goes wrong here goes wrong in the tier's own run too, which says it.
        with contextlib.suppress(Exception):
            found = idle(tier, params, options, overlay, turns[place].result)
        if found is None:
            turns[place + 1].set_exception(_Over())
        else:
            turns[place + 1].set_result(None)
        return found

    with ThreadPoolExecutor(max_workers=len(tiers), thread_name_prefix="tier") as pool:
        found = list(pool.map(look, range(len(tiers))))
    results: dict[str, dict[str, Any]] = {}
    for (tier, _params), result in zip(tiers, found, strict=True):
        if result is None:
            break
        results[tier.name] = result
    return results
