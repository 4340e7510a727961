"""Snapshots: after a restore everything reads as it did, nothing leaks, and everything still works."""

from __future__ import annotations

import gc
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

LARGE = b"x" * (6 * 1024 * 1024)  # more than one part, and than an emulator keeps in memory
TAGS = [{"Key": "a", "Value": "b"}]
REGIONS = ("us-east-1", "eu-west-1")


def specification(kind):
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": TAGS}]}


def build(client):
    """A little of every kind; answers the names that later calls need."""
    kms, ec2, s3, sns, sqs = (client(name) for name in ("kms", "ec2", "s3", "sns", "sqs"))
    keys = [kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]["KeyId"] for _ in range(3)]
    for number, key in enumerate(keys):
        kms.create_alias(AliasName=f"alias/key-{number}", TargetKeyId=key)
    kms.enable_key_rotation(KeyId=keys[0], RotationPeriodInDays=100)
    kms.schedule_key_deletion(KeyId=keys[2], PendingWindowInDays=7)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **specification("vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{16 * n}.0/20", AvailabilityZone=f"us-east-1{z}")["Subnet"]["SubnetId"]
        for n, z in enumerate("abc")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address, ClientToken="t")["NatGateway"]["NatGatewayId"]
    table = ec2.create_route_table(VpcId=vpc, **specification("route-table"))["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[1])
    groups = [ec2.create_security_group(GroupName=n, Description="d", VpcId=vpc)["GroupId"] for n in ("one", "two")]
    pair = {"GroupId": groups[1], "Description": "from two"}
    permission = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=[permission])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-east-1.sts",
        VpcEndpointType="Interface",
        SubnetIds=subnets,
        SecurityGroupIds=groups[:1],
    )["VpcEndpoint"]["VpcEndpointId"]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    s3.create_bucket(Bucket="first", CreateBucketConfiguration={"Tags": TAGS})
    s3.put_bucket_versioning(Bucket="first", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two", LARGE):
        s3.put_object(Bucket="first", Key="k", Body=body)
    upload = s3.create_multipart_upload(Bucket="first", Key="big")["UploadId"]
    s3.upload_part(Bucket="first", Key="big", UploadId=upload, PartNumber=1, Body=LARGE)
    topic = sns.create_topic(Name="topic", Tags=TAGS)["TopicArn"]
    dead = "arn:aws:sqs:us-east-1:123456789012:dead"
    sqs.create_queue(QueueName="dead")
    arn = "arn:aws:sqs:us-east-1:123456789012:main"
    allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    given = {
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1}),
    }
    url = sqs.create_queue(QueueName="main", Attributes=given, tags={"a": "b"})["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="waiting")
    client("logs").create_log_group(logGroupName="/group", tags={"a": "b"})
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=document, Tags=TAGS)
    return {
        "keys": keys,
        "vpc": vpc,
        "subnets": subnets,
        "address": address,
        "nat": nat,
        "table": table,
        "groups": groups,
        "endpoint": endpoint,
        "acl": acl,
        "upload": upload,
        "topic": topic,
        "queue": url,
    }


def bare(answer):
    answer.pop("ResponseMetadata", None)
    return answer


