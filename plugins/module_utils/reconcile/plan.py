# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run would do: actions with their dependencies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .delta import Delta
from .errors import Refusal
from .resource import Observed, Resource

VERBS = ("create", "update", "replace", "delete", "adopt")


@dataclass
class Action:
    """One change of one address, and the keys of the steps that must have ended before.

    A replacement is two steps, of which the first (``delete_first``) is not reported by itself. ``await`` steps only wait for
    something that an earlier run began, ``await_gone`` ones for the end of a deletion; they are no change and are not reported.
    ``leaves``: what a deletion leaves behind on purpose, such as a last snapshot, with its name. ``adopt`` writes our tags to what
    stands under our name without them.
    """

    verb: str
    address: str
    resource: Resource | None = None
    observed: Observed | None = None
    delta: Delta = field(default_factory=Delta)
    reason: str | None = None
    leaves: str | None = None
    needs: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return f"{self.verb} {self.address}"

    @property
    def reported(self) -> bool:
        return self.verb in VERBS

    def as_dict(self) -> dict[str, Any]:
        item: dict[str, Any] = {
            "address": self.address,
            "action": self.verb,
            "fields": [c.as_dict() for c in self.delta],
        }
        if self.verb == "adopt":
            item["id"] = self.observed.id
        if self.reason:
            item["reason"] = self.reason
        if self.leaves:
            item["leaves"] = self.leaves
        return item


@dataclass
class Plan:
    """Actions in an order that respects their dependencies, and what was noticed on the way.

    ``unmanaged``: addresses that carry this tier's tags but are not in the configuration. ``kept``: address -> why a
    deletion leaves it. ``refusals``: a plan that has any is not applied.
    """

    actions: list[Action] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unmanaged: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def refuse(self, address: str, reason: str, missing: bool = False) -> None:
        self.refusals.append(Refusal(address, reason, missing))

    def __bool__(self) -> bool:
        return any(action.reported for action in self.actions)

    def reported(self) -> list[dict[str, Any]]:
        """``[{address, action, fields: [{field, old, new}], reason?}]``, sorted by address."""
        ordered = sorted(self.actions, key=lambda action: (action.address, action.verb))
        return [action.as_dict() for action in ordered if action.reported]
