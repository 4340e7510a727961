"""CloudWatch Logs' deliveries as AWS has them."""

from __future__ import annotations

import json

import pytest
from test_local_cloudfront import configuration

FIELDS = ["date", "time", "x-edge-location", "c-ip", "timestamp", "c-country"]


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def distribution(client):
    return client("cloudfront").create_distribution(DistributionConfig=configuration())["Distribution"]["ARN"]


@pytest.fixture
def bucket(client):
    client("s3").create_bucket(Bucket="edge-logs")
    return "arn:aws:s3:::edge-logs"


@pytest.fixture
def source(logs, distribution):
    def put(name="s", **more):
        given = {"resourceArn": distribution, "logType": "ACCESS_LOGS", **more}
        return logs.put_delivery_source(name=name, **given)["deliverySource"]

    return put


@pytest.fixture
def destination(logs):
    def put(arn, name="d", **more):
        configured = {"destinationResourceArn": arn}
        return logs.put_delivery_destination(name=name, deliveryDestinationConfiguration=configured, **more)["deliveryDestination"]

    return put


def test_sources(client, logs, source, distribution, refused):
    made = source(tags={"a": "b"})
    assert (made["service"], made["status"], made["tags"]) == ("cloudfront", "ACTIVE", {"a": "b"})
    assert source() == made
    refused("ConflictException", source, tags={"a": "b"})
    refused("ConflictException", source, name="other")
    refused("ValidationException", source, name="other", logType="x")
    refused("ResourceNotFoundException", source, name="other", resourceArn=distribution[:-3] + "XYZ")
    elsewhere = client("logs", "eu-west-1").put_delivery_source
    refused("ValidationException", elsewhere, name="s", resourceArn=distribution, logType="ACCESS_LOGS")
    assert logs.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"a": "b"}
    logs.tag_resource(resourceArn=made["arn"], tags={"c": "d"})
    assert logs.get_delivery_source(name="s")["deliverySource"]["tags"] == {"a": "b", "c": "d"}
    assert logs.describe_delivery_sources(resourceArns=[distribution])["deliverySources"][0]["name"] == "s"
    logs.delete_delivery_source(name="s")
    refused("ResourceNotFoundException", logs.get_delivery_source, name="s")
    assert "tags" not in source()


def test_a_source_outlives_its_resource(client, logs, source, distribution):
    cloudfront, identifier = client("cloudfront"), distribution.rsplit("/", 1)[1]
    source()
    found = cloudfront.get_distribution_config(Id=identifier)
    off = {**found["DistributionConfig"], "Enabled": False}
    etag = cloudfront.update_distribution(Id=identifier, IfMatch=found["ETag"], DistributionConfig=off)["ETag"]
    cloudfront.delete_distribution(Id=identifier, IfMatch=etag)
    assert logs.get_delivery_source(name="s")["deliverySource"]["status"] == "INACTIVE"


def test_destinations(logs, destination, bucket, refused):
    logs.create_log_group(logGroupName="/group")
    made = destination(bucket, outputFormat="json", tags={"a": "b"})
    assert (made["deliveryDestinationType"], made["outputFormat"], made["tags"]) == ("S3", "json", {"a": "b"})
    moved = destination(f"{bucket}/prefix")
    assert moved["deliveryDestinationConfiguration"]["destinationResourceArn"] == f"{bucket}/prefix"
    assert (moved["tags"], moved["outputFormat"]) == ({"a": "b"}, "json")
    refused("ValidationException", destination, arn=bucket, outputFormat="w3c")
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/group"
    refused("ValidationException", destination, arn=group)
    assert destination(group, "e")["deliveryDestinationType"] == "CWL"
    refused("ResourceNotFoundException", destination, arn=group + "s", name="f")
    refused("ResourceNotFoundException", destination, arn="arn:aws:s3:::nothing", name="f")


