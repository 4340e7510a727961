"""EKS clusters as AWS has them: what is shown, what surrounds them, updates, deletion, states and failures."""

from __future__ import annotations

import pytest

LOGS = {"clusterLogging": [{"types": ["api", "audit"], "enabled": True}]}
KEY = "arn:aws:kms:us-east-1:123456789012:key/8f5e2a10-0000-4000-8000-000000000000"
ENCRYPTION = [{"resources": ["secrets"], "provider": {"keyArn": KEY}}]


@pytest.fixture
def eks(client):
    return client("eks")


@pytest.fixture
def update(eks, aws):
    """`update(...)`: UpdateClusterConfig, waited for; answers what DescribeUpdate says."""

    def call(**change):
        began = eks.update_cluster_config(name="main", **change)["update"]
        aws.skip(aws.settings.transition("eks_cluster"))
        return eks.describe_update(name="main", updateId=began["id"])["update"]

    return call


def test_everything_is_echoed(eks_cluster, eks_ground):
    eks_cluster(
        vpc={"endpointPublicAccess": True, "endpointPrivateAccess": True, "publicAccessCidrs": ["198.51.100.0/24"]},
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        upgradePolicy={"supportType": "STANDARD"},
        deletionProtection=True,
        encryptionConfig=ENCRYPTION,
        logging=LOGS,
        tags={"a": "b"},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "172.30.0.0/16"},
    )
    shown = eks_cluster()
    vpc = shown["resourcesVpcConfig"]
    assert (vpc["vpcId"], vpc["subnetIds"], vpc["securityGroupIds"]) == (eks_ground["vpc"], eks_ground["subnets"], [])
    assert (vpc["endpointPublicAccess"], vpc["endpointPrivateAccess"], vpc["publicAccessCidrs"]) == (
        True,
        True,
        ["198.51.100.0/24"],
    )
    assert shown["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert shown["upgradePolicy"] == {"supportType": "STANDARD"}
    assert shown["deletionProtection"] is True
    assert shown["encryptionConfig"] == ENCRYPTION
    assert [setup["enabled"] for setup in shown["logging"]["clusterLogging"]] == [True, False]
    assert shown["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.30.0.0/16"
    assert shown["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.us-east-1.amazonaws.com/id/")
    assert shown["certificateAuthority"]["data"]
    assert (shown["version"], shown["tags"], shown["status"]) == ("1.33", {"a": "b"}, "ACTIVE")


def test_defaults_are_those_of_aws(eks_cluster):
    eks_cluster(accessConfig={})
    shown = eks_cluster()
    assert shown["accessConfig"] == {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}
    assert shown["upgradePolicy"] == {"supportType": "EXTENDED"}
    assert shown["deletionProtection"] is False
    assert shown["resourcesVpcConfig"]["publicAccessCidrs"] == ["0.0.0.0/0"]
    assert shown["kubernetesNetworkConfig"]["serviceIpv4Cidr"] == "172.20.0.0/16", "the VPC has 10.0.0.0/8"


def test_its_security_group_is_real_and_goes_with_it(eks_cluster, eks, client):
    eks_cluster()
    ec2 = client("ec2")
    identifier = eks_cluster()["resourcesVpcConfig"]["clusterSecurityGroupId"]
    (group,) = ec2.describe_security_groups(GroupIds=[identifier])["SecurityGroups"]
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    assert tags["aws:eks:cluster-name"] == "main"
    assert tags["kubernetes.io/cluster/main"] == "owned"
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == identifier
    eks.delete_cluster(name="main")
    assert [item["GroupName"] for item in ec2.describe_security_groups()["SecurityGroups"]] == ["default", "default"]
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_a_group_in_use_outlives_the_cluster(eks_cluster, eks, client, eks_ground):
    eks_cluster()
    ec2 = client("ec2")
    identifier = eks_cluster()["resourcesVpcConfig"]["clusterSecurityGroupId"]
    database = ec2.create_security_group(GroupName="db", Description="d", VpcId=eks_ground["vpc"])["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": identifier}]}
    ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=[rule])
    eks.delete_cluster(name="main")
    assert ec2.describe_security_groups(GroupIds=[identifier])["SecurityGroups"]


def test_a_subnet_with_a_control_plane_stays(eks_cluster, client, eks_ground, refused):
    eks_cluster()
    refused("DependencyViolation", client("ec2").delete_subnet, SubnetId=eks_ground["subnets"][0])


def test_the_log_group_is_made_again_when_it_went_too_early(eks_cluster, eks, client):
    eks_cluster(logging=LOGS)
    logs = client("logs")
    logs.delete_log_group(logGroupName="/aws/eks/main/cluster")
    eks.delete_cluster(name="main")
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["/aws/eks/main/cluster"]


