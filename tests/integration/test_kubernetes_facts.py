"""What runs in the cluster: planned, made, changed, pruned, adopted; and the diagrams' facts about pods."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import threading
import time
from urllib.parse import urlsplit

import pytest
import yaml
from support import helm, site
from support.kubernetes_api import Api

ROLE = "agent_platform.aws.kubernetes"
REAL = os.environ.get("KUBECONFIG_TEST", "")
SPACES = ("agents", "external-secrets", "keda", "platform-jobs")
LISTS = (
    "/api/v1/configmaps",
    "/api/v1/services",
    "/api/v1/serviceaccounts",
    "/apis/apps/v1/deployments",
    "/apis/networking.k8s.io/v1/networkpolicies",
)


class Inside:
    """The cluster's inside of a deployed environment. ``steps``: the role, once for each, in one run of Ansible."""

    def __init__(self, platform, folder):
        self.platform, self.folder = platform, folder
        self.cluster = f"{platform.environment}-agent-platform"
        self.api = Api.of(platform.client("eks"), self.cluster)

    def run(self, *steps, releases=(), env=None):
        """A step is the role's variables; of them ``check`` makes it one in check mode. ``releases``: of all steps."""
        tasks = []
        for step in steps:
            check = step.get("check", False)
            values = {name: value for name, value in step.items() if name != "check"}
            tasks.append(
                {"name": "Step", "ansible.builtin.include_role": {"name": ROLE, "apply": {"check_mode": check}}, "vars": values}
            )
        path = self.folder / "steps.yml"
        path.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        places = {
            "TMPDIR": str(temporary),
            "ANSIBLE_LOCAL_TEMP": str(temporary / "ansible"),
            "ANSIBLE_HOME": str(self.folder / "home"),
        }
        # Nothing of ours could run in somebody's cluster, whose nodes have no such images.
        waits = {"kubernetes_rollout_timeout_seconds": 0} if REAL else {}
        extra = json.dumps({"kubernetes_helm_releases": list(releases), **waits})
        return self.platform.run(str(path), "-e", extra, **site.as_json({}), **places, **(env or {}))

    def results(self, *steps, **more):
        done = self.run(*steps, **more)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        found = answers(done.stdout)
        assert len(found) == len(steps)
        return found

    def failure(self, *steps, **more):
        done = self.run(*steps, **more)
        assert done.returncode != 0, done.stdout[-3000:]
        return answers(done.stdout)[-1]["msg"]

    def version(self):
        """Changes with each write to an object of ours."""
        lists = ("/api/v1/namespaces", *(f"{path}?limit=500" for path in LISTS))
        items = [item["metadata"] for path in lists for item in self.api.get(path)["items"]]
        ours = [item for item in items if item.get("namespace", item["name"]) in SPACES]
        # A status is the controllers' to write.
        return {(item["uid"], item.get("generation") or item["resourceVersion"]) for item in ours}

    def clean(self):
        for name in SPACES:
            self.api.call("DELETE", f"/api/v1/namespaces/{name}")
        end = time.monotonic() + 120
        while set(SPACES) & set(self.api.items("/api/v1/namespaces")):
            assert time.monotonic() < end, "namespaces do not go"
            time.sleep(1)


def answers(output):
    plays = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]["plays"]
    tasks = [result for play in plays for task in play["tasks"] for result in task["hosts"].values()]
    return [result for result in tasks if result.get("action") == ROLE]


def planned(result):
    return {(item["address"], item["action"]): item["fields"] for item in result["plan"]}


def actions(result):
    return dict(planned(result).keys())


@pytest.fixture
def inside(scratch, tmp_path):
    """Of a cluster in which nothing of ours is yet."""
    found = Inside(scratch, tmp_path)
    found.clean()
    return found


dev = pytest.mark.parametrize("scratch", ["dev"], indirect=True)


@dev
def test_from_nothing_to_what_was_planned_and_no_further(inside):
    life(inside)


@dev
@pytest.mark.skipif(not REAL, reason="KUBECONFIG_TEST names no cluster: only the local API was asked")
def test_the_same_with_a_real_api_server(inside):
    """Behind the local AWS's cluster; what the test makes there goes again."""
    inside.platform.local.settings(kubeconfig=REAL)
    try:
        inside.clean()
        life(inside)
    finally:
        inside.clean()
        inside.platform.local.settings(kubeconfig="")


