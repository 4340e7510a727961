# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrow 4f and the event-driven flow by doing: a message from a topic to its queue, and one through the dead letters and back.

A probe must not cost others' messages: a queue that holds any is left alone. What comes meanwhile stays hidden until it comes back
by itself, and a probe that meets the same one again gives up: nothing of others is received more than twice in a verification, and
none is replayed. A consumer that runs may take a probe first; it knows it by the attribute ``agent-platform-verify``.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from ..aws.messages import BATCH, Messages, QueueRead
from ..aws.probing import MARK, publish
from ..redrive import by_messages, by_task
from ..redrive.pairs import Pair
from ..tiers.messaging import DLQ
from .model import EXERCISED, Check, NotExercised
from .world import World

# For how long a message may be on its way, and for how long one that is looked at is hidden.
PATIENCE, HIDDEN = 30.0, 10
# How far SQS's counts, by which a replay goes, may be behind.
COUNTED = 90.0
HARM, HARM_DEAD = "which a probe would take receives from", "which a replay would move"
Message = Mapping[str, Any]


def checks(world: World) -> list[Check]:
    names = [topic["name"] for topic in world.params["topics"]]
    busy: dict[str, str] = {}
    return [
        *(Check("4f", f"{name}: published, arrived, consumed", _arrives(world, name, busy), EXERCISED, True) for name in names),
        *(
            Check(
                "async", f"{topic['name']}: poison, dead letter, replayed, consumed", _poison(world, topic, busy), EXERCISED, True
            )
            for topic in world.params["topics"]
        ),
    ]


def run_of(message: Message) -> str | None:
    """The run whose probe it is: by its attribute, or by that in SNS's envelope; None for what is no probe."""
    attribute = (message.get("MessageAttributes") or {}).get(MARK)
    if attribute:
        return str(attribute.get("StringValue", ""))
    try:
        envelope = json.loads(message["Body"])
        return str(envelope["MessageAttributes"][MARK]["Value"])
    except (ValueError, KeyError, TypeError):
        return None


class Queue:
    """A queue as a probe sees it. ``busy``: url -> why no other probe of this verification goes to that queue; told of others'
    messages. ``harm``: what would happen to those. ``others``: theirs of the last look. ``seen``: the ids of all of them."""

    def __init__(self, messages: Messages, url: str, run: str, busy: dict[str, str], harm: str = HARM):
        self.messages, self.url, self.run, self.busy = messages, url, run, busy
        self.others: list[Message] = []
        self.seen: set[str] = set()
        self.why = f"queue {url.rsplit('/', 1)[1]} holds messages of others, {harm}"

    def read(self) -> QueueRead:
        return self.messages.queue(self.url)

    def look(self) -> list[Message]:
        """Our probe, in a list, or []; probes of others are deleted, and all else stays hidden for ``HIDDEN`` seconds."""
        got = self.messages.receive(self.url, BATCH, HIDDEN)
        if left := [message for message in got if run_of(message) not in (None, self.run)]:
            self.messages.delete(self.url, left)
        self.others = [message for message in got if run_of(message) is None]
        if self.others:
            self.busy[self.url] = self.why
        return [message for message in got if run_of(message) == self.run]

    def take(self) -> list[Message]:
        """As ``look``. Raises NotExercised where a message of others comes a second time; our probe is deleted then."""
        found = self.look()
        ids = {message["MessageId"] for message in self.others}
        if ids & self.seen:
            if found:
                self.messages.delete(self.url, found)
            raise NotExercised(self.why)
        self.seen |= ids
        return found

    def wait(self) -> list[Message]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := self.take():
                return found
        return []

    def clear(self) -> None:
        """No probe is left, or only one that somebody else holds. SQS's counts may be behind, so it is looked for anyway."""
        if ours := self.look():
            self.messages.delete(self.url, ours)

    def free(self) -> None:
        """Raises NotExercised where it holds messages of others. One look has to do, after which they are given back at once."""
        if self.url in self.busy:
            raise NotExercised(self.busy[self.url])
        counted = self.read()
        held = counted.visible + counted.in_flight + counted.delayed
        # What a killed run left is taken away; what is more than that is somebody's.
        if held and (counted.visible > BATCH or counted.in_flight or self.look() or self.others):
            self.busy[self.url] = self.why
            self.messages.give_back(self.url, self.others)
            raise NotExercised(self.why)


def _free(world: World, name: str, queue: Queue) -> None:
    """Raises NotExercised where a probe would not come through, or get in somebody's way. Publishes nothing."""
    if any(json.loads(item.get("FilterPolicy") or "{}") for item in world.topic(name)["subscriptions"]):
        raise NotExercised(f"the subscription of {world.named(name)} filters, and a probe is none of what it lets through")
    queue.free()