def test_bad_clusters_are_refused(eks, eks_ground, refused):
    good = {"name": "main", "roleArn": eks_ground["cluster_role"], "resourcesVpcConfig": {"subnetIds": eks_ground["subnets"]}}
    one = {"subnetIds": eks_ground["subnets"][:1]}
    closed = {**good["resourcesVpcConfig"], "endpointPublicAccess": False}
    for wrong in (
        {"resourcesVpcConfig": one},
        {"resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}},
        {"resourcesVpcConfig": {**good["resourcesVpcConfig"], "securityGroupIds": ["sg-1"]}},
        {"resourcesVpcConfig": closed},
        {"version": "1.12"},
        {"roleArn": eks_ground["node_role"]},
        {"name": "_x"},
        {"encryptionConfig": [{"resources": ["pods"], "provider": {"keyArn": KEY}}]},
    ):
        refused("InvalidParameterException", eks.create_cluster, **{**good, **wrong})
    assert eks.list_clusters()["clusters"] == []


def test_creation_is_idempotent_by_token(eks_cluster, eks, refused):
    eks_cluster(clientRequestToken="one")
    assert eks_cluster(clientRequestToken="one")["name"] == "main"
    refused("ResourceInUseException", eks_cluster, clientRequestToken="two")


def test_updates_merge_and_are_one_kind_a_call(eks_cluster, update, eks, refused):
    eks_cluster()
    before = eks_cluster()["resourcesVpcConfig"]
    said = update(resourcesVpcConfig={"endpointPrivateAccess": True, "publicAccessCidrs": ["198.51.100.0/24"]})
    assert (said["type"], said["status"]) == ("EndpointAccessUpdate", "Successful")
    after = eks_cluster()["resourcesVpcConfig"]
    assert after == {**before, "endpointPrivateAccess": True, "publicAccessCidrs": ["198.51.100.0/24"]}
    assert update(resourcesVpcConfig={"endpointPublicAccess": False})["status"] == "Successful"
    assert eks_cluster()["resourcesVpcConfig"]["publicAccessCidrs"] == []
    assert update(logging=LOGS)["type"] == "LoggingUpdate"
    assert update(logging={"clusterLogging": [{"types": ["api"], "enabled": False}]})["status"] == "Successful"
    assert eks_cluster()["logging"]["clusterLogging"][0] == {"types": ["audit"], "enabled": True}
    assert update(upgradePolicy={"supportType": "STANDARD"})["type"] == "UpgradePolicyUpdate"
    assert update(deletionProtection=True)["type"] == "DeletionProtectionUpdate"
    for same in (
        {"logging": {"clusterLogging": [{"types": ["audit"], "enabled": True}]}},
        {"resourcesVpcConfig": {"endpointPrivateAccess": True}},
        {"upgradePolicy": {"supportType": "STANDARD"}},
        {"deletionProtection": True},
        {},
        {"logging": LOGS, "deletionProtection": False},
        {"resourcesVpcConfig": {"endpointPublicAccess": True, "subnetIds": before["subnetIds"]}},
        {"resourcesVpcConfig": {"endpointPrivateAccess": False}},
    ):
        refused("InvalidParameterException", eks.update_cluster_config, name="main", **same)
    assert len(eks.list_updates(name="main")["updateIds"]) == 6


def test_subnets_and_groups_change_in_place(eks_cluster, update, eks, client, eks_ground, refused):
    eks_cluster()
    ec2 = client("ec2")
    group = ec2.create_security_group(GroupName="extra", Description="d", VpcId=eks_ground["vpc"])["GroupId"]
    assert update(resourcesVpcConfig={"securityGroupIds": [group]})["type"] == "VpcConfigUpdate"
    assert eks_cluster()["resourcesVpcConfig"]["subnetIds"] == eks_ground["subnets"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    one = {"subnetIds": eks_ground["subnets"][:1]}
    refused("InvalidParameterException", eks.update_cluster_config, name="main", resourcesVpcConfig=one)


def test_the_authentication_mode_goes_one_way(eks_cluster, update, eks, refused, eks_ground):
    eks_cluster(accessConfig={"authenticationMode": "CONFIG_MAP"})
    principal = {"clusterName": "main", "principalArn": eks_ground["pod_role"]}
    refused("InvalidRequestException", eks.create_access_entry, **principal)
    refused("InvalidParameterException", eks.update_cluster_config, name="main", accessConfig={"authenticationMode": "API"})
    update(accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    update(accessConfig={"authenticationMode": "API"})
    eks.create_access_entry(**principal)
    back = {"authenticationMode": "API_AND_CONFIG_MAP"}
    refused("InvalidParameterException", eks.update_cluster_config, name="main", accessConfig=back)


def test_one_minor_version_at_a_time(eks_cluster, eks, refused, eks_nodegroup):
    eks_cluster(version="1.32")
    for version in ("1.34", "1.32", "1.31", "1.99"):
        refused("InvalidParameterException", eks.update_cluster_version, name="main", version=version)
    eks_nodegroup()
    assert eks.update_cluster_version(name="main", version="1.33")["update"]["type"] == "VersionUpdate"
    assert eks_cluster()["version"] == "1.33"
    message = refused("InvalidRequestException", eks.update_cluster_version, name="main", version="1.34")
    assert "general must be updated to match cluster version 1.33" in message
    eks.update_nodegroup_version(clusterName="main", nodegroupName="general")
    eks.update_cluster_version(name="main", version="1.34")
    assert eks_cluster()["version"] == "1.34"


def test_encryption_is_once_and_for_ever(eks_cluster, eks, refused):
    eks_cluster()
    eks.associate_encryption_config(clusterName="main", encryptionConfig=ENCRYPTION)
    assert eks_cluster()["encryptionConfig"] == ENCRYPTION
    refused("InvalidParameterException", eks.associate_encryption_config, clusterName="main", encryptionConfig=ENCRYPTION)


def test_deletion_is_refused_while_protected_or_peopled(eks_cluster, eks, refused, eks_nodegroup, update):
    eks_cluster(deletionProtection=True)
    refused("InvalidRequestException", eks.delete_cluster, name="main")
    update(deletionProtection=False)
    eks_nodegroup()
    refused("ResourceInUseException", eks.delete_cluster, name="main")
    eks.delete_nodegroup(clusterName="main", nodegroupName="general")
    eks.delete_cluster(name="main")
    refused("ResourceNotFoundException", eks.describe_cluster, name="main")


def test_states(aws, eks_cluster, eks, refused, eks_nodegroup):
    aws.settings.transitions = {"eks_cluster": 20}
    made = eks_cluster()
    assert made["status"] == "CREATING"
    assert not {"endpoint", "identity"} & set(made)
    assert made["certificateAuthority"] == {}
    assert "clusterSecurityGroupId" not in eks_cluster()["resourcesVpcConfig"]
    refused("ResourceInUseException", eks.delete_cluster, name="main")
    refused("ResourceInUseException", eks.update_cluster_config, name="main", logging=LOGS)
    refused("InvalidRequestException", eks_nodegroup)
    refused("InvalidRequestException", eks.create_addon, clusterName="main", addonName="coredns")
    aws.skip(20)
    assert eks_cluster()["status"] == "ACTIVE"
    assert eks_cluster()["endpoint"]
    began = eks.update_cluster_version(name="main", version="1.34")["update"]
    assert (began["status"], eks_cluster()["status"], eks_cluster()["version"]) == ("InProgress", "UPDATING", "1.33")
    refused("ResourceInUseException", eks.update_cluster_config, name="main", logging=LOGS)
    aws.skip(20)
    assert (eks_cluster()["status"], eks_cluster()["version"]) == ("ACTIVE", "1.34")
    assert eks.delete_cluster(name="main")["cluster"]["status"] == "DELETING"
    assert eks_cluster()["status"] == "DELETING"
    aws.skip(20)
    assert eks.list_clusters()["clusters"] == []


def test_the_subnets_are_free_when_the_cluster_is_gone(aws, eks_cluster, eks, client, eks_ground, refused):
    aws.settings.transitions = {"eks_cluster": 20}
    eks_cluster()
    aws.skip(20)
    eks.delete_cluster(name="main")
    refused("DependencyViolation", client("ec2").delete_subnet, SubnetId=eks_ground["subnets"][0])
    aws.skip(20)
    client("ec2").delete_subnet(SubnetId=eks_ground["subnets"][0])


def test_failures(aws, eks_cluster, eks):
    aws.settings.transitions = {"eks_cluster": 20}
    aws.settings.failures = {"eks_cluster": "Ec2SubnetNotFound: no such subnet"}
    eks_cluster()
    assert eks_cluster()["status"] == "CREATING"
    assert eks_cluster()["health"]["issues"] == []
    aws.settings.failures = {}
    aws.skip(20)
    shown = eks_cluster()
    assert shown["status"] == "FAILED"
    assert shown["health"]["issues"] == [{"code": "Ec2SubnetNotFound", "message": "no such subnet", "resourceIds": []}]
    eks.delete_cluster(name="main")
    aws.skip(20)
    eks_cluster()
    aws.skip(20)
    aws.settings.failures = {"eks_cluster": "it will not"}
    began = eks.update_cluster_version(name="main", version="1.34")["update"]
    aws.skip(20)
    said = eks.describe_update(name="main", updateId=began["id"])["update"]
    assert (said["status"], said["errors"][0]["errorMessage"]) == ("Failed", "it will not")
    assert (eks_cluster()["status"], eks_cluster()["version"]) == ("ACTIVE", "1.33")


def test_versions(eks):
    versions = eks.describe_cluster_versions()["clusterVersions"]
    assert sum(version["defaultVersion"] for version in versions) == 1
    (default,) = eks.describe_cluster_versions(defaultOnly=True)["clusterVersions"]
    assert default["versionStatus"] == "STANDARD_SUPPORT"
    extended = eks.describe_cluster_versions(versionStatus="EXTENDED_SUPPORT")["clusterVersions"]
    assert {version["status"] for version in extended} == {"extended-support"}
