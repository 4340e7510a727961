# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes objects that set up the database's inside from within the cluster: a ConfigMap with all that is to be done, and
a Job whose pod runs this very role there.

The Job's name ends with a digest of all that it is made of, so that a Job that succeeded is what was asked for, and there is
nothing to do. It holds no secret: its pod reads them as the service account that it runs as, or gets them by reference.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..reconcile.errors import InvalidInput
from .migrations import Migration

MOUNT = "/schema"
BUNDLE = "rds-ca.pem"
PLAYBOOK = [
    {
        "name": "Set up the inside of the database",
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": [{"role": "agent_platform.aws.schema"}],
    }
]
MANAGER = "agent-platform"
# A ConfigMap takes 1 MiB.
LARGEST = 1_000_000

SPEC = {
    "image": {"type": "str"},
    "namespace": {"type": "str", "default": "agents"},
    "service_account": {"type": "str", "default": "schema"},
    "timeout_seconds": {"type": "int", "default": 900},
    "node_selector": {"type": "dict", "default": {}},
    "tolerations": {"type": "list", "elements": "dict", "default": []},
    "secret_environment": {
        "type": "dict",
        "default": {},
        # References to secrets.
        "no_log": False,
    },
    "connection": {"type": "dict", "default": {}, "no_log": True},
}
# What may be said of the way to the cluster: the names that kubernetes.core's modules have for it.
CONNECTION = ("api_key", "ca_cert", "client_cert", "client_key", "context", "host", "kubeconfig", "validate_certs")


def check(settings: Mapping[str, Any]) -> None:
    if not settings.get("image"):
        raise InvalidInput(
            "schema_job: image is empty: name an image with Ansible, this collection and psycopg, such as the execution "
            "environment of your controller"
        )
    if not 60 <= settings["timeout_seconds"] <= 86400:
        raise InvalidInput(f"schema_job: timeout_seconds {settings['timeout_seconds']} is outside 60 to 86400")
    for name, reference in settings["secret_environment"].items():
        if not isinstance(reference, Mapping) or set(reference) != {"name", "key"}:
            raise InvalidInput(
                f"schema_job: secret_environment.{name} is no reference: give the name of a Secret and a key in it, never a value"
            )
    wrong = sorted(set(settings["connection"]) - set(CONNECTION))
    if wrong:
        raise InvalidInput(f"schema_job: connection.{wrong[0]} is unknown: use {', '.join(CONNECTION)}")


def manifests(
    settings: Mapping[str, Any],
    variables: Mapping[str, Any],
    migrations: Sequence[Migration],
    bundle: str,
    month: str,
    labels: Mapping[str, str],
) -> list[dict[str, Any]]:
    """[ConfigMap, Job]. ``variables``: the roles', which hold no secret. ``bundle``: text of the certificates. ``month``: makes
    a Job of its own for each, for its partition. ``labels``: of the deployment. Raises InvalidInput for more than a ConfigMap
    takes.
    """
    given = {
        **variables,
        "schema_run_in": "direct",
        "schema_migrations_path": MOUNT,
        "schema_ca_bundle": f"{MOUNT}/{BUNDLE}",
    }
    data = {
        "run.yml": json.dumps(PLAYBOOK, indent=2) + "\n",
        "vars.json": json.dumps(given, indent=2, sort_keys=True) + "\n",
        BUNDLE: bundle,
        **{f"{migration.name}.sql": migration.sql for migration in migrations},
    }
    size = sum(len(name) + len(text.encode()) for name, text in data.items())
    if size > LARGEST:
        raise InvalidInput(
            f"schema_migrations_path: with the certificates they are {size} bytes, and a ConfigMap takes {LARGEST}: name the "
            f"bundle of one region"
        )
    pod = _pod(settings)
    digest = hashlib.sha256(json.dumps([data, pod, month], sort_keys=True).encode()).hexdigest()[:12]
    name = f"schema-{digest}"
    marks = {"app.kubernetes.io/name": "schema", "app.kubernetes.io/managed-by": MANAGER, **labels}
    metadata = {"name": name, "namespace": settings["namespace"], "labels": marks}
    pod["volumes"][0]["configMap"]["name"] = name
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True, "data": data},
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": {
                # What fails is finished by another run, which tells of it; here it is tried once more for a node that went away.
                "backoffLimit": 1,
                "activeDeadlineSeconds": settings["timeout_seconds"],
                "template": {"metadata": {"labels": marks}, "spec": pod},
            },
        },
    ]


def _pod(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fit for a namespace that is held to the restricted Pod Security Standard."""
    environment = [
        {"name": name, "value": value}
        for name, value in (("HOME", "/tmp"), ("ANSIBLE_LOCAL_TEMP", "/tmp/ansible"), ("ANSIBLE_REMOTE_TMP", "/tmp/ansible"))
    ]
    environment += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": reference["name"], "key": reference["key"]}}}
        for name, reference in sorted(settings["secret_environment"].items())
    ]
    return {
        "restartPolicy": "Never",
        "serviceAccountName": settings["service_account"],
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
                "name": "schema",
                "image": settings["image"],
                "command": ["ansible-playbook", "-i", "localhost,", f"{MOUNT}/run.yml", "-e", f"@{MOUNT}/vars.json"],
                "env": environment,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
                "volumeMounts": [{"name": "schema", "mountPath": MOUNT, "readOnly": True}, {"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "schema", "configMap": {}}, {"name": "tmp", "emptyDir": {}}],
    }
