# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A summary as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .summary import ACTIONS, Summary, TierSummary, told
from .values import short, short_pair

WILL, DID = 1, 2


def lines(summary: Summary, title: str, done: bool = False) -> list[str]:
    """``done``: it tells what was done, not what would be: of what was made or deleted the address alone."""
    tense = DID if done else WILL
    counted = counts_text(summary.counts(), tense) or ("nothing changed" if done else "nothing to do")
    if refused := len(summary.refusals):
        counted += f", {refused} refused"
    shown = [f"{title}: {counted}"]
    for tier in filter(None, summary.tiers):
        shown += ["", f"{tier.tier}: {counts_text(tier.counts(), tense) or 'no changes'}", *_tier(tier, done)]
    return shown


def counts_text(counts: Mapping[str, int], tense: int = WILL) -> str:
    return ", ".join(f"{number} {ACTIONS[verb][tense]}" for verb, number in counts.items())


def _tier(tier: TierSummary, done: bool) -> Iterator[str]:
    for action in tier.actions:
        sign = ACTIONS[action["action"]][0]
        reason = f"  ({action['reason']})" if action.get("reason") else ""
        leaves = f"  (leaves {action['leaves']})" if action.get("leaves") else ""
        yield f"  {sign:<3} {action['address']}{reason}{leaves}"
        if not (done and action["action"] in ("create", "delete")):
            for change in told(action):
                yield f"        {change_text(action['action'], change)}"
    for refusal in tier.refusals:
        yield f"  !   {refusal['address']}: refused: {refusal['reason']}"
    for item in tier.kept:
        yield f"  =   {item['address']}: kept: {item['reason']}"
    for address in tier.unmanaged:
        yield f"  ?   {address}: carries our tags, but is not in the configuration"
    if tier.failure:
        yield f"  !   failed: {tier.failure}"
    for address in tier.not_applied:
        yield f"  !   {address}: not applied"
    for address in tier.awaiting:
        yield f"  ... {address}: begun, and not ready yet; the next run goes on from there"


def change_text(verb: str, change: Mapping[str, Any]) -> str:
    """``field: old -> new``; of what is made anew only the new value."""
    if verb == "create" and change["old"] is None:
        return f"{change['field']}: {short(change['new'])}"
    old, new = short_pair(change["old"], change["new"])
    return f"{change['field']}: {old} -> {new}"
