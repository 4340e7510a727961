"""What surrounds EKS: AWS's own policies, and names of services in the path of a call."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.launch import LocalAws

POLICY = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def client():
    with LocalAws() as local:
        yield lambda service: boto3.client(
            service,
            endpoint_url=local.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )


@pytest.fixture(scope="module")
def role(client):
    return client("iam").create_role(RoleName="cluster", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]


def test_policies_of_aws_are_there_when_asked_for(client, role):
    iam = client("iam")
    iam.attach_role_policy(RoleName="cluster", PolicyArn=POLICY)
    attached = iam.list_attached_role_policies(RoleName="cluster")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [POLICY]
    assert iam.get_policy(PolicyArn=POLICY)["Policy"]["AttachmentCount"] == 1


@pytest.mark.parametrize("name", ["NoSuchPolicy", "service-role/AmazonEKSClusterPolicy"])
def test_policies_that_aws_does_not_have_are_not(client, role, name):
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client("iam").attach_role_policy(RoleName="cluster", PolicyArn=f"arn:aws:iam::aws:policy/{name}")


def test_an_entry_whose_principal_names_a_service_is_read(client, role):
    eks = client("eks")
    subnets = [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"][:3]]
    eks.create_cluster(
        name="x", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, accessConfig={"authenticationMode": "API"}
    )
    principals = eks.list_access_entries(clusterName="x")["accessEntries"]
    assert any("/eks.amazonaws.com/" in principal for principal in principals)
    for principal in principals:
        assert eks.describe_access_entry(clusterName="x", principalArn=principal)["accessEntry"]["principalArn"] == principal
