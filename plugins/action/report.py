# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report of what the tiers of a play found. What each kind of report does stands in a function of its own, in ``REPORTS``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible_collections.agent_platform.aws.plugins.module_utils.kinds import KINDS
from ansible_collections.agent_platform.aws.plugins.module_utils.report import drift, plan_file, teardown
from ansible_collections.agent_platform.aws.plugins.module_utils.report.comparison import moved
from ansible_collections.agent_platform.aws.plugins.module_utils.report.markdown import markdown
from ansible_collections.agent_platform.aws.plugins.module_utils.report.plan_file import PlanError
from ansible_collections.agent_platform.aws.plugins.module_utils.report.summary import summarise
from ansible_collections.agent_platform.aws.plugins.module_utils.report.text import lines
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory, part_of
from ansible_collections.agent_platform.aws.plugins.plugin_utils.version import collection_version

SUMMARY_CALLBACK = "agent_platform.aws.summary"
# How many differences a message lists.
LISTED = 50


@dataclass
class Run:
    """What a report is made of. ``results``: tier -> result of the verb that the report is about. ``tiers``: those that the tags of
    the run name, in their order, whether they came to a result or not.
    """

    arguments: Mapping[str, Any]
    memory: RunMemory
    check_mode: bool
    now: datetime
    tiers: Sequence[str] = ()

    def results(self, verb: str) -> dict[str, dict[str, Any]]:
        return self.memory.results(str(part_of(verb, self.check_mode)))

    def overlay(self, verb: str) -> dict[str, Any]:
        return self.memory.planned(str(part_of(verb, self.check_mode))) or {}

    @property
    def path(self) -> Path:
        return Path(self.arguments["path"])

    def plan(self) -> dict[str, Any]:
        """The plan that the tiers of this run made. Raises PlanError when there were none."""
        results = self.results("plan")
        if not results or self.memory.place is None:
            raise PlanError("No tier was planned: do the --tags name one?")
        return plan_file.document(self.memory.place, results, collection_version(), self.now)


def report_plan(run: Run) -> dict[str, Any]:
    """Write it, tell it, and fail when something is refused."""
    plan = run.plan()
    _claim(run.path)
    summary = summarise(run.results("plan").items())
    page = run.path.with_suffix(".md")
    plan_file.write(page, markdown(summary, plan))
    plan_file.write(run.path, plan_file.as_text(plan))
    shown = lines(summary, f"Plan of {plan['deployment']} in account {plan['account']}, {plan['region']}")
    shown += ["", f"Written to {run.path} and {page}; digest {plan['digest'][:12]}"]
    result = {"summary": shown, "path": str(run.path), "markdown": str(page), "digest": plan["digest"]}
    if plan["refusals"]:
        msg = f"{len(plan['refusals'])} refused, so this plan cannot be applied; the summary has the reasons"
        return {**result, "failed": True, "msg": msg}
    return result


def report_approve(run: Run) -> dict[str, Any]:
    """Fail before the first write unless the plan in the file is what the tiers planned now."""
    path = run.path
    plan = plan_file.read(path)
    fresh = run.plan()
    plan_file.check_place(plan, path, fresh)
    age = plan_file.check_age(plan, path, run.arguments["max_age"], run.now)
    plan_file.check_tiers(plan, path, fresh["tiers"])
    plan_file.check_refusals(plan, path)
    if plan["digest"] != fresh["digest"]:
        what = moved(plan, fresh)
        if len(what) > LISTED:
            what = [*what[:LISTED], f"and {len(what) - LISTED} more"]
        msg = "\n  ".join([f"Nothing was written: since {path} was made, {plan_file.age_text(age)} ago, this has moved:", *what])
        return {"failed": True, "msg": f"{msg}\nMake a new plan with playbooks/plan.yml, and have that approved"}
    run.memory.approve(plan["checksum"])
    return {"path": str(path), "digest": plan["digest"], "msg": f"As planned {plan_file.age_text(age)} ago in {path}"}


def report_drift(run: Run) -> dict[str, Any]:
    """Tell every difference, write it where that is asked for, and fail when one is not ignored."""
    results = run.results("drift")
    if not run.tiers:
        raise PlanError("No tier was looked at: do the --tags name one?")
    lost = {"failed": True, "msg": "it ended before it could look; the task above has the reason"}
    results = {tier: results.get(tier, lost) for tier in run.tiers}
    place = {name: run.arguments[name] for name in ("deployment", "environment", "region")}
    found = drift.document(place, results, run.arguments["ignores"], (run.overlay("drift")).get("seen") or ())
    if run.arguments["path"]:
        plan_file.write(run.path, json.dumps(found, indent=2) + "\n", "platform_drift_path")
    failure = drift.failure(found)
    return {"summary": drift.lines(found), "drift": found, **({"failed": True, "msg": failure} if failure else {})}


