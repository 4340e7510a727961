# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, inside the controller's process where that can be; with ``run_in: cluster`` the connections to
database and cache are made by a Job in the cluster, and its rows are the table's."""

from __future__ import annotations

from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.verify.tool import CLUSTER, SMOKE
from ansible_collections.agent_platform.aws.plugins.plugin_utils import verify_job
from ansible_collections.agent_platform.aws.plugins.plugin_utils.tool_action import ToolAction


class ActionModule(ToolAction):
    """Proof that the flows work."""

    def _beyond(self, arguments: dict[str, Any], result: dict[str, Any], task_vars: dict[str, Any], here: bool) -> dict[str, Any]:
        if "flows" not in result or arguments.get("run_in") != CLUSTER or arguments.get("mode") == SMOKE:
            return result
        return verify_job.add(self, task_vars, self._checked(arguments).validated_parameters, result, here, self.callers)
