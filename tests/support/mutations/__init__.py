"""What a person or another tool does to a full account of ours: one random, seeded change by plain boto3.

``draw`` decides by a seed. Each block of as many seeds as the table has rows takes every row once, in an order of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from botocore.exceptions import ClientError

from . import additions, cluster, databases, edge, identity, kms_waf, messaging, network, storage, tagging  # noqa: F401
from .scene import CHANGED, MISSING, REFUSED, TABLE, UNMANAGED, Mutator, NoTarget, Scene, Touch

__all__ = [
    "CHANGED",
    "MISSING",
    "REFUSED",
    "TABLE",
    "UNMANAGED",
    "Mutator",
    "NoTarget",
    "Scene",
    "Touch",
    "another",
    "draw",
    "rows",
]

ENVIRONMENTS = ("dev", "prod")


def rows() -> list[Mutator]:
    return [TABLE[name] for name in sorted(TABLE)]


def draw(seed: int) -> tuple[Mutator, str]:
    """A mutator and the environment that it is for."""
    table = rows()
    block, place = divmod(seed, len(table))
    mutator = random.Random(f"block {block}").sample(table, len(table))[place]
    return mutator, mutator.only or random.Random(f"environment {seed}").choice(ENVIRONMENTS)


def another(scene: Scene, candidates: list[Mutator], restore: Callable[[], None]) -> Touch:
    """A mutation that the account, which one has changed already, still has a target for. ``restore`` undoes half of one."""
    for mutator in scene.rng.sample(candidates, len(candidates)):
        try:
            return mutator.act(scene)
        except (NoTarget, ClientError):
            restore()
    raise NoTarget("none of " + ", ".join(mutator.name for mutator in candidates))
