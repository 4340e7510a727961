"""The in-process mode: environment, log, faults, rate, latency, threads."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from local_aws.in_process import InProcessAws
from local_aws.settings import Fault

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


class Killed(BaseException):
    """Stands for the death of the process."""


def once(service):
    return boto3.client(service, config=ONE_ATTEMPT)


def test_environment_is_faked_and_put_back(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "real")
    before = dict(os.environ)
    with InProcessAws(region="eu-west-1") as aws:
        assert os.environ["AWS_REGION"] == "eu-west-1"
        assert "AWS_PROFILE" not in os.environ
        assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert aws.requests[0].region == "eu-west-1"
    assert dict(os.environ) == before


def test_starts_empty_and_leaves_nothing():
    for _ in range(2):
        with InProcessAws():
            assert boto3.client("kms").list_keys()["Keys"] == []
            boto3.client("kms").create_key()


def test_requests_are_logged_and_classified(aws, client):
    client("kms").create_key()
    client("sqs").list_queues()
    first, second = aws.requests
    assert (first.n, first.service, first.operation, first.access, first.status) == (
        1,
        "kms",
        "CreateKey",
        "write",
        200,
    )
    assert (second.service, second.operation, second.access, second.region) == (
        "sqs",
        "ListQueues",
        "read",
        "us-east-1",
    )
    assert second.duration_ms > 0
    assert [request.n for request in aws.writes()] == [1]
    aws.clear_requests()
    assert aws.requests == []


def test_status_of_a_refusal_is_logged(aws, client, refused):
    refused("NoSuchEntity", client("iam").get_role, RoleName="nobody")
    assert aws.requests[0].status == 404


def test_error_before_leaves_aws_untouched(aws, client, refused):
    aws.settings.fault(service="sqs", operation="CreateQueue", code="InternalError", status=500)
    refused("InternalError", once("sqs").create_queue, QueueName="a")
    aws.settings.faults = []
    assert "QueueUrls" not in client("sqs").list_queues()


def test_error_after_has_reached_aws(aws, client):
    aws.settings.fault(service="sqs", operation="CreateQueue", when="after", code="InternalError", status=500)
    with pytest.raises(ClientError):
        once("sqs").create_queue(QueueName="a")
    assert len(client("sqs").list_queues()["QueueUrls"]) == 1


def test_dropped_connection_is_retried_by_botocore(aws, client):
    aws.settings.fault(service="kms", nth=1, drop=True)
    client("kms").list_keys()
    assert [request.status for request in aws.requests] == [None, 200]
    aws.settings.fault(service="kms", drop=True)
    with pytest.raises(ConnectionClosedError):
        once("kms").list_keys()


def test_nth_write_of_any_kind_kills(aws, client):
    def die(call):
        raise Killed(call.operation)

    aws.settings.fault(access="write", nth=2, callback=die)
    client("sqs").create_queue(QueueName="a")
    client("sqs").list_queues()
    with pytest.raises(Killed, match="CreateTopic"):
        client("sns").create_topic(Name="b")
    assert client("sns").list_topics()["Topics"] == []
    client("sns").create_topic(Name="c")


def test_killed_after_the_write(aws, client):
    def die(call):
        raise Killed(call.operation)

    aws.settings.fault(operation="CreateTopic", when="after", nth=1, callback=die)
    with pytest.raises(Killed):
        client("sns").create_topic(Name="b")
    assert len(client("sns").list_topics()["Topics"]) == 1


def test_callback_alone_lets_the_call_go_on(aws, client):
    seen = []
    aws.settings.fault(callback=seen.append)
    client("kms").list_keys()
    assert seen == [("kms", "ListKeys", "us-east-1")]


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("kms", "list_keys", "ThrottlingException"),
        ("s3", "list_buckets", "SlowDown"),
        ("iam", "list_roles", "Throttling"),
    ],
)
def test_rate_limit_throttles_as_the_service_does(aws, refused, service, method, code):
    aws.settings.rate_limit = 0.01
    call = getattr(once(service), method)
    call()
    refused(code, call)


def test_latency_is_added_outside_of_the_gate(aws, client):
    kms = client("kms")
    kms.list_keys()
    aws.settings.latency_ms = 500
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: kms.list_keys(), range(8)))
    assert 0.5 <= time.monotonic() - started < 3


@pytest.mark.parametrize(
    "service",
    ["ec2", "s3", "sns", "sqs", "kms", "iam", "eks", "cloudfront", "lambda", "cloudwatch", "rds", "backup", "dynamodb"],
)
def test_injected_error_is_read_back_in_every_protocol(aws, service, refused):
    operation = {
        "ec2": "describe_vpcs",
        "s3": "list_buckets",
        "sns": "list_topics",
        "sqs": "list_queues",
        "kms": "list_keys",
        "iam": "list_roles",
        "eks": "list_clusters",
        "cloudfront": "list_distributions",
        "lambda": "list_functions",
        "cloudwatch": "describe_alarms",
        "rds": "describe_db_instances",
        "backup": "list_backup_vaults",
        "dynamodb": "list_tables",
    }[service]
    aws.settings.fault(service=service, code="AccessDenied", status=403, message="not <you>")
    assert refused("AccessDenied", getattr(once(service), operation)) == "not <you>"


def test_what_moto_lacks_is_a_named_error(client, refused):
    message = refused("NotImplemented", client("cloudtrail").lookup_events)
    assert "cloudtrail:LookupEvents" in message


def test_many_threads_at_once(aws, client):
    sqs, ec2 = client("sqs"), client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def create(number):
        sqs.create_queue(QueueName=f"queue-{number}")
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")
        ec2.describe_subnets()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(create, range(48)))
    assert len(sqs.list_queues()["QueueUrls"]) == 48
    numbers = [request.n for request in aws.requests]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(request.status == 200 for request in aws.requests)


@pytest.mark.parametrize("rule", [{}, {"code": "X", "when": "later"}, {"code": "X", "access": "maybe"}])
def test_a_fault_that_makes_no_sense_is_refused(rule):
    with pytest.raises(ValueError):
        Fault(**rule)
