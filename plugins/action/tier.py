# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a tier's engine inside the controller's process when the connection is local."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ValidationResult
from ansible.module_utils.common.parameters import remove_values
from ansible.utils.vars import load_extra_vars
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import WRITING, RunOptions, Tier, nothing_done, run
from ansible_collections.agent_platform.aws.plugins.plugin_utils import role_arguments
from ansible_collections.agent_platform.aws.plugins.plugin_utils.ahead import VERBS, Ahead
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import HereOrThere, plain
from ansible_collections.agent_platform.aws.plugins.plugin_utils.progress import Progress
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import WROTE, RunMemory, part_of

COLLECTION = "ansible_collections.agent_platform.aws.plugins.modules."


class ActionModule(HereOrThere):
    """One action for all tiers; ``meta/runtime.yml`` routes every tier module to it."""

    # Whether the whole of the tier is what the engine finds in AWS, so that it may be looked at with others.
    IN_ONE_PASS = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        if "platform_verb" in load_extra_vars(self._loader):
            # It would win over what the playbooks say, and make a plan an apply.
            return {"failed": True, "msg": "platform_verb: it is the playbooks' to set: take it out of the extra variables"}
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        self.callers = memory.callers
        self.progress = Progress(self.name)
        if self._task.args.get("verb") == "await" and memory.is_finished(self.name):
            return nothing_done()
        if not memory.is_checked(self.name, self._task.args):
            if wrong := role_arguments.problems(self._task._role, self.name, task_vars, self._templar):
                return {"failed": True, "changed": False, "msg": wrong}
            memory.check(self.name, self._task.args)
        verb = self._task.args.get("verb", "apply")
        part = part_of(verb, self._task.check_mode)
        arguments = {**plain(self._task.args), "planned": memory.planned(part or WROTE)}
        if verb in WRITING and arguments.get("plan_file"):
            try:
                arguments.update(self._approved(arguments, memory))
            except plan_file.PlanError as error:
                return {"failed": True, "changed": False, "msg": str(error)}
        here = self.is_here(task_vars)
        if memory.begun:
            # It was cut off, so nobody knows what it did.
            memory.forget_idle(memory.begun)
        if part is None:
            memory.begin(self.name)
        result = self._run_here(arguments, memory) if here else self.there(arguments, task_vars)
        if not result.get("failed"):
            result = self._beyond(arguments, result, task_vars, here)
        memory.plan(part or WROTE, result.pop("planned", None))
        if place := result.pop("place", None):
            memory.stands_at(place)
        if part:
            memory.remember(part, self.name, result)
        if any(result.get(name) for name in ("changed", "failed", "awaiting")):
            memory.forget_idle(self.name)
        memory.end()
        if verb in WRITING:
            memory.note(self.name, not result.get("failed") and not result.get("awaiting"))
        memory.save()
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
            "approved": plan_file.approved(plan, self.name, begun=arguments.get("verb") == "await"),
            "approved_for": {name: plan[name] for name in plan_file.PLACE},
        }

    def _run_here(self, arguments: dict[str, Any], memory: RunMemory) -> dict[str, Any]:
        tier = self._tier()
        environment = self.take_environment()
        checked = self._checked(arguments)
        secrets = checked._no_log_values
        if checked.error_messages:
            message = "; ".join(checked.error_messages)
            return remove_values({"failed": True, "msg": message}, secrets)
        progress = self.progress
        options = RunOptions(self._task.check_mode, self._task.diff, progress, progress.counted, memory.callers)
        result = self._found_ahead(Ahead(memory, self.name, arguments, environment), tier, arguments, options)
        if result is None:
            result = self._perform(tier, checked.validated_parameters, options)
        # For the next tiers, not for anyone's eyes; they hold no secret, but names that a secret may be a part of.
        unseen = {name: result.pop(name) for name in ("planned", "place") if name in result}
        result = {**remove_values(result, secrets), **unseen}
        given = {name: value for name, value in checked.validated_parameters.items() if name != "planned"}
        result["invocation"] = {"module_args": remove_values(given, secrets)}
        return result

    def _found_ahead(self, ahead: Ahead, tier: Tier, arguments: Mapping[str, Any], options: RunOptions) -> dict[str, Any] | None:
        """The result as it was found together with other tiers'; None where the tier has to look for itself."""
        if not self.IN_ONE_PASS:
            return None
        if arguments["verb"] == "validate" and not self.holds_secret(arguments, tier.argument_spec()):
            ahead.announce()

        def prepared(name: str, given: Mapping[str, Any]) -> tuple[Tier, Mapping[str, Any]]:
            found = _load(name)
            return found, self.validated(given, found.argument_spec()).validated_parameters

        return ahead.find(prepared, options) if arguments["verb"] in VERBS else None

    def _checked(self, arguments: Mapping[str, Any]) -> ValidationResult:
        return self.validated(arguments, self._tier().argument_spec())

    def _beyond(
        self, arguments: Mapping[str, Any], result: dict[str, Any], task_vars: Mapping[str, Any], here: bool
    ) -> dict[str, Any]:
        """``result`` of the engine, with what a tier adds that is no resource of AWS. ``here``: the engine ran in this process."""
        return result

    def _perform(self, tier: Tier, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
        """The tier's result, with ``planned`` and ``place`` as ``tier_module.run`` answers them."""
        return run(tier, params, options)

    def _tier(self) -> Tier:
        return _load(self.name)


def _load(name: str) -> Tier:
    try:
        return importlib.import_module(COLLECTION + name).TIER
    except ImportError as error:
        raise AnsibleActionFail(f"the {name} tier cannot be loaded: {error}") from error
