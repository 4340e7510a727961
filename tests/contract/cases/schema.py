"""The schema tier: what its contract is tried with."""

from .case import Case

TIER = "schema"
REQUIRES = ("kms",)
PARAMS = {"run_in": "none", "secrets_key": "secrets"}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


CASES = [
    Case(
        "generated_secret",
        "generated_secret/rds/agent-app",
        updates={
            "description": "another description",
            "kms_key": OTHER_KEY,
            "policy": without_the_last_statement,
            "tags": {"owner": "agents"},
        },
        immutable={"name": "prod/another"},
        exempt={
            "available": "always desired true: tests of its own",
            "stored": "always desired true: tests of its own",
        },
    ),
]
