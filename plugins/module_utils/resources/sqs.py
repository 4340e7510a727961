# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQS: standard queues, encrypted, among them dead-letter queues.

Facts: SQS API reference (CreateQueue, SetQueueAttributes, ListQueues, DeleteQueue) and developer guide ("Dead-letter queues").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws.errors import DENIED, is_code, tolerating
from ..aws.policies import parse, same_policy, text
from ..aws.tags import address_in, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ..reconcile.waiter import Waiter
from .strangers import Candidate, among, for_its_name

# Which of the two a call answers depends on the protocol that botocore speaks.
GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
AVAILABLE = "available"
# Field -> attribute; SQS takes and returns numbers as text.
NUMBERS = {
    "data_key_reuse_seconds": "KmsDataKeyReusePeriodSeconds",
    "long_polling_seconds": "ReceiveMessageWaitTimeSeconds",
    "max_message_bytes": "MaximumMessageSize",
    "retention_seconds": "MessageRetentionPeriod",
    "visibility_timeout_seconds": "VisibilityTimeout",
}


COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class Queue(Kind):
    """A standard queue. Its natural name is its name, from which AWS derives the ARN.

    ``dead_letter_queue`` (an ARN) and ``max_receive_count`` are its RedrivePolicy. ``redrive_sources``, of a dead-letter queue, are
    the ARNs of the only queues that may use it as such; AWS does not ask whether they exist yet.
    """

    name = "sqs_queue"
    services = ("sqs",)
    irreplaceable = True
    # A queue can be used, or be named as a dead-letter queue, only about a second after its creation. A deletion is not awaited:
    # it hides the queue at once, and a creation of the same name within the next 60 s is tried again by the client.
    waiter = Waiter(ready=frozenset({AVAILABLE}), delay=2, timeout=120, await_deletion=False)
    fields = (
        Field("name", on_change="replace"),
        Field("kms_key"),
        Field("policy", equal=same_policy),
        Field("dead_letter_queue"),
        Field("max_receive_count"),
        Field("redrive_sources", unordered=True),
        *(Field(name) for name in NUMBERS),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        # Without MaxResults, SQS answers the first thousand and no token for the rest.
        prefix = f"{view.owner.environment}-"
        urls = view.api.pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=prefix, MaxResults=1000)
        found = view.api.map(lambda url: self._read(view, url, wanted.get(url.rsplit("/", 1)[1])), urls)
        return [observed for observed in found if observed]

    def _read(self, view: View, url: str, address: str | None) -> Observed | None:
        """None for a queue that is neither desired (has an ``address``) nor ours, or that the list still shows after its end."""
        client, name = view.api.client("sqs"), url.rsplit("/", 1)[1]
        try:
            tags = client.list_queue_tags(QueueUrl=url).get("Tags") or {}
            if address is None and not view.owner.owns_in_tier(tags):
                return None
            attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        except Exception as error:
            # A neighbour's under the same environment's name may not be ours to read.
            if is_code(error, *GONE) or (address is None and is_code(error, *DENIED)):
                return None
            raise
        return Observed(
            address or address_in(tags, self.name, name),
            attributes["QueueArn"],
            fields={"name": name, **observed_fields(attributes)},
            attributes={"arn": attributes["QueueArn"], "name": name, "url": url},
            tags=tags,
            state=AVAILABLE,
        )

    def strangers(self, view: View) -> Iterable[Stranger]:
        prefix = f"{view.owner.environment}-"
        urls = view.api.pages("sqs", "list_queues", "QueueUrls", QueueNamePrefix=prefix, MaxResults=1000)
        names = {url.rsplit("/", 1)[1]: url for url in urls}
        yield from among(
            view,
            self,
            [
                Candidate(name, view.api.arn("sqs", name), for_its_name(view), lambda url=url: self._tags(view, url))
                for name, url in names.items()
            ],
        )

    @staticmethod
    def _tags(view: View, url: str) -> dict[str, str] | None:
        with tolerating(*GONE, *DENIED):
            return view.api.client("sqs").list_queue_tags(QueueUrl=url).get("Tags") or {}
        return None

    def create(self, context: Context, resource: Resource) -> Observed:
        """A repeated call answers the standing queue as long as the attributes are the same."""
        desired = resource.desired
        made = {field.name: desired[field.name] for field in self.fields if desired.get(field.name) is not None}
        url = context.api.client("sqs").create_queue(
            QueueName=desired["name"], Attributes=written_attributes(desired, set(made)), tags=desired["tags"]
        )["QueueUrl"]
        attributes = {**self.planned(context, resource), "url": url}
        return Observed(resource.address, attributes["arn"], fields=made, attributes=attributes)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, url = context.api.client("sqs"), observed.attributes["url"]
        attributes = written_attributes(resource.desired, {change.field.name for change in delta})
        if attributes:
            client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_queue(QueueUrl=url, Tags=to_set)
            if to_remove:
                client.untag_queue(QueueUrl=url, TagKeys=to_remove)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(*GONE):
            context.api.client("sqs").delete_queue(QueueUrl=observed.attributes["url"])

    def holds(self, context: Context, observed: Observed) -> str | None:
        """Visible, in flight and delayed ones. The counts are approximate, and right about a minute after the last change."""
        with tolerating(*GONE):
            answer = context.api.client("sqs").get_queue_attributes(
                QueueUrl=observed.attributes["url"], AttributeNames=list(COUNTS)
            )
            count = sum(int(answer["Attributes"].get(name, 0)) for name in COUNTS)
            return f"{count} message{'s'[: count > 1]}" if count else None
        return None

    def refresh(self, context: Context, observed: Observed) -> str | None:
        try:
            context.api.client("sqs").get_queue_attributes(QueueUrl=observed.attributes["url"], AttributeNames=["QueueArn"])
        except Exception as error:
            if is_code(error, *GONE):
                return None
            raise
        return AVAILABLE

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        arn = context.api.arn("sqs", name)
        return {"id": arn, "arn": arn, "name": name}


