"""The messaging tier's bad input, each a sentence, and what it declares."""

from __future__ import annotations

import json

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("messaging")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
GOOD = {"topics": [{"name": "ticket-events"}, {"name": "action-requests"}], "topic_key": "sns-sqs", "queue_key": "sns-sqs"}


def parameters(**override):
    return tiers.with_defaults(TIER, {**GOOD, **override})


def topic(**options):
    return {"topics": [{"name": "ticket-events", **options}]}


WIDE = {f"key{number}": ["value"] for number in range(6)}
BAD = [
    ({"retention_days": 0}, "messaging_retention_days: 0 is outside 1 to 14 days"),
    ({"retention_days": 15}, "messaging_retention_days: 15 is outside 1 to 14 days"),
    ({"dlq_retention_days": 15}, "messaging_dlq_retention_days: 15 is outside 1 to 14 days"),
    ({"dlq_retention_days": 6}, "messaging_dlq_retention_days: 6 is shorter than the 7 days of ticket-events"),
    (topic(retention_days=14) | {"dlq_retention_days": 13}, "messaging_dlq_retention_days: 13 is shorter than the 14 days"),
    (topic(retention_days=15), "messaging_topics: retention_days 15 of ticket-events is outside 1 to 14 days"),
    ({"max_receive_count": 0}, "messaging_max_receive_count: 0 is outside 1 to 1000 receives"),
    ({"max_receive_count": 1001}, "messaging_max_receive_count: 1001 is outside 1 to 1000 receives"),
    (topic(max_receive_count=1001), "messaging_topics: max_receive_count 1001 of ticket-events is outside 1 to 1000"),
    ({"visibility_timeout_seconds": 43201}, "messaging_visibility_timeout_seconds: 43201 is outside 0 to 43200 seconds"),
    ({"visibility_timeout_seconds": 179}, "messaging_visibility_timeout_seconds: 179 for ticket-events is less than six times"),
    ({"consumer_timeout_seconds": 31}, "use 186 to 43200 seconds"),
    ({"consumer_timeout_seconds": 0}, "messaging_consumer_timeout_seconds: 0 is outside 1 to 7200 seconds"),
    (topic(visibility_timeout_seconds=60), "60 for ticket-events is less than six times messaging_consumer_timeout_seconds (30)"),
    ({"long_polling_seconds": 21}, "messaging_long_polling_seconds: 21 is outside 0 to 20 seconds"),
    ({"max_message_bytes": 1023}, "messaging_max_message_bytes: 1023 is outside 1024 to 262144 bytes"),
    ({"data_key_reuse_seconds": 59}, "messaging_data_key_reuse_seconds: 59 is outside 60 to 86400 seconds"),
    ({"topics": [{"name": "a.fifo"}]}, "messaging_topics: the name 'a.fifo' is none that AWS accepts"),
    ({"topics": [{"name": ""}]}, "messaging_topics: the name '' is none that AWS accepts: 1 to 71 letters"),
    ({"topics": [{"name": "x" * 72}]}, "(80 with prod- before it and -dlq behind)"),
    ({"topics": [{"name": "a"}, {"name": "a"}]}, "'a' would have a queue prod-a, and so would 'a'"),
    ({"topics": [{"name": "a"}, {"name": "a-dlq"}]}, "'a-dlq' would have a queue prod-a-dlq, and so would 'a'"),
    (topic(display_name="x" * 101), "of ticket-events has more than 100 characters"),
    (topic(publishers=["lambda.amazonaws.com"]), "one of cloudwatch.amazonaws.com, events.amazonaws.com, s3.amazonaws.com"),
    (topic(filter_policy=["opened"]), "filter_policy of ticket-events is ['opened'], not a mapping"),
    (topic(filter_policy={"kind": "opened"}), "the value 'opened' of 'kind' is not a list"),
    (topic(filter_policy={"kind": []}), "the value [] of 'kind' is not a list of at least one accepted value"),
    (topic(filter_policy={"who": {"role": ["admin"]}}), "a mapping only where filter_policy_scope is MessageBody"),
    (topic(filter_policy=WIDE), "filter_policy of ticket-events names 6 keys: SNS takes at most 5"),
    (topic(filter_policy={"a": list(range(13)), "b": list(range(12))}), "has 156 combinations of values: SNS takes at most 150"),
    ({"topic_key": "Messages"}, "platform_kms_key_for: the key 'Messages' of sns"),
    ({"queue_key": ""}, "platform_kms_key_for: the key '' of sqs"),
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"topics": []},
        {"topics": [{"name": "x" * 71}]},
        {"retention_days": 14, "dlq_retention_days": 14},
        {"consumer_timeout_seconds": 1, "visibility_timeout_seconds": 6},
        topic(filter_policy={"who": {"role": ["admin"]}}, filter_policy_scope="MessageBody"),
        topic(filter_policy={"$or": [{"a": ["x"]}, {"b": ["y"]}]}),
        topic(publishers=["events.amazonaws.com"], display_name="x" * 100),
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def declared(**override):
    return Graph(TIER.declare(parameters(**override), PLACE))


