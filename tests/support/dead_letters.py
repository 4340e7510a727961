"""A messaging tier with dead letters, for the tests of redrive. Time passes without waiting for it."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace
from typing import Any

import boto3
import moto.sqs.models
from ansible_collections.agent_platform.aws.plugins.module_utils import tool_module
from ansible_collections.agent_platform.aws.plugins.module_utils.redrive import by_messages, by_task, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions

from local_aws import transitions

TOPIC = "ticket-events"
PARAMETERS = {"environment": "prod", "region": "us-east-1", "deployment": None, "path": None}


class Clock:
    """Of the tool, of SQS's visibility and of move tasks: a pause lets the time pass at once. ``pauses``: seconds of each."""

    def __init__(self, monkeypatch: Any, *others: Any):
        self.pauses: list[float] = []
        self.skipped = 0.0
        clock = SimpleNamespace(sleep=self.sleep, monotonic=self.monotonic, time=lambda: time.time() + self.skipped)
        for module in (by_messages, by_task, tool, *others):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(moto.sqs.models, "unix_time_millis", lambda *_: (time.time() + self.skipped) * 1000)
        monkeypatch.setattr(moto.sqs.models, "unix_time", lambda *_: time.time() + self.skipped)
        monkeypatch.setattr(moto.sqs.models.Queue, "wait_for_messages", lambda queue, seconds: self.pass_by(seconds))

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.skipped += seconds
        transitions.skip(seconds)


def run(check_mode: bool = False, **params: Any) -> dict[str, Any]:
    filled = {name: option.get("default") for name, option in tool.TOOL.argument_spec().items()}
    return tool_module.run(tool.TOOL, {**filled, **PARAMETERS, **params}, RunOptions(check_mode=check_mode))


def url(name: str) -> str:
    return boto3.client("sqs").get_queue_url(QueueName=f"prod-{name}")["QueueUrl"]


def fill(count: int, topic: str = TOPIC) -> list[str]:
    """Put so many messages with attributes into a dead-letter queue; their bodies."""
    sqs, target = boto3.client("sqs"), url(f"{topic}-dlq")
    bodies = [json.dumps({"ticket": number, "text": f"secret {number}", "tags": ["a", "b"]}) for number in range(count)]
    for number, body in enumerate(bodies):
        sqs.send_message(
            QueueUrl=target, MessageBody=body, MessageAttributes={"kind": {"DataType": "String", "StringValue": f"kind-{number}"}}
        )
    return bodies


def held(name: str) -> list[tuple[str, str]]:
    """(body, value of the attribute) of everything in a queue, whoever holds it."""
    account, region = boto3.client("sts").get_caller_identity()["Account"], "us-east-1"
    messages = moto.sqs.models.sqs_backends[account][region].queues[f"prod-{name}"]._messages
    return sorted((item.body, item.message_attributes.get("kind", {}).get("StringValue", "")) for item in messages)
