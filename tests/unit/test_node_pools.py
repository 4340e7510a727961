"""The nodes that Karpenter starts: as the node groups' are, within the diagrams' numbers, and only where it sizes the cluster."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import objects as k8s
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import releases
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.survey import Survey
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import kubernetes as tier
from support import job_roles
from support.job_roles import may
from support.kubernetes import FACTS, REGION, ROOT, objects, parameters

CLASS, GENERAL, AI = "ec2_node_class/platform", "node_pool/general", "node_pool/ai"
KINDS = ("EC2NodeClass", "NodePool")
# Processors and GiB of the types that the inventories name.
SIZES = {"t3.xlarge": (4, 16), "t3a.xlarge": (4, 16), "t3a.medium": (2, 4), "r6i.2xlarge": (8, 64)}
# Structural schemas of the two, of the fields that we set: Karpenter v1's definitions (karpenter.sh_nodepools.yaml and
# karpenter.k8s.aws_ec2nodeclasses.yaml), of which Kubernetes itself publishes none.
FIELDS = {
    "EC2NodeClass": {
        "amiSelectorTerms": {"alias"},
        "role": None,
        "subnetSelectorTerms": {"id"},
        "securityGroupSelectorTerms": {"id"},
        "blockDeviceMappings": {"deviceName", "ebs"},
        "metadataOptions": {"httpEndpoint", "httpProtocolIPv6", "httpPutResponseHopLimit", "httpTokens"},
        "tags": None,
    },
    "NodePool": {
        "template": {"metadata", "spec"},
        "limits": {"cpu", "memory"},
        "disruption": {"consolidationPolicy", "consolidateAfter", "budgets"},
    },
}


def made(environment="prod", **changed):
    return objects(environment, **{"node_autoscaler": "karpenter", **changed})


def groups(environment):
    """The node groups of an inventory, by name."""
    found = yaml.safe_load((ROOT / "roles/eks/defaults/main.yml").read_text())["eks_node_groups"]
    own = ROOT / f"inventories/{environment}/group_vars/{environment}/eks.yml"
    if own.exists():
        found = yaml.safe_load(own.read_text()).get("eks_node_groups", found)
    return {group["name"]: group for group in found}


@pytest.fixture(params=["dev", "prod"])
def environment(request):
    return request.param


class TestObjects:
    def test_there_are_none_beside_the_cluster_autoscaler(self, environment):
        assert [where for where, item in objects(environment).items() if item["kind"] in KINDS] == []
        assert [where for where in made(environment) if where not in objects(environment)] == [
            CLASS,
            *(f"node_pool/{name}" for name in groups(environment)),
        ]

    def test_fields_are_those_of_the_definitions(self, environment):
        for item in (item for item in made(environment).values() if item["kind"] in KINDS):
            assert set(item) == {"apiVersion", "kind", "metadata", "spec"} and "namespace" not in item["metadata"]
            for name, value in item["spec"].items():
                allowed = FIELDS[item["kind"]][name]
                for one in value if isinstance(value, list) else [value]:
                    assert allowed is None or set(one) <= allowed, name
        assert made()[CLASS]["apiVersion"] == "karpenter.k8s.aws/v1" and made()[GENERAL]["apiVersion"] == "karpenter.sh/v1"

    def test_nodes_are_as_the_node_groups_are(self):
        spec = made(node_tags={"team": "agents"})[CLASS]["spec"]
        (device,) = spec["blockDeviceMappings"]
        assert device == {
            "deviceName": "/dev/xvda",
            "ebs": {
                "volumeSize": "50Gi",
                "volumeType": "gp3",
                "iops": 3000,
                "throughput": 125,
                "encrypted": True,
                "kmsKeyID": FACTS["node_key"],
                "deleteOnTermination": True,
            },
        }
        assert spec["amiSelectorTerms"] == [{"alias": "al2023@latest"}]
        assert spec["role"] == "prod-us-east-1-eks-nodes"
        assert [term["id"] for term in spec["subnetSelectorTerms"]] == FACTS["node_subnets"]
        assert [term["id"] for term in spec["securityGroupSelectorTerms"]] == FACTS["node_security_groups"]
        assert (spec["metadataOptions"]["httpTokens"], spec["metadataOptions"]["httpPutResponseHopLimit"]) == ("required", 1)
        assert spec["tags"] == {"team": "agents"}, "a destroy takes what carries the tags of ownership for no leftover"

    def test_as_many_nodes_as_a_group_may_have_less_those_that_stay_in_it(self, environment):
        for name, group in groups(environment).items():
            pool = made(environment)[f"node_pool/{name}"]["spec"]
            nodes = group["max_size"] - group["min_size"]
            (size,) = {SIZES[one] for one in group["instance_types"]}
            assert pool["limits"] == {"cpu": str(nodes * size[0]), "memory": f"{nodes * size[1]}Gi"}
            required = {item["key"]: item["values"] for item in pool["template"]["spec"]["requirements"]}
            assert required == {
                "kubernetes.io/os": ["linux"],
                "kubernetes.io/arch": ["amd64"],
                "karpenter.sh/capacity-type": ["on-demand"],
                "node.kubernetes.io/instance-type": group["instance_types"],
            }
            assert pool["template"]["spec"].get("taints", []) == group.get("taints", [])
            assert pool["template"].get("metadata", {"labels": {}})["labels"] == group.get("labels", {})
            assert pool["template"]["spec"]["nodeClassRef"]["name"] == made(environment)[CLASS]["metadata"]["name"]

    def test_nodes_go_when_they_are_not_needed_a_third_at_a_time(self):
        assert made()[GENERAL]["spec"]["disruption"] == {
            "consolidationPolicy": "WhenEmptyOrUnderutilized",
            "consolidateAfter": "10m",
            "budgets": [{"nodes": "33%"}],
        }

    def test_the_agent_fits_on_the_pool_of_the_ai_nodes(self):
        pod = made()["deployment/agents/agent"]["spec"]["template"]["spec"]
        template = made()[AI]["spec"]["template"]
        assert pod["nodeSelector"].items() <= template["metadata"]["labels"].items()
        (taint,) = template["spec"]["taints"]
        assert any(all(one.get(key) == taint[key] for key in ("key", "value", "effect")) for one in pod["tolerations"])

    def test_what_a_pool_requires_itself_wins(self):
        pool = {
            "name": "any",
            "cpu": "10",
            "memory": "40Gi",
            "capacity_type": "SPOT",
            "requirements": [
                {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m"]},
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
                {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "DoesNotExist", "values": None},
            ],
        }
        requirements = made(node_pools=[pool])["node_pool/any"]["spec"]["template"]["spec"]["requirements"]
        assert requirements == [
            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]},
            {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m"]},
            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
            {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "DoesNotExist"},
        ]

    def test_graviton_types_make_a_pool_of_arm(self):
        pool = {"name": "arm", "cpu": "8", "memory": "32Gi", "instance_types": ["m7g.large", "m6g.large"]}
        requirements = made(node_pools=[pool])["node_pool/arm"]["spec"]["template"]["spec"]["requirements"]
        assert {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]} in requirements

    def test_the_one_variable_chooses_the_release_too(self, environment):
        chosen = {
            name: [entry["name"] for entry in parameters(environment, node_autoscaler=name)["helm_releases"]]
            for name in ("cluster-autoscaler", "karpenter")
        }
        assert [name in chosen[name] for name in chosen] == [True, True]
        assert set(chosen["karpenter"]) ^ set(chosen["cluster-autoscaler"]) == {"karpenter", "cluster-autoscaler"}
        tier.check(parameters(environment, node_autoscaler="karpenter"), REGION)

    def test_only_karpenter_asks_for_the_nodes_network_and_key(self):
        place = Place("prod", f"prod-{REGION}", REGION, "123456789012", "aws")
        found = {}
        for name in ("cluster-autoscaler", "karpenter"):
            resources, facts = tier.lookups(parameters("prod", node_autoscaler=name, node_key="eks"), place)
            found[name] = {resource.address for resource in resources}, facts
        more = found["karpenter"][0] - found["cluster-autoscaler"][0]
        assert more == {"security_group/workers", "kms_key/eks"} and found["cluster-autoscaler"][0] < found["karpenter"][0]
        facts = found["karpenter"][1]
        assert facts["node_security_groups"] == [
            Ref("eks_cluster/prod-agent-platform", "cluster_security_group_id"),
            Ref("security_group/workers"),
        ]
        assert facts["node_subnets"] == [Ref(f"subnet/private-{REGION}{zone}") for zone in "abc"]
        assert not [name for name in found["cluster-autoscaler"][1] if name.startswith("node_")]
        assert tier.named(parameters("prod"), place)["node_role"] == "prod-us-east-1-eks-nodes"


POOL = {"name": "general", "instance_types": ["t3.xlarge"], "cpu": "68", "memory": "272Gi"}
TAINT = {"key": "workload", "value": "ai", "effect": "NoSchedule"}


def pool(**changed):
    return {"node_pools": [{**POOL, **changed}]}


def requires(key, operator, values):
    return pool(requirements=[{"key": key, "operator": operator, "values": values}])


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"node_pools": []}, "kubernetes_node_pools: it is empty"),
            ({"node_pools": [POOL, POOL]}, "kubernetes_node_pools: 'general' is there twice"),
            (pool(name="General"), "kubernetes_node_pools: the name 'General' is none that fits"),
            (pool(instance_types=[]), "kubernetes_node_pools: general says of no instance which"),
            (pool(instance_types=["t3"]), "kubernetes_node_pools: 't3' of general is no instance type"),
            (pool(instance_types=["t3.large", "m7g.large"]), "general mixes m7g.large (Graviton, ARM) and t3.large (x86)"),
            (pool(cpu="4.5"), "general has cpu '4.5', which is no limit"),
            (pool(memory="272"), "general has memory '272', which is no limit"),
            (requires("a b", "In", ["x"]), "general requires 'a b' In ['x']"),
            (requires("a", "In", None), "general requires 'a' In []"),
            (requires("a", "Exists", ["x"]), "general requires 'a' Exists ['x']"),
            (requires("a", "Gt", ["x"]), "general requires a Gt ['x']: it takes one whole number"),
            (pool(labels={"karpenter.sh/nodepool": "x"}), "general has the label 'karpenter.sh/nodepool'"),
            (pool(labels={"node.kubernetes.io/x": "x"}), "general has the label 'node.kubernetes.io/x'"),
            (pool(labels={"workload": "a b"}), "general has the value 'a b' for label workload"),
            (pool(taints=[{**TAINT, "effect": "NO_SCHEDULE"}]), "general has a taint workload of effect 'NO_SCHEDULE'"),
            (pool(taints=[{**TAINT, "key": "a b"}]), "general has the taint a b=ai"),
            ({"node_image": "bottlerocket@latest"}, "kubernetes_node_image: 'bottlerocket@latest' is no alias of AL2023"),
            ({"node_disk_size_gib": 5}, "kubernetes_node_disk_size_gib: 5 is outside 20 to 16384 GiB"),
            ({"node_disk_size_gib": 20, "node_disk_iops": 16000}, "kubernetes_node_disk_iops: 16000 is more than the 10000"),
            ({"node_disk_throughput": 1000}, "kubernetes_node_disk_throughput: 1000 MiB a second needs 4000"),
            ({"node_metadata_hop_limit": 65}, "kubernetes_node_metadata_hop_limit: 65 is outside 1 to 64"),
            ({"node_max_unavailable_percent": 0}, "kubernetes_node_max_unavailable_percent: 0 is outside 1 to 100"),
            ({"node_consolidate_after": "10"}, "kubernetes_node_consolidate_after: '10' is no duration"),
            ({"node_expire_after": "30d"}, "kubernetes_node_expire_after: '30d' is no duration"),
            ({"node_tags": {"eks:eks-cluster-name": "x"}}, "kubernetes_node_tags: 'eks:eks-cluster-name': 'x' cannot be a tag"),
            ({"node_tags": {"agent-platform:deployment": "x"}}, "kubernetes_node_tags: 'agent-platform:deployment'"),
            (
                {"helm_releases": [{"name": "cluster-autoscaler", "version": "1"}]},
                "kubernetes_helm_releases: cluster-autoscaler has no role, since platform_node_autoscaler is karpenter",
            ),
        ],
    )
    def test_a_sentence_that_names_the_variable(self, changed, says):
        with pytest.raises(InvalidInput) as caught:
            tier.check(parameters("prod", **{"node_autoscaler": "karpenter", **changed}), REGION)
        assert says in str(caught.value)

    def test_karpenter_without_a_role(self):
        given = parameters("prod", helm_releases=[{"name": "karpenter", "version": "1"}])
        with pytest.raises(InvalidInput, match=r"karpenter has no role, since platform_node_autoscaler is cluster-autoscaler"):
            tier.check(given, REGION)


class TestSwitch:
    """What carries our labels goes and comes with the variable; a release that is listed no more stays, and is told of."""

    @staticmethod
    def survey(**changed):
        served = {}
        for kind in k8s.KINDS:
            served.setdefault(kind.api_version, set()).add(kind.kind)
        return Survey(f"prod-{REGION}", **{"served": served, **changed})

    @staticmethod
    def wanted(name):
        return releases.desired(parameters("prod", node_autoscaler=name)["helm_releases"], FACTS)

    @staticmethod
    def stands(items):
        return {where: {**item, "metadata": {**item["metadata"], "uid": where}} for where, item in items.items()}

    def test_there_and_back(self):
        before, after = objects(), made()
        there = self.survey(desired=list(after.values()), ours=self.stands(before))
        assert [k8s.address(item) for item in there.missing()] == [CLASS, GENERAL, AI] and there.abandoned() == []
        back = self.survey(desired=list(before.values()), ours=self.stands(after))
        # The class is what the nodes of the pools are made by, and goes after them.
        assert [k8s.address(item) for item in back.deletable()] == [AI, GENERAL, CLASS] and back.missing() == []

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            (
                "cluster-autoscaler",
                "karpenter",
                "take it away with `helm uninstall cluster-autoscaler -n kube-system`",
            ),
            (
                "karpenter",
                "cluster-autoscaler",
                "once `kubectl get nodeclaims` lists none, take it away with `helm uninstall karpenter -n kube-system`",
            ),
        ],
    )
    def test_the_other_release_is_told_of_until_it_is_gone(self, old, new, says):
        def warnings(status):
            standing = {one.address: {**one.fields(), "status": status} for one in self.wanted(old)}
            return self.survey(releases=self.wanted(new), standing=standing).plan({}).warnings

        (warning,) = warnings("deployed")
        assert warning.startswith(f"helm_release/kube-system/{old} still stands beside {new}, and both would ") and says in warning
        assert warnings("uninstalled") == []
        assert self.survey(releases=self.wanted(new)).plan({}).warnings == []

    def test_without_the_release_they_are_held_back(self):
        held = self.survey(desired=[made()[CLASS], made()[GENERAL]], served={}).held_back()
        assert len(held) == 2 and all("which the release karpenter brings" in line for line in held)


CLUSTER = "prod-agent-platform"
# As support.job_roles writes a reference.
NODES, OTHER = f"{job_roles.KEYS}eks-nodes", f"{job_roles.KEYS}eks-cluster"
OWNED = f"kubernetes.io/cluster/{CLUSTER}"
ASKED = {
    f"aws:requesttag/{OWNED}": "owned",
    "aws:requesttag/eks:eks-cluster-name": CLUSTER,
    "aws:requesttag/karpenter.sh/nodepool": "a",
}
OWN = {f"aws:resourcetag/{OWNED}": "owned", "aws:resourcetag/karpenter.sh/nodepool": "a"}
PROFILE_ASKED = {
    f"aws:requesttag/{OWNED}": "owned",
    "aws:requesttag/eks:eks-cluster-name": CLUSTER,
    "aws:requesttag/topology.kubernetes.io/region": REGION,
    "aws:requesttag/karpenter.k8s.aws/ec2nodeclass": "platform",
}
PROFILE_OWN = {
    f"aws:resourcetag/{OWNED}": "owned",
    "aws:resourcetag/topology.kubernetes.io/region": REGION,
    "aws:resourcetag/karpenter.k8s.aws/ec2nodeclass": "platform",
}
VIA = {"kms:viaservice": f"ec2.{REGION}.amazonaws.com"}


def ec2(resource, account="123456789012"):
    return f"arn:aws:ec2:{REGION}:{account}:{resource}/x"


PROFILE = "arn:aws:iam::123456789012:instance-profile/x"


@pytest.fixture(scope="module")
def karpenter():
    return job_roles.role("karpenter", node_autoscaler="karpenter", service_accounts={"karpenter": "kube-system/karpenter", **CNI})


CNI = {"vpc-cni": "kube-system/aws-node"}


class TestRole:
    @pytest.mark.parametrize(
        ("action", "resource", "context", "allowed"),
        [
            ("ec2:RunInstances", ec2("image", ""), {}, True),
            ("ec2:RunInstances", ec2("subnet"), {}, True),
            ("ec2:CreateFleet", ec2("security-group"), {}, True),
            ("ec2:RunInstances", ec2("subnet", "999999999999"), {}, False),
            ("ec2:RunInstances", ec2("instance"), ASKED, True),
            ("ec2:CreateFleet", ec2("fleet"), ASKED, True),
            ("ec2:CreateLaunchTemplate", ec2("launch-template"), ASKED, True),
            ("ec2:RunInstances", ec2("instance"), {}, False),
            ("ec2:RunInstances", ec2("instance"), {**ASKED, f"aws:requesttag/{OWNED}": "shared"}, False),
            ("ec2:CreateFleet", ec2("fleet"), {**ASKED, "aws:requesttag/eks:eks-cluster-name": "other"}, False),
            ("ec2:RunInstances", ec2("launch-template"), OWN, True),
            ("ec2:RunInstances", ec2("launch-template"), {}, False),
            ("ec2:CreateTags", ec2("instance"), {**ASKED, "ec2:createaction": "RunInstances"}, True),
            ("ec2:CreateTags", ec2("instance"), {**ASKED, "ec2:createaction": "CopyImage"}, False),
            ("ec2:CreateTags", ec2("volume"), OWN, False),
            ("ec2:TerminateInstances", ec2("instance"), OWN, True),
            ("ec2:TerminateInstances", ec2("instance"), {}, False),
            ("ec2:TerminateInstances", ec2("instance"), {"aws:resourcetag/kubernetes.io/cluster/other": "owned"}, False),
            ("ec2:DeleteLaunchTemplate", ec2("launch-template"), OWN, True),
            ("ec2:DeleteLaunchTemplate", ec2("launch-template"), {}, False),
            ("ec2:DeleteVolume", ec2("volume"), OWN, False),
            ("ec2:DescribeInstanceTypes", "*", {"aws:requestedregion": REGION}, True),
            ("ec2:DescribeInstanceTypes", "*", {"aws:requestedregion": "eu-west-1"}, False),
            ("ssm:GetParameter", f"arn:aws:ssm:{REGION}::parameter/aws/service/eks/x", {}, True),
            ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:123456789012:parameter/secret", {}, False),
            ("pricing:GetProducts", "*", {}, True),
            ("iam:PassRole", NODES, {"iam:passedtoservice": "ec2.amazonaws.com"}, True),
            ("iam:PassRole", NODES, {"iam:passedtoservice": "lambda.amazonaws.com"}, False),
            ("iam:PassRole", OTHER, {"iam:passedtoservice": "ec2.amazonaws.com"}, False),
            ("iam:CreateInstanceProfile", PROFILE, PROFILE_ASKED, True),
            ("iam:CreateInstanceProfile", PROFILE, {}, False),
            ("iam:TagInstanceProfile", PROFILE, {**PROFILE_ASKED, **PROFILE_OWN}, True),
            ("iam:TagInstanceProfile", PROFILE, PROFILE_ASKED, False),
            ("iam:AddRoleToInstanceProfile", PROFILE, PROFILE_OWN, True),
            ("iam:AddRoleToInstanceProfile", PROFILE, {}, False),
            ("iam:DeleteInstanceProfile", PROFILE, PROFILE_OWN, True),
            ("iam:DeleteInstanceProfile", PROFILE, {}, False),
            ("iam:GetInstanceProfile", PROFILE, {}, True),
            ("iam:ListInstanceProfiles", "*", {}, True),
            ("iam:CreateRole", NODES, {}, False),
            ("eks:DescribeCluster", f"arn:aws:eks:{REGION}:123456789012:cluster/{CLUSTER}", {}, True),
            ("eks:DescribeCluster", f"arn:aws:eks:{REGION}:123456789012:cluster/other", {}, False),
            ("kms:GenerateDataKeyWithoutPlaintext", f"{job_roles.KEYS}eks", VIA, True),
            ("kms:GenerateDataKeyWithoutPlaintext", f"{job_roles.KEYS}eks", {}, False),
            ("kms:Decrypt", f"{job_roles.KEYS}storage", VIA, False),
            ("kms:CreateGrant", f"{job_roles.KEYS}eks", {**VIA, "kms:grantisforawsresource": "true"}, True),
            ("kms:CreateGrant", f"{job_roles.KEYS}eks", VIA, False),
        ],
    )
    def test_it_may_do_what_its_nodes_need_and_no_more(self, karpenter, action, resource, context, allowed):
        assert may(karpenter, action, resource, **context) is allowed
