# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema tier where the database is out of reach: a Job in the cluster, which ``kubernetes.core`` makes and waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import Desired, Item, check_approved

# Seconds: between two looks at a Job, and by which its end may be told late.
LOOK_EVERY = 5.0
SLACK = 60.0
# Of the role's variables, those that the pod gets otherwise or has no use for.
OTHERWISE = ("ca_bundle", "job", "migrations_path", "run_in", "tunnel_address", "tunnel_port")


def variables(params: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The roles' variables for the pod. ``names``: argument -> variable, where that is not ``schema_<argument>``."""
    given = {f"schema_{name}": params[name] for name in names if name not in OTHERWISE and params.get(name) is not None}
    return {
        **given,
        "platform_environment": params["environment"],
        "platform_deployment": params.get("deployment") or f"{params['environment']}-{params['region']}",
        "platform_region": params["region"],
        "platform_tags": params.get("tags") or {},
        "platform_kms_key_for": {"secretsmanager": params["secrets_key"]},
    }


def run(
    params: Mapping[str, Any], wanted: Desired, execute: Callable[[str, Mapping[str, Any]], Any], looks: bool, done: list[str]
) -> list[Item]:
    """What is to be done is the Job: what it finds in the database only the Job can tell. Raises EngineError when it fails."""
    from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import schema as tier

    settings = params["job"]
    given = variables(params, {name: "" for name in tier.SPEC if name != "secrets_key"})
    bundle = Path(params["ca_bundle"]).read_text(encoding="ascii", errors="replace")
    month = datetime.now(UTC).strftime("%Y-%m")
    labels = {"agent-platform/deployment": given["platform_deployment"]}
    objects = job.manifests(settings, given, wanted.migrations, bundle, month, labels)
    name = objects[1]["metadata"]["name"]
    item = Item(
        f"kubernetes_job/{name}", "create", {"image": (None, settings["image"]), "migrations": (None, len(wanted.migrations))}
    )
    connection = settings["connection"]
    if looks and not connection:
        return [item]
    if not connection:
        raise EngineError(
            "schema_job: connection is empty, so that the cluster cannot be reached: give its host, ca_cert and api_key, or a "
            "kubeconfig"
        )
    cluster = _Cluster(execute, connection, settings["namespace"], name)
    conditions = cluster.conditions()
    if "Complete" in conditions:
        return []
    if looks:
        return [item]
    check_approved(params.get("approved"), [item])
    if "Failed" in conditions:
        cluster.remove()
    for definition in objects:
        cluster.make(definition)
    give_up = time.monotonic() + settings["timeout_seconds"] + SLACK
    while "Complete" not in (conditions := cluster.conditions()):
        if "Failed" in conditions or time.monotonic() > give_up:
            ended = f"failed ({conditions['Failed']})" if "Failed" in conditions else "did not end in its time"
            raise EngineError(
                f"{item.address}: it {ended}: see what it says by kubectl -n {settings['namespace']} logs job/{name}, and run again"
            )
        time.sleep(LOOK_EVERY)
    done.append(item.address)
    return [item]


@dataclass(frozen=True)
class _Cluster:
    """What is done about one Job and its ConfigMap. ``connection``: as kubernetes.core takes it."""

    execute: Callable[[str, Mapping[str, Any]], Any]
    connection: Mapping[str, Any]
    namespace: str
    name: str

    def conditions(self) -> dict[str, str]:
        """Of the Job, those that are so: type -> reason. Empty where there is no Job."""
        found = self.execute("kubernetes.core.k8s_info", {**self.connection, **self._which()})
        status = next(iter(found.get("resources") or ()), {}).get("status") or {}
        return {one["type"]: one.get("reason", "") for one in status.get("conditions") or () if one["status"] == "True"}

    def remove(self) -> None:
        """With its pods."""
        gone = {"state": "absent", "wait": True, "delete_options": {"propagationPolicy": "Foreground"}}
        self.execute("kubernetes.core.k8s", {**self.connection, **self._which(), **gone})

    def make(self, definition: Mapping[str, Any]) -> None:
        self.execute("kubernetes.core.k8s", {**self.connection, "definition": definition})

    def _which(self) -> dict[str, Any]:
        return {"api_version": "batch/v1", "kind": "Job", "namespace": self.namespace, "name": self.name}
