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
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import WRITING, RunOptions, Tier, nothing_done, run
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory, part_of

COLLECTION = "ansible_collections.agent_platform.aws.plugins.modules."
BEYOND = "ansible_collections.agent_platform.aws.plugins.plugin_utils."
# Tiers that go on after the engine with what is no resource of AWS: by ``go_on`` of the module of plugin_utils that has their name.
GOING_ON = ("schema",)
# Seconds between two lines about the same wait.
SAY_EVERY = 10.0


class ActionModule(ActionBase):
    """One action for all tiers; ``meta/runtime.yml`` routes every tier module to it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        if "platform_verb" in load_extra_vars(self._loader):
            # It would win over what the playbooks say, and make a plan an apply.
            return {"failed": True, "msg": "platform_verb: it is the playbooks' to set: take it out of the extra variables"}
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        if self._task.args.get("verb") == "await" and memory.is_finished(self._name()):
            return nothing_done()
        verb = self._task.args.get("verb", "apply")
        part = part_of(verb, self._task.check_mode)
        arguments = {**_plain(self._task.args), "planned": memory.planned(part) if part else None}
        if verb in WRITING and arguments.get("plan_file"):
            try:
                arguments.update(self._approved(arguments, memory))
            except plan_file.PlanError as error:
                return {"failed": True, "changed": False, "msg": str(error)}
        here = self._in_process(task_vars)
        if here:
            result = self._run_here(arguments)
        else:
            result = self._execute_module(
                module_name=self._task.resolved_action or self._task.action,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
        if self._name() in GOING_ON and not result.get("failed"):
            beyond = importlib.import_module(BEYOND + self._name())
            result = beyond.go_on(self, self._checked(arguments).validated_parameters, result, task_vars, here)
        planned = result.pop("planned", None)
        if place := result.pop("place", None):
            memory.stands_at(place)
        if part:
            memory.remember(part, self._name(), result, planned)
        if verb in WRITING:
            memory.note(self._name(), not result.get("failed") and not result.get("awaiting"))
        return result

    def _approved(self, arguments: dict[str, Any], memory: RunMemory) -> dict[str, Any]:
        """What the plan file lets this tier do, and where. Raises PlanError.

        A run that has found the plan to be right goes on with it however long the tiers before this one took.
        """
        path = Path(arguments["plan_file"])
        plan = plan_file.read(path)
        plan_file.check_refusals(plan, path)
        if memory.approved is None:
            plan_file.check_age(plan, path, int(arguments.get("plan_max_age", 1440)), datetime.now(UTC))
        elif memory.approved != plan["checksum"]:
            raise plan_file.PlanError(f"platform_plan: {path} is not the plan any more with which this run began")
        return {
            "approved": plan_file.approved(plan, self._name(), begun=arguments.get("verb") == "await"),
            "approved_for": {name: plan[name] for name in plan_file.PLACE},
        }

    def _in_process(self, task_vars: dict[str, Any]) -> bool:
        interpreter = task_vars.get("ansible_python_interpreter")
        if interpreter is not None:
            interpreter = self._templar.template(interpreter)
        same = interpreter in (None, "auto", "auto_silent") or os.path.abspath(interpreter) == os.path.abspath(sys.executable)
        become = self._connection.become is not None
        return self._connection.transport == "local" and not become and not self._task.async_val and same

    def _run_here(self, arguments: dict[str, Any]) -> dict[str, Any]:
        tier = self._tier()
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        os.environ.update(_plain(environment))
        checked = self._checked(arguments)
        secrets = checked._no_log_values
        if checked.error_messages:
            message = "; ".join(checked.error_messages)
            return remove_values({"failed": True, "msg": message}, secrets)
        progress = _Progress(self._name())
        options = RunOptions(self._task.check_mode, self._task.diff, progress, progress.counted)
        result = run(tier, checked.validated_parameters, options)
        # For the next tiers, not for anyone's eyes; they hold no secret, but names that a secret may be a part of.
        unseen = {name: result.pop(name) for name in ("planned", "place") if name in result}
        result = {**remove_values(result, secrets), **unseen}
        result["invocation"] = {"module_args": remove_values(checked.validated_parameters, secrets)}
        return result

    def _checked(self, arguments: dict[str, Any]) -> ValidationResult:
        from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

        return ArgumentSpecValidator({**aws_argument_spec(), **self._tier().argument_spec()}).validate(arguments)

    def _name(self) -> str:
        return (self._task.resolved_action or self._task.action).rsplit(".", 1)[-1]

    def _tier(self) -> Tier:
        try:
            return importlib.import_module(COLLECTION + self._name()).TIER
        except ImportError as error:
            raise AnsibleActionFail(f"the {self._name()} tier cannot be loaded: {error}") from error


class _Progress:
    """A line now and then about each wait and about how far the tier is, on stderr so that the output of a run stays what its
    callback writes."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.said: dict[str, float] = {}
        self.done, self.total = 0, 0
        self.spoke = time.monotonic()
        self.lock = threading.Lock()

    def __call__(self, address: str, state: str, seconds: float) -> None:
        with self.lock:
            # A wait that is younger than the last that was told of is another one.
            before = self.said.get(address, 0.0)
            due = seconds - (before if seconds >= before else 0.0) >= SAY_EVERY
            if due or seconds < before:
                self.said[address] = seconds
            if due:
                minutes, rest = divmod(int(seconds), 60)
                self._say(f"{address}  {state}  {minutes}m{rest:02d}s  ({self.done} of {self.total} done)")

    def counted(self, done: int, total: int) -> None:
        with self.lock:
            self.done, self.total = done, total
            if time.monotonic() - self.spoke >= SAY_EVERY:
                self._say(f"{self.tier}  {done} of {total} done")

    def _say(self, line: str) -> None:
        self.spoke = time.monotonic()
        Display().display(line, stderr=True)


def _plain(value: Any) -> Any:
    """Without the controller's tagged types, which nothing outside Ansible needs to know."""
    return json.loads(json.dumps(value, default=str))
