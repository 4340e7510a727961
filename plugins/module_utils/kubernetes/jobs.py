# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the platform: a ConfigMap with all that is to be done, and a Job whose pod runs a role of this collection with it.

The Job's name ends with a digest of all that it is made of and of what it is done to, so that a Job that succeeded is what was
asked for, and there is nothing to do. It holds no secret: its pod reads them as the service account that it runs as, or gets them
by reference.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from .objects import APP, BY_KIND, JOB_NAME, JOB_OF, MANAGED_BY, MANAGER, Object

# A ConfigMap takes 1 MiB.
LARGEST = 1_000_000
NAMESPACE = "platform-jobs"
COMPLETE, FAILED = "Complete", "Failed"
LONGEST = 600
# Reasons of a container's state that say nothing about why.
USUAL = {"waiting": ("ContainerCreating", "PodInitializing"), "terminated": ("Completed", "Error")}
# Karpenter's way not to take a node away for its own reasons.
UNDISTURBED = {"karpenter.sh/do-not-disrupt": "true"}
# Variable of a pod.
VERSION = "collection_version_of_the_job"


# Of the module that makes Jobs: the near end of a tunnel to the cluster's API.
TUNNEL: dict[str, dict[str, Any]] = {
    "cluster_tunnel_address": {"type": "str", "default": ""},
    "cluster_tunnel_port": {"type": "int", "default": 0},
}


def spec(kind: str) -> dict[str, dict[str, Any]]:
    """Of the settings of Jobs of a kind, such as ``schema``, by which their service account is called too."""
    return {
        "image": {"type": "str"},
        "namespace": {"type": "str", "default": NAMESPACE},
        "service_account": {"type": "str", "default": kind},
        "timeout_seconds": {"type": "int", "default": 900},
        "node_selector": {"type": "dict", "default": {}},
        "tolerations": {"type": "list", "elements": "dict", "default": []},
        "secret_environment": {
            "type": "dict",
            "default": {},
            # References to secrets.
            "no_log": False,
        },
    }


def check(kind: str, settings: Mapping[str, Any]) -> None:
    """Raises InvalidInput, which names the variable ``<kind>_job``."""
    if not settings.get("image"):
        raise InvalidInput(
            f"{kind}_job: image is empty: name an image with Ansible, this collection and its requirements (the README says how to "
            f"build one), or set {kind}_run_in: direct where the network lets this machine in"
        )
    if not 60 <= settings["timeout_seconds"] <= 86400:
        raise InvalidInput(f"{kind}_job: timeout_seconds {settings['timeout_seconds']} is outside 60 to 86400")
    for name, reference in settings["secret_environment"].items():
        if not isinstance(reference, Mapping) or set(reference) != {"name", "key"}:
            raise InvalidInput(
                f"{kind}_job: secret_environment.{name} is no reference: give the name of a Secret and a key in it, never a value"
            )


def mount(kind: str) -> str:
    """Where the pod finds its files."""
    return f"/{kind}"


def manifests(
    kind: str,
    settings: Mapping[str, Any],
    play: Mapping[str, Any],
    variables: Mapping[str, Any],
    files: Mapping[str, str],
    ground: Mapping[str, str],
    deployment: str,
    version: str,
) -> list[Object]:
    """[ConfigMap, Job]. ``play``: what the pod runs on itself. ``variables``: its extra variables, which hold no secret.
    ``files``: name -> text. ``ground``: what it is done to; with another one a Job that succeeded is out of date. ``version``: of
    this collection, which the pod's image has to have too.
    Raises InvalidInput for more than a ConfigMap takes.
    """
    hosts = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    playbook = [{**hosts, "pre_tasks": [_held_to_the_version(kind)], **play}]
    data = {
        "run.yml": json.dumps(playbook, indent=2) + "\n",
        "vars.json": json.dumps({**variables, VERSION: version}, indent=2, sort_keys=True) + "\n",
        **files,
    }
    size = sum(len(name) + len(text.encode()) for name, text in data.items())
    if size > LARGEST:
        raise InvalidInput(
            f"{kind}_job: what it is given has {size} bytes, and a ConfigMap takes {LARGEST}: name the certificates of one region"
        )
    pod = _pod(kind, settings)
    digest = hashlib.sha256(json.dumps([data, pod, settings.get("again") or "", ground], sort_keys=True).encode()).hexdigest()[:12]
    name = f"{kind}-{digest}"
    labels = {**owned(kind, deployment), JOB_NAME: name}
    metadata = {"name": name, "namespace": settings["namespace"], "labels": labels}
    annotations = {f"agent-platform.io/{what}": value for what, value in sorted(ground.items())}
    pod["volumes"][0]["configMap"]["name"] = name
    job_spec = {
        # What fails is finished by another run, which tells of it; here it is tried once more for a node that went away.
        "backoffLimit": 1,
        "activeDeadlineSeconds": settings["timeout_seconds"],
        # A pod that is moved off its node counts as none of the two.
        "podFailurePolicy": {
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}],
        },
        "template": {"metadata": {"labels": labels, "annotations": UNDISTURBED}, "spec": pod},
    }
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "data": data},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {**metadata, "annotations": annotations}, "spec": job_spec},
    ]


