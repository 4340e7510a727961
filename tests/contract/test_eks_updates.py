"""The cluster as it changes: from version to version, from size to size, and what goes before what."""

from __future__ import annotations

import boto3
import pytest
from support import tiers

from contract.cases import eks as data

CLUSTER = data.CLUSTER
GENERAL = {"clusterName": CLUSTER, "nodegroupName": "prod-general"}


@pytest.fixture
def whole(prepare):
    prepared = prepare("eks")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def eks(whole):
    return boto3.client("eks", region_name=whole.aws.region)


def groups(**change):
    """The node groups with the first one changed."""
    first, *rest = data.PARAMS["node_groups"]
    return {"node_groups": [{**first, **change}, *rest]}


def apply(whole, **override):
    """Apply what was planned first, see that they are the same and that nothing is left to do; answers the changes."""
    parameters = {**whole.parameters, **override}
    planned = tiers.changes(tiers.run(whole.tier, parameters, check_mode=True))
    whole.aws.clear_requests()
    assert tiers.changes(tiers.run(whole.tier, parameters)) == planned
    done = whole.aws.writes()
    assert tiers.run(whole.tier, parameters)["plan"] == []
    whole.done = [request.operation for request in done]
    return planned


def refused(whole, **override):
    """The sentence of a run that fails before it writes anything."""
    whole.aws.clear_requests()
    result = tiers.attempt(whole.tier, {**whole.parameters, **override})
    assert result["failed"]
    assert whole.aws.writes() == []
    return result["msg"]


def group(eks, name="prod-general"):
    return eks.describe_nodegroup(clusterName=CLUSTER, nodegroupName=name)["nodegroup"]


def size(eks):
    scaling = group(eks)["scalingConfig"]
    return scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]


def scaled_by_another_actor(eks, size):
    eks.update_nodegroup_config(**GENERAL, scalingConfig={"desiredSize": size})


def network(eks):
    return eks.describe_cluster(name=CLUSTER)["cluster"]["resourcesVpcConfig"]


def test_a_new_version_walks_from_the_control_plane_to_the_nodes_to_the_addons(whole, eks):
    changes = apply(whole, version="1.35")
    assert (f"eks_cluster/{CLUSTER}", "update", "version") in changes
    order = [name for name in whole.done if name in ("UpdateClusterVersion", "UpdateNodegroupVersion", "UpdateAddon")]
    assert order == ["UpdateClusterVersion", "UpdateNodegroupVersion", "UpdateNodegroupVersion", "UpdateAddon"]
    assert eks.describe_cluster(name=CLUSTER)["cluster"]["version"] == "1.35"
    assert {group(eks, name)["version"] for name in ("prod-general", "prod-ai")} == {"1.35"}
    assert eks.describe_addon(clusterName=CLUSTER, addonName="coredns")["addon"]["addonVersion"] == "v1.13.0-eksbuild.1"


def test_an_addon_that_nodes_start_with_follows_them(whole, eks):
    versions = [
        {**addon, "version": "v1.21.1-eksbuild.1"} if addon["name"] == "vpc-cni" else addon for addon in data.PARAMS["addons"]
    ]
    changes = apply(whole, version="1.35", addons=versions)
    assert ("eks_addon_version/vpc-cni", "update", "version") in changes
    order = [name for name in whole.done if name.startswith("Update")]
    assert order.index("UpdateAddon") > order.index("UpdateNodegroupVersion") > order.index("UpdateClusterVersion")
    addon = eks.describe_addon(clusterName=CLUSTER, addonName="vpc-cni")["addon"]
    assert (addon["addonVersion"], addon["configurationValues"]) == ("v1.21.1-eksbuild.1", '{"enableNetworkPolicy": "true"}')


def test_a_jump_of_versions_is_refused_with_the_next_step(whole):
    assert "eks_version: 1.36 is 2 minors above 1.34" in refused(whole, version="1.36")
    assert "set 1.35, apply it" in refused(whole, version="1.36")


def test_a_lower_version_is_refused(whole):
    assert "eks_version: 1.33 is below 1.34, which prod-agent-platform has" in refused(whole, version="1.33")


