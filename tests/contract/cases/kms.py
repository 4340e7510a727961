"""The keys tier: what its contract is tried with."""

from .case import Case

TIER = "kms"
REQUIRES = ()
PARAMS = {
    "key_for": {
        "s3": "storage",
        "logs": "storage",
        "cloudtrail": "storage",
        "backup": "storage",
        "ecr": "storage",
        "rds": "rds",
        "dynamodb": "dynamodb",
        "sns": "sns-sqs",
        "sqs": "sns-sqs",
        "elasticache": "elasticache",
        "secretsmanager": "secrets",
        "eks": "eks",
        "ebs": "eks",
    },
    "administrators": ["arn:aws:iam::123456789012:role/key-keeper"],
}


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


CASES = [
    Case(
        "kms_key",
        "kms_key/storage",
        updates={
            "alias": "alias/prod/warehouse",
            "description": "another description",
            "policy": without_the_last_statement,
            "rotation_period_days": 180,
            "tags": {"owner": "storage"},
        },
        immutable={"key_spec": "RSA_2048"},
        exempt={"enabled": "always desired true; that a disabled key is enabled again stands in the integration tests"},
    )
]
