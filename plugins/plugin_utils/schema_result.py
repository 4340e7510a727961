# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's result, with what is added to it beyond AWS: items of the plan, and a failure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import Item


def with_items(result: dict[str, Any], items: Iterable[Item], diff: bool) -> dict[str, Any]:
    plan = [item.as_dict() for item in items]
    merged = {**result, "changed": result["changed"] or bool(plan), "plan": [*result["plan"], *plan]}
    if diff:
        merged["diff"] = [*result.get("diff", ()), *map(_diff, plan)]
    return merged


def _diff(item: Mapping[str, Any]) -> dict[str, Any]:
    header = f"{item['address']} ({item['action']})"
    before = {change["field"]: change["old"] for change in item["fields"] if change["old"] is not None}
    after = {change["field"]: change["new"] for change in item["fields"]}
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def failed(
    result: dict[str, Any],
    message: str,
    looks: bool,
    done: Iterable[str] = (),
    items: Iterable[Item] = (),
    refusals: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """What the engine did before stays said. ``looks``: nothing was to be done."""
    answer = {**result, "failed": True, "changed": False, "msg": message, **({"refusals": refusals} if refusals else {})}
    if looks:
        return answer
    plan = [*result["plan"], *(item.as_dict() for item in items)]
    applied = [*(item["address"] for item in result["plan"]), *done]
    left = [item["address"] for item in plan if item["address"] not in applied]
    return {**answer, "changed": bool(applied), "plan": plan, "applied": applied, "not_applied": left}
