"""EKS node groups as AWS has them."""

from __future__ import annotations

import pytest

AI = {"key": "workload", "value": "ai", "effect": "NO_SCHEDULE"}
SPOT = {"key": "spot", "value": "true", "effect": "PREFER_NO_SCHEDULE"}


@pytest.fixture
def eks(client):
    return client("eks")


@pytest.fixture
def group(eks):
    """The node group, described."""

    def call():
        return eks.describe_nodegroup(clusterName="main", nodegroupName="general")["nodegroup"]

    return call


@pytest.fixture
def update(eks):
    def call(**change):
        return eks.update_nodegroup_config(clusterName="main", nodegroupName="general", **change)["update"]

    return call


@pytest.fixture
def template(client):
    """`template(...)`: a launch template, or with an id another version of it; answers its id."""
    ec2 = client("ec2")

    def call(identifier=None, **data):
        data = {"MetadataOptions": {"HttpTokens": "required"}, **data}
        if identifier:
            ec2.create_launch_template_version(LaunchTemplateId=identifier, LaunchTemplateData=data)
            return identifier
        return ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]

    return call


def test_everything_is_echoed(eks_cluster, eks_nodegroup, group, template, eks_ground):
    eks_cluster()
    identifier = template()
    eks_nodegroup(
        scalingConfig={"minSize": 3, "maxSize": 20, "desiredSize": 3},
        instanceTypes=["t3.xlarge", "t3a.xlarge"],
        capacityType="SPOT",
        amiType="AL2023_ARM_64_STANDARD",
        labels={"workload": "ai"},
        taints=[AI],
        updateConfig={"maxUnavailablePercentage": 33},
        launchTemplate={"id": identifier},
        tags={"a": "b"},
    )
    shown = group()
    assert shown["scalingConfig"] == {"minSize": 3, "maxSize": 20, "desiredSize": 3}
    assert (shown["instanceTypes"], shown["capacityType"]) == (["t3.xlarge", "t3a.xlarge"], "SPOT")
    assert (shown["amiType"], shown["nodeRole"]) == ("AL2023_ARM_64_STANDARD", eks_ground["node_role"])
    assert (shown["labels"], shown["taints"]) == ({"workload": "ai"}, [AI])
    assert shown["updateConfig"] == {"maxUnavailablePercentage": 33, "updateStrategy": "DEFAULT"}
    assert shown["launchTemplate"] == {"id": identifier, "name": "nodes", "version": "1"}
    assert (shown["version"], shown["status"], shown["tags"]) == ("1.33", "ACTIVE", {"a": "b"})
    assert shown["health"] == {"issues": []}
    assert shown["resources"]["autoScalingGroups"][0]["name"].startswith("eks-general-")
    assert "diskSize" not in shown
    assert "remoteAccess" not in shown