def life(inside):
    """From an empty cluster, through changes, to fewer things."""
    inside.api.define()
    before = inside.version()
    check, plan, drift = inside.results({"check": True}, {"platform_verb": "plan"}, {"platform_verb": "drift"})
    assert inside.version() == before, "something was written"
    assert planned(check) == planned(plan) == planned(drift)
    assert set(actions(check).values()) == {"create"} and len(check["plan"]) == 37

    first, second, again = inside.results({}, {}, {"platform_verb": "drift"})
    assert planned(first) == planned(check) and first["changed"]
    assert (set(check["resources"]), set(first["resources"])) == (set(), set(actions(check))) and second["resources"] == first[
        "resources"
    ]
    assert (second["plan"], second["changed"], again["plan"], again["strangers"]) == ([], False, [], [])

    change = {"kubernetes_agent_image": "agent-platform/agent:1.0.1", "kubernetes_consumer_max_replicas": 5}
    before = inside.version()
    (would,) = inside.results({**change, "check": True})
    assert inside.version() == before, "something was written"
    assert actions(would) == {"deployment/agents/agent": "update", "scaled_object/agents/events": "update"}
    (field,) = planned(would)["scaled_object/agents/events", "update"]
    assert field == {"field": "spec.maxReplicaCount", "old": 3, "new": 5}
    did, then = inside.results(change, change)
    assert planned(did) == planned(would) and then["plan"] == []
    assert inside.api.get("/apis/keda.sh/v1alpha1/namespaces/agents/scaledobjects/events")["spec"]["maxReplicaCount"] == 5

    # What the configuration does not name any more goes, whatever it is; what somebody else put beside it stays.
    inside.api.create("/api/v1/namespaces/keda/configmaps", {"metadata": {"name": "theirs"}, "data": {}})
    spaces = [{"name": "agents"}]
    without_jobs = {"kubernetes_jobs_namespace": "", "kubernetes_service_accounts": ["agents/agent", "agents/consumers"]}
    fewer = {"kubernetes_consumers": [], "kubernetes_namespaces": spaces, "kubernetes_api_secrets": [], **without_jobs}
    # What a Job of ours left is no stranger's, and holds no namespace.
    left = {"metadata": {"name": "schema-1", "labels": {"agent-platform.io/job-of": "dev-us-east-1"}}, "data": {}}
    inside.api.create("/api/v1/namespaces/platform-jobs/configmaps", left)
    would, drift = inside.results({**fewer, "check": True}, {**fewer, "platform_verb": "drift"})
    gone = {address for address, action in actions(would).items() if action == "delete"}
    assert {
        "deployment/agents/events",
        "scaled_object/agents/events",
        "network_policy/agents/events",
        "resource_quota/agents/quota",
    } <= gone
    assert {"namespace/external-secrets", "namespace/platform-jobs"} < gone and [item["address"] for item in would["kept"]] == [
        "namespace/keda"
    ]
    assert {item["address"] for item in drift["strangers"]} == {*gone, "namespace/keda"}
    did, then = inside.results(fewer, fewer)
    assert planned(did) == planned(would) and then["plan"] == []
    assert {"agents", "keda"} < set(inside.api.items("/api/v1/namespaces")) and "theirs" in inside.api.items("/api/v1/configmaps")
    assert list(inside.api.items("/apis/apps/v1/namespaces/agents/deployments")) == ["agent"]


@dev
def test_what_somebody_did_by_hand_is_found_and_undone(inside):
    inside.results({})
    path = "/apis/networking.k8s.io/v1/namespaces/agents/networkpolicies"
    status, _ = inside.api.call(
        "PATCH", f"{path}/default-deny", {"spec": {"podSelector": {"matchLabels": {"x": "y"}}}}, "application/merge-patch+json"
    )
    assert status == 200
    assert inside.api.call("DELETE", f"{path}/dns")[0] == 200
    drift, did, again = inside.results({"platform_verb": "drift"}, {}, {"platform_verb": "drift"})
    assert actions(drift) == {"network_policy/agents/default-deny": "update", "network_policy/agents/dns": "create"}
    assert planned(did) == planned(drift) and again["plan"] == []
    assert inside.api.get(f"{path}/default-deny")["spec"]["podSelector"] == {}


