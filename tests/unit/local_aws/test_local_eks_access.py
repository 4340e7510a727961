"""Add-ons, access entries, pod identity associations and tags of EKS as AWS has them; snapshots of all of it."""

from __future__ import annotations

import boto3
import pytest

from local_aws.classify import classify
from local_aws.launch import LocalAws

POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
MAIN = {"clusterName": "main"}


@pytest.fixture
def eks(client):
    return client("eks")


@pytest.fixture
def addon(eks):
    def call():
        return eks.describe_addon(**MAIN, addonName="vpc-cni")["addon"]

    return call


def test_addons(eks_cluster, eks, addon, refused):
    eks_cluster()
    refused("ResourceNotFoundException", addon)
    refused("InvalidParameterException", eks.create_addon, **MAIN, addonName="nothing")
    refused("InvalidParameterException", eks.create_addon, **MAIN, addonName="vpc-cni", addonVersion="v0.0.1")
    refused("InvalidParameterException", eks.create_addon, **MAIN, addonName="vpc-cni", configurationValues="{")
    eks.create_addon(**MAIN, addonName="vpc-cni", tags={"a": "b"}, configurationValues='{"enableNetworkPolicy": "true"}')
    (info,) = eks.describe_addon_versions(addonName="vpc-cni", kubernetesVersion="1.33")["addons"]
    default = next(item for item in info["addonVersions"] if item["compatibilities"][0]["defaultVersion"])
    assert addon()["addonVersion"] == default["addonVersion"]
    assert (addon()["status"], addon()["tags"], addon()["health"]) == ("ACTIVE", {"a": "b"}, {"issues": []})
    assert addon()["configurationValues"] == '{"enableNetworkPolicy": "true"}'
    refused("ResourceInUseException", eks.create_addon, **MAIN, addonName="vpc-cni")
    newest = info["addonVersions"][0]["addonVersion"]
    said = eks.update_addon(**MAIN, addonName="vpc-cni", addonVersion=newest, resolveConflicts="PRESERVE")["update"]
    assert (said["type"], addon()["addonVersion"]) == ("AddonUpdate", newest)
    assert addon()["configurationValues"], "what is not given stays"
    assert eks.describe_update(name="main", addonName="vpc-cni", updateId=said["id"])["update"]["status"] == "Successful"
    assert eks.list_addons(**MAIN)["addons"] == ["vpc-cni"]
    eks.delete_addon(**MAIN, addonName="vpc-cni", preserve=True)
    assert eks.list_addons(**MAIN)["addons"] == []


