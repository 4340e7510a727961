"""What the eks tier refuses before any call, and what it declares."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Resource, View
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.eks.access import AccessEntry
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.eks.addon import parsed
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.eks.cluster import Cluster, check_step
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.iam_others import identity
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cloudfront import SECRET
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.eks import looked_up
from contract.cases import eks as data
from support import tiers

TIER = tiers.load("eks")
USER = "arn:aws:iam::123456789012:user/ann"
SESSION = "arn:aws:sts::123456789012:assumed-role/deployer/ci"
GROUP = data.PARAMS["node_groups"][0]
ENTRY = data.PARAMS["access_entries"][0]
WORKLOAD = data.PARAMS["workloads"][0]
TAINT = {"key": "workload", "value": "ai", "effect": "NoSchedule"}
KARPENTER = {
    "node_autoscaler": "karpenter",
    "service_accounts": {**data.PARAMS["service_accounts"], "karpenter": "kube-system/karpenter"},
}


def place(caller=USER):
    return Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws", caller)


def parameters(**override):
    return tiers.with_defaults(TIER, {**copy.deepcopy(data.PARAMS), **override})


def group(**override):
    return {"node_groups": [{**GROUP, **override}]}


def entry(**override):
    return {"access_entries": [{**ENTRY, **override}]}


def workload(**override):
    return {"workloads": [{**WORKLOAD, **override}]}


def declared(caller=USER, **override):
    return Graph(TIER.declare(parameters(**override), place(caller))).resources


BAD = [
    ({"cluster_name": "agents"}, "platform_cluster_name: 'agents' is no name for this environment's EKS cluster"),
    ({"cluster_name": "prod-a b"}, "platform_cluster_name: 'prod-a b'"),
    ({"version": "1.34.1"}, "eks_version: '1.34.1' is no minor version of Kubernetes"),
    ({"version": "latest"}, "eks_version: 'latest'"),
    ({"availability_zones": ["us-east-1a"]}, "eks_availability_zones: 1 zones are less than the 2"),
    ({"availability_zones": ["us-east-1a", "eu-west-1a"]}, "eks_availability_zones: 'eu-west-1a'"),
    ({"key_for": {**data.PARAMS["key_for"], "ebs": "Nodes"}}, "platform_kms_key_for: the key 'Nodes' of ebs"),
    ({"key_for": {"eks": "eks"}}, "platform_kms_key_for: the key None of ebs"),
    ({"log_retention_days": 31}, "eks_log_retention_days: 31 is none of 1, 3, 5"),
    ({"public_access_cidrs": ["203.0.113.7/24"]}, "eks_public_access_cidrs: '203.0.113.7/24' is not an IPv4 range"),
    ({"public_access_cidrs": ["everyone"]}, "eks_public_access_cidrs: 'everyone' is not an IPv4 range"),
    ({"public_access_cidrs": ["10.0.0.0/16"]}, "eks_public_access_cidrs: 10.0.0.0/16 is no range of the internet"),
    ({"public_access_cidrs": ["203.0.113.0/24"] * 2}, "eks_public_access_cidrs: '203.0.113.0/24' is there twice"),
    ({"public_access_cidrs": [f"203.0.{n}.0/24" for n in range(41)]}, "eks_public_access_cidrs: 41 ranges: EKS takes at most 40"),
    ({"service_cidr": "172.20.0.0/28"}, "eks_service_cidr: 172.20.0.0/28 is none that EKS takes"),
    ({"max_unavailable_percent": 0}, "eks_max_unavailable_percent: 0 is outside 1 to 100 percent"),
    ({"max_unavailable_percent": 101}, "eks_max_unavailable_percent: 101 is outside"),
    ({"disk_size_gib": 8}, "eks_disk_size_gib: 8 is outside 20 to 16384 GiB"),
    ({"disk_iops": 100}, "eks_disk_iops: 100 is outside 3000 to 16000"),
    ({"disk_throughput": 1000}, "eks_disk_throughput: 1000 MiB a second needs 4000 of eks_disk_iops, which is 3000"),
    (
        {"disk_iops": 15000, "disk_size_gib": 20},
        "eks_disk_iops: 15000 is outside 3000 to 10000, what a volume of 20 GiB can have, as those of general are",
    ),
    ({"disk_iops": 15001, **group(disk_size_gib=30)}, "eks_disk_iops: 15001 is outside 3000 to 15000"),
    ({"service_accounts": {}}, "eks_service_accounts: vpc-cni is not among none, and eks_addons lists it"),
    (
        {"deployment": "d" * 47, "service_accounts": {**data.PARAMS["service_accounts"], "lb-controller": "kube-system/lb"}},
        "of 65 characters, and IAM takes 64: use a name of at most 46",
    ),
    ({"metadata_hop_limit": 65}, "eks_metadata_hop_limit: 65 is outside 1 to 64 hops"),
    ({"node_tags": {"aws:x": "y"}}, "eks_node_tags: 'aws:x': 'y' cannot be a tag"),
    ({"node_groups": [GROUP, GROUP]}, "eks_node_groups: 'general' is there twice"),
    (group(name="General"), "eks_node_groups: the name 'General' is none that fits"),
    (group(name="g" * 60), "eks_node_groups: the name 'ggg"),
    (group(min_size=5, max_size=4), "eks_node_groups: min_size 5 of general is more than its max_size 4"),
    (group(min_size=-1), "eks_node_groups: general has -1 to 20 nodes"),
    (group(min_size=0, max_size=0), "eks_node_groups: general has 0 to 0 nodes"),
    (group(desired_size=2), "eks_node_groups: desired_size 2 of general is outside its min_size 3 to max_size 20"),
    (group(instance_types=[]), "eks_node_groups: instance_types of general are []"),
    (group(instance_types=["t3.xlarge", "t3.xlarge"]), "eks_node_groups: instance_types of general"),
    (group(instance_types=["big"]), "eks_node_groups: 'big' of general is no instance type"),
    (group(instance_types=["m7g.large", "m7i.large"]), "mixes m7g.large (Graviton, ARM) and m7i.large (x86)"),
    (group(disk_size_gib=1), "eks_node_groups: disk_size_gib 1 of general is outside 20 to 16384 GiB"),
    (group(labels={"a b": "c"}), "eks_node_groups: the label 'a b' of general"),
    (group(labels={"eks.amazonaws.com/x": "c"}), "eks_node_groups: the label 'eks.amazonaws.com/x'"),
    (group(labels={"workload": "a b"}), "eks_node_groups: the value 'a b' of label workload of general"),
    (group(taints=[{**TAINT, "effect": "Never"}]), "has effect 'Never': use one of NoSchedule, NoExecute, PreferNoSchedule"),
    (group(taints=[{**TAINT, "key": "a b"}]), "eks_node_groups: the taint a b of general=ai is none that Kubernetes takes"),
    (group(taints=[TAINT, TAINT]), "the taint workload of general: NoSchedule is there twice"),
    ({"addons": [{"name": "coredns"}, {"name": "coredns"}]}, "eks_addons: 'coredns' is there twice"),
    ({"addons": [{"name": "coredns", "version": "1.2"}]}, "eks_addons: the version '1.2' of coredns is none of an add-on"),
    ({"deployer": "me"}, "eks_deployer: 'me' is no principal"),
    ({"access_entries": [ENTRY, {**ENTRY, "principal": USER}]}, "eks_access_entries: 'operators' is there twice"),
    (entry(name="deployer-x"), "eks_access_entries: the name 'deployer-x' is none that fits"),
    (entry(principal="ann"), "eks_access_entries: the principal 'ann' of operators is no ARN"),
    (
        entry(policies=[{"policy": "AdministratorAccess"}]),
        "the policy 'AdministratorAccess' of operators is none of EKS's access policies",
    ),
    (entry(policies=[], groups=[]), "eks_access_entries: operators has neither policies nor groups"),
    (entry(groups=["system:masters"]), "eks_access_entries: the group 'system:masters' of operators is one that EKS reserves"),
    (
        {"service_accounts": {"vpc-cni": "a/b", "flux": "kube-system/flux"}},
        "eks_service_accounts: 'flux' is no controller or Job that we know",
    ),
    (
        {**group(min_size=1), "node_autoscaler": "karpenter"},
        "eks_node_groups: those without taints have at least 1 nodes together, and platform_node_autoscaler is karpenter",
    ),
    (
        {"node_autoscaler": "karpenter"},
        "eks_service_accounts: karpenter is not among vpc-cni, autoscaler, and platform_node_autoscaler names it",
    ),
    (workload(name="nodes"), "eks_workloads: the name 'nodes' cannot be part of a role's name"),
    (workload(name="a" * 60), "eks_workloads: the name 'aaa"),
    (workload(service_account="agent"), "eks_workloads: the service account 'agent' of agent is not <namespace>/<name>"),
    (workload(service_account="kube-system/aws-node"), "agent and vpc-cni have the same service account kube-system/aws-node"),
    ({"workloads": [WORKLOAD, {**WORKLOAD, "service_account": "a/b"}]}, "eks_workloads: 'agent' is there twice"),
    ({"permissions_boundary": "boundary"}, "eks_permissions_boundary: 'boundary' is no policy"),
]


@pytest.mark.parametrize(("override", "message"), BAD, ids=[message[:60] for _override, message in BAD])
def test_bad_input_is_refused(override, message):
    with pytest.raises(InvalidInput) as error:
        TIER.check(parameters(**override), "us-east-1")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"public_access_cidrs": ["0.0.0.0/0"]},
        {"access_entries": [], "addons": [], "workloads": [], "service_accounts": {}},
        group(instance_types=["m7g.large", "c7gn.xlarge", "r8gd.metal-24xl", "t4g.medium"]),
        group(instance_types=["g4dn.xlarge", "m7i-flex.large", "u-6tb1.metal"]),
        {"disk_iops": 15000, **group(disk_size_gib=30)},
        {"deployment": "d" * 46, "workloads": [], "service_accounts": {"vpc-cni": "a/b", "lb-controller": "kube-system/lb"}},
        {"deployer": "none"},
        {"deployer": USER},
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")
    assert declared(**override)


@pytest.mark.parametrize(
    ("types", "image"),
    [
        (["t3.xlarge", "t3a.xlarge"], "AL2023_x86_64_STANDARD"),
        (["m7g.large"], "AL2023_ARM_64_STANDARD"),
        (["im4gn.large", "is4gen.large", "a1.large"], "AL2023_ARM_64_STANDARD"),
        (["g4dn.xlarge"], "AL2023_x86_64_STANDARD"),
    ],
)
def test_the_image_follows_from_the_instance_types(types, image):
    assert declared(**group(instance_types=types))["eks_nodegroup/general"].desired["ami_type"] == image


def test_only_spot_groups_need_the_role_of_spot():
    assert "iam_service_linked_role/spot" not in declared(**group())
    assert "iam_service_linked_role/spot" in declared(**group(), capacity_type="SPOT")


@pytest.mark.parametrize(("caller", "name"), [(USER, "ann"), (SESSION, "deployer")])
def test_the_deployer_is_an_administrator(caller, name):
    (policy,) = declared(caller)["eks_access_entry/deployer"].desired["policies"]
    assert f"iam_caller/{name}" in declared(caller)
    assert policy == {"policy": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", "namespaces": []}


def test_a_deployer_with_an_entry_gets_no_second_one():
    principal = "arn:aws:iam::123456789012:role/teams/deployer"
    addresses = set(declared(SESSION, **entry(principal=principal)))
    assert {address for address in addresses if address.startswith("eks_access_entry/")} == {"eks_access_entry/operators"}


def test_nobody_else_is_let_in_unless_asked_for():
    assert not [address for address in declared(deployer="none", access_entries=[]) if "access_entry" in address]


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (SESSION, ("role", "deployer")),
        ("arn:aws:iam::123456789012:user/teams/ann", ("user", "teams/ann")),
        ("arn:aws:iam::123456789012:root", ("root", "")),
        ("arn:aws:sts::123456789012:federated-user/ann", ("federated-user", "ann")),
    ],
)
def test_who_is_behind_a_session(arn, expected):
    assert identity(arn) == expected


def statements(resource):
    for policy in resource.desired["inline_policies"].values():
        yield from policy["Statement"]


def test_policies_name_what_they_are_for():
    """Everything that is not only read is held to ARNs of ours, or to tags that only this cluster's things carry."""
    accounts = {
        name: f"kube-system/{name}" for name in ("ebs-csi", "vpc-cni", "lb-controller", "autoscaler", "ext-secrets", "keda")
    }
    everything = {**WORKLOAD, "write_buckets": ["backups"], "publish": ["a"], "consume": ["a"], "secrets": ["s"]}
    resources = declared(service_accounts=accounts, workloads=[everything])
    accounts |= KARPENTER["service_accounts"]
    resources = declared(**{**KARPENTER, "service_accounts": accounts}) | resources
    seen = 0
    for address in (f"iam_role/eks-{name}" for name in ("agent", *accounts)):
        for statement in statements(resources[address]):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert "*" not in actions
            if statement["Resource"] == "*":
                assert all(action.split(":")[1].startswith(("Describe", "Get", "List")) for action in actions), address
            seen += 1
    assert seen > 20


