"""The shape of a contract case: data that the one suite runs for every kind of resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One resource of a tier, and for each field of its kind another value to change it to.

    ``updates``: fields that change in place; a value, or a function of the desired one. ``immutable``: fields that do not.
    ``exempt``: field -> why it has neither.
    """

    kind: str
    address: str
    updates: dict[str, Any] = field(default_factory=dict)
    immutable: dict[str, Any] = field(default_factory=dict)
    exempt: dict[str, str] = field(default_factory=dict)
