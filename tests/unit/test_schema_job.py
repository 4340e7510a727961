"""The Job that sets up a database that only the cluster reaches: its objects, and what is done about them."""

from __future__ import annotations

import json

import kubernetes_validate
import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.migrations import load
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import schema as tier
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema_job
from support import tiers
from support.database import MIGRATIONS

SETTINGS = {
    "image": "registry.example.com/ee:1.0",
    "namespace": "agents",
    "service_account": "schema",
    "timeout_seconds": 600,
    "node_selector": {"workload": "general"},
    "tolerations": [{"key": "workload", "operator": "Equal", "value": "ai", "effect": "NoSchedule"}],
    "secret_environment": {"AWS_TOKEN": {"name": "aws", "key": "token"}},
    "connection": {},
}
BUNDLE = "-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n"


@pytest.fixture
def parameters(tmp_path):
    (tmp_path / "bundle.pem").write_text(BUNDLE)
    own = {
        "run_in": "cluster",
        "secrets_key": "secrets",
        "ca_bundle": str(tmp_path / "bundle.pem"),
        "migrations_path": str(MIGRATIONS),
        "grants": {"agent_app": {"users": ["SELECT"]}},
        "job": SETTINGS,
    }
    return tiers.with_defaults(tiers.load("schema"), own)


def made(month="2026-11", migrations=None, **settings):
    return job.manifests(
        {**SETTINGS, **settings},
        {"platform_environment": "prod"},
        migrations or load(MIGRATIONS),
        BUNDLE,
        month,
        {"team": "agents"},
    )


def test_its_objects_are_what_kubernetes_takes():
    for definition in made():
        kubernetes_validate.validate(definition, kubernetes_validate.latest_version(), strict=True)


def test_the_config_map_holds_everything_and_no_secret():
    config, _job = made()
    files = {file.name: file.read_text() for file in MIGRATIONS.glob("*.sql")}
    assert {name: config["data"][name] for name in files} == files
    assert config["data"]["rds-ca.pem"] == BUNDLE
    variables = json.loads(config["data"]["vars.json"])
    assert variables["schema_run_in"] == "direct"
    assert (variables["schema_migrations_path"], variables["schema_ca_bundle"]) == ("/schema", "/schema/rds-ca.pem")
    (play,) = yaml.safe_load(config["data"]["run.yml"])
    assert play["roles"] == [{"role": "agent_platform.aws.schema"}]
    assert config["immutable"] is True


def test_the_pod_is_fit_for_a_restricted_namespace_and_gets_secrets_by_reference():
    config, made_job = made()
    pod = made_job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"name": "AWS_TOKEN", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "token"}}} in container["env"]
    assert pod["volumes"][0]["configMap"]["name"] == config["metadata"]["name"]
    assert (pod["nodeSelector"], pod["tolerations"]) == (SETTINGS["node_selector"], SETTINGS["tolerations"])


def test_its_name_is_of_what_it_does():
    def name(**more):
        return made(**more)[1]["metadata"]["name"]

    files = load(MIGRATIONS)
    assert name() == name()
    assert len({name(), name(month="2026-12"), name(image="registry.example.com/ee:1.1"), name(migrations=files[:4])}) == 4


def test_more_than_a_config_map_takes_is_refused():
    with pytest.raises(InvalidInput, match="a ConfigMap takes 1000000: name the bundle of one region"):
        job.manifests(SETTINGS, {}, [], "x" * 1_000_000, "2026-11", {})


# --- what is done about it


class Cluster:
    """Answers as kubernetes.core does, and notes what it was asked. ``then``: the Job's condition at each look after it was
    made."""

    def __init__(self, condition=None, then=("Complete",)):
        self.condition, self.then, self.calls = condition, list(then), []

    def __call__(self, module, arguments):
        self.calls.append(
            (module.rsplit(".", 1)[-1], arguments.get("state") or arguments.get("definition", {}).get("kind") or "look")
        )
        if ("k8s", "Job") in self.calls and module.endswith("k8s_info"):
            self.condition = self.then.pop(0)
        if self.condition is None:
            return {"resources": []}
        return {
            "resources": [
                {"status": {"conditions": [{"type": self.condition, "status": "True", "reason": "BackoffLimitExceeded"}]}}
            ]
        }


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(schema_job, "LOOK_EVERY", 0.0)


def run(parameters, cluster, looks=False, **connection):
    done = []
    with_way = {**parameters, "job": {**SETTINGS, "connection": connection}}
    return schema_job.run(with_way, tier.desired(parameters), cluster, looks, done), done


HOST = {"host": "https://api.example.com", "api_key": "token"}


def test_without_a_way_to_the_cluster_it_is_planned_and_not_run(parameters):
    (item,), _done = run(parameters, Cluster(), looks=True)
    assert item.address.startswith("kubernetes_job/schema-") and item.action == "create"
    with pytest.raises(EngineError, match="schema_job: connection is empty"):
        run(parameters, Cluster())


LOOK = ("k8s_info", "look")
MADE = [("k8s", "ConfigMap"), ("k8s", "Job")]


def test_it_is_made_and_waited_for(parameters):
    cluster = Cluster(then=[None, "SuccessCriteriaMet", "Complete"])
    (item,), done = run(parameters, cluster, **HOST)
    assert cluster.calls == [LOOK, *MADE, LOOK, LOOK, LOOK]
    assert done == [item.address]


def test_a_look_only_looks(parameters):
    cluster = Cluster()
    assert len(run(parameters, cluster, looks=True, **HOST)[0]) == 1
    assert cluster.calls == [LOOK]


def test_one_that_is_through_is_not_run_again(parameters):
    cluster = Cluster("Complete")
    assert run(parameters, cluster, **HOST) == ([], [])
    assert cluster.calls == [LOOK]


def test_one_that_failed_is_taken_away_and_made_again(parameters):
    cluster = Cluster("Failed")
    run(parameters, cluster, **HOST)
    assert cluster.calls == [LOOK, ("k8s", "absent"), *MADE, LOOK]


def test_where_it_fails_its_words_are_named(parameters):
    with pytest.raises(
        EngineError, match=r"it failed \(BackoffLimitExceeded\): see what it says by kubectl -n agents logs job/schema-"
    ):
        run(parameters, Cluster(then=["Failed"]), **HOST)


def test_one_that_does_not_end_is_given_up(parameters, monkeypatch):
    monkeypatch.setattr(schema_job, "SLACK", -float("inf"))
    with pytest.raises(EngineError, match="it did not end in its time"):
        run(parameters, Cluster(then=[None]), **HOST)


def test_one_that_was_not_approved_is_not_made(parameters):
    cluster = Cluster()
    with pytest.raises(EngineError, match="create is not in the plan that was approved"):
        run({**parameters, "approved": {}}, cluster, **HOST)
    assert cluster.calls == [LOOK]


def test_the_pod_gets_the_variables_of_the_role(parameters):
    """All that the role's own task would give the module, but what the pod has otherwise."""
    defaults = yaml.safe_load((tiers.ROOT / "roles/schema/defaults/main.yml").read_text())
    given = schema_job.variables(parameters, {name: "" for name in tier.SPEC if name != "secrets_key"})
    left_out = {f"schema_{name}" for name in (*schema_job.OTHERWISE, "state")}
    assert {name for name in given if name.startswith("schema_")} == set(defaults) - left_out
    assert given["platform_kms_key_for"] == {"secretsmanager": "secrets"}
    assert given["platform_deployment"] == "prod-us-east-1"
