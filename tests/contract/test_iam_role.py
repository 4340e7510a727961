"""What the one suite cannot tell of roles: attached policies, which have to exist, and replacement under the same name."""

from __future__ import annotations

import json

import boto3
import pytest
from support import tiers

ADDRESS = "iam_role/vpc-flow-logs"
ROLE = {"RoleName": "prod-us-east-1-vpc-flow-logs"}
DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})


@pytest.fixture
def network(prepare):
    prepared = prepare("vpc")
    prepared.on_whole()
    return prepared


@pytest.fixture
def iam(network):
    return boto3.client("iam", region_name="us-east-1")


@pytest.fixture
def policies(iam):
    return [iam.create_policy(PolicyName=name, PolicyDocument=DENY)["Policy"]["Arn"] for name in ("one", "two")]


def with_field(field, value):
    def change(resources):
        (role,) = [resource for resource in resources if resource.address == ADDRESS]
        role.desired[field] = value

    return change


def attached(iam):
    return {policy["PolicyArn"] for policy in iam.list_attached_role_policies(**ROLE)["AttachedPolicies"]}


def test_desired_policies_are_attached_and_others_detached(network, iam, policies):
    one, two = policies
    iam.attach_role_policy(**ROLE, PolicyArn=one)
    change = with_field("managed_policies", [two])
    result = tiers.run(network.tier, network.parameters, change=change)
    assert tiers.changes(result) == {(ADDRESS, "update", "managed_policies")}
    assert attached(iam) == {two}
    assert tiers.run(network.tier, network.parameters, change=change)["plan"] == []


def test_role_with_attached_policies_goes_with_the_tier(network, iam, policies):
    iam.attach_role_policy(**ROLE, PolicyArn=policies[0])
    tiers.run(network.tier, {**network.parameters, "state": "absent"})
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(**ROLE)


def test_role_of_another_path_is_made_anew(network, iam):
    before = iam.get_role(**ROLE)["Role"]
    change = with_field("path", "/platform/")
    assert tiers.addresses(tiers.run(network.tier, network.parameters, change=change))[ADDRESS] == "replace"
    after = iam.get_role(**ROLE)["Role"]
    assert after["RoleId"] != before["RoleId"]
    assert after["Arn"].endswith(":role/platform/" + ROLE["RoleName"])
    assert tiers.run(network.tier, network.parameters, change=change)["plan"] == []


def test_boundary_that_others_put_on_the_role_stays(network, iam, policies):
    iam.put_role_permissions_boundary(**ROLE, PermissionsBoundary=policies[0])
    assert tiers.run(network.tier, network.parameters)["plan"] == []


def profile(iam, name, **tags):
    marks = [{"Key": key, "Value": value} for key, value in tags.items()]
    iam.create_instance_profile(InstanceProfileName=name, Tags=marks)
    iam.add_role_to_instance_profile(InstanceProfileName=name, **ROLE)


def profiles(iam):
    return {item["InstanceProfileName"]: len(item["Roles"]) for item in iam.list_instance_profiles()["InstanceProfiles"]}


def test_role_goes_out_of_the_profiles_that_karpenter_left(network, iam):
    profile(iam, "prod_1", **{"karpenter.k8s.aws/ec2nodeclass": "platform"})
    tiers.run(network.tier, {**network.parameters, "state": "absent"})
    assert profiles(iam) == {}
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(**ROLE)


def test_role_stays_in_a_profile_of_somebody_else(network, iam):
    profile(iam, "theirs", team="x")
    result = tiers.attempt(network.tier, {**network.parameters, "state": "absent"})
    assert result["failed"] and "iam_role/vpc-flow-logs" in result["msg"]
    assert profiles(iam) == {"theirs": 1} and iam.get_role(**ROLE)