def test_a_size_that_the_autoscaler_chose_stays(whole, eks):
    scaled_by_another_actor(eks, 7)
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    apply(whole, **groups(max_size=30, desired_size=4))
    assert size(eks) == (3, 7, 30)


def test_a_minimum_above_the_size_lifts_it_in_the_same_call(whole, eks):
    assert apply(whole, **groups(min_size=5)) == {("eks_nodegroup/general", "update", "scaling")}
    assert whole.done == ["UpdateNodegroupConfig"]
    assert size(eks) == (5, 5, 20)


def test_a_maximum_below_the_size_takes_nodes_away_in_the_same_call(whole, eks):
    scaled_by_another_actor(eks, 9)
    apply(whole, **groups(max_size=6))
    assert whole.done == ["UpdateNodegroupConfig"]
    assert size(eks) == (3, 6, 6)


def test_a_taint_is_added_and_taken_away_in_place(whole, eks):
    taint = {"key": "busy", "value": "yes", "effect": "NoExecute"}
    assert apply(whole, **groups(taints=[taint])) == {("eks_nodegroup/general", "update", "taints")}
    assert group(eks)["taints"] == [{**taint, "effect": "NO_EXECUTE"}]
    apply(whole)
    assert not group(eks).get("taints")


def test_the_public_endpoint_opens_to_listed_ranges_only(whole, eks):
    apply(whole, public_access_cidrs=["203.0.113.0/24"])
    assert whole.done == ["UpdateClusterConfig"]
    assert (network(eks)["endpointPublicAccess"], network(eks)["publicAccessCidrs"]) == (True, ["203.0.113.0/24"])
    apply(whole, public_access_cidrs=["198.51.100.7/32"])
    assert network(eks)["publicAccessCidrs"] == ["198.51.100.7/32"]
    apply(whole)
    assert (network(eks)["endpointPublicAccess"], network(eks)["endpointPrivateAccess"]) == (False, True)


