# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions that ``platform_prune`` asks for: of what carries our tags, holds no data and is not in the configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from .graph import Graph
from .observer import Observation
from .plan import Action, Plan
from .planner import guarded
from .resource import Context, Kind, Observed, Resource, Stranger
from .teardown import enclosures, texts


def kinds_of(names: Iterable[str]) -> set[str]:
    """The kinds that the addresses are of."""
    return {name.split("/", 1)[0] for name in names}


def parts_of(kinds: Mapping[str, Kind], graph: Graph, seen: Observation, address: str) -> list[str]:
    """What is not in the configuration and goes with ``address``: of its name, within it, and without tags of its own."""
    if address not in seen.managed or address in graph.resources:
        return []
    kind, name = address.split("/", 1)
    inner = [other for other in kinds.values() if not other.tagged and not other.implicit and kind in other.within]
    parts = [f"{other.name}/{name}" for other in inner]
    return [part for part in parts if part in seen.managed and part not in graph.resources]


def outside(
    context: Context, kinds: Mapping[str, Kind], graph: Graph, seen: Observation, unmanaged: Collection[str]
) -> list[Stranger]:
    """What is ours and not in the configuration: what carries our tags, and what can carry none and is no part of such."""
    parts = {part for address in unmanaged for part in parts_of(kinds, graph, seen, address)}
    found = []
    for address, item in sorted(seen.managed.items()):
        kind = kinds[address.split("/", 1)[0]]
        if address in unmanaged:
            found.append(
                Stranger(address, item.id, owned=True, why="it carries this deployment's tags and is not in the configuration")
            )
        elif address not in graph.resources and not (kind.tagged or kind.implicit or item.leaving) and address not in parts:
            found.append(
                Stranger(
                    address, item.id, owned=True, why="it belongs to what is this deployment's and is not in the configuration"
                )
            )
    return found


def prune(
    context: Context,
    kinds: Mapping[str, Kind],
    graph: Graph,
    seen: Observation,
    plan: Plan,
    names: Collection[str],
    strangers: Iterable[Stranger],
) -> None:
    """Add to ``plan`` the deletions of what ``names`` (addresses) asks for, or why not. What is gone already is no error."""
    inside = enclosures(kinds)
    pruned = []
    wanted = {part for name in names for part in (name, *parts_of(kinds, graph, seen, name))}
    for address in sorted(wanted):
        observed = seen.managed.get(address)
        if observed is None or (observed.leaving and address not in graph.resources):
            continue
        kind = kinds[address.split("/", 1)[0]]
        reason = _kept(context, kind, graph, observed, address) or _used(kind, graph, seen, plan, observed, inside)
        if reason:
            plan.refuse(address, reason)
            continue
        action = Action("delete", address, Resource(kind, address.split("/", 1)[1]), observed)
        plan.actions.append(action)
        pruned.append(action)
        plan.unmanaged = [other for other in plan.unmanaged if other != address]
    for item in strangers:
        if item.address in names and item.address not in seen.managed:
            plan.refuse(
                item.address,
                f"{item.id} does not carry the tags of deployment {context.owner.deployment}, so it is not pruned; delete it by "
                "hand, or, where the configuration is to have it, declare it and hand it over with playbooks/adopt.yml",
            )
    changes = {action.key for action in plan.actions if action.verb != "delete"}
    for action in pruned:
        # After every change, since one may take away the last use of it.
        action.needs = changes | {o.key for o in pruned if action.resource.kind.name in inside[o.resource.kind.name]}


def _kept(context: Context, kind: Kind, graph: Graph, observed: Observed, address: str) -> str | None:
    """Why this is nothing to prune."""
    if address in graph.resources:
        return "it is in the configuration, so it is not pruned; take it out of platform_prune, or out of the configuration"
    if kind.stateful:
        return f"{observed.id} holds data, which is never pruned; delete it by hand, or leave it"
    if kind.implicit:
        return f"{observed.id} comes and goes with what it belongs to, and is not pruned by itself; take it out of platform_prune"
    if kind.tagged and not context.owner.owns(observed.tags or {}):
        return (
            f"{observed.id} is not tagged as made by deployment {context.owner.deployment}, so it is not pruned; delete it by hand"
        )
    block = guarded(context, kind, observed, {}, declared=False)
    if block:
        return f"it is not pruned: {block.reason}"
    held = kind.holds(context, observed)
    return f"{observed.id} holds {held}, so it is not pruned; empty it first" if held else None


def _used(
    kind: Kind, graph: Graph, seen: Observation, plan: Plan, observed: Observed, inside: Mapping[str, set[str]]
) -> str | None:
    """Why a deletion would take away what the configuration still has."""
    names = {name for name in (observed.id, observed.attributes.get("arn")) if name}
    for address, holder in _left_as_they_are(graph, seen, plan):
        around = holder.address.split("/", 1)[0] in inside[kind.name]
        if not around and names & set(texts(holder)):
            return f"{address}, which is in the configuration, still refers to {observed.id}; change that first"
    return None


def _left_as_they_are(graph: Graph, seen: Observation, plan: Plan) -> Iterator[tuple[str, Observed]]:
    """What the configuration has, but for the fields that this run changes."""
    steps = {action.address: action for action in plan.actions}
    for resource in graph.managed():
        observed, step = seen.managed.get(resource.address), steps.get(resource.address)
        if observed is None or (step and step.verb == "replace"):
            continue
        changed = step.delta.changes if step else {}
        fields = {name: value for name, value in observed.fields.items() if name not in changed}
        yield resource.address, Observed(observed.address, observed.id, fields)
