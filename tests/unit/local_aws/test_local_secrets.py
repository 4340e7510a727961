"""Secrets Manager as AWS has it."""

from __future__ import annotations

import json

import pytest

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def api(client):
    return client("secretsmanager")


@pytest.fixture
def arn(api):
    return api.create_secret(Name="prod/key", Description="d", Tags=[{"Key": "a", "Value": "b"}])["ARN"]


def test_a_secret_without_a_value(api, arn, refused):
    shown = api.describe_secret(SecretId="prod/key")
    assert (shown["ARN"], shown["Name"], shown["Description"]) == (arn, "prod/key", "d")
    assert {"KmsKeyId", "DeletedDate", "VersionIdsToStages", "ReplicationStatus"}.isdisjoint(shown)
    assert "AWSCURRENT" in refused("ResourceNotFoundException", api.get_secret_value, SecretId=arn)
    (listed,) = api.list_secrets(Filters=[{"Key": "name", "Values": ["prod/"]}])["SecretList"]
    assert "SecretVersionsToStages" not in listed
    assert api.list_secrets(Filters=[{"Key": "name", "Values": ["dev/"]}])["SecretList"] == []


def test_a_deleted_secret_takes_nothing_keeps_its_name_and_comes_back(api, arn, refused):
    api.put_secret_value(SecretId=arn, SecretString="x")
    api.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
    assert api.list_secrets()["SecretList"] == []
    assert api.describe_secret(SecretId="prod/key")["DeletedDate"]
    code = "InvalidRequestException"
    assert "scheduled for deletion" in refused(code, api.create_secret, Name="prod/key")
    refused(code, api.get_secret_value, SecretId=arn)
    refused(code, api.put_secret_value, SecretId=arn, SecretString="y")
    refused(code, api.update_secret, SecretId=arn, Description="y")
    refused(code, api.tag_resource, SecretId=arn, Tags=[{"Key": "a", "Value": "c"}])
    refused(code, api.untag_resource, SecretId=arn, TagKeys=["a"])
    refused(code, api.get_resource_policy, SecretId=arn)
    refused(code, api.put_resource_policy, SecretId=arn, ResourcePolicy=json.dumps(POLICY))
    refused(code, api.delete_resource_policy, SecretId=arn)
    refused(code, api.replicate_secret_to_regions, SecretId=arn, AddReplicaRegions=[{"Region": "eu-west-1"}])
    api.restore_secret(SecretId=arn)
    assert api.get_secret_value(SecretId="prod/key")["SecretString"] == "x"
    refused("ResourceExistsException", api.create_secret, Name="prod/key")


@pytest.mark.parametrize("days", [6, 31])
def test_recovery_window_out_of_range(api, arn, refused, days):
    refused("InvalidParameterException", api.delete_secret, SecretId=arn, RecoveryWindowInDays=days)


def test_names_and_values_that_aws_refuses(api, arn, refused):
    refused("ValidationException", api.create_secret, Name="a b")
    refused("ValidationException", api.create_secret, Name="ü")
    refused("ValidationException", api.create_secret, Name="long", SecretString="x" * 65537)
    refused("ValidationException", api.put_secret_value, SecretId=arn, SecretString="ß" * 32769)
    refused("ValidationException", api.update_secret, SecretId=arn, SecretString="x" * 65537)
    api.put_secret_value(SecretId=arn, SecretString="x" * 65536)


def test_policies_that_aws_refuses(api, arn, refused):
    refused("MalformedPolicyDocumentException", api.put_resource_policy, SecretId=arn, ResourcePolicy="{}")
    refused("MalformedPolicyDocumentException", api.put_resource_policy, SecretId=arn, ResourcePolicy="no JSON")
    public = json.dumps(POLICY)
    refused("PublicPolicyException", api.put_resource_policy, SecretId=arn, ResourcePolicy=public, BlockPublicPolicy=True)
    assert "ResourcePolicy" not in api.get_resource_policy(SecretId=arn)
    api.put_resource_policy(SecretId=arn, ResourcePolicy=public)
    assert api.get_resource_policy(SecretId=arn)["ResourcePolicy"] == public


def test_details_change_one_by_one(api, arn):
    api.update_secret(SecretId=arn, KmsKeyId="some-key")
    api.update_secret(SecretId=arn, Description="")
    shown = api.describe_secret(SecretId=arn)
    assert shown["KmsKeyId"] == "some-key" and not shown.get("Description")
    assert shown["Tags"] == [{"Key": "a", "Value": "b"}]


def test_replicas(api, arn, client, refused):
    there = client("secretsmanager", "eu-west-1")
    regions = [{"Region": "eu-west-1", "KmsKeyId": "key-there"}, {"Region": "eu-central-1"}]
    api.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=regions)
    keys = {item["Region"]: item["KmsKeyId"] for item in api.describe_secret(SecretId=arn)["ReplicationStatus"]}
    assert keys == {"eu-west-1": "key-there", "eu-central-1": "alias/aws/secretsmanager"}
    refused("InvalidParameterException", api.replicate_secret_to_regions, SecretId=arn, AddReplicaRegions=regions[:1])
    refused("InvalidParameterException", there.put_secret_value, SecretId="prod/key", SecretString="x")
    refused("InvalidParameterException", api.delete_secret, SecretId=arn)
    api.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=["eu-west-1", "eu-central-1"])
    assert there.list_secrets()["SecretList"] == []
    there.create_secret(Name="prod/key")
    status = api.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=regions[:1])["ReplicationStatus"]
    assert [(item["Status"], "prod/key" in item["StatusMessage"]) for item in status] == [("Failed", True)]
