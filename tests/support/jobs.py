"""A cluster in the account of an emulator, the modules of kubernetes.core in the test's own process, and what a cluster does with
a Job, played by the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.agent_platform.aws.plugins.plugin_utils import cluster, jobs

from . import schema
from .kubernetes_api import Api

NAMESPACE = "platform-jobs"
CLUSTER = "prod-agent-platform"
# Of what the tiers before made.
TAGS = {
    tier: {"agent-platform:deployment": "prod-us-east-1", "agent-platform:environment": "prod", "agent-platform:tier": tier}
    for tier in ("eks", "rds")
}
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
FILES = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
ACCOUNTS = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
PATCH = "application/merge-patch+json"


def make_cluster(client: Callable[[str], Any] = boto3.client) -> Api:
    """As the eks tier makes it, in what matters here."""
    trust = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = client("iam").create_role(
        RoleName="cluster", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    subnets = [item["SubnetId"] for item in client("ec2").describe_subnets()["Subnets"]][:2]
    eks = client("eks")
    eks.create_cluster(name=CLUSTER, version="1.34", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, tags=TAGS["eks"])
    return Api.of(eks, CLUSTER)


def make_instance(client: Callable[[str], Any] = boto3.client, **more: Any) -> None:
    """As the rds tier makes it, likewise."""
    client("rds").create_db_instance(
        DBInstanceIdentifier=schema.INSTANCE,
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        MasterUsername="agentadmin",
        ManageMasterUserPassword=True,
        **more,
        Tags=[{"Key": key, "Value": value} for key, value in TAGS["rds"].items()],
    )


def make_namespace(api: Api, *accounts: str) -> None:
    """As the kubernetes tier makes it."""
    api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for name in accounts:
        api.create(ACCOUNTS, {"metadata": {"name": name}})


@dataclass
class Played:
    """What the cluster does at each pause of whoever waits for a Job: ``steps``, in order, and the last one again and again.

    A step gets this and the name of the Job. ``log``: what pods wrote. ``calls``: module and kind or state, of kubernetes.core.
    """

    api: Api
    steps: list[Callable[[Played, str], None]] = field(default_factory=list)
    log: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    pauses: int = 0

    def sleep(self, _seconds: float) -> None:
        self.pauses += 1
        assert self.pauses < 50, "nobody comes to an end"
        (job,) = [name for name, item in self.api.items(JOBS).items() if not (item.get("status") or {}).get("conditions")]
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        step(self, job)

    def end(self, job: str, condition: str = "Complete", reason: str = "") -> None:
        found = [{"type": condition, "status": "True", "reason": reason}]
        status, answer = self.api.call("PATCH", f"{JOBS}/{job}/status", {"status": {"conditions": found}}, PATCH)
        assert status == 200, answer

    def start(self, job: str, **status: Any) -> None:
        """A pod, or what became of it."""
        template = self.api.get(f"{JOBS}/{job}")["spec"]["template"]
        metadata = {**template["metadata"], "name": f"{job}-x"}
        if f"{job}-x" in self.api.items(PODS):
            code, answer = self.api.call("PATCH", f"{PODS}/{job}-x/status", {"status": status}, PATCH)
            assert code == 200, answer
        else:
            self.api.create(PODS, {"metadata": metadata, "spec": template["spec"], "status": status})

    def call(
        self,
        action: Any,
        variables: Any,
        entered: cluster.Access,
        name: str,
        arguments: Mapping[str, Any],
        check_mode: bool = False,
    ) -> dict[str, Any]:
        assert not check_mode
        self.calls.append((arguments.get("state", "present"), arguments["definition"]["kind"]))
        return schema.answered(name, {**entered.arguments(name), **arguments})

    def text(self, path: str, **query: str) -> str:
        assert path.startswith(f"{PODS}/") and path.endswith("/log")
        ours = self.api.get(path.removesuffix("/log"))["spec"]["containers"][0]["name"]
        # Kubernetes refuses to choose where somebody puts a container beside ours.
        assert query["container"] == ours
        return self.log

    @contextmanager
    def playing(self) -> Iterator[Played]:
        with (
            mock.patch.object(jobs.time, "sleep", self.sleep),
            mock.patch.object(cluster, "call", self.call),
            mock.patch.object(Cluster, "text", lambda _cluster, path, **query: self.text(path, **query)),
        ):
            yield self


def completes(played: Played, job: str) -> None:
    played.start(job, phase="Succeeded")
    played.end(job)


def fails(played: Played, job: str) -> None:
    played.start(job, phase="Failed")
    played.end(job, "Failed", "BackoffLimitExceeded")


def action(check_mode: bool = False) -> Any:
    """What of an action plugin is asked."""
    return SimpleNamespace(_task=SimpleNamespace(check_mode=check_mode, diff=True), progress=lambda *_told: None)
