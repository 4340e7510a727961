"""The dynamodb tier: what its contract is tried with. The first table is on demand, the second provisioned."""

from .case import Case

TIER = "dynamodb"
REQUIRES = ("kms",)
PARAMS = {
    "tables": [
        {
            "name": "conversations",
            "attributes": {"userId": "S", "conversationId": "S", "createdAt": "S"},
            "hash_key": "userId",
            "range_key": "conversationId",
            "ttl_attribute": "ttl",
            "indexes": [
                {"name": "by-created-at", "hash_key": "userId", "range_key": "createdAt"},
                {
                    "name": "by-conversation",
                    "hash_key": "conversationId",
                    "projection": "INCLUDE",
                    "projected_attributes": ["title", "agent"],
                },
            ],
        },
        {
            "name": "sessions",
            "attributes": {"sessionId": "S", "userId": "S"},
            "hash_key": "sessionId",
            "indexes": [{"name": "by-user", "hash_key": "userId"}],
            "billing_mode": "PROVISIONED",
            "stream": "none",
            "table_class": "STANDARD_INFREQUENT_ACCESS",
            "max_read_capacity": 50,
        },
    ],
    "key": "dynamodb",
    "deletion_protection": False,
}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def with_other_bounds(scaling):
    key = "index/by-user:ReadCapacityUnits"
    return {**scaling, key: {**scaling[key], "min": 2, "max": 9, "utilization_percent": 50, "scale_in_cooldown_seconds": 60}}


def with_another_key(definitions):
    changed = {**definitions["by-created-at"], "range": {"name": "updatedAt", "type": "S"}}
    return {**definitions, "by-created-at": changed}


def without_range(key):
    return {**key, "range": None}


CASES = [
    Case(
        "dynamodb_table",
        "dynamodb_table/conversations",
        updates={
            "indexes": ["by-conversation"],
            "table_class": "STANDARD_INFREQUENT_ACCESS",
            "kms_key": OTHER_KEY,
            "stream": "KEYS_ONLY",
            "deletion_protection": True,
            "ttl_attribute": "",
            "recovery_days": 7,
            "tags": {"owner": "support"},
        },
        immutable={"name": "prod-talks", "key": without_range, "index_definitions": with_another_key},
        exempt={"capacity": "the scaling's once the table is made"},
    ),
    Case(
        "dynamodb_table",
        "dynamodb_table/sessions",
        updates={
            "billing_mode": "PAY_PER_REQUEST",
            "scaling": with_other_bounds,
            "table_class": "STANDARD",
            "stream": "NEW_IMAGE",
            "ttl_attribute": "expiresAt",
            "recovery_days": 0,
        },
    ),
]
