# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moved between two plans of the same deployment: in the account, or in the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .values import short_pair


def moved(plan: Mapping[str, Any], fresh: Mapping[str, Any]) -> list[str]:
    """A line for each difference between the plan and a fresh one, by address. Empty when the fresh plan is the same."""
    before, now = _by_address(plan), _by_address(fresh)
    lines = []
    for key in [*before, *(key for key in now if key not in before)]:
        lines += [f"{key[0]}: {key[1]}: {text}" for text in _differences(before.get(key), now.get(key))]
    known = [(item["tier"], item["address"], item["reason"]) for item in plan["refusals"]]
    refused = [(item["tier"], item["address"], item["reason"]) for item in fresh["refusals"]]
    lines += [
        f"{tier}: {address}: refused by now: {reason}" for tier, address, reason in refused if (tier, address, reason) not in known
    ]
    return lines


def _by_address(plan: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(item["tier"], item["address"]): item for item in plan["actions"]}


def _differences(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    if before is None:
        fields = ", ".join(change["field"] for change in now["fields"])
        yield f"{now['action']} is not in the plan{f' (of {fields})' if fields else ''}"
        return
    if now is None:
        yield f"{before['action']} is in the plan, and is not to be done any more"
        return
    if before["action"] != now["action"]:
        yield f"{before['action']} is in the plan, and by now it would be {now['action']}"
    old = {change["field"]: change for change in before["fields"]}
    new = {change["field"]: change for change in now["fields"]}
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield f"{name} is in the plan, and is not to be changed any more"
            continue
        if name not in old:
            yield f"{name} is not in the plan, and would be changed: {_change(new[name])}"
            continue
        for side, was, by_now in (("old", "was", "is"), ("new", "would become", "would become")):
            if old[name][side] != new[name][side]:
                first, second = short_pair(old[name][side], new[name][side])
                yield f"{name} {was} {first} in the plan, and {by_now} {second} by now"
    grounds, ground = before.get("ground") or {}, now.get("ground") or {}
    names = sorted(name for name in {*grounds, *ground} if grounds.get(name) != ground.get(name))
    if names:
        yield f"what the plan rests on has changed in the account: {', '.join(names)}"


def _change(change: Mapping[str, Any]) -> str:
    old, new = short_pair(change["old"], change["new"])
    return f"{old} -> {new}"
