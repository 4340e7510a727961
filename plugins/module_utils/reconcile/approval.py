# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an action is one that was approved: the same, to the same values as far as they were known, on the same ground."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .plan import Action
from .unknown import UNKNOWN_TEXT

# Address -> {action, fields: {name: new value}, ground: {what: digest}}. An empty ground is not compared.
Approved = Mapping[str, Mapping[str, Any]]


def objection(approved: Approved, action: Action, ground: Mapping[str, str]) -> str | None:
    """Why the action was not approved. ``ground``: what it rests on now.

    An earlier play of the same run may have done a part of what was approved, and of what it only began more may be left.
    """
    allowed = approved.get(action.address)
    if allowed is None:
        return f"{action.verb} is not in the plan that was approved"
    begun = allowed["action"] in ("create", "replace") and action.verb == "update"
    if allowed["action"] != action.verb and not begun:
        return f"the plan that was approved has {allowed['action']}, and now it would be {action.verb}"
    for change in action.delta:
        name = change.field.name
        if name not in allowed["fields"]:
            if not begun:
                return f"{name} was not to change in the plan that was approved"
        elif not _agrees(allowed["fields"][name], change.as_dict()["new"], change.field.canonical is not None):
            return f"{name} is to become something else than in the plan that was approved"
    moved = sorted(what for what, digest in allowed["ground"].items() if ground.get(what, digest) != digest)
    return f"{', '.join(moved)} moved since the plan was approved" if moved and not begun else None


def _agrees(approved: Any, fresh: Any, canonical: bool) -> bool:
    """``canonical``: what was not known then was shown in another form."""
    fresh = json.loads(json.dumps(fresh, default=str))
    if canonical and UNKNOWN_TEXT in json.dumps(approved):
        return True
    return _fits(approved, fresh)


def _fits(approved: Any, fresh: Any) -> bool:
    if approved in (UNKNOWN_TEXT, fresh):
        return True
    if isinstance(approved, dict) and isinstance(fresh, dict):
        return approved.keys() == fresh.keys() and all(_fits(approved[name], fresh[name]) for name in approved)
    if isinstance(approved, list) and isinstance(fresh, list) and len(approved) == len(fresh):
        # What AWS takes for a set is shown in order, which moves with what became known.
        rest = list(approved)
        for item in sorted(fresh, key=lambda item: item not in approved):
            found = next((other for other in (item, *rest) if other in rest and _fits(other, item)), None)
            if found is None:
                return False
            rest.remove(found)
        return True
    return False
