# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS who calls, for the whole run."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.parameters import remove_values
from ansible_collections.agent_platform.aws.plugins.module_utils.who import who
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import HereOrThere, plain
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory


class ActionModule(HereOrThere):
    """Says who it is, as an assertion says that it holds."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        arguments = plain(self._task.args)
        result = self._run_here(arguments, task_vars) if self.is_here(task_vars) else self.there(arguments, task_vars)
        return {**result, "_ansible_verbose_always": True}

    def _run_here(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self.take_environment()
        checked = self.validated(arguments, {})
        if checked.error_messages:
            return remove_values({"failed": True, "msg": "; ".join(checked.error_messages)}, checked._no_log_values)
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        result = remove_values(who(checked.validated_parameters, memory.callers), checked._no_log_values)
        memory.save()
        return result