@dev
def test_objects_of_somebody_else_are_refused_and_can_be_adopted(inside):
    inside.api.create("/api/v1/namespaces", {"metadata": {"name": "agents", "labels": {"team": "x"}}})
    inside.api.create("/api/v1/namespaces/agents/serviceaccounts", {"metadata": {"name": "agent"}})
    before = inside.version()
    said = inside.failure({})
    assert "namespace/agents: it exists already and is not labelled as made by deployment dev-us-east-1" in said
    assert "service_account/agents/agent" in said and "playbooks/adopt.yml" in said
    (would,) = inside.results({"platform_verb": "adopt"})
    assert actions(would) == {"namespace/agents": "adopt", "service_account/agents/agent": "adopt"}
    assert inside.version() == before, "something was written"
    (did,) = inside.results({"platform_verb": "adopt", "platform_confirm": "dev-us-east-1"})
    assert actions(did) == actions(would)
    assert inside.api.get("/api/v1/namespaces/agents")["metadata"]["labels"]["team"] == "x"
    made, then = inside.results({}, {})
    assert actions(made)["namespace/agents"] == "update" and then["plan"] == []


@dev
def test_the_token_is_in_no_output_and_nothing_is_left_in_any_folder(inside):
    done = inside.run({}, {"kubernetes_agent_port": 9000, "check": True}, env={"ANSIBLE_VERBOSITY": "4"})
    assert done.returncode == 0, done.stdout[-3000:]
    assert "EXEC /bin/sh" in done.stdout + done.stderr and "k8s-aws-v1." not in done.stdout + done.stderr
    assert "AnsiballZ_k8s.py" not in done.stdout + done.stderr, "the module, and so the token, was put into a file"
    files = [path for path in inside.folder.rglob("*") if path.is_file() and path.name != "steps.yml"]
    left = [path for path in files if b"k8s-aws-v1." in path.read_bytes() or b"CERTIFICATE" in path.read_bytes()]
    assert left == []
    assert [path for path in (inside.folder / "tmp").rglob("*") if path.is_file()] == []


@dev
def test_what_does_not_come_about_is_named_with_its_reason(inside):
    local = inside.platform.local
    why = "deployment/agents/agent: 0 of 1 pods are available: pod agent-"
    try:
        local.settings(failures={"kubernetes_deployment": "ImagePullBackOff: no such image"})
        soon = {"kubernetes_rollout_timeout_seconds": 1}
        said = inside.failure(soon)
        assert why in said and "ImagePullBackOff (no such image); see kubectl -n agents describe pod agent-" in said
        # Also where nothing is to be done any more; only a look takes no notice.
        warned, looked = inside.results({**soon, "kubernetes_rollout_required": False}, {"check": True})
        assert warned["plan"] == [] and any(why in warning for warning in warned["warnings"])
        assert looked["plan"] == [] and not any(why in warning for warning in looked.get("warnings", ()))
        local.settings(failures={}, transitions={"kubernetes_deployment": 3600})
        newer = {"kubernetes_agent_image": "agent-platform/agent:1.0.1", "kubernetes_consumers": []}
        (started,) = inside.results({**newer, "platform_verb": "start"})
        assert started["awaiting"] == ["deployment/agents/agent"]
        local.skip(3600)
        (awaited,) = inside.results({**newer, "platform_verb": "await"})
        assert "awaiting" not in awaited and awaited["plan"] == []
        assert inside.api.get("/apis/apps/v1/namespaces/agents/deployments/agent")["status"]["availableReplicas"] == 1
    finally:
        local.settings(failures={}, transitions={})


@dev
def test_without_its_release_a_kind_is_held_back(inside):
    before = inside.version()
    result, second = inside.results({}, {})
    held = " ".join(result["warnings"])
    assert inside.version() != before
    for release, one in (
        ("external-secrets", "external_secret/agents/database"),
        ("keda", "scaled_object/agents/events"),
        ("aws-load-balancer-controller", "target_group_binding/agents/agent"),
    ):
        assert f"which the release {release} brings" in held and one in held and one not in actions(result)
    assert second["plan"] == [] and second["warnings"] == result["warnings"]


