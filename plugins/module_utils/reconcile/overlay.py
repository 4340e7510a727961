# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tiers of one run tell each other: what check mode planned, so that a later tier can refer to what does not exist yet,
what stands as it is to be, so that a later tier need not look it up, what a destroy keeps, so that a later tier keeps what that
rests on, and what a drift saw, so that no tier takes it for a stranger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .unknown import shown, unshown

# Stands among what is held for everything without which kept data could not be read.
DATA = "data"


class Overlay:
    """Planned addresses of a run. ``planned``: address -> attributes known in advance; ``deleted``: planned to go.
    ``standing``: address -> attributes of what a tier of this run found as it is to be, and others refer to; ``place``: where.
    ``held``: address, id, ARN or ``DATA`` -> the address of what is kept and rests on it. ``seen``: the names of what a drift
    observed.

    Travels between tiers as plain JSON (``as_dict``); holds no field values, so no secrets.
    """

    def __init__(self, data: Mapping[str, Any] | None = None):
        data = data or {}
        self.planned: dict[str, dict[str, Any]] = {
            address: unshown(attributes) for address, attributes in (data.get("planned") or {}).items()
        }
        self.deleted: set[str] = set(data.get("deleted") or ())
        self.standing: dict[str, dict[str, Any]] = {
            address: dict(attributes) for address, attributes in (data.get("standing") or {}).items()
        }
        self.place: dict[str, str] | None = data.get("place")
        self.held: dict[str, str] = dict(data.get("held") or {})
        self.seen: set[str] = set(data.get("seen") or ())

    def is_at(self, place: Mapping[str, str]) -> None:
        """This tier is at ``place``. What stood elsewhere is forgotten."""
        if self.place != place:
            self.place, self.standing = dict(place), {}

    def plan(self, address: str, attributes: Mapping[str, Any]) -> None:
        self.planned[address] = dict(attributes)
        self.deleted.discard(address)

    def delete(self, address: str) -> None:
        self.deleted.add(address)
        self.planned.pop(address, None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "planned": {address: shown(attributes) for address, attributes in sorted(self.planned.items())},
            "deleted": sorted(self.deleted),
            "standing": dict(sorted(self.standing.items())),
            "place": self.place,
            "held": dict(sorted(self.held.items())),
            "seen": sorted(self.seen),
        }
