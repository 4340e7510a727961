"""What the kubernetes tier renders: valid for Kubernetes, restricted, complete; and what input it refuses."""

from __future__ import annotations

import copy
import importlib
import json

import kubernetes_validate
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import objects as k8s
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import UNKNOWN_TEXT
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import kubernetes as tier
from support.kubernetes import FACTS, REGION, ROOT, Flows, objects, parameters

VERSION = "1.35"
BUILT_IN = {kind.kind for kind in k8s.KINDS if not kind.release}
# The values of enumerations that the published schemas let pass, by the last parts of their path.
ENUMERATIONS = {
    "protocol": {"TCP", "UDP", "SCTP"},
    "policyTypes": {"Ingress", "Egress"},
    "whenUnsatisfiable": {"DoNotSchedule", "ScheduleAnyway"},
    "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
    "operator": {"Equal", "Exists"},
    "selectPolicy": {"Max", "Min", "Disabled"},
    "imagePullPolicy": {"Always", "IfNotPresent", "Never"},
    "restartPolicy": {"Always", "OnFailure", "Never"},
}
AGENT, EVENTS = "deployment/agents/agent", "deployment/agents/events"


def values(item, path=()):
    """(path, value) of every leaf."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from values(value, (*path, key))
    elif isinstance(item, list):
        for value in item:
            yield from values(value, path)
    else:
        yield path, item


@pytest.fixture(params=["dev", "prod"])
def environment(request):
    return request.param


class TestValid:
    def test_by_the_schemas_of_the_clusters_version(self, environment):
        checked = [item for item in objects(environment).values() if item["kind"] in BUILT_IN]
        assert {item["kind"] for item in checked} == BUILT_IN
        for item in checked:
            kubernetes_validate.validate(item, VERSION, strict=True)

    def test_the_schemas_would_tell(self):
        item = json.loads(json.dumps(objects()[AGENT]))
        item["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(item, VERSION, strict=True)

    def test_enumerations_that_the_schemas_let_pass(self, environment):
        found = [
            (path, value) for item in objects(environment).values() for path, value in values(item) if path[-1] in ENUMERATIONS
        ]
        assert {path[-1] for path, _value in found} >= {"protocol", "policyTypes", "whenUnsatisfiable", "selectPolicy"}
        assert [(path, value) for path, value in found if value not in ENUMERATIONS[path[-1]]] == []

    def test_no_object_holds_a_null(self, environment):
        """The last configuration is compared with the object as it is sent, and a null would be sent as a deletion."""
        assert [path for item in objects(environment).values() for path, value in values(item) if value is None] == []

    def test_everything_is_marked_as_ours(self, environment):
        for item in objects(environment).values():
            assert k8s.is_ours(item, f"{environment}-{REGION}")
            assert not k8s.is_ours(item, "other")

    def test_what_a_controller_made_with_our_labels_is_not_ours(self):
        item = objects()[AGENT]
        made = {**item, "metadata": {**item["metadata"], "ownerReferences": [{"kind": "ScaledObject", "name": "events"}]}}
        assert not k8s.is_ours(made, f"prod-{REGION}")

    def test_namespaces_come_first_and_what_runs_after_what_it_needs(self):
        order = [item["kind"] for item in tier.render(parameters("prod"), FACTS, "prod-us-east-1")]
        assert order[0] == "Namespace" and order.index("Deployment") > order.index("ConfigMap")
        assert max(i for i, kind in enumerate(order) if kind == "Namespace") < order.index("ServiceAccount")

    def test_addresses(self):
        assert {AGENT, EVENTS, "namespace/agents", "network_policy/agents/default-deny", "scaled_object/agents/events"} <= set(
            objects()
        )

    def test_what_is_not_known_yet_renders_too(self):
        unknown = dict.fromkeys(("vpc_id", "target_group_arn", "database_endpoint", "redis_endpoint"), UNKNOWN_TEXT)
        shown = objects(facts={**unknown, "queues": dict.fromkeys(FACTS["queues"], UNKNOWN_TEXT)})
        assert shown["target_group_binding/agents/agent"]["spec"]["targetGroupARN"] == UNKNOWN_TEXT


class TestRestricted:
    """Pod Security Standards, restricted: each of its rules, for each pod that we make."""

    @pytest.mark.parametrize("name", [AGENT, EVENTS])
    def test_pods(self, environment, name):
        pod = objects(environment)[name]["spec"]["template"]["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert {next(iter(set(volume) - {"name"})) for volume in pod["volumes"]} <= {"emptyDir", "secret", "configMap"}
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"].keys() == {"cpu", "memory"} and container["resources"]["limits"]["memory"]

    def test_every_namespace_enforces_it(self, environment):
        spaces = [item for item in objects(environment).values() if item["kind"] == "Namespace"]
        assert len(spaces) == 4
        for space in spaces:
            labels = space["metadata"]["labels"]
            assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "warn", "audit")} == {"restricted"}
            gated = "elbv2.k8s.aws/pod-readiness-gate-inject" in labels
            assert gated == (space["metadata"]["name"] == "agents"), "only pods behind the load balancer wait for their targets"

    def test_quota_and_limits(self):
        made = objects()
        assert made["resource_quota/agents/quota"]["spec"]["hard"]["pods"] == "100"
        assert made["limit_range/agents/limits"]["spec"]["limits"][0]["type"] == "Container"


@pytest.fixture(scope="module")
def flows():
    made = objects(metrics_namespace="monitoring").values()
    spaces = {item["metadata"]["name"]: item["metadata"]["labels"] for item in made if item["kind"] == "Namespace"}
    named = {name: {**spaces.get(name, {}), "kubernetes.io/metadata.name": name} for name in (*spaces, "kube-system", "monitoring")}
    return Flows([item for item in made if item["kind"] == "NetworkPolicy"], named)


class TestFlows:
    AGENT = ("agents", {"app.kubernetes.io/name": "agent"})
    EVENTS = ("agents", {"app.kubernetes.io/name": "events"})
    STRANGER = ("agents", {"app.kubernetes.io/name": "other"})
    DNS = ("kube-system", {"k8s-app": "kube-dns"})

    @pytest.mark.parametrize("pod", [AGENT, EVENTS], ids=["agent", "events"])
    @pytest.mark.parametrize(
        ("peer", "port", "allowed"),
        [
            ("10.0.130.7", 5432, True),  # PostgreSQL
            ("10.0.150.7", 6379, True),  # Redis
            ("10.0.130.7", 443, False),
            ("10.0.130.7", 22, False),
            ("10.0.70.1", 443, True),  # interface endpoints
            ("10.0.70.1", 5432, False),
            ("10.0.5.1", 443, False),  # the public subnets
            ("169.254.170.23", 80, True),  # pod identity
            ("169.254.169.254", 80, False),  # the node's own identity
            ("169.254.169.254", 443, False),
            ("52.216.1.1", 443, True),  # S3 and DynamoDB behind the gateway endpoints, and the providers
            ("52.216.1.1", 80, False),
            ("172.20.0.1", 443, False),
            ("192.168.1.1", 443, False),
            ("100.64.1.1", 443, False),
        ],
    )
    def test_out_of_a_pod(self, flows, pod, peer, port, allowed):
        assert flows.out(pod, peer, port) is allowed

    @pytest.mark.parametrize("pod", [AGENT, EVENTS, STRANGER], ids=["agent", "events", "stranger"])
    def test_names_are_resolved_by_all(self, flows, pod):
        assert flows.out(pod, self.DNS, 53, "UDP") and flows.out(pod, self.DNS, 53, "TCP")
        assert not flows.out(pod, self.DNS, 443)
        assert not flows.out(pod, ("kube-system", {"k8s-app": "metrics-server"}), 53, "UDP")
        assert not flows.out(pod, ("agents", {"k8s-app": "kube-dns"}), 53, "UDP")

    def test_another_pod_of_the_namespace_may_do_nothing_else(self, flows):
        for peer, port in (("10.0.130.7", 5432), ("52.216.1.1", 443), ("169.254.170.23", 80), ("10.0.70.1", 443)):
            assert not flows.out(self.STRANGER, peer, port)
        assert not flows.into(self.STRANGER, "10.0.5.1", 8080)

    @pytest.mark.parametrize(
        ("peer", "port", "allowed"),
        [
            ("10.0.5.1", 8080, True),  # the load balancer in a public subnet
            ("10.0.40.1", 8080, True),
            ("10.0.5.1", 9090, False),
            ("10.0.70.1", 8080, False),
            ("52.216.1.1", 8080, False),
            (("monitoring", {}), 8080, True),
            (("monitoring", {}), 9090, False),
            (("agents", {"app.kubernetes.io/name": "events"}), 8080, False),
        ],
    )
    def test_into_the_agent(self, flows, peer, port, allowed):
        assert flows.into(self.AGENT, peer, port) is allowed

    def test_nobody_reaches_a_consumer(self, flows):
        for peer in ("10.0.5.1", "10.0.70.1", self.AGENT, ("monitoring", {})):
            assert not flows.into(self.EVENTS, peer, 8080)

    def test_without_a_collector_nobody_but_the_balancer_comes_in(self):
        rules = objects()["network_policy/agents/agent"]["spec"]["ingress"]
        assert len(rules) == 1 and all("ipBlock" in peer for peer in rules[0]["from"])

    @pytest.mark.parametrize(
        ("job", "peer", "port", "allowed"),
        [
            ("schema", "10.0.130.7", 5432, True),
            ("schema", "10.0.130.7", 6379, False),
            ("verify", "10.0.130.7", 5432, True),
            ("verify", "10.0.130.7", 6379, True),
            ("verify", "10.0.130.7", 443, False),
            ("schema", "10.0.70.1", 443, True),
            ("schema", "10.0.70.1", 5432, False),
            ("schema", "169.254.170.23", 80, True),
            ("schema", "169.254.169.254", 80, False),
            ("schema", "52.216.1.1", 443, True),  # the API of RDS, which has no endpoint in the network
            ("schema", "52.216.1.1", 80, False),
            ("other", "10.0.130.7", 5432, False),
            ("other", "52.216.1.1", 443, False),
        ],
    )
    def test_out_of_a_job(self, flows, job, peer, port, allowed):
        assert flows.out(("platform-jobs", {"app.kubernetes.io/name": job}), peer, port) is allowed

    @pytest.mark.parametrize("job", ["schema", "verify", "other"])
    def test_nobody_reaches_a_job_and_it_resolves_names(self, flows, job):
        pod = ("platform-jobs", {"app.kubernetes.io/name": job})
        for peer in ("10.0.5.1", "10.0.70.1", ("agents", {"app.kubernetes.io/name": "agent"}), pod):
            assert not flows.into(pod, peer, 443)
        assert flows.out(pod, self.DNS, 53, "UDP")

    def test_without_jobs_there_are_no_policies_for_them(self):
        assert not [name for name in objects(jobs_namespace="") if name.startswith("network_policy/platform-jobs/")]

    def test_narrower_public_ranges(self):
        made = objects(public_cidrs=["203.0.113.0/24"])
        flows = Flows([item for item in made.values() if item["kind"] == "NetworkPolicy"], {})
        assert flows.out(self.AGENT, "203.0.113.9", 443) and not flows.out(self.AGENT, "52.216.1.1", 443)


class TestSecretsAndSettings:
    def test_each_secret_is_fetched_and_mounted(self):
        made = objects()
        wanted = {"anthropic-api-key", "openai-api-key", "servicenow-oauth", "slack-bot-tokens", "redis", "database"}
        fetched = {item["metadata"]["name"]: item["spec"] for item in made.values() if item["kind"] == "ExternalSecret"}
        assert set(fetched) == wanted
        assert fetched["openai-api-key"]["data"][0]["remoteRef"]["key"] == "prod/openai-api-key"
        assert fetched["redis"]["data"][0]["remoteRef"]["key"] == "prod/redis-auth-token"
        assert fetched["database"]["dataFrom"] == [{"extract": {"key": "prod/rds/agent-app"}}]
        for name in (AGENT, EVENTS):
            pod = made[name]["spec"]["template"]["spec"]
            assert {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume} == wanted
            assert wanted <= {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}

    def test_settings_tell_where_everything_is(self):
        data = objects()["config_map/agents/platform"]["data"]
        assert data["QUEUE_URL_TICKET_EVENTS"] == FACTS["queues"]["ticket-events"]
        assert data["TOPIC_ARN_TICKET_EVENTS"] == FACTS["topics"]["ticket-events"]
        assert data["TABLE_SESSIONS"] == "prod-sessions" and data["BUCKET_USER_UPLOADS"] == FACTS["buckets"]["user-uploads"]
        assert data["DATABASE_HOST"] == FACTS["database_endpoint"] and data["DATABASE_SSLMODE"] == "verify-full"
        assert data["REDIS_HOST"] == FACTS["redis_endpoint"] and data["REDIS_TLS"] == "true"

    def test_the_authorities_of_the_database_are_a_file_in_each_pod(self, tmp_path):
        file = tmp_path / "bundle.pem"
        file.write_text("-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n")
        made = objects(database_ca=str(file))
        config = made["config_map/agents/database-authorities"]
        kubernetes_validate.validate(config, VERSION, strict=True)
        path = made["config_map/agents/platform"]["data"]["DATABASE_SSLROOTCERT"]
        for name in (AGENT, EVENTS):
            kubernetes_validate.validate(made[name], VERSION, strict=True)
            pod = made[name]["spec"]["template"]["spec"]
            (volume,) = [volume["name"] for volume in pod["volumes"] if volume.get("configMap") == {"name": "database-authorities"}]
            (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == volume]
            directory, _slash, key = path.rpartition("/")
            assert (mount["mountPath"], mount["readOnly"], config["data"][key]) == (directory, True, file.read_text())
        assert tier.notes(parameters("prod", database_ca=str(file))) == []

    def test_without_them_nothing_is_mounted_and_a_note_says_so(self):
        made = objects()
        assert "DATABASE_SSLROOTCERT" not in made["config_map/agents/platform"]["data"]
        assert "config_map/agents/database-authorities" not in made
        assert not [volume for volume in made[AGENT]["spec"]["template"]["spec"]["volumes"] if "configMap" in volume]
        (note,) = tier.notes(parameters("prod"))
        assert "kubernetes_database_ca is empty" in note
        assert tier.notes(parameters("prod", database="")) == []

    def test_other_settings_make_other_pods(self, tmp_path):
        def digests(**changed):
            made = objects(**changed)
            return {
                made[name]["spec"]["template"]["metadata"]["annotations"]["agent-platform.io/settings"] for name in (AGENT, EVENTS)
            }

        file = tmp_path / "bundle.pem"
        seen = [digests(), digests(database_name="other")]
        for text in ("one", "two"):
            file.write_text(f"-----BEGIN CERTIFICATE-----\n{text}\n")
            seen.append(digests(database_ca=str(file)))
        assert digests() == digests(agent_cpu_percent=50) == seen[0]
        assert [len(one) for one in seen] == [1] * 4 and len(set.union(*seen)) == 4
        assert digests(facts={"database_endpoint": UNKNOWN_TEXT}) == {UNKNOWN_TEXT}

    def test_without_a_database_and_a_cache(self):
        made = objects(facts={"database_endpoint": None, "redis_endpoint": None}, database_secret="", redis_secret="")
        assert not {"DATABASE_HOST", "REDIS_HOST"} & set(made["config_map/agents/platform"]["data"])
        assert not {"external_secret/agents/database", "external_secret/agents/redis"} & set(made)

    @pytest.mark.parametrize(
        ("image", "whole"),
        [
            ("agent:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/agent:1"),
            ("team/agent:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/agent:1"),
            ("ghcr.io/team/agent@sha256:abc", "ghcr.io/team/agent@sha256:abc"),
            ("localhost:5000/agent:1", "localhost:5000/agent:1"),
        ],
    )
    def test_images(self, image, whole):
        assert objects(agent_image=image)[AGENT]["spec"]["template"]["spec"]["containers"][0]["image"] == whole


class TestScaling:
    def test_without_custom_metrics_processor_and_memory_alone_count(self):
        with_metrics = objects()["horizontal_pod_autoscaler/agents/agent"]["spec"]["metrics"]
        without = objects(facts={"custom_metrics": False})["horizontal_pod_autoscaler/agents/agent"]["spec"]["metrics"]
        assert [metric["type"] for metric in with_metrics] == ["Resource", "Resource", "Pods"]
        assert [metric["resource"]["name"] for metric in without] == ["cpu", "memory"]

    def test_nobody_but_the_autoscalers_sets_how_many_there_are(self, environment):
        assert all("replicas" not in item["spec"] for item in objects(environment).values() if item["kind"] == "Deployment")

    def test_each_queue_of_a_consumer_is_a_trigger(self):
        spec = objects()["scaled_object/agents/events"]["spec"]
        assert {trigger["metadata"]["queueURL"] for trigger in spec["triggers"]} == set(FACTS["queues"].values())
        assert {trigger["authenticationRef"]["name"] for trigger in spec["triggers"]} == {"aws-pod-identity"}
        assert objects()["trigger_authentication/agents/aws-pod-identity"]["spec"]["podIdentity"]["provider"] == "aws"
        # The CRD takes texts.
        assert all(isinstance(value, str) for trigger in spec["triggers"] for value in trigger["metadata"].values())

    def test_a_consumers_own_values_win(self):
        own = {**parameters("prod")["consumers"][0], "max_replicas": 7, "messages_per_pod": 3}
        spec = objects(consumers=[own])["scaled_object/agents/events"]["spec"]
        assert spec["maxReplicaCount"] == 7 and spec["triggers"][0]["metadata"]["queueLength"] == "3"


def options_of(text):
    return yaml.safe_load(text)["options"].items()


CONSUMER = {"name": "events", "image": "x:1", "service_account": "consumers", "queues": ["ticket-events"]}


class TestRefused:
    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"namespace": "other"}, "kubernetes_namespace: 'other' is none of"),
            ({"namespaces": [{"name": "Agents"}]}, "kubernetes_namespaces: 'Agents' cannot be a name"),
            ({"namespaces": [{"name": "agents"}, {"name": "agents"}]}, "'agents' is there twice"),
            ({"namespaces": [{"name": "agents"}, {"name": "kube-system"}]}, "is Kubernetes's own"),
            ({"service_accounts": ["agent"]}, "kubernetes_service_accounts: 'agent' is none"),
            ({"service_accounts": ["agents/agent"]}, "kubernetes_consumers: 'consumers' is no service account of agents"),
            ({"jobs_namespace": "other"}, "kubernetes_jobs_namespace: 'other' is none of kubernetes_namespaces"),
            ({"jobs_namespace": "agents"}, "kubernetes_jobs_namespace: 'agents' is kubernetes_namespace too"),
            ({"agent_min_replicas": 11}, "kubernetes_agent_min_replicas: 11 is outside 1 to 10"),
            ({"agent_port": 80}, "kubernetes_agent_port: 80 is outside 1024 to 65535"),
            ({"public_cidrs": ["all"]}, "kubernetes_public_cidrs: 'all' is no range"),
            ({"consumers": [{**CONSUMER, "min_replicas": 30}]}, "min_replicas of events: 30 is outside 0 to 20"),
            ({"consumers": [{**CONSUMER, "queues": []}]}, "events has no queue"),
            ({"helm_releases": [{"name": "mine", "version": "1"}]}, "mine is none of"),
            ({"helm_releases": [{"name": "keda", "version": "1"}] * 2}, "keda is there twice"),
            (
                {"helm_releases": [{"name": name, "version": "1"} for name in ("karpenter", "cluster-autoscaler")]},
                "karpenter and cluster-autoscaler would fight",
            ),
            ({"helm_releases": [{"name": "keda", "version": "1", "namespace": "x"}]}, "the namespace 'x' of keda is not made"),
        ],
    )
    def test_a_sentence_that_names_the_variable(self, changed, says):
        with pytest.raises(InvalidInput) as caught:
            tier.check(parameters("prod", **changed), REGION)
        assert says in str(caught.value)

    def test_authorities_that_are_none_or_too_many(self, tmp_path):
        file = tmp_path / "bundle.pem"
        with pytest.raises(EngineError, match=r"^kubernetes_database_ca: .* cannot be read: No such file"):
            tier.check(parameters("prod", database_ca=str(file)), REGION)
        file.write_text("-----BEGIN CERTIFICATE-----\n" * 9000)
        with pytest.raises(InvalidInput, match=r"^kubernetes_database_ca: .* name the bundle of one region"):
            tier.check(parameters("prod", database_ca=str(file)), REGION)
        tier.check(parameters("prod", database_ca=str(file), run_in="none"), REGION)

    def test_the_inventories_pass(self, environment):
        tier.check(parameters(environment), REGION)


class TestHouse:
    """What tests/unit/test_house.py asks of the tiers of AWS, as far as it is about this one."""

    def test_the_role_passes_every_argument_of_the_module(self):
        (task,) = yaml.safe_load((ROOT / "roles/kubernetes/tasks/main.yml").read_text())
        assert task["environment"] == "{{ platform_aws_environment }}"
        arguments = set(tier.TIER.argument_spec()) - {"planned", "approved", "approved_for"} | {"region"}
        assert set(task["agent_platform.aws.kubernetes"]) == arguments

    def test_examples_pass_the_argument_spec(self):
        module = importlib.import_module("ansible_collections.agent_platform.aws.plugins.modules.kubernetes")
        (task,) = yaml.safe_load(module.EXAMPLES)
        spec = copy.deepcopy({**tier.TIER.argument_spec(), "region": {"type": "str"}})
        checked = ArgumentSpecValidator(spec).validate(task["agent_platform.aws.kubernetes"])
        assert not checked.error_messages, checked.error_messages
        tier.check(checked.validated_parameters, REGION)

    def test_the_documentation_has_every_option(self):
        module = importlib.import_module("ansible_collections.agent_platform.aws.plugins.modules.kubernetes")
        nodes = importlib.import_module("ansible_collections.agent_platform.aws.plugins.doc_fragments.nodes").ModuleDocFragment
        options = {name: option for text in (module.DOCUMENTATION, nodes.DOCUMENTATION) for name, option in options_of(text)}
        assert set(options) == set(tier.SPEC)
        for name, option in tier.SPEC.items():
            documented = {key: options[name].get(key) for key in ("type", "elements", "default")}
            assert documented == {key: option.get(key) for key in ("type", "elements", "default")}, name
            assert set(options[name].get("suboptions") or {}) == set(option.get("options") or {}), name
