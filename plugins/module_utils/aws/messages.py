# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQS's calls about messages: to look at them, to take them, to put them somewhere else.

Facts: SQS API reference (ReceiveMessage, SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch, StartMessageMoveTask,
ListMessageMoveTasks, CancelMessageMoveTask).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .api import Api
from .errors import DENIED, code_of, is_code, says

GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
# What a service answers that does not have an operation; which of them depends on the protocol.
NOT_OFFERED = (
    "AWS.SimpleQueueService.UnsupportedOperation",
    "UnsupportedOperation",
    "InvalidAction",
    "UnknownOperationException",
    "UnknownOperation",
    "NotImplemented",
    "501",
)
# Most messages of one call.
BATCH = 10


@dataclass(frozen=True)
class QueueRead:
    """A queue as it stands. ``dead_letter_queue``: the ARN in its redrive policy. Counts are SQS's, which are approximate."""

    name: str
    url: str
    arn: str
    dead_letter_queue: str | None
    visible: int
    in_flight: int
    delayed: int

    @property
    def fifo(self) -> bool:
        return self.name.endswith(".fifo")


class Messages:
    """The messages of one region's queues."""

    services = ("sqs",)

    def __init__(self, api: Api):
        self.api = api

    @property
    def _sqs(self) -> Any:
        return self.api.client("sqs")

    def queues(self, prefix: str, ours: Callable[[Mapping[str, str]], bool]) -> list[QueueRead]:
        """Queues whose name begins with ``prefix`` and whose tags are ``ours``, by name."""
        urls = self.api.pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=prefix, MaxResults=1000)
        found = self.api.map(lambda url: self._read(url, ours), urls)
        return sorted(filter(None, found), key=lambda queue: queue.name)

    def _read(self, url: str, ours: Callable[[Mapping[str, str]], bool]) -> QueueRead | None:
        try:
            if not ours(self._sqs.list_queue_tags(QueueUrl=url).get("Tags") or {}):
                return None
            return self.queue(url)
        except Exception as error:
            # What the list still shows after its end, and a neighbour's under the same beginning of names.
            if is_code(error, *GONE, *DENIED):
                return None
            raise

    def queue(self, url: str) -> QueueRead:
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return QueueRead(
            url.rsplit("/", 1)[1],
            url,
            attributes["QueueArn"],
            json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn"),
            int(attributes.get("ApproximateNumberOfMessages", 0)),
            int(attributes.get("ApproximateNumberOfMessagesNotVisible", 0)),
            int(attributes.get("ApproximateNumberOfMessagesDelayed", 0)),
        )

    def receive(self, url: str, most: int, hidden_seconds: int, wait_seconds: int = 1) -> list[dict[str, Any]]:
        """Up to ``most`` messages (at most 10) with all attributes, invisible to others for so long.

        A wait of a second or more asks all of SQS's servers; a call without one asks some, and may find nothing where there is.
        """
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(most, BATCH),
            VisibilityTimeout=hidden_seconds,
            WaitTimeSeconds=wait_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        return answer.get("Messages") or []

    def send(self, url: str, messages: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Send received messages on, unchanged; index -> AWS's reason for those that were not taken."""
        entries = [_entry(number, message) for number, message in enumerate(messages)]
        return _failed(self._sqs.send_message_batch(QueueUrl=url, Entries=entries))

    def delete(self, url: str, messages: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Index -> AWS's reason for those that were not deleted."""
        entries = [{"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]} for number, message in enumerate(messages)]
        return _failed(self._sqs.delete_message_batch(QueueUrl=url, Entries=entries))

    def give_back(self, url: str, messages: Iterable[Mapping[str, Any]]) -> None:
        """Let others see them again at once. What is visible or gone by now is no error: AWS says so of each by itself."""
        all_of_them = list(messages)
        for first in range(0, len(all_of_them), BATCH):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for number, message in enumerate(all_of_them[first : first + BATCH])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def moves(self, arn: str) -> list[dict[str, Any]] | None:
        """The latest move tasks of a dead-letter queue, the newest first; None where the service does not offer them."""
        try:
            return self._sqs.list_message_move_tasks(SourceArn=arn, MaxResults=10).get("Results") or []
        except Exception as error:
            if is_code(error, *NOT_OFFERED):
                return None
            raise

    def start_move(self, arn: str, target: str, rate: int | None) -> str | None:
        """Begin to move everything to ``target``, at most so many messages a second; how that ended at once, if it did.

        None: begun. ``not offered``: there is no such task, here or for this queue. ``running``: another one was begun meanwhile.
        """
        more = {"MaxNumberOfMessagesPerSecond": rate} if rate else {}
        try:
            self._sqs.start_message_move_task(SourceArn=arn, DestinationArn=target, **more)
        except Exception as error:
            # A queue that lost its redrive policy has no dead-letter queue, for SQS.
            if is_code(error, *NOT_OFFERED) or says(error, "configured as a Dead Letter Queue"):
                return "not offered"
            if code_of(error) and says(error, "already a task running"):
                return "running"
            raise
        return None

    def cancel_move(self, handle: str) -> None:
        """What has ended by itself meanwhile is no error."""
        try:
            self._sqs.cancel_message_move_task(TaskHandle=handle)
        except Exception as error:
            if not is_code(error, "ResourceNotFoundException", "InvalidParameterValue"):
                raise


def _entry(number: int, message: Mapping[str, Any]) -> dict[str, Any]:
    """What a message has besides its body that its sender gave it: attributes, the trace, and the group and id of a FIFO queue."""
    system = message.get("Attributes") or {}
    entry: dict[str, Any] = {"Id": str(number), "MessageBody": message["Body"]}
    if message.get("MessageAttributes"):
        entry["MessageAttributes"] = {
            name: {key: part for key, part in value.items() if key in ("DataType", "StringValue", "BinaryValue")}
            for name, value in message["MessageAttributes"].items()
        }
    if "AWSTraceHeader" in system:
        trace = {"DataType": "String", "StringValue": system["AWSTraceHeader"]}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": trace}
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if name in system:
            entry[name] = system[name]
    return entry


def _failed(answer: Mapping[str, Any]) -> dict[int, str]:
    return {int(item["Id"]): f"{item['Code']}: {item.get('Message') or 'no reason given'}" for item in answer.get("Failed") or ()}
