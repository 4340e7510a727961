"""Every call of AWS that is made inside a Job is one that its role may make: the real calls, asked of the policies."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import policy
from support.job_roles import EVERYTHING, INSTANCE_TAG, KEYS, calls, role
from support.schema import inside

VIA = {"kms:viaservice": "secretsmanager.us-east-1.amazonaws.com"}


@pytest.fixture(scope="module")
def running(postgres):
    with inside(postgres) as found:
        found.make_instance()
        yield found


def asked(service, operation, parameters):
    """(action, resource, context) that AWS would ask the policies about for a call; none for one that everybody may make."""
    if service == "sts":
        return
    action = f"{service}:{operation}"
    if operation in EVERYTHING:
        yield action, "*", {}
    elif service == "rds":
        yield action, f"arn:aws:rds:us-east-1:123456789012:db:{parameters['DBInstanceIdentifier']}", {}
    else:
        assert service == "secretsmanager", (service, operation)
        secret = boto3.client("secretsmanager").describe_secret(SecretId=parameters["SecretId"])
        tags = {item["Key"]: item["Value"] for item in secret.get("Tags") or ()}
        instance = tags.get("aws:rds:primaryDBInstanceArn")
        yield action, secret["ARN"], {INSTANCE_TAG: instance} if instance else {}
        for use in {"GetSecretValue": ["kms:Decrypt"], "PutSecretValue": ["kms:GenerateDataKey"]}.get(operation, ()):
            yield use, f"{KEYS}secrets", VIA


def denied(name, made):
    who = role(name)
    questions = {(action, resource, tuple(context.items())) for call in made for action, resource, context in asked(*call)}
    return questions, sorted(
        cause
        for action, resource, context in questions
        if (cause := policy.refused(who, action, resource, dict(context), resource, None))
    )


def test_setting_up_the_database_and_rotating_its_password(running):
    # The secret is the outer run's to make.
    running.must(run_in="none")
    for rotation in ("1", "2", "2"):
        with calls() as made:
            running.must(password_rotation=rotation)
        questions, causes = denied("schema", made)
        assert causes == []
        assert {"secretsmanager:GetSecretValue", "rds:DescribeDBInstances"} < {action for action, *_rest in questions}
        if rotation == "2" and any(operation == "PutSecretValue" for _service, operation, _parameters in made):
            rotated = {operation for _service, operation, _parameters in made}
    assert {"PutSecretValue", "UpdateSecretVersionStage"} < rotated
