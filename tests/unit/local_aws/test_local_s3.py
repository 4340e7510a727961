"""S3 as AWS has it."""

from __future__ import annotations

import json

import pytest

ACCOUNT = "123456789012"
BUCKET = {"Bucket": "a-bucket"}


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3):
    s3.create_bucket(**BUCKET)
    return BUCKET["Bucket"]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect, principal, action, resource, **condition):
    item = {"Effect": effect, "Principal": principal, "Action": action, "Resource": resource}
    return {**item, "Condition": condition} if condition else item


TLS = statement("Deny", "*", "s3:*", ["arn:aws:s3:::a-bucket", "arn:aws:s3:::a-bucket/*"], Bool={"aws:SecureTransport": "false"})


def test_creation(client, refused):
    ireland = client("s3", "eu-west-1")
    ireland.create_bucket(
        **BUCKET,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1", "Tags": [{"Key": "a", "Value": "b"}]},
    )
    assert ireland.get_bucket_tagging(**BUCKET)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert ireland.get_bucket_versioning(**BUCKET)["Status"] == "Enabled"
    assert ireland.get_object_lock_configuration(**BUCKET)["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    again = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    refused("BucketAlreadyOwnedByYou", ireland.create_bucket, **BUCKET, **again)
    here = client("s3")
    here.create_bucket(Bucket="tagged-here", CreateBucketConfiguration={"Tags": [{"Key": "c", "Value": "d"}]})
    assert here.get_bucket_tagging(Bucket="tagged-here")["TagSet"] == [{"Key": "c", "Value": "d"}]
    refused("InvalidBucketAclWithObjectOwnership", here.create_bucket, Bucket="with-acl", ACL="log-delivery-write")


@pytest.mark.parametrize("name", ["Upper-case", "under_score", "192.168.0.1", "a..b", "sthree-abc", "abc-s3alias"])
def test_names_that_are_none(s3, refused, name):
    refused("InvalidBucketName", s3.create_bucket, Bucket=name)


def test_defaults_of_a_new_bucket(s3, bucket, refused):
    (rule,) = s3.get_bucket_encryption(**BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(s3.get_public_access_block(**BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_ownership_controls(**BUCKET)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    refused("AccessControlListNotSupported", s3.put_bucket_acl, **BUCKET, ACL="log-delivery-write")
    refused("NoSuchTagSet", s3.get_bucket_tagging, **BUCKET)


def test_lists_in_pages(s3, client):
    for name in ("p-b", "p-a", "q-a"):
        s3.create_bucket(Bucket=name)
    client("s3", "eu-west-1").create_bucket(Bucket="p-c", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    found = s3.list_buckets(Prefix="p-")["Buckets"]
    assert [(item["Name"], item["BucketRegion"]) for item in found] == [
        ("p-a", "us-east-1"),
        ("p-b", "us-east-1"),
        ("p-c", "eu-west-1"),
    ]
    assert [item["Name"] for item in s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]] == ["p-c"]
    pages = s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 3})
    assert [[item["Name"] for item in page["Buckets"]] for page in pages] == [["p-a", "p-b", "p-c"], ["q-a"]]


def test_encryption(s3, bucket):
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/dev/shared"},
        "BucketKeyEnabled": True,
    }
    s3.put_bucket_encryption(**BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(**BUCKET)["ServerSideEncryptionConfiguration"]["Rules"] == [rule]
    s3.delete_bucket_encryption(**BUCKET)
    (rule,) = s3.get_bucket_encryption(**BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_public_access_block(s3, bucket, refused):
    public = document(statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::a-bucket/*"))
    refused("AccessDenied", s3.put_bucket_policy, **BUCKET, Policy=public)
    wanted = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    s3.put_public_access_block(**BUCKET, PublicAccessBlockConfiguration=wanted)
    assert s3.get_public_access_block(**BUCKET)["PublicAccessBlockConfiguration"] == wanted
    s3.put_bucket_policy(**BUCKET, Policy=public)
    s3.delete_public_access_block(**BUCKET)
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, **BUCKET)


def test_policies(s3, bucket, refused):
    s3.put_bucket_policy(**BUCKET, Policy=document(TLS))
    assert json.loads(s3.get_bucket_policy(**BUCKET)["Policy"])["Statement"] == [TLS]
    s3.put_object(**BUCKET, Key="k", Body=b"x")
    s3.head_object(**BUCKET, Key="k")
    assert s3.get_object(**BUCKET, Key="k")["Body"].read() == b"x"
    s3.delete_object(**BUCKET, Key="k")
    refused("MalformedPolicy", s3.put_bucket_policy, **BUCKET, Policy="{}")
    refused("MalformedPolicy", s3.put_bucket_policy, **BUCKET, Policy="none")
    other = statement("Deny", "*", "s3:*", "arn:aws:s3:::other/*")
    refused("MalformedPolicy", s3.put_bucket_policy, **BUCKET, Policy=document(other))


def test_a_denial_whose_condition_holds_denies(s3, bucket, refused):
    unencrypted = statement(
        "Deny",
        "*",
        "s3:PutObject",
        "arn:aws:s3:::a-bucket/*",
        StringNotEquals={"s3:x-amz-server-side-encryption": "aws:kms"},
    )
    s3.put_bucket_policy(**BUCKET, Policy=document(TLS, unencrypted))
    refused("403", s3.put_object, **BUCKET, Key="k", Body=b"x")
    s3.put_object(**BUCKET, Key="k", Body=b"x", ServerSideEncryption="aws:kms")


RULES = [
    {
        "ID": "all",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "p/", "ObjectSizeGreaterThan": 10, "Tags": [{"Key": "a", "Value": "b"}]}},
        "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER_IR"}],
        "Expiration": {"Days": 365},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 3},
        "NoncurrentVersionTransitions": [{"NoncurrentDays": 30, "StorageClass": "STANDARD_IA", "NewerNoncurrentVersions": 2}],
    },
    {"ID": "abort", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    {"ID": "size", "Status": "Disabled", "Filter": {"ObjectSizeGreaterThan": 128}, "Expiration": {"Days": 1}},
    {"ID": "prefix", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
]


def test_lifecycle_is_read_back_whole(s3, bucket, refused):
    s3.put_bucket_lifecycle_configuration(
        **BUCKET,
        LifecycleConfiguration={"Rules": RULES},
        TransitionDefaultMinimumObjectSize="varies_by_storage_class",
    )
    answer = s3.get_bucket_lifecycle_configuration(**BUCKET)
    assert answer["Rules"] == RULES
    assert answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    s3.delete_bucket_lifecycle(**BUCKET)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, **BUCKET)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Transitions": [{"Days": 29, "StorageClass": "STANDARD_IA"}]},
        {"Transitions": [{"Days": 90, "StorageClass": "STANDARD_IA"}, {"Days": 30, "StorageClass": "GLACIER_IR"}]},
        {"Transitions": [{"Days": 90, "StorageClass": "GLACIER"}], "Expiration": {"Days": 90}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}},
    ],
)
def test_lifecycle_out_of_order(s3, bucket, refused, wrong):
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, **wrong}
    put = s3.put_bucket_lifecycle_configuration
    refused("InvalidArgument", put, **BUCKET, LifecycleConfiguration={"Rules": [rule]})


@pytest.mark.parametrize("condition", [{}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}])
def test_logging_by_policy(s3, bucket, refused, condition):
    s3.create_bucket(Bucket="the-logs")
    wanted = {
        "TargetBucket": "the-logs",
        "TargetPrefix": "a-bucket/",
        "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
    }
    status = {"LoggingEnabled": wanted}
    refused("InvalidTargetBucketForLogging", s3.put_bucket_logging, **BUCKET, BucketLoggingStatus=status)
    deliver = statement("Allow", {"Service": "logging.s3.amazonaws.com"}, "s3:PutObject", ["arn:aws:s3:::the-logs/*"], **condition)
    deny = {**TLS, "Resource": ["arn:aws:s3:::the-logs/*"]}
    s3.put_bucket_policy(Bucket="the-logs", Policy=document(deny, deliver))
    s3.put_bucket_logging(**BUCKET, BucketLoggingStatus=status)
    assert s3.get_bucket_logging(**BUCKET)["LoggingEnabled"] == wanted
    assert "Contents" not in s3.list_objects_v2(Bucket="the-logs")
    s3.put_bucket_logging(**BUCKET, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(**BUCKET)


def retention(mode, **period):
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": mode, **period}}}


def test_object_lock(s3, refused):
    s3.create_bucket(**BUCKET, ObjectLockEnabledForBucket=True)
    refused("InvalidBucketState", s3.put_bucket_versioning, **BUCKET, VersioningConfiguration={"Status": "Suspended"})
    for wanted in (retention("COMPLIANCE", Days=365), retention("GOVERNANCE", Years=1)):
        s3.put_object_lock_configuration(**BUCKET, ObjectLockConfiguration=wanted)
        assert s3.get_object_lock_configuration(**BUCKET)["ObjectLockConfiguration"] == wanted
    version = s3.put_object(**BUCKET, Key="k", Body=b"x")["VersionId"]
    refused("AccessDenied", s3.delete_object, **BUCKET, Key="k", VersionId=version)
    s3.delete_object(**BUCKET, Key="k", VersionId=version, BypassGovernanceRetention=True)
    s3.put_object_lock_configuration(**BUCKET, ObjectLockConfiguration=retention("COMPLIANCE", Days=1))
    version = s3.put_object(**BUCKET, Key="k", Body=b"x")["VersionId"]
    refused("AccessDenied", s3.delete_object, **BUCKET, Key="k", VersionId=version, BypassGovernanceRetention=True)
    refused("BucketNotEmpty", s3.delete_bucket, **BUCKET)


def test_object_lock_on_a_bucket_that_stands(s3, bucket, refused):
    wanted = retention("GOVERNANCE", Days=1)
    put = s3.put_object_lock_configuration
    refused("InvalidBucketState", put, **BUCKET, ObjectLockConfiguration=wanted)
    s3.put_object(**BUCKET, Key="k", Body=b"x")
    s3.put_bucket_versioning(**BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put(**BUCKET, ObjectLockConfiguration=wanted)
    assert s3.get_object_lock_configuration(**BUCKET)["ObjectLockConfiguration"] == wanted
