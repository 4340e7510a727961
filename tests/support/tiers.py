"""Running tiers in the test's own process, the way the action plugin does."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils import tier_module
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions, Tier

ROOT = Path(__file__).resolve().parents[2]
MODULES = "ansible_collections.agent_platform.aws.plugins.modules."
ACTIONS = "ansible_collections.agent_platform.aws.plugins.action."
REGION = "us-east-1"


def tier_names() -> list[str]:
    """The modules of the collection that are tiers: those with a ``TIER``."""
    return sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if "\nTIER = " in path.read_text())


def tool_names() -> list[str]:
    """The modules that look at what stands or work with what is in it: those with a ``TOOL``."""
    return sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if " import TOOL" in path.read_text())


def tool(name: str) -> Any:
    return importlib.import_module(MODULES + name).TOOL


def load(name: str) -> Tier:
    return importlib.import_module(MODULES + name).TIER


def with_defaults(tier: Tier, parameters: Mapping[str, Any], environment: str = "prod", region: str = REGION) -> dict[str, Any]:
    """The parameters as Ansible would pass them: every option has a value."""
    filled = {name: option.get("default") for name, option in tier.argument_spec().items()}
    return {**filled, "environment": environment, "region": region, **parameters}


def run(
    tier: Tier,
    parameters: Mapping[str, Any],
    check_mode: bool = False,
    change: Callable[[list[Resource]], None] | None = None,
) -> dict[str, Any]:
    """Run ``tier`` with complete ``parameters``. ``change`` may edit the declared resources first. Fails the test on failure."""
    result = attempt(tier, parameters, check_mode, change)
    assert not result.get("failed"), result["msg"]
    return result


def attempt(
    tier: Tier,
    parameters: Mapping[str, Any],
    check_mode: bool = False,
    change: Callable[[list[Resource]], None] | None = None,
) -> dict[str, Any]:
    """As ``run``, but a failure is an answer."""

    def declare(params: Mapping[str, Any], place: tier_module.Place) -> list[Resource]:
        resources = tier.declare(params, place)
        if change:
            change(resources)
        return resources

    edited = dataclasses.replace(tier, declare=declare)
    # Through JSON, as every result of a module goes.
    return json.loads(json.dumps(tier_module.run(edited, parameters, RunOptions(check_mode=check_mode, diff_mode=True))))


def changes(result: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """A plan as a set of (address, action, field); an action without fields counts as one with an empty field."""
    return {
        (item["address"], item["action"], field)
        for item in result["plan"]
        for field in ([change["field"] for change in item["fields"]] or [""])
    }


def addresses(result: Mapping[str, Any]) -> dict[str, str]:
    """Address -> action of a plan."""
    return {item["address"]: item["action"] for item in result["plan"]}
