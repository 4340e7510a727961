# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The graph backwards: what leaves nothing behind but what must be kept.

Its only calls are a kind's ``blocks_delete``, ``holds``, ``leaves`` and ``left_before``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .graph import Graph
from .observer import Observation
from .overlay import DATA, Overlay
from .plan import Action, Plan
from .planner import foreign, guarded, lasting
from .resource import Context, Kind, Left, Observed, Resource


def plan_absent(
    context: Context, kinds: Iterable[Kind], graph: Graph, seen: Observation, overlay: Overlay, keep_data: bool = False
) -> Plan:
    """Delete whatever carries the tier's tags, in the configuration or not.

    ``keep_data``: keep what holds data, and everything that it rests on, in this tier and (through the overlay) in those after it.
    """
    teardown = _Teardown(context, {kind.name: kind for kind in kinds}, graph, overlay)
    teardown.respect_what_was_left()
    for address, observed in sorted(seen.managed.items()):
        teardown.consider(address, observed, keep_data)
    teardown.keep_what_is_held()
    return teardown.plan()


class _Teardown:
    def __init__(self, context: Context, kinds: Mapping[str, Kind], graph: Graph, overlay: Overlay):
        self.context = context
        self.kinds = kinds
        self.graph = graph
        self.overlay = overlay
        self.result = Plan()
        self.going: dict[str, Action] = {}
        # Id -> address.
        self.kept: dict[str, str] = {}

    def respect_what_was_left(self) -> None:
        for kind in self.kinds.values():
            resources = [resource for resource in self.graph.managed() if resource.kind.name == kind.name]
            for left in kind.left_before(self.context, resources):
                self._leave(left)

    def consider(self, address: str, observed: Observed, keep_data: bool) -> None:
        kind = self.kinds[address.split("/", 1)[0]]
        if kind.implicit or observed.in_the_way:
            return
        resource = self.graph.resources.get(address) or Resource(kind, address.split("/", 1)[1])
        if observed.leaving:
            if kind.waiter and kind.waiter.await_deletion and not kind.revivable and not foreign(self.context, kind, observed):
                self.going[address] = Action("await_gone", address, resource, observed)
            return
        if foreign(self.context, kind, observed):
            # What stands in our place need not rest on what ours would. Data may be encrypted with our keys, though.
            reason = f"{observed.id} was not made by deployment {self.context.owner.deployment}"
            self._keep(address, observed, reason, alone=not lasting(kind))
            for identity in kind.occupies(observed):
                self.overlay.held.setdefault(identity, address)
            return
        holds = "data" if kind.stateful else kind.holds(self.context, observed) if keep_data else None
        if keep_data and holds:
            self._keep(address, observed, f"{observed.id} holds {holds}; destroy_data={self.context.owner.deployment} takes it too")
            return
        if self._holder(address, observed):
            self.going[address] = Action("delete", address, resource, observed)
            return
        block = guarded(self.context, kind, observed, resource.options, address in self.graph.resources)
        if block and block.refuse:
            self.result.refuse(address, block.reason)
        elif block:
            self._keep(address, observed, block.reason, block.alone)
        else:
            left = kind.leaves(self.context, observed, resource.options)
            if left:
                self._leave(left)
            reason = "its deletion protection is lifted first" if observed.fields.get("deletion_protection") else None
            self.going[address] = Action(
                "delete",
                address,
                resource,
                observed,
                reason=reason,
                leaves=left and ", ".join(filter(None, [left.text, left.term])),
            )

    def _leave(self, left: Left) -> None:
        for need in left.needs:
            self.overlay.held[need] = f"the {left.text}"

    def keep_what_is_held(self) -> None:
        """What something rests on that is kept; and so on."""
        while held := {
            address: holder
            for address, action in self.going.items()
            if action.verb == "delete" and (holder := self._holder(address, action.observed))
        }:
            for address, holder in held.items():
                action = self.going.pop(address)
                self._keep(address, action.observed, f"{holder}, which is kept, rests on it")

    def plan(self) -> Plan:
        self.result.actions = list(self.going.values())
        inside = enclosures(self.kinds)
        for action in self.result.actions:
            kind_name = action.resource.kind.name
            action.needs = {other.key for other in self.result.actions if kind_name in inside[other.resource.kind.name]}
            # Within a kind, what refers to another goes before it.
            action.needs |= {
                other.key
                for other in self.result.actions
                if other.resource.kind.name == kind_name and action.address in self.graph.parents.get(other.address, ())
            }
        return self.result

    def _keep(self, address: str, observed: Observed, reason: str, alone: bool = False) -> None:
        self.result.kept[address] = reason
        self.kept[observed.id] = address
        if alone:
            return
        kind = self.kinds[address.split("/", 1)[0]]
        needs = self.graph.rests_on(address)
        if kind.stateful or address not in self.graph.resources:
            # It rests on whatever it names as it stands, too.
            needs |= set(texts(observed))
        for need in needs:
            self.overlay.held.setdefault(need, address)
        if kind.stateful and not kind.plain and not kind.guards:
            # A key that was in use before is named nowhere.
            self.overlay.held.setdefault(DATA, address)

    def _holder(self, address: str, observed: Observed) -> str | None:
        kind = self.kinds[address.split("/", 1)[0]]
        # What AWS cannot tag is a part of something else, and has its id.
        own = (observed.id, str(observed.attributes.get("arn"))) if kind.tagged else ()
        names = (address, *own, *((DATA,) if kind.guards else ()))
        holder = next((self.overlay.held[name] for name in names if name in self.overlay.held), None)
        served = (self.kept[identity] for identity in kind.serves(observed) if identity in self.kept)
        return holder or next(served, None)


def texts(observed: Observed) -> Iterator[str]:
    """Every string in what was observed, at any depth, but for the resource's own names."""

    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping) and "Statement" not in value:  # a policy names whom it lets in
            for item in value.values():
                yield from walk(item)
        elif isinstance(value, (list, tuple, set, frozenset)):
            for item in value:
                yield from walk(item)

    own = {observed.id, observed.attributes.get("arn")}
    return (text for text in walk([observed.fields, observed.attributes]) if text not in own)


def enclosures(kinds: Mapping[str, Kind]) -> dict[str, set[str]]:
    """For each kind the kinds that it stands within, directly or not."""
    closed: dict[str, set[str]] = {}

    def visit(name: str) -> set[str]:
        if name not in closed:
            closed[name] = set()
            direct = set(kinds[name].within) if name in kinds else set()
            closed[name] = direct.union(*(visit(outer) for outer in direct))
        return closed[name]

    for name in kinds:
        visit(name)
    return closed
