"""A destroy of the whole site in the test's own process, the way ``playbooks/destroy.yml`` does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import tiers


@dataclass
class Destroyed:
    """Tier -> result, in the order in which they ran."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kept(self) -> dict[str, str]:
        return {item["address"]: item["reason"] for result in self.results.values() for item in result.get("kept", ())}

    @property
    def gone(self) -> list[str]:
        return [item["address"] for result in self.results.values() for item in result.get("plan", ())]

    @property
    def left(self) -> list[str]:
        return [item["leaves"] for result in self.results.values() for item in result.get("plan", ()) if "leaves" in item]

    @property
    def refusals(self) -> dict[str, str]:
        return {item["address"]: item["reason"] for result in self.results.values() for item in result.get("refusals", ())}

    @property
    def failures(self) -> dict[str, str]:
        return {tier: result["msg"] for tier, result in self.results.items() if result.get("failed")}


def attempt(parameters: Mapping[str, Mapping[str, Any]], confirm: str = "", data: bool = False, lift: bool = False) -> Destroyed:
    """Every tier, the last one first; without ``confirm`` nothing is written. Stops at the first failure."""
    destroyed, planned = Destroyed(), None
    for tier in reversed(parameters):
        given = {
            **parameters[tier],
            "verb": "destroy",
            "confirm": confirm,
            "confirm_data": (parameters[tier].get("deployment") or confirm) if data else "",
            "lift_deletion_protection": lift,
            "planned": planned,
        }
        result = tiers.attempt(tiers.load(tier), given)
        planned = result.get("planned") or planned
        destroyed.results[tier] = result
        if result.get("failed"):
            break
    return destroyed