def observed_fields(attributes: Mapping[str, str]) -> dict[str, Any]:
    """SQS's attributes, all texts, as the kind's fields."""
    redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
    allowed = json.loads(attributes.get("RedriveAllowPolicy") or "{}")
    receives = redrive.get("maxReceiveCount")
    return {
        "kms_key": attributes.get("KmsMasterKeyId"),
        "policy": parse(attributes.get("Policy")),
        "dead_letter_queue": redrive.get("deadLetterTargetArn"),
        "max_receive_count": None if receives is None else int(receives),
        # The other permissions, allowAll and denyAll, name no queues and are shown as such.
        "redrive_sources": allowed.get("sourceQueueArns") or allowed.get("redrivePermission"),
        **{field: int(attributes[name]) for field, name in NUMBERS.items() if attributes.get(name) is not None},
    }


def written_attributes(desired: Mapping[str, Any], changed: set[str]) -> dict[str, str]:
    """SQS's attributes for the ``changed`` fields. The two of the RedrivePolicy are one attribute and go together."""
    attributes = {name: str(desired[field]) for field, name in NUMBERS.items() if field in changed}
    if "kms_key" in changed:
        attributes["KmsMasterKeyId"] = desired["kms_key"]
    if "policy" in changed:
        attributes["Policy"] = text(desired["policy"])
    if changed & {"dead_letter_queue", "max_receive_count"}:
        redrive = {"deadLetterTargetArn": desired["dead_letter_queue"], "maxReceiveCount": desired["max_receive_count"]}
        attributes["RedrivePolicy"] = text(redrive)
    if "redrive_sources" in changed:
        allowed = {"redrivePermission": "byQueue", "sourceQueueArns": sorted(desired["redrive_sources"])}
        attributes["RedriveAllowPolicy"] = text(allowed)
    return attributes
