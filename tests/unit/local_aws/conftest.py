"""Fixtures of the local AWS's own tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


@pytest.fixture
def aws():
    """An empty local AWS in this process."""
    from local_aws.in_process import InProcessAws

    with InProcessAws() as running:
        yield running


@pytest.fixture
def client(aws):
    """`client("kms")`: one client a service, made once a test."""
    import boto3

    made = {}

    def get(service, region=None):
        key = (service, region)
        if key not in made:
            made[key] = boto3.client(service, region_name=region or aws.region)
        return made[key]

    return get


@pytest.fixture
def refused():
    """`refused(code, function, **arguments)`: the call must fail with this AWS error code; answers the message."""
    from botocore.exceptions import ClientError

    def check(code, function, **arguments):
        with pytest.raises(ClientError) as caught:
            function(**arguments)
        assert caught.value.response["Error"]["Code"] == code, caught.value
        return caught.value.response["Error"]["Message"]

    return check


@pytest.fixture
def eks_ground(client):
    """A VPC with subnets in two zones, and roles for the cluster, the nodes and pods: what a cluster stands on."""
    import json

    def role(service):
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        name = service.removesuffix(".amazonaws.com").replace(".", "-")
        return client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]

    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    roles = {service: role(f"{service}.amazonaws.com") for service in ("eks", "ec2", "pods.eks")}
    return {"vpc": vpc, "subnets": subnets, "cluster_role": roles["eks"], "node_role": roles["ec2"], "pod_role": roles["pods.eks"]}


@pytest.fixture
def eks_cluster(client, eks_ground):
    """`eks_cluster(...)` makes the cluster `main` and answers it; `eks_cluster()` describes it once it is there."""
    eks = client("eks")

    def call(**more):
        if eks.list_clusters()["clusters"] and not more:
            return eks.describe_cluster(name="main")["cluster"]
        given = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
        vpc = {"subnetIds": eks_ground["subnets"], **more.pop("vpc", {})}
        more = {"accessConfig": given, "version": "1.33", **more}
        return eks.create_cluster(name="main", roleArn=eks_ground["cluster_role"], resourcesVpcConfig=vpc, **more)["cluster"]

    return call


@pytest.fixture
def eks_nodegroup(client, eks_ground):
    """`eks_nodegroup(...)` makes the node group `general` of the cluster `main` and answers it."""

    def call(**more):
        given = {"subnets": eks_ground["subnets"], "nodeRole": eks_ground["node_role"]}
        return client("eks").create_nodegroup(**{"clusterName": "main", "nodegroupName": "general", **given, **more})["nodegroup"]

    return call
