# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema tier where the database is out of reach: a Job in the cluster, which ``kubernetes.core`` makes and waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import Desired, Item

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
    found = execute(
        "kubernetes.core.k8s_info",
        {**connection, "api_version": "batch/v1", "kind": "Job", "namespace": settings["namespace"], "name": name},
    )
    standing = (found.get("resources") or [None])[0]
    conditions = {one["type"] for one in ((standing or {}).get("status") or {}).get("conditions") or () if one["status"] == "True"}
    if "Complete" in conditions:
        return []
    if looks:
        return [item]
    if "Failed" in conditions:
        gone = {"state": "absent", "api_version": "batch/v1", "kind": "Job", "namespace": settings["namespace"], "name": name}
        execute("kubernetes.core.k8s", {**connection, **gone, "wait": True, "delete_options": {"propagationPolicy": "Foreground"}})
    for definition in objects:
        wait = {"wait": True, "wait_timeout": settings["timeout_seconds"], "wait_condition": {"type": "Complete", "status": "True"}}
        try:
            execute(
                "kubernetes.core.k8s", {**connection, "definition": definition, **(wait if definition["kind"] == "Job" else {})}
            )
        except EngineError as error:
            raise EngineError(
                f"{item.address}: it did not complete ({error}): see what it says by: kubectl -n {settings['namespace']} logs "
                f"job/{name}"
            ) from error
    done.append(item.address)
    return [item]
