"""Patches to SNS."""

from __future__ import annotations

import functools
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import FilterPolicyMatcher, SNSBackend, Subscription, Topic
from moto.sns.responses import SNSResponse
from moto.sqs.models import sqs_backends

from local_aws.patches import patch, replace, wrap
from local_aws.policy import key_lets, service_may

SERVICE = "sns.amazonaws.com"
# Attributes of a topic that moto keeps on the object and does not answer.
ECHOED = {"SignatureVersion": "signature_version", "TracingConfig": "tracing_config"}


@patch
def topic_attributes() -> None:
    """AWS answers SignatureVersion and TracingConfig when they were set, no DeliveryPolicy when it was not, and refuses a
    policy that is no JSON (InvalidParameter). moto answers neither, an empty one, and fails."""

    @wrap(SNSResponse, "get_topic_attributes")
    def get_topic_attributes(original: Any, self: Any) -> Any:
        answer = original(self)
        topic = self.backend.get_topic(self._get_param("TopicArn"))
        attributes = answer.result["Attributes"]
        if not attributes.get("DeliveryPolicy"):
            attributes.pop("DeliveryPolicy", None)
        for name, key in ECHOED.items():
            if getattr(topic, key, None):
                attributes[name] = getattr(topic, key)
        return answer

    for operation in ("create_topic", "set_topic_attributes"):

        @wrap(SNSResponse, operation)
        def checked(original: Any, self: Any) -> Any:
            given = dict(self._get_param("Attributes", {}))
            given[self._get_param("AttributeName")] = self._get_param("AttributeValue")
            for name in ("Policy", "DeliveryPolicy"):
                if given.get(name):
                    try:
                        json.loads(given[name])
                    except ValueError:
                        raise SNSInvalidParameter(f"Invalid parameter: {name} Error: null") from None
            version = given.get("SignatureVersion")
            if version not in (None, "1", "2"):
                raise SNSInvalidParameter("Invalid parameter: SignatureVersion Reason: Invalid value")
            return original(self)


@patch
def topics_are_made_once() -> None:
    """AWS answers an existing topic to CreateTopic only when the attributes and tags that are given are the topic's
    (InvalidParameter otherwise). moto answers it whatever is given."""

    @wrap(SNSResponse, "create_topic")
    def create_topic(original: Any, self: Any) -> Any:
        name, tags = self._get_param("Name"), self._get_tags()
        known = next((topic for topic in self.backend.topics.values() if topic.name == name), None)
        if known:
            if tags and tags != known._tags:
                raise SNSInvalidParameter("Invalid parameter: Tags Reason: Topic already exists with different tags")
            fresh = Topic(name, self.backend)
            for key, value in self._get_attributes().items():
                attribute = _attribute(key)
                setattr(fresh, attribute, value)
                if getattr(fresh, attribute) != getattr(known, attribute, None):
                    text = "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
                    raise SNSInvalidParameter(text)
        return original(self)


def _attribute(name: str) -> str:
    from moto.core.utils import camelcase_to_underscores

    return camelcase_to_underscores(name)


@patch
def subscriptions_are_made_once() -> None:
    """AWS refuses to subscribe an endpoint again with other attributes (InvalidParameter). moto changes them."""

    @wrap(SNSResponse, "subscribe")
    def subscribe(original: Any, self: Any) -> Any:
        arguments = (self._get_param(name) for name in ("TopicArn", "Endpoint", "Protocol"))
        known = self.backend._find_subscription(*arguments)
        for name, value in (self._get_attributes() if known else {}).items():
            if not _same(known.attributes.get(name), value):
                text = "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
                raise SNSInvalidParameter(text)
        return original(self)


def _same(one: Any, other: Any) -> bool:
    def plain(value: Any) -> Any:
        text = str(value).lower() if isinstance(value, bool) else value
        try:
            return json.loads(text)
        except (TypeError, ValueError):
            return text

    return plain(one) == plain(other)


@patch
def subscription_attributes() -> None:
    """AWS takes RawMessageDelivery `false` for false, and a new FilterPolicyScope at once. moto takes the word for true, and
    goes on filtering by the old scope."""

    @wrap(SNSBackend, "set_subscription_attributes")
    def set_subscription_attributes(original: Any, self: Any, arn: str, name: str, value: Any) -> None:
        if name == "RawMessageDelivery" and isinstance(value, str):
            value = value.lower() == "true"
        original(self, arn, name, value)
        subscription = self.subscriptions[arn]
        if name == "FilterPolicyScope" and subscription._filter_policy:
            subscription._filter_policy_matcher = FilterPolicyMatcher(subscription._filter_policy, value)


@patch
def queues_must_admit_the_topic() -> None:
    """AWS delivers to a queue only when the queue's policy lets SNS send for this topic and, if the queue has a KMS key, the
    key's policy lets SNS use it; else the message goes to the subscription's dead-letter queue or is lost in silence. moto
    delivers always."""

    @wrap(Subscription, "publish")
    def publish(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        if self.protocol != "sqs" or _admitted(self.topic, self.endpoint):
            original(self, *args, **kwargs)
            return
        matcher = self._filter_policy_matcher
        if matcher and not matcher.matches(kwargs.get("message_attributes"), args[0]):
            return
        redrive = self.attributes.get("RedrivePolicy")
        target = json.loads(redrive).get("deadLetterTargetArn") if redrive else None
        if target and _admitted(self.topic, target):
            substitute = Subscription(self.account_id, self.topic, target, "sqs")
            substitute.attributes = {"RawMessageDelivery": self.attributes.get("RawMessageDelivery")}
            original(substitute, *args, **kwargs)


def _admitted(topic: Any, queue_arn: str) -> bool:
    """Whether messages of the topic may enter the queue."""
    _, _, _, region, account, name = queue_arn.split(":")
    queue = sqs_backends[account][region].queues.get(name)
    if queue is None:
        return False
    context = {"aws:sourcearn": topic.arn, "aws:sourceaccount": topic.account_id, "aws:securetransport": "true"}
    if not service_may(queue.policy, SERVICE, "sqs:SendMessage", queue_arn, context):
        return False
    key = queue.kms_master_key_id
    return not key or key_lets(account, region, key, SERVICE, {**context, "kms:viaservice": f"sqs.{region}.amazonaws.com"})


@patch
def one_signing_key() -> None:
    """Not about AWS: moto makes an RSA key for each subscription that delivers, and keeps the subscription for ever."""
    make = functools.cache(lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @replace(Subscription, "private_key")
    def private_key(_self: Any) -> rsa.RSAPrivateKey:
        return make()
