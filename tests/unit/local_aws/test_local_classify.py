"""Every operation of the services that the platform uses, read or write."""

from __future__ import annotations

import re

import botocore.session
import pytest

from local_aws.classify import OTHER_READS, READ, READ_VERBS, WRITE, classify

SERVICES = [
    "kms",
    "ec2",
    "s3",
    "sns",
    "sqs",
    "logs",
    "iam",
    "sts",
    "resourcegroupstaggingapi",
    "eks",
    "rds",
    "elasticache",
    "dynamodb",
    "secretsmanager",
    "wafv2",
    "cloudfront",
    "elbv2",
    "acm",
    "route53",
    "cloudwatch",
    "application-autoscaling",
    "lambda",
    "backup",
    "ecr",
    "events",
    "ssm",
    "cloudtrail",
    "budgets",
    "pricing",
    "accessanalyzer",
    "service-quotas",
    "autoscaling",
]
WRITING_VERBS = re.compile(
    "^(Accept|Add|Allocate|Apply|Associate|Attach|Authorize|Cancel|Change|Complete|Copy|Create|Delete|Deregister|"
    "Detach|Disable|Disassociate|Enable|Import|Invoke|Modify|Move|Publish|Purge|Put|Reboot|Receive|Register|Reject|"
    "Release|Remove|Replace|Reset|Restore|Revoke|Rotate|Run|Schedule|Send|Set|Start|Stop|Subscribe|Tag|Terminate|"
    "TestFailover|Unsubscribe|Untag|Update|Upload)"
)


def operations():
    session = botocore.session.Session()
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            yield service, operation


OPERATIONS = list(operations())


def test_there_is_something_to_classify():
    assert len(OPERATIONS) > 2000


def test_names_that_change_things_are_writes():
    log_queries = {("logs", "StartQuery"), ("logs", "StopQuery"), ("logs", "StartLiveTail")}
    wrong = [
        (service, operation)
        for service, operation in OPERATIONS
        if WRITING_VERBS.match(operation) and classify(service, operation) != WRITE
    ]
    assert set(wrong) == log_queries


def test_names_that_only_look_are_reads():
    looking = re.compile(f"^({'|'.join(READ_VERBS)})[A-Z]")
    assert not [pair for pair in OPERATIONS if looking.match(pair[1]) and classify(*pair) != READ]


def test_exceptions_name_real_operations():
    named = {(service, operation) for service, names in OTHER_READS.items() for operation in names}
    assert not named - set(OPERATIONS)


@pytest.mark.parametrize(
    ("service", "operation", "access"),
    [
        ("sqs", "ReceiveMessage", WRITE),
        ("sqs", "GetQueueAttributes", READ),
        ("sts", "GetCallerIdentity", READ),
        ("resourcegroupstaggingapi", "GetResources", READ),
        ("kms", "GenerateDataKey", READ),
        ("kms", "CreateGrant", WRITE),
        ("s3", "HeadBucket", READ),
        ("elasticache", "TestFailover", WRITE),
        ("logs", "FilterLogEvents", READ),
        ("iam", "SimulatePrincipalPolicy", READ),
        ("cloudtrail", "LookupEvents", READ),
        ("ec2", "SearchTransitGatewayRoutes", READ),
        ("dynamodb", "BatchGetItem", READ),
        ("dynamodb", "ExecuteStatement", WRITE),
        ("somewhere", "Frobnicate", WRITE),
        ("somewhere", "Getaway", WRITE),
    ],
)
def test_by_name(service, operation, access):
    assert classify(service, operation) == access
