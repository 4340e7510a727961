"""What the diagrams and the issue say about the keys, read back with plain boto3."""

from __future__ import annotations

import datetime
import json

import pytest

PROD = {"storage", "rds", "dynamodb", "sns-sqs", "elasticache", "secrets", "eks"}
# Key of prod -> service principals and services (of kms:ViaService) that must be let in.
SERVES = {
    "storage": {"s3.{region}.amazonaws.com", "logs.{region}.amazonaws.com", "cloudtrail.amazonaws.com"},
    "rds": {"rds.{region}.amazonaws.com"},
    "dynamodb": {"dynamodb.{region}.amazonaws.com"},
    "sns-sqs": {"sns.amazonaws.com", "sns.{region}.amazonaws.com", "sqs.{region}.amazonaws.com", "cloudwatch.amazonaws.com"},
    "elasticache": {"elasticache.{region}.amazonaws.com"},
    "secrets": {"secretsmanager.{region}.amazonaws.com"},
    "eks": {"eks.{region}.amazonaws.com", "ec2.{region}.amazonaws.com"},
}
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)


def keys(platform):
    """Name (the last part of the alias) -> id of the key, of all aliases that are not AWS's own."""
    aliases = platform.client("kms").list_aliases()["Aliases"]
    return {
        alias["AliasName"].removeprefix(f"alias/{platform.environment}/"): alias["TargetKeyId"]
        for alias in aliases
        if not alias["AliasName"].startswith("alias/aws/")
    }


def metadata(platform):
    client = platform.client("kms")
    return {name: client.describe_key(KeyId=key_id)["KeyMetadata"] for name, key_id in keys(platform).items()}


def policies(platform):
    client = platform.client("kms")
    return {
        name: json.loads(client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"])["Statement"]
        for name, key_id in keys(platform).items()
    }


def let_in(statements):
    """The service principals, and the services through which callers may come."""
    found = set()
    for statement in statements:
        for value in (
            statement["Principal"].get("Service", []),
            statement.get("Condition", {}).get("StringEquals", {}).get("kms:ViaService", []),
        ):
            found.update([value] if isinstance(value, str) else value)
    return found


def test_dev_has_one_shared_key_and_prod_seven(platform):
    assert set(keys(platform)) == (PROD if platform.is_prod else {"shared"})


def test_no_two_aliases_share_a_key(platform):
    found = keys(platform)
    assert len(set(found.values())) == len(found)


def test_keys_are_enabled_symmetric_and_managed_by_the_customer(platform):
    for name, key in metadata(platform).items():
        assert (key["KeyState"], key["KeySpec"], key["KeyManager"]) == ("Enabled", "SYMMETRIC_DEFAULT", "CUSTOMER"), name


def test_keys_rotate_every_year(platform):
    for name, key_id in keys(platform).items():
        rotation = platform.client("kms").get_key_rotation_status(KeyId=key_id)
        assert (rotation["KeyRotationEnabled"], rotation["RotationPeriodInDays"]) == (True, 365), name


def test_keys_carry_their_address(platform):
    for name, key_id in keys(platform).items():
        tags = {tag["TagKey"]: tag["TagValue"] for tag in platform.client("kms").list_resource_tags(KeyId=key_id)["Tags"]}
        assert tags["agent-platform:address"] == f"kms_key/{name}"
        assert tags["agent-platform:environment"] == platform.environment
        assert tags["agent-platform:deployment"] == f"{platform.environment}-{platform.region}"


def test_each_service_can_use_its_key(platform):
    for name, statements in policies(platform).items():
        wanted = set().union(*SERVES.values()) if name == "shared" else SERVES[name]
        assert {service.format(region=platform.region) for service in wanted} <= let_in(statements), name


def test_prod_keys_serve_nobody_elses_service(deployed):
    granted = {name: let_in(statements) for name, statements in policies(deployed("prod")).items()}
    assert not granted["rds"] & granted["storage"]
    assert not granted["secrets"] & (granted["storage"] | granted["eks"])
    assert not granted["dynamodb"] & granted["elasticache"]


def test_no_principal_is_let_in_from_another_account(platform):
    for name, statements in policies(platform).items():
        for statement in statements:
            principal = statement["Principal"]
            assert principal != "*", name
            if principal.get("AWS") == "*" or "Service" in principal:
                assert platform.account_id in json.dumps(statement["Condition"]), (name, statement["Sid"])


def test_account_itself_keeps_control_of_every_key(platform):
    root = {"AWS": f"arn:aws:iam::{platform.account_id}:root"}
    for name, statements in policies(platform).items():
        assert any(item["Principal"] == root and item["Action"] == "kms:*" for item in statements), name


@both
def test_deleted_keys_wait_7_days_in_dev_and_30_in_prod(scratch):
    before = set(keys(scratch).values())
    done = scratch.run("playbooks/kms.yml", "-e", "kms_state=absent")
    assert done.returncode == 0, done.stdout
    assert keys(scratch) == {}
    for key_id in before:
        key = scratch.client("kms").describe_key(KeyId=key_id)["KeyMetadata"]
        assert key["KeyState"] == "PendingDeletion"
        left = key["DeletionDate"] - datetime.datetime.now(datetime.UTC)
        assert round(left / datetime.timedelta(days=1)) == (30 if scratch.is_prod else 7)


@both
def test_keys_that_wait_for_their_deletion_are_taken_back(scratch):
    before = keys(scratch)
    for state in ("absent", "present"):
        done = scratch.run("playbooks/kms.yml", "-e", f"kms_state={state}")
        assert done.returncode == 0, done.stdout
    assert keys(scratch) == before
    assert {key["KeyState"] for key in metadata(scratch).values()} == {"Enabled"}


@both
def test_a_disabled_key_is_enabled_again(scratch):
    name, key_id = sorted(keys(scratch).items())[0]
    scratch.client("kms").disable_key(KeyId=key_id)
    done = scratch.run("playbooks/kms.yml")
    assert done.returncode == 0, done.stdout
    assert metadata(scratch)[name]["KeyState"] == "Enabled"
