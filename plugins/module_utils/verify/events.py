# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrow 4f and the event-driven flow: from a topic to its queue, to a consumer, and to the dead letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tiers.messaging import DLQ
from . import policy
from .model import Check
from .world import World

SNS = "sns.amazonaws.com"
RECEIVE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")


def checks(world: World) -> list[Check]:
    names = [topic["name"] for topic in world.params["topics"]]
    return [
        *(Check("4f", f"pods publish to {name}", _publish(world, name)) for name in names if _named(world, "publish", name)),
        *(Check("4f", f"{name} is delivered to its queue", _deliver(world, name)) for name in names),
        *(Check("async", f"{name} is consumed", _consume(world, name)) for name in names if _named(world, "consume", name)),
        *(
            Check("async", f"{name}: what fails ends in its dead-letter queue", _dead(world, topic))
            for name, topic in _topics(world)
        ),
    ]


def _topics(world: World) -> list[tuple[str, Mapping[str, Any]]]:
    return [(topic["name"], topic) for topic in world.params["topics"]]


def _named(world: World, what: str, name: str) -> list[str]:
    """The workloads whose list ``what`` has the topic."""
    return [item["name"] for item in world.params["workloads"] if name in (item.get(what) or ())]


def _users(world: World, what: str, name: str) -> list[policy.Role]:
    return [world.role(workload) for workload in _named(world, what, name)]


def _publish(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        topic = world.topic(name)
        if cause := world.under_another_key(f"topic {world.named(name)}", topic["key"], "sns"):
            return cause
        for role in _users(world, "publish", name):
            cause = policy.refused(
                role, "sns:Publish", topic["arn"], world.context(), f"topic {world.named(name)}", topic["policy"]
            )
            cause = cause or world.refused_by_key(role, "sns", "sns", "kms:Decrypt", "kms:GenerateDataKey")
            if cause:
                return cause
        return None

    return prove


def _deliver(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        topic, queue = world.topic(name), world.queue(name)
        subscriptions = [item for item in topic["subscriptions"] if item["Endpoint"] == queue["arn"]]
        if not subscriptions:
            return f"topic {world.named(name)} has no subscription for queue {world.named(name)}"
        if any(item.get("PendingConfirmation") == "true" for item in subscriptions):
            return f"the subscription of queue {world.named(name)} to topic {world.named(name)} is not confirmed"
        context = {
            "aws:sourcearn": topic["arn"],
            "aws:sourceaccount": world.place.account_id,
            "aws:securetransport": "true",
            "aws:principalisawsservice": "true",
        }
        owner = f"queue {world.named(name)}"
        return policy.refused_service(SNS, "sqs:SendMessage", queue["arn"], context, owner, queue["policy"]) or _key(
            world, owner, queue["key"], context
        )

    return prove


def _key(world: World, what: str, of_queue: str | None, context: Mapping[str, str]) -> str | None:
    """Whether SNS may use the queue's key: if not, it drops messages in silence."""
    if cause := world.under_another_key(what, of_queue, "sqs"):
        return cause
    key = world.key("sqs")
    if key["state"] != "Enabled":
        return f"{key['owner']} is {key['state']}, so SNS cannot encrypt for the queue"
    via = {**context, "kms:viaservice": f"sqs.{world.place.region}.amazonaws.com"}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        if cause := policy.refused_service(SNS, action, key["arn"], via, key["owner"], key["policy"]):
            return cause
    return None


def _consume(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        queue = world.queue(name)
        for role in _users(world, "consume", name):
            for action in RECEIVE:
                owner = f"queue {world.named(name)}"
                if cause := policy.refused(role, action, queue["arn"], world.context(), owner, queue["policy"]):
                    return cause
            if cause := world.refused_by_key(role, "sqs", "sqs", "kms:Decrypt"):
                return cause
        return None

    return prove


def _dead(world: World, topic: Mapping[str, Any]) -> Callable[[], str | None]:
    def prove() -> str | None:
        name = topic["name"]
        queue, dead = world.queue(name), world.queue(name + DLQ)
        called, target = f"queue {world.named(name)}", world.named(name + DLQ)
        if queue["redrive"].get("deadLetterTargetArn") != dead["arn"]:
            return f"the redrive policy of {called} does not name {target}, so what fails is tried until it expires"
        wanted = topic.get("max_receive_count") or world.params["max_receive_count"]
        if int(queue["redrive"].get("maxReceiveCount", 0)) != wanted:
            return f"the redrive policy of {called} says {queue['redrive'].get('maxReceiveCount')} receives and not {wanted}"
        permission = dead["redrive_allow"].get("redrivePermission", "allowAll")
        if permission == "denyAll" or (
            permission == "byQueue" and queue["arn"] not in dead["redrive_allow"].get("sourceQueueArns", ())
        ):
            return f"the redrive allow policy of queue {target} does not let {called} use it"
        if dead["retention"] < queue["retention"]:
            return f"queue {target} keeps messages for a shorter time than {called}, so dead letters expire at once"
        return None

    return prove
