# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiers' results as one summary, whatever it is shown as."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..reconcile.ownership import PREFIX

# Verb of an action -> sign, what is to be done, what was done. In the order in which they are counted.
ACTIONS = {
    "create": ("+", "to create", "created"),
    "update": ("~", "to update", "updated"),
    "replace": ("-/+", "to replace", "replaced"),
    "delete": ("-", "to delete", "deleted"),
    "adopt": ("^", "to adopt", "adopted"),
}


@dataclass
class TierSummary:
    """What one tier would do or did. ``failure``: why it did not end well; then ``actions`` are those that were applied, and
    ``not_applied`` the addresses of the others. ``awaiting``: what was begun and is left to a later run."""

    tier: str
    actions: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, str]] = field(default_factory=list)
    kept: list[dict[str, str]] = field(default_factory=list)
    unmanaged: list[str] = field(default_factory=list)
    failure: str | None = None
    not_applied: list[str] = field(default_factory=list)
    awaiting: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.actions or self.refusals or self.kept or self.unmanaged or self.failure or self.awaiting)

    def counts(self) -> dict[str, int]:
        """Verb -> how many actions."""
        counted = Counter(action["action"] for action in self.actions)
        return {verb: counted[verb] for verb in ACTIONS if counted[verb]}


@dataclass
class Summary:
    """The tiers in the order in which they ran. False where there is nothing to tell."""

    tiers: list[TierSummary]

    def __bool__(self) -> bool:
        return any(self.tiers)

    def counts(self) -> dict[str, int]:
        counted = Counter[str]()
        for tier in self.tiers:
            counted.update(tier.counts())
        return {verb: counted[verb] for verb in ACTIONS if counted[verb]}

    @property
    def refusals(self) -> list[tuple[str, dict[str, str]]]:
        return [(tier.tier, refusal) for tier in self.tiers for refusal in tier.refusals]


def told(action: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The action's fields as people need them: without the ownership tags that stay, or that anything new carries."""
    for change in action["fields"]:
        if change["field"] != "tags" or not isinstance(change["new"], Mapping):
            yield dict(change)
            continue
        old, new = dict(change["old"] or {}), dict(change["new"])
        for key in [key for key in new if key.startswith(PREFIX) and (change["old"] is None or old.get(key) == new[key])]:
            old.pop(key, None)
            del new[key]
        if old or new:
            yield {"field": "tags", "old": None if change["old"] is None else old, "new": new}


def summarise(results: Iterable[tuple[str, Mapping[str, Any]]]) -> Summary:
    """Of (tier, result) pairs; of a tier that ran more than once, such as to start and to await, what it did in all."""
    tiers: dict[str, TierSummary] = {}
    for name, result in results:
        now = _of(name, result)
        tiers[name] = _joined(tiers[name], now) if name in tiers else now
    return Summary(list(tiers.values()))


def _of(name: str, result: Mapping[str, Any]) -> TierSummary:
    failed = bool(result.get("failed"))
    actions = [dict(item) for item in result.get("plan") or ()]
    if failed:
        applied = set(result.get("applied") or ())
        actions = [item for item in actions if item["address"] in applied]
    refusals = [dict(item) for item in result.get("refusals") or ()]
    return TierSummary(
        name,
        actions,
        refusals,
        [dict(item) for item in result.get("kept") or ()],
        list(result.get("unmanaged") or ()),
        str(result.get("msg") or "it failed") if failed and not refusals else None,
        list(result.get("not_applied") or ()),
        list(result.get("awaiting") or ()),
    )


def _joined(first: TierSummary, second: TierSummary) -> TierSummary:
    """What was begun keeps its action; the fields of both count, each with its first old and its last new value."""
    actions = {item["address"]: item for item in first.actions}
    for item in second.actions:
        begun = actions.get(item["address"])
        if begun is None:
            actions[item["address"]] = item
        else:
            fields = {change["field"]: dict(change) for change in begun["fields"]}
            for change in item["fields"]:
                fields.setdefault(change["field"], dict(change))["new"] = change["new"]
            actions[item["address"]] = {**begun, "fields": list(fields.values())}
    return TierSummary(
        first.tier,
        [actions[address] for address in sorted(actions)],
        first.refusals + [item for item in second.refusals if item not in first.refusals],
        first.kept + [item for item in second.kept if item not in first.kept],
        sorted({*first.unmanaged, *second.unmanaged}),
        second.failure or first.failure,
        second.not_applied or first.not_applied,
        second.awaiting,
    )
