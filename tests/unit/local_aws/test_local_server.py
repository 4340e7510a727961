"""The server: names of calls, control API, faults over HTTP, and its ways to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from test_local_cloudfront import configuration

from local_aws.launch import ROOT, LocalAws


@pytest.fixture(scope="module")
def server():
    started = time.monotonic()
    with LocalAws() as running:
        assert time.monotonic() - started < 20, "measured 1.5 s; the bound leaves room for a loaded machine"
        yield running


@pytest.fixture
def connect(server, monkeypatch):
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    server.reset()
    session = boto3.Session()

    def client(service, **options):
        return session.client(service, config=Config(retries={"total_max_attempts": 2}, **options))

    return client


def names(server):
    return [(call["service"], call["operation"]) for call in server.requests()]


def test_the_edge_over_http(server, connect):
    """Paths that moto does not know, and operations that share one."""
    cloudfront, route53 = connect("cloudfront"), connect("route53")
    headers = {"Name": "p", "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}}}
    policy = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=headers)
    identifier = policy["ResponseHeadersPolicy"]["Id"]
    cloudfront.get_response_headers_policy_config(Id=identifier)
    cloudfront.list_cache_policies(Type="managed")
    made = cloudfront.create_distribution_with_tags(
        DistributionConfigWithTags={"DistributionConfig": configuration(), "Tags": {"Items": [{"Key": "a", "Value": "b"}]}}
    )
    arn = made["Distribution"]["ARN"]
    cloudfront.tag_resource(Resource=arn, Tags={"Items": [{"Key": "c", "Value": "d"}]})
    cloudfront.untag_resource(Resource=arn, TagKeys={"Items": ["a"]})
    assert cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"] == [{"Key": "c", "Value": "d"}]
    cloudfront.delete_response_headers_policy(Id=identifier, IfMatch=policy["ETag"])
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="r")
    route53.get_change(Id=zone["ChangeInfo"]["Id"])
    assert [operation for _, operation in names(server)] == [
        "CreateResponseHeadersPolicy",
        "GetResponseHeadersPolicyConfig",
        "ListCachePolicies",
        "CreateDistributionWithTags",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
        "DeleteResponseHeadersPolicy",
        "CreateHostedZone",
        "GetChange",
    ]


def test_calls_of_every_protocol_are_named(server, connect):
    connect("ec2").describe_vpcs()
    connect("kms").list_keys()
    connect("sqs").list_queues()
    connect("iam").list_roles()
    connect("resourcegroupstaggingapi").get_resources()
    connect("elbv2").describe_load_balancers()
    connect("elb").describe_load_balancers()
    connect("eks").list_clusters()
    connect("cloudfront").list_distributions()
    connect("lambda").list_functions()
    connect("cloudwatch").describe_alarms()
    connect("application-autoscaling").describe_scalable_targets(ServiceNamespace="dynamodb")
    s3 = connect("s3")
    s3.create_bucket(Bucket="a-bucket")
    s3.put_bucket_versioning(Bucket="a-bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="a-bucket", Key="a/key with spaces", Body=b"x" * 100)
    assert s3.get_object(Bucket="a-bucket", Key="a/key with spaces")["Body"].read() == b"x" * 100
    s3.head_bucket(Bucket="a-bucket")
    s3.list_objects_v2(Bucket="a-bucket")
    s3.list_buckets()
    assert names(server) == [
        ("ec2", "DescribeVpcs"),
        ("kms", "ListKeys"),
        ("sqs", "ListQueues"),
        ("iam", "ListRoles"),
        ("resourcegroupstaggingapi", "GetResources"),
        ("elbv2", "DescribeLoadBalancers"),
        ("elb", "DescribeLoadBalancers"),
        ("eks", "ListClusters"),
        ("cloudfront", "ListDistributions"),
        ("lambda", "ListFunctions"),
        ("cloudwatch", "DescribeAlarms"),
        ("application-autoscaling", "DescribeScalableTargets"),
        ("s3", "CreateBucket"),
        ("s3", "PutBucketVersioning"),
        ("s3", "PutObject"),
        ("s3", "GetObject"),
        ("s3", "HeadBucket"),
        ("s3", "ListObjectsV2"),
        ("s3", "ListBuckets"),
    ]
    calls = server.requests()
    assert {call["region"] for call in calls} == {"us-east-1"}
    assert [call["access"] for call in calls[12:16]] == ["write", "write", "write", "read"]
    server.clear_requests()
    assert server.requests() == []


def test_missing_operations_are_aws_errors(connect):
    for service, call in (("eks", "list_eks_anywhere_subscriptions"), ("rds", "describe_certificates")):
        with pytest.raises(ClientError, match="NotImplemented"):
            getattr(connect(service), call)()


def test_snapshot_and_restore(server, connect):
    sqs = connect("sqs")
    sqs.create_queue(QueueName="kept")
    copy = server.snapshot()
    sqs.create_queue(QueueName="gone")
    for _ in range(2):
        server.restore(copy)
        assert [url.rsplit("/")[-1] for url in sqs.list_queues()["QueueUrls"]] == ["kept"]
    with pytest.raises(RuntimeError, match="no snapshot"):
        server.restore("999")


def test_faults_and_latency(server, connect):
    server.settings(faults=[{"service": "kms", "nth": 1, "drop": True}], latency_ms=50)
    connect("kms").list_keys()
    calls = server.requests()
    assert [call["status"] for call in calls] == [None, 200]
    assert calls[1]["duration_ms"] >= 50
    server.settings(faults=[{"operation": "DescribeVpcs", "code": "UnauthorizedOperation", "status": 403}])
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        connect("ec2").describe_vpcs()
    server.reset()
    connect("ec2").describe_vpcs()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": 1}, "unknown setting: speed"),
        ({"latency_ms": -1}, "negative"),
        ({"faults": [{"colour": "red"}]}, "colour"),
        ({"faults": [{"service": "kms"}]}, "a fault needs"),
    ],
)
def test_bad_settings_are_refused(server, connect, values, message):
    with pytest.raises(RuntimeError, match=message):
        server.settings(**values)


def test_time_can_be_skipped(server, connect):
    server.settings(queue_deleted_recently_seconds=60)
    sqs = connect("sqs")
    sqs.delete_queue(QueueUrl=sqs.create_queue(QueueName="main")["QueueUrl"])
    with pytest.raises(ClientError, match="QueueDeletedRecently"):
        sqs.create_queue(QueueName="main")
    server.skip(60)
    sqs.create_queue(QueueName="main")


def test_listens_on_loopback_only(server):
    assert server.url.startswith("http://127.0.0.1:")


def start(*arguments):
    command = [sys.executable, "-m", "local_aws", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_stops_by_itself():
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    idle = start("--idle-timeout", "1")
    orphan = start("--parent-pid", str(parent.pid))
    interrupted = start()
    servers = (idle, orphan, interrupted)
    for server in servers:
        assert server.stdout.readline().startswith("local AWS listening on http://127.0.0.1:")
    interrupted.send_signal(signal.SIGINT)
    parent.communicate(b"\n")
    for server in servers:
        assert server.wait(30) == 0
        server.stdout.close()


def test_request_log_file(tmp_path, monkeypatch):
    log = tmp_path / "calls.jsonl"
    with LocalAws("--request-log", str(log), "--transition", "nat_gateway=2", "--failure", "eks_cluster=it=fails") as aws:
        for name, value in aws.env.items():
            monkeypatch.setenv(name, value)
        boto3.Session().client("sts").get_caller_identity()
        assert aws.settings()["transitions"] == {"nat_gateway": 2}
        assert aws.settings()["failures"] == {"eks_cluster": "it=fails"}
        assert aws.settings(failures={"eks_cluster": None})["failures"] == {}
        process = aws.process
    assert process.returncode == 0, "it ends in order on SIGTERM"
    assert json.loads(log.read_text())["operation"] == "GetCallerIdentity"


def test_port_in_use_is_said(server):
    port = server.url.rsplit(":", 1)[1]
    result = subprocess.run(
        [sys.executable, "-m", "local_aws", "--port", port],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        check=False,
    )
    assert result.returncode == 1
    assert "in use" in result.stderr and port in result.stderr
    assert "Traceback" not in result.stderr
