# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a destroy would do or did, told from what the tiers' tasks of this run answered."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.agent_platform.aws.plugins.module_utils.report import teardown
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory

LOOK, DID = "destroy in check mode", "destroy"


class ActionModule(ActionBase):
    """Answers with ``summary`` and shows it."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        _checked, arguments = self.validate_argument_spec(
            {
                "what": {"type": "str", "choices": ["before", "after"], "required": True},
                "deployment": {"type": "str", "required": True},
                "confirmed": {"type": "bool", "default": False},
            }
        )
        memory, deployment = RunMemory(task_vars.get("inventory_hostname", "localhost")), arguments["deployment"]
        result = {"changed": False, "_ansible_verbose_always": True}
        if arguments["what"] == "after":
            did = memory.results(LOOK if self._task.check_mode else DID)
            return {**result, "summary": teardown.after(deployment, did)}
        looked = memory.results(LOOK)
        summary = teardown.before(deployment, looked)
        if reasons := teardown.refused(looked):
            msg = "\n  ".join(["Refused, and nothing was deleted:", *reasons])
            return {**result, "summary": summary, "failed": True, "msg": msg}
        return {**result, "summary": summary if arguments["confirmed"] else summary + teardown.way_on(deployment, looked)}
