"""Buckets, tables and log groups."""

from __future__ import annotations

from typing import Any

from .scene import Scene, Touch, changed, missing, mutation, widened

LOGS = ("log_group", "edge_log_group")


def bucket(at: Scene) -> tuple[str, str]:
    address, item = at.pick("s3_bucket")
    return address, item["id"]


def unlocked(at: Scene) -> tuple[str, str]:
    """A bucket whose versions are not locked: S3 lets no one suspend those."""
    address, item = at.pick("s3_bucket", where=lambda name: name != "audit-logs")
    return address, item["id"]


@mutation("s3")
def bucket_encrypted_otherwise(at: Scene) -> Touch:
    s3, found = at.client("s3"), []
    for address, item in at.all("s3_bucket"):
        rule = s3.get_bucket_encryption(Bucket=item["id"])["ServerSideEncryptionConfiguration"]["Rules"][0]
        found += [(address, item["id"])] if rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] != "AES256" else []
    address, name = at.one(found)
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    return changed(address, "encrypted with S3's own key")


@mutation("s3")
def bucket_policy_widened(at: Scene) -> Touch:
    address, name = bucket(at)
    s3 = at.client("s3")
    policy = s3.get_bucket_policy(Bucket=name)["Policy"]
    s3.put_bucket_policy(Bucket=name, Policy=widened(policy, "s3:GetObject", f"arn:aws:s3:::{name}/*"))
    return changed(address, "a stranger in its policy")


@mutation("s3")
def bucket_policy_deleted(at: Scene) -> Touch:
    address, name = bucket(at)
    at.client("s3").delete_bucket_policy(Bucket=name)
    return changed(address, "policy deleted")


@mutation("s3")
def bucket_lifecycle_deleted(at: Scene) -> Touch:
    address, name = bucket(at)
    at.client("s3").get_bucket_lifecycle_configuration(Bucket=name)
    at.client("s3").delete_bucket_lifecycle(Bucket=name)
    return changed(address, "lifecycle deleted")


@mutation("s3")
def bucket_lifecycle_shortened(at: Scene) -> Touch:
    address, name = bucket(at)
    rule = {"ID": "by-hand", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": at.rng.randint(1, 9)}}
    s3 = at.client("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [*rules, rule]})
    return changed(address, "another rule in its lifecycle")


@mutation("s3")
def bucket_versions_suspended(at: Scene) -> Touch:
    s3, found = at.client("s3"), []
    for address, item in at.all("s3_bucket"):
        on = s3.get_bucket_versioning(Bucket=item["id"]).get("Status") == "Enabled"
        found += [(address, item["id"])] if on and not address.endswith("/audit-logs") else []
    address, name = at.one(found)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    return changed(address, "versions suspended")


@mutation("s3")
def bucket_public_block_removed(at: Scene) -> Touch:
    address, name = bucket(at)
    at.client("s3").delete_public_access_block(Bucket=name)
    return changed(address, "may be public")


@mutation("s3")
def bucket_public_block_weakened(at: Scene) -> Touch:
    address, name = bucket(at)
    s3 = at.client("s3")
    standing = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    one = at.one(sorted(standing))
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={**standing, one: False})
    return changed(address, f"{one} off")


@mutation("s3")
def bucket_owner_of_objects(at: Scene) -> Touch:
    address, name = bucket(at)
    rules = [{"ObjectOwnership": "BucketOwnerPreferred"}]
    at.client("s3").put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": rules})
    return changed(address, "takes ACLs")


@mutation("s3")
def bucket_log_off(at: Scene) -> Touch:
    s3 = at.client("s3")
    found = [
        (address, one["id"])
        for address, one in at.all("s3_bucket")
        if s3.get_bucket_logging(Bucket=one["id"]).get("LoggingEnabled")
    ]
    address, name = at.one(found)
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    return changed(address, "no access log")


@mutation("s3")
def bucket_deleted(at: Scene) -> Touch:
    address, name = bucket(at)
    at.client("s3").delete_bucket(Bucket=name)
    return missing(address)


def table(at: Scene) -> tuple[str, str]:
    address, item = at.pick("dynamodb_table")
    return address, item["name"]


def described(at: Scene, name: str) -> dict[str, Any]:
    return at.client("dynamodb").describe_table(TableName=name)["Table"]


@mutation("dynamodb")
def table_ttl_off(at: Scene) -> Touch:
    client, found = at.client("dynamodb"), []
    for address, item in at.all("dynamodb_table"):
        ttl = client.describe_time_to_live(TableName=item["name"])["TimeToLiveDescription"]
        found += [(address, item["name"], ttl["AttributeName"])] if ttl["TimeToLiveStatus"] == "ENABLED" else []
    address, name, attribute = at.one(found)
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": False, "AttributeName": attribute})
    return changed(address, "no time to live")


@mutation("dynamodb")
def table_recovery_turned(at: Scene) -> Touch:
    address, name = table(at)
    client = at.client("dynamodb")
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    on = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": not on})
    return changed(address, f"point-in-time recovery {not on}")


def provisioned(at: Scene) -> tuple[str, str]:
    """A table that was on demand, with a capacity."""
    address, name = table(at)
    units = {"ReadCapacityUnits": at.rng.randint(1, 9), "WriteCapacityUnits": at.rng.randint(1, 9)}
    indexes = described(at, name).get("GlobalSecondaryIndexes") or ()
    more = [{"Update": {"IndexName": index["IndexName"], "ProvisionedThroughput": units}} for index in indexes]
    at.client("dynamodb").update_table(
        TableName=name,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=units,
        **({"GlobalSecondaryIndexUpdates": more} if more else {}),
    )
    return address, name


@mutation("dynamodb")
def table_provisioned(at: Scene) -> Touch:
    return changed(provisioned(at)[0], "provisioned")


@mutation("dynamodb")
def table_provisioned_and_scaling(at: Scene) -> Touch:
    address, name = provisioned(at)
    who = {"ServiceNamespace": "dynamodb", "ResourceId": f"table/{name}", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"}
    at.client("application-autoscaling").register_scalable_target(**who, MinCapacity=1, MaxCapacity=at.rng.randint(10, 99))
    return changed(address, "provisioned and scaling")


@mutation("dynamodb")
def table_stream_turned(at: Scene) -> Touch:
    address, name = table(at)
    on = (described(at, name).get("StreamSpecification") or {}).get("StreamEnabled", False)
    more = {} if on else {"StreamViewType": "KEYS_ONLY"}
    at.client("dynamodb").update_table(TableName=name, StreamSpecification={"StreamEnabled": not on, **more})
    return changed(address, f"stream {not on}")


@mutation("dynamodb")
def table_index_deleted(at: Scene) -> Touch:
    found = [
        (address, item["name"], index["IndexName"])
        for address, item in at.all("dynamodb_table")
        for index in sorted(described(at, item["name"]).get("GlobalSecondaryIndexes") or (), key=lambda one: one["IndexName"])
    ]
    address, name, index = at.one(found)
    at.client("dynamodb").update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index}}])
    return changed(address, f"index {index} deleted")


