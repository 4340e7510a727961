# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema tier where the database is out of reach: a Job in the cluster sets its inside up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.jobs import TUNNEL
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import (
    UNKNOWN,
    UNKNOWN_TEXT,
    contains_unknown,
    shown,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.database_login import Logins
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.rds.instance import Instance
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import desired, job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import Desired, Item
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place, deployment_of
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import cluster_way
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import schema as tier
from ansible_collections.agent_platform.aws.plugins.plugin_utils.jobs import Jobs
from ansible_collections.agent_platform.aws.plugins.plugin_utils.version import collection_version

ADDRESS = f"kubernetes_job/{job.KIND}"
# Of the module's arguments, those that the pod gets otherwise or has no use for.
OTHERWISE = (
    *("ca_bundle", "cluster_name", "job", "migrations_path", "run_in", "secrets_key", "tunnel_address", "tunnel_port"),
    *TUNNEL,
)
BLIND = (
    "schema_run_in: cluster tells of a Job that ended well, and not of what somebody changed in the database since: look from "
    "where the database can be reached (schema_run_in: direct), or have it set right by another word in schema_job.again"
)


@dataclass(frozen=True)
class Ground:
    """What the Job is done to. ``database`` and ``secret``: the instance's resource id and the ARN of the application's secret,
    Unknown for what is to be made yet. ``password``: how the secret stands, as ``schema/desired.py`` says it."""

    way: cluster_way.Way
    database: Any
    secret: Any
    password: str


def variables(params: Mapping[str, Any]) -> dict[str, Any]:
    """The roles' variables for the pod."""
    given = {f"schema_{name}": params[name] for name in tier.SPEC if name not in OTHERWISE and params.get(name) is not None}
    return {
        **given,
        "platform_environment": params["environment"],
        "platform_deployment": deployment_of(params, params["region"]),
        "platform_region": params["region"],
        "platform_tags": params.get("tags") or {},
        "platform_ignored_tag_prefixes": params.get("ignored_tag_prefixes") or [],
        "platform_kms_key_for": {"secretsmanager": params["secrets_key"]},
    }


def learn(params: Mapping[str, Any], callers: dict[str, dict[str, str]]) -> Ground:
    """``params``: with ``planned`` of this run. Raises as ``cluster_way.find`` does."""

    def others(place: Place) -> tuple[list[Resource], dict[str, Any]]:
        name = params["instance"]
        instance = Resource(Instance(), name, {"name": f"{place.environment}-{name}"}, provider="rds")
        return [instance], {"database": Ref(instance.address, "resource_id")}

    way, facts = cluster_way.find(params, callers, "schema", others)
    logins = Logins(params, callers)
    try:
        secret = logins.application(f"{params['environment']}/{tier.SECRET}", tier.secret_options(params))
    finally:
        logins.close()
    if secret is None:
        return Ground(way, facts["database"], UNKNOWN, desired.LOST)
    password = desired.UNDER_WAY if secret.under_way else desired.DUE if secret.due else desired.GOOD
    return Ground(way, facts["database"], secret.arn, password)


def look(
    action: Any, task_vars: Mapping[str, Any], params: Mapping[str, Any], wanted: Desired, callers: dict[str, dict[str, str]]
) -> tuple[list[Item], Jobs | None]:
    """What is to be done is the Job, since what it finds in the database only the Job can tell; nothing where that is done.

    The Job can be run where its cluster stands. Raises as ``learn`` does, and Unreachable for a cluster out of reach.
    """
    ground = learn(params, callers)
    # Each month has a partition of its own.
    now = {"database": ground.database, "secret": ground.secret, "month": datetime.now(UTC).strftime("%Y-%m")}
    objects = job.manifests(
        params["job"],
        variables(params),
        wanted.migrations,
        Path(params["ca_bundle"]).read_text(encoding="ascii", errors="replace"),
        {name: str(shown(value)) for name, value in now.items()},
        deployment_of(params, params["region"]),
        collection_version(),
    )
    fields: dict[str, tuple[Any, Any]] = {
        "job": (None, UNKNOWN_TEXT),
        "image": (None, params["job"]["image"]),
        "migrations": (None, len(wanted.migrations)),
    }
    if not ground.way.is_known:
        return [Item(ADDRESS, "create", fields)], None
    jobs = Jobs(action, task_vars, ground.way, job.KIND, deployment_of(params, params["region"]), objects)
    if jobs.is_done and ground.password == desired.GOOD:
        return [], jobs
    fields["job"] = (jobs.before, UNKNOWN_TEXT if contains_unknown(now) else jobs.name)
    if jobs.before and ground.password != desired.GOOD:
        fields["password"] = (ground.password, desired.GOOD)
    return [Item(ADDRESS, "update" if jobs.before else "create", fields)], jobs
