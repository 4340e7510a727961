# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins of the tools have in common: run inside the controller's process, show progress, keep the report."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.module_utils.common.arg_spec import ValidationResult
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.agent_platform.aws.plugins.module_utils.report.plan_file import PlanError, write
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.module_utils.tool_module import Tool, run
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import HereOrThere, plain
from ansible_collections.agent_platform.aws.plugins.plugin_utils.progress import Progress
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory

MODULES = "ansible_collections.agent_platform.aws.plugins.modules."
SUMMARY_CALLBACK = "agent_platform.aws.summary"


class ToolAction(HereOrThere):
    """Answers with ``summary``, which the callback ``summary`` shows at the end; without that, the task shows it itself.

    The JSON file is written where Ansible runs, wherever the module does.
    """

    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        arguments = plain(self._task.args)
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        self.callers, self.progress = memory.callers, Progress(self.name)
        here = self.is_here(task_vars)
        result = self._run_here(arguments) if here else self.there(arguments, task_vars)
        result = self._beyond(arguments, result, task_vars, here)
        if here:
            memory.save()
        if arguments.get("path") and "summary" in result:
            document = {key: result[key] for key in result if key not in ("summary", "invocation") and key[0] != "_"}
            try:
                write(Path(arguments["path"]), json.dumps(document, indent=2) + "\n", f"{self.name}_path")
            except PlanError as error:
                result.update(failed=True, msg=str(error))
            result["path"] = arguments["path"]
        if "summary" in result and SUMMARY_CALLBACK not in C.CALLBACKS_ENABLED:
            result["_ansible_verbose_always"] = True
        return result

    def _beyond(self, arguments: dict[str, Any], result: dict[str, Any], task_vars: dict[str, Any], here: bool) -> dict[str, Any]:
        """``result`` of the module, with what a tool adds that its module cannot do. ``here``: it ran in this process."""
        return result

    def _checked(self, arguments: dict[str, Any]) -> ValidationResult:
        tool: Tool = importlib.import_module(MODULES + self.name).TOOL
        return self.validated(arguments, tool.argument_spec())

    def _run_here(self, arguments: dict[str, Any]) -> dict[str, Any]:
        tool: Tool = importlib.import_module(MODULES + self.name).TOOL
        self.take_environment()
        checked = self._checked(arguments)
        secrets = checked._no_log_values
        if checked.error_messages:
            return remove_values({"failed": True, "msg": "; ".join(checked.error_messages)}, secrets)
        options = RunOptions(self._task.check_mode, self._task.diff, self.progress, callers=self.callers)
        result = remove_values(run(tool, checked.validated_parameters, options), secrets)
        result["invocation"] = {"module_args": remove_values(checked.validated_parameters, secrets)}
        return result
