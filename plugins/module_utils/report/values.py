# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A field's values as short text on one line."""

from __future__ import annotations

import json
from typing import Any

# Longest text of one value.
LONGEST = 100
# How much of what two long values have in common is shown before their first difference.
LEAD = 20
NOTHING = "(none)"


def text_of(value: Any) -> str:
    """``value`` whole: a plain word as it is, anything else as JSON. Holds neither line breaks nor control characters."""
    if value is None:
        return NOTHING
    plain = isinstance(value, str) and value and value == value.strip() and value[0] not in "\"'[{"
    text = value if plain else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def short(value: Any, longest: int = LONGEST) -> str:
    return _cut(text_of(value), 0, longest)


def short_pair(old: Any, new: Any, longest: int = LONGEST) -> tuple[str, str]:
    """Both shortened so that their first difference stays in sight."""
    first, second = text_of(old), text_of(new)
    if max(len(first), len(second)) <= longest:
        return first, second
    same = next((n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    start = max(0, same - LEAD) if same > longest // 2 else 0
    return _cut(first, start, longest), _cut(second, start, longest)


def _cut(text: str, start: int, longest: int) -> str:
    if len(text) <= longest:
        return text
    end = start + longest
    return f"{'...' if start else ''}{text[start:end]}{f'... ({len(text)} characters)' if end < len(text) else ''}"
