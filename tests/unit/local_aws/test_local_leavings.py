"""What stays of what is deleted, and how controllers' things are found."""

from __future__ import annotations

import boto3
import pytest

from local_aws.in_process import InProcessAws


@pytest.fixture
def account():
    with InProcessAws() as aws:
        yield aws


def test_tag_keys_are_alternatives(account):
    ec2 = boto3.client("ec2")
    tags = [{"Key": key, "Value": "x"} for key in ("a", "b")]
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}])
    for keys, found in ((["a", "c"], 1), (["c", "d"], 0), (["b"], 1)):
        assert len(ec2.describe_volumes(Filters=[{"Name": "tag-key", "Values": keys}])["Volumes"]) == found


def test_a_snapshot_names_the_key_of_its_volume(account):
    ec2, key = boto3.client("ec2"), boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True, KmsKeyId=key)["VolumeId"]
    ec2.create_snapshot(VolumeId=volume)
    (snapshot,) = [one for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] if one["VolumeId"] == volume]
    assert snapshot["KmsKeyId"] == key


@pytest.mark.parametrize("recovery", [True, False])
def test_a_deleted_table_with_recovery_leaves_a_backup(account, recovery):
    client, key = boto3.client("dynamodb"), boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    account.skip(3600)
    if recovery:
        client.update_continuous_backups(TableName="t", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    client.delete_table(TableName="t")
    found = client.list_backups(TableName="t", BackupType="ALL")["BackupSummaries"]
    assert [backup["BackupName"] for backup in found] == (["t$DeletedTableBackup"] if recovery else [])
    for backup in found:
        details = client.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]
        assert details["SourceTableFeatureDetails"]["SSEDescription"]["KMSMasterKeyArn"] == key
