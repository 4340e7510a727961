# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a redrive found or did, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def lines(deployment: str, rows: Sequence[Mapping[str, Any]], params: Mapping[str, Any], only_counted: bool) -> list[str]:
    waiting = sum(row["visible"] + row["in_flight"] for row in rows)
    shown = [f"Dead letters of {deployment}: {waiting}" + (" (check mode, nothing was touched)" if only_counted else "")]
    for row in rows:
        shown += ["", *_row(row)]
    if not params.get("replay") and not params.get("cancel") and waiting:
        name = next(row["queue"] for row in rows if row["visible"] or row["in_flight"])
        shown += ["", f"To send them back: -e replay={name} or -e replay=all; at most so many: -e redrive_limit=1"]
    return shown


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    counted = f"{row['visible']} visible, {row['in_flight']} in flight"
    oldest = f", the oldest of those looked at {age(row['oldest_seconds'])} old" if row.get("oldest_seconds") is not None else ""
    yield f"{row['dead_letter_queue']}: {counted}{oldest}"
    if "way" in row:
        by = "SQS's move task" if row["way"] == "task" else "receive, send and delete"
        begun = ", which somebody had begun," if row.get("others") else ""
        yield f"  {row['moved']} moved back to {row['queue']} by {by}{begun}" + (
            "; it goes on by itself" if row.get("still_moving") else ""
        )
        if left := row.get("left"):
            yield f"  {left['visible']} visible and {left['in_flight']} in flight now"
    if "cancelled" in row:
        yield "  the move task was cancelled" if row["cancelled"] else "  no move task is running"
    if row.get("moving"):
        yield f"  a move task: {row['moving']['moved']} of {row['moving']['to_move']} moved"
    if row.get("not_looked"):
        yield f"  not looked into: {row['not_looked']}"
    for item in row.get("sample") or ():
        yield f"  {item['id']}  {age(item['age_seconds'])} old, received {item['receives']} times"
        if item["attributes"]:
            yield f"    attributes: {_text(item['attributes'])}"
        yield f"    body: {_text(item['body'])}"
    for message, reason in (row.get("failed") or {}).items():
        yield f"  ! {message} stayed: {reason}"
    if row.get("failure"):
        yield f"  ! {row['failure']}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def age(seconds: int) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