def _publish(world: World, name: str, run: str) -> None:
    publish(world.api, world.topic(name)["arn"], json.dumps({MARK: run}), {MARK: run})


def _lost(world: World, name: str) -> str:
    return (
        f"a message published to topic {world.named(name)} did not arrive in queue {world.named(name)} within {PATIENCE:.0f} s: "
        "look at the subscription, the queue's policy and the policy of its key, or at a consumer that took it first"
    )


def _arrives(world: World, name: str, busy: dict[str, str]) -> Callable[[], str | None]:
    def prove() -> str | None:
        run = uuid.uuid4().hex
        queue = Queue(Messages(world.api), world.queue(name)["url"], run, busy)
        _free(world, name, queue)
        return _leaving_nothing((queue,), lambda: _send(world, name, queue))

    return prove


def _send(world: World, name: str, queue: Queue) -> str | None:
    _publish(world, name, queue.run)
    found = queue.wait()
    if not found:
        return _lost(world, name)
    stayed = queue.messages.delete(queue.url, found)
    return f"queue {world.named(name)} does not delete what was consumed: {next(iter(stayed.values()))}" if stayed else None


def _poison(world: World, topic: Mapping[str, Any], busy: dict[str, str]) -> Callable[[], str | None]:
    most = int(topic.get("max_receive_count") or world.params["max_receive_count"])

    def prove() -> str | None:
        name, run, messages = topic["name"], uuid.uuid4().hex, Messages(world.api)
        queue = Queue(messages, world.queue(name)["url"], run, busy)
        dead = Queue(messages, world.queue(name + DLQ)["url"], run, busy, HARM_DEAD)
        _free(world, name, queue)
        dead.free()
        return _leaving_nothing((queue, dead), lambda: _die_and_return(world, name, queue, dead, most))

    return prove


def _die_and_return(world: World, name: str, queue: Queue, dead: Queue, most: int) -> str | None:
    _publish(world, name, queue.run)
    return _fail(world, name, queue, dead, most) or _replay(world, name, queue, dead)


def _leaving_nothing(queues: tuple[Queue, ...], prove: Callable[[], str | None]) -> str | None:
    """What ``prove`` says. Where that is not that all went well, or it did not come to say it, no probe is left in the queues."""
    cause: str | None = "it was interrupted"
    try:
        cause = prove()
    finally:
        if cause:
            for queue in queues:
                queue.clear()
    return cause


def _fail(world: World, name: str, queue: Queue, dead: Queue, most: int) -> str | None:
    """Receive the probe until it is a dead letter, as a consumer that fails each time does; that takes ``most`` receives."""
    end, receives = time.monotonic() + PATIENCE + most, 0
    while time.monotonic() < end:
        found = queue.take()
        receives += len(found)
        if found:
            queue.messages.give_back(queue.url, found)
        elif receives and dead.read().visible:
            break
        if receives > most + 1:
            return f"queue {world.named(name)} gives a message out more than {most} times: look at its redrive policy"
    if not receives:
        return _lost(world, name)
    if receives != most:
        gave = f"queue {world.named(name)} gave a message out {receives} times and not {most}"
        return f"{gave}: look at its redrive policy, or at a consumer that took it in between"
    found = dead.wait()
    if not found:
        return f"what queue {world.named(name)} gave out {most} times did not become a dead letter in {world.named(name + DLQ)}"
    dead.messages.give_back(dead.url, found)
    return None


def _replay(world: World, name: str, queue: Queue, dead: Queue) -> str | None:
    """As playbooks/redrive.yml does. Raises NotExercised where anything else is in the dead-letter queue by now."""

    def tell(done: int, total: int) -> None:
        """One message is no progress."""

    end = time.monotonic() + COUNTED
    while not dead.read().visible and time.monotonic() < end:
        time.sleep(1)
    pair = Pair(queue.read(), dead.read())
    if dead.seen or pair.dead.visible > 1:
        raise NotExercised(dead.why)
    task = by_task.replay(queue.messages, pair, 0, PATIENCE, tell)
    if task is not None and task.failure:
        return f"dead letters of {world.named(name + DLQ)} do not go back: {task.failure}"
    if task is None:
        done = by_messages.replay(queue.messages, pair, 0, 1, tell)
        if done.failed:
            return f"dead letters of {world.named(name + DLQ)} do not go back: {next(iter(done.failed.values()))}"
    found = queue.wait()
    if not found:
        return f"a dead letter of {world.named(name + DLQ)} did not come back to queue {world.named(name)} within {PATIENCE:.0f} s"
    queue.messages.delete(queue.url, found)
    return None