def test_every_addon_of_the_platform_has_a_version_for_every_kubernetes(eks):
    names = ("vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "eks-pod-identity-agent", "metrics-server")
    for version in eks.describe_cluster_versions()["clusterVersions"]:
        kubernetes = version["clusterVersion"]
        for name in names:
            (info,) = eks.describe_addon_versions(addonName=name, kubernetesVersion=kubernetes)["addons"]
            defaults = [c["defaultVersion"] for item in info["addonVersions"] for c in item["compatibilities"]]
            assert defaults.count(True) == 1, (name, kubernetes)


def test_an_addon_owns_its_associations(eks_cluster, eks, addon, eks_ground, refused):
    eks_cluster()
    wanted = [{"serviceAccount": "aws-node", "roleArn": eks_ground["pod_role"]}]
    eks.create_addon(**MAIN, addonName="vpc-cni", podIdentityAssociations=wanted)
    (item,) = eks.list_pod_identity_associations(**MAIN, namespace="kube-system")["associations"]
    assert addon()["podIdentityAssociations"] == [item["associationArn"]]
    assert item["ownerArn"] == addon()["addonArn"]
    refused("InvalidRequestException", eks.delete_pod_identity_association, **MAIN, associationId=item["associationId"])
    eks.delete_addon(**MAIN, addonName="vpc-cni")
    assert eks.list_pod_identity_associations(**MAIN)["associations"] == []


def test_states_of_addons(aws, eks_cluster, eks, addon, refused):
    eks_cluster()
    aws.settings.transitions = {"eks_addon": 5}
    eks.create_addon(**MAIN, addonName="vpc-cni")
    assert addon()["status"] == "CREATING"
    refused("ResourceInUseException", eks.update_addon, **MAIN, addonName="vpc-cni", configurationValues="{}")
    aws.skip(5)
    eks.update_addon(**MAIN, addonName="vpc-cni", configurationValues="{}")
    assert addon()["status"] == "UPDATING"
    aws.skip(5)
    assert (addon()["status"], addon()["configurationValues"]) == ("ACTIVE", "{}")
    eks.delete_addon(**MAIN, addonName="vpc-cni")
    assert addon()["status"] == "DELETING"
    aws.skip(5)
    assert eks.list_addons(**MAIN)["addons"] == []


@pytest.mark.parametrize(
    ("reason", "status", "code"),
    [
        ("ConfigurationConflict: fields are taken", "CREATE_FAILED", "ConfigurationConflict"),
        ("DEGRADED: InsufficientNumberOfReplicas: no nodes", "DEGRADED", "InsufficientNumberOfReplicas"),
    ],
)
def test_failures_of_addons(aws, eks_cluster, eks, addon, reason, status, code):
    eks_cluster()
    aws.settings.failures = {"eks_addon": reason}
    eks.create_addon(**MAIN, addonName="vpc-cni")
    assert (addon()["status"], addon()["health"]["issues"][0]["code"]) == (status, code)
    aws.settings.failures = {}
    eks.update_addon(**MAIN, addonName="vpc-cni", configurationValues="{}")
    assert addon()["status"] == "ACTIVE"


def test_deployments_want_nodes(aws, eks_cluster, eks, eks_nodegroup):
    def shown():
        return eks.describe_addon(**MAIN, addonName="coredns")["addon"]

    eks_cluster()
    eks.create_addon(**MAIN, addonName="coredns")
    assert (shown()["status"], shown()["health"]["issues"][0]["code"]) == ("DEGRADED", "InsufficientNumberOfReplicas")
    aws.settings.transitions = {"eks_nodegroup": 10}
    eks_nodegroup()
    assert shown()["status"] == "CREATING"
    aws.skip(10)
    assert (shown()["status"], shown()["health"]["issues"]) == ("ACTIVE", [])


def test_access_entries(eks_cluster, eks, eks_ground, refused):
    eks_cluster()
    principal = {**MAIN, "principalArn": eks_ground["pod_role"]}
    for wrong in (
        {"principalArn": "arn:aws:iam::123456789012:role/nobody"},
        {"principalArn": "nobody"},
        {"kubernetesGroups": ["system:masters"]},
        {"type": "EC2_LINUX", "kubernetesGroups": ["a"]},
    ):
        refused("InvalidParameterException", eks.create_access_entry, **{**principal, **wrong})
    eks.create_access_entry(**principal, kubernetesGroups=["readers"], tags={"a": "b"})
    refused("ResourceInUseException", eks.create_access_entry, **principal)
    entry = eks.describe_access_entry(**principal)["accessEntry"]
    assert (entry["kubernetesGroups"], entry["type"], entry["tags"]) == (["readers"], "STANDARD", {"a": "b"})
    assert entry["username"].endswith("assumed-role/pods-eks/{{SessionName}}")
    eks.update_access_entry(**principal, kubernetesGroups=["writers"])
    assert eks.describe_access_entry(**principal)["accessEntry"]["kubernetesGroups"] == ["writers"]
    assert eks_ground["pod_role"] in eks.list_access_entries(**MAIN)["accessEntries"]
    eks.delete_access_entry(**principal)
    refused("ResourceNotFoundException", eks.describe_access_entry, **principal)


def test_the_creator_is_let_in_unless_told_otherwise(eks_cluster, eks, client):
    eks_cluster(accessConfig={"authenticationMode": "API"})
    caller = client("sts").get_caller_identity()["Arn"]
    (policy,) = eks.list_associated_access_policies(**MAIN, principalArn=caller)["associatedAccessPolicies"]
    assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")


def test_access_policies(eks_cluster, eks, eks_ground, refused):
    eks_cluster()
    principal = {**MAIN, "principalArn": eks_ground["pod_role"]}
    eks.create_access_entry(**principal)
    cluster, spaces = {"type": "cluster"}, {"type": "namespace", "namespaces": ["agents"]}
    refused("InvalidParameterException", eks.associate_access_policy, **principal, policyArn="arn:x", accessScope=cluster)
    refused(
        "InvalidParameterException", eks.associate_access_policy, **principal, policyArn=POLICY, accessScope={"type": "namespace"}
    )
    for scope in (cluster, spaces):
        eks.associate_access_policy(**principal, policyArn=POLICY, accessScope=scope)
    (policy,) = eks.list_associated_access_policies(**principal)["associatedAccessPolicies"]
    assert (policy["policyArn"], policy["accessScope"]) == (POLICY, spaces)
    assert eks.list_access_entries(**MAIN, associatedPolicyArn=POLICY)["accessEntries"] == [eks_ground["pod_role"]]
    assert POLICY in [item["arn"] for item in eks.list_access_policies()["accessPolicies"]]
    eks.disassociate_access_policy(**principal, policyArn=POLICY)
    assert eks.list_associated_access_policies(**principal)["associatedAccessPolicies"] == []
    refused("ResourceNotFoundException", eks.disassociate_access_policy, **principal, policyArn=POLICY)


def test_pod_identity_associations(eks_cluster, eks, eks_ground, refused):
    eks_cluster()
    account = {**MAIN, "namespace": "agents", "serviceAccount": "agent"}
    refused("InvalidParameterException", eks.create_pod_identity_association, **account, roleArn=eks_ground["node_role"])
    made = eks.create_pod_identity_association(**account, roleArn=eks_ground["pod_role"], tags={"a": "b"})["association"]
    refused("ResourceInUseException", eks.create_pod_identity_association, **account, roleArn=eks_ground["pod_role"])
    (listed,) = eks.list_pod_identity_associations(**account)["associations"]
    assert "roleArn" not in listed
    name = {**MAIN, "associationId": listed["associationId"]}
    assert eks.describe_pod_identity_association(**name)["association"] == made
    eks.update_pod_identity_association(**name, disableSessionTags=True)
    assert eks.describe_pod_identity_association(**name)["association"]["disableSessionTags"] is True
    eks.delete_pod_identity_association(**name)
    refused("ResourceNotFoundException", eks.describe_pod_identity_association, **name)


def fill(eks, ground):
    """One of everything beside the cluster; answers the ARNs."""
    addon = eks.create_addon(**MAIN, addonName="vpc-cni", tags={"n": "1"})["addon"]["addonArn"]
    entry = eks.create_access_entry(**MAIN, principalArn=ground["pod_role"], tags={"n": "1"})["accessEntry"]["accessEntryArn"]
    place = {"namespace": "agents", "serviceAccount": "agent", "roleArn": ground["pod_role"], "tags": {"n": "1"}}
    association = eks.create_pod_identity_association(**MAIN, **place)["association"]["associationArn"]
    return [addon, entry, association]


def test_everything_has_tags(eks_cluster, eks_nodegroup, eks, eks_ground, client, refused):
    cluster = eks_cluster(tags={"n": "1"})["arn"]
    group = eks_nodegroup(tags={"n": "1"})["nodegroupArn"]
    arns = [cluster, group, *fill(eks, eks_ground)]
    for arn in arns:
        eks.tag_resource(resourceArn=arn, tags={"n": "2", "m": "3"})
        eks.untag_resource(resourceArn=arn, tagKeys=["m"])
        assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"n": "2"}
    assert eks_cluster()["tags"] == {"n": "2"}
    refused("NotFoundException", eks.tag_resource, resourceArn=cluster + "x", tags={"a": "b"})
    found = client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "n", "Values": ["2"]}], ResourceTypeFilters=["eks"]
    )
    assert {item["ResourceARN"] for item in found["ResourceTagMappingList"]} == set(arns)


