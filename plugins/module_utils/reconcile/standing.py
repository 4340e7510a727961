# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one tier of a run found just as it is to be, so that the next one need not look it up."""

from __future__ import annotations

from .graph import Graph
from .observer import Observation
from .overlay import Overlay
from .plan import Plan
from .reference import references
from .resource import Observed


def tell(graph: Graph, seen: Observation, plan: Plan, overlay: Overlay) -> None:
    """Note what other tiers may refer to. Nothing that is to be made, changed or waited for, nor what is refused, counts: what
    that will be is not known yet.
    """
    moving = {action.address for action in plan.actions} | {refusal.address for refusal in plan.refusals}
    for resource in graph.managed():
        overlay.standing.pop(resource.address, None)
        found = seen.managed.get(resource.address)
        if resource.kind.referred and found and resource.address not in moving:
            overlay.standing[resource.address] = dict(found.attributes)


def told(graph: Graph, overlay: Overlay) -> dict[str, Observed]:
    """Of other tiers' resources, those of which this run knows all that is referred to."""
    wanted: dict[str, set[str]] = {}
    for resource in graph.resources.values():
        for ref in references(resource.desired):
            wanted.setdefault(ref.address, set()).add(ref.attribute)
    found = {}
    for resource in graph.looked_up():
        attributes = overlay.standing.get(resource.address)
        if attributes is not None and wanted.get(resource.address, set()) <= set(attributes):
            found[resource.address] = Observed(resource.address, attributes["id"], attributes=dict(attributes))
    return found
