# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The messaging tier: for each topic its queue, its dead-letter queue and the subscription between them, all encrypted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..aws.policies import deny_insecure_transport, document
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.sns import BY_ATTRIBUTES, BY_BODY, Subscription, Topic
from ..resources.sqs import Queue
from ..tier_module import Place
from . import kms

DAY = 86400
DLQ = "-dlq"
NAME = re.compile(r"^[A-Za-z0-9_-]+$")
NAME_LENGTH = 80  # SQS's; SNS takes 256
FILTER_KEYS = 5
FILTER_COMBINATIONS = 150
# Those that the keys' policies let encrypt for a topic, besides SNS itself.
PUBLISHERS = tuple(sorted(set(kms.SERVICES["sns"].principals) - {"sns.amazonaws.com"}))

TOPIC_SPEC = {
    "name": {"type": "str", "required": True},
    "display_name": {"type": "str"},
    "filter_policy": {"type": "dict"},
    "filter_policy_scope": {"type": "str", "choices": [BY_ATTRIBUTES, BY_BODY]},
    "publishers": {"type": "list", "elements": "str"},
    "retention_days": {"type": "int"},
    "max_receive_count": {"type": "int"},
    "visibility_timeout_seconds": {"type": "int"},
}
SPEC = {
    "topics": {"type": "list", "elements": "dict", "required": True, "options": TOPIC_SPEC},
    "topic_key": {"type": "str", "required": True, "no_log": False},
    "queue_key": {"type": "str", "required": True, "no_log": False},
    "retention_days": {"type": "int", "default": 7},
    "dlq_retention_days": {"type": "int", "default": 14},
    "max_receive_count": {"type": "int", "default": 5},
    "visibility_timeout_seconds": {"type": "int", "default": 180},
    "consumer_timeout_seconds": {"type": "int", "default": 30},
    "long_polling_seconds": {"type": "int", "default": 20},
    "max_message_bytes": {"type": "int", "default": 262144},
    "data_key_reuse_seconds": {"type": "int", "default": 300, "no_log": False},
    "raw_delivery": {"type": "bool", "default": True},
    "keep_undeliverable": {"type": "bool", "default": True},
    "tracing": {"type": "str", "choices": ["PassThrough", "Active"], "default": "PassThrough"},
}
# What SQS accepts; a message also has to pass SNS, which takes 256 KiB.
RANGES = {
    "retention_days": (1, 14, "days"),
    "dlq_retention_days": (1, 14, "days"),
    "max_receive_count": (1, 1000, "receives"),
    "visibility_timeout_seconds": (0, 43200, "seconds"),
    "consumer_timeout_seconds": (1, 7200, "seconds"),
    "long_polling_seconds": (0, 20, "seconds"),
    "max_message_bytes": (1024, 262144, "bytes"),
    "data_key_reuse_seconds": (60, 86400, "seconds"),
}
OVERRIDABLE = ("retention_days", "max_receive_count", "visibility_timeout_seconds")


def check(params: Mapping[str, Any], region: str) -> None:
    for service, option in (("sns", "topic_key"), ("sqs", "queue_key")):
        if not kms.KEY_NAME.match(params[option]):
            raise InvalidInput(
                f"platform_kms_key_for: the key {params[option]!r} of {service} cannot be part of an alias: lower-case letters, "
                "digits, _ and -"
            )
    for name in RANGES:
        _check_range(f"messaging_{name}: {params[name]}", name, params[name])
    _check_names(params["topics"], params["environment"])
    for topic in params["topics"]:
        for name in OVERRIDABLE:
            if topic.get(name) is not None:
                _check_range(f"messaging_topics: {name} {topic[name]} of {topic['name']}", name, topic[name])
        _check_times(params, topic)
        _check_topic(topic)


def _check_range(what: str, name: str, value: int) -> None:
    low, high, unit = RANGES[name]
    if not low <= value <= high:
        raise InvalidInput(f"{what} is outside {low} to {high} {unit}")


