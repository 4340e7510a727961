# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dead-letter queue belongs to which queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..aws.messages import QueueRead
from ..reconcile.errors import InvalidInput
from ..tiers.messaging import DLQ

ALL = "all"


@dataclass(frozen=True)
class Pair:
    """``source``: the queue that consumers read. ``dead``: where what they could not handle ends."""

    source: QueueRead
    dead: QueueRead

    @property
    def name(self) -> str:
        return self.source.name


def pairs(queues: Sequence[QueueRead]) -> list[Pair]:
    """By the redrive policies; where a queue has lost its own, by the names that the messaging tier gives."""
    by_arn = {queue.arn: queue for queue in queues}
    by_name = {queue.name: queue for queue in queues}
    found = []
    for queue in queues:
        dead = by_arn.get(queue.dead_letter_queue or "") or by_name.get(queue.name + DLQ)
        if dead:
            found.append(Pair(queue, dead))
    return found


def check_sources(found: Sequence[Pair], taken: Iterable[Pair]) -> None:
    """Raises InvalidInput where a dead-letter queue is that of several queues, so that nobody can say where its messages belong."""
    for pair in taken:
        sources = [other.source.name for other in found if other.dead == pair.dead]
        if len(sources) > 1:
            raise InvalidInput(
                f"replay: {pair.dead.name} is the dead-letter queue of {' and '.join(sources)}, and a message does not go back to "
                "both: give each queue its own, as the messaging tier does"
            )


def chosen(found: Sequence[Pair], names: Iterable[str], environment: str, variable: str) -> list[Pair]:
    """Those that ``names`` name: a topic's name, a queue's or its dead-letter queue's; ``all`` for each. Raises InvalidInput."""
    known: dict[str, Pair] = {}
    for pair in found:
        for name in (pair.source.name, pair.dead.name):
            known[name] = known[name.removeprefix(f"{environment}-")] = pair
    taken: list[Pair] = []
    for name in names:
        if name != ALL and name not in known:
            there = ", ".join(pair.source.name.removeprefix(f"{environment}-") for pair in found) or "none"
            raise InvalidInput(
                f"{variable}: {name!r} is no queue of this deployment that has a dead-letter queue: name one of {there}, or {ALL}"
            )
        taken += found if name == ALL else [known[name]]
    return list(dict.fromkeys(taken))
