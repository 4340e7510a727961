"""The keys tier's bad input, each a sentence, and the policies that it derives."""

from __future__ import annotations

import json

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.kms import SERVICES, key_policy
from support import tiers

TIER = tiers.load("kms")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")


def parameters(**override):
    return tiers.with_defaults(TIER, {"key_for": {"s3": "storage", "sns": "sns-sqs", "sqs": "sns-sqs"}, **override})


BAD = [
    ({"key_for": {"lambda": "storage"}}, "platform_kms_key_for: 'lambda' is not a service we know: one of backup, cloudtrail,"),
    ({"key_for": {"s3": "Storage"}}, "platform_kms_key_for: the key 'Storage' of s3"),
    ({"key_for": {"s3": ""}}, "platform_kms_key_for: the key '' of s3"),
    ({"key_for": {"s3": 7}}, "platform_kms_key_for: the key 7 of s3"),
    ({"deletion_window_days": 6}, "kms_deletion_window_days: 6 is outside 7 to 30 days"),
    ({"deletion_window_days": 31}, "kms_deletion_window_days: 31 is outside 7 to 30 days"),
    ({"rotation_period_days": 89}, "kms_rotation_period_days: 89 is outside 90 to 2560 days"),
    ({"rotation_period_days": 2561}, "kms_rotation_period_days: 2561 is outside 90 to 2560 days"),
    ({"administrators": ["key-keeper"]}, "kms_administrators: 'key-keeper' is not the ARN of an IAM role, user or account root"),
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
        {"deletion_window_days": 7, "rotation_period_days": 90},
        {"deletion_window_days": 30, "rotation_period_days": 2560},
        {"administrators": ["arn:aws:iam::123456789012:role/ops/key-keeper", "arn:aws-cn:iam::123456789012:root"]},
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def test_a_key_for_each_name_that_serves_what_is_mapped_to_it():
    storage, messages = sorted(TIER.declare(parameters(), PLACE), key=lambda key: key.name, reverse=True)
    assert (storage.address, messages.address) == ("kms_key/storage", "kms_key/sns-sqs")
    assert messages.desired["alias"] == "alias/prod/sns-sqs"
    assert messages.desired["description"] == "prod-us-east-1: encrypts sns, sqs"


def services_of(policy):
    """Who is let in by a service principal or by way of a service."""
    found = set()
    for statement in policy["Statement"]:
        principal = statement["Principal"].get("Service", [])
        found.update([principal] if isinstance(principal, str) else principal)
        found.update(statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", []))
    return found


@pytest.mark.parametrize(
    ("service", "let_in"),
    [
        ("sns", "sns.amazonaws.com"),
        ("sqs", "sns.amazonaws.com"),
        ("s3", "s3.us-east-1.amazonaws.com"),
        ("logs", "logs.us-east-1.amazonaws.com"),
        ("rds", "rds.us-east-1.amazonaws.com"),
        ("elasticache", "elasticache.us-east-1.amazonaws.com"),
        ("eks", "eks.us-east-1.amazonaws.com"),
        ("secretsmanager", "secretsmanager.us-east-1.amazonaws.com"),
        ("cloudtrail", "cloudtrail.amazonaws.com"),
        ("ebs", "ec2.us-east-1.amazonaws.com"),
    ],
)
def test_a_service_can_use_its_key_and_no_other(service, let_in):
    assert let_in in services_of(key_policy([service], PLACE, []))
    assert let_in not in services_of(key_policy(["dynamodb"], PLACE, []))


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_nobody_outside_the_account_and_no_service_without_a_condition(service):
    policy = key_policy([service], PLACE, ["arn:aws:iam::123456789012:role/key-keeper"])
    assert len(json.dumps(policy)) < 32768
    for statement in policy["Statement"]:
        principal = statement["Principal"]
        assert principal != "*"
        if principal.get("AWS") == "*" or "Service" in principal:
            assert PLACE.account_id in json.dumps(statement["Condition"])


def test_every_key_stays_manageable_by_the_account():
    first = key_policy(["s3"], PLACE, [])["Statement"][0]
    assert (first["Principal"], first["Action"]) == ({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*")


def test_events_reach_an_encrypted_topic_although_they_name_no_source():
    """SNS user guide: a key's policy with source conditions does not work for EventBridge and encrypted topics."""
    (statement,) = [
        item for item in key_policy(["sns"], PLACE, [])["Statement"] if item["Principal"].get("Service") == "events.amazonaws.com"
    ]
    assert statement["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": "arn:aws:sns:us-east-1:123456789012:*"}}
    with_queues = key_policy(["sns", "sqs"], PLACE, [])["Statement"]
    assert statement in with_queues
    (others,) = [item for item in with_queues if item["Sid"] == "ServicesOfThisAccount"]
    assert "events.amazonaws.com" in others["Principal"]["Service"]


def test_auto_scaling_s_own_role_uses_and_grants_the_key_of_the_nodes_volumes():
    """It calls KMS itself, so no statement for services stands in; without it no node of an encrypted volume starts."""
    role = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*"
    let_in = [item for item in key_policy(["ebs"], PLACE, [])["Statement"] if role in json.dumps(item.get("Condition", {}))]
    actions = {item["Sid"]: item["Action"] for item in let_in}
    assert {"kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"} <= set(actions["NodeVolumes"])
    assert actions["NodeVolumeGrants"] == "kms:CreateGrant"
    assert [item["Condition"].get("Bool") for item in let_in] == [None, {"kms:GrantIsForAWSResource": "true"}]
