# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References between resources: how one names another's id before either exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .unknown import UNKNOWN, contains_unknown


@dataclass(frozen=True)
class Ref:
    """The ``attribute`` (``id``, ``arn``, ...) of the resource at ``address`` (``<kind>/<name>``)."""

    address: str
    attribute: str = "id"


class Derived:
    """A value computed from references: ``Derived(lambda arn: arn + ":*", Ref("log_group/flow", "arn"))``.

    ``compute`` gets the resolved parts in order; it is not called, and the value is Unknown, while a part is.
    """

    def __init__(self, compute: Callable[..., Any], *parts: Any):
        self.compute = compute
        self.parts = parts


def references(value: Any) -> Iterator[Ref]:
    """Every Ref in ``value``, at any depth."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Derived):
        yield from references(value.parts)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from references(item)


def resolve(value: Any, lookup: Callable[[Ref], Any]) -> Any:
    """``value`` with each Ref replaced by ``lookup(ref)`` (which may answer Unknown) and each Derived computed."""
    if isinstance(value, Ref):
        return lookup(value)
    if isinstance(value, Derived):
        parts = [resolve(part, lookup) for part in value.parts]
        return UNKNOWN if contains_unknown(parts) else value.compute(*parts)
    if isinstance(value, Mapping):
        return {key: resolve(item, lookup) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, lookup) for item in value]
    if isinstance(value, (set, frozenset)):
        return {resolve(item, lookup) for item in value}
    return value
