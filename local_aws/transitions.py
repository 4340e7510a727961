"""Transitional states: how long a thing stays `pending` or `deleting` before it is what moto says at once.

A kind's seconds are in the settings (`--transition nat_gateway=20`, `PUT /_local_aws/settings`); 0 unless set.
"""

from __future__ import annotations

import time

from local_aws.settings import SETTINGS

KINDS = {
    "nat_gateway": "pending -> available; deleting -> deleted (the address stays associated meanwhile)",
    "vpc_endpoint": "pending -> available; deleting -> gone (interface endpoints only)",
}


def now() -> float:
    """The clock of transitions."""
    return time.monotonic()


def settled(kind: str, since: float) -> bool:
    """Whether something of this kind that changed at `since` (by `now`) is through with its transition."""
    return now() - since >= SETTINGS.transition(kind)
