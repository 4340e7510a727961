# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what the tiers of a drift or of an adoption found in this run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.agent_platform.aws.plugins.module_utils.report import drift
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        _checked, arguments = self.validate_argument_spec(
            {
                "what": {"type": "str", "choices": ["drift", "adoption"], "default": "drift"},
                "deployment": {"type": "str", "required": True},
                "environment": {"type": "str"},
                "region": {"type": "str"},
                "ignores": {"type": "list", "elements": "dict", "default": []},
                "confirmed": {"type": "bool", "default": False},
                "path": {"type": "str", "default": ""},
            }
        )
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        result = self._adoption(memory, arguments) if arguments["what"] == "adoption" else self._drift(memory, arguments)
        return {"changed": False, "_ansible_verbose_always": True, **result}

    def _drift(self, memory: RunMemory, arguments: dict[str, Any]) -> dict[str, Any]:
        part = self._part("drift")
        results = memory.results(part)
        if not results:
            return {"failed": True, "msg": "No tier was looked at: do the --tags name one?"}
        place = {name: arguments[name] for name in ("deployment", "environment", "region")}
        found = drift.document(place, results, arguments["ignores"], (memory.planned(part) or {}).get("seen") or ())
        if arguments["path"]:
            path = Path(arguments["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found, indent=2, sort_keys=False) + "\n")
        failure = drift.failure(found)
        return {"summary": drift.lines(found), "drift": found, **({"failed": True, "msg": failure} if failure else {})}

    def _adoption(self, memory: RunMemory, arguments: dict[str, Any]) -> dict[str, Any]:
        results = memory.results(self._part("adopt"))
        confirmed = bool(arguments["confirmed"]) and not self._task.check_mode
        summary = drift.adoption_lines(results, confirmed, arguments["deployment"])
        refused = [item for result in results.values() for item in result.get("refusals") or ()]
        errors = [str(result["msg"]) for result in results.values() if result.get("failed")]
        failure = "; ".join(errors) or (f"{len(refused)} refused; the report has the reasons" if refused else "")
        return {"summary": summary, **({"failed": True, "msg": failure} if failure else {})}

    def _part(self, verb: str) -> str:
        return f"{verb} in check mode" if self._task.check_mode else verb