def test_each_topic_has_its_four_resources_and_the_keys_are_looked_up():
    graph = declared()
    names = ("ticket-events", "action-requests")
    expected = {f"{kind}/{name}" for name in names for kind in ("sns_topic", "sqs_queue", "sns_subscription")}
    assert {resource.address for resource in graph.managed()} == expected | {f"sqs_queue/{name}-dlq" for name in names}
    assert [resource.address for resource in graph.looked_up()] == ["kms_key/sns-sqs"]


def test_topics_and_queues_may_have_keys_of_their_own():
    graph = declared(topic_key="topics")
    assert {resource.address for resource in graph.looked_up()} == {"kms_key/topics", "kms_key/sns-sqs"}
    assert graph.resources["sns_topic/ticket-events"].desired["kms_key"] == Ref("kms_key/topics", "arn")
    assert graph.resources["sqs_queue/ticket-events-dlq"].desired["kms_key"] == Ref("kms_key/sns-sqs", "arn")


def test_days_become_seconds_and_a_topic_sets_common_values_aside():
    graph = declared(topics=[{"name": "a"}, {"name": "b", "retention_days": 2, "max_receive_count": 9}])
    a, b = graph.resources["sqs_queue/a"].desired, graph.resources["sqs_queue/b"].desired
    assert (a["retention_seconds"], a["max_receive_count"]) == (604800, 5)
    assert (b["retention_seconds"], b["max_receive_count"]) == (172800, 9)
    assert graph.resources["sqs_queue/b-dlq"].desired["retention_seconds"] == 1209600


def test_policies_are_known_before_anything_exists_and_let_in_nobody_unconditionally():
    for resource in declared(**topic(publishers=["s3.amazonaws.com"])).managed():
        policy = resource.desired.get("policy")
        if policy is None:
            continue
        json.dumps(policy)
        for statement in policy["Statement"]:
            everyone = statement["Principal"] in ("*", {"AWS": "*"})
            assert statement["Effect"] == "Deny" or not everyone, resource.address
            service = "Service" in statement["Principal"]
            assert not service or statement["Condition"], resource.address


def test_a_dead_letter_queue_takes_from_its_topic_only_when_it_keeps_the_undeliverable():
    def sids(**override):
        policy = declared(**override).resources["sqs_queue/ticket-events-dlq"].desired["policy"]
        return [statement["Sid"] for statement in policy["Statement"]]

    assert sids() == ["OwnTopicSends", "TlsOnly"]
    assert sids(keep_undeliverable=False) == ["TlsOnly"]
    assert declared(keep_undeliverable=False).resources["sns_subscription/ticket-events"].desired["dead_letter_queue"] == ""


def test_a_filter_has_a_scope_and_no_filter_has_none():
    def subscription(**options):
        return declared(**topic(**options)).resources["sns_subscription/ticket-events"].desired

    assert (subscription()["filter_policy"], subscription()["filter_policy_scope"]) == ({}, None)
    assert subscription(filter_policy={"a": ["b"]})["filter_policy_scope"] == "MessageAttributes"
    assert subscription(filter_policy={"a": ["b"]}, filter_policy_scope="MessageBody")["filter_policy_scope"] == "MessageBody"


def test_names_carry_the_environment_and_arns_the_partition():
    china = Place("staging", "staging-cn-north-1", "cn-north-1", "123456789012", "aws-cn")
    resources = Graph(TIER.declare(parameters(), china)).resources
    assert resources["sns_topic/ticket-events"].desired["name"] == "staging-ticket-events"
    assert resources["sqs_queue/ticket-events-dlq"].desired["redrive_sources"] == [
        "arn:aws-cn:sqs:cn-north-1:123456789012:staging-ticket-events"
    ]