def read(client):
    """Everything that can be read, as comparable values."""
    kms, ec2, s3, sns, sqs, iam, logs = (client(name) for name in ("kms", "ec2", "s3", "sns", "sqs", "iam", "logs"))
    seen = {}
    for name in ("vpcs", "subnets", "internet_gateways", "addresses", "nat_gateways", "route_tables", "security_groups"):
        seen[name] = bare(getattr(ec2, f"describe_{name}")())
    for name in ("security_group_rules", "network_acls", "vpc_endpoints", "network_interfaces", "tags", "flow_logs"):
        seen[name] = bare(getattr(ec2, f"describe_{name}")())
    seen["keys"] = bare(kms.list_keys())
    seen["aliases"] = bare(kms.list_aliases())
    for key in seen["keys"]["Keys"]:
        name = key["KeyId"]
        for method in ("describe_key", "get_key_rotation_status", "list_resource_tags"):
            seen[method, name] = bare(getattr(kms, method)(KeyId=name))
        seen["policy", name] = bare(kms.get_key_policy(KeyId=name, PolicyName="default"))
    seen["buckets"] = bare(s3.list_buckets())
    for bucket in seen["buckets"]["Buckets"]:
        name = bucket["Name"]
        seen["versions", name] = bare(s3.list_object_versions(Bucket=name))
        seen["uploads", name] = bare(s3.list_multipart_uploads(Bucket=name))
        for version in seen["versions", name].get("Versions", []):
            body = s3.get_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])["Body"].read()
            seen["object", name, version["VersionId"]] = (len(body), hash(body))
    seen["topics"] = bare(sns.list_topics())
    seen["subscriptions"] = bare(sns.list_subscriptions())
    for url in sqs.list_queues().get("QueueUrls", []):
        seen["queue", url] = bare(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
    seen["groups"] = bare(logs.describe_log_groups())
    seen["roles"] = bare(iam.list_roles())
    for region in REGIONS:
        seen["found", region] = bare(client("resourcegroupstaggingapi", region).get_resources())
    return seen


def wreck(client, made):
    """Change, delete and add something of every kind."""
    kms, ec2, s3, sns, sqs = (client(name) for name in ("kms", "ec2", "s3", "sns", "sqs"))
    kms.schedule_key_deletion(KeyId=made["keys"][0], PendingWindowInDays=7)
    kms.delete_alias(AliasName="alias/key-1")
    kms.create_key()
    ec2.delete_nat_gateway(NatGatewayId=made["nat"])
    ec2.release_address(AllocationId=made["address"])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["endpoint"]])
    ec2.delete_network_acl(NetworkAclId=made["acl"])
    ec2.delete_route(RouteTableId=made["table"], DestinationCidrBlock="0.0.0.0/0")
    ec2.create_tags(Resources=[made["vpc"]], Tags=[{"Key": "new", "Value": "new"}])
    permissions = ec2.describe_security_groups(GroupIds=made["groups"][:1])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=made["groups"][0], IpPermissions=permissions)
    ec2.delete_security_group(GroupId=made["groups"][1])
    s3.put_object(Bucket="first", Key="k", Body=b"overwritten")
    s3.upload_part(Bucket="first", Key="big", UploadId=made["upload"], PartNumber=2, Body=b"more")
    parts = s3.list_parts(Bucket="first", Key="big", UploadId=made["upload"])["Parts"]
    wanted = {"Parts": [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]}
    s3.complete_multipart_upload(Bucket="first", Key="big", UploadId=made["upload"], MultipartUpload=wanted)
    s3.create_bucket(Bucket="second")
    client("s3", "eu-west-1").create_bucket(
        Bucket="third", CreateBucketConfiguration={"LocationConstraint": "eu-west-1", "Tags": TAGS}
    )
    sqs.receive_message(QueueUrl=made["queue"])
    sns.delete_topic(TopicArn=made["topic"])
    sqs.delete_queue(QueueUrl=made["queue"])
    client("logs").delete_log_group(logGroupName="/group")
    client("iam").delete_role(RoleName="role")
    client("sns", "eu-west-1").create_topic(Name="elsewhere", Tags=TAGS)
    client("secretsmanager").create_secret(Name="secret", SecretString="x")


@pytest.fixture
def made(aws, client):
    names = build(client)
    aws.clear_requests()
    return names


def test_everything_reads_as_it_did_however_often(aws, client, made):
    copy = aws.snapshot()
    before = read(client)
    for _ in range(3):
        wreck(client, made)
        assert read(client) != before
        aws.restore(copy)
        assert read(client) == before


def test_a_restored_state_is_its_own_snapshot(aws, client, made):
    before = read(client)
    first = aws.snapshot()
    aws.restore(first)
    second = aws.snapshot()
    wreck(client, made)
    aws.restore(second)
    assert read(client) == before
    aws.restore(first)
    assert read(client) == before


