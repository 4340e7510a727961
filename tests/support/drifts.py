"""A whole deployment in the test's own process, and what a drift of it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.report import drift as reporting

from support import tiers


def run_all(parameters: Mapping[str, Mapping[str, Any]], verb: str, **more: Any) -> dict[str, dict[str, Any]]:
    """Tier -> result of ``verb``; each tier knows what those before it told. A tier's failure is an answer."""
    planned, results = None, {}
    for name, given in parameters.items():
        result = tiers.attempt(tiers.load(name), {**given, "verb": verb, "planned": planned, **more})
        planned = result.pop("planned", planned) if verb not in ("apply", "start", "await") else None
        results[name] = {**result, "overlay": planned}
    return results


def apply(parameters: Mapping[str, Mapping[str, Any]]) -> None:
    for name, result in run_all(parameters, "apply").items():
        assert not result.get("failed"), (name, result["msg"])


def drift(parameters: Mapping[str, Mapping[str, Any]], ignores: list[dict[str, str]] | None = None, **more: Any) -> dict[str, Any]:
    """The document that the playbook's report makes."""
    results = run_all(parameters, "drift", **more)
    seen = next(reversed(results.values()))["overlay"]["seen"] if results else []
    place = {"deployment": "", "environment": "", "region": ""}
    return reporting.document(place, results, ignores or [], seen)
