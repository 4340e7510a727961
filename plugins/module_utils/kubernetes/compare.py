# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between an object as it shall be and as the server has it.

An object is applied as ``kubectl apply`` does it: the server keeps what we do not set (its defaults, and what controllers write),
and what we set once and do not set any more goes. What was applied last stands in an annotation of the object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .objects import Object

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# The server's own, and the note of what was applied.
SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
HIDDEN = ("status", "apiVersion", "kind")
# Where nobody but us adds anything, a key that we do not set is a change by hand. Kind -> paths.
WHOLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "NetworkPolicy": (("spec",),),
    "ResourceQuota": (("spec", "hard"),),
    "ConfigMap": (("data",),),
    "Service": (("spec", "selector"),),
    "Deployment": (("spec", "template", "spec", "nodeSelector"),),
}


def same(desired: Object, live: Mapping[str, Any]) -> bool:
    """Whether an apply would surely change nothing: all that is desired is there, and it is what was applied last.

    False where that is open, such as for a quantity that the server writes otherwise.
    """
    note = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    try:
        applied = _without_nulls(json.loads(note)) if note else None
    except ValueError:
        applied = None
    return applied == desired and contains(live, desired) and sent(desired, live) == desired


def sent(desired: Object, live: Mapping[str, Any]) -> Object:
    """What is applied to make ``desired`` of ``live``: with a null for each key that is too many in what is wholly ours."""
    for path in WHOLE.get(desired["kind"], ()):
        desired = _cleared(desired, live, path)
    return desired


def _cleared(desired: Any, live: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(desired, Mapping) or not isinstance(live, Mapping):
        return desired
    if path:
        if path[0] not in desired or path[0] not in live:
            return desired
        return {**desired, path[0]: _cleared(desired[path[0]], live[path[0]], path[1:])}
    within = {key: _cleared(value, live[key], ()) for key, value in desired.items() if key in live}
    return {**desired, **within, **{key: None for key in live if key not in desired}}


def _without_nulls(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _without_nulls(value) for key, value in item.items() if value is not None}
    return [_without_nulls(value) for value in item] if isinstance(item, list) else item


def contains(live: Any, desired: Any) -> bool:
    """Whether everything in ``desired`` is in ``live``, where a dictionary may have more keys."""
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(key in live and contains(live[key], value) for key, value in desired.items())
    if isinstance(desired, list):
        return (
            isinstance(live, list) and len(live) == len(desired) and all(contains(a, b) for a, b in zip(live, desired, strict=True))
        )
    return live == desired


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """``[{field, old, new}]``, sorted: of what is new its parts (``spec``, ``data``, ``labels``), otherwise each value that
    differs, by its path.
    """
    new = _shown(after)
    if before is None:
        return [{"field": name, "old": None, "new": value} for name, value in sorted(new.items()) if value]
    return sorted(_differences("", _shown(before), new), key=lambda change: change["field"])


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in item["metadata"].items() if key not in (*SERVERS, "name", "namespace")}
    annotations = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED}
    parts = {key: value for key, value in item.items() if key not in (*HIDDEN, "metadata")}
    return {**parts, **metadata, **({"annotations": annotations} if annotations else {})}


def _differences(path: str, old: Any, new: Any) -> Iterator[dict[str, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {*old, *new}:
            yield from _differences(f"{path}.{key}" if path else str(key), old.get(key), new.get(key))
    elif (
        isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and all(isinstance(x, Mapping) for x in old + new)
    ):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif old != new:
        yield {"field": path, "old": old, "new": new}
