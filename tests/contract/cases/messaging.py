"""The messaging tier: what its contract is tried with. The first topic has every option set, the second none."""

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref

from .case import Case

TIER = "messaging"
REQUIRES = ("kms",)
PARAMS = {
    "topics": [
        {
            "name": "ticket-events",
            "display_name": "Tickets",
            "publishers": ["events.amazonaws.com"],
            "filter_policy": {"kind": ["opened", "closed"]},
            "filter_policy_scope": "MessageAttributes",
            "retention_days": 3,
            "max_receive_count": 4,
            "visibility_timeout_seconds": 240,
        },
        {"name": "action-requests"},
    ],
    "topic_key": "sns-sqs",
    "queue_key": "sns-sqs",
}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def without_the_first_statement(policy):
    return {**policy, "Statement": policy["Statement"][1:]}


IDENTITY = "part of the identity: the address follows from it"
CASES = [
    Case(
        "sns_topic",
        "sns_topic/ticket-events",
        updates={
            "display_name": "Events of tickets",
            "kms_key": OTHER_KEY,
            "policy": without_the_first_statement,
            "signature_version": "1",
            "tracing": "Active",
            "tags": {"owner": "support"},
        },
        immutable={"name": "prod-tickets"},
    ),
    Case("sns_topic", "sns_topic/action-requests", updates={"display_name": "Actions", "policy": without_the_first_statement}),
    Case(
        "sqs_queue",
        "sqs_queue/ticket-events",
        updates={
            "data_key_reuse_seconds": 600,
            "kms_key": OTHER_KEY,
            "long_polling_seconds": 0,
            "max_message_bytes": 2048,
            "max_receive_count": 7,
            "policy": without_the_first_statement,
            "retention_seconds": 7200,
            "visibility_timeout_seconds": 0,
            "tags": {"owner": "support"},
        },
        immutable={"name": "prod-tickets"},
        exempt={"dead_letter_queue": "another one would have to let this queue in; it is one attribute with max_receive_count"},
    ),
    Case(
        "sqs_queue",
        "sqs_queue/ticket-events-dlq",
        updates={
            "redrive_sources": lambda old: [*old, "arn:aws:sqs:us-east-1:123456789012:prod-action-requests"],
            "retention_seconds": 864000,
        },
    ),
    Case(
        "sns_subscription",
        "sns_subscription/ticket-events",
        updates={
            "dead_letter_queue": "",
            "filter_policy": {"kind": ["closed"], "urgent": [{"exists": False}]},
            "filter_policy_scope": "MessageBody",
            "raw_delivery": False,
        },
        exempt={"queue": IDENTITY, "topic": IDENTITY},
    ),
    Case(
        "sns_subscription",
        "sns_subscription/action-requests",
        updates={
            "dead_letter_queue": Ref("sqs_queue/ticket-events-dlq", "arn"),
            "filter_policy": {"kind": ["refund"]},
        },
    ),
]