def test_snapshots_and_reset(aws, eks_cluster, eks_nodegroup, eks, eks_ground, client):
    def read():
        clusters = eks.list_clusters()["clusters"]
        return [
            clusters,
            [eks.describe_cluster(name=name)["cluster"] for name in clusters],
            [eks.list_access_entries(clusterName=name)["accessEntries"] for name in clusters],
            [eks.list_pod_identity_associations(clusterName=name)["associations"] for name in clusters],
            [eks.describe_addon(clusterName=name, addonName="vpc-cni")["addon"] for name in clusters],
            [eks.describe_nodegroup(clusterName=name, nodegroupName="general")["nodegroup"] for name in clusters],
            [eks.list_updates(name=name)["updateIds"] for name in clusters],
            sorted(group["GroupId"] for group in client("ec2").describe_security_groups()["SecurityGroups"]),
        ]

    eks_cluster()
    fill(eks, eks_ground)
    aws.settings.transitions = {"eks_nodegroup": 10, "eks_cluster": 10}
    eks_nodegroup()
    eks.update_cluster_config(name="main", deletionProtection=True)
    copy, before = aws.snapshot(), read()
    assert before[5][0]["status"] == "CREATING"
    for _ in range(2):
        aws.skip(10)
        after = read()
        assert (after[5][0]["status"], after[1][0]["deletionProtection"]) == ("ACTIVE", True)
        eks.update_cluster_config(name="main", deletionProtection=False)
        eks.delete_addon(**MAIN, addonName="vpc-cni")
        aws.restore(copy)
        assert [item for n, item in enumerate(read()) if n not in (1, 5)] == [
            item for n, item in enumerate(before) if n not in (1, 5)
        ]
    aws.reset()
    assert eks.list_clusters()["clusters"] == []


