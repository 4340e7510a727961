# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as Markdown for a pull request or an approval.

Values stand in code, where Markdown reads nothing: short plain ones within the table, all others in collapsed blocks below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .summary import ACTIONS, Summary, TierSummary, told
from .values import text_of

# What a comment on GitHub takes is 65,536 characters.
LONGEST = 60_000
# Longest value within the table.
IN_TABLE = 60
# What could mean something in a table's cell, outside of code.
SPECIAL = re.compile(r"[&<>|`*~\[\]\\#@!$:]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
# How much is told. Left out in turn: the long values of what is created, all its fields, and the fields of what changes.
ALL, SHORT, CHANGES, ADDRESSES = 3, 2, 1, 0


def markdown(summary: Summary, document: Mapping[str, Any]) -> str:
    """``document``: the plan file that this is the readable side of. What gets too long loses its values first."""
    texts = ("\n".join(_page(summary, document, detail)) + "\n" for detail in (ALL, SHORT, CHANGES, ADDRESSES))
    return next((text for text in texts if len(text) <= LONGEST), None) or _cut("\n".join(_page(summary, document, ADDRESSES)))


def escaped(text: str) -> str:
    """``text`` so that Markdown and HTML show it as it is, on one line."""
    return SPECIAL.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def _page(summary: Summary, document: Mapping[str, Any], detail: int) -> Iterator[str]:
    yield f"# Plan of {escaped(document['deployment'])}"
    yield ""
    yield f"Account {document['account']}, {document['region']}, made {document['made_at']}."
    yield ""
    yield f"Digest `{document['digest']}`"
    yield ""
    verbs = [verb for verb in ACTIONS if verb in summary.counts()]
    if verbs:
        yield "| Tier | " + " | ".join(ACTIONS[verb][1] for verb in verbs) + " |"
        yield "|---|" + "---:|" * len(verbs)
        for tier in summary.tiers:
            yield f"| {tier.tier} | " + " | ".join(str(tier.counts().get(verb, "")) for verb in verbs) + " |"
        yield "| **all** | " + " | ".join(str(summary.counts()[verb]) for verb in verbs) + " |"
    else:
        yield "Nothing to do."
    if summary.refusals:
        yield from ("", "## Refused", "", "This plan cannot be applied.", "", "| Tier | Address | Reason |", "|---|---|---|")
        for name, refusal in summary.refusals:
            yield f"| {name} | {escaped(refusal['address'])} | {escaped(refusal['reason'])} |"
    if detail < ALL and verbs:
        yield from ("", "Too long for all values to be shown here; they are in the JSON file.")
    for tier in filter(None, summary.tiers):
        yield from _tier(tier, detail)


def _tier(tier: TierSummary, detail: int) -> Iterator[str]:
    blocks: list[str] = []
    if tier.actions or tier.kept or tier.unmanaged:
        yield from ("", f"## {tier.tier}")
    if tier.actions:
        yield from ("", "| Action | Address | Fields |", "|---|---|---|")
    for action in tier.actions:
        notes = [escaped(action["reason"])] if action.get("reason") else []
        notes += [f"leaves {escaped(action['leaves'])}"] if action.get("leaves") else []
        cells = []
        for change in told(action) if detail >= (CHANGES if action["action"] != "create" else SHORT) else ():
            cell = _cell(change)
            if cell is None and action["action"] == "create" and detail == SHORT:
                cell = escaped(change["field"])
            elif cell is None:
                cell = f"{escaped(change['field'])}: see below"
                blocks += _block(action, change)
            cells.append(cell)
        yield f"| {action['action']} | {escaped(action['address'])} | {'<br>'.join([*notes, *cells])} |"
    yield from blocks
    if tier.kept:
        yield from ("", "Kept:", "", *(f"- {escaped(item['address'])}: {escaped(item['reason'])}" for item in tier.kept))
    if tier.unmanaged:
        yield from ("", "Tagged as ours, but not in the configuration:", "", *(f"- {escaped(item)}" for item in tier.unmanaged))


def _cell(change: Mapping[str, Any]) -> str | None:
    """None for values that are too long for a cell or that code within a table cannot hold."""
    values = [text_of(change["new"])] if change["old"] is None else [text_of(change["old"]), text_of(change["new"])]
    if any(len(value) > IN_TABLE or "|" in value or "`" in value or "\\" in value for value in values):
        return None
    return f"{escaped(change['field'])}: " + " → ".join(f"`{value}`" for value in values)


def _block(action: Mapping[str, Any], change: Mapping[str, Any]) -> list[str]:
    values = [change["new"]] if change["old"] is None else [change["old"], change["new"]]
    texts = [json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str) for value in values]
    fence = "`" * max(3, *(len(run) + 1 for text in texts for run in re.findall("`+", text) or [""]))
    named = f"{escaped(change['field'])} of {escaped(action['address'])}"
    shown = ["", f"<details><summary>{named}</summary>"]
    for word, text in zip(("old", "new")[-len(texts) :], texts, strict=True):
        shown += ["", f"{word}:", "", f"{fence}json", text, fence]
    return [*shown, "", "</details>"]


def _cut(text: str) -> str:
    kept = text[: LONGEST - 100]
    return kept[: kept.rindex("\n")] + "\n\nThe rest is in the JSON file.\n"
