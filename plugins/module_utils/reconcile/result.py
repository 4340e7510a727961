# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An outcome as the dictionary that Ansible returns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import Refusal
from .plan import Action
from .reconciler import Outcome
from .unknown import shown


def as_result(outcome: Outcome, diff_mode: bool) -> dict[str, Any]:
    """``changed``, ``plan``, ``resources``, ``unmanaged``, ``kept``, and ``diff`` when asked for. Holds no secret value."""
    result: dict[str, Any] = {
        "changed": bool(outcome.plan),
        "plan": outcome.plan.reported(),
        "resources": {
            address: shown({name: value for name, value in item.attributes.items() if value is not None})
            for address, item in sorted(outcome.resources.items())
        },
        "unmanaged": outcome.plan.unmanaged,
        "kept": [{"address": address, "reason": reason} for address, reason in sorted(outcome.plan.kept.items())],
    }
    if outcome.plan.refusals:
        result["refusals"] = refusals(outcome.plan.refusals)
    if outcome.strangers is not None:
        result["strangers"] = [
            {"address": item.address, "id": item.id, "why": item.why, "owned": item.owned} for item in outcome.strangers
        ]
    if outcome.ground:
        result["ground"] = outcome.ground
    if outcome.awaiting:
        result["awaiting"] = outcome.awaiting
    if outcome.plan.warnings:
        result["warnings"] = outcome.plan.warnings
    if diff_mode:
        ordered = sorted(outcome.plan.actions, key=lambda action: action.address)
        result["diff"] = [_diff(action) for action in ordered if action.reported]
    if outcome.traceback:
        result["exception"] = outcome.traceback
    if outcome.failures:
        result["applied"] = outcome.applied
        result["not_applied"] = sorted({*outcome.failures, *outcome.skipped})
    return result


def refusals(refused: Iterable[Refusal]) -> list[dict[str, str]]:
    """``missing`` is in it where the address is another tier's and does not exist."""
    return [
        {"address": refusal.address, "reason": refusal.reason, **({"missing": True} if refusal.missing else {})}
        for refusal in refused
    ]


def failure_message(outcome: Outcome) -> str:
    """What failed, what was done and what was not, and that a further run goes on from there."""
    parts = [sentence.rstrip(".") for _address, sentence in sorted(outcome.failures.items())]
    done = f"{len(outcome.applied)} of {len(outcome.plan.reported())} planned changes were applied"
    if outcome.skipped:
        done += f", and {', '.join(outcome.skipped)} had to wait for what failed"
    return "; ".join(parts) + f". {done}. Running again goes on from here."


def _diff(action: Action) -> dict[str, Any]:
    changes = [change.as_dict() for change in action.delta]
    gone = action.verb == "delete"
    before = {c["field"]: c["old"] for c in changes if c["old"] is not None}
    after = {c["field"]: c["new"] for c in changes}
    if gone:
        before = {"id": action.observed.id}
    return {
        "before_header": f"{action.address} ({action.verb})",
        "after_header": f"{action.address} ({action.verb})",
        "before": before,
        "after": after,
    }
