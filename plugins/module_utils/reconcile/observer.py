# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the account: every kind at once, and what was found by address."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .graph import Graph
from .resource import Context, Kind, Observed, Resource, View


@dataclasses.dataclass
class Observation:
    """``managed``: what this tier owns or desires; ``looked_up``: what it refers to in other tiers; by address.

    ``ambiguous``: address -> ids, where more than one usable resource claims it. ``names``: see ``names_of``.
    """

    managed: dict[str, Observed]
    looked_up: dict[str, Observed]
    ambiguous: dict[str, list[str]]
    names: set[str] = dataclasses.field(default_factory=set)


class Observer:
    """Runs ``observe`` of each managed kind and ``find`` of each looked-up one side by side.

    ``known``: answers what other tiers of this run told of theirs, by address: it is not looked up. It may keep waiting for them;
    meanwhile the managed kinds are read.
    ``thorough``: the kinds of which to look for everything that is owned. ``for_deletion``: that of all, with twins, and
    for nothing of other tiers. What others left behind is looked for by a destroy alone.
    """

    def __init__(
        self,
        context: Context,
        kinds: Iterable[Kind],
        graph: Graph,
        for_deletion: bool = False,
        thorough: Collection[str] = (),
        known: Callable[[], Mapping[str, Observed]] = dict,
    ):
        self.context = context
        self.kinds = {kind.name: kind for kind in kinds if context.destroys or not kind.leftover}
        self.graph = graph
        self.foreign: dict[tuple[str, str], list[Resource]] = {}
        self.thorough = set(self.kinds) if for_deletion else set(thorough)
        self.twins = for_deletion
        self.known = known
        if not for_deletion:
            for resource in graph.looked_up():
                self.foreign.setdefault((resource.kind.name, str(resource.provider)), []).append(resource)

    def run(self) -> Observation:
        # Every read has a thread, since one kind may wait for another.
        with ThreadPoolExecutor(max_workers=max(1, len(self.kinds) + len(self.foreign))) as pool:
            managed: dict[str, Future] = {}
            for kind in self._sorted():
                managed[kind.name] = pool.submit(self._observe, kind, dict(managed))
            known = dict(self.known()) if self.foreign else {}
            unknown = [
                (provider, [r for r in group if r.address not in known]) for (_kind, provider), group in self.foreign.items()
            ]
            foreign = [pool.submit(self._find, provider, wanted) for provider, wanted in unknown if wanted]
            found = [item for future in managed.values() for item in future.result()]
            looked_up = [item for future in foreign for item in future.result()]
        usable, ambiguous = pick(found, {kind.name for kind in self.kinds.values() if kind.revivable})
        if self.twins:
            # What is on its way out holds what it stands in until it is gone.
            for item in found:
                if item.leaving:
                    usable.setdefault(item.address, item)
            usable.update(twins(found, usable))
        wanted = {resource.address for _provider, group in unknown for resource in group}
        theirs, _ambiguous = pick((item for item in looked_up if item.address in wanted), set())
        return Observation(usable, {**known, **theirs}, ambiguous, names_of(found))

    def _sorted(self) -> list[Kind]:
        """Kinds that others wait for come first, so that their futures exist."""
        ordered: list[Kind] = []
        rest = list(self.kinds.values())
        while rest:
            names = {kind.name for kind in ordered}
            ready = [kind for kind in rest if all(need in names for need in kind.observe_after)]
            if not ready:
                raise ValueError("observe_after names a kind outside the tier, or is circular: " + str([k.name for k in rest]))
            ordered += ready
            rest = [kind for kind in rest if kind not in ready]
        return ordered

    def _observe(self, kind: Kind, before: dict[str, Future]) -> list[Observed]:
        wanted = [r for r in self.graph.managed() if r.kind.name == kind.name]
        view = self._view(self.context.owner, wanted, before, kind)
        return self._read(kind, kind.observe, view)

    def _find(self, provider: str, wanted: list[Resource]) -> list[Observed]:
        kind = wanted[0].kind
        owner = dataclasses.replace(self.context.owner, tier=provider)
        return self._read(kind, kind.find, self._view(owner, wanted, {}, kind))

    def _view(self, owner: Any, wanted: list[Resource], before: dict[str, Future], kind: Kind) -> View:
        def of(name: str) -> dict[str, Observed]:
            if name not in kind.observe_after:
                raise ValueError(f"{kind.name} reads {name} but does not name it in observe_after")
            return pick(before[name].result(), set())[0]

        def desired(name: str) -> list[Resource]:
            return [resource for resource in self.graph.managed() if resource.kind.name == name]

        return View.within(dataclasses.replace(self.context, owner=owner), wanted, of, kind.name in self.thorough, desired=desired)

    def _read(self, kind: Kind, read: Callable[[View], Iterable[Observed]], view: View) -> list[Observed]:
        try:
            return [self._judge(kind, item, view) for item in read(view)]
        except Exception as error:
            error.add_note(f"read the {kind.name} resources")
            raise

    @staticmethod
    def _judge(kind: Kind, item: Observed, view: View) -> Observed:
        if kind.waiter and item.state in kind.waiter.failed and not item.broken:
            reason = kind.reason(view, item).rstrip(".")
            item.broken = f"it is in state {item.state}{' (' + reason + ')' if reason else ''}"
        return item


def names_of(found: Iterable[Observed]) -> set[str]:
    """What the resources go by: ARNs, ids where there is no ARN, and ids with their kind, since two kinds may share a name."""
    names = set()
    for item in found:
        names |= {str(item.attributes.get("arn") or item.id), f"{item.address.split('/', 1)[0]}/{item.id}"}
    return names


def twins(found: Iterable[Observed], chosen: dict[str, Observed]) -> dict[str, Observed]:
    """What stands under an address besides the chosen one, broken ones too: a deletion takes them all. Address and id name it."""
    rest = [item for item in found if not item.leaving and chosen[item.address].id != item.id]
    return {f"{item.address} ({item.id})": item for item in rest}


def pick(found: Iterable[Observed], revivable: set[str]) -> tuple[dict[str, Observed], dict[str, list[str]]]:
    """One resource for each address: a usable one before a broken one, and neither when all are leaving.

    A leaving one of a revivable kind counts when nothing better is there, and what is in the way when none of ours stands. The
    second answer names the addresses that two usable resources claim.
    """
    by_address: dict[str, list[Observed]] = {}
    for item in found:
        by_address.setdefault(item.address, []).append(item)
    chosen: dict[str, Observed] = {}
    ambiguous: dict[str, list[str]] = {}
    for address, items in by_address.items():
        ours = [item for item in items if not item.in_the_way]
        usable = [item for item in ours if not item.leaving and not item.broken]
        broken = [item for item in ours if not item.leaving and item.broken]
        leaving = [item for item in ours if item.leaving and address.split("/", 1)[0] in revivable]
        others = [item for item in items if item.in_the_way]
        ids = {item.id for item in usable}
        if len(ids) > 1:
            ambiguous[address] = sorted(ids)
        for group in (usable, broken, leaving, others):
            if group:
                chosen[address] = min(group, key=lambda item: item.id)
                break
    return chosen, ambiguous