@dev
def test_releases_come_between_what_they_need_and_what_they_bring(inside):
    log = inside.folder / "helm.log"
    env = {"HELM_TEST_LOG": str(log)}
    two = [{"name": "external-secrets", "version": "0.19.2"}, {"name": "keda", "version": "2.17.2"}]
    step = {"kubernetes_helm_binary": str(helm.wrapper(inside.folder / "helm"))}
    would, did, then = inside.results({**step, "check": True}, step, step, releases=two, env=env)
    assert planned(did) == planned(would) and then["plan"] == []
    assert actions(did)["scaled_object/agents/events"] == "create" and "target_group_binding/agents/agent" not in actions(did)
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert (first["name"], second["name"]) == ("external-secrets", "keda")
    assert "default-deny" in first["stood"] and "--wait" in first["arguments"]
    assert "--repo=https://kedacore.github.io/charts" in second["arguments"]
    assert set(inside.api.items("/apis/keda.sh/v1alpha1/namespaces/agents/scaledobjects")) == {"events"}

    newer = [two[0], {**two[1], "version": "2.18.0", "values": {"fail": True}}]
    (would,) = inside.results({**step, "check": True}, releases=newer, env=env)
    assert {
        (change["field"], change["new"])
        for change in planned(would)["helm_release/keda/keda", "update"]
        if change["field"] == "version"
    } == {("version", "2.18.0")}
    said = inside.failure(step, releases=newer, env=env)
    assert "could not install helm_release/keda/keda" in said and "does not become ready" in said
    assert [path for path in (inside.folder / "tmp").rglob("*") if path.is_file()] == []


@dev
def test_a_release_whose_run_was_killed_is_brought_by_the_next_but_not_while_helm_may_be_at_work(inside):
    log = inside.folder / "helm.log"
    env = {"HELM_TEST_LOG": str(log)}
    step = {"kubernetes_helm_binary": str(helm.wrapper(inside.folder / "helm"))}
    keda = {"name": "keda", "version": "2.17.2"}
    address = "helm_release/keda/keda"

    def notes():
        found = inside.api.items("/api/v1/namespaces/keda/secrets?labelSelector=owner%3Dhelm").values()
        return {int(one["metadata"]["labels"]["version"]): one["metadata"]["labels"]["status"] for one in found}

    # The first revision, which never stood; begun just now, and then long ago.
    inside.failure(step, releases=[keda], env={**env, "HELM_TEST_DIES": "1"})
    assert notes() == {1: "pending-install"}
    before = inside.version()
    would, refused = answers(inside.run({**step, "platform_verb": "plan"}, step, releases=[keda], env=env).stdout)
    assert [refusal["address"] for refusal in would["refusals"]] == [address] and refused["failed"]
    assert all(part in refused["msg"] for part in (address, "its status is pending-install since", "kubernetes_helm_timeout"))
    assert inside.version() == before and len(log.read_text().splitlines()) == 1, "something was done"
    inside.api.call("DELETE", "/api/v1/namespaces/keda/secrets/sh.helm.release.v1.keda.v1")
    old = {**env, "HELM_TEST_DIES": "1", "HELM_TEST_BEGAN_AGO": "700"}
    inside.failure(step, releases=[keda], env=old)
    did, then = inside.results(step, step, releases=[keda], env=env)
    assert {"field": "status", "old": "pending-install", "new": "deployed"} in planned(did)[address, "update"]
    assert notes() == {1: "deployed"} and then["plan"] == []

    # A later one: what stood before it is what the next goes on from.
    newer = [{**keda, "version": "2.18.0"}]
    inside.failure(step, releases=newer, env=old)
    assert notes() == {1: "deployed", 2: "pending-upgrade"}
    did, then = inside.results(step, step, releases=newer, env=env)
    assert actions(did)[address] == "update" and then["plan"] == [] and notes() == {1: "deployed", 2: "deployed"}


