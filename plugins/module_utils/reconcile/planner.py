# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From desired and observed to a plan. Pure: the only calls it makes are a kind's ``planned`` and ``blocks_delete``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .delta import Change, Delta, Field, compare, initial
from .errors import MissingDependency
from .graph import Graph
from .observer import Observation
from .overlay import Overlay
from .ownership import DEPLOYMENT
from .plan import Action, Plan
from .reference import Ref, resolve
from .resource import Block, Context, Kind, Observed, Resource
from .unknown import UNKNOWN

TAGS = Field("tags")
LIFT = "let playbooks/destroy.yml lift it with -e lift_deletion_protection=true"


def fields_of(kind: Kind) -> tuple[Field, ...]:
    return (*kind.fields, TAGS) if kind.tagged else kind.fields


class Values:
    """What references resolve to: live resources, and the known part of planned ones."""

    def __init__(self) -> None:
        self.live: dict[str, Observed] = {}
        self.planned: dict[str, Mapping[str, Any]] = {}

    def lookup(self, ref: Ref) -> Any:
        if ref.address in self.planned:
            return self.planned[ref.address].get(ref.attribute, UNKNOWN)
        return self.live[ref.address].value(ref.attribute)

    def made(self, address: str, observed: Observed) -> None:
        """The planned resource exists now."""
        self.live[address] = observed
        self.planned.pop(address, None)

    def desired(self, context: Context, resource: Resource) -> Resource:
        """``resource`` with references resolved and its tags complete."""
        values = resolve(resource.desired, self.lookup)
        if resource.kind.tagged:
            extra = dict(resource.tags)
            if resource.kind.name_tag:
                extra.setdefault("Name", f"{context.owner.environment}-{resource.name}")
            values["tags"] = context.owner.tags_for(resource.address, extra)
        return dataclasses.replace(resource, desired=values)

    def difference(self, context: Context, resource: Resource, observed: Observed) -> Delta:
        """``resource`` (resolved) against ``observed``."""
        fields = dict(observed.fields)
        if resource.kind.tagged:
            fields["tags"] = context.owner.comparable(observed.tags or {}, resource.desired["tags"])
        return compare(fields_of(resource.kind), resource.desired, fields)


def plan_present(
    context: Context,
    graph: Graph,
    seen: Observation,
    overlay: Overlay,
    values: Values,
    lenient: bool = False,
) -> Plan:
    """What makes the account like the configuration. Fills ``values`` for the apply.

    Deletes nothing. ``lenient``: what is missing of other tiers is refused like a change, and nothing is known of it.
    """
    plan = Plan()
    provide_looked_up(context, graph, seen, overlay, values, plan if lenient else None)
    steps: dict[str, Action] = {}
    for resource in graph.managed():
        address = resource.address
        observed = seen.managed.get(address)
        if address in seen.ambiguous:
            plan.refuse(
                address,
                f"{' and '.join(seen.ambiguous[address])} both carry this address in their tags; "
                "delete the one that is not in use, or remove its tags",
            )
        if observed and observed.in_the_way:
            plan.refuse(address, observed.in_the_way)
            values.live[address] = observed
            continue
        if observed and foreign(context, resource.kind, observed):
            plan.refuse(
                address,
                f"{observed.id} exists already and is not tagged as made by deployment {context.owner.deployment}; "
                "rename ours, remove it, or hand it over with playbooks/adopt.yml",
            )
        wanted = values.desired(context, resource)
        action = _decide(context, resource, wanted, observed, values, plan)
        if action.verb in ("create", "replace"):
            values.planned[address] = {**_known(wanted.desired), **resource.kind.planned(context, wanted)}
        elif observed:
            values.live[address] = observed
        if action.verb != "none":
            action.needs = {steps[parent].key for parent in graph.parents[address] if parent in steps}
            steps[address] = action
    plan.actions = _with_deletions_first(steps, graph)
    plan.unmanaged = sorted(
        address
        for address, item in seen.managed.items()
        if address not in graph.resources and not item.leaving and context.owner.owns_in_tier(item.tags or {})
    )
    return plan


def plan_adoption(context: Context, graph: Graph, seen: Observation, values: Values) -> Plan:
    """Our tags for what stands under our names without them. Nothing else about it changes."""
    plan = Plan()
    for resource in graph.managed():
        observed = seen.managed.get(resource.address)
        if observed is None or not foreign(context, resource.kind, observed):
            continue
        other = (observed.tags or {}).get(DEPLOYMENT)
        if other:
            plan.refuse(resource.address, f"{observed.id} belongs to deployment {other}; let that give it up, or rename ours")
            continue
        wanted = {**(observed.tags or {}), **context.owner.tags_for(resource.address)}
        delta = Delta([Change(TAGS, dict(observed.tags or {}), wanted)])
        plan.actions.append(Action("adopt", resource.address, resource, observed, delta))
    return plan