def test_bad_node_groups_are_refused(eks_cluster, eks_nodegroup, eks, template, eks_ground, refused):
    eks_cluster()
    identifier = template(InstanceType="t3.small")
    for wrong in (
        {"scalingConfig": {"minSize": 3, "maxSize": 2, "desiredSize": 3}},
        {"scalingConfig": {"minSize": 3, "maxSize": 5, "desiredSize": 2}},
        {"scalingConfig": {"minSize": 0, "maxSize": 2, "desiredSize": 3}},
        {"updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 33}},
        {"taints": [AI, AI]},
        {"subnets": ["subnet-1"]},
        {"nodeRole": eks_ground["cluster_role"]},
        {"version": "1.34"},
        {"launchTemplate": {"id": identifier, "version": "9"}},
        {"launchTemplate": {"id": "lt-0123456789abcdef0"}},
        {"launchTemplate": {"id": identifier}, "instanceTypes": ["t3.small"]},
        {"launchTemplate": {"id": identifier}, "diskSize": 50},
    ):
        refused("InvalidParameterException", eks_nodegroup, **wrong)
    assert eks.list_nodegroups(clusterName="main")["nodegroups"] == []
    eks_nodegroup(clientRequestToken="t")
    assert eks_nodegroup(clientRequestToken="t")["nodegroupName"] == "general"
    refused("ResourceInUseException", eks_nodegroup)


def test_the_nodes_get_an_access_entry(eks_cluster, eks_nodegroup, eks, eks_ground):
    eks_cluster()
    eks_nodegroup()
    entry = eks.describe_access_entry(clusterName="main", principalArn=eks_ground["node_role"])["accessEntry"]
    assert entry["type"] == "EC2_LINUX"


def test_settings_change_one_by_one(eks_cluster, eks_nodegroup, group, update, refused):
    eks_cluster()
    eks_nodegroup(labels={"a": "1", "b": "2"}, taints=[AI])
    update(labels={"addOrUpdateLabels": {"a": "3"}, "removeLabels": ["b"]})
    assert group()["labels"] == {"a": "3"}
    update(taints={"addOrUpdateTaints": [SPOT, {**AI, "value": "gpu"}]})
    assert group()["taints"] == [SPOT, {**AI, "value": "gpu"}]
    update(taints={"removeTaints": [SPOT]})
    assert group()["taints"] == [{**AI, "value": "gpu"}]
    update(updateConfig={"maxUnavailablePercentage": 33})
    assert group()["updateConfig"] == {"maxUnavailablePercentage": 33, "updateStrategy": "DEFAULT"}
    update(scalingConfig={"maxSize": 6})
    assert group()["scalingConfig"] == {"minSize": 1, "maxSize": 6, "desiredSize": 2}
    message = refused("InvalidParameterException", update, scalingConfig={"minSize": 3})
    assert message == "Minimum capacity 3 can't be greater than desired size 2"
    said = update(scalingConfig={"minSize": 3, "desiredSize": 3})
    assert (said["type"], {item["type"] for item in said["params"]}) == ("ConfigUpdate", {"MinSize", "DesiredSize"})
    refused("InvalidParameterException", update)


def test_versions(eks_cluster, eks_nodegroup, eks, group, template, refused):
    eks_cluster()
    identifier = template()
    eks_nodegroup(launchTemplate={"id": identifier})
    names = {"clusterName": "main", "nodegroupName": "general"}
    refused("InvalidParameterException", eks.update_nodegroup_version, **names, version="1.34")
    template(identifier, EbsOptimized=True)
    said = eks.update_nodegroup_version(**names, launchTemplate={"id": identifier, "version": "2"})["update"]
    assert (said["type"], group()["launchTemplate"]["version"], group()["version"]) == ("VersionUpdate", "2", "1.33")
    eks.update_cluster_version(name="main", version="1.34")
    wrong = "1.33.7-20260120"
    refused("InvalidParameterException", eks.update_nodegroup_version, **names, version="1.34", releaseVersion=wrong)
    eks.update_nodegroup_version(**names, version="1.34", launchTemplate={"id": identifier, "version": "1"})
    assert (group()["version"], group()["releaseVersion"][:5]) == ("1.34", "1.34.")
    assert group()["launchTemplate"]["version"] == "1"
    assert len(eks.list_updates(name="main", nodegroupName="general")["updateIds"]) == 2
    refused("InvalidParameterException", eks.update_nodegroup_version, **names, version="1.33")


def test_a_template_cannot_be_swapped(eks_cluster, eks_nodegroup, eks, template, client, refused):
    eks_cluster()
    eks_nodegroup()
    names = {"clusterName": "main", "nodegroupName": "general"}
    identifier = template()
    refused("InvalidParameterException", eks.update_nodegroup_version, **names, launchTemplate={"id": identifier})


def test_states(aws, eks_cluster, eks_nodegroup, eks, group, update, refused):
    eks_cluster()
    aws.settings.transitions = {"eks_nodegroup": 10}
    assert eks_nodegroup()["status"] == "CREATING"
    refused("ResourceInUseException", update, scalingConfig={"maxSize": 9})
    refused("ResourceInUseException", eks.delete_nodegroup, clusterName="main", nodegroupName="general")
    aws.skip(10)
    assert group()["status"] == "ACTIVE"
    began = update(scalingConfig={"maxSize": 9})
    assert (group()["status"], group()["scalingConfig"]["maxSize"]) == ("UPDATING", 2)
    about = {"name": "main", "nodegroupName": "general", "updateId": began["id"]}
    assert eks.describe_update(**about)["update"]["status"] == "InProgress"
    aws.skip(10)
    assert eks.describe_update(**about)["update"]["status"] == "Successful"
    assert (group()["status"], group()["scalingConfig"]["maxSize"]) == ("ACTIVE", 9)
    eks.delete_nodegroup(clusterName="main", nodegroupName="general")
    assert group()["status"] == "DELETING"
    refused("ResourceInUseException", eks.delete_cluster, name="main")
    aws.skip(10)
    assert eks.list_nodegroups(clusterName="main")["nodegroups"] == []
    eks.delete_cluster(name="main")


@pytest.mark.parametrize(
    ("reason", "status", "issue"),
    [
        ("NodeCreationFailure: they did not join", "CREATE_FAILED", ("NodeCreationFailure", "they did not join")),
        ("it broke", "CREATE_FAILED", ("Unknown", "it broke")),
        ("DEGRADED: AsgInstanceLaunchFailures: no capacity", "DEGRADED", ("AsgInstanceLaunchFailures", "no capacity")),
    ],
)
def test_failures(aws, eks_cluster, eks_nodegroup, eks, group, update, reason, status, issue):
    eks_cluster()
    aws.settings.failures = {"eks_nodegroup": reason}
    eks_nodegroup()
    assert group()["status"] == status
    (said,) = group()["health"]["issues"]
    assert (said["code"], said["message"]) == issue
    aws.settings.failures = {}
    assert group()["status"] == status, "what has failed stays so"
    if status == "DEGRADED":
        update(scalingConfig={"maxSize": 9})
        assert (group()["status"], group()["health"]["issues"]) == ("ACTIVE", [])
    eks.delete_nodegroup(clusterName="main", nodegroupName="general")
    assert eks.list_nodegroups(clusterName="main")["nodegroups"] == []
