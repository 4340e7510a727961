# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the inside of the cluster like the configuration: reads by itself, writes by way of kubernetes.core.

One task, as for every tier, with the same verbs and the same kind of result; so plan, approval, drift and the summary know it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.agent_platform.aws.plugins.action.tier import ActionModule as TierAction
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import releases, rollout
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.answers import problems, read
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.objects import BY_KIND, Object, address, selector
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.survey import Survey, gather
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.approval import objection
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, Refusal, Refused
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.plan import Plan
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Outcome
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.result import as_result, failure_message, refusals
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import contains_unknown
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import (
    WRITING,
    RunOptions,
    Tier,
    nothing_done,
    only_looks,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import kubernetes as tier_kubernetes
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.kubernetes_facts import Ground, learn
from ansible_collections.agent_platform.aws.plugins.plugin_utils import cluster

APPLY = cluster.APPLY
HELM = "kubernetes.core.helm"
# Verbs that list what is refused instead of failing.
LISTING = ("plan", "drift", "adopt")
WITHOUT = "kubernetes_run_in: none, or --skip-tags kubernetes,schema, goes on without what is in the cluster"
REQUIRED = "mend what it names and run again, or set kubernetes_rollout_required: false to be only warned of it"
ELSEWHERE = (
    "the kubernetes tier runs where ansible-playbook does: set connection: local, and run Ansible itself where the cluster "
    "can be reached"
)


class ActionModule(TierAction):
    """The module ``kubernetes``. It runs where Ansible does."""

    IN_ONE_PASS = False

    def _tier(self) -> Tier:
        return tier_kubernetes.TIER

    def is_here(self, task_vars: Mapping[str, Any]) -> bool:
        self._variables = task_vars
        return True

    def _perform(self, tier: Tier, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
        if self._connection.transport != "local" and params["run_in"] != tier_kubernetes.NOWHERE:
            return {"failed": True, "changed": False, "msg": ELSEWHERE}
        try:
            return self._reconcile(params, options)
        except Refused as error:
            return {"failed": True, "changed": False, "msg": str(error), "refusals": refusals(error.refusals)}
        except EngineError as error:
            return {"failed": True, "changed": False, "msg": str(error)}

    def _reconcile(self, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
        ground = learn(params, options.callers)
        if ground is None:
            if params["verb"] == "validate" and params["run_in"] != tier_kubernetes.NOWHERE and params["state"] == "present":
                self._helm(params)
            # Its objects are the cluster's, and go with it.
            return nothing_done()
        looks = options.check_mode or only_looks(params)
        if ground.missing.refusals:
            return {**nothing_done(), "refusals": refusals(ground.missing.refusals), **ground.for_the_run()}
        left = ""
        if contains_unknown(ground.facts["endpoint"]):
            outcome = self._looked(params, ground.survey_of_nothing(), {})
        else:
            outcome, survey = self._at_the_cluster(params, ground, looks)
            if survey and not looks and not outcome.failures and params["verb"] in WRITING:
                left = _left(params, options, ground, survey, outcome)
        result = {**as_result(outcome, options.diff_mode), **ground.for_the_run()}
        if outcome.failures:
            result.update(failed=True, msg=failure_message(outcome))
        elif left and params["rollout_required"]:
            applied = [action.address for action in outcome.plan.actions]
            result.update(failed=True, msg=f"{left}; {REQUIRED}", applied=applied, not_applied=[])
        elif left:
            result["warnings"] = [*result.get("warnings", ()), left]
        return result

    def _at_the_cluster(self, params: Mapping[str, Any], ground: Ground, looks: bool) -> tuple[Outcome, Survey | None]:
        api = ground.way().cluster()
        try:
            api.reach()
        except EngineError as error:
            reason = f"{error}; {WITHOUT}"
            if params["verb"] not in LISTING:
                raise EngineError(reason) from error
            return Outcome(Plan(refusals=[Refusal(f"cluster_api/{api.name}", reason)])), None
        survey = gather(api, ground)
        if params["verb"] == "adopt":
            return self._adopt(survey, ground, looks), survey
        with cluster.access(ground.way()) as access:
            if looks or params.get("approved") is not None:
                after = self._dry_run(access, survey)
                outcome = self._looked(params, survey, after)
                if looks:
                    return outcome, survey
            return self._apply(params, access, survey), survey

    def _looked(self, params: Mapping[str, Any], survey: Survey, after: Mapping[str, Object]) -> Outcome:
        """Raises Refused where the verb is one that writes."""
        plan = survey.plan(after)
        grounds = survey.ground(plan)
        if params.get("approved") is not None:
            for action in plan.actions:
                if reason := objection(params["approved"], action, grounds[action.address]):
                    plan.refuse(action.address, f"{reason}; make a new plan")
        if plan.refusals and params["verb"] in WRITING:
            raise Refused(plan.refusals)
        outcome = Outcome(plan, survey.resources({}), ground=grounds)
        if params["verb"] == "drift":
            outcome.strangers = survey.strangers()
            plan.actions = [action for action in plan.actions if action.verb != "delete"]
        return outcome

    # --- writes

    def _apply(self, params: Mapping[str, Any], access: cluster.Access, survey: Survey) -> Outcome:
        """Objects of Kubernetes's own kinds, then the releases, then objects of the kinds that those bring; then deletions."""
        refused = survey.plan({})
        if refused.refusals:
            raise Refused(refused.refusals)
        pending = survey.pending_releases()
        helm = self._helm(params) if pending else ""
        work = survey.work()
        first = [item for item in work if not (pending and BY_KIND[item["kind"]].release)]
        after, failures = self._write(access, first)
        done = set(after)
        for release in pending:
            if not failures and release.address in survey.stuck:
                failures = self._forget(access, release, survey.stuck[release.address])
            if not failures:
                failures = self._install(access, params, helm, release, survey.ended_badly(release))
                done |= {release.address} - set(failures)
        if pending and not failures:
            made, failures = self._write(access, [item for item in work if item not in first])
            after.update(made)
            done |= set(made)
        if not failures:
            gone, failures = self._write(access, [_reference(item) for item in survey.deletable()], state="absent")
            done |= set(gone)
        return _done(survey, after, done, failures)

    def _adopt(self, survey: Survey, ground: Ground, looks: bool) -> Outcome:
        plan = survey.adoption()
        outcome = Outcome(plan)
        if looks:
            return outcome
        if plan.refusals:
            raise Refused(plan.refusals)
        labels = {action.address: action.delta["tags"].new for action in plan.actions}
        items = [
            {**_reference(item), "metadata": {**_reference(item)["metadata"], "labels": labels[address(item)]}}
            for item in survey.desired
            if address(item) in labels
        ]
        with cluster.access(ground.way()) as access:
            _after, outcome.failures = self._write(access, items, state="patched", apply=False)
        outcome.applied = sorted(set(labels) - set(outcome.failures))
        return outcome

    def _dry_run(self, access: cluster.Access, survey: Survey) -> dict[str, Object]:
        """Address -> what the server would make of each object that may differ. Raises EngineError for what it would not take."""
        items = [item for item in survey.work() if address(item) in survey.ours]
        after, failures = self._write(access, items, check_mode=True)
        if failures:
            raise EngineError("; ".join(failures.values()))
        return after

    def _write(
        self, access: cluster.Access, items: Sequence[Object], check_mode: bool = False, state: str = "present", apply: bool = True
    ) -> tuple[dict[str, Object], dict[str, str]]:
        """One call of kubernetes.core for all. Address -> the object as the server answered it, and address -> what went wrong."""
        if not items:
            return {}, {}
        arguments = {"state": state, "resource_definition": list(items), "continue_on_error": True}
        if apply and state == "present":
            arguments["apply"] = True
        answer = cluster.call(self, self._variables, access, APPLY, arguments, check_mode)
        doing = {"absent": "delete", "patched": "label"}.get(state, "apply")
        return read(answer, items, doing)

    def _install(
        self, access: cluster.Access, params: Mapping[str, Any], helm: str, release: releases.Release, again: bool
    ) -> dict[str, str]:
        """``again``: although chart and values are the same, since the last revision did not come about."""
        arguments = {
            "release_name": release.name,
            "release_namespace": release.namespace,
            "chart_ref": release.chart,
            "chart_version": release.version,
            "release_values": release.values,
            "binary_path": helm,
            "wait": True,
            "force": again,
            "timeout": params["helm_timeout"],
            **({"chart_repo_url": release.repository} if release.repository else {}),
        }
        answer = cluster.call(self, self._variables, access, HELM, arguments)
        return {release.address: f"could not install {release.address}: {problems(answer)}"} if answer.get("failed") else {}

    def _forget(self, access: cluster.Access, release: releases.Release, stuck: releases.Stuck) -> dict[str, str]:
        """Take Helm's note of a revision that was cut off away, and nothing else: Helm then goes on from the revision before, or
        from none. What the lost one made carries the release's name, by which the next one takes it over; an uninstall would take
        definitions with it, and so whatever is of their kinds."""
        arguments = {"state": "absent", "resource_definition": [stuck.secret]}
        answer = cluster.call(self, self._variables, access, APPLY, arguments)
        why = f"could not take away the note of its revision that is {stuck.status}: {problems(answer)}"
        return {release.address: f"{release.address}: {why}"} if answer.get("failed") else {}

    def _helm(self, params: Mapping[str, Any]) -> str:
        """Its path; empty where there are no releases. Raises EngineError where it is needed and not there."""
        found = shutil.which(params["helm_binary"] or "helm")
        if found is None and params["helm_releases"]:
            names = ", ".join(entry["name"] for entry in params["helm_releases"])
            raise EngineError(
                f"kubernetes_helm_releases: {names} need Helm, and {params['helm_binary'] or 'helm'} is no program here: install "
                "Helm 3, name it in kubernetes_helm_binary, set kubernetes_helm_releases: [] to go without them, or "
                "kubernetes_run_in: none to leave the cluster's inside alone"
            )
        return found or ""


def _left(params: Mapping[str, Any], options: RunOptions, ground: Ground, survey: Survey, outcome: Outcome) -> str:
    """What does not run in the end, in words; empty for nothing. What was applied is known whether or not that can be seen."""
    try:
        return "; ".join(one.sentence for one in _rolled_out(params, options, ground, survey, outcome))
    except EngineError as error:
        return f"everything is applied, and whether it runs cannot be seen: {error}"


def _rolled_out(
    params: Mapping[str, Any], options: RunOptions, ground: Ground, survey: Survey, outcome: Outcome
) -> list[rollout.Unready]:
    """What does not run in the end. A run that only starts does not wait: what does not run yet is then ``outcome.awaiting``."""
    if not params["rollout_timeout_seconds"]:
        return []
    kinds = [BY_KIND[name] for name in rollout.KINDS]
    wanted = [address(item) for item in survey.appliable() if item["kind"] in rollout.KINDS]
    if not wanted:
        return []
    rollouts = rollout.Rollouts(ground.way().cluster, selector(ground.place.deployment), kinds, wanted)
    try:
        # What nothing was done to stands as it was read.
        looked = rollouts.look() if outcome.plan.actions else rollouts.of(survey.ours.values())
        unready = [one.address for one in looked]
    except EngineError:
        unready = wanted  # until a later look tells
    if params["verb"] == "start":
        outcome.awaiting = sorted(unready)
        return []
    return rollout.wait(rollouts.look, params["rollout_timeout_seconds"], options.progress) if unready else []


def _reference(item: Object) -> Object:
    """What names an object."""
    metadata = {key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": metadata}


def _done(survey: Survey, after: Mapping[str, Object], done: set[str], failures: dict[str, str]) -> Outcome:
    """``after``: the objects that were applied, as they stand. ``done``: what the cluster has taken, changed by it or not."""
    plan = survey.plan(after)
    planned = {action.address for action in plan.actions}
    skipped = sorted(planned - done - set(failures)) if failures else []
    return Outcome(plan, survey.resources(after, done), sorted(planned & done), failures, skipped)
