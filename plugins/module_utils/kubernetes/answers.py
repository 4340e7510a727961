# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubernetes.core answers, as objects and sentences."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..reconcile.errors import EngineError
from .objects import Object, address

LONGEST = 300


def read(answer: Mapping[str, Any], items: Sequence[Object], doing: str) -> tuple[dict[str, Object], dict[str, str]]:
    """Of a call of its module ``k8s`` with ``items``: address -> the object as it stands now, and address -> what went wrong.

    Raises EngineError where the call as a whole did not come about.
    """
    results = [answer] if len(items) == 1 else (answer.get("result") or {}).get("results") or []
    if len(results) != len(items) or (answer.get("failed") and len(items) > 1):
        raise EngineError(f"could not {doing} {len(items)} objects in the cluster: {problems(answer)}")
    after, failures = {}, {}
    for item, result in zip(items, results, strict=True):
        where = address(item)
        if result.get("error") or result.get("failed"):
            failures[where] = f"could not {doing} {where}: {problems(result.get('error') or result)}"
        else:
            after[where] = result.get("result") or item
    return after, failures


def problems(answer: Mapping[str, Any]) -> str:
    """The reason in a failed answer: the server's own words where it has some, in one sentence."""
    text = str(answer.get("msg") or answer.get("module_stderr") or "it gave no reason")
    start = text.find('{"')
    if start >= 0:
        with contextlib.suppress(ValueError):
            text = json.JSONDecoder().raw_decode(text[start:].replace("\\'", "'"))[0].get("message") or text
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."
