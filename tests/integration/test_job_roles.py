"""Every call of AWS that is made inside a Job is one that its role may make: the real calls, asked of the policies."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import policy
from support import verifying
from support.job_roles import EVERYTHING, INSTANCE_TAG, KEYS, calls, role
from support.schema import inside

# Service -> operation -> the kind of what it is about, and the parameter that names it.
NAMED = {
    "rds": {"DescribeDBInstances": ("db", "DBInstanceIdentifier"), "DescribeDBParameters": ("pg", "DBParameterGroupName")},
    "elasticache": {
        "DescribeReplicationGroups": ("replicationgroup", "ReplicationGroupId"),
        "DescribeCacheClusters": ("cluster", "CacheClusterId"),
        "DescribeCacheSubnetGroups": ("subnetgroup", "CacheSubnetGroupName"),
    },
}
VIA = {"kms:viaservice": "secretsmanager.us-east-1.amazonaws.com"}


@pytest.fixture(scope="module")
def running(postgres):
    with inside(postgres) as found:
        group = "prod-agentdb-postgres17"
        boto3.client("rds").create_db_parameter_group(
            DBParameterGroupName=group, DBParameterGroupFamily="postgres17", Description="x"
        )
        found.make_instance(EngineVersion="17.6", DBParameterGroupName=group)
        yield found


def asked(service, operation, parameters):
    """(action, resource, context) that AWS would ask the policies about for a call; none for one that everybody may make."""
    if service == "sts":
        return
    action = f"{service}:{operation}"
    if operation in EVERYTHING:
        yield action, "*", {}
    elif service in NAMED:
        kind, name = NAMED[service][operation]
        yield action, f"arn:aws:{service}:us-east-1:123456789012:{kind}:{parameters[name]}", {}
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


def test_proving_the_connections(running):
    """The cache's are not made here, but what is read of it is."""
    running.must(run_in="none")
    running.must()
    subnets = [item["SubnetId"] for item in boto3.client("ec2").describe_subnets()["Subnets"]][:2]
    cache = boto3.client("elasticache")
    cache.create_cache_subnet_group(CacheSubnetGroupName="prod-redis", CacheSubnetGroupDescription="x", SubnetIds=subnets)
    cache.create_replication_group(
        ReplicationGroupId="prod-redis",
        ReplicationGroupDescription="x",
        Engine="redis",
        CacheNodeType="cache.t4g.micro",
        NumCacheClusters=1,
        CacheSubnetGroupName="prod-redis",
    )
    boto3.client("secretsmanager").create_secret(Name="prod/redis-auth-token", SecretString="x")
    params = verifying.for_a_job(run_in="direct", connections_only=True, mode="full", database_ca=str(running.server.ca))
    with calls() as made:
        result = verifying.run(params)
    states = {row["flow"]: (row["state"], row["cause"]) for row in result["flows"]}
    assert states["PostgreSQL lets the application in over TLS"] == ("ok", ""), states
    questions, causes = denied("verify", made)
    assert causes == []
    assert {"rds:DescribeDBParameters", "elasticache:DescribeReplicationGroups", "secretsmanager:GetSecretValue"} < {
        action for action, *_rest in questions
    }
