# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: observe, plan and, outside check mode, apply."""

from __future__ import annotations

import dataclasses
import functools
import time
import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .approval import Approved, objection
from .delta import Delta
from .errors import EngineError, Refused
from .executor import execute
from .graph import Graph
from .ground import ground
from .observer import Observer, pick
from .overlay import Overlay
from .plan import Action, Plan
from .planner import Values, foreign, plan_adoption, plan_present, provide_looked_up, unfinished
from .prune import kinds_of, outside
from .prune import prune as add_deletions
from .reference import references, resolve
from .resource import Context, Kind, Observed, Resource, Stranger, View
from .standing import tell, told
from .teardown import plan_absent
from .walk import strangers

WORKERS = 16
# How often a deletion looks for what appeared in the meantime.
SWEEPS = 3
# Seconds before each look for a resource whose creation got no answer: AWS lists new ones with a delay.
LOOK_AGAIN = (0.5, 1, 2, 4)


@dataclass
class Outcome:
    """What a run found, planned and did. ``failures``: address -> sentence; ``skipped``: planned but not reached.

    ``ground``: what each planned action rests on, by digests; only where nothing is written. ``traceback``: of a failure that is a
    mistake of ours.
    ``strangers``: what a drift found that is not in the configuration; None where nobody looked.
    ``awaiting``: what a run that only starts left to a later one: begun and not ready, or resting on something that is.
    """

    plan: Plan
    resources: dict[str, Observed] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    awaiting: list[str] = field(default_factory=list)
    ground: dict[str, dict[str, str]] = field(default_factory=dict)
    traceback: str | None = None
    strangers: list[Stranger] | None = None


class _Moving(Exception):
    """A tier that this one rests on will not stay as it is."""


