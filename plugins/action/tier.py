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
import threading
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions, Tier, nothing_done, run

COLLECTION = "ansible_collections.agent_platform.aws.plugins.modules."
# Seconds between two lines about the same wait.
SAY_EVERY = 15.0


class ActionModule(ActionBase):
    """One action for all tiers; ``meta/runtime.yml`` routes every tier module to it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        memory = _RunMemory(task_vars.get("inventory_hostname", "localhost"))
        if self._task.args.get("verb") == "await" and memory.is_finished(self._name()):
            return nothing_done()
        arguments = {**_plain(self._task.args), "planned": memory.planned() if self._task.check_mode else None}
        if self._in_process(task_vars):
            result = self._run_here(arguments)
        else:
            result = self._execute_module(
                module_name=self._task.resolved_action or self._task.action,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
        planned = result.pop("planned", None)
        memory.note(self._name(), not result.get("failed") and not result.get("awaiting"), planned)
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
        options = RunOptions(check_mode=self._task.check_mode, diff_mode=self._task.diff, progress=_Progress())
        result = run(tier, checked.validated_parameters, options)
        # For the next tiers, not for anyone's eyes; it holds no secret, but names that a secret may be a part of.
        planned = result.pop("planned", None)
        result = remove_values(result, secrets)
        result["planned"] = planned
        result["invocation"] = {"module_args": remove_values(checked.validated_parameters, secrets)}
        return result

    def _name(self) -> str:
        return (self._task.resolved_action or self._task.action).rsplit(".", 1)[-1]

    def _tier(self) -> Tier:
        try:
            return importlib.import_module(COLLECTION + self._name()).TIER
        except ImportError as error:
            raise AnsibleActionFail(f"the {self._name()} tier cannot be loaded: {error}") from error


class _RunMemory:
    """What the tiers of one run tell each other about one host: what check mode planned, and which tiers are finished.

    It lies in Ansible's temporary directory of the run, which the run makes for itself and removes at its end.
    """

    def __init__(self, host: str):
        safe = "".join(c if c.isalnum() else "_" for c in host)
        self.path = Path(C.DEFAULT_LOCAL_TMP) / f"agent_platform_{safe}.json"
        self.content: dict[str, Any] = (
            json.loads(self.path.read_text()) if self.path.exists() else {"planned": None, "finished": []}
        )

    def planned(self) -> dict[str, Any] | None:
        return self.content["planned"]

    def is_finished(self, tier: str) -> bool:
        return tier in self.content["finished"]

    def note(self, tier: str, finished: bool, planned: dict[str, Any] | None) -> None:
        others = [name for name in self.content["finished"] if name != tier]
        self.content["finished"] = [*others, tier] if finished else others
        self.content["planned"] = planned or self.content["planned"]
        self.path.write_text(json.dumps(self.content))


class _Progress:
    """A line now and then about each wait, on stderr so that the output of a run stays what its callback writes."""

    def __init__(self) -> None:
        self.said: dict[str, float] = {}
        self.lock = threading.Lock()

    def __call__(self, address: str, state: str, seconds: float) -> None:
        with self.lock:
            due = seconds - self.said.get(address, 0.0) >= SAY_EVERY
            if due or seconds == 0:
                self.said[address] = seconds
        if due:
            minutes, rest = divmod(int(seconds), 60)
            Display().display(f"{address}  {state}  {minutes}m{rest:02d}s", stderr=True)


def _plain(value: Any) -> Any:
    """Without the controller's tagged types, which nothing outside Ansible needs to know."""
    return json.loads(json.dumps(value, default=str))
