# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle rules: one form for what S3 stores in several (S3 user guide, "Lifecycle configuration elements")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RULES = "Rules"
MINIMUM = "TransitionDefaultMinimumObjectSize"
# What S3 takes when a configuration does not say.
DEFAULT_MINIMUM = "all_storage_classes_128K"
EVERYTHING = {"Prefix": ""}
# Settled by the id, or by the filter.
APART = ("ID", "Prefix", "Filter")


def canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration so that two compare equal exactly when S3 does the same for both.

    S3 keeps rules and transitions in no set order, spells "every object" as no filter, an empty one or an empty prefix, and still
    answers the old form with a prefix beside the filter.
    """
    rules = {rule["ID"]: _rule(rule) for rule in value.get(RULES) or ()}
    return {RULES: rules, MINIMUM: value.get(MINIMUM) or DEFAULT_MINIMUM}


def arguments(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"LifecycleConfiguration": {"Rules": value[RULES]}, MINIMUM: value.get(MINIMUM) or DEFAULT_MINIMUM}


def rule(name: str, **actions: Any) -> dict[str, Any]:
    """An enabled rule for every object."""
    return {"ID": name, "Status": "Enabled", "Filter": EVERYTHING, **actions}


def _rule(value: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: item for name, item in value.items() if name not in APART}
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        if name in plain:
            plain[name] = sorted(plain[name], key=lambda item: (item.get("Days") or item.get("NoncurrentDays") or 0, str(item)))
    selects = value.get("Filter") or {"Prefix": value.get("Prefix", "")}
    return {**plain, "Filter": {} if selects == EVERYTHING else selects}