def _listing_refusals(work: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Where refusals are listed, so is what a kind refuses as soon as it reads; nothing more of the tier is known then."""

    @functools.wraps(work)
    def listed(self: Reconciler, *args: Any, **kwargs: Any) -> Outcome:
        try:
            return work(self, *args, **kwargs)
        except Refused as error:
            if not self.show_refusals:
                raise
            return Outcome(Plan(refusals=error.refusals))

    return listed


class Reconciler:
    """Makes the account like the configuration, or says what that would take.

    ``explain(error, doing)``: an API error as a sentence, or None for an error that is none of the API's (a bug), which is raised
    as it is where nothing has been written yet. ``lost(error)``: whether the error leaves open if a creation happened. ``start``:
    begin what AWS needs minutes for (waiters with ``later``) without waiting for it. ``show_refusals``: in check mode only, list
    what is refused instead of raising. ``approved``: what may be done (see approval.py); the rest is refused.
    ``counted(done, total)``: told when the actions begin and after each.
    Raises EngineError before any write for what is wrong or refused.
    """

    def __init__(
        self,
        context: Context,
        kinds: Iterable[Kind],
        check_mode: bool,
        overlay: Overlay | None = None,
        explain: Callable[[Exception, str], str | None] = lambda error, doing: None,
        lost: Callable[[Exception], bool] = lambda error: False,
        start: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        show_refusals: bool = False,
        approved: Approved | None = None,
        counted: Callable[[int, int], None] = lambda done, total: None,
    ):
        self.context = context
        self.kinds = tuple(kinds)
        self.check_mode = check_mode
        self.overlay = overlay or Overlay()
        self.explain = explain
        self.lost = lost
        self.start = start
        self.sleep = sleep
        self.show_refusals = show_refusals
        self.approved = approved
        self.counted = counted
        self.values = Values()

    @_listing_refusals
    def present(self, resources: Iterable[Resource], prune: Collection[str] = ()) -> Outcome:
        """Make the account like the configuration, and delete what ``prune`` names, which is not in it."""
        graph = Graph(resources)
        pruned = kinds_of(prune)
        # What was told has no tags, by which the walk tells what is ours.
        known = dict if pruned else lambda: told(graph, self.overlay)
        seen = self._reading(Observer(self.context, self.kinds, graph, thorough=pruned, known=known).run)
        plan = self._reading(lambda: plan_present(self.context, graph, seen, self.overlay, self.values))
        if pruned:
            walking = [kind for kind in self.kinds if kind.name in pruned]
            others = self._reading(lambda: strangers(self.context, walking, graph, seen, self.overlay))
            self._reading(lambda: add_deletions(self.context, self._by_name(), graph, seen, plan, prune, others))
        tell(graph, seen, plan, self.overlay)
        return self._with_resources(self._finish(plan, graph), graph)

    def idle(self, resources: Iterable[Resource], turn: Callable[[], Collection[str]]) -> tuple[Outcome | None, set[str]]:
        """What ``present`` answers where nothing is to be done, not even waited for; and the tiers that this rests on, since it
        refers to what is theirs. None where something is to be done, or in one of those tiers. Writes nothing.

        ``turn``: returns when the tiers before have told what stands, and answers those in which something is to be done;
        meanwhile this one's own is read. Raises as ``present``.
        """
        graph = Graph(resources)
        rests_on = {str(resource.provider) for resource in graph.looked_up()}

        def known() -> dict[str, Observed]:
            if not rests_on.isdisjoint(turn()):
                raise _Moving
            return told(graph, self.overlay)

        try:
            seen = self._reading(Observer(self.context, self.kinds, graph, known=known).run)
        except _Moving:
            return None, rests_on
        turn()
        plan = self._reading(lambda: plan_present(self.context, graph, seen, self.overlay, self.values))
        if plan.actions or plan.refusals:
            return None, rests_on
        tell(graph, seen, plan, self.overlay)
        return self._with_resources(Outcome(plan), graph), rests_on

    def _with_resources(self, outcome: Outcome, graph: Graph) -> Outcome:
        managed = {resource.address for resource in graph.managed()}
        outcome.resources = {address: item for address, item in self.values.live.items() if address in managed}
        return outcome

    @_listing_refusals
    def absent(self, resources: Iterable[Resource], keep_data: bool = False) -> Outcome:
        """Delete whatever the tier owns; with ``keep_data`` neither what holds data nor what that rests on."""
        graph = Graph(resources)
        self.overlay.standing.clear()
        seen = self._reading(Observer(self.context, self.kinds, graph, for_deletion=True).run)
        plan = self._reading(lambda: plan_absent(self.context, self.kinds, graph, seen, self.overlay, keep_data))
        return self._finish(plan, graph, lambda outcome: self._after_deletion(graph, keep_data, outcome))

    def _after_deletion(self, graph: Graph, keep_data: bool, outcome: Outcome) -> None:
        """What was deleted is told whatever happens then."""
        try:
            self._reading(lambda: self._sweep(graph, keep_data, outcome))
        except EngineError as error:
            outcome.failures[f"what the {self.context.owner.tier} tier leaves"] = str(error)

    def _sweep(self, graph: Graph, keep_data: bool, outcome: Outcome) -> None:
        """Delete what others made, or let go of, while the rest was being deleted."""
        late = {kind.name for kind in self.kinds if kind.aftermath}
        read = {need for kind in self.kinds if kind.aftermath for need in kind.observe_after} | late
        kinds = [kind for kind in self.kinds if kind.name in read]
        for _round in range(SWEEPS if late else 0):
            if outcome.failures:
                return
            seen = Observer(self.context, kinds, graph, for_deletion=True).run()
            seen.managed = {address: item for address, item in seen.managed.items() if address.split("/", 1)[0] in late}
            plan = plan_absent(self.context, kinds, graph, seen, self.overlay, keep_data)
            outcome.plan.kept.update(plan.kept)
            self._refuse_what_was_not_approved(plan, graph)
            for refusal in plan.refusals:
                outcome.failures[refusal.address] = str(refusal)
            if plan.refusals or not plan.actions:
                return
            self._apply(plan, outcome)
            known = {action.address for action in outcome.plan.actions}
            outcome.plan.actions += [action for action in plan.actions if action.address not in known]

    @_listing_refusals
    def drift(self, resources: Iterable[Resource], walks: Iterable[Kind] = ()) -> Outcome:
        """What is not as the configuration says, found by whatever way there is. Only for check mode.

        ``walks``: kinds that only know ``strangers``.
        """
        graph = Graph(resources)
        seen = self._reading(Observer(self.context, self.kinds, graph, thorough=self._by_name()).run)
        plan = self._reading(lambda: plan_present(self.context, graph, seen, self.overlay, self.values, lenient=True))
        found = self._reading(lambda: strangers(self.context, (*self.kinds, *walks), graph, seen, self.overlay))
        self.overlay.seen |= seen.names
        outcome = self._finish(plan, graph)
        outcome.strangers = outside(self.context, self._by_name(), graph, seen, plan.unmanaged) + found
        return outcome

    @_listing_refusals
    def adopt(self, resources: Iterable[Resource]) -> Outcome:
        """Write our tags to what stands under our names without them."""
        graph = Graph(resources)
        seen = self._reading(Observer(self.context, self.kinds, graph, for_deletion=True).run)
        return self._finish(plan_adoption(self.context, graph, seen, self.values), graph)

    def look_up(self, resources: Iterable[Resource], wanted: Any, lenient: bool = False) -> tuple[Any, Plan]:
        """``wanted`` with its references to other tiers' ``resources`` resolved, Unknown where this run is to make them.

        Raises MissingDependency for what is neither there nor to be made; ``lenient``: the plan, empty otherwise, refuses that.
        """
        graph, missing = Graph(resources), Plan()
        seen = self._reading(Observer(self.context, self.kinds, graph).run)
        provide_looked_up(self.context, graph, seen, self.overlay, self.values, missing if lenient else None)
        return resolve(wanted, self.values.lookup), missing

    def _by_name(self) -> dict[str, Kind]:
        return {kind.name: kind for kind in self.kinds}

    def _reading(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except EngineError:
            raise
        except Exception as error:
            sentence = self.explain(error, (getattr(error, "__notes__", None) or [f"read the {self.context.owner.tier} tier"])[0])
            if sentence is None:
                raise
            raise EngineError(sentence) from error

    def _finish(self, plan: Plan, graph: Graph, afterwards: Callable[[Outcome], None] = lambda outcome: None) -> Outcome:
        outcome = Outcome(plan)
        self._refuse_what_was_not_approved(plan, graph)
        if self.check_mode:
            if plan.refusals and not self.show_refusals:
                raise Refused(plan.refusals)
            self._remember(plan)
            outcome.ground = ground(self.context, plan, graph, self.values)
        else:
            if plan.refusals:
                raise Refused(plan.refusals)
            self._apply(plan, outcome)
            afterwards(outcome)
        return outcome

    def _refuse_what_was_not_approved(self, plan: Plan, graph: Graph) -> None:
        if self.approved is None:
            return
        grounds = ground(self.context, plan, graph, self.values)
        for action in plan.actions:
            reason = action.reported and objection(self.approved, action, grounds[action.address])
            if reason:
                plan.refuse(action.address, f"{reason}; make a new plan")

    def _remember(self, plan: Plan) -> None:
        """Note what later tiers of this run may refer to. An update counts: it may be what brings back a name."""
        for action in plan.actions:
            if action.verb == "delete":
                self.overlay.delete(action.address)
            elif action.reported and action.verb != "adopt":
                known = self._known(action)
                secrets = {field.name for field in action.resource.kind.fields if field.sensitive}
                self.overlay.plan(action.address, {name: value for name, value in known.items() if name not in secrets})

    def _known(self, action: Action) -> dict[str, Any]:
        """What can be told in advance of a planned resource: where it stands already, what it is and what it is to become."""
        if action.address in self.values.planned:
            return dict(self.values.planned[action.address])
        known = {**self.values.desired(self.context, action.resource).desired, **_set(action.observed.attributes)}
        return {name: value for name, value in _set(known).items() if name != "tags"}

    def _apply(self, plan: Plan, outcome: Outcome) -> None:
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            failures, begun = execute(plan.actions, self._perform, pool, self.counted)
        for action in plan.actions:
            if action.key in failures:
                outcome.failures[action.address] = self._sentence(action, failures[action.key], outcome)
        stopped = _with_dependents(plan, set(failures))
        postponed = _with_dependents(plan, begun) - begun - stopped
        outcome.awaiting = sorted({action.address for action in plan.actions if action.key in begun | postponed})
        plan.actions = [action for action in plan.actions if action.key not in postponed]
        reported = [action for action in plan.actions if action.reported]
        outcome.applied = sorted({*outcome.applied, *(action.address for action in reported if action.key not in stopped)})
        outcome.skipped = sorted({a.address for a in reported if a.key in stopped} - set(outcome.failures))

    def _sentence(self, action: Action, error: Exception, outcome: Outcome) -> str:
        """For an error that is none of the API's (a bug) too, so that what was done meanwhile is told; with its traceback."""
        if isinstance(error, EngineError):
            return str(error)
        doing = {"delete_first": "replace", "await": "wait for", "adopt": "tag"}.get(action.verb, action.verb)
        sentence = self.explain(error, f"{doing} {action.address}")
        if sentence is None:
            outcome.traceback = "".join(traceback.format_exception(error))
            return f"Could not {doing} {action.address}, by a mistake of this collection: {type(error).__name__}: {error}"
        return sentence

    def _perform(self, action: Action) -> bool:
        """Answers whether the resource is ready; False: it was only begun."""
        kind, address = action.resource.kind, action.address
        if action.verb == "await_gone":
            kind.wait_gone(self.context, action.observed)
            return True
        if action.verb in ("delete", "delete_first"):
            if action.verb == "delete" and action.observed.fields.get("deletion_protection"):
                # Planned only where it may be lifted.
                kind.unprotect(self.context, action.observed)
            kind.delete(self.context, action.observed, action.resource.options)
            if kind.waiter and kind.waiter.await_deletion:
                kind.wait_gone(self.context, action.observed)
            return True
        observed = action.observed
        if action.verb == "adopt":
            kind.update(self.context, self._adopted(action), observed, action.delta)
            return True
        resource = self.values.desired(self.context, action.resource)
        if action.verb in ("create", "replace"):
            if action.verb == "replace":
                resource = kind.successor(resource, observed)
            observed = self._create(kind, resource)
            if observed.tags is None and kind.tagged:
                observed.tags = dict(resource.desired["tags"])
            changing = True
        else:
            changing = unfinished(kind, observed)
        delta = self.values.difference(self.context, resource, observed)
        if delta:
            if changing and observed.state not in (kind.waiter.stuck if kind.waiter else ()):
                kind.wait_ready(self.context, observed)
            kind.update(self.context, resource, observed, delta)
            changing = True
        ready = self._ready(kind, observed) if changing else True
        self.values.made(address, settled(observed, resource, delta))
        return ready

    def _adopted(self, action: Action) -> Resource:
        """The resource as far as it is known without others, with the tags that it is to carry."""
        known = {name: value for name, value in action.resource.desired.items() if not list(references(value))}
        return dataclasses.replace(action.resource, desired={**known, "tags": action.delta["tags"].new})

    def _create(self, kind: Kind, resource: Resource) -> Observed:
        """Create; when the answer got lost, look before creating again."""
        try:
            return kind.create(self.context, resource)
        except Exception as error:
            if not self.lost(error):
                raise
            return self._made_meanwhile(kind, resource) or kind.create(self.context, resource)

    def _made_meanwhile(self, kind: Kind, resource: Resource) -> Observed | None:
        def of(name: str) -> dict[str, Observed]:
            # Other threads go on adding what they made.
            return {address: item for address, item in list(self.values.live.items()) if address.startswith(name + "/")}

        view = View.within(self.context, [resource], of, thorough=True)
        for delay in LOOK_AGAIN:
            self.sleep(delay)
            found, _ambiguous = pick(kind.observe(view), set())
            made = found.get(resource.address)
            if made and not made.in_the_way and not foreign(self.context, kind, made):
                return made
        return None

    def _ready(self, kind: Kind, observed: Observed) -> bool:
        """Wait until it is ready; where it is for a later run to wait, look once."""
        if self.start and kind.waiter and kind.waiter.later:
            return kind.is_ready(self.context, observed)
        kind.wait_ready(self.context, observed)
        return True


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _with_dependents(plan: Plan, keys: set[str]) -> set[str]:
    """``keys`` and the keys of all steps that rest on them."""
    found = set(keys)
    while more := {action.key for action in plan.actions if action.needs & found} - found:
        found |= more
    return found


def settled(observed: Observed, resource: Resource, delta: Delta) -> Observed:
    """``observed`` with the written changes in it."""
    for change in delta:
        if change.field.name == "tags":
            observed.tags = dict(resource.desired["tags"])
        else:
            observed.fields[change.field.name] = change.new
    return observed
