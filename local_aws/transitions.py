"""Transitional states: how long a thing stays `pending` or `deleting` before it is what moto says at once.

A kind's seconds are in the settings (`--transition nat_gateway=20`, `PUT /_local_aws/settings`); 0 unless set.
"""

from __future__ import annotations

import time

from local_aws.settings import SETTINGS

KINDS = {
    "dynamodb_table": "CREATING -> ACTIVE; UPDATING -> ACTIVE (no other change meanwhile); DELETING -> gone",
    "nat_gateway": "pending -> available; deleting -> deleted (the address stays associated meanwhile)",
    "time_to_live": "ENABLING -> ENABLED, DISABLING -> DISABLED (no other change meanwhile; an hour and more on AWS)",
    "vpc_endpoint": "pending -> available; deleting -> gone (interface endpoints only)",
}


_skipped = 0.0


def now() -> float:
    """The clock of transitions, in seconds: it runs by itself, and jumps by `skip`."""
    return time.monotonic() + _skipped


def skip(seconds: float) -> None:
    """Let this much time have passed, for everything that waits for a transition, at once."""
    global _skipped
    _skipped += seconds


def settled(kind: str, since: float) -> bool:
    """Whether something of this kind that changed at `since` (by `now`) is through with its transition."""
    return now() - since >= SETTINGS.transition(kind)
