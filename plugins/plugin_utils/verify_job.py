# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections of a verification where database and cache are out of reach: a Job in the cluster makes them, and hands its rows
back through its pod's log."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import jobs
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Unreachable
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, MissingDependency
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import deployment_of
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import cluster_way
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import connections, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.model import FAILED, SKIPPED, Row
from ansible_collections.agent_platform.aws.plugins.plugin_utils.jobs import Jobs
from ansible_collections.agent_platform.aws.plugins.plugin_utils.version import collection_version

KIND = "verify"
MARK = "agent-platform-rows:"
ROWS = re.compile(rf"{MARK}([A-Za-z0-9+/=]+)")
BUNDLES = {"database_ca": "rds-ca.pem", "cache_ca": "cache-ca.pem"}
PLACE = ("deployment", "environment", "region", "account")
# Of the module's arguments, those that the pod gets otherwise or has no use for.
OTHERWISE = ("connections_only", "job", "path", "run_in", *jobs.TUNNEL, *BUNDLES)
LOOKS = "check mode starts no Job"
ELSEWHERE = "a Job is made from where Ansible runs: take away the task's delegation, become, async or interpreter"


def add(
    action: Any,
    task_vars: Mapping[str, Any],
    params: Mapping[str, Any],
    result: Mapping[str, Any],
    here: bool,
    callers: dict[str, dict[str, str]],
) -> dict[str, Any]:
    """``result`` of the module, whose rows are those of all other flows, with the connections' rows. ``here``: it ran in this
    process. ``callers``: as RunOptions has them."""
    checks = tool.in_a_job(params)
    if not checks:
        return dict(result)
    if not here or action._task.check_mode:
        found = [_row(check, SKIPPED, LOOKS if here else ELSEWHERE) for check in checks]
    else:
        found = _proved(action, task_vars, params, checks, callers)
    rows = [*(Row(**row) for row in result["flows"]), *found]
    rest = {name: value for name, value in result.items() if name not in ("failed", "msg")}
    return {**rest, **tool.result({name: result[name] for name in PLACE}, params["mode"], rows)}


def _row(check: connections.Connecting, state: str, why: str) -> Row:
    if state == SKIPPED:
        return Row(check.arrow, check.flow, SKIPPED, f"{SKIPPED}: {why}", 0.0)
    return Row(check.arrow, check.flow, FAILED, check.how, 0.0, why)


def _proved(
    action: Any,
    task_vars: Mapping[str, Any],
    params: Mapping[str, Any],
    checks: list[connections.Connecting],
    callers: dict[str, dict[str, str]],
) -> list[Row]:
    try:
        way, _facts = cluster_way.find(params, callers, KIND)
        deployment = deployment_of(params, way.connection.region)
        wanted = Jobs(action, task_vars, way, KIND, deployment, objects(params, deployment, way.connection.region))
        return rows_in(wanted.run(action.progress))
    except (Unreachable, MissingDependency) as error:
        return [_row(check, SKIPPED, str(error)) for check in checks]
    except EngineError as error:
        return [_row(check, FAILED, str(error)) for check in checks]


def objects(params: Mapping[str, Any], deployment: str, region: str) -> list[dict[str, Any]]:
    """ConfigMap and Job. The pod runs the module by itself, since the role wants the variables of all tiers."""
    given = {name: params[name] for name in tool.TOOL.argument_spec() if name not in OTHERWISE and params.get(name) is not None}
    given |= {"deployment": deployment, "region": region, "connections_only": True}
    files = {}
    for argument, file in BUNDLES.items():
        if params.get(argument):
            files[file] = Path(params[argument]).read_text(encoding="ascii", errors="replace")
            given[argument] = f"{jobs.mount(KIND)}/{file}"
    encoded = "{{ proof.flows | to_json | b64encode }}"
    tasks = [
        {"name": "Prove the connections", "agent_platform.aws.verify": given, "register": "proof", "ignore_errors": True},
        {
            "name": "Fail where there is no row",
            "ansible.builtin.fail": {"msg": "{{ proof.msg }}"},
            "when": "proof.flows is not defined",
        },
        {"name": "Hand the rows back", "ansible.builtin.debug": {"msg": f"{MARK}{encoded}"}},
    ]
    play = {"name": "Prove the connections", "tasks": tasks}
    return jobs.manifests(KIND, params["job"], play, {}, files, {}, deployment, collection_version())


def rows_in(log: str) -> list[Row]:
    """Raises EngineError for a log without any."""
    found = ROWS.findall(log)
    if not found:
        raise EngineError(f"kubernetes_job/{KIND}: it ended well, and there are no rows in what its pod wrote")
    return [Row(**row) for row in json.loads(base64.b64decode(found[-1]))]
