"""CloudWatch Logs, IAM and the tagging API as AWS has them."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def key(client):
    def make(principal="logs.us-east-1.amazonaws.com"):
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": principal},
            "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:*"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        return client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]

    return make


def test_log_groups(logs, key, refused):
    first, second, foreign = key(), key(), key("sns.amazonaws.com")
    refused("InvalidParameterException", logs.create_log_group, logGroupName="/g", kmsKeyId=foreign)
    logs.create_log_group(logGroupName="/g", kmsKeyId=first, tags={"a": "b"})
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/g")
    logs.put_retention_policy(logGroupName="/g", retentionInDays=30)
    refused("InvalidParameterException", logs.put_retention_policy, logGroupName="/g", retentionInDays=31)

    def shown():
        return logs.describe_log_groups(logGroupNamePrefix="/g")["logGroups"][0]

    assert (shown()["kmsKeyId"], shown()["retentionInDays"]) == (first, 30)
    assert logs.list_tags_for_resource(resourceArn=shown()["logGroupArn"])["tags"] == {"a": "b"}
    logs.associate_kms_key(logGroupName="/g", kmsKeyId=second)
    assert shown()["kmsKeyId"] == second
    refused("InvalidParameterException", logs.associate_kms_key, logGroupName="/g", kmsKeyId=foreign)
    logs.disassociate_kms_key(logGroupName="/g")
    assert "kmsKeyId" not in shown()
    refused("ResourceNotFoundException", logs.disassociate_kms_key, logGroupName="/nothing")


def test_roles(client, refused):
    iam = client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    refused("MalformedPolicyDocument", iam.create_role, RoleName="r", AssumeRolePolicyDocument="{}")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document, Tags=[{"Key": "a", "Value": "b"}])
    refused("EntityAlreadyExists", iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(policy))
    assert iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"] == policy
    role = iam.get_role(RoleName="r")["Role"]
    assert (role["Tags"], role["AssumeRolePolicyDocument"]["Statement"]) == ([{"Key": "a", "Value": "b"}], [trust])
    refused("DeleteConflict", iam.delete_role, RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="p")
    iam.delete_role(RoleName="r")
    refused("NoSuchEntity", iam.get_role, RoleName="r")


def test_what_is_found_by_its_tags(client):
    tags = {"a": "b"}
    pairs = [{"Key": "a", "Value": "b"}]

    def specification(kind):
        return {"TagSpecifications": [{"ResourceType": kind, "Tags": pairs}]}

    client("kms").create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])
    client("sns").create_topic(Name="t", Tags=pairs)
    client("sqs").create_queue(QueueName="q", tags=tags)
    client("logs").create_log_group(logGroupName="/g", tags=tags)
    client("s3").create_bucket(Bucket="here", CreateBucketConfiguration={"Tags": pairs})
    there = {"LocationConstraint": "eu-west-1", "Tags": pairs}
    client("s3", "eu-west-1").create_bucket(Bucket="there", CreateBucketConfiguration=there)
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **specification("vpc"))["Vpc"]["VpcId"]
    ec2.allocate_address(Domain="vpc", **specification("elastic-ip"))
    ec2.create_network_acl(VpcId=vpc, **specification("network-acl"))
    service = "com.amazonaws.us-east-1.s3"
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, **specification("vpc-endpoint"))

    def found(region=None, **filters):
        pages = (
            client("resourcegroupstaggingapi", region)
            .get_paginator("get_resources")
            .paginate(TagFilters=[{"Key": "a", "Values": ["b"]}], PaginationConfig={"PageSize": 2}, **filters)
        )
        arns = [item["ResourceARN"] for page in pages for item in page["ResourceTagMappingList"]]
        return sorted(arn.split(":")[2] + ":" + arn.split(":")[5].split("/")[0] for arn in arns)

    assert found() == [
        "ec2:elastic-ip",
        "ec2:network-acl",
        "ec2:vpc",
        "ec2:vpc-endpoint",
        "kms:key",
        "logs:log-group",
        "s3:here",
        "sns:t",
        "sqs:q",
    ]
    assert found("eu-west-1") == ["s3:there"]
    kinds = ["logs:log-group", "ec2:vpc-endpoint", "s3"]
    assert found(ResourceTypeFilters=kinds) == ["ec2:vpc-endpoint", "logs:log-group", "s3:here"]