def test_only_the_controller_that_is_chosen_gets_a_role():
    """And Karpenter, whose pools may be of either, finds the role of Spot."""
    accounts, on_demand = (
        KARPENTER["service_accounts"],
        [{**one, "capacity_type": "ON_DEMAND"} for one in data.PARAMS["node_groups"]],
    )
    sized = declared(service_accounts=accounts, node_groups=on_demand)
    karpenter = declared(**KARPENTER, node_groups=on_demand)
    assert set(sized) - set(karpenter) == {"iam_role/eks-autoscaler", "eks_pod_identity/autoscaler"}
    assert set(karpenter) - set(sized) == {
        "iam_role/eks-karpenter",
        "eks_pod_identity/karpenter",
        "iam_service_linked_role/spot",
    }
    identity = karpenter["eks_pod_identity/karpenter"].desired
    assert (identity["namespace"], identity["service_account"]) == ("kube-system", "karpenter")
    for group in ("general", "ai"):
        assert sized[f"eks_nodegroup/{group}"].desired == karpenter[f"eks_nodegroup/{group}"].desired


def test_the_secret_of_cloudfront_is_for_no_pod():
    resources = declared(service_accounts={"ext-secrets": "external-secrets/external-secrets"})
    (denied,) = [one for one in statements(resources["iam_role/eks-ext-secrets"]) if one["Effect"] == "Deny"]
    assert denied["Resource"] == f"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/{SECRET}-??????"
    assert "secretsmanager:GetSecretValue" in denied["Action"]


