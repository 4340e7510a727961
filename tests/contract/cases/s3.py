"""The storage tier: what its contract is tried with."""

from .case import Case

TIER = "s3"
REQUIRES = ("kms",)
PARAMS = {
    "prefix": "agent",
    "kms_key": "storage",
    "log_bucket": "access-logs",
    "buckets": {
        "backups": {
            "transitions": [{"days": 30, "storage_class": "STANDARD_IA"}, {"days": 90, "storage_class": "GLACIER_IR"}],
        },
        "knowledge-documents": {"noncurrent_days": 90, "noncurrent_versions": 3},
        "audit-logs": {"lock_mode": "GOVERNANCE", "lock_days": 1},
        "access-logs": {"encryption": "s3", "expiration_days": 90, "noncurrent_days": 7},
    },
}


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


def without_the_last_rule(lifecycle):
    return {**lifecycle, "Rules": lifecycle["Rules"][:-1]}


CASES = [
    Case(
        "s3_bucket",
        "s3_bucket/backups",
        updates={
            "versioning": False,
            "public_access_block": lambda old: {**old, "RestrictPublicBuckets": False},
            "object_ownership": "BucketOwnerPreferred",
            "encryption": {"algorithm": "AES256"},
            "policy": without_the_last_statement,
            "lifecycle": without_the_last_rule,
            "logging": {},
            "tags": {"owner": "storage"},
        },
        immutable={"name": "agent-prod-123456789012-us-east-1-archive"},
        exempt={"object_lock_enabled": "off here, and it can be turned on: audit-logs below shows that it cannot be turned off"},
    ),
    Case(
        "s3_bucket",
        "s3_bucket/audit-logs",
        updates={"object_lock": {"Mode": "COMPLIANCE", "Days": 30}},
        immutable={"object_lock_enabled": False},
    ),
    Case(
        "s3_bucket",
        "s3_bucket/knowledge-documents",
        updates={"lifecycle": lambda old: {**old, "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}},
    ),
]