def _check_names(topics: list[Mapping[str, Any]], environment: str) -> None:
    longest = NAME_LENGTH - len(environment) - 1 - len(DLQ)
    taken: dict[str, str] = {}
    for topic in topics:
        name = topic["name"]
        if not NAME.match(name) or len(name) > longest:
            raise InvalidInput(
                f"messaging_topics: the name {name!r} is none that AWS accepts: 1 to {longest} letters, digits, _ and - "
                f"({NAME_LENGTH} with {environment}- before it and {DLQ} behind)"
            )
        for queue in (name, name + DLQ):
            if queue in taken:
                raise InvalidInput(
                    f"messaging_topics: {name!r} would have a queue {environment}-{queue}, and so would {taken[queue]!r}: "
                    "use each name once"
                )
            taken[queue] = name


def _check_times(params: Mapping[str, Any], topic: Mapping[str, Any]) -> None:
    kept = _of(params, topic, "retention_days")
    if params["dlq_retention_days"] < kept:
        raise InvalidInput(
            f"messaging_dlq_retention_days: {params['dlq_retention_days']} is shorter than the {kept} days of {topic['name']}: a "
            f"dead letter's age counts from its first sending, so use {kept} to 14 days"
        )
    hidden, needed = _of(params, topic, "visibility_timeout_seconds"), 6 * params["consumer_timeout_seconds"]
    if hidden < needed:
        raise InvalidInput(
            f"messaging_visibility_timeout_seconds: {hidden} for {topic['name']} is less than six times "
            f"messaging_consumer_timeout_seconds ({params['consumer_timeout_seconds']}): use {needed} to 43200 seconds"
        )


def _check_topic(topic: Mapping[str, Any]) -> None:
    name = topic["name"]
    if len(topic.get("display_name") or "") > 100:
        raise InvalidInput(f"messaging_topics: display_name {topic['display_name']!r} of {name} has more than 100 characters")
    for publisher in topic.get("publishers") or ():
        if publisher not in PUBLISHERS:
            raise InvalidInput(
                f"messaging_topics: publisher {publisher!r} of {name} is none that the topics' key lets encrypt: one of "
                + ", ".join(PUBLISHERS)
            )
    _check_filter(f"messaging_topics: filter_policy of {name}", topic.get("filter_policy") or {}, topic)


def _check_filter(what: str, policy: Any, topic: Mapping[str, Any]) -> None:
    if not isinstance(policy, Mapping):
        raise InvalidInput(f"{what} is {policy!r}, not a mapping of names to lists of accepted values")
    rules = list(_rules(what, policy, topic.get("filter_policy_scope") or BY_ATTRIBUTES))
    if len(rules) > FILTER_KEYS:
        raise InvalidInput(f"{what} names {len(rules)} keys: SNS takes at most {FILTER_KEYS}")
    combinations = math.prod(depth * len(values) for depth, values in rules)
    if combinations > FILTER_COMBINATIONS:
        raise InvalidInput(f"{what} has {combinations} combinations of values: SNS takes at most {FILTER_COMBINATIONS}")


def _rules(what: str, policy: Mapping[str, Any], scope: str, depth: int = 1) -> Iterator[tuple[int, list[Any]]]:
    """Each list of accepted values with the depth of its key."""
    for key, values in policy.items():
        if isinstance(values, Mapping) and scope == BY_BODY:
            yield from _rules(what, values, scope, depth + 1)
        elif isinstance(values, list) and values:
            yield depth, values
        else:
            nested = f", and a mapping only where filter_policy_scope is {BY_BODY}" if isinstance(values, Mapping) else ""
            raise InvalidInput(f"{what}: the value {values!r} of {key!r} is not a list of at least one accepted value{nested}")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    keys = [kms.looked_up(place, name) for name in sorted({params["topic_key"], params["queue_key"]})]
    return keys + [resource for topic in params["topics"] for resource in _resources(params, topic, place)]