@mutation("dynamodb")
def table_deletion_protection(at: Scene) -> Touch:
    address, name = table(at)
    turned = not described(at, name).get("DeletionProtectionEnabled", False)
    at.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=turned)
    return changed(address, f"deletion protection {turned}")


@mutation("dynamodb")
def table_another_class(at: Scene) -> Touch:
    address, name = table(at)
    at.client("dynamodb").update_table(TableName=name, TableClass="STANDARD_INFREQUENT_ACCESS")
    return changed(address, "another class")


@mutation("dynamodb")
def table_another_key(at: Scene) -> Touch:
    address, name = table(at)
    key = at.client("kms").create_key(Description="made by hand")["KeyMetadata"]["Arn"]
    at.client("dynamodb").update_table(TableName=name, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
    return changed(address, "another key")


@mutation("dynamodb")
def table_deleted(at: Scene) -> Touch:
    address, name = table(at)
    at.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    at.client("dynamodb").delete_table(TableName=name)
    return missing(address)


@mutation("any")
def log_kept_otherwise(at: Scene) -> Touch:
    address, group = at.pick(*LOGS)
    days = at.one([1, 3, 5, 545])
    at.client("logs").put_retention_policy(logGroupName=group["name"], retentionInDays=days)
    return changed(address, f"kept for {days} days")


@mutation("any")
def log_kept_for_ever(at: Scene) -> Touch:
    address, group = at.pick(*LOGS)
    at.client("logs").delete_retention_policy(logGroupName=group["name"])
    return changed(address, "kept for ever")


@mutation("any")
def log_without_key(at: Scene) -> Touch:
    logs, found = at.client("logs"), []
    for address, item in at.all(*LOGS):
        groups = logs.describe_log_groups(logGroupNamePrefix=item["name"])["logGroups"]
        found += [(address, item["name"]) for one in groups if one["logGroupName"] == item["name"] and one.get("kmsKeyId")]
    address, name = at.one(found)
    logs.disassociate_kms_key(logGroupName=name)
    return changed(address, "no key")


@mutation("any")
def log_deleted(at: Scene) -> Touch:
    address, group = at.pick(*LOGS)
    at.client("logs").delete_log_group(logGroupName=group["name"])
    return missing(address)
