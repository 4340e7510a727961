"""Topics, subscriptions and queues."""

from __future__ import annotations

import json
from typing import Any

from .scene import Scene, Touch, changed, missing, mutation, widened


def topic(at: Scene, what: str, name: str, value: str) -> Touch:
    address, item = at.pick("sns_topic")
    at.client("sns").set_topic_attributes(TopicArn=item["arn"], AttributeName=name, AttributeValue=value)
    return changed(address, what)


@mutation("messaging")
def topic_policy_widened(at: Scene) -> Touch:
    address, item = at.pick("sns_topic")
    sns = at.client("sns")
    policy = sns.get_topic_attributes(TopicArn=item["arn"])["Attributes"]["Policy"]
    policy = widened(policy, "sns:Publish", item["arn"])
    sns.set_topic_attributes(TopicArn=item["arn"], AttributeName="Policy", AttributeValue=policy)
    return changed(address, "a stranger in its policy")


@mutation("messaging")
def topic_display_name(at: Scene) -> Touch:
    return topic(at, "another display name", "DisplayName", at.word())


@mutation("messaging")
def topic_another_key(at: Scene) -> Touch:
    return topic(at, "another key", "KmsMasterKeyId", "alias/aws/sns")


@mutation("messaging")
def topic_traced_otherwise(at: Scene) -> Touch:
    address, item = at.pick("sns_topic")
    sns = at.client("sns")
    standing = sns.get_topic_attributes(TopicArn=item["arn"])["Attributes"].get("TracingConfig", "PassThrough")
    other = "PassThrough" if standing == "Active" else "Active"
    sns.set_topic_attributes(TopicArn=item["arn"], AttributeName="TracingConfig", AttributeValue=other)
    return changed(address, f"tracing {other}")


@mutation("messaging")
def topic_deleted(at: Scene) -> Touch:
    """SNS deletes its subscriptions with it."""
    address, item = at.pick("sns_topic")
    sns = at.client("sns")
    for one in sns.list_subscriptions_by_topic(TopicArn=item["arn"])["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    sns.delete_topic(TopicArn=item["arn"])
    return missing(address, "deleted", f"sns_subscription/{address.split('/')[1]}")


def subscription(at: Scene, what: str, name: str, value: str) -> Touch:
    address, item = at.pick("sns_subscription")
    at.client("sns").set_subscription_attributes(SubscriptionArn=item["arn"], AttributeName=name, AttributeValue=value)
    return changed(address, what)


@mutation("messaging")
def subscription_filtered(at: Scene) -> Touch:
    return subscription(at, "filtered", "FilterPolicy", json.dumps({"kind": [at.word()]}))


@mutation("messaging")
def subscription_wrapped_otherwise(at: Scene) -> Touch:
    address, item = at.pick("sns_subscription")
    sns = at.client("sns")
    standing = sns.get_subscription_attributes(SubscriptionArn=item["arn"])["Attributes"].get("RawMessageDelivery", "false")
    other = "false" if standing.lower() == "true" else "true"
    sns.set_subscription_attributes(SubscriptionArn=item["arn"], AttributeName="RawMessageDelivery", AttributeValue=other)
    return changed(address, f"raw delivery {other}")


@mutation("messaging")
def subscription_removed(at: Scene) -> Touch:
    address, item = at.pick("sns_subscription")
    at.client("sns").unsubscribe(SubscriptionArn=item["arn"])
    return missing(address)


def queue(at: Scene, what: str, values: dict[str, str], **where: Any) -> Touch:
    address, item = at.pick("sqs_queue", **where)
    at.client("sqs").set_queue_attributes(QueueUrl=item["url"], Attributes=values)
    return changed(address, what)


@mutation("messaging")
def queue_visibility(at: Scene) -> Touch:
    return queue(at, "another visibility timeout", {"VisibilityTimeout": str(at.rng.randint(400, 4000))})


@mutation("messaging")
def queue_retention(at: Scene) -> Touch:
    return queue(at, "another retention", {"MessageRetentionPeriod": str(at.rng.randint(100, 4000))})


@mutation("messaging")
def queue_message_size(at: Scene) -> Touch:
    return queue(at, "smaller messages", {"MaximumMessageSize": str(at.rng.randint(1024, 4096))})


@mutation("messaging")
def queue_polling(at: Scene) -> Touch:
    return queue(at, "short polling", {"ReceiveMessageWaitTimeSeconds": "0"})


@mutation("messaging")
def queue_another_key(at: Scene) -> Touch:
    return queue(at, "another key", {"KmsMasterKeyId": "alias/aws/sqs"})


@mutation("messaging")
def queue_without_dead_letters(at: Scene) -> Touch:
    return queue(at, "no dead-letter queue", {"RedrivePolicy": ""}, where=lambda name: not name.endswith("-dlq"))


@mutation("messaging")
def queue_gives_up_early(at: Scene) -> Touch:
    address, item = at.pick("sqs_queue", where=lambda name: not name.endswith("-dlq"))
    sqs = at.client("sqs")
    standing = sqs.get_queue_attributes(QueueUrl=item["url"], AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    policy = json.dumps({**json.loads(standing), "maxReceiveCount": at.rng.randint(500, 900)})
    sqs.set_queue_attributes(QueueUrl=item["url"], Attributes={"RedrivePolicy": policy})
    return changed(address, "another number of attempts")


@mutation("messaging")
def queue_takes_anyones_dead_letters(at: Scene) -> Touch:
    policy = json.dumps({"redrivePermission": "allowAll"})
    return queue(at, "anyone's dead letters", {"RedriveAllowPolicy": policy}, where=lambda name: name.endswith("-dlq"))


@mutation("messaging")
def queue_policy_widened(at: Scene) -> Touch:
    address, item = at.pick("sqs_queue")
    sqs = at.client("sqs")
    policy = sqs.get_queue_attributes(QueueUrl=item["url"], AttributeNames=["Policy"])["Attributes"]["Policy"]
    policy = widened(policy, "sqs:SendMessage", item["arn"])
    sqs.set_queue_attributes(QueueUrl=item["url"], Attributes={"Policy": policy})
    return changed(address, "a stranger in its policy")


@mutation("messaging")
def queue_deleted(at: Scene) -> Touch:
    address, item = at.pick("sqs_queue")
    at.client("sqs").delete_queue(QueueUrl=item["url"])
    return missing(address)
