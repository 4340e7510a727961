"""The Job that sets up a database that only the cluster reaches: its objects. tests/integration/test_schema_cluster.py runs it."""

from __future__ import annotations

import json

import kubernetes_validate
import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import jobs
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.migrations import load
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema_job
from support import tiers
from support.database import MIGRATIONS

SETTINGS = {
    "image": "registry.example.com/ee:1.0",
    "namespace": "platform-jobs",
    "service_account": "schema",
    "timeout_seconds": 600,
    "node_selector": {"workload": "general"},
    "tolerations": [{"key": "workload", "operator": "Equal", "value": "ai", "effect": "NoSchedule"}],
    "secret_environment": {"AWS_TOKEN": {"name": "aws", "key": "token"}},
    "again": "",
}
BUNDLE = "-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n"
GROUND = {"database": "db-1", "secret": "arn:1", "month": "2026-11"}


def made(ground=None, migrations=None, version="0.1.0", **settings):
    return job.manifests(
        {**SETTINGS, **settings},
        {"platform_environment": "prod"},
        migrations or load(MIGRATIONS),
        BUNDLE,
        {**GROUND, **(ground or {})},
        "prod-us-east-1",
        version,
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
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    # The image's users have no such number, and Ansible asks for a name and a home.
    assert {"name": "USER", "value": "ansible"} in container["env"] and {"name": "HOME", "value": "/tmp"} in container["env"]
    assert {"name": "AWS_TOKEN", "valueFrom": {"secretKeyRef": {"name": "aws", "key": "token"}}} in container["env"]
    assert pod["volumes"][0]["configMap"]["name"] == config["metadata"]["name"]
    assert (pod["nodeSelector"], pod["tolerations"]) == (SETTINGS["node_selector"], SETTINGS["tolerations"])


def test_the_pod_has_the_labels_that_its_network_policy_selects_and_the_quota_of_its_namespace_holds_it():
    defaults = yaml.safe_load((tiers.ROOT / "roles/kubernetes/defaults/main.yml").read_text())
    (space,) = [item for item in defaults["kubernetes_namespaces"] if item["name"] == jobs.NAMESPACE]
    _config, made_job = made()
    template = made_job["spec"]["template"]
    assert template["metadata"]["labels"]["app.kubernetes.io/name"] == "schema"
    assert template["spec"]["containers"][0]["resources"]["limits"] == {"memory": "512Mi"}
    assert space["quota"]["limits.memory"] == "8Gi" and f"{jobs.NAMESPACE}/schema" in defaults["kubernetes_service_accounts"]


def test_a_node_that_goes_away_is_no_failure_of_its_own_and_karpenter_takes_none_from_it():
    spec = made()[1]["spec"]
    (rule,) = spec["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["template"]["metadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}


def test_its_name_is_of_what_it_does_and_of_what_it_is_done_to():
    def name(**more):
        return made(**more)[1]["metadata"]["name"]

    files = load(MIGRATIONS)
    others = [
        name(ground={"month": "2026-12"}),
        name(ground={"database": "db-2"}),
        name(ground={"secret": "arn:2"}),
        name(image="registry.example.com/ee:1.1"),
        name(migrations=files[:4]),
        name(again="after the restore"),
        name(version="0.2.0"),
    ]
    assert name() == name()
    assert len({name(), *others}) == 8


def test_more_than_a_config_map_takes_is_refused():
    with pytest.raises(InvalidInput, match="a ConfigMap takes 1000000: name the certificates of one region"):
        job.manifests(SETTINGS, {}, [], "x" * 1_000_000, GROUND, "prod-us-east-1", "0.1.0")


def test_the_pod_gets_the_variables_of_the_role():
    """All that the role's own task would give the module, but what the pod has otherwise."""
    defaults = yaml.safe_load((tiers.ROOT / "roles/schema/defaults/main.yml").read_text())
    own = {"secrets_key": "secrets", "migrations_path": "/migrations", "ignored_tag_prefixes": ["map-"]}
    given = schema_job.variables(tiers.with_defaults(tiers.load("schema"), own))
    left_out = {f"schema_{name}" for name in (*schema_job.OTHERWISE, "state")}
    assert {name for name in given if name.startswith("schema_")} == set(defaults) - left_out
    assert given["platform_kms_key_for"] == {"secretsmanager": "secrets"}
    assert given["platform_deployment"] == "prod-us-east-1"
    # A tag that somebody else puts on the secret would be a difference for ever.
    assert given["platform_ignored_tag_prefixes"] == ["map-"]


# --- why one did not end well

FATAL = (
    "TASK [agent_platform.aws.schema : Reconcile] ****\n"
    "[ERROR]: Task failed: Action failed\n"
    'fatal: [localhost]: FAILED! => {"changed": false, "msg": "database/agentdb: no\\n answer"}\n'
    "PLAY RECAP ****\nlocalhost : ok=0 changed=0 failed=1\n"
)


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (FATAL, "database/agentdb: no answer"),
        ("fatal: [localhost]: FAILED! => {\n", "fatal: [localhost]: FAILED! => {"),
        (
            "x\n[ERROR]: the role 'agent_platform.aws.schema' was not found\n\n",
            "[ERROR]: the role 'agent_platform.aws.schema' was not found",
        ),
        ("exec: ansible-playbook: not found\n", "exec: ansible-playbook: not found"),
        ("", ""),
        ("x" * 2000, "x" * jobs.LONGEST + "..."),
    ],
    ids=["a task", "no JSON", "before any task", "no Ansible", "nothing", "long"],
)
def test_its_last_words(log, says):
    assert jobs.last_words(log) == says


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({}, ""),
        ({"containerStatuses": [{"state": {"running": {}}}]}, ""),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, ""),
        (
            {
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}}}
                ]
            },
            'ImagePullBackOff: Back-off pulling image "x"',
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]},
            "Unschedulable: 0/3 nodes",
        ),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}, "OOMKilled"),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 2}}}]}, ""),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]}, ""),
        (
            {"reason": "Evicted", "message": "The node was low on resource: memory.", "containerStatuses": []},
            "Evicted: The node was low on resource: memory.",
        ),
    ],
)
def test_what_holds_it_up(status, says):
    assert jobs.held_up({"status": status}) == says


def test_why_it_gets_no_pod():
    def event(minute, message, job="schema-1", reason="FailedCreate"):
        return {
            "reason": reason,
            "message": message,
            "lastTimestamp": f"2026-11-27T10:{minute}:00Z",
            "involvedObject": {"name": job},
        }

    events = [
        event("01", "exceeded quota: quota"),
        event("03", 'serviceaccounts "schema" not found'),
        event("04", "another's", job="schema-2"),
        event("05", "Created pod", reason="SuccessfulCreate"),
    ]
    assert jobs.refused(events, "schema-1") == 'serviceaccounts "schema" not found'
    assert jobs.refused([], "schema-1") == ""
