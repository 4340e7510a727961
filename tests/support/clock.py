"""Waits that cost no time: what pauses lets the transitions of the local AWS go on instead."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.aws import retry
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import waiter

from local_aws import transitions


def skip_pauses(monkeypatch: Any, pause: Callable[[float], None] = transitions.skip) -> None:
    """Until the test ends, ``pause`` is called with the seconds of every pause of a wait or a retry."""
    clock = SimpleNamespace(sleep=pause, monotonic=transitions.now)
    monkeypatch.setattr(waiter, "time", clock)
    monkeypatch.setattr(retry, "time", clock)
