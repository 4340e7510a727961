"""Buckets that hold something: what a deletion refuses, keeps and deletes, and what a lock allows."""

from __future__ import annotations

import boto3
import pytest
from support import tiers

BASE = "agent-prod-123456789012-us-east-1"
BUCKETS = {"backups", "knowledge-documents", "audit-logs", "access-logs"}


@pytest.fixture
def storage(prepare):
    """The storage tier of the contract, all of it standing."""
    prepared = prepare("s3")
    prepared.on_whole()
    return prepared


def put(purpose, key="a", **more):
    return boto3.client("s3").put_object(Bucket=f"{BASE}-{purpose}", Key=key, Body=b"x", **more)["VersionId"]


def standing():
    return {bucket["Name"].removeprefix(f"{BASE}-") for bucket in boto3.client("s3").list_buckets()["Buckets"]}


def absent(storage, **more):
    return tiers.attempt(storage.tier, {**storage.parameters, "state": "absent", **more})


def operations(storage):
    return [request.operation for request in storage.aws.writes()]


def test_a_bucket_that_holds_something_stops_the_deletion_before_it_begins(storage):
    put("backups")
    put("backups")
    boto3.client("s3").delete_object(Bucket=f"{BASE}-backups", Key="a")
    storage.aws.clear_requests()
    result = absent(storage)
    assert result["failed"]
    assert f"s3_bucket/backups: {BASE}-backups holds 3 object versions; set s3_destroy_data: true" in result["msg"]
    assert operations(storage) == []


def test_told_twice_it_is_deleted_with_all_versions(storage):
    put("backups")
    put("backups")
    boto3.client("s3").delete_object(Bucket=f"{BASE}-backups", Key="a")
    assert not absent(storage, destroy_data=True).get("failed")
    assert standing() == set()


def test_the_log_bucket_goes_last(storage):
    storage.aws.settings.fault(operation="DeleteBucket", nth=1, code="AccessDenied", status=403)
    try:
        assert absent(storage)["failed"]
    finally:
        storage.aws.settings.clear()
    assert "access-logs" in standing()


def test_logs_that_arrive_during_the_deletion_are_deleted_too(storage):
    arrived = []

    def deliver(call):
        if not arrived:
            arrived.append(put("access-logs", "late"))

    put("access-logs")
    storage.aws.settings.fault(operation="DeleteObjects", when="after", callback=deliver)
    try:
        result = absent(storage, destroy_data=True)
    finally:
        storage.aws.settings.clear()
    assert not result.get("failed")
    assert arrived and standing() == set()


def test_what_arrives_during_a_deletion_that_may_not_delete_it_is_named(storage):
    storage.aws.settings.fault(operation="DeleteBucket", nth=1, callback=lambda call: put("access-logs", "late"))
    try:
        result = absent(storage)
    finally:
        storage.aws.settings.clear()
    assert result["failed"]
    assert f"{BASE}-access-logs got new objects while it was being deleted: run again" in result["msg"]


@pytest.mark.parametrize("told_twice", [False, True])
def test_what_a_lock_holds_stays_with_its_bucket_until_a_date(storage, told_twice):
    """The lock is in governance mode, which the caller might pass: it never does."""
    put("audit-logs")
    result = absent(storage, destroy_data=told_twice)
    assert not result.get("failed")
    kept = {item["address"]: item["reason"] for item in result["kept"]}
    assert "object lock keeps objects in it until at least 20" in kept.pop("s3_bucket/audit-logs")
    # The bucket for its access logs.
    assert kept == {"s3_bucket/access-logs": "s3_bucket/audit-logs, which is kept, rests on it"}
    assert standing() == {"audit-logs", "access-logs"}
    assert not any("governance" in str(request).lower() for request in storage.aws.requests)


def test_a_legal_hold_keeps_a_bucket(storage):
    version = put("audit-logs", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate="2020-01-01T00:00:00Z")
    client = boto3.client("s3")
    client.put_object_legal_hold(Bucket=f"{BASE}-audit-logs", Key="a", VersionId=version, LegalHold={"Status": "ON"})
    kept = {item["address"]: item["reason"] for item in absent(storage, destroy_data=True)["kept"]}
    assert "a legal hold keeps objects in it" in kept["s3_bucket/audit-logs"]