def _resources(params: Mapping[str, Any], topic: Mapping[str, Any], place: Place) -> list[Resource]:
    """The four of one topic. ARNs that a policy only names are computed, so that a plan on an empty account shows it whole."""
    name = topic["name"]
    full = f"{place.environment}-{name}"
    topic_arn, queue_arn, dlq_arn = place.arn("sns", full), place.arn("sqs", full), place.arn("sqs", full + DLQ)
    undeliverable = params["keep_undeliverable"]
    common = {
        "kms_key": Ref(f"kms_key/{params['queue_key']}", "arn"),
        "data_key_reuse_seconds": params["data_key_reuse_seconds"],
        "long_polling_seconds": params["long_polling_seconds"],
        "max_message_bytes": params["max_message_bytes"],
        "visibility_timeout_seconds": _of(params, topic, "visibility_timeout_seconds"),
    }
    filter_policy = topic.get("filter_policy") or {}
    return [
        Resource(
            Topic(),
            name,
            {
                "name": full,
                "kms_key": Ref(f"kms_key/{params['topic_key']}", "arn"),
                "policy": topic_policy(topic_arn, sorted(topic.get("publishers") or ()), place),
                "display_name": topic.get("display_name") or "",
                "signature_version": "2",
                "tracing": params["tracing"],
            },
        ),
        Resource(
            Queue(),
            name + DLQ,
            {
                **common,
                "name": full + DLQ,
                "policy": queue_policy(dlq_arn, topic_arn if undeliverable else None),
                "retention_seconds": params["dlq_retention_days"] * DAY,
                "redrive_sources": [queue_arn],
            },
        ),
        Resource(
            Queue(),
            name,
            {
                **common,
                "name": full,
                "policy": queue_policy(queue_arn, topic_arn),
                "retention_seconds": _of(params, topic, "retention_days") * DAY,
                "dead_letter_queue": Ref(f"sqs_queue/{name}{DLQ}", "arn"),
                "max_receive_count": _of(params, topic, "max_receive_count"),
            },
        ),
        Resource(
            Subscription(),
            name,
            {
                "topic": Ref(f"sns_topic/{name}", "arn"),
                "queue": Ref(f"sqs_queue/{name}", "arn"),
                "raw_delivery": params["raw_delivery"],
                "filter_policy": filter_policy,
                # Without a filter its scope means nothing, and AWS may not keep it.
                "filter_policy_scope": (topic.get("filter_policy_scope") or BY_ATTRIBUTES) if filter_policy else None,
                "dead_letter_queue": Ref(f"sqs_queue/{name}{DLQ}", "arn") if undeliverable else "",
            },
        ),
    ]


def _of(params: Mapping[str, Any], topic: Mapping[str, Any], name: str) -> Any:
    """The topic's own value, else the one of all."""
    return params[name] if topic.get(name) is None else topic[name]


def topic_policy(arn: str, publishers: list[str], place: Place) -> dict[str, Any]:
    """Principals of this account publish as far as IAM lets them, and ``publishers`` (service principals) for this account.

    SNS wants actions by name, not ``sns:*``.
    """
    statements: list[dict[str, Any]] = [
        {
            "Sid": "ThisAccountPublishes",
            "Effect": "Allow",
            "Principal": {"AWS": place.arn("iam", "root", region="")},
            "Action": "sns:Publish",
            "Resource": arn,
        }
    ]
    if publishers:
        statements.append(
            {
                "Sid": "ServicesPublishForThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": publishers},
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": place.account_id}},
            }
        )
    return document([*statements, deny_insecure_transport("TlsOnly", "sns:Publish", arn)])


def queue_policy(arn: str, topic_arn: str | None) -> dict[str, Any]:
    """Nobody is let send but the topic. IAM decides for the account's consumers, and for who may move dead letters back."""
    statements: list[dict[str, Any]] = []
    if topic_arn:
        statements.append(
            {
                "Sid": "OwnTopicSends",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        )
    return document([*statements, deny_insecure_transport("TlsOnly", "sqs:*", arn)])
