# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topics, subscriptions and queues, as SNS and SQS answer them."""

from __future__ import annotations

import json
from typing import Any

from ..api import Api
from ..errors import tolerating
from ..policies import parse

SERVICES = ("sns", "sqs")
GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


def topic(api: Api, arn: str) -> dict[str, Any] | None:
    """``policy``, ``key`` (None: not encrypted by one), ``subscriptions`` (attributes of each that goes to a queue)."""
    client = api.client("sns")
    with tolerating("NotFound", "NotFoundException"):
        attributes = client.get_topic_attributes(TopicArn=arn)["Attributes"]
        listed = api.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
        subscriptions = [
            client.get_subscription_attributes(SubscriptionArn=item["SubscriptionArn"])["Attributes"]
            for item in listed
            if item["Protocol"] == "sqs" and item["SubscriptionArn"].startswith("arn:")
        ]
        return {
            "policy": parse(attributes.get("Policy")),
            "key": attributes.get("KmsMasterKeyId"),
            "subscriptions": subscriptions,
        }
    return None


def queue(api: Api, name: str) -> dict[str, Any] | None:
    """``url``, ``arn``, ``policy``, ``key``, ``redrive`` and ``redrive_allow`` (or {}), ``retention`` and ``visibility`` (s)."""
    client = api.client("sqs")
    with tolerating(*GONE):
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return {
            "url": url,
            "arn": attributes["QueueArn"],
            "policy": parse(attributes.get("Policy")),
            "key": attributes.get("KmsMasterKeyId"),
            "redrive": json.loads(attributes.get("RedrivePolicy") or "{}"),
            "redrive_allow": json.loads(attributes.get("RedriveAllowPolicy") or "{}"),
            "retention": int(attributes["MessageRetentionPeriod"]),
            "visibility": int(attributes["VisibilityTimeout"]),
            "messages": sum(int(attributes.get(f"ApproximateNumberOfMessages{what}", 0)) for what in ("", "NotVisible", "Delayed")),
        }
    return None
