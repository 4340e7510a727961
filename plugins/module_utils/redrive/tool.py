# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dead letters: look into them, and send them back to where they came from."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws.messages import BATCH, Messages, QueueRead
from ..reconcile.errors import InvalidInput
from ..tool_module import Session, Tool
from . import by_messages, by_task, masking, words
from .pairs import Pair, check_sources, chosen, pairs

TIER = "messaging"
# Seconds for which a look hides what it looks at; it gives everything back before that.
LOOK_HIDDEN = 30
BY_TASK, BY_MESSAGES, AUTO = "task", "messages", "auto"

SPEC = {
    "queues": {"type": "list", "elements": "str", "default": []},
    "replay": {"type": "str"},
    "cancel": {"type": "str"},
    "rate": {"type": "int", "default": 10},
    "limit": {"type": "int", "default": 0},
    "way": {"type": "str", "choices": [AUTO, BY_TASK, BY_MESSAGES], "default": AUTO},
    "sample": {"type": "int", "default": 3},
    "show_bodies": {"type": "bool", "default": False},
    "wait_seconds": {"type": "int", "default": 3600},
}


def check(params: Mapping[str, Any]) -> None:
    for name, low, high, unit in (
        ("rate", 0, by_task.FASTEST, "messages a second (0: as fast as it goes)"),
        ("limit", 0, 1000000, "messages (0: all)"),
        ("sample", 0, BATCH, "messages"),
        ("wait_seconds", 0, 129600, "seconds"),
    ):
        if not low <= params[name] <= high:
            raise InvalidInput(f"redrive_{name}: {params[name]} is outside {low} to {high} {unit}")
    if params.get("replay") and params.get("cancel"):
        raise InvalidInput(f"cancel: {params['cancel']!r} together with replay {params['replay']!r}: give one of the two")
    if params["way"] == BY_TASK and params["limit"]:
        raise InvalidInput(
            f"redrive_limit: {params['limit']} does not go with redrive_way: {BY_TASK}, since SQS's own move knows no limit: "
            f"use {AUTO} or {BY_MESSAGES}"
        )


def work(session: Session) -> dict[str, Any]:
    messages, params = Messages(session.api), session.params
    environment = session.place.environment
    found = pairs(messages.queues(f"{environment}-", session.owner(TIER).owns_in_tier))
    if not found:
        raise InvalidInput(
            f"redrive: deployment {session.place.deployment} has no queue with a dead-letter queue in {session.place.region}: "
            "apply the messaging tier first, or name another platform_deployment"
        )
    replayed = chosen(found, _names(params.get("replay")), environment, "replay")
    cancelled = chosen(found, _names(params.get("cancel")), environment, "cancel")
    check_sources(found, replayed)
    shown = chosen(found, params["queues"], environment, "redrive_queues") or replayed or cancelled or found
    rows = []
    for pair in shown:
        row = _row(pair)
        if pair not in replayed and pair not in cancelled:
            row.update(_look(messages, pair, params, session.looks))
        elif not session.looks:
            row.update(_cancel(messages, pair) if pair in cancelled else _replay(messages, pair, session))
        rows.append(row)
    result = {"changed": any(row.get("moved") or row.get("cancelled") for row in rows), "queues": rows}
    result["summary"] = words.lines(session.place.deployment, rows, params, session.looks)
    failures = [f"{row['dead_letter_queue']}: {row['failure']}" for row in rows if row.get("failure")]
    return {**result, **({"failed": True, "msg": "; ".join(failures)} if failures else {})}


def _names(given: str | None) -> list[str]:
    return [name.strip() for name in (given or "").split(",") if name.strip()]


def _row(pair: Pair) -> dict[str, Any]:
    return {"queue": pair.source.name, "dead_letter_queue": pair.dead.name, **_counts(pair.dead)}


def _counts(queue: QueueRead) -> dict[str, int]:
    return {"visible": queue.visible, "in_flight": queue.in_flight, "delayed": queue.delayed}


