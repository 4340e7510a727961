"""The secrets tier's bad input, each a sentence without a value in it, and what it declares."""

from __future__ import annotations

import json

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.secretsmanager import same_key, same_value
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("secrets")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
GOOD = {"entries": [{"name": "openai-api-key"}, {"name": "slack-bot-tokens"}], "encryption_key": "secrets"}
KEY_THERE = "arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111"


def parameters(**override):
    return tiers.with_defaults(TIER, {**GOOD, **override})


def names(*given):
    return {"entries": [{"name": name} for name in given]}


def value(given):
    return {"values": {"openai-api-key": given}}


BAD = [
    ({"recovery_window_days": 6}, "secrets_recovery_window_days: 6 is outside 7 to 30 days"),
    ({"recovery_window_days": 31}, "secrets_recovery_window_days: 31 is outside 7 to 30 days"),
    (names("Redis-auth-token"), "secrets_entries: the name 'Redis-auth-token' is that of a secret that the redis tier keeps"),
    (names("a", "b", "a"), "secrets_entries: the name 'a' stands twice: use each name once"),
    (names("slack", "Slack"), "the name 'Slack' and 'slack' differ only by case"),
    (names("slack-bot", "slack-bot-tokens"), "the name 'slack-bot-tokens' is 'slack-bot' with a hyphen and six characters"),
    (names("slack-bot-TOKENS", "slack-bot"), "so rename either"),
    (names(""), "the name '' is none that AWS accepts behind prod/: 1 to 249 letters"),
    (names("x" * 250), "is none that AWS accepts behind prod/"),
    (names("Schlüssel"), "the name 'Schlüssel' is none that AWS accepts"),
    (names("a b"), "the name 'a b' is none that AWS accepts"),
    (names("a:b"), "the name 'a:b' is none that AWS accepts"),
    (names("a\n"), "is none that AWS accepts"),
    (names("/a"), "with no / at its ends and none after another"),
    (names("a//b"), "with no / at its ends and none after another"),
    ({"entries": [{"name": "a", "description": "x" * 2049}]}, "secrets_entries: the description of a has 2049 characters"),
    ({"values": {"openai": "never-seen"}}, "secrets_values: 'openai' is none of secrets_entries: one of openai-api-key, slack-bot"),
    (value(""), "secrets_values: the value of 'openai-api-key' is empty, wholly or in part: use 1 to 65536 bytes"),
    (value({}), "is empty, wholly or in part"),
    (value({"never-seen": ""}), "is empty, wholly or in part"),
    (value("ß" * 32769), "secrets_values: the value of 'openai-api-key' has 65538 bytes: use 1 to 65536"),
    (value({"a": "x" * 65536}), "has 65545 bytes"),
    (value(["never-seen"]), "(not shown) is neither text nor a mapping"),
    (value(7351), "put numbers and true and false in quotes"),
    (value({"never-seen": 1}), "is neither text nor a mapping of names to texts"),
    (value({"a": {"b": "never-seen"}}), "give anything deeper as JSON text"),
    (value(None), "is neither text nor a mapping"),
    ({"replicas": [{"region": "us-east-1"}]}, "secrets_replicas: 'us-east-1' is the region of the secrets themselves"),
    ({"replicas": [{"region": "Ireland"}]}, "secrets_replicas: 'Ireland' is not a region's name"),
    ({"replicas": [{"region": "eu-west-1"}, {"region": "eu-west-1"}]}, "secrets_replicas: 'eu-west-1' stands twice"),
    ({"replicas": [{"region": "eu-west-2", "kms_key_arn": KEY_THERE}]}, "is not the ARN of a key in eu-west-2"),
    (
        {"replicas": [{"region": "eu-west-1", "kms_key_arn": "alias/secrets"}]},
        "kms_key_arn 'alias/secrets' is not the ARN of a key",
    ),
    ({"encryption_key": "Secrets"}, "platform_kms_key_for: the key 'Secrets' of secretsmanager"),
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "never-seen" not in str(caught.value)
    assert "7351" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"entries": []},
        names("x" * 249),
        names("team/openai-api-key", "a.b+c=d@e_f"),
        names("slack-bot-tokens", "slack-bot-longer"),
        value("x" * 65536),
        value({"client_id": "a", "client_secret": "b"}),
        {"recovery_window_days": 7, "replicas": [{"region": "eu-west-1", "kms_key_arn": KEY_THERE}, {"region": "us-gov-west-1"}]},
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def declared(**override):
    return Graph(TIER.declare(parameters(**override), PLACE)).resources


def test_each_entry_is_a_secret_and_the_key_is_looked_up():
    resources = declared()
    assert set(resources) == {"kms_key/secrets", "secret/openai-api-key", "secret/slack-bot-tokens"}
    assert resources["kms_key/secrets"].provider == "kms"
    desired = resources["secret/openai-api-key"].desired
    assert (desired["name"], desired["kms_key"]) == ("prod/openai-api-key", Ref("kms_key/secrets", "arn"))
    assert desired["description"] == "prod-us-east-1: openai-api-key"


def test_only_what_is_configured_has_a_value():
    resources = declared(values={"openai-api-key": "x"})
    assert resources["secret/openai-api-key"].desired["value"] == "x"
    assert resources["secret/slack-bot-tokens"].desired["value"] is None


def test_the_policy_only_refuses_and_every_refusal_has_a_condition():
    policy = declared()["secret/openai-api-key"].desired["policy"]
    assert len(json.dumps(policy)) < 20480
    assert [(item["Sid"], item["Effect"]) for item in policy["Statement"]] == [
        ("OtherAccounts", "Deny"),
        ("ServicesForOtherAccounts", "Deny"),
        ("TlsOnly", "Deny"),
    ]
    assert all(item["Condition"] for item in policy["Statement"])
    others, services, _tls = (item["Condition"] for item in policy["Statement"])
    assert others["StringNotEquals"] == {"aws:PrincipalAccount": PLACE.account_id}
    assert services["StringNotEquals"] == {"aws:SourceAccount": PLACE.account_id}


@pytest.mark.parametrize(
    ("desired", "observed", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", None, False),
        ("a", b"a", False),
        ('{"a": "b"}', '{"a":"b"}', False),
        ({"a": "b"}, '{"a":"b"}', True),
        ({"a": "b", "c": "d"}, '{"c": "d", "a": "b"}', True),
        ({"a": "b"}, '{"a": "c"}', False),
        ({"a": "b"}, "no JSON", False),
        ({"a": "b"}, None, False),
    ],
)
def test_values_are_compared_as_they_are_meant(desired, observed, same):
    assert same_value(desired, observed) is same


def test_a_key_is_the_same_by_its_id():
    assert same_key(KEY_THERE, KEY_THERE)
    assert same_key(KEY_THERE, KEY_THERE.rsplit("/", 1)[1])
    assert not same_key(KEY_THERE, None)
    assert not same_key(KEY_THERE, "alias/aws/secretsmanager")