@pytest.mark.parametrize(
    ("text", "value"), [("", {}), ('{"replicaCount": 3}', {"replicaCount": 3}), ("replicaCount: 3", "replicaCount: 3")]
)
def test_the_configuration_of_an_addon_is_json_or_what_it_is(text, value):
    assert parsed(parsed(text)) == value


def test_a_role_is_for_one_service_account_of_one_cluster():
    trust = declared()["iam_role/eks-agent"].desired["trust_policy"]["Statement"][0]
    assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:123456789012:cluster/prod-agent-platform",
        "aws:RequestTag/kubernetes-namespace": "agents",
        "aws:RequestTag/kubernetes-service-account": "agent",
    }


def test_policies_fit_into_a_role():
    """IAM takes 10240 characters of inline policies a role; an ARN of a key takes the place of its reference."""
    accounts = {name: f"kube-system/{name}" for name in ("ebs-csi", "lb-controller", "autoscaler", "ext-secrets")}
    resources = declared(service_accounts=accounts)
    accounts |= KARPENTER["service_accounts"]
    resources = declared(**{**KARPENTER, "service_accounts": accounts}) | resources
    for name in accounts:
        text = json.dumps(resources[f"iam_role/eks-{name}"].desired["inline_policies"], default=lambda _ref: "x" * 80)
        assert len(text.replace(" ", "")) < 10240


