"""Patches to SQS: moving dead letters back."""

from __future__ import annotations

import time
import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.sqs.exceptions import SQSException
from moto.sqs.models import SQSBackend, sqs_backends
from moto.sqs.responses import SQSResponse

from local_aws.gate import GATE
from local_aws.patches import patch, replace, wrap
from local_aws.transitions import now

RUNNING, COMPLETED, CANCELLED, FAILED = "RUNNING", "COMPLETED", "CANCELLED", "FAILED"
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
# Of what is kept of a task, what is not answered.
OWN = ("rate", "began")


def _queue(arn: str | None) -> Any:
    parts = (arn or "").split(":")
    return sqs_backends[parts[4]][parts[3]].queues.get(parts[5]) if len(parts) == 6 else None


def _tasks(backend: Any) -> list[dict[str, Any]]:
    return backend.__dict__.setdefault("_local_moves", [])


def _users(backend: Any, source: Any) -> list[Any]:
    return [queue for queue in backend.queues.values() if queue.dead_letter_queue is source]


def _advance(backend: Any) -> None:
    """Let every running task do what it had the time for."""
    for task in _tasks(backend):
        if task["Status"] != RUNNING:
            continue
        source = _queue(task["SourceArn"])
        target = _queue(task["DestinationArn"]) if task.get("DestinationArn") else next(iter(_users(backend, source)), None)
        if source is None or target is None:
            task.update(Status=FAILED, FailureReason=NO_QUEUE)
            continue
        total, moved = task["ApproximateNumberOfMessagesToMove"], task["ApproximateNumberOfMessagesMoved"]
        due = int((now() - task["began"]) * task["rate"]) if task["rate"] else total
        for message in [message for message in source._messages if message.visible][: max(min(due, total) - moved, 0)]:
            source._messages.remove(message)
            message.approximate_receive_count = 0
            message.visible_at = 0
            target.add_message(message)
            task["ApproximateNumberOfMessagesMoved"] += 1
        if due >= total or not any(message.visible for message in source._messages):
            task["Status"] = COMPLETED


def _unsupported() -> SQSException:
    return SQSException("AWS.SimpleQueueService.UnsupportedOperation", "Unsupported operation.")


@patch
def messages_are_moved_back() -> None:
    """AWS moves the messages of a dead-letter queue to their source or to a queue of one's choice (StartMessageMoveTask), one task
    a queue at a time, at a rate of one's choice, in its own time; it shows the ten latest tasks and cancels one that runs. moto has
    no such operations. The rate of a task that names none is the setting `message_move_rate` (messages a second; 0: all at once,
    unless set); with the setting `message_moves` false they are not offered (UnsupportedOperation)."""

    @replace(SQSResponse, "start_message_move_task")
    def start_message_move_task(self: Any) -> ActionResult:
        if not GATE.settings.message_moves:
            raise _unsupported()
        _advance(self.sqs_backend)
        source = _queue(self._get_param("SourceArn"))
        if source is None:
            raise SQSException("ResourceNotFoundException", "The resource that you specified for SourceArn doesn't exist.")
        if not _users(self.sqs_backend, source):
            raise SQSException("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        wanted = self._get_param("DestinationArn")
        if wanted and _queue(wanted) is None:
            raise SQSException("ResourceNotFoundException", "The resource that you specified for DestinationArn doesn't exist.")
        rate = self._get_param("MaxNumberOfMessagesPerSecond")
        if rate is not None and not 1 <= int(rate) <= 500:
            raise SQSException("InvalidParameterValue", "MaxNumberOfMessagesPerSecond must be between 1 and 500.")
        tasks = _tasks(self.sqs_backend)
        if any(task["Status"] == RUNNING and task["SourceArn"] == source.queue_arn for task in tasks):
            text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
            raise SQSException("InvalidParameterValue", text)
        task = {
            "TaskHandle": str(uuid.uuid4()),
            "Status": RUNNING,
            "SourceArn": source.queue_arn,
            "ApproximateNumberOfMessagesMoved": 0,
            "ApproximateNumberOfMessagesToMove": sum(message.visible for message in source._messages),
            "StartedTimestamp": int(time.time() * 1000),
            "rate": float(rate or GATE.settings.message_move_rate),
            "began": now(),
        }
        if wanted:
            task["DestinationArn"] = wanted
        if rate is not None:
            task["MaxNumberOfMessagesPerSecond"] = int(rate)
        tasks.insert(0, task)
        if not task["rate"]:
            _advance(self.sqs_backend)
        return ActionResult({"TaskHandle": task["TaskHandle"]})

    @replace(SQSResponse, "list_message_move_tasks")
    def list_message_move_tasks(self: Any) -> ActionResult:
        if not GATE.settings.message_moves:
            raise _unsupported()
        _advance(self.sqs_backend)
        mine = [task for task in _tasks(self.sqs_backend) if task["SourceArn"] == self._get_param("SourceArn")]
        hidden = {task["TaskHandle"] for task in mine if task["Status"] != RUNNING}
        shown = [
            {
                key: value
                for key, value in task.items()
                # AWS tells the handle only of a task that can be cancelled.
                if key not in OWN and not (key == "TaskHandle" and task["TaskHandle"] in hidden)
            }
            for task in mine
        ]
        return ActionResult({"Results": shown[: int(self._get_param("MaxResults") or 1)]})

    @replace(SQSResponse, "cancel_message_move_task")
    def cancel_message_move_task(self: Any) -> ActionResult:
        if not GATE.settings.message_moves:
            raise _unsupported()
        _advance(self.sqs_backend)
        handle = self._get_param("TaskHandle")
        task = next((task for task in _tasks(self.sqs_backend) if task["TaskHandle"] == handle), None)
        if task is None or task["Status"] != RUNNING:
            raise SQSException("ResourceNotFoundException", "Task does not exist, or is not running.")
        task["Status"] = CANCELLED
        return ActionResult({"ApproximateNumberOfMessagesMoved": task["ApproximateNumberOfMessagesMoved"]})


@patch
def moves_go_on_meanwhile() -> None:
    """Not about AWS: a task moves messages by itself. moto has nothing that does; here a task goes on when a queue is looked at."""
    for name in ("receive_message", "get_queue_attributes"):

        @wrap(SQSBackend, name)
        def looked_at(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            _advance(self)
            return original(self, *args, **kwargs)
