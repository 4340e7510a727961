# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SNS: standard topics, and the subscriptions of queues to them.

Facts: SNS API reference (CreateTopic, SetTopicAttributes, Subscribe, SetSubscriptionAttributes) and developer guide
("Raw message delivery", "Subscription filter policies", "Dead-letter queues").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..aws.errors import DENIED, is_code, tolerating
from ..aws.policies import parse, same_policy, text
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import Candidate, among, for_its_name, prefixes

# Field -> attribute, and what AWS means when it does not answer the attribute.
TOPIC = {
    "kms_key": ("KmsMasterKeyId", None),
    "display_name": ("DisplayName", ""),
    "signature_version": ("SignatureVersion", "1"),
    "tracing": ("TracingConfig", "PassThrough"),
}
BY_ATTRIBUTES = "MessageAttributes"
BY_BODY = "MessageBody"


class Topic(Kind):
    """A standard topic. Its natural name is its name, from which AWS derives the ARN."""

    name = "sns_topic"
    services = ("sns",)
    irreplaceable = True
    fields = (
        Field("name", on_change="replace"),
        Field("policy", equal=same_policy),
        *(Field(name) for name in TOPIC),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        arns = [topic["TopicArn"] for topic in view.api.pages("sns", "list_topics", "Topics")]
        ours = [arn for arn in arns if short_name(arn).startswith(f"{view.owner.environment}-")]
        found = view.api.map(lambda arn: self._read(view, arn, wanted.get(short_name(arn))), ours)
        return [observed for observed in found if observed]

    def _read(self, view: View, arn: str, address: str | None) -> Observed | None:
        """None for a topic that is neither desired (has an ``address``) nor ours, or that the list still shows after its end."""
        client, name = view.api.client("sns"), short_name(arn)
        try:
            tags = as_dict(client.list_tags_for_resource(ResourceArn=arn).get("Tags"))
            if address is None and not view.owner.owns_in_tier(tags):
                return None
            attributes = client.get_topic_attributes(TopicArn=arn)["Attributes"]
        except Exception as error:
            # A neighbour's under the same environment's name may not be ours to read.
            if is_code(error, "NotFound") or (address is None and is_code(error, *DENIED)):
                return None
            raise
        values = {field: attributes.get(key, default) for field, (key, default) in TOPIC.items()}
        return Observed(
            address or address_in(tags, self.name, name),
            arn,
            fields={"name": name, "policy": parse(attributes.get("Policy")), **values},
            attributes={"arn": arn, "name": name},
            tags=tags,
        )

    def strangers(self, view: View) -> Iterable[Stranger]:
        arns = [topic["TopicArn"] for topic in view.api.pages("sns", "list_topics", "Topics")]
        ours = [arn for arn in arns if short_name(arn).startswith(prefixes(view))]
        yield from among(
            view, self, [Candidate(short_name(arn), arn, for_its_name(view), lambda arn=arn: self._tags(view, arn)) for arn in ours]
        )

    @staticmethod
    def _tags(view: View, arn: str) -> dict[str, str] | None:
        with tolerating("NotFound", *DENIED):
            return as_dict(view.api.client("sns").list_tags_for_resource(ResourceArn=arn).get("Tags"))
        return None

    def create(self, context: Context, resource: Resource) -> Observed:
        """Encrypted and with its policy from the first moment. CreateTopic does not take the signature version."""
        desired = resource.desired
        made = {name: desired[name] for name in ("kms_key", "display_name", "tracing") if desired.get(name)}
        attributes = {TOPIC[name][0]: value for name, value in made.items()}
        arn = context.api.client("sns").create_topic(
            Name=desired["name"],
            Attributes={**attributes, "Policy": text(desired["policy"])},
            Tags=as_list(desired["tags"]),
        )["TopicArn"]
        defaults = {name: default for name, (_key, default) in TOPIC.items()}
        fields = {**defaults, **made, "name": desired["name"], "policy": desired["policy"]}
        return Observed(resource.address, arn, fields=fields, attributes={"arn": arn, "name": desired["name"]})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, arn = context.api.client("sns"), observed.id
        changed = {TOPIC[change.field.name][0]: change.new for change in delta if change.field.name in TOPIC}
        if "policy" in delta:
            changed["Policy"] = text(delta["policy"].new)
        for name, value in sorted(changed.items()):
            client.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(ResourceArn=arn, Tags=as_list(to_set))
            if to_remove:
                client.untag_resource(ResourceArn=arn, TagKeys=to_remove)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NotFound"):
            context.api.client("sns").delete_topic(TopicArn=observed.id)

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        arn = context.api.arn("sns", name)
        return {"id": arn, "arn": arn, "name": name}


class Subscription(Kind):
    """The subscription of a queue to the topic of the same name; ``topic`` and ``queue`` are their ARNs, and its identity.

    AWS confirms it at once, topic and queue being of one account, and cannot tag it: it is ours when its topic is.
    ``filter_policy`` ``{}`` lets every message pass; ``dead_letter_queue`` (an ARN) takes what cannot be delivered, and is ``""``
    for none.
    """

    name = "sns_subscription"
    services = ("sns",)
    tagged = False
    # A topic that goes first leaves it behind; a queue that goes first makes it fail.
    within = ("sns_topic", "sqs_queue")
    observe_after = ("sns_topic",)
    fields = (
        Field("topic", on_change="replace"),
        Field("queue", on_change="replace"),
        Field("raw_delivery"),
        Field("filter_policy"),
        Field("filter_policy_scope"),
        Field("dead_letter_queue"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        listed = view.api.pages("sns", "list_subscriptions", "Subscriptions")
        ours = {
            (topic.id, "sqs", view.api.arn("sqs", topic.attributes["name"])): address.split("/", 1)[1]
            for address, topic in view.of("sns_topic").items()
            if view.owner.owns(topic.tags or {})
        }
        matching = [(item, ours.get((item["TopicArn"], item["Protocol"], item["Endpoint"]))) for item in listed]
        found = view.api.map(lambda pair: self._read(view, *pair), [pair for pair in matching if pair[1]])
        return [observed for observed in found if observed]

    def _read(self, view: View, item: Mapping[str, str], name: str) -> Observed | None:
        """None for one that the list still shows after its end; such a one may have a word in the place of its ARN."""
        arn = item["SubscriptionArn"]
        if not arn.startswith("arn:"):
            return None
        try:
            attributes = view.api.client("sns").get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        except Exception as error:
            if is_code(error, "NotFound"):
                return None
            raise
        return Observed(
            f"{self.name}/{name}",
            arn,
            fields={
                "topic": item["TopicArn"],
                "queue": item["Endpoint"],
                "raw_delivery": attributes.get("RawMessageDelivery", "false").lower() == "true",
                "filter_policy": json.loads(attributes.get("FilterPolicy") or "{}"),
                "filter_policy_scope": attributes.get("FilterPolicyScope") or BY_ATTRIBUTES,
                "dead_letter_queue": json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn", ""),
            },
            attributes={"arn": arn},
        )

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Others' subscriptions to our topics. What waits for its confirmation has no ARN, and gets nothing."""
        topics = {
            topic.id: topic.attributes["name"] for topic in view.of("sns_topic").values() if view.owner.owns(topic.tags or {})
        }
        for item in view.api.pages("sns", "list_subscriptions", "Subscriptions"):
            arn, topic = item["SubscriptionArn"], topics.get(item["TopicArn"])
            if topic and arn.startswith("arn:") and arn not in view.known:
                why = f"it takes what comes to {topic}, and is not in the configuration"
                yield Stranger(f"{self.name}/{topic}-{arn.rsplit(':', 1)[1]}", arn, why=why)

    def create(self, context: Context, resource: Resource) -> Observed:
        """With its filter from the first message on. A repeated call answers the standing one if the attributes are the same."""
        desired = resource.desired
        attributes = {"RawMessageDelivery": as_text(desired["raw_delivery"])}
        if desired["filter_policy"]:
            attributes["FilterPolicyScope"] = desired["filter_policy_scope"]
            attributes["FilterPolicy"] = text(desired["filter_policy"])
        if desired["dead_letter_queue"]:
            attributes["RedrivePolicy"] = text({"deadLetterTargetArn": desired["dead_letter_queue"]})
        arn = context.api.client("sns").subscribe(
            TopicArn=desired["topic"],
            Protocol="sqs",
            Endpoint=desired["queue"],
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        fields = {field.name: desired.get(field.name) for field in self.fields}
        return Observed(resource.address, arn, fields=fields, attributes={"arn": arn})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        changed: dict[str, str | None] = {}
        if "raw_delivery" in delta:
            changed["RawMessageDelivery"] = as_text(delta["raw_delivery"].new)
        if "filter_policy_scope" in delta:
            changed["FilterPolicyScope"] = delta["filter_policy_scope"].new
        if "filter_policy" in delta:
            changed["FilterPolicy"] = text(delta["filter_policy"].new)
        if "dead_letter_queue" in delta:
            queue = delta["dead_letter_queue"].new
            changed["RedrivePolicy"] = text({"deadLetterTargetArn": queue}) if queue else None
        for name in sorted(changed, key=lambda name: order_of(name, changed)):
            # SNS takes no empty text for a redrive policy: the value is left out to remove it.
            value = {} if changed[name] is None else {"AttributeValue": changed[name]}
            client = context.api.client("sns")
            client.set_subscription_attributes(SubscriptionArn=observed.id, AttributeName=name, **value)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NotFound"):
            context.api.client("sns").unsubscribe(SubscriptionArn=observed.id)


def order_of(name: str, changed: Mapping[str, str | None]) -> int:
    """A filter on attributes is valid for bodies too but not the other way round: the scope is widened first and narrowed last."""
    widened = changed.get("FilterPolicyScope") == BY_BODY
    return {"FilterPolicyScope": 0 if widened else 2, "FilterPolicy": 1}.get(name, 3)


def as_text(value: bool) -> str:
    return "true" if value else "false"


def short_name(arn: str) -> str:
    """The name in a topic's ARN."""
    return arn.rsplit(":", 1)[1]
