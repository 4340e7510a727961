# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value that only an apply can tell, such as the id of a resource that a plan is going to create."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNKNOWN_TEXT = "(known after apply)"


class Unknown:
    """A singleton: ``UNKNOWN``. Equal to nothing but itself, shown as ``(known after apply)``, kept by copies and pickles."""

    _instance: Unknown | None = None

    def __new__(cls) -> Unknown:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return UNKNOWN_TEXT

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Unknown:
        return self

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


def contains_unknown(value: Any) -> bool:
    """True when ``value`` is, or holds at any depth, the Unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, Mapping):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(contains_unknown(item) for item in value)
    return False


def shown(value: Any) -> Any:
    """``value`` with each Unknown replaced by its text, as plain dicts and lists, for output."""
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Mapping):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((shown(item) for item in value), key=repr)
    return value


def unshown(value: Any) -> Any:
    """The inverse of ``shown`` for plain dicts and lists: the text is the Unknown again."""
    if isinstance(value, dict):
        return {key: unshown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unshown(item) for item in value]
    return UNKNOWN if value == UNKNOWN_TEXT else value
