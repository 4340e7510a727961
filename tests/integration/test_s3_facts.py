"""What the diagrams and the issue say about the buckets, read back with plain boto3."""

from __future__ import annotations

import functools
import json
import uuid

import pytest
from botocore.exceptions import ClientError

PURPOSES = {
    "knowledge-documents",
    "document-chunks",
    "user-uploads",
    "backups",
    "audit-logs",
    "model-artifacts",
    "access-logs",
}
ENCRYPTED = PURPOSES - {"access-logs"}


def base(platform):
    return f"agent-{platform.environment}-{platform.account_id}-{platform.region}-"


def each(platform, operation, purposes=PURPOSES):
    """Purpose -> answer of a reading operation."""
    read = getattr(platform.client("s3"), operation)
    return {purpose: read(Bucket=base(platform) + purpose) for purpose in purposes}


def rules(platform, purpose):
    """Lifecycle rules of a bucket, all of them enabled and for every object."""
    (answer,) = each(platform, "get_bucket_lifecycle_configuration", {purpose}).values()
    for rule in answer["Rules"]:
        assert rule["Status"] == "Enabled"
        assert rule["Filter"] in ({}, {"Prefix": ""})
    return answer["Rules"]


def only(items, key):
    """The one value under ``key`` that any rule has, or None."""
    found = [item[key] for item in items if key in item]
    assert len(found) <= 1
    return found[0] if found else None


def test_there_are_seven_buckets(platform):
    names = {bucket["Name"] for bucket in platform.client("s3").list_buckets()["Buckets"]}
    assert names == {base(platform) + purpose for purpose in PURPOSES}
    assert all(len(name) <= 63 for name in names)


def test_buckets_say_who_owns_them(platform):
    for purpose, answer in each(platform, "get_bucket_tagging").items():
        tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
        assert tags["agent-platform:deployment"] == platform.deployment
        assert tags["agent-platform:environment"] == platform.environment
        assert tags["agent-platform:address"] == f"s3_bucket/{purpose}"


def test_buckets_are_versioned(platform):
    assert {answer["Status"] for answer in each(platform, "get_bucket_versioning").values()} == {"Enabled"}


