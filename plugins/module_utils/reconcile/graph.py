# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desired resources as a graph: who must exist before whom."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from .errors import InvalidInput
from .reference import references
from .resource import Resource


class Graph:
    """Desired resources by address, and for each the addresses that must exist before it (``parents``), and those among them that
    it refers to (``references``).

    Raises InvalidInput for two resources at one address, for a reference to an address that nobody declares, and for a cycle.
    """

    def __init__(self, resources: Iterable[Resource]):
        self.resources: dict[str, Resource] = {}
        for resource in resources:
            if resource.address in self.resources:
                raise InvalidInput(f"{resource.address} is declared twice: names within a tier are unique")
            self.resources[resource.address] = resource
        self.parents: dict[str, set[str]] = {}
        self.references: dict[str, set[str]] = {}
        for address, resource in self.resources.items():
            self.references[address] = {ref.address for ref in references(resource.desired)}
            needed = self.references[address] | set(resource.after)
            for parent in needed:
                if parent not in self.resources:
                    raise InvalidInput(f"{address} refers to {parent}, which is not declared")
            self.parents[address] = needed
        try:
            self.order = tuple(TopologicalSorter(self.parents).static_order())
        except CycleError as error:
            raise InvalidInput("these resources refer to each other in a circle: " + " -> ".join(error.args[1])) from error

    def rests_on(self, address: str) -> set[str]:
        """Everything that the resource refers to, directly or not."""
        found: set[str] = set()
        rest = {address}
        while rest:
            rest = {parent for item in rest for parent in self.references.get(item, ())} - found
            found |= rest
        return found

    def managed(self) -> list[Resource]:
        """The resources that this tier owns, parents first."""
        return [self.resources[address] for address in self.order if self.resources[address].provider is None]

    def looked_up(self) -> list[Resource]:
        """The resources of other tiers that this one refers to."""
        return [self.resources[address] for address in self.order if self.resources[address].provider is not None]
