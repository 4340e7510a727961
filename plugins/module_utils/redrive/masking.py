# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be shown of a message without showing what is in it: its shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# Of a body's shape, how deep and how wide it is shown.
DEPTH = 6
WIDTH = 40


def shape(value: Any, depth: int = 0) -> Any:
    """Keys, types and lengths of a value out of JSON, never the value."""
    if isinstance(value, Mapping):
        if depth == DEPTH:
            return f"object, {len(value)} keys"
        shown = {str(key): shape(item, depth + 1) for key, item in list(value.items())[:WIDTH]}
        return {**shown, **({"...": f"{len(value) - WIDTH} more keys"} if len(value) > WIDTH else {})}
    if isinstance(value, list):
        if depth == DEPTH or not value:
            return f"list, {len(value)} items"
        return [shape(value[0], depth + 1), *([f"... {len(value)} items"] if len(value) > 1 else [])]
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"text, {len(value)} characters"
    return "number"


def masked(body: str) -> Any:
    """The shape of a body that is JSON; of another one its length."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return f"not JSON, {len(body)} characters"
    return shape(parsed)


def attributes(given: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name -> type and length of a message's attributes."""
    return {name: f"{value['DataType']}, {_length(value)}" for name, value in sorted(given.items())}


def _length(value: Mapping[str, Any]) -> str:
    if "BinaryValue" in value:
        return f"{len(value['BinaryValue'])} bytes"
    return f"{len(value.get('StringValue', ''))} characters"
