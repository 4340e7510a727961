# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a planned action rests on, so that an apply can tell whether the account moved since."""

from __future__ import annotations

import hashlib
from typing import Any

from .delta import canonical_text
from .graph import Graph
from .plan import Action, Plan
from .planner import Values, fields_of
from .resource import Context

# Hexadecimal digits of a digest: 64 bits tell two values apart, and nobody has to withstand an attack.
DIGITS = 16


def ground(context: Context, plan: Plan, graph: Graph, values: Values) -> dict[str, dict[str, str]]:
    """``{address: {what: digest}}`` for each reported action: the fields and tags that were observed, and the ids of what it
    refers to. Neither secret fields nor those that another actor sets later count, in any form.
    """
    return {action.address: _ground(context, action, graph, values) for action in plan.actions if action.reported}


def _ground(context: Context, action: Action, graph: Graph, values: Values) -> dict[str, str]:
    found: dict[str, Any] = {"id": action.observed.id if action.observed else None}
    if action.observed:
        for field in fields_of(action.resource.kind):
            if not field.sensitive and field.on_change != "keep" and field.name != "tags":
                found[field.name] = field.normal(action.observed.fields.get(field.name))
        if action.observed.tags is not None:
            found["tags"] = context.owner.comparable(action.observed.tags, {})
    for parent in graph.references.get(action.address, ()):
        if parent in values.live:
            found[parent] = values.live[parent].id
    return {what: digest(value) for what, value in sorted(found.items())}


def digest(value: Any) -> str:
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()[:DIGITS]