def test_reads_and_writes():
    model = boto3.client("eks", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b").meta.service_model
    for name in model.operation_names:
        read = model.operation_model(name).http["method"] == "GET" or name.startswith(("List", "Describe"))
        assert classify("eks", name) == ("read" if read else "write"), name


def test_paths_with_arns_reach_the_server(monkeypatch):
    import json

    trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    with LocalAws("--failure", "eks_addon=AccessDenied: no") as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        session = boto3.Session()
        iam, ec2, eks = (session.client(name) for name in ("iam", "ec2", "eks"))
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for n, zone in enumerate("ab")
        ]
        access = {"authenticationMode": "API"}
        eks.create_cluster(name="main", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, accessConfig=access)
        eks.create_access_entry(**MAIN, principalArn=role)
        eks.associate_access_policy(**MAIN, principalArn=role, policyArn=POLICY, accessScope={"type": "cluster"})
        eks.disassociate_access_policy(**MAIN, principalArn=role, policyArn=POLICY)
        assert eks.list_associated_access_policies(**MAIN, principalArn=role)["associatedAccessPolicies"] == []
        assert eks.describe_access_entry(**MAIN, principalArn=role)["accessEntry"]["principalArn"] == role
        eks.create_addon(**MAIN, addonName="vpc-cni")
        shown = eks.describe_addon(**MAIN, addonName="vpc-cni")["addon"]
        assert (shown["status"], shown["health"]["issues"][0]["message"]) == ("CREATE_FAILED", "no")
        calls = [(call["operation"], call["access"]) for call in server.requests() if call["service"] == "eks"]
        assert ("DisassociateAccessPolicy", "write") in calls
        assert ("ListAssociatedAccessPolicies", "read") in calls