def test_buckets_block_public_access(platform):
    for answer in each(platform, "get_public_access_block").values():
        assert set(answer["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(answer["PublicAccessBlockConfiguration"]) == 4


def test_bucket_owner_owns_every_object(platform):
    for answer in each(platform, "get_bucket_ownership_controls").values():
        assert answer["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_buckets_are_encrypted_with_the_storage_key_and_a_bucket_key(platform):
    alias = f"alias/{platform.environment}/{'storage' if platform.is_prod else 'shared'}"
    key = platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    for answer in each(platform, "get_bucket_encryption", ENCRYPTED).values():
        (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
        assert rule["BucketKeyEnabled"] is True


def test_access_logs_are_encrypted_with_what_log_delivery_can_write(platform):
    answer = each(platform, "get_bucket_encryption", {"access-logs"})["access-logs"]
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def statements(platform):
    """Purpose -> Sid -> statement."""
    policies = {purpose: json.loads(answer["Policy"]) for purpose, answer in each(platform, "get_bucket_policy").items()}
    return {purpose: {item["Sid"]: item for item in policy["Statement"]} for purpose, policy in policies.items()}


def test_buckets_take_nothing_but_tls(platform):
    for purpose, found in statements(platform).items():
        arn = f"arn:aws:s3:::{base(platform)}{purpose}"
        for sid, condition in {
            "TlsOnly": {"Bool": {"aws:SecureTransport": "false"}},
            "CurrentTlsOnly": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        }.items():
            assert found[sid]["Effect"] == "Deny"
            assert (found[sid]["Principal"], found[sid]["Action"]) == ("*", "s3:*")
            assert set(found[sid]["Resource"]) == {arn, f"{arn}/*"}
            assert found[sid]["Condition"] == condition


def test_nobody_is_let_in_by_a_policy_but_log_delivery(platform):
    allowed = [item for found in statements(platform).values() for item in found.values() if item["Effect"] == "Allow"]
    bucket = f"arn:aws:s3:::{base(platform)}access-logs"
    assert {item["Principal"]["Service"]: item["Resource"] for item in allowed} == {
        "logging.s3.amazonaws.com": f"{bucket}/*",
        "logdelivery.elasticloadbalancing.amazonaws.com": f"{bucket}/alb/AWSLogs/{platform.account_id}/*",
        "delivery.logs.amazonaws.com": f"{bucket}/cloudfront/*",
    }
    for statement in allowed:
        assert platform.account_id in json.dumps(statement["Condition"])


def test_buckets_log_accesses_each_under_a_prefix(platform):
    for purpose, answer in each(platform, "get_bucket_logging", ENCRYPTED).items():
        assert answer["LoggingEnabled"]["TargetBucket"] == f"{base(platform)}access-logs"
        assert answer["LoggingEnabled"]["TargetPrefix"] == f"{purpose}/"


def test_access_logs_do_not_log_themselves(platform):
    assert "LoggingEnabled" not in each(platform, "get_bucket_logging", {"access-logs"})["access-logs"]


def test_stale_uploads_are_given_up_everywhere(platform):
    for purpose in PURPOSES:
        assert only(rules(platform, purpose), "AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 7}


def test_user_uploads_expire_at_90_days(platform):
    assert only(rules(platform, "user-uploads"), "Expiration") == {"Days": 90}


def test_expired_uploads_are_gone_soon_after(platform):
    assert only(rules(platform, "user-uploads"), "NoncurrentVersionExpiration") == {"NoncurrentDays": 7}


def test_backups_go_down_to_cheaper_storage_in_prod_and_expire_in_dev(platform):
    found = rules(platform, "backups")
    steps = {step["StorageClass"]: step["Days"] for step in only(found, "Transitions") or []}
    assert steps == ({"STANDARD_IA": 30, "GLACIER_IR": 90, "DEEP_ARCHIVE": 180} if platform.is_prod else {})
    assert only(found, "Expiration") == (None if platform.is_prod else {"Days": 30})


def test_old_versions_of_knowledge_documents_expire_and_documents_do_not(platform):
    found = rules(platform, "knowledge-documents")
    assert only(found, "NoncurrentVersionExpiration") == {"NoncurrentDays": 90}
    assert only(found, "Expiration") == {"ExpiredObjectDeleteMarker": True}


@pytest.mark.parametrize("purpose", ["document-chunks", "audit-logs", "model-artifacts"])
def test_nothing_else_expires(platform, purpose):
    assert [rule["ID"] for rule in rules(platform, purpose)] == ["abort-stale-uploads"]


def test_audit_logs_are_locked_with_retention(platform):
    answer = each(platform, "get_object_lock_configuration", {"audit-logs"})["audit-logs"]["ObjectLockConfiguration"]
    assert answer["ObjectLockEnabled"] == "Enabled"
    retention = answer["Rule"]["DefaultRetention"]
    expected = ("COMPLIANCE", 365) if platform.is_prod else ("GOVERNANCE", 7)
    assert (retention["Mode"], retention["Days"]) == expected


def test_no_other_bucket_has_a_lock(platform):
    for purpose in PURPOSES - {"audit-logs"}:
        with pytest.raises(ClientError, match="ObjectLockConfigurationNotFoundError"):
            each(platform, "get_object_lock_configuration", {purpose})


@pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
def test_a_document_is_encrypted_and_keeps_its_versions(scratch):
    client, bucket = scratch.client("s3"), base(scratch) + "knowledge-documents"
    key = f"{uuid.uuid4()}.txt"
    put = functools.partial(client.put_object, Bucket=bucket, Key=key)
    versions = [put(Body=text)["VersionId"] for text in (b"one", b"two")]
    assert client.get_object(Bucket=bucket, Key=key, VersionId=versions[0])["Body"].read() == b"one"
    assert client.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "aws:kms"


@pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
@pytest.mark.parametrize(
    ("purpose", "key"),
    [
        ("knowledge-documents", "handbook/2026.pdf"),
        ("document-chunks", "handbook/2026/0001.txt"),
        ("user-uploads", "mail/u1/a.txt"),
    ],
)
def test_an_object_is_found_by_its_key_and_under_its_path(scratch, purpose, key):
    client, bucket = scratch.client("s3"), base(scratch) + purpose
    client.put_object(Bucket=bucket, Key=key, Body=b"text")
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"text"
    listed = client.list_objects_v2(Bucket=bucket, Prefix=key.rsplit("/", 1)[0] + "/")["Contents"]
    assert [item["Key"] for item in listed] == [key]


@pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
def test_an_audit_record_cannot_be_deleted_in_its_time(scratch):
    client, bucket = scratch.client("s3"), base(scratch) + "audit-logs"
    version = client.put_object(Bucket=bucket, Key="record", Body=b"x")["VersionId"]
    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=bucket, Key="record", VersionId=version)