def test_deliveries(logs, source, destination, bucket, refused):
    source()
    arn = destination(bucket, outputFormat="json")["arn"]
    ends = {"deliverySourceName": "s", "deliveryDestinationArn": arn}
    path = {"suffixPath": "/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}"}
    refused("ValidationException", logs.create_delivery, **ends, recordFields=["nothing"])
    refused("ValidationException", logs.create_delivery, **ends, fieldDelimiter=",")
    assert logs.describe_deliveries()["deliveries"] == []
    made = logs.create_delivery(**ends, recordFields=FIELDS, s3DeliveryConfiguration=path, tags={"a": "b"})["delivery"]
    assert (made["recordFields"], made["tags"], made["deliveryDestinationType"]) == (FIELDS, {"a": "b"}, "S3")
    assert made["s3DeliveryConfiguration"] == {
        "suffixPath": "AWSLogs/{account-id}/CloudFront/{DistributionId}/{yyyy}/{MM}/{dd}/{HH}",
        "enableHiveCompatiblePath": False,
    }
    refused("ConflictException", logs.create_delivery, **ends)
    assert logs.describe_deliveries(deliverySourceNames=["s"])["deliveries"] == [made]
    assert logs.describe_deliveries(deliverySourceNames=["t"])["deliveries"] == []
    refused("ConflictException", logs.delete_delivery_source, name="s")
    refused("ConflictException", logs.delete_delivery_destination, name="d")
    hive = {"enableHiveCompatiblePath": True}
    logs.update_delivery_configuration(id=made["id"], recordFields=FIELDS[:2], s3DeliveryConfiguration=hive)
    found = logs.get_delivery(id=made["id"])["delivery"]
    assert found["recordFields"] == FIELDS[:2]
    assert found["s3DeliveryConfiguration"] == {**made["s3DeliveryConfiguration"], **hive}
    refused("ValidationException", logs.update_delivery_configuration, id=made["id"], recordFields=["nothing"])
    logs.delete_delivery(id=made["id"])
    refused("ResourceNotFoundException", logs.update_delivery_configuration, id=made["id"])
    logs.delete_delivery_source(name="s")
    logs.delete_delivery_destination(name="d")


def policy(client):
    return json.loads(client("s3").get_bucket_policy(Bucket="edge-logs")["Policy"])["Statement"]


def test_aws_lets_itself_in(client, logs, source, destination, bucket):
    source()
    arn = destination(bucket)["arn"]
    logs.create_delivery(deliverySourceName="s", deliveryDestinationArn=arn)
    (added,) = policy(client)
    assert (added["Principal"], added["Resource"]) == (
        {"Service": "delivery.logs.amazonaws.com"},
        f"{bucket}/AWSLogs/123456789012/*",
    )


def test_a_policy_that_lets_it_in_is_left_alone(client, logs, source, destination, bucket):
    service = {"Service": "delivery.logs.amazonaws.com"}
    own = {"Sid": "own", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": f"{bucket}/cf/*"}
    client("s3").put_bucket_policy(Bucket="edge-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [own]}))
    source()
    made = logs.create_delivery(deliverySourceName="s", deliveryDestinationArn=destination(f"{bucket}/cf")["arn"])["delivery"]
    assert policy(client) == [own]
    assert made["s3DeliveryConfiguration"]["suffixPath"] == ""


def test_pages(logs, destination, bucket):
    for number in range(5):
        destination(bucket, f"d{number}")
    first = logs.describe_delivery_destinations(limit=3)
    rest = logs.describe_delivery_destinations(limit=3, nextToken=first["nextToken"])
    assert [item["name"] for item in first["deliveryDestinations"] + rest["deliveryDestinations"]] == [f"d{n}" for n in range(5)]
    assert "nextToken" not in rest


def test_state_is_carried_through_a_snapshot(aws, logs, source, destination, bucket):
    source(tags={"a": "b"})
    arn = destination(bucket)["arn"]
    made = logs.create_delivery(deliverySourceName="s", deliveryDestinationArn=arn)["delivery"]
    copy = aws.snapshot()
    logs.delete_delivery(id=made["id"])
    aws.reset()
    assert logs.describe_delivery_sources()["deliverySources"] == []
    aws.restore(copy)
    assert logs.get_delivery(id=made["id"])["delivery"] == made
    assert logs.get_delivery_source(name="s")["deliverySource"]["tags"] == {"a": "b"}