class Tunnel(socketserver.ThreadingTCPServer):
    """From a free port of this machine to ``target``. ``used``: how often."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target):
        self.target, self.used = target, 0
        super().__init__(("127.0.0.1", 0), None)

    def finish_request(self, request, _client_address):
        self.used += 1
        with socket.create_connection(self.target) as far:
            back = threading.Thread(target=self.copy, args=(far, request), daemon=True)
            back.start()
            self.copy(request, far)
            back.join()

    @staticmethod
    def copy(one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@dev
def test_through_a_tunnel_under_another_name_the_certificate_is_held_to_the_endpoints(inside):
    url = urlsplit(inside.api.endpoint)
    log = inside.folder / "helm.log"
    with Tunnel((url.hostname, url.port)) as tunnel:
        threading.Thread(target=tunnel.serve_forever, daemon=True).start()
        # The certificate has the address of the endpoint alone, and not this name.
        way = {"kubernetes_tunnel_address": "localhost", "kubernetes_tunnel_port": tunnel.server_address[1]}
        step = {**way, "kubernetes_helm_binary": str(helm.wrapper(inside.folder / "helm"))}
        keda = [{"name": "keda", "version": "2.17.2"}]
        first, second = inside.results(step, step, releases=keda, env={"HELM_TEST_LOG": str(log)})
        tunnel.shutdown()
    assert first["changed"] and second["plan"] == [] and tunnel.used > 10
    (asked,) = (json.loads(line) for line in log.read_text().splitlines())
    assert asked["server"].startswith("https://localhost:") and asked["name_of_server"] == url.hostname
    said = inside.failure({**way, "kubernetes_tunnel_port": 1})
    assert "by way of localhost:1) cannot be reached from here" in said


# --- the diagrams


@pytest.fixture
def autoscaler(platform):
    api = Api.of(platform.client("eks"), f"{platform.environment}-agent-platform")
    return api.get("/apis/autoscaling/v2/namespaces/agents/horizontalpodautoscalers/agent")["spec"]


@pytest.fixture
def pods(platform):
    """Name of a Deployment -> what its pods are to be."""
    api = Api.of(platform.client("eks"), f"{platform.environment}-agent-platform")
    return {name: item["spec"]["template"]["spec"] for name, item in api.items("/apis/apps/v1/deployments").items()}


def test_the_agent_has_1_to_3_pods_on_general_nodes_in_dev_and_2_to_10_on_ai_nodes_in_prod(platform, autoscaler, pods):
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == ((2, 10) if platform.is_prod else (1, 3))
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "agent"}
    on_ai = {"key": "workload", "operator": "Equal", "value": "ai", "effect": "NoSchedule"}
    assert (pods["agent"].get("nodeSelector") or {}) == ({"workload": "ai"} if platform.is_prod else {})
    assert (pods["agent"].get("tolerations") or []) == ([on_ai] if platform.is_prod else [])
    assert not pods["events"].get("tolerations"), "only the agent may run on the AI nodes"


def test_the_zones_have_0_to_20_pods_of_consumers_and_0_to_3_in_dev(platform, pods):
    spread = {rule["topologyKey"] for rule in pods["events"]["topologySpreadConstraints"]}
    assert {"topology.kubernetes.io/zone", "kubernetes.io/hostname"} <= spread
    done = platform.run(
        "playbooks/kubernetes.yml",
        "--check",
        "-e",
        json.dumps({"kubernetes_helm_releases": [{"name": "keda", "version": "1"}]}),
        **site.as_json({}),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    (scaled,) = [item for item in answers(done.stdout)[0]["plan"] if item["address"] == "scaled_object/agents/events"]
    spec = next(change["new"] for change in scaled["fields"] if change["field"] == "spec")
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 20 if platform.is_prod else 3)


def test_pods_are_added_two_at_a_time_by_use_of_processor_and_memory(autoscaler):
    metrics = {
        metric["resource"]["name"]: metric["resource"]["target"] for metric in autoscaler["metrics"] if metric["type"] == "Resource"
    }
    assert {name: target["averageUtilization"] for name, target in metrics.items()} == {"cpu": 70, "memory": 80}
    up, down = (autoscaler["behavior"][name] for name in ("scaleUp", "scaleDown"))
    assert up["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 60}] and up["stabilizationWindowSeconds"] == 0
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}] and down["stabilizationWindowSeconds"] == 300


@dev
def test_the_agent_scales_on_its_requests_where_the_cluster_serves_them(inside):
    inside.api.create(
        "/apis/apiregistration.k8s.io/v1/apiservices",
        {"metadata": {"name": "v1beta1.custom.metrics.k8s.io"}, "spec": {"group": "custom.metrics.k8s.io", "version": "v1beta1"}},
    )
    inside.results({})
    metrics = inside.api.get("/apis/autoscaling/v2/namespaces/agents/horizontalpodautoscalers/agent")["spec"]["metrics"]
    (requests,) = [metric["pods"] for metric in metrics if metric["type"] == "Pods"]
    assert requests["metric"]["name"] == "http_requests_per_second"
    assert requests["target"] == {"type": "AverageValue", "averageValue": "20"}


@dev
def test_nodes_are_added_by_karpenter_where_one_variable_says_so(inside):
    """And go again with it. That the release comes with it is planned, since nothing could run here."""
    inside.api.define()
    karpenter = {"platform_node_autoscaler": "karpenter"}
    nodes = {"ec2_node_class/platform": "create", "node_pool/general": "create"}
    made, again = inside.results(karpenter, karpenter)
    assert nodes.items() <= actions(made).items() and again["changed"] is False
    ec2, platform = inside.platform.client("ec2"), inside.platform
    (node_class,) = inside.api.items("/apis/karpenter.k8s.aws/v1/ec2nodeclasses").values()
    tagged = [{"Name": "tag:kubernetes.io/role/internal-elb", "Values": ["1"]}]
    private = {subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=tagged)["Subnets"]}
    assert {term["id"] for term in node_class["spec"]["subnetSelectorTerms"]} == private
    workers = [{"Name": "group-name", "Values": [f"{platform.environment}-workers"]}]
    (group,) = ec2.describe_security_groups(Filters=workers)["SecurityGroups"]
    shown = platform.client("eks").describe_cluster(name=inside.cluster)["cluster"]["resourcesVpcConfig"]
    assert {term["id"] for term in node_class["spec"]["securityGroupSelectorTerms"]} == {
        group["GroupId"],
        shown["clusterSecurityGroupId"],
    }
    (device,) = node_class["spec"]["blockDeviceMappings"]
    key = platform.client("kms").describe_key(KeyId="alias/dev/shared")["KeyMetadata"]["Arn"]
    assert device["ebs"]["kmsKeyID"] == key
    platform.client("iam").get_role(RoleName=node_class["spec"]["role"])
    (pool,) = inside.api.items("/apis/karpenter.sh/v1/nodepools").values()
    required = {item["key"]: item["values"] for item in pool["spec"]["template"]["spec"]["requirements"]}
    assert required["karpenter.sh/capacity-type"] == ["spot"] and required["node.kubernetes.io/instance-type"] == ["t3a.medium"]
    # Of 2 processors and 4 GiB each, 17 beside the 3 that the group of at most 20 never goes below.
    assert pool["spec"]["limits"] == {"cpu": str(17 * 2), "memory": f"{17 * 4}Gi"}
    defaults = yaml.safe_load((site.ROOT / "roles/kubernetes/defaults/main.yml").read_text())["kubernetes_helm_releases"]
    (result,) = inside.results({"check": True, **karpenter}, releases=defaults)
    fields = {change["field"]: change["new"] for change in planned(result)[("helm_release/kube-system/karpenter", "create")]}
    assert fields["chart"] == "karpenter" and fields["values"]["settings"] == {"clusterName": "dev-agent-platform"}
    assert ("helm_release/kube-system/cluster-autoscaler", "create") not in planned(result)
    (back,) = inside.results({})
    assert actions(back) == dict.fromkeys(nodes, "delete")
    assert inside.api.items("/apis/karpenter.sh/v1/nodepools") == {}


@dev
def test_nodes_are_added_by_the_cluster_autoscaler_with_the_least_waste(inside):
    """As the role has it by itself: planned, since nothing could run here."""
    defaults = yaml.safe_load((site.ROOT / "roles/kubernetes/defaults/main.yml").read_text())["kubernetes_helm_releases"]
    (result,) = inside.results({"check": True}, releases=defaults)
    releases = {address: fields for (address, action), fields in planned(result).items() if address.startswith("helm_release/")}
    assert set(releases) == {
        "helm_release/kube-system/aws-load-balancer-controller",
        "helm_release/kube-system/cluster-autoscaler",
        "helm_release/external-secrets/external-secrets",
        "helm_release/keda/keda",
    }
    fields = {change["field"]: change["new"] for change in releases["helm_release/kube-system/cluster-autoscaler"]}
    assert fields["values"]["autoDiscovery"] == {"clusterName": "dev-agent-platform"}
    assert fields["values"]["extraArgs"]["expander"] == "least-waste"
    assert fields["values"]["rbac"]["serviceAccount"]["name"] == "cluster-autoscaler"
    said = inside.failure({"kubernetes_helm_binary": "/nowhere/helm"}, releases=defaults)
    assert "keda need Helm, and /nowhere/helm is no program here" in said