def test_a_bucket_that_is_no_longer_in_the_configuration(storage):
    put("backups")
    rest = {purpose: bucket for purpose, bucket in storage.parameters["buckets"].items() if purpose != "backups"}
    without = {**storage.parameters, "buckets": rest}
    result = tiers.run(storage.tier, without)
    assert (result["plan"], result["unmanaged"]) == ([], ["s3_bucket/backups"])
    result = tiers.attempt(storage.tier, {**without, "state": "absent", "destroy_data": True})
    assert result["failed"] and "it is not in s3_buckets any more" in result["msg"]
    assert standing() == BUCKETS


def test_a_lock_can_be_added_to_a_bucket_in_use_and_not_be_taken_off(storage):
    put("backups")
    locked = {**storage.parameters["buckets"], "backups": {"lock_mode": "GOVERNANCE", "lock_days": 3}}
    changed = tiers.run(storage.tier, {**storage.parameters, "buckets": locked})
    assert {("s3_bucket/backups", "update", "object_lock")} <= tiers.changes(changed)
    assert tiers.run(storage.tier, {**storage.parameters, "buckets": locked})["plan"] == []
    result = tiers.attempt(storage.tier, storage.parameters)
    assert result["failed"] and "object_lock_enabled" in result["msg"]


def test_another_prefix_is_refused(storage):
    result = tiers.attempt(storage.tier, {**storage.parameters, "prefix": "other"})
    assert result["failed"] and f"name: {BASE}-backups -> other-" in result["msg"]
    assert operations(storage) == []


def test_the_buckets_of_a_neighbour_with_another_prefix_are_not_ours(storage):
    theirs = {"agent-platform:deployment": "other", "agent-platform:tier": "s3", "agent-platform:address": "s3_bucket/backups"}
    tags = [{"Key": key, "Value": value} for key, value in theirs.items()]
    boto3.client("s3").create_bucket(
        Bucket="neighbour-prod-123456789012-us-east-1-backups", CreateBucketConfiguration={"Tags": tags}
    )
    result = tiers.run(storage.tier, storage.parameters)
    assert (result["plan"], result["unmanaged"]) == ([], [])


def test_a_bucket_under_our_name_without_our_tags_is_not_taken_over(storage):
    boto3.client("s3").delete_bucket_tagging(Bucket=f"{BASE}-backups")
    storage.aws.clear_requests()
    result = tiers.attempt(storage.tier, storage.parameters)
    assert result["failed"] and f"{BASE}-backups exists already and is not tagged as made by deployment" in result["msg"]
    assert operations(storage) == []


def test_an_answer_that_is_lost_does_not_stop_the_creation(prepare):
    """Where S3 says BucketAlreadyOwnedByYou to the second attempt: everywhere but in us-east-1."""
    prepared = prepare("s3")
    prepared.on_ground()
    keys = tiers.load("kms")
    there = {"region": "eu-west-1", "deployment": None}
    tiers.run(keys, {**tiers.with_defaults(keys, {"key_for": {"s3": "storage"}}), **there})
    prepared.aws.settings.fault(operation="CreateBucket", nth=1, times=2, when="after", drop=True)
    try:
        tiers.run(prepared.tier, {**prepared.parameters, **there})
    finally:
        prepared.aws.settings.clear()
    assert tiers.run(prepared.tier, {**prepared.parameters, **there})["plan"] == []


def test_reads_of_a_run_without_changes(storage):
    """S3 has no bulk form but for the list of buckets: tags and eight settings are read for each."""
    tiers.run(storage.tier, storage.parameters)
    calls = [request.operation for request in storage.aws.requests if request.service == "s3"]
    per_bucket = {
        "GetBucketTagging",
        "GetBucketVersioning",
        "GetPublicAccessBlock",
        "GetBucketOwnershipControls",
        "GetBucketEncryption",
        "GetBucketPolicy",
        "GetObjectLockConfiguration",
        "GetBucketLifecycleConfiguration",
        "GetBucketLogging",
    }
    counts = {operation: calls.count(operation) for operation in calls}
    assert counts == {"ListBuckets": 1, **dict.fromkeys(per_bucket, len(BUCKETS))}
