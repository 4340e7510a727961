# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields as data, and the difference between what is desired and what is observed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .unknown import contains_unknown, shown

SENSITIVE_TEXT = "(sensitive)"
ON_CHANGE = ("update", "replace", "keep")


def canonical_text(value: Any) -> str:
    """A text that two values share exactly when they are the same JSON, whatever the order of their keys."""
    return json.dumps(shown(value), sort_keys=True, default=str)


@dataclass(frozen=True)
class Field:
    """One setting of a kind of resource.

    ``on_change``: ``update`` in place; ``replace``: AWS cannot change it, so the resource is made anew (a stateful kind
    refuses instead); ``keep``: written at creation and then owned by another actor, never compared.
    ``unordered``: AWS treats the list as a set. ``canonical``: maps a value to what is compared and shown, for what AWS
    rewrites when it stores it. ``equal``: a comparison of its own, where no canonical form exists.
    ``sensitive``: the value never leaves the engine.
    """

    name: str
    on_change: str = "update"
    unordered: bool = False
    sensitive: bool = False
    canonical: Callable[[Any], Any] | None = None
    equal: Callable[[Any, Any], bool] | None = None

    def __post_init__(self) -> None:
        if self.on_change not in ON_CHANGE:
            raise ValueError(f"field {self.name}: on_change is one of {ON_CHANGE}, not {self.on_change!r}")
        if self.equal and (self.unordered or self.canonical):
            raise ValueError(f"field {self.name}: 'equal' decides alone, so neither 'unordered' nor 'canonical' go with it")
        if self.on_change == "keep" and (self.equal or self.unordered or self.canonical):
            raise ValueError(f"field {self.name}: a kept field is never compared")

    def normal(self, value: Any) -> Any:
        """The form in which values of this field are compared and shown."""
        if value is None:
            return None
        if self.canonical and not contains_unknown(value):
            value = self.canonical(value)
        if self.unordered and isinstance(value, (list, tuple, set, frozenset)):
            value = sorted(value, key=canonical_text)
        return value

    def same(self, desired: Any, observed: Any) -> bool:
        if contains_unknown(desired):
            return False
        if self.equal:
            return self.equal(desired, observed)
        return canonical_text(self.normal(desired)) == canonical_text(self.normal(observed))


@dataclass(frozen=True)
class Change:
    """A field that differs. ``old`` is None where nothing is set yet; ``new`` may hold Unknowns."""

    field: Field
    old: Any
    new: Any

    def as_dict(self) -> dict[str, Any]:
        """``{field, old, new}`` fit for output: no secret, no Unknown object."""
        if self.field.sensitive:
            hidden = None if self.old is None else SENSITIVE_TEXT
            return {"field": self.field.name, "old": hidden, "new": SENSITIVE_TEXT}
        return {
            "field": self.field.name,
            "old": shown(self.field.normal(self.old)),
            "new": shown(self.field.normal(self.new)),
        }


class Delta:
    """The changed fields of one resource, by name. False when there are none."""

    def __init__(self, changes: Iterable[Change] = ()):
        self.changes = {change.field.name: change for change in changes}

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __contains__(self, name: str) -> bool:
        return name in self.changes

    def __getitem__(self, name: str) -> Change:
        return self.changes[name]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes.values())

    def __len__(self) -> int:
        return len(self.changes)

    def any(self, *names: str) -> bool:
        """True when at least one of the named fields changed."""
        return any(name in self.changes for name in names)

    def immutable(self) -> list[Change]:
        """The changes that AWS cannot make in place."""
        return [change for change in self if change.field.on_change == "replace"]


def compare(fields: Iterable[Field], desired: Mapping[str, Any], observed: Mapping[str, Any]) -> Delta:
    """What would have to change. A field that ``desired`` does not set, or sets to None, is left alone."""
    changes = []
    for field in fields:
        new = desired.get(field.name)
        if new is None or field.on_change == "keep":
            continue
        old = observed.get(field.name)
        if not field.same(new, old):
            changes.append(Change(field, old, new))
    return Delta(changes)


def initial(fields: Iterable[Field], desired: Mapping[str, Any]) -> Delta:
    """The fields that a creation sets, as changes from nothing."""
    return Delta(Change(field, None, desired[field.name]) for field in fields if desired.get(field.name) is not None)
