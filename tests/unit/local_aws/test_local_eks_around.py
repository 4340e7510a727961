"""What a cluster needs beside EKS: launch templates, OIDC providers, service-linked roles, the caller's name."""

from __future__ import annotations

import pytest

DATA = {
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
    "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 50, "VolumeType": "gp3", "Encrypted": True}}],
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "n", "Value": "1"}]}],
}
ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"
NONE = "lt-0123456789abcdef0"


@pytest.fixture
def ec2(client):
    return client("ec2")


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def template(ec2):
    def call(**more):
        tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "own", "Value": "me"}]}]
        given = {"LaunchTemplateName": "nodes", "LaunchTemplateData": DATA, "TagSpecifications": tags, **more}
        return ec2.create_launch_template(**given)["LaunchTemplate"]["LaunchTemplateId"]

    return call


def versions(ec2, identifier, *numbers):
    found = ec2.describe_launch_template_versions(LaunchTemplateId=identifier, Versions=list(numbers))
    return [version["LaunchTemplateData"] for version in found["LaunchTemplateVersions"]]


def test_a_template_says_what_it_was_given(ec2, template, client):
    identifier = template()
    assert versions(ec2, identifier, "1") == [DATA], "its own tags are not those of instances"
    ec2.create_tags(Resources=[identifier], Tags=[{"Key": "later", "Value": "1"}])
    ec2.delete_tags(Resources=[identifier], Tags=[{"Key": "own"}])
    (shown,) = ec2.describe_launch_templates(Filters=[{"Name": "tag:later", "Values": ["1"]}])["LaunchTemplates"]
    assert shown["Tags"] == [{"Key": "later", "Value": "1"}]
    found = client("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["ec2:launch-template"])
    assert found["ResourceTagMappingList"][0]["ResourceARN"].endswith(f":launch-template/{identifier}")
    ec2.delete_launch_template(LaunchTemplateId=identifier)
    assert ec2.describe_tags()["Tags"] == []


def test_versions_of_a_template(ec2, template, refused):
    identifier = template()
    made = {"LaunchTemplateId": identifier, "LaunchTemplateData": {"EbsOptimized": True}, "ClientToken": "t"}
    for _ in range(2):
        number = ec2.create_launch_template_version(**made, SourceVersion="1")["LaunchTemplateVersion"]["VersionNumber"]
        assert number == 2, "once for a token"
    assert versions(ec2, identifier, "$Latest", "$Default") == [{**DATA, "EbsOptimized": True}, DATA]
    ec2.modify_launch_template(LaunchTemplateId=identifier, DefaultVersion="2")
    assert versions(ec2, identifier, "$Default") == [{**DATA, "EbsOptimized": True}]
    refused("InvalidLaunchTemplateId.VersionNotFound", lambda: versions(ec2, identifier, "9"))


def test_templates_that_are_not_there(ec2, template, refused):
    refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[NONE])
    refused("InvalidLaunchTemplateId.NotFound", ec2.delete_launch_template, LaunchTemplateId=NONE)
    refused("InvalidLaunchTemplateId.NotFound", ec2.modify_launch_template, LaunchTemplateId=NONE, DefaultVersion="1")
    refused("InvalidLaunchTemplateName.NotFoundException", ec2.describe_launch_templates, LaunchTemplateNames=["none"])
    assert template(ClientToken="t") == template(ClientToken="t")
    refused("InvalidLaunchTemplateName.AlreadyExistsException", template)


def test_openid_connect_providers(iam, refused):
    given = {"Url": ISSUER, "ClientIDList": ["sts.amazonaws.com"]}
    arn = iam.create_open_id_connect_provider(**given, Tags=[{"Key": "n", "Value": "1"}])["OpenIDConnectProviderArn"]
    assert ISSUER in refused("EntityAlreadyExists", iam.create_open_id_connect_provider, **given)
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "m", "Value": "2"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["n"])
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert (shown["Url"], shown["Tags"]) == (ISSUER.removeprefix("https://"), [{"Key": "m", "Value": "2"}])
    assert shown["ClientIDList"] == ["sts.amazonaws.com", "other"]
    assert len(shown["ThumbprintList"][0]) == 40
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="other")
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["sts.amazonaws.com"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused("NoSuchEntity", iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("eks", "AmazonEKS"),
        ("eks-nodegroup", "AmazonEKSNodegroup"),
        ("spot", "EC2Spot"),
        ("dynamodb.application-autoscaling", "ApplicationAutoScaling_DynamoDBTable"),
    ],
)
def test_service_linked_roles(iam, refused, service, name):
    role = iam.create_service_linked_role(AWSServiceName=f"{service}.amazonaws.com")["Role"]
    assert role["RoleName"] == f"AWSServiceRoleFor{name}"
    assert role["Path"] == f"/aws-service-role/{service}.amazonaws.com/"
    message = refused("InvalidInput", iam.create_service_linked_role, AWSServiceName=f"{service}.amazonaws.com")
    assert "has been taken in this account" in message
    refused("UnmodifiableEntity", iam.delete_role, RoleName=role["RoleName"])
    iam.delete_service_linked_role(RoleName=role["RoleName"])
    refused("NoSuchEntity", iam.get_role, RoleName=role["RoleName"])


def test_the_caller_is_a_user_of_iam(client):
    assert client("sts").get_caller_identity()["Arn"] == "arn:aws:iam::123456789012:user/moto"