def report_adopt(run: Run) -> dict[str, Any]:
    """Tell what is or would be taken over, and fail when something is refused."""
    results = run.results("adopt")
    confirmed = run.arguments["confirmed"] and not run.check_mode
    summary = drift.adoption_lines(results, confirmed, run.arguments["deployment"])
    refused = [item for result in results.values() for item in result.get("refusals") or ()]
    errors = [str(result["msg"]) for result in results.values() if result.get("failed")]
    failure = "; ".join(errors) or (f"{len(refused)} refused; the report has the reasons" if refused else "")
    return {"summary": summary, **({"failed": True, "msg": failure} if failure else {})}


def report_before_destroy(run: Run) -> dict[str, Any]:
    """Fail when something is refused; tell what would go, unless it goes now."""
    looked, deployment = run.results("destroy"), run.arguments["deployment"]
    summary = teardown.before(deployment, looked)
    if reasons := teardown.refused(looked):
        return {"summary": summary, "failed": True, "msg": "\n  ".join(["Refused, and nothing was deleted:", *reasons])}
    return {"summary": [] if run.arguments["confirmed"] else summary + teardown.way_on(deployment, looked)}


def report_after_destroy(run: Run) -> dict[str, Any]:
    """Tell what went, what is kept and what was left behind."""
    told = teardown.before if run.check_mode else teardown.after
    return {"summary": told(run.arguments["deployment"], run.results("destroy"))}


REPORTS: dict[str, Callable[[Run], dict[str, Any]]] = {
    "plan": report_plan,
    "approve": report_approve,
    "drift": report_drift,
    "adopt": report_adopt,
    "before_destroy": report_before_destroy,
    "after_destroy": report_after_destroy,
}


class ActionModule(ActionBase):
    """Answers with ``summary``, which the callback ``summary`` shows at the end; without that, the task shows it itself."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        super().run(tmp, task_vars)
        _checked, arguments = self.validate_argument_spec(
            {
                "what": {"type": "str", "choices": list(REPORTS), "required": True},
                "path": {"type": "str"},
                "max_age": {"type": "int", "default": 1440},
                "deployment": {"type": "str"},
                "environment": {"type": "str"},
                "region": {"type": "str"},
                "ignores": {"type": "list", "elements": "dict", "default": []},
                "confirmed": {"type": "bool", "default": False},
            },
            required_if=[
                *(("what", what, ["path"]) for what in ("plan", "approve")),
                *(("what", what, ["deployment"]) for what in ("drift", "adopt", "before_destroy", "after_destroy")),
            ],
        )
        memory = RunMemory(task_vars.get("inventory_hostname", "localhost"))
        try:
            named = tagged_tiers(task_vars.get("ansible_run_tags") or ["all"], task_vars.get("ansible_skip_tags") or [])
            result = REPORTS[arguments["what"]](Run(arguments, memory, self._task.check_mode, datetime.now(UTC), named))
        except PlanError as error:
            result = {"failed": True, "msg": str(error)}
        if "summary" in result and SUMMARY_CALLBACK not in C.CALLBACKS_ENABLED:
            result["_ansible_verbose_always"] = True
        return {"changed": False, **result}


def tagged_tiers(run_tags: Sequence[str], skip_tags: Sequence[str]) -> list[str]:
    """The tiers whose plays run with these --tags and --skip-tags."""
    every = bool({"all", "tagged"} & set(run_tags))
    return [tier for tier in KINDS if (every or tier in run_tags) and not {tier, "all", "tagged"} & set(skip_tags)]


def _claim(path: Path) -> None:
    """Raises PlanError when another host of this run writes there."""
    name = "".join(c if c.isalnum() else "_" for c in str(path.resolve()))[-200:]
    try:
        (Path(C.DEFAULT_LOCAL_TMP) / f"agent_platform_plan_{name}").touch(exist_ok=False)
    except FileExistsError:
        raise PlanError(
            f"platform_plan_path: two hosts of this run write to {path}; put {{{{ platform_deployment }}}} into the name"
        ) from None