def test_what_came_later_is_gone(aws, client, made):
    copy = aws.snapshot()
    wreck(client, made)
    aws.restore(copy)
    client("s3").create_bucket(Bucket="second")
    assert client("sns", "eu-west-1").list_topics()["Topics"] == []
    assert client("secretsmanager").list_secrets()["SecretList"] == []
    client("s3", "eu-west-1").create_bucket(Bucket="third", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


def test_everything_works_after_a_restore(aws, client, made, refused):
    copy = aws.snapshot()
    wreck(client, made)
    aws.restore(copy)
    ec2, s3, sns, sqs, kms = (client(name) for name in ("ec2", "s3", "sns", "sqs", "kms"))
    sns.publish(TopicArn=made["topic"], Message="after")
    bodies = [m["Body"] for m in sqs.receive_message(QueueUrl=made["queue"], MaxNumberOfMessages=10)["Messages"]]
    assert sorted(bodies) == ["after", "waiting"]
    assert s3.get_object(Bucket="first", Key="k")["Body"].read() == LARGE
    parts = s3.list_parts(Bucket="first", Key="big", UploadId=made["upload"])["Parts"]
    assert [(part["PartNumber"], part["Size"]) for part in parts] == [(1, len(LARGE))]
    again = ec2.create_nat_gateway(SubnetId=made["subnets"][0], AllocationId=made["address"], ClientToken="t")
    assert again["NatGateway"]["NatGatewayId"] == made["nat"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=made["groups"][1])
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=made["subnets"][0])
    there = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    refused("BucketAlreadyOwnedByYou", client("s3", "eu-west-1").create_bucket, Bucket="first", **there)
    eni = ec2.create_network_interface(SubnetId=made["subnets"][0])["NetworkInterface"]
    assert eni["SubnetId"] == made["subnets"][0]
    blob = kms.encrypt(KeyId="alias/key-0", Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    wreck(client, made)


def test_a_snapshot_from_within_a_call(aws, client, made):
    copies = []
    aws.settings.fault(operation="CreateTopic", when="after", nth=1, callback=lambda _call: copies.append(aws.snapshot()))
    client("sns").create_topic(Name="during")
    client("sns").create_topic(Name="later")
    aws.restore(copies[0])
    names = [topic["TopicArn"].rsplit(":")[-1] for topic in client("sns").list_topics()["Topics"]]
    assert names == ["topic", "during"]


def test_snapshots_while_others_write(aws, client, made):
    sqs = client("sqs")
    seen = []

    def write(number):
        sqs.create_queue(QueueName=f"queue-{number}")

    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write, number) for number in range(60)]
        while not all(future.done() for future in writes):
            seen.append(aws.snapshot())
    for future in writes:
        future.result()
    counts = []
    for copy in seen[:: max(1, len(seen) // 10)]:
        aws.restore(copy)
        counts.append(len(sqs.list_queues()["QueueUrls"]))
    assert counts == sorted(counts)


def test_an_unfinished_list_can_be_copied(aws, client, made):
    tagging = client("resourcegroupstaggingapi")
    token = tagging.get_resources(ResourcesPerPage=1)["PaginationToken"]
    aws.restore(aws.snapshot())
    assert tagging.get_resources(ResourcesPerPage=1, PaginationToken=token)["ResourceTagMappingList"]


def test_many_restores_cost_no_memory(aws, client, made):
    copy = aws.snapshot()

    def living():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        aws.restore(copy)
        client("ec2").create_network_interface(SubnetId=made["subnets"][0])
    before = living()
    for _ in range(20):
        aws.restore(copy)
        client("ec2").create_network_interface(SubnetId=made["subnets"][0])
        client("sns").publish(TopicArn=made["topic"], Message="x")
    assert living() - before < 2000


def test_copies_are_fast(aws, client, made):
    copy = aws.snapshot()
    started = time.perf_counter()
    for _ in range(5):
        aws.snapshot()
        aws.restore(copy)
    assert (time.perf_counter() - started) / 5 < 0.5, "measured 0.03 s with 18 MB of objects"


def test_reset(aws, client, made):
    aws.reset()
    assert client("kms").list_keys()["Keys"] == []
    assert client("s3").list_buckets()["Buckets"] == []
    assert len(client("ec2").describe_vpcs()["Vpcs"]) == 1
    build(client)
