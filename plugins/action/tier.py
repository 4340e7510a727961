# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a tier's engine inside the controller's process when the connection is local.

That saves packing a module, starting an interpreter and importing boto3 once more for each tier. Ansible forks a worker for every
task and host, so nothing is shared between deployments and the environment set here ends with the task. Everywhere
else (another connection, become, async, another interpreter) the module of the same name is sent there as usual.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions, Tier, run

COLLECTION = "ansible_collections.agent_platform.aws.plugins.modules."


class ActionModule(ActionBase):
    """One action for all tiers; ``meta/runtime.yml`` routes every tier module to it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        planned = _PlannedFile(task_vars.get("inventory_hostname", "localhost"), self._task.check_mode)
        arguments = {**_plain(self._task.args), "planned": planned.read()}
        if self._in_process(task_vars):
            result = self._run_here(arguments)
        else:
            result = self._execute_module(
                module_name=self._task.resolved_action or self._task.action,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
        planned.write(result.pop("planned", None))
        return result

    def _in_process(self, task_vars: dict[str, Any]) -> bool:
        interpreter = task_vars.get("ansible_python_interpreter")
        if interpreter is not None:
            interpreter = self._templar.template(interpreter)
        same = interpreter in (None, "auto", "auto_silent") or os.path.abspath(interpreter) == os.path.abspath(sys.executable)
        become = self._connection.become is not None
        return self._connection.transport == "local" and not become and not self._task.async_val and same

    def _run_here(self, arguments: dict[str, Any]) -> dict[str, Any]:
        from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

        tier = self._tier()
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        os.environ.update(_plain(environment))
        checked = ArgumentSpecValidator({**aws_argument_spec(), **tier.argument_spec()}).validate(arguments)
        secrets = checked._no_log_values
        if checked.error_messages:
            message = "; ".join(checked.error_messages)
            return remove_values({"failed": True, "msg": message}, secrets)
        options = RunOptions(check_mode=self._task.check_mode, diff_mode=self._task.diff)
        result = run(tier, checked.validated_parameters, options)
        # For the next tiers, not for anyone's eyes; it holds no secret, but names that a secret may be a part of.
        planned = result.pop("planned", None)
        result = remove_values(result, secrets)
        result["planned"] = planned
        result["invocation"] = {"module_args": remove_values(checked.validated_parameters, secrets)}
        return result

    def _tier(self) -> Tier:
        name = (self._task.resolved_action or self._task.action).rsplit(".", 1)[-1]
        try:
            return importlib.import_module(COLLECTION + name).TIER
        except ImportError as error:
            raise AnsibleActionFail(f"the {name} tier cannot be loaded: {error}") from error


class _PlannedFile:
    """What this run's check mode planned for one host, kept between its tiers.

    It lies in Ansible's temporary directory of the run, which the run makes for itself and removes at its end.
    """

    def __init__(self, host: str, check_mode: bool):
        safe = "".join(c if c.isalnum() else "_" for c in host)
        self.path = Path(C.DEFAULT_LOCAL_TMP) / f"agent_platform_planned_{safe}.json"
        self.check_mode = check_mode

    def read(self) -> dict[str, Any] | None:
        return json.loads(self.path.read_text()) if self.check_mode and self.path.exists() else None

    def write(self, planned: dict[str, Any] | None) -> None:
        if self.check_mode and planned:
            self.path.write_text(json.dumps(planned))


def _plain(value: Any) -> Any:
    """Without the controller's tagged types, which nothing outside Ansible needs to know."""
    return json.loads(json.dumps(value, default=str))