def _look(messages: Messages, pair: Pair, params: Mapping[str, Any], only_counts: bool) -> dict[str, Any]:
    """A few messages without what is in them, each given back at once. To receive is to write, so check mode only counts."""
    task = by_task.running(messages, pair)
    row: dict[str, Any] = {"sample": [], "moving": _task_told(task) if task else None}
    if only_counts or not params["sample"] or not pair.dead.visible:
        return row
    if pair.dead.dead_letter_queue:
        # There a look would use up receives, and could move a message on.
        return {**row, "not_looked": f"{pair.dead.name} has a dead-letter queue of its own"}
    got: list[dict[str, Any]] = []
    try:
        got = messages.receive(pair.dead.url, params["sample"], LOOK_HIDDEN)
        now = time.time()
        row["sample"] = [_shown(message, now, params["show_bodies"]) for message in got]
    finally:
        messages.give_back(pair.dead.url, got)
    row["oldest_seconds"] = max((item["age_seconds"] for item in row["sample"]), default=None)
    return row


def _shown(message: Mapping[str, Any], now: float, bodies: bool) -> dict[str, Any]:
    system = message.get("Attributes") or {}
    return {
        "id": message["MessageId"],
        "age_seconds": max(int(now - int(system.get("SentTimestamp", 0)) / 1000), 0),
        "receives": int(system.get("ApproximateReceiveCount", 0)),
        "attributes": masking.attributes(message.get("MessageAttributes") or {}),
        "body": message["Body"] if bodies else masking.masked(message["Body"]),
    }


def _task_told(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": task["Status"],
        "moved": task.get("ApproximateNumberOfMessagesMoved") or 0,
        "to_move": task.get("ApproximateNumberOfMessagesToMove") or 0,
    }


def _replay(messages: Messages, pair: Pair, session: Session) -> dict[str, Any]:
    params, began = session.params, time.monotonic()

    def tell(done: int, total: int) -> None:
        session.tell(pair.dead.name, f"{done} of {total} moved back to {pair.source.name}", time.monotonic() - began)

    row: dict[str, Any] = {"moved": 0, "way": BY_MESSAGES, "failed": {}}
    # SQS's own move takes everything: a limit is for the other way.
    task = None
    if params["way"] != BY_MESSAGES and not params["limit"]:
        task = by_task.replay(messages, pair, params["rate"], params["wait_seconds"], tell)
        if task is None and params["way"] == BY_TASK:
            return {**row, "failure": f"SQS offers no move tasks here: use redrive_way: {AUTO} or {BY_MESSAGES}"}
    if task:
        row.update(way=BY_TASK, moved=task.moved, others=task.others, still_moving=task.running)
        if task.failure:
            row["failure"] = task.failure
    elif other := by_task.running(messages, pair):
        moved, of = _task_told(other)["moved"], _task_told(other)["to_move"]
        row["failure"] = f"a move task is running ({moved} of {of} moved): wait for it, or end it with -e cancel={pair.source.name}"
    else:
        done = by_messages.replay(messages, pair, params["rate"], params["limit"], tell)
        row.update(moved=done.moved, failed=done.failed)
        if done.failed:
            row["failure"] = f"{_many(done.failed)} stayed where they are: {next(iter(done.failed.values()))}"
        if done.doubled:
            row["failure"] = f"{_many(done.doubled)} moved back and could not be deleted, so the next replay sends them again"
    row["left"] = _counts(messages.queue(pair.dead.url))
    return row


def _many(items: Iterable[Any]) -> str:
    count = len(list(items))
    return f"{count} message{'s'[: count > 1]}"


def _cancel(messages: Messages, pair: Pair) -> dict[str, Any]:
    task = by_task.running(messages, pair)
    if task is None or not task.get("TaskHandle"):
        return {"cancelled": False}
    messages.cancel_move(task["TaskHandle"])
    return {"cancelled": True, "moving": _task_told(task)}


TOOL = Tool("redrive", SPEC, lambda params: Messages.services, check, work)