@pytest.mark.parametrize(
    "change", [{"instance_types": ["m7i.xlarge"]}, {"capacity_type": "SPOT"}, {"instance_types": ["m7g.xlarge"]}]
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_group_that_works_is_not_replaced_unasked(whole, change, check_mode):
    whole.aws.clear_requests()
    parameters = {**whole.parameters, **groups(**change), "replace_node_groups": False}
    result = tiers.attempt(whole.tier, parameters, check_mode=check_mode)
    assert result["failed"] and whole.aws.writes() == []
    assert "eks_nodegroup/general: AWS cannot change" in result["msg"] and next(iter(change)) in result["msg"]
    assert "add a group of another name, apply, then remove this one" in result["msg"]


@pytest.mark.parametrize(("bounds", "carried"), [({}, 9), ({"max_size": 6}, 6), ({"min_size": 12}, 12)])
def test_a_group_that_is_replaced_keeps_its_size(whole, eks, bounds, carried):
    scaled_by_another_actor(eks, 9)
    apply(whole, **groups(instance_types=["m7i.xlarge"], **bounds))
    assert "DeleteNodegroup" in whole.done
    assert size(eks)[1] == carried


def test_another_caller_gets_no_entry(whole, eks):
    """The first one's stays as it is, and a plan of the other's is empty."""
    before = eks.list_access_entries(clusterName=CLUSTER)["accessEntries"]

    def run_by_another(resources):
        (entry,) = [resource for resource in resources if resource.address == "eks_access_entry/deployer"]
        entry.desired["first_principal"] = data.OTHER_ROLE

    whole.aws.clear_requests()
    result = tiers.run(whole.tier, whole.parameters, change=run_by_another)
    assert (result["plan"], result["unmanaged"], whole.aws.writes()) == ([], [], [])
    assert eks.list_access_entries(clusterName=CLUSTER)["accessEntries"] == before


def test_settings_of_an_addon_that_another_hand_wrote_as_yaml_are_overwritten(whole, eks):
    eks.update_addon(clusterName=CLUSTER, addonName="coredns", configurationValues="replicaCount: 3")
    assert apply(whole) == {("eks_addon/coredns", "update", "configuration")}


def test_a_private_endpoint_that_was_closed_opens_again(whole, eks):
    eks.update_cluster_config(
        name=CLUSTER,
        resourcesVpcConfig={"endpointPublicAccess": True, "endpointPrivateAccess": False, "publicAccessCidrs": ["203.0.113.0/24"]},
    )
    fields = {field for _address, _action, field in apply(whole)}
    assert fields == {"private_endpoint", "public_endpoint", "public_cidrs"}
    assert network(eks)["endpointPrivateAccess"]


def test_another_subnet_of_the_control_plane_is_taken_back(whole, eks):
    ec2 = boto3.client("ec2", region_name=whole.aws.region)
    before = network(eks)["subnetIds"]
    other = ec2.create_subnet(VpcId=network(eks)["vpcId"], CidrBlock="10.0.240.0/24", AvailabilityZone="us-east-1a")
    eks.update_cluster_config(name=CLUSTER, resourcesVpcConfig={"subnetIds": [*before, other["Subnet"]["SubnetId"]]})
    assert apply(whole) == {(f"eks_cluster/{CLUSTER}", "update", "subnets")}
    assert sorted(network(eks)["subnetIds"]) == sorted(before)


def test_secrets_of_a_cluster_without_a_key_are_encrypted_in_place(prepare):
    prepared = prepare("eks")
    prepared.on_ground()

    def without_key(resources):
        (cluster,) = [resource for resource in resources if resource.kind.name == "eks_cluster"]
        cluster.desired.update(encryption_key=None, secrets_encrypted=False)

    tiers.run(prepared.tier, prepared.parameters, change=without_key)
    changes = tiers.changes(tiers.run(prepared.tier, prepared.parameters))
    assert changes == {(f"eks_cluster/{CLUSTER}", "update", "secrets_encrypted")}
    assert tiers.run(prepared.tier, prepared.parameters)["plan"] == []


def test_another_volume_makes_a_template_version_that_the_nodes_move_to(whole, eks):
    changes = apply(whole, **groups(disk_size_gib=80))
    assert changes == {("launch_template/general", "update", "settings"), ("eks_nodegroup/general", "update", "template")}
    assert whole.done == ["CreateLaunchTemplateVersion", "ModifyLaunchTemplate", "UpdateNodegroupVersion"]
    assert group(eks)["launchTemplate"]["version"] == "2"


def test_nodes_whose_move_was_cut_off_move_in_the_next_run(whole, eks):
    fault = whole.aws.settings.fault(service="eks", operation="UpdateNodegroupVersion", code="InvalidRequestException")
    assert tiers.attempt(whole.tier, {**whole.parameters, **groups(disk_size_gib=80)})["failed"]
    assert fault.seen
    whole.aws.settings.clear()
    assert apply(whole, **groups(disk_size_gib=80)) == {("eks_nodegroup/general", "update", "template")}
    assert group(eks)["launchTemplate"]["version"] == "2"


def test_a_group_that_failed_says_why_and_is_made_anew(prepare):
    prepared = prepare("eks")
    prepared.on_ground()
    prepared.aws.settings.failures = {"eks_nodegroup": "no capacity of that type"}
    failed = tiers.attempt(prepared.tier, prepared.parameters)
    prepared.aws.settings.clear()
    assert "eks_nodegroup/general ended in state CREATE_FAILED" in failed["msg"]
    assert "no capacity of that type" in failed["msg"]
    assert "run again" in failed["msg"]
    again = tiers.run(prepared.tier, {**prepared.parameters, "replace_node_groups": False})
    assert tiers.addresses(again)["eks_nodegroup/general"] == "replace"
    assert tiers.run(prepared.tier, prepared.parameters)["plan"] == []


def test_a_cluster_that_failed_says_why_and_is_not_replaced(prepare):
    prepared = prepare("eks")
    prepared.on_ground()
    prepared.aws.settings.failures = {"eks_cluster": "no free address"}
    failed = tiers.attempt(prepared.tier, prepared.parameters)
    prepared.aws.settings.clear()
    assert "ended in state FAILED" in failed["msg"] and "no free address" in failed["msg"]
    again = tiers.attempt(prepared.tier, prepared.parameters)
    assert again["failed"] and "aws eks delete-cluster" in again["msg"]


def test_nodes_are_begun_by_start_and_finished_by_await(prepare):
    prepared = prepare("eks")
    prepared.on_ground()
    aws = prepared.aws
    aws.settings.transitions = {"eks_nodegroup": 600}
    try:
        begun = tiers.run(prepared.tier, {**prepared.parameters, "verb": "start"})
        assert {"eks_nodegroup/ai", "eks_nodegroup/general", "eks_addon/coredns"} <= set(begun["awaiting"])
        assert "eks_addon/vpc-cni" not in begun["awaiting"]
        aws.skip(600)
        finished = tiers.run(prepared.tier, {**prepared.parameters, "verb": "await"})
    finally:
        aws.settings.clear()
    assert "eks_addon/coredns" in tiers.addresses(finished)
    assert tiers.run(prepared.tier, prepared.parameters)["plan"] == []


def test_a_protected_cluster_is_not_taken_down(whole):
    protected = {**whole.parameters, "deletion_protection": True}
    tiers.run(whole.tier, protected)
    assert "deletion protection of prod-agent-platform is on" in refused(whole, deletion_protection=True, state="absent")


def test_it_is_built_and_taken_down_in_order(prepare):
    prepared = prepare("eks")
    prepared.on_ground()
    tiers.run(prepared.tier, prepared.parameters)
    made = [request.operation for request in prepared.aws.writes()]
    assert made.index("CreateLogGroup") < made.index("CreateCluster") < made.index("CreateLaunchTemplate")
    addons = [position for position, name in enumerate(made) if name == "CreateAddon"]
    nodes = [position for position, name in enumerate(made) if name == "CreateNodegroup"]
    # vpc-cni before the nodes; coredns and metrics-server after them.
    assert addons[0] < min(nodes) and max(nodes) < addons[1]
    prepared.aws.clear_requests()
    tiers.run(prepared.tier, {**prepared.parameters, "state": "absent"})
    gone = [request.operation for request in prepared.aws.writes()]
    cluster = gone.index("DeleteCluster")
    before = ("DeleteNodegroup", "DeleteAddon", "DeleteAccessEntry", "DeletePodIdentityAssociation")
    assert all(position < cluster for position, name in enumerate(gone) if name in before)
    after = ("DeleteLogGroup", "DeleteRole", "DeleteOpenIDConnectProvider")
    assert all(position > cluster for position, name in enumerate(gone) if name in after)
    assert gone.index("DeleteLaunchTemplate") > gone.index("DeleteNodegroup")


def test_entries_of_the_nodes_are_not_ours(whole, eks):
    """EKS makes one for the nodes' role by itself."""
    listed = eks.list_access_entries(clusterName=CLUSTER)["accessEntries"]
    assert any(arn.endswith("/prod-us-east-1-eks-nodes") for arn in listed)
    assert tiers.run(whole.tier, whole.parameters)["unmanaged"] == []


def test_what_leaves_the_configuration_stands_and_is_listed(whole):
    result = tiers.run(whole.tier, {**whole.parameters, "node_groups": data.PARAMS["node_groups"][:1], "access_entries": []})
    assert result["plan"] == []
    assert result["unmanaged"] == ["eks_access_entry/operators", "eks_nodegroup/ai", "launch_template/ai"]


def test_another_node_autoscaler_gets_a_role_and_the_old_one_goes_when_it_is_pruned(whole, eks):
    accounts = {**whole.parameters["service_accounts"], "karpenter": "kube-system/karpenter"}
    names = {"karpenter": ("iam_role/eks-karpenter", "eks_pod_identity/karpenter")}
    names["cluster-autoscaler"] = ("iam_role/eks-autoscaler", "eks_pod_identity/autoscaler")

    def bound():
        found = eks.list_pod_identity_associations(clusterName=CLUSTER)["associations"]
        return {item["serviceAccount"] for item in found if item["namespace"] == "kube-system"} - {"aws-node"}

    def made(old, new):
        given = {"service_accounts": accounts, "node_autoscaler": new}
        assert {change[:2] for change in apply(whole, **given)} == {(address, "create") for address in names[new]}
        assert bound() == {"cluster-autoscaler", "karpenter"}, "what still runs keeps its role"
        gone = apply(whole, **given, prune=list(names[old]))
        assert {change[:2] for change in gone} == {(address, "delete") for address in names[old]}
        assert bound() == {new}

    made("cluster-autoscaler", "karpenter")
    made("karpenter", "cluster-autoscaler")
