# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tiers of a drift run found, as one document and as lines for people. The document is described in docs/drift.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SCHEMA_VERSION = 1
# Kind of difference -> the planned actions that tell it.
ACTIONS = {"changed": ("update", "replace"), "missing": ("create",)}
KINDS = ("changed", "missing", "unmanaged")
LONGEST = 200


def document(
    place: Mapping[str, str],
    results: Mapping[str, Mapping[str, Any]],
    ignores: Iterable[Mapping[str, str]] = (),
    seen: Iterable[str] = (),
) -> dict[str, Any]:
    """``place``: deployment, environment and region. ``results``: tier -> its result of the verb drift. ``ignores``: address (with
    ``*``) and reason. ``seen``: names (ARNs, ids, ids with their kind) of what
    some tier observed, which is therefore no stranger to another.
    """
    ignores = list(ignores)
    differences = _merged(_differences(results, set(seen)))
    matches = [(_pattern(one["address"]), one) for one in ignores]
    told: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    ignored, used = [], []
    for kind, item in differences:
        reason = next((one["reason"] for pattern, one in matches if pattern.fullmatch(item["address"])), None)
        used += [one["address"] for pattern, one in matches if pattern.fullmatch(item["address"])]
        if reason is None:
            told[kind].append(item)
        else:
            ignored.append({"kind": kind, **item, "ignored_because": reason})
    errors = [{"tier": tier, "message": str(result.get("msg"))} for tier, result in results.items() if result.get("failed")]
    return {
        "schema_version": SCHEMA_VERSION,
        **place,
        "tiers": list(results),
        "drift": any(told.values()),
        **told,
        "ignored": ignored,
        "ignores_without_match": [dict(one) for one in ignores if one["address"] not in used],
        "errors": errors,
    }


def _differences(results: Mapping[str, Mapping[str, Any]], seen: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    strangers: set[str] = set()
    planned = {item["address"] for result in results.values() for item in result.get("plan") or ()}
    for tier, result in results.items():
        for item in result.get("plan") or ():
            for kind, actions in ACTIONS.items():
                if item["action"] in actions:
                    found = {"tier": tier, "address": item["address"], "action": item["action"], "fields": item["fields"]}
                    yield kind, {**found, "reasons": [item["reason"]] if item.get("reason") else []}
        for refusal in result.get("refusals") or ():
            missing = refusal.get("missing", False)
            # Its own tier tells of it too, where that was asked.
            if not (missing and refusal["address"] in planned):
                found = {"tier": tier, "address": refusal["address"], "action": "refused", "fields": []}
                yield "missing" if missing else "changed", {**found, "reasons": [refusal["reason"]]}
        for item in result.get("strangers") or ():
            names = {item["id"], f"{item['address'].split('/', 1)[0]}/{item['id']}"}
            # Two kinds may share a name, but an ARN is one's own.
            own = item["id"] if item["id"].startswith("arn:") else f"{item['address']} {item['id']}"
            if own not in strangers and (item["owned"] or not names & seen):
                strangers.add(own)
                yield "unmanaged", {"tier": tier, **item}


def _merged(differences: Iterable[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """What a plan and a refusal say about one resource, together."""
    merged: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {}
    for kind, item in differences:
        key = (kind, item["address"], item.get("id", ""))
        if key not in merged:
            merged[key] = (kind, item)
            continue
        known = merged[key][1]
        known["reasons"] += [reason for reason in item["reasons"] if reason not in known["reasons"]]
        known["fields"] = known["fields"] or item["fields"]
    return list(merged.values())


def _pattern(address: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in address.split("*")), re.DOTALL)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The document for people: a line for each difference, and under it the fields or the reasons."""
    counts = [f"{len(found[kind])} {kind}" for kind in (*KINDS, "ignored") if found[kind]]
    told = [f"Drift of {found['deployment']}: {', '.join(counts) or 'none'}"]
    for kind in KINDS:
        for item in found[kind]:
            told.append(f"{kind:<10} {item['address']}" + (f" ({item['id']})" if "id" in item else ""))
            told += [f"             {text}" for text in _details(kind, item)]
    for item in found["ignored"]:
        told.append(f"{'ignored':<10} {item['address']} ({item['kind']}): {item['ignored_because']}")
    for one in found["ignores_without_match"]:
        told.append(f"platform_drift_ignores: nothing is ignored by {one['address']} any more ({one['reason']})")
    for error in found["errors"]:
        told.append(f"not known: the {error['tier']} tier could not be looked at: {error['message']}")
    return told


def _details(kind: str, item: Mapping[str, Any]) -> Iterator[str]:
    if kind == "unmanaged":
        yield item["why"]
        return
    if kind == "changed":
        yield from (f"{change['field']}: {_short(change['old'])} -> {_short(change['new'])}" for change in item["fields"])
    yield from item["reasons"]


def failure(found: Mapping[str, Any]) -> str | None:
    """Why a run that found this fails; None: it does not."""
    parts = [f"{len(found[kind])} {kind}" for kind in KINDS if found[kind]]
    parts += [f"{len(found['errors'])} tiers not known"] if found["errors"] else []
    return f"{found['deployment']} is not as the configuration says: {', '.join(parts)}; the report has them all" if parts else None


def adoption_lines(results: Mapping[str, Mapping[str, Any]], confirmed: bool, deployment: str) -> list[str]:
    """What is, or was, taken over: address, id and the tags that it had."""
    told = []
    for result in results.values():
        done = result.get("applied", ()) if result.get("failed") else None
        for item in result.get("plan") or ():
            if item["action"] == "adopt" and (done is None or item["address"] in done):
                old = next(change["old"] for change in item["fields"] if change["field"] == "tags") or {}
                tags = ", ".join(f"{key}={value}" for key, value in sorted(old.items())) or "no tags"
                told.append(f"{item['address']} ({item['id']}): {tags}")
    refused = [f"{item['address']}: {item['reason']}" for result in results.values() for item in result.get("refusals") or ()]
    verb = "Taken over" if confirmed else "Would be taken over"
    told = [f"{verb} by {deployment}: {len(told)}", *told]
    told += [f"Refused: {len(refused)}", *refused] if refused else []
    if not confirmed and len(told) > 1 + len(refused):
        told.append(f"Nothing was changed. To go on: -e confirm={deployment}")
    return told


def _short(value: Any) -> str:
    text = "(none)" if value is None else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
