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
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.utils.vars import load_extra_vars
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import WRITING, RunOptions, Tier, nothing_done, run
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import plain, runs_here
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory, part_of

COLLECTION = "ansible_collections.agent_platform.aws.plugins.modules."
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
        arguments = {**plain(self._task.args), "planned": memory.planned(part) if part else None}
        if verb in WRITING and arguments.get("plan_file"):
            try:
                arguments.update(self._approved(arguments, memory))
            except plan_file.PlanError as error:
                return {"failed": True, "changed": False, "msg": str(error)}
        if runs_here(self, task_vars):
            result = self._run_here(arguments)
        else:
            result = self._execute_module(
                module_name=self._task.resolved_action or self._task.action,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
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

    def _run_here(self, arguments: dict[str, Any]) -> dict[str, Any]:
        from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

        tier = self._tier()
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        os.environ.update(plain(environment))
        checked = ArgumentSpecValidator({**aws_argument_spec(), **tier.argument_spec()}).validate(arguments)
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
