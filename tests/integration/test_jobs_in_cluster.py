"""Jobs in a cluster of the local AWS: what a Job's pod is given, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import boto3
import pytest
from support import site
from support.kubernetes_api import Api

from local_aws.kubernetes_api import container
from local_aws.launch import LocalAws

JOBS = "/apis/batch/v1/namespaces/agents/jobs"
PODS = "/api/v1/namespaces/agents/pods"
MAPS = "/api/v1/namespaces/agents/configmaps"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["eks.amazonaws.com", "pods.eks.amazonaws.com"]},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}
# Long enough for a loaded machine; measured 4 s.
ENDS_WITHIN = 60


class Cluster:
    """One in an account of its own, with the namespace `agents` and the service account `jobs`, which has a role."""

    def __init__(self, local):
        self.local = local
        ec2, iam, eks = (self.client(name) for name in ("ec2", "iam", "eks"))
        zones = ("us-east-1a", "us-east-1b")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]
        role = iam.create_role(RoleName="one", AssumeRolePolicyDocument=json.dumps(POLICY))["Role"]["Arn"]
        access = {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}
        place = {"resourcesVpcConfig": {"subnetIds": subnets}, "accessConfig": access, "version": "1.33"}
        eks.create_cluster(name="prod-agent-platform", roleArn=role, **place)
        eks.create_pod_identity_association(
            clusterName="prod-agent-platform", namespace="agents", serviceAccount="jobs", roleArn=role
        )
        self.api = Api.of(eks, "prod-agent-platform")
        self.api.create("/api/v1/namespaces", {"metadata": {"name": "agents"}})
        for name in ("jobs", "strangers"):
            self.api.create("/api/v1/namespaces/agents/serviceaccounts", {"metadata": {"name": name}})

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.local.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def job(self, name, files, *words, command="ansible-playbook", env=(), **spec):
        """Runs a playbook that is among ``files`` of its ConfigMap, mounted at /work."""
        account = spec.pop("account", "jobs")
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": account,
            "containers": [
                {
                    "name": "work",
                    "image": "registry.example.com/ee:1",
                    "command": [command, "-i", "localhost,", "/work/run.yml", *words],
                    "env": [
                        {"name": "HOME", "value": "/scratch"},
                        {"name": "ANSIBLE_LOCAL_TEMP", "value": "/scratch/ansible"},
                        *env,
                    ],
                    "volumeMounts": [{"name": "files", "mountPath": "/work"}, {"name": "scratch", "mountPath": "/scratch"}],
                }
            ],
            "volumes": [{"name": "files", "configMap": {"name": name}}, {"name": "scratch", "emptyDir": {}}],
        }
        self.api.create(MAPS, {"metadata": {"name": name}, "data": files})
        template = {"metadata": {"labels": {"app": name}}, "spec": pod}
        self.api.create(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template, **spec}})

    def status(self, name):
        return self.api.get(f"{JOBS}/{name}")["status"]

    def pods(self, name):
        return list(self.api.items(f"{PODS}?labelSelector=job-name%3D{name}").values())

    def log(self, pod, **query):
        tail = "".join(f"?{key}={value}" for key, value in query.items())
        status, text = self.api.read(f"{PODS}/{pod['metadata']['name']}/log{tail}")
        assert status == 200, text
        return text

    def until(self, met):
        give_up = time.monotonic() + ENDS_WITHIN
        while not (found := met()):
            assert time.monotonic() < give_up, "it did not come about"
            time.sleep(0.1)
        return found

    def ended(self, name):
        """Type and reason of its last condition."""
        (condition,) = self.until(lambda: self.status(name).get("conditions"))
        return condition["type"], condition["reason"]


def playbook(*tasks):
    return json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": list(tasks)}])


def says(text):
    return {"ansible.builtin.debug": {"msg": text}}


def waits(folder):
    """Leaves the ids of its processes in a file, and stays."""
    return {"ansible.builtin.shell": f"echo $$ $PPID > {folder}/pids.new && mv {folder}/pids.new {folder}/pids && exec sleep 600"}


def written(path):
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def cluster():
    with LocalAws() as local:
        yield Cluster(local)


def test_a_pod_gets_its_files_its_environment_and_its_role(cluster):
    files = {
        "run.yml": playbook(
            says("{{ lookup('file', '/work/text') }} from {{ '/work/text' | dirname }}"),
            says("{{ lookup('env', 'PLAIN') }} {{ lookup('env', 'HIDDEN') }} {{ lookup('env', 'HOME') | basename }} {{ more }}"),
            {"agent_platform.aws.identity": {"region": "us-east-1"}},
        ),
        "text": "as it was written",
    }
    secret = {"metadata": {"name": "login"}, "stringData": {"password": "in-the-secret"}}
    cluster.api.create("/api/v1/namespaces/agents/secrets", secret)
    reference = {"secretKeyRef": {"name": "login", "key": "password"}}
    env = [{"name": "PLAIN", "value": "in-the-job"}, {"name": "HIDDEN", "valueFrom": reference}]
    cluster.job("good", files, "-e", "more=given", env=env)
    assert cluster.ended("good") == ("Complete", "CompletionsReached")
    status = cluster.status("good")
    assert (status["succeeded"], status.get("active"), status.get("failed")) == (1, None, None) and status["completionTime"]
    (pod,) = cluster.pods("good")
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], pod["metadata"]["labels"]["app"]) == ("Job", "good", "good")
    (state,) = [one["state"]["terminated"] for one in pod["status"]["containerStatuses"]]
    assert (pod["status"]["phase"], state["exitCode"], state["reason"]) == ("Succeeded", 0, "Completed")
    log = cluster.log(pod)
    assert "as it was written from" in log and "in-the-job in-the-secret scratch given" in log
    assert "123456789012" in log, "the account, as who it is by its role"
    assert cluster.log(pod, tailLines=3).splitlines() == log.splitlines()[-3:] != []


def test_one_that_fails_is_tried_again_and_reported_with_its_log(cluster):
    cluster.job("bad", {"run.yml": playbook({"ansible.builtin.fail": {"msg": "this cannot be"}})}, backoffLimit=1)
    assert cluster.ended("bad") == ("Failed", "BackoffLimitExceeded")
    status, pods = cluster.status("bad"), cluster.pods("bad")
    assert (status["failed"], status.get("active"), status.get("succeeded"), len(pods)) == (2, None, None, 2)
    for pod in pods:
        (state,) = [one["state"]["terminated"] for one in pod["status"]["containerStatuses"]]
        assert (pod["status"]["phase"], state["exitCode"], state["reason"]) == ("Failed", 2, "Error")
        assert "this cannot be" in cluster.log(pod)


def test_without_a_role_of_its_own_a_pod_is_nobody_to_aws(cluster):
    cluster.job("nobody", {"run.yml": playbook({"agent_platform.aws.identity": {"region": "us-east-1"}})}, account="strangers")
    assert cluster.ended("nobody")[0] == "Failed"
    (pod,) = cluster.pods("nobody")
    assert "redentials" in cluster.log(pod)


def test_what_cannot_start_waits_and_says_why(cluster):
    files = {"run.yml": playbook()}
    missing_key = {"secretKeyRef": {"name": "not-there", "key": "x"}}
    cluster.job("image", files, command="python")
    cluster.job("secret", files, env=[{"name": "X", "valueFrom": missing_key}])
    for name, reason in (("image", "ErrImagePull"), ("secret", "CreateContainerConfigError")):

        def waiting(name=name):
            return [one["state"]["waiting"] for pod in cluster.pods(name) for one in pod["status"].get("containerStatuses", ())]

        (why,) = cluster.until(waiting)
        assert why["reason"] == reason and cluster.status(name)["active"] == 1
        status, body = cluster.api.call("GET", f"{PODS}/{cluster.pods(name)[0]['metadata']['name']}/log")
        assert status == 400 and f"is waiting to start: {reason}" in body["message"]
    cluster.job("account", files, account="not-there", activeDeadlineSeconds=1)
    assert cluster.ended("account") == ("Failed", "DeadlineExceeded") and cluster.pods("account") == []
    events = cluster.api.items("/api/v1/namespaces/agents/events").values()
    (event,) = [event for event in events if event["involvedObject"]["name"] == "account"]
    assert event["reason"] == "FailedCreate" and 'serviceaccounts "not-there" not found' in event["message"]


def test_its_deadline_ends_its_processes(cluster, tmp_path):
    """However far they had come by then."""
    cluster.job("late", {"run.yml": playbook(waits(tmp_path))}, activeDeadlineSeconds=2)
    assert cluster.ended("late") == ("Failed", "DeadlineExceeded") and cluster.pods("late") == []
    cluster.until(lambda: not container.below(cluster.local.process.pid))


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_with_a_job_its_pods_and_processes_go(cluster, tmp_path, policy):
    name = policy.lower()
    cluster.job(name, {"run.yml": playbook(waits(tmp_path))})
    pids = cluster.until(lambda: written(tmp_path / "pids"))
    assert cluster.status(name)["active"] == 1 and cluster.pods(name)[0]["status"]["phase"] == "Running"
    assert cluster.api.call("DELETE", f"{JOBS}/{name}", {"propagationPolicy": policy})[0] == 200
    assert cluster.pods(name) == [] and all(map(gone, pids))


def test_without_a_policy_a_job_leaves_its_pods(cluster, tmp_path):
    cluster.job("orphans", {"run.yml": playbook(waits(tmp_path))})
    pids = cluster.until(lambda: written(tmp_path / "pids"))
    assert cluster.api.call("DELETE", f"{JOBS}/orphans")[0] == 200
    (pod,) = cluster.pods("orphans")
    assert not any(map(gone, pids))
    assert cluster.api.call("DELETE", f"{PODS}/{pod['metadata']['name']}")[0] == 200
    assert all(map(gone, pids))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=str)
def test_no_process_outlives_the_server(number, tmp_path):
    with LocalAws() as local:
        own = Cluster(local)
        own.job("long", {"run.yml": playbook(waits(tmp_path))})
        pids = own.until(lambda: written(tmp_path / "pids"))
        started = container.below(local.process.pid)
        assert set(pids) <= started
        os.kill(local.process.pid, number)
        own.until(lambda: all(map(gone, started)))


def test_before_a_run_writes_it_looks_whether_the_cluster_can_be_reached(cluster):
    def look(*arguments):
        given = ("-i", "inventories/prod", "-e", "@local_aws/vars.yml")
        return site.ansible("playbooks/ways_in.yml", *given, *arguments, env=site.as_json(cluster.local.env))

    def asked():
        calls = [call["operation"] for call in cluster.local.requests()]
        cluster.local.clear_requests()
        return calls

    asked()
    assert look().returncode == 0 and asked() == ["GetCallerIdentity", "DescribeCluster"]
    assert look("--tags", "vpc").returncode == 0 and asked() == []
    assert look("-e", "kubernetes_state=absent", "-e", "schema_state=absent").returncode == 0 and asked() == []
    cluster.local.settings(kubernetes_api=False)
    try:
        done = look("--skip-tags", "schema")
        checked = look("--skip-tags", "schema", "--check")
    finally:
        cluster.local.settings(kubernetes_api=True)
    assert done.returncode != 0 and "the API of the cluster prod-agent-platform" in done.stdout
    assert checked.returncode == 0 and "the API of the cluster prod-agent-platform" in checked.stdout + checked.stderr
    database = look("-e", "schema_run_in=direct", "--tags", "schema")
    assert database.returncode == 0 and "the database prod-agentdb will be private" in database.stdout + database.stderr
