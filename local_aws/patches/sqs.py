"""Patches to SQS."""

from __future__ import annotations

import json
import time
from typing import Any

from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue, SQSBackend, sqs_backends

from local_aws.gate import GATE
from local_aws.patches import patch, replace, wrap
from local_aws.policy import as_list
from local_aws.transitions import now

LIMITS = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
    "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200),
}
DOCUMENTS = ("Policy", "RedriveAllowPolicy", "RedrivePolicy")


def _invalid(name: str, code: str = "InvalidAttributeValue") -> SQSException:
    return SQSException(code, f"Invalid value for the parameter {name}.")


@patch
def attributes_are_checked() -> None:
    """AWS refuses values out of range and documents that are no JSON (InvalidAttributeValue), and a dead-letter queue that
    does not exist or does not admit the queue (InvalidParameterValue). moto checks the message size only."""

    @wrap(Queue, "_set_attributes")
    def set_attributes(original: Any, self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        for name, (least, most) in LIMITS.items():
            if name in attributes and not least <= int(attributes[name]) <= most:
                raise _invalid(name)
        for name in DOCUMENTS:
            if isinstance(attributes.get(name), str) and attributes[name]:
                try:
                    json.loads(attributes[name])
                except ValueError:
                    raise _invalid(name) from None
        _check_target(self, attributes.get("RedrivePolicy"))
        original(self, attributes, now)


def _check_target(queue: Any, policy: Any) -> None:
    policy = json.loads(policy) if isinstance(policy, str) and policy else policy
    if not policy:
        return
    target = _by_arn(policy.get("deadLetterTargetArn"))
    if target is None:
        raise SQSException(
            "InvalidParameterValue",
            f"Value {json.dumps(policy)} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        )
    allow = json.loads(getattr(target, "redrive_allow_policy", None) or "{}")
    permission = allow.get("redrivePermission", "allowAll")
    listed = queue.queue_arn in as_list(allow.get("sourceQueueArns"))
    if permission == "denyAll" or (permission == "byQueue" and not listed):
        raise SQSException(
            "InvalidParameterValue",
            f"Value {json.dumps(policy)} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not "
            "allow this queue.",
        )


def _by_arn(arn: str | None) -> Any:
    parts = (arn or "").split(":")
    return sqs_backends[parts[4]][parts[3]].queues.get(parts[5]) if len(parts) == 6 else None


@patch
def attributes_are_kept() -> None:
    """AWS leaves alone the attributes that a call does not name, keeps RedriveAllowPolicy, shows times in whole seconds, and
    turns SqsManagedSseEnabled off while there is a KMS key. moto drops RedriveAllowPolicy, and the Policy with every
    change of another attribute."""
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None

    @wrap(Queue, "_set_attributes")
    def set_attributes(original: Any, self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        given = dict(attributes)
        if "Policy" not in given and "_policy_json" in self.__dict__:
            given["Policy"] = self.policy
        if given.get("KmsMasterKeyId"):
            given["SqsManagedSseEnabled"] = False
        elif str(given.get("SqsManagedSseEnabled", "")).lower() == "true":
            given["KmsMasterKeyId"] = None
        if given.get("RedriveAllowPolicy") == "":
            given["RedriveAllowPolicy"] = None
        original(self, given, now)

    shown = Queue.attributes.fget  # type: ignore[attr-defined]

    def attributes(self: Any) -> dict[str, Any]:
        answer = {name: value for name, value in shown(self).items() if value is not None}
        for name in ("CreatedTimestamp", "LastModifiedTimestamp"):
            answer[name] = int(answer[name])
        return answer

    Queue.attributes = property(attributes)


@patch
def dead_letter_queues_are_found_by_arn() -> None:
    """AWS looks the dead-letter queue up by its ARN, so that one made again under its name serves. moto keeps on filling the
    deleted one."""

    def get(self: Any) -> Any:
        return _by_arn((self.redrive_policy or {}).get("deadLetterTargetArn"))

    def ignore(_self: Any, _queue: Any) -> None:
        """What moto notes here is in the redrive policy already."""

    Queue.dead_letter_queue = property(get, ignore)


@patch
def names_rest_after_deletion() -> None:
    """AWS refuses to make a queue within 60 seconds of deleting one of its name (QueueDeletedRecently). moto makes it. The
    seconds are a setting, `queue_deleted_recently_seconds`, 0 unless set."""

    @wrap(SQSBackend, "delete_queue")
    def delete_queue(original: Any, self: Any, queue_name: str) -> None:
        original(self, queue_name)
        self.__dict__.setdefault("_local_deleted", {})[queue_name] = now()

    @wrap(SQSBackend, "create_queue")
    def create_queue(original: Any, self: Any, name: str, tags: Any = None, **kwargs: Any) -> Any:
        deleted = self.__dict__.get("_local_deleted", {}).get(name)
        seconds = GATE.settings.queue_deleted_recently_seconds
        if deleted is not None and name not in self.queues and now() - deleted < seconds:
            raise SQSException(
                "AWS.SimpleQueueService.QueueDeletedRecently",
                f"You must wait {seconds:.0f} seconds after deleting a queue before you can create another with the same name.",
            )
        return original(self, name, tags, **kwargs)


@patch
def long_polls_let_others_in() -> None:
    """Not about AWS: moto waits for messages inside the call; here one call at a time is inside moto, and the one that
    waits must let the others in."""

    @replace(Queue, "wait_for_messages")
    def wait_for_messages(self: Any, timeout: int) -> None:
        end = time.monotonic() + min(timeout, 1)
        while not self.messages and time.monotonic() < end:
            GATE.sleep_outside(0.02)
