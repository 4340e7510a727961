# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a destroy would do, and what it did, in lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Results = Mapping[str, Mapping[str, Any]]


def before(deployment: str, results: Results) -> list[str]:
    """What would be deleted, kept, left behind and refused. ``results``: tier -> result of a look, in their order."""
    return [*_title(f"Destroy of {deployment}, as it would be", results), *_deletions(results), *_rest(results)]


def after(deployment: str, results: Results) -> list[str]:
    """What was deleted, kept and left behind."""
    return [*_title(f"Destroy of {deployment}", results), *_deletions(results), *_rest(results)]


def refused(results: Results) -> list[str]:
    """A sentence for each refusal."""
    return [f"{item['address']}: {item['reason']}" for result in results.values() for item in result.get("refusals") or ()]


def way_on(deployment: str, results: Results) -> list[str]:
    """How to go on after a look."""
    data = any("destroy_data=" in item["reason"] for result in results.values() for item in result.get("kept") or ())
    words = [f"Nothing was changed. To do it: -e confirm={deployment}"]
    return words + ([f"To take what holds data too: -e destroy_data={deployment} besides"] if data else [])


def _title(words: str, results: Results) -> list[str]:
    counts = {name: sum(len(result.get(name) or ()) for result in results.values()) for name in ("plan", "kept")}
    return [f"{words}: {counts['plan']} deleted, {counts['kept']} kept, {len(list(_left(results)))} left behind"]


def _deletions(results: Results) -> Iterator[str]:
    for tier, result in results.items():
        if result.get("plan"):
            yield f"{tier}:"
        for item in result.get("plan") or ():
            yield f"  - {item['address']}" + (f" ({item['reason']})" if item.get("reason") else "")


def _rest(results: Results) -> Iterator[str]:
    kept = [f"  {item['address']}: {item['reason']}" for result in results.values() for item in result.get("kept") or ()]
    for title, lines in (("Kept:", kept), ("Left behind:", list(_left(results)))):
        if lines:
            yield title
            yield from lines


def _left(results: Results) -> Iterator[str]:
    for result in results.values():
        for item in result.get("plan") or ():
            if item.get("leaves"):
                yield f"  {item['leaves']} (of {item['address']})"