@pytest.mark.parametrize("wanted", ["1.34", "1.35", None])
def test_a_step_of_one_minor_or_none_is_taken(wanted):
    check_step("prod-x", "1.34", wanted)


@pytest.mark.parametrize(("wanted", "says"), [("1.36", "set 1.35, apply it"), ("1.9", "set 1.34 or higher")])
def test_other_steps_are_refused(wanted, says):
    with pytest.raises(InvalidInput) as error:
        check_step("prod-x", "1.34", wanted)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("state", "says"), [("CREATING", "run the eks tier, which waits"), ("FAILED", "aws eks delete-cluster"), ("DELETING", "gone")]
)
def test_nothing_rests_on_a_cluster_that_does_not_run(monkeypatch, state, says):
    monkeypatch.setattr(Cluster, "_describe", staticmethod(lambda _view, name: {"name": name, "status": state}))
    resource = looked_up(place(), "prod-x")
    with pytest.raises(EngineError) as error:
        list(Cluster().find(View(None, None, resources=[resource])))
    assert f"the cluster prod-x is in state {state}" in str(error.value) and says in str(error.value)


@pytest.mark.parametrize(
    ("caller", "destroys", "found"),
    [
        (USER, False, {USER: "eks_access_entry/deployer"}),
        (USER, True, {}),
        ("arn:aws:iam::123456789012:root", True, {}),
        ("arn:aws:iam::123456789012:root", False, {}),
        ("arn:aws:sts::123456789012:federated-user/ann", False, {}),
    ],
)
def test_no_destroy_asks_who_runs_it_and_no_deletion_fails_for_it(caller, destroys, found):
    api = SimpleNamespace(caller_arn=caller, arn=lambda service, name, region: f"arn:aws:{service}::123456789012:{name}")
    entry = Resource(AccessEntry(), "deployer", {"principal": None})
    view = View(api, Owner("prod-us-east-1", "prod", "eks"), destroys=destroys, resources=[entry], thorough=True)
    assert AccessEntry()._callers(view, [{"tags": {}}]) == found
