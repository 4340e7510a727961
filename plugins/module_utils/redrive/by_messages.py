# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dead letters back to their queue by receive, send, delete, in this order: what is killed in between leaves each message in at
least one of the two queues, and in both at most those of one batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..aws.messages import BATCH, Messages
from .pairs import Pair

# Seconds for which a batch is invisible to others: it is sent and deleted at once, a throttled call retried included.
HIDDEN = 60
# Bytes of one call, of what SQS took of it before August 2025 and takes everywhere.
LARGEST = 262144
# A FIFO queue drops for so many seconds what has the id of an earlier message: a dead letter that is younger would be lost.
DEDUPLICATION = 300
# Between two looks for messages that somebody else holds.
AGAIN = 5.0


class Pace:
    """At most ``rate`` messages a second; 0: as fast as it goes."""

    def __init__(self, rate: int):
        self.rate = rate
        self._free = time.monotonic()

    def take(self, messages: int) -> None:
        """Return when so many may be sent."""
        now = time.monotonic()
        if self._free > now:
            time.sleep(self._free - now)
        if self.rate:
            self._free = max(self._free, now) + messages / self.rate


@dataclass
class Moved:
    """``failed``: id of a message -> why it stayed. ``doubled``: ids of what was sent and could not be deleted."""

    moved: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)


def replay(messages: Messages, pair: Pair, rate: int, limit: int, tell: Callable[[int, int], None]) -> Moved:
    """Move what is there now, at most ``limit`` (0: all of it): what comes back meanwhile is for another run.

    ``tell(done, total)`` after each batch.
    """
    total = pair.dead.visible + pair.dead.in_flight
    total = min(total, limit) if limit else total
    pace, done, kept = Pace(rate), Moved(), {}
    size = 1 if pair.source.fifo else min(BATCH, max(1, rate or BATCH))
    deadline = time.monotonic() + HIDDEN + 2 * AGAIN
    try:
        while done.moved + len(kept) < total:
            pace.take(0)
            batch = messages.receive(pair.dead.url, min(size, total - done.moved - len(kept)), HIDDEN)
            if not batch:
                # What a killed run held comes back by itself.
                if time.monotonic() >= deadline or not messages.queue(pair.dead.url).in_flight - len(kept) > 0:
                    break
                time.sleep(AGAIN)
                continue
            deadline = time.monotonic() + HIDDEN + 2 * AGAIN
            for part in _parts(batch):
                young = [message for message in part if pair.source.fifo and _age(message, time.time()) < DEDUPLICATION]
                for message in young:
                    kept[message["MessageId"]] = message
                    done.failed[message["MessageId"]] = f"it is younger than {DEDUPLICATION} s, so a FIFO queue would drop it"
                part = [message for message in part if message not in young]
                if part:
                    pace.take(len(part))
                    _move(messages, pair, part, done, kept)
            tell(done.moved, total)
            if done.doubled or (done.failed and pair.source.fifo):
                break
    finally:
        if kept:
            messages.give_back(pair.dead.url, kept.values())
    return done


def _move(messages: Messages, pair: Pair, part: Sequence[Mapping[str, Any]], done: Moved, kept: dict[str, Any]) -> None:
    refused = messages.send(pair.source.url, part)
    for number, reason in refused.items():
        kept[part[number]["MessageId"]] = part[number]
        done.failed[part[number]["MessageId"]] = reason
    sent = [message for number, message in enumerate(part) if number not in refused]
    left = sent
    for _attempt in range(3):
        if not left:
            break
        stayed = messages.delete(pair.dead.url, left)
        left = [left[number] for number in stayed]
    done.doubled += [message["MessageId"] for message in left]
    done.moved += len(sent)


def _parts(batch: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """The batch in parts that one call takes."""
    part: list[Mapping[str, Any]] = []
    room = LARGEST
    for message in batch:
        size = _size(message)
        if part and size > room:
            yield part
            part, room = [], LARGEST
        part.append(message)
        room -= size
    if part:
        yield part


def _size(message: Mapping[str, Any]) -> int:
    attributes = message.get("MessageAttributes") or {}
    texts = [message["Body"], *attributes, *(value["DataType"] for value in attributes.values())]
    texts += [value.get("StringValue", "") for value in attributes.values()]
    return sum(len(text.encode()) for text in texts) + sum(len(value.get("BinaryValue", b"")) for value in attributes.values())


def _age(message: Mapping[str, Any], now: float) -> float:
    return now - int((message.get("Attributes") or {}).get("SentTimestamp", 0)) / 1000
