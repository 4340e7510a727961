"""The connection breaks after a creation reached AWS: the run that asked goes on, and makes nothing twice."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import reconciler
from support.census import duplicates

BIRTHS = [
    "kms:CreateKey",
    "dynamodb:CreateTable",
    "ec2:CreateVpc",
    "ec2:CreateSubnet",
    "ec2:CreateInternetGateway",
    "ec2:AllocateAddress",
    "ec2:CreateNatGateway",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateNetworkAcl",
    "ec2:CreateVpcEndpoint",
    "ec2:CreateFlowLogs",
    "ec2:CreateLaunchTemplate",
    "eks:CreateAccessEntry",
    "eks:CreateAddon",
    "eks:CreateCluster",
    "eks:CreateNodegroup",
    "eks:CreatePodIdentityAssociation",
    "elasticache:CreateCacheParameterGroup",
    "elasticache:CreateCacheSubnetGroup",
    "elasticache:CreateReplicationGroup",
    "iam:CreateOpenIDConnectProvider",
    "iam:CreateRole",
    "iam:CreateServiceLinkedRole",
    "logs:CreateLogGroup",
    "rds:CreateDBInstance",
    "rds:CreateDBParameterGroup",
    "rds:CreateDBSubnetGroup",
    "secretsmanager:CreateSecret",
    "s3:CreateBucket",
    "sns:CreateTopic",
    "sns:Subscribe",
    "sqs:CreateQueue",
    "wafv2:CreateWebACL",
]


@pytest.mark.parametrize("birth", BIRTHS)
def test_nothing_is_made_twice(recording, birth, monkeypatch):
    monkeypatch.setattr(reconciler, "LOOK_AGAIN", (0, 0))
    service, operation = birth.split(":")
    tier = next(point.tier for point in recording.points if point.last == birth)
    recording.aws.restore(recording.start(tier))
    fault = recording.aws.settings.fault(service=service, operation=operation, nth=1, when="after", drop=True)
    try:
        recording.run(tier)
    finally:
        recording.aws.settings.clear()
    assert fault.seen >= 1
    assert recording.run(tier)["plan"] == []
    standing = recording.census()
    assert duplicates(standing) == []
    assert {what: len(names) for what, names in standing.items()} == recording.after(tier)
