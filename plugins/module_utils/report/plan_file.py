# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan file: what was planned and what it rests on, so that just that can be applied later. Described in docs/plan-file.md.

It holds no secret: fields that are secret stand in it as "(sensitive)", and the ground leaves them out.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
PLACE = ("deployment", "environment", "region", "account")
# Of the document, what two plans have in common that are the same plan.
COMPARED = ("schema_version", *PLACE, "tiers", "actions", "refusals")
TIME = "%Y-%m-%dT%H:%M:%SZ"
# How far the clock of whoever made the plan may be ahead.
SKEW = timedelta(minutes=5)
FORM: dict[str, type] = {
    "schema_version": int,
    "collection_version": str,
    **dict.fromkeys(PLACE, str),
    "made_at": str,
    "tiers": list,
    "actions": list,
    "refusals": list,
    "unmanaged": list,
    "digest": str,
    "checksum": str,
}


class PlanError(Exception):
    """The plan cannot be used; the message says why and what to do."""


def document(
    place: Mapping[str, str], results: Mapping[str, Mapping[str, Any]], collection_version: str, now: datetime
) -> dict[str, Any]:
    """The plan that the tiers' results make. ``place``: deployment, environment, region and account."""
    made: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "collection_version": collection_version,
        **{name: place[name] for name in PLACE},
        "made_at": now.strftime(TIME),
        "tiers": list(results),
        "actions": [action for tier, result in results.items() for action in _actions(tier, result)],
        "refusals": [
            {"tier": tier, "address": item["address"], "reason": item["reason"]}
            for tier, result in results.items()
            for item in result.get("refusals") or ()
        ],
        "unmanaged": [
            {"tier": tier, "address": address} for tier, result in results.items() for address in result.get("unmanaged") or ()
        ],
    }
    made["digest"] = digest_of(made)
    made["checksum"] = checksum_of(made)
    return made


def _actions(tier: str, result: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    grounds = result.get("ground") or {}
    for item in result.get("plan") or ():
        action = {
            "tier": tier,
            "address": item["address"],
            "action": item["action"],
            "fields": [{name: change[name] for name in ("field", "old", "new")} for change in item["fields"]],
            "ground": dict(grounds.get(item["address"]) or {}),
        }
        yield {**action, **{name: item[name] for name in ("reason", "leaves") if item.get(name)}}


def digest_of(plan: Mapping[str, Any]) -> str:
    """Over what is compared: two plans with the same digest do the same, on the same ground."""
    compared = {name: plan[name] for name in COMPARED}
    # Words for a reader, and names that are made anew with each plan.
    compared["actions"] = [{k: v for k, v in action.items() if k not in ("reason", "leaves")} for action in plan["actions"]]
    return _sha256(compared)


def checksum_of(plan: Mapping[str, Any]) -> str:
    """Over everything else in the file."""
    return _sha256({name: value for name, value in plan.items() if name != "checksum"})


def _sha256(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write(path: Path, text: str, variable: str = "platform_plan_path") -> None:
    """The whole file or none of it, for its owner alone. Raises PlanError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise PlanError(f"{variable}: {path} cannot be written: {error.strerror}") from error


def as_text(plan: Mapping[str, Any]) -> str:
    return json.dumps(plan, indent=2, ensure_ascii=False) + "\n"


def read(path: Path) -> dict[str, Any]:
    """The plan in the file, of a form that can be relied on and just as it was written. Raises PlanError."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"platform_plan: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PlanError(f"platform_plan: {path} is no plan: it is not JSON. {_again()}") from error
    if not isinstance(plan, dict) or not isinstance(plan.get("schema_version"), int):
        raise PlanError(f"platform_plan: {path} is no plan: it has no schema_version. {_again()}")
    if plan["schema_version"] != SCHEMA_VERSION:
        raise PlanError(
            f"platform_plan: {path} has schema version {plan['schema_version']}, and this collection reads version "
            f"{SCHEMA_VERSION}. {_again()}"
        )
    wrong = [name for name, kind in FORM.items() if not isinstance(plan.get(name), kind)]
    if wrong:
        raise PlanError(f"platform_plan: {path} is no plan: {', '.join(wrong)} is missing or of another form. {_again()}")
    if plan["checksum"] != checksum_of(plan) or plan["digest"] != digest_of(plan):
        raise PlanError(
            f"platform_plan: {path} was changed after it was written: its content does not have the checksum in it. {_again()}"
        )
    return plan


def check_age(plan: Mapping[str, Any], path: Path, longest_minutes: int, now: datetime) -> timedelta:
    """How old the plan is. Raises PlanError when that is too old."""
    if longest_minutes < 1:
        raise PlanError(f"platform_plan_max_age: {longest_minutes} is no age that a plan could have: give minutes, at least 1")
    try:
        age = now - datetime.strptime(plan["made_at"], TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise PlanError(f"platform_plan: {path} is no plan: made_at is {plan['made_at']!r}. {_again()}") from error
    if age > timedelta(minutes=longest_minutes):
        raise PlanError(
            f"platform_plan: {path} is {age_text(age)} old, and platform_plan_max_age allows {longest_minutes} minutes. {_again()}"
        )
    if age < -SKEW:
        raise PlanError(f"platform_plan: {path} was made {age_text(-age)} from now: see to the clocks. {_again()}")
    return age


def check_place(plan: Mapping[str, Any], path: Path, place: Mapping[str, str]) -> None:
    """Raises PlanError for a plan of another deployment, environment, region or account."""
    other = [f"{name} {plan[name]}, and this is {place[name]}" for name in PLACE if plan[name] != place[name]]
    if other:
        raise PlanError(f"platform_plan: {path} is for {'; '.join(other)}. {_again()}")


def check_tiers(plan: Mapping[str, Any], path: Path, tiers: Sequence[str]) -> None:
    """Raises PlanError for a plan that covers other tiers than this run."""
    if set(plan["tiers"]) != set(tiers):
        raise PlanError(
            f"platform_plan: {path} covers {', '.join(plan['tiers'])}, and this run {', '.join(tiers) or 'no tier'}: give the same "
            "--tags as when it was made, or make a new plan"
        )


def check_refusals(plan: Mapping[str, Any], path: Path) -> None:
    """Raises PlanError for a plan that is not to be applied."""
    if plan["refusals"]:
        listed = "; ".join(f"{item['address']}: {item['reason']}" for item in plan["refusals"])
        raise PlanError(f"platform_plan: {path} has refusals, so it cannot be applied: {listed}")


def approved(plan: Mapping[str, Any], tier: str, begun: bool) -> dict[str, dict[str, Any]]:
    """``{address: {action, fields: {name: new}, ground}}``: what the plan lets this tier do.

    ``begun``: this run has begun it, and so moved the ground itself.
    """
    return {
        item["address"]: {
            "action": item["action"],
            "fields": {change["field"]: change["new"] for change in item["fields"]},
            "ground": {} if begun else item["ground"],
        }
        for item in plan["actions"]
        if item["tier"] == tier
    }


def age_text(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {rest} min"
    return f"{minutes} min" if minutes else "less than a minute"


def _again() -> str:
    return "Make a new one with playbooks/plan.yml"
