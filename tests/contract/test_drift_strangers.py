"""What no configuration knows, planted by plain boto3 into a whole deployment, and what may not be taken for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from support import drifts, site

REGION = "us-east-1"
OURS = {"agent-platform:deployment": "prod-us-east-1", "agent-platform:environment": "prod"}
OTHER = {
    "agent-platform:deployment": "prod-eu-west-1",
    "agent-platform:environment": "prod",
    "agent-platform:tier": "messaging",
    "agent-platform:address": "sqs_queue/events",
}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


POD_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
            }
        ],
    }
)


@pytest.fixture(scope="module")
def whole(aws):
    """All tiers of prod, as a snapshot."""
    aws.reset()
    drifts.apply(site.parameters("prod"))
    return aws.snapshot()


@pytest.fixture
def standing(aws, whole):
    aws.restore(whole)
    aws.clear_requests()
    return aws


def pairs(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags.items()]


def given(tags: dict[str, str]) -> dict[str, Any]:
    """For calls that take no empty list."""
    return {"Tags": pairs(tags)} if tags else {}


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def vpc() -> str:
    filters = [{"Name": "tag:agent-platform:deployment", "Values": ["prod-us-east-1"]}]
    return client("ec2").describe_vpcs(Filters=filters)["Vpcs"][0]["VpcId"]


def subnet(name: str = "private-us-east-1a") -> str:
    filters = [{"Name": "tag:agent-platform:address", "Values": [f"subnet/{name}"]}]
    return client("ec2").describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"]


def subnets() -> list[str]:
    return [subnet(), subnet("private-us-east-1b")]


def specification(kind: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": pairs(tags)}] if tags else []


# Each plants one thing with the tags that it is given and answers what its id ends in.
def a_subnet(tags):
    return client("ec2").create_subnet(VpcId=vpc(), CidrBlock="10.0.240.0/24", TagSpecifications=specification("subnet", tags))[
        "Subnet"
    ]["SubnetId"]


def a_route_table(tags):
    return client("ec2").create_route_table(VpcId=vpc(), TagSpecifications=specification("route-table", tags))["RouteTable"][
        "RouteTableId"
    ]


def a_security_group(tags):
    return client("ec2").create_security_group(
        VpcId=vpc(), GroupName="by-hand", Description="by hand", TagSpecifications=specification("security-group", tags)
    )["GroupId"]


def a_network_acl(tags):
    return client("ec2").create_network_acl(VpcId=vpc(), TagSpecifications=specification("network-acl", tags))["NetworkAcl"][
        "NetworkAclId"
    ]


def a_network_interface(tags):
    return client("ec2").create_network_interface(
        SubnetId=subnet(), Description="by hand", TagSpecifications=specification("network-interface", tags)
    )["NetworkInterface"]["NetworkInterfaceId"]


def an_instance(tags):
    image = client("ec2").describe_images()["Images"][0]["ImageId"]
    answer = client("ec2").run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet(), TagSpecifications=specification("instance", tags)
    )
    return answer["Instances"][0]["InstanceId"]


def an_endpoint(tags):
    return client("ec2").create_vpc_endpoint(
        VpcId=vpc(),
        ServiceName="com.amazonaws.us-east-1.ssm",
        VpcEndpointType="Interface",
        SubnetIds=[subnet()],
        TagSpecifications=specification("vpc-endpoint", tags),
    )["VpcEndpoint"]["VpcEndpointId"]


def a_nat_gateway(tags):
    return client("ec2").create_nat_gateway(
        SubnetId=subnet(), ConnectivityType="private", TagSpecifications=specification("natgateway", tags)
    )["NatGateway"]["NatGatewayId"]


def a_flow_log(tags):
    return client("ec2").create_flow_logs(
        ResourceIds=[vpc()],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogGroupName="/theirs/flows",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/prod-us-east-1-vpc-flow-logs",
        TagSpecifications=specification("vpc-flow-log", tags),
    )["FlowLogIds"][0]


def a_launch_template(tags):
    return client("ec2").create_launch_template(
        LaunchTemplateName="prod-by-hand",
        LaunchTemplateData={"InstanceType": "t3.micro"},
        TagSpecifications=specification("launch-template", tags),
    )["LaunchTemplate"]["LaunchTemplateId"]


def a_load_balancer(tags):
    return client("elbv2").create_load_balancer(Name="by-hand", Subnets=subnets(), **given(tags))["LoadBalancers"][0][
        "LoadBalancerArn"
    ]


def a_target_group(tags):
    return client("elbv2").create_target_group(Name="by-hand", Protocol="HTTP", Port=80, VpcId=vpc(), **given(tags))[
        "TargetGroups"
    ][0]["TargetGroupArn"]


def a_classic_load_balancer(tags):
    client("elb").create_load_balancer(
        LoadBalancerName="classic",
        Listeners=[{"Protocol": "tcp", "LoadBalancerPort": 80, "InstanceProtocol": "tcp", "InstancePort": 80}],
        Subnets=[subnet()],
        **({"Tags": pairs(tags)} if tags else {}),
    )
    return "classic"


def a_listener(tags):
    balancers = client("elbv2").describe_load_balancers()["LoadBalancers"]
    balancer = next(one for one in balancers if one["LoadBalancerName"].startswith("prod-"))
    return client("elbv2").create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8080,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        **given(tags),
    )["Listeners"][0]["ListenerArn"]


def a_database(tags):
    client("rds").create_db_instance(
        DBInstanceIdentifier="by-hand",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="someone",
        MasterUserPassword="only-for-this-test",
        DBSubnetGroupName=database_subnets("databases-by-hand", {}),
        Tags=pairs(tags),
    )
    return "by-hand"


def database_subnets(name, tags):
    client("rds").create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="by hand", SubnetIds=subnets(), Tags=pairs(tags)
    )
    return name


def a_database_subnet_group(tags):
    return database_subnets("theirs", tags)


def a_database_parameter_group(tags):
    client("rds").create_db_parameter_group(
        DBParameterGroupName="prod-by-hand", DBParameterGroupFamily="postgres16", Description="by hand", Tags=pairs(tags)
    )
    return "prod-by-hand"


def a_cache_subnet_group(tags):
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName="theirs", CacheSubnetGroupDescription="by hand", SubnetIds=subnets(), Tags=pairs(tags)
    )
    return "theirs"


def a_cache_parameter_group(tags):
    client("elasticache").create_cache_parameter_group(
        CacheParameterGroupName="prod-by-hand", CacheParameterGroupFamily="redis7", Description="by hand", Tags=pairs(tags)
    )
    return "prod-by-hand"


def a_cache(tags):
    client("elasticache").create_replication_group(
        ReplicationGroupId="prod-by-hand", ReplicationGroupDescription="by hand", CacheNodeType="cache.t4g.micro", Tags=pairs(tags)
    )
    return "prod-by-hand"


def a_queue(tags):
    return client("sqs").create_queue(QueueName="prod-by-hand", tags=tags)["QueueUrl"].rsplit("/", 1)[1]


def a_topic(tags):
    return client("sns").create_topic(Name="prod-by-hand", Tags=pairs(tags))["TopicArn"]


def a_table(tags):
    client("dynamodb").create_table(
        TableName="prod-by-hand",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=pairs(tags),
    )
    return "prod-by-hand"


def a_role(tags):
    return client("iam").create_role(RoleName="prod-by-hand", AssumeRolePolicyDocument=TRUST, Tags=pairs(tags))["Role"]["RoleName"]


def a_log_group(tags):
    client("logs").create_log_group(logGroupName="/prod-us-east-1/vpc/by-hand", tags=tags)
    return "/prod-us-east-1/vpc/by-hand"


def an_edge_log_group(tags):
    client("logs").create_log_group(logGroupName="aws-waf-logs-prod-us-east-1-by-hand", tags=tags)
    return "aws-waf-logs-prod-us-east-1-by-hand"


def a_key(tags):
    key = client("kms").create_key(Tags=pairs(tags, "TagKey", "TagValue"))["KeyMetadata"]["KeyId"]
    client("kms").create_alias(AliasName="alias/prod/by-hand", TargetKeyId=key)
    return "alias/prod/by-hand"


def a_secret(tags):
    return client("secretsmanager").create_secret(Name="prod/by-hand", Tags=pairs(tags))["ARN"]


def a_bucket(tags):
    names = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    name = f"{names[0].rsplit('us-east-1', 1)[0]}us-east-1-by-hand"
    client("s3").create_bucket(Bucket=name)
    if tags:
        client("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": pairs(tags)})
    return name


def a_web_acl(tags):
    return client("wafv2").create_web_acl(
        Name="prod-us-east-1-by-hand",
        Scope="CLOUDFRONT",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "by-hand"},
        **({"Tags": pairs(tags)} if tags else {}),
    )["Summary"]["Id"]


def a_node_group(tags):
    cluster = client("eks").list_clusters()["clusters"][0]
    role = client("iam").create_role(RoleName="nodes", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    return client("eks").create_nodegroup(
        clusterName=cluster, nodegroupName="by-hand", subnets=subnets(), nodeRole=role, tags=tags
    )["nodegroup"]["nodegroupArn"]


def an_addon(tags):
    cluster = client("eks").list_clusters()["clusters"][0]
    return client("eks").create_addon(clusterName=cluster, addonName="snapshot-controller", tags=tags)["addon"]["addonArn"]


def an_access_entry(tags):
    cluster = client("eks").list_clusters()["clusters"][0]
    person = client("iam").create_role(RoleName="person", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    return client("eks").create_access_entry(clusterName=cluster, principalArn=person, tags=tags)["accessEntry"]["accessEntryArn"]


def a_pod_identity(tags):
    cluster = client("eks").list_clusters()["clusters"][0]
    role = client("iam").create_role(RoleName="pods", AssumeRolePolicyDocument=POD_TRUST)["Role"]["Arn"]
    return client("eks").create_pod_identity_association(
        clusterName=cluster, namespace="by-hand", serviceAccount="by-hand", roleArn=role, tags=tags
    )["association"]["associationArn"]


PLANTED: dict[str, Callable[[dict[str, str]], str]] = {
    "subnet": a_subnet,
    "route_table": a_route_table,
    "security_group": a_security_group,
    "network_acl": a_network_acl,
    "network_interface": a_network_interface,
    "instance": an_instance,
    "vpc_endpoint": an_endpoint,
    "nat_gateway": a_nat_gateway,
    "flow_log": a_flow_log,
    "launch_template": a_launch_template,
    "load_balancer": a_load_balancer,
    "target_group": a_target_group,
    "classic_load_balancer": a_classic_load_balancer,
    "listener": a_listener,
    "db_instance": a_database,
    "db_subnet_group": a_database_subnet_group,
    "db_parameter_group": a_database_parameter_group,
    "cache_subnet_group": a_cache_subnet_group,
    "cache_parameter_group": a_cache_parameter_group,
    "replication_group": a_cache,
    "sqs_queue": a_queue,
    "sns_topic": a_topic,
    "dynamodb_table": a_table,
    "iam_role": a_role,
    "log_group": a_log_group,
    "edge_log_group": an_edge_log_group,
    "kms_key": a_key,
    "secret": a_secret,
    "s3_bucket": a_bucket,
    "web_acl": a_web_acl,
    "eks_nodegroup": a_node_group,
    "eks_addon": an_addon,
    "eks_access_entry": an_access_entry,
    "eks_pod_identity": a_pod_identity,
}


def unmanaged(document: dict[str, Any]) -> dict[str, str]:
    return {item["address"]: item["id"] for item in document["unmanaged"]}


def test_a_clean_deployment_has_no_drift_and_the_look_at_it_is_cheap(standing):
    parameters = site.parameters("prod")
    drifts.run_all(parameters, "plan")
    planning = len(standing.requests)
    standing.clear_requests()
    document = drifts.drift(parameters)
    assert (document["drift"], document["unmanaged"], document["errors"]) == (False, [], [])
    assert standing.writes() == []
    assert len(standing.requests) < 1.5 * planning


@pytest.fixture(scope="module")
def littered(aws, whole):
    """(kind -> what was planted of it, the drift, the writes that looking made) with a stranger of each kind at once."""
    aws.restore(whole)
    planted = {kind: plant({}) for kind, plant in PLANTED.items()}
    aws.clear_requests()
    return planted, drifts.drift(site.parameters("prod")), aws.writes()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_stranger_is_found_once(littered, kind):
    planted, document, _writes = littered
    here = [item for item in document["unmanaged"] if item["address"].startswith(f"{kind}/")]
    found = [item for item in here if item["id"].endswith(planted[kind])]
    assert len(found) == 1, document["unmanaged"]
    assert found[0]["why"] and not found[0]["owned"]


def test_strangers_are_all_that_is_found_and_looking_writes_nothing(littered):
    planted, document, writes = littered
    # The database came with a group of its own.
    assert len(document["unmanaged"]) == len(planted) + 1, [item["address"] for item in document["unmanaged"]]
    assert (document["changed"], document["missing"], document["errors"], writes) == ([], [], [], [])


def test_what_another_deployment_made_is_no_stranger(standing):
    for plant in PLANTED.values():
        plant(OTHER)
    # Each came with what it needs, which nobody tagged.
    assert set(unmanaged(drifts.drift(site.parameters("prod")))) == {"db_subnet_group/databases-by-hand"}


def test_another_environment_in_the_same_account_is_no_stranger(standing):
    drifts.apply(site.parameters("dev"))
    document = drifts.drift(site.parameters("prod"))
    assert (document["drift"], document["unmanaged"]) == (False, [])
    assert not drifts.drift(site.parameters("dev"))["drift"]


def test_what_controllers_make_is_no_drift(standing):
    tags = {"elbv2.k8s.aws/cluster": "prod-agent-platform"}
    for kind in ("security_group", "network_interface", "instance", "load_balancer", "target_group", "classic_load_balancer"):
        PLANTED[kind](tags)
    assert drifts.drift(site.parameters("prod"))["unmanaged"] == []


def test_what_aws_makes_by_itself_is_no_drift(standing):
    """The tags ``aws:`` are put on by hand here, as only AWS can."""
    from moto.ec2.models import ec2_backends

    ec2 = ec2_backends["123456789012"][REGION]
    ec2.tags[an_instance({})]["aws:autoscaling:groupName"] = "eks-general"
    client("ec2").create_security_group(VpcId=vpc(), GroupName="eks-cluster-sg-prod-agent-platform-1", Description="by EKS")
    for description in ("Amazon EKS prod-agent-platform", "ELB app/x/1", "RDSNetworkInterface", "ElastiCache prod-redis-001"):
        client("ec2").create_network_interface(SubnetId=subnet(), Description=description)
    client("iam").create_service_linked_role(AWSServiceName="guardduty.amazonaws.com")
    managed = [{"Key": "GuardDutyManaged", "Value": "true"}]
    client("ec2").create_security_group(
        VpcId=vpc(),
        GroupName="GuardDutyManagedSecurityGroup-" + vpc(),
        Description="by GuardDuty",
        TagSpecifications=[{"ResourceType": "security-group", "Tags": managed}],
    )
    client("ec2").create_vpc_endpoint(
        VpcId=vpc(),
        ServiceName=f"com.amazonaws.{REGION}.guardduty-data",
        VpcEndpointType="Interface",
        SubnetIds=[subnet()],
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": managed}],
    )
    client("logs").create_log_group(logGroupName="/aws/containerinsights/prod-agent-platform/performance")
    assert drifts.drift(site.parameters("prod"))["unmanaged"] == []


def test_what_lives_beside_ours_is_no_drift(standing):
    ec2 = client("ec2")
    network = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=network, CidrBlock="10.99.0.0/24")
    ec2.create_security_group(VpcId=network, GroupName="theirs", Description="theirs")
    ec2.create_route_table(VpcId=network)
    client("s3").create_bucket(Bucket="somebody-elses")
    client("sqs").create_queue(QueueName="production-orders")
    client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=TRUST)
    client("secretsmanager").create_secret(Name="production/password")
    client("logs").create_log_group(logGroupName="/theirs/app")
    assert drifts.drift(site.parameters("prod"))["unmanaged"] == []


def test_what_carries_our_tags_and_is_of_no_tier_is_found_once(standing, monkeypatch):
    from moto.core.resource_tagging import TaggedResource
    from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

    def tagged(tier, address):
        return {**OURS, "agent-platform:tier": tier, "agent-platform:address": address}

    expected = set()
    for tier in ("vpc", "eks", "long-gone", "kms"):
        tags = specification("volume", tagged(tier, "volume/x"))
        volume = client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tags)["VolumeId"]
        expected.add(f"ec2:volume/{volume}")
    client("sqs").create_queue(QueueName="quite-else", tags=tagged("messaging", "sqs_queue/x"))
    role_tags = pairs(tagged("long-gone", "iam_role/x"))
    client("iam").create_role(RoleName="quite-else", AssumeRolePolicyDocument=TRUST, Tags=role_tags)
    # What is gone is listed for a while.
    made = ResourceGroupsTaggingAPIBackend._get_resources_generator

    def with_a_gone_one(self, tag_filters=None, resource_type_filters=None, resource_arn_list=None):
        yield from made(self, tag_filters, resource_type_filters, resource_arn_list)
        arn = "arn:aws:sqs:us-east-1:123456789012:prod-gone"
        if not resource_type_filters:
            yield TaggedResource(arn=arn, tags=tagged("messaging", "sqs_queue/y"), resource_type="sqs")

    monkeypatch.setattr(ResourceGroupsTaggingAPIBackend, "_get_resources_generator", with_a_gone_one)
    found = [item["address"] for item in drifts.drift(site.parameters("prod"))["unmanaged"]]
    assert sorted(found) == sorted({*expected, "sqs/quite-else", "iam_role/quite-else"})


def test_a_subscription_of_others_to_our_topic(standing):
    topic = next(one["TopicArn"] for one in client("sns").list_topics()["Topics"] if "ticket" in one["TopicArn"])
    queue = client("sqs").create_queue(QueueName="theirs")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    (found,) = drifts.drift(site.parameters("prod"))["unmanaged"]
    assert found["id"] == subscription and found["address"].startswith("sns_subscription/prod-")


def test_a_second_alias_of_our_key(standing):
    aliases = client("kms").list_aliases()["Aliases"]
    key = next(alias["TargetKeyId"] for alias in aliases if alias["AliasName"] == "alias/prod/rds")
    client("kms").create_alias(AliasName="alias/prod/aaa", TargetKeyId=key)
    document = drifts.drift(site.parameters("prod"))
    assert (document["changed"], unmanaged(document)) == ([], {"kms_key/alias/prod/aaa": "alias/prod/aaa"})