def lasting(kind: Kind) -> bool:
    """True for what is never replaced."""
    return kind.stateful or kind.irreplaceable


def foreign(context: Context, kind: Kind, observed: Observed) -> bool:
    """True for a resource that stands under our name but does not carry our tags."""
    bearing = kind.tagged and not kind.implicit and not observed.remade and not observed.in_the_way
    return bearing and not context.owner.owns(observed.tags or {})


def guarded(context: Context, kind: Kind, observed: Observed, options: Mapping[str, Any], declared: bool) -> Block | None:
    """Why it is not deleted. ``declared``: the configuration has it."""
    if observed.fields.get("deletion_protection") and not context.lift_protection:
        again = "" if declared else "it is not in the configuration any more: put it there again, "
        own = f"{again}set {kind.protection}: false and apply that first; or " if kind.protection else ""
        name = observed.fields.get("name") or observed.id
        return Block(f"deletion protection of {name} is on; {own}{LIFT}", refuse=True)
    return kind.blocks_delete(context, observed, options)


def unfinished(kind: Kind, observed: Observed) -> bool:
    """True for what an earlier run began and AWS has not made ready yet."""
    return kind.waiter is not None and observed.state is not None and observed.state not in kind.waiter.ready


def _decide(
    context: Context, resource: Resource, wanted: Resource, observed: Observed | None, values: Values, plan: Plan
) -> Action:
    """The step for one resource; ``wanted`` is ``resource`` as far as it can be resolved now."""
    kind, address = resource.kind, resource.address
    if observed is None:
        return Action("create", address, resource, None, initial(fields_of(kind), wanted.desired))
    delta = values.difference(context, wanted, observed)
    reason = observed.broken
    immutable = delta.immutable()
    if immutable:
        reason = "AWS cannot change " + ", ".join(change.field.name for change in immutable) + " in place"
    if lasting(kind) and observed.broken and not immutable:
        plan.refuse(address, f"{reason}, and it is not replaced, since that would lose {_loss(kind)}; {kind.next_step}")
        return Action("none", address, resource, observed)
    if reason and lasting(kind):
        changes = "; ".join(f"{item['field']}: {item['old']} -> {item['new']}" for item in (c.as_dict() for c in immutable))
        plan.refuse(
            address,
            f"{reason}{' (' + changes + ')' if changes else ''}, and replacing it would lose {_loss(kind)}; "
            "set the old value again, or make a new one under another name and move over",
        )
        return Action("none", address, resource, observed)
    way_out = kind.blocks_replace(resource, observed) if reason and not observed.broken else None
    if way_out:
        changes = "; ".join(f"{item['field']}: {item['old']} -> {item['new']}" for item in (c.as_dict() for c in immutable))
        plan.refuse(address, f"{reason} ({changes}), and replacing it would take away what is in use; {way_out}")
        return Action("none", address, resource, observed)
    if reason:
        return Action("replace", address, resource, observed, delta, reason)
    if delta:
        return Action("update", address, resource, observed, delta)
    if unfinished(kind, observed):
        return Action("await", address, resource, observed)
    return Action("none", address, resource, observed)


def _loss(kind: Kind) -> str:
    return "what it holds" if kind.stateful else "what stands upon it"


def _known(desired: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in desired.items() if value is not None and name != "tags"}


def _with_deletions_first(steps: Mapping[str, Action], graph: Graph) -> list[Action]:
    """The steps, each replacement preceded by a deletion that waits for the deletions of what stands upon it."""
    deletions = {
        address: Action("delete_first", address, action.resource, action.observed)
        for address, action in steps.items()
        if action.verb == "replace"
    }
    for address, deletion in deletions.items():
        deletion.needs = {other.key for child, other in deletions.items() if address in graph.parents[child]}
        steps[address].needs.add(deletion.key)
    return [*deletions.values(), *steps.values()]


def provide_looked_up(
    context: Context, graph: Graph, seen: Observation, overlay: Overlay, values: Values, refusing: Plan | None
) -> None:
    """Order: planned in this run, live, else an error (or in ``refusing`` a refusal) that names the tier to run first."""
    for resource in graph.looked_up():
        address = resource.address
        live = seen.looked_up.get(address)
        if address in overlay.planned:
            values.planned[address] = overlay.planned[address]
        elif live and address not in overlay.deleted and (live.tags is None or context.owner.owns(live.tags)):
            values.live[address] = live
        else:
            missing = (
                f"the {context.owner.tier} tier needs {address} of deployment {context.owner.deployment}, which does not exist "
                f"and is not planned in this run: run the {resource.provider} tier first (--tags {resource.provider})"
            )
            if refusing is None:
                raise MissingDependency(address, missing)
            refusing.refuse(address, missing, missing=True)
            values.planned[address] = {}
