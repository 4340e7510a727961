"""What the platform's Jobs and External Secrets may do in AWS, and what they may not.

tests/integration/test_job_roles.py asks for what the Jobs call."""

from __future__ import annotations

import pytest
from support.job_roles import INSTANCE_TAG, KEYS, may, role

SECRETS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
APPLICATION, TOKEN = f"{SECRETS}prod/rds/agent-app-a1b2c3", f"{SECRETS}prod/redis-auth-token-a1b2c3"
API_KEY, MASTER = f"{SECRETS}prod/openai-api-key-a1b2c3", f"{SECRETS}rds!db-1-a1b2c3"
OURS, OTHERS = (f"arn:aws:rds:us-east-1:123456789012:db:{name}" for name in ("prod-agentdb", "prod-other"))
READ = "secretsmanager:GetSecretValue"
VIA = {"kms__ViaService": "secretsmanager.us-east-1.amazonaws.com"}


def master(instance):
    return {INSTANCE_TAG: instance}


@pytest.mark.parametrize(
    ("job", "action", "resource", "context", "allowed"),
    [
        ("schema", READ, MASTER, master(OURS), True),
        ("schema", READ, MASTER, master(OTHERS), False),
        ("schema", READ, MASTER, {}, False),
        ("schema", "secretsmanager:PutSecretValue", MASTER, master(OURS), False),
        ("schema", READ, APPLICATION, {}, True),
        ("schema", "secretsmanager:PutSecretValue", APPLICATION, {}, True),
        ("schema", "secretsmanager:UpdateSecretVersionStage", APPLICATION, {}, True),
        ("schema", "secretsmanager:DeleteSecret", APPLICATION, {}, False),
        ("schema", "secretsmanager:PutResourcePolicy", APPLICATION, {}, False),
        ("schema", READ, TOKEN, {}, False),
        ("schema", READ, API_KEY, {}, False),
        ("schema", READ, f"{SECRETS}staging/rds/agent-app-a1b2c3", {}, False),
        ("schema", "rds:DescribeDBInstances", OURS, {}, True),
        ("schema", "rds:DescribeDBInstances", OTHERS, {}, False),
        ("schema", "rds:ModifyDBInstance", OURS, {}, False),
        ("schema", "kms:Decrypt", f"{KEYS}secrets", VIA, True),
        ("schema", "kms:GenerateDataKey", f"{KEYS}secrets", VIA, True),
        ("schema", "kms:Decrypt", f"{KEYS}secrets", {}, False),
        ("schema", "kms:Decrypt", f"{KEYS}storage", VIA, False),
        ("verify", READ, APPLICATION, {}, True),
        ("verify", READ, TOKEN, {}, True),
        ("verify", READ, MASTER, master(OURS), False),
        ("verify", READ, API_KEY, {}, False),
        ("ext-secrets", READ, API_KEY, {}, True),
        ("ext-secrets", READ, MASTER, master(OURS), False),
        ("verify", "secretsmanager:PutSecretValue", APPLICATION, {}, False),
        ("verify", "kms:Decrypt", f"{KEYS}secrets", VIA, True),
        (
            "verify",
            "elasticache:DescribeReplicationGroups",
            "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:prod-redis",
            {},
            True,
        ),
        (
            "verify",
            "elasticache:ModifyReplicationGroup",
            "arn:aws:elasticache:us-east-1:123456789012:replicationgroup:prod-redis",
            {},
            False,
        ),
    ],
)
def test_each_may_do_what_it_is_for_and_no_more(job, action, resource, context, allowed):
    context = {name.replace("kms__ViaService", "kms__viaservice"): value for name, value in context.items()}
    assert may(role(job), action, resource, **context) is allowed


def test_the_instance_is_the_one_of_the_variable():
    assert may(role("schema", database="other"), READ, MASTER, **master(OTHERS))
    assert not may(role("schema", database="other"), READ, MASTER, **master(OURS))
