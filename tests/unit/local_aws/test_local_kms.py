"""KMS as AWS has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture
def kms(client):
    return client("kms")


@pytest.fixture
def key(kms):
    return kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}], Description="d")["KeyMetadata"]["Arn"]


def test_tags_at_creation(kms, key):
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    kms.untag_resource(KeyId=key, TagKeys=["a"])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "c", "TagValue": "d"}])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "c", "TagValue": "d"}]


@pytest.mark.parametrize(("given", "shown"), [({}, 365), ({"RotationPeriodInDays": 90}, 90)])
def test_rotation_period(kms, key, given, shown):
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    kms.enable_key_rotation(KeyId=key, **given)
    status = kms.get_key_rotation_status(KeyId=key)
    assert (status["KeyRotationEnabled"], status["RotationPeriodInDays"]) == (True, shown)
    assert status["NextRotationDate"] > datetime.now(UTC) + timedelta(days=shown - 1)
    kms.disable_key_rotation(KeyId=key)
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)


@pytest.mark.parametrize(("given", "days"), [({}, 30), ({"PendingWindowInDays": 7}, 7)])
def test_deletion_and_back(kms, key, refused, given, days):
    kms.enable_key_rotation(KeyId=key)
    answer = kms.schedule_key_deletion(KeyId=key, **given)
    assert (answer["KeyState"], answer["PendingWindowInDays"]) == ("PendingDeletion", days)
    shown = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (shown["KeyState"], shown["Enabled"]) == ("PendingDeletion", False)
    assert shown["DeletionDate"] == answer["DeletionDate"]
    assert timedelta(days=days - 1) < shown["DeletionDate"] - datetime.now(UTC) <= timedelta(days=days)
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    refused("KMSInvalidStateException", kms.enable_key, KeyId=key)
    refused("KMSInvalidStateException", kms.schedule_key_deletion, KeyId=key)
    refused("KMSInvalidStateException", kms.create_alias, TargetKeyId=key, AliasName="alias/x")
    refused("KMSInvalidStateException", kms.tag_resource, KeyId=key, Tags=[])
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    refused("DisabledException", kms.enable_key_rotation, KeyId=key)
    refused("DisabledException", kms.encrypt, KeyId=key, Plaintext=b"x")
    refused("KMSInvalidStateException", kms.cancel_key_deletion, KeyId=key)
    kms.enable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True


def test_deletion_window_out_of_range(kms, key, refused):
    refused("ValidationException", kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_aliases(kms, key, refused):
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/one", TargetKeyId=key)
    refused("AlreadyExistsException", kms.create_alias, AliasName="alias/one", TargetKeyId=other)
    kms.update_alias(AliasName="alias/one", TargetKeyId=other)
    assert kms.describe_key(KeyId="alias/one")["KeyMetadata"]["KeyId"] == other
    kms.delete_alias(AliasName="alias/one")
    refused("NotFoundException", kms.describe_key, KeyId="alias/one")
    refused("NotFoundException", kms.delete_alias, AliasName="alias/one")


def test_policy_is_read_back(kms, key, refused):
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Allow", "Principal": "*"}]})
    kms.put_key_policy(KeyId=key, Policy=policy)
    assert kms.get_key_policy(KeyId=key)["Policy"] == policy
    refused("MalformedPolicyDocumentException", kms.put_key_policy, KeyId=key, Policy="{}")
    refused("MalformedPolicyDocumentException", kms.create_key, Policy="not json")


def test_conditional_deny_does_not_lock_out(kms, key, refused):
    deny = {"Effect": "Deny", "Principal": "*", "Action": ["kms:*"], "Resource": "*"}
    conditional = {**deny, "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}}
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Statement": [conditional]}))
    kms.describe_key(KeyId=key)
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Statement": [deny]}))
    refused("AccessDeniedException", kms.describe_key, KeyId=key)


def test_lists_come_in_pages(kms):
    for number in range(51):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{number}", TargetKeyId=key)
    first = kms.list_aliases()
    assert (len(first["Aliases"]), first["Truncated"]) == (50, True)
    pages = kms.get_paginator("list_aliases").paginate()
    names = [alias["AliasName"] for page in pages for alias in page["Aliases"]]
    assert len(names) == len(set(names)) > 50
    small = kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 20})
    assert [len(page["Keys"]) for page in small] == [20, 20, 11]


def test_encryption_works(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
