# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no tag and no configuration knows, found by walking through our names and our network: each kind's ``strangers``, side by
side."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from .graph import Graph
from .observer import Observation, names_of
from .overlay import Overlay
from .resource import Context, Kind, Observed, Stranger, View


def strangers(context: Context, kinds: Iterable[Kind], graph: Graph, seen: Observation, overlay: Overlay) -> list[Stranger]:
    """Sorted by address and id. What this tier or one before it observed is none."""
    known = seen.names | overlay.seen
    standing = {**seen.looked_up, **seen.managed}
    walking = list(kinds)

    def of(name: str) -> dict[str, Observed]:
        return {address: item for address, item in standing.items() if address.startswith(name + "/")}

    def walk(kind: Kind) -> list[Stranger]:
        wanted = [resource for resource in graph.managed() if resource.kind.name == kind.name]
        try:
            found = list(kind.strangers(View.within(context, wanted, of, True, known)))
        except Exception as error:
            error.add_note(f"look for strangers among the {kind.name} resources")
            raise
        return [item for item in found if not names_of([item]) & known and item.id not in known]

    with ThreadPoolExecutor(max_workers=max(1, len(walking))) as pool:
        found = {(item.address, item.id): item for items in pool.map(walk, walking) for item in items}
    return [found[key] for key in sorted(found)]
