"""What nobody configured: with our ownership tags, as a tool that copies tags makes it, and without, in our names or our VPC."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from .scene import Scene, Touch, as_list, mutation, unmanaged

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def made(at: Scene, tier: str, kind: str, make: Callable[[str, dict[str, str]], Any]) -> Touch:
    """``make(word, tags)`` makes one with a copy of our tags."""
    word = at.word()
    address = f"{kind}/{word}"
    make(word, at.tags(tier, address))
    return unmanaged(address, "made with our tags")


@mutation("kms")
def a_key_of_our_tags(at: Scene) -> Touch:
    tags = functools.partial(as_list, key="TagKey", value="TagValue")
    return made(at, "kms", "kms_key", lambda word, mine: at.client("kms").create_key(Description=word, Tags=tags(mine)))


@mutation("messaging")
def a_queue_of_our_tags(at: Scene) -> Touch:
    name = at.environment + "-{}"
    return made(
        at, "messaging", "sqs_queue", lambda word, tags: at.client("sqs").create_queue(QueueName=name.format(word), tags=tags)
    )


@mutation("messaging")
def a_topic_of_our_tags(at: Scene) -> Touch:
    name = at.environment + "-{}"
    return made(
        at, "messaging", "sns_topic", lambda word, tags: at.client("sns").create_topic(Name=name.format(word), Tags=as_list(tags))
    )


@mutation("eks")
def a_role_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("iam").create_role(
            RoleName=f"{at.deployment}-{word}", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=as_list(tags)
        )

    return made(at, at.one(["eks", "vpc", "rds"]), "iam_role", make)


@mutation("vpc")
def a_log_group_of_our_tags(at: Scene) -> Touch:
    return made(
        at,
        at.one(["vpc", "eks", "rds", "redis"]),
        "log_group",
        lambda word, tags: at.client("logs").create_log_group(logGroupName=f"/{at.deployment}/{word}", tags=tags),
    )


def specification(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": as_list(tags)}]


def free_range(at: Scene) -> str:
    """A range of the VPC that no subnet of ours has."""
    first, second, *_rest = at.resources["vpc/main"]["cidr"].split(".")
    return f"{first}.{second}.{at.rng.randint(200, 250)}.0/24"


@mutation("vpc")
def a_subnet_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("ec2").create_subnet(
            VpcId=at.id("vpc/main"), CidrBlock=free_range(at), TagSpecifications=specification("subnet", tags)
        )

    return made(at, "vpc", "subnet", make)


@mutation("vpc")
def a_security_group_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("ec2").create_security_group(
            GroupName=word, Description=word, VpcId=at.id("vpc/main"), TagSpecifications=specification("security-group", tags)
        )

    return made(at, "vpc", "security_group", make)


@mutation("vpc")
def a_route_table_of_our_tags(at: Scene) -> Touch:
    vpc = at.id("vpc/main")
    make = at.client("ec2").create_route_table
    return made(at, "vpc", "route_table", lambda word, tags: make(VpcId=vpc, TagSpecifications=specification("route-table", tags)))


@mutation("vpc")
def an_address_of_our_tags(at: Scene) -> Touch:
    make = at.client("ec2").allocate_address
    return made(at, "vpc", "elastic_ip", lambda word, tags: make(Domain="vpc", TagSpecifications=specification("elastic-ip", tags)))


@mutation("eks")
def a_launch_template_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("ec2").create_launch_template(
            LaunchTemplateName=f"{at.environment}-{word}",
            LaunchTemplateData={"InstanceType": "t3.micro"},
            TagSpecifications=specification("launch-template", tags),
        )

    return made(at, "eks", "launch_template", make)


@mutation("secrets")
def a_secret_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("secretsmanager").create_secret(Name=f"{at.environment}/{word}", SecretString=word, Tags=as_list(tags))

    return made(at, "secrets", "secret", make)


@mutation("s3")
def a_bucket_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        name = f"{at.resources['s3_bucket/backups']['id'].removesuffix('backups')}{word}"
        at.client("s3").create_bucket(Bucket=name)
        at.client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": as_list(tags)})

    return made(at, "s3", "s3_bucket", make)


@mutation("dynamodb")
def a_table_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("dynamodb").create_table(
            TableName=f"{at.environment}-{word}",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=as_list(tags),
        )

    return made(at, "dynamodb", "dynamodb_table", make)


@mutation("rds")
def a_parameter_group_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("rds").create_db_parameter_group(
            DBParameterGroupName=f"{at.environment}-{word}",
            DBParameterGroupFamily="postgres17",
            Description=word,
            Tags=as_list(tags),
        )

    return made(at, "rds", "db_parameter_group", make)


@mutation("redis")
def a_cache_subnet_group_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        subnets = [at.id(address) for address, _item in at.all("subnet") if "database" in address]
        at.client("elasticache").create_cache_subnet_group(
            CacheSubnetGroupName=f"{at.environment}-{word}",
            CacheSubnetGroupDescription=word,
            SubnetIds=subnets,
            Tags=as_list(tags),
        )

    return made(at, "redis", "cache_subnet_group", make)


@mutation("eks")
def an_access_entry_of_our_tags(at: Scene) -> Touch:
    cluster = at.all("eks_cluster")[0][1]["name"]

    def make(word: str, tags: dict[str, str]) -> None:
        role = at.client("iam").create_role(RoleName=word, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        at.client("eks").create_access_entry(clusterName=cluster, principalArn=role, type="STANDARD", tags=tags)

    return made(at, "eks", "eks_access_entry", make)


@mutation("cloudfront")
def a_target_group_of_our_tags(at: Scene) -> Touch:
    def make(word: str, tags: dict[str, str]) -> None:
        at.client("elbv2").create_target_group(
            Name=f"{at.environment}-{word}", Protocol="HTTP", Port=80, VpcId=at.id("vpc/main"), Tags=as_list(tags)
        )

    return made(at, "cloudfront", "target_group", make)


# --- without our tags, within our names or our VPC


@mutation("messaging")
def a_queue_of_our_name(at: Scene) -> Touch:
    name = f"{at.environment}-{at.word()}"
    at.client("sqs").create_queue(QueueName=name)
    return unmanaged(f"sqs_queue/{name}", "made under our prefix")


@mutation("messaging")
def a_topic_of_our_name(at: Scene) -> Touch:
    name = f"{at.environment}-{at.word()}"
    at.client("sns").create_topic(Name=name)
    return unmanaged(f"sns_topic/{name}", "made under our prefix")


@mutation("messaging")
def a_subscription_of_our_topic(at: Scene) -> Touch:
    _address, topic = at.pick("sns_topic")
    arn = at.client("sns").subscribe(
        TopicArn=topic["arn"], Protocol="https", Endpoint="https://example.com/by-hand", ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    name, identity = arn.split(":")[-2:]
    return unmanaged(f"sns_subscription/{name}-{identity}", "somebody listens to our topic")


@mutation("eks")
def a_role_of_our_name(at: Scene) -> Touch:
    name = f"{at.deployment}-{at.word()}"
    at.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return unmanaged(f"iam_role/{name}", "made under our prefix")


@mutation("vpc")
def a_security_group_in_our_vpc(at: Scene) -> Touch:
    word = at.word()
    group = at.client("ec2").create_security_group(GroupName=word, Description=word, VpcId=at.id("vpc/main"))["GroupId"]
    return unmanaged(f"security_group/{group}", "made in our VPC")


@mutation("vpc")
def a_subnet_in_our_vpc(at: Scene) -> Touch:
    subnet = at.client("ec2").create_subnet(VpcId=at.id("vpc/main"), CidrBlock=free_range(at))["Subnet"]["SubnetId"]
    return unmanaged(f"subnet/{subnet}", "made in our VPC")


@mutation("secrets")
def a_secret_of_our_name(at: Scene) -> Touch:
    name = f"{at.environment}/{at.word()}"
    at.client("secretsmanager").create_secret(Name=name, SecretString="by hand")
    return unmanaged(f"secret/{name}", "made under our prefix")


@mutation("dynamodb")
def a_table_of_our_name(at: Scene) -> Touch:
    name = f"{at.environment}-{at.word()}"
    at.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return unmanaged(f"dynamodb_table/{name}", "made under our prefix")


@mutation("s3")
def a_bucket_of_our_name(at: Scene) -> Touch:
    name = f"{at.resources['s3_bucket/backups']['id'].removesuffix('backups')}{at.word()}"
    at.client("s3").create_bucket(Bucket=name)
    return unmanaged(f"s3_bucket/{name}", "made under our prefix")