def _held_to_the_version(kind: str) -> dict[str, Any]:
    """An image with another version would do what that version does, and its Job would count as what was asked for."""
    its_own = "lookup('agent_platform.aws.collection_version')"
    return {
        "name": "Hold the image to the version of the collection",
        "ansible.builtin.assert": {
            "that": f"{VERSION} == {its_own}",
            "fail_msg": f"the image of {kind}_job has agent_platform.aws {{{{ {its_own} }}}}, and this Job is of "
            f"{{{{ {VERSION} }}}}: build the image anew as the README of the role schema says, under a tag of its own, and name it "
            f"in {kind}_job.image",
            "quiet": True,
        },
    }


def owned(kind: str, deployment: str) -> dict[str, str]:
    """The labels of all that belongs to a deployment's Jobs of a kind."""
    return {APP: kind, MANAGED_BY: MANAGER, JOB_OF: deployment}


def conditions(job: Mapping[str, Any] | None) -> dict[str, str]:
    """Those that are so: type -> reason. Empty where there is no Job, and while it runs."""
    found = ((job or {}).get("status") or {}).get("conditions") or ()
    return {one["type"]: one.get("reason", "") for one in found if one["status"] == "True"}


def newest(pods: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(pods, key=made, default=None)


def made(item: Mapping[str, Any]) -> str:
    """When, in ISO 8601; empty where nobody tells."""
    return item["metadata"].get("creationTimestamp") or ""


def held_up(pod: Mapping[str, Any]) -> str:
    """Why a pod does not start, or was ended from outside, in Kubernetes's words; empty for one that runs, ended by itself, or is
    on its way."""
    status = pod.get("status") or {}
    if status.get("reason"):
        return _short(f"{status['reason']}: {status.get('message', '')}")
    for container in status.get("containerStatuses") or ():
        state = container.get("state") or {}
        for kind, usual in USUAL.items():
            found = state.get(kind) or {}
            if found.get("reason") not in (None, *usual):
                return _short(f"{found['reason']}: {found.get('message', '')}")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _short(f"{condition.get('reason', '')}: {condition.get('message', '')}")
    return ""


def refused(events: Iterable[Mapping[str, Any]], job: str) -> str:
    """Why a Job gets no pod, by its events: a quota, the namespace's Pod Security, a service account that is not there."""
    told = [
        event
        for event in events
        if event.get("reason") == "FailedCreate" and (event.get("involvedObject") or {}).get("name") == job
    ]
    latest = max(told, key=lambda event: event.get("lastTimestamp") or "", default={})
    return _short(str(latest.get("message") or ""))


def last_words(log: str) -> str:
    """Why a playbook ended, out of what it wrote: the message of the task that failed, else its last error, else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("fatal: ["):
            with contextlib.suppress(ValueError):
                return _short(str(json.loads(line.partition("=> ")[2]).get("msg") or line))
            return _short(line)
    errors = [line for line in lines if line.startswith(("ERROR!", "[ERROR]"))]
    return _short((errors or lines or [""])[-1])


def _short(text: str) -> str:
    text = " ".join(text.split()).strip(" :")
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def reference(kind: str, namespace: str, name: str) -> Object:
    """What names an object."""
    return {"apiVersion": BY_KIND[kind].api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def _pod(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fit for a namespace that is held to the restricted Pod Security Standard."""
    own = {
        "HOME": "/tmp",
        # Whom Ansible asks for where the pod's user has no entry among the image's users.
        "USER": "ansible",
        "ANSIBLE_LOCAL_TEMP": "/tmp/ansible",
        "ANSIBLE_REMOTE_TMP": "/tmp/ansible",
        # In which ``last_words`` looks for what went wrong.
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    }
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in own.items()]
    environment += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": item["name"], "key": item["key"]}}}
        for name, item in sorted(settings["secret_environment"].items())
    ]
    folder = mount(kind)
    return {
        "restartPolicy": "Never",
        "serviceAccountName": settings["service_account"],
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"nodeSelector": dict(settings["node_selector"])} if settings["node_selector"] else {}),
        **({"tolerations": [dict(item) for item in settings["tolerations"]]} if settings["tolerations"] else {}),
        "containers": [
            {
                "name": kind,
                "image": settings["image"],
                "command": ["ansible-playbook", "-i", "localhost,", f"{folder}/run.yml", "-e", f"@{folder}/vars.json"],
                "env": environment,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
                "volumeMounts": [{"name": kind, "mountPath": folder, "readOnly": True}, {"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": kind, "configMap": {}}, {"name": "tmp", "emptyDir": {}}],
    }
