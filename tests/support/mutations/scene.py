"""What a mutation works with: a full account, a source of chance, and plain boto3."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

PREFIX = "agent-platform:"
CHANGED, MISSING, UNMANAGED, REFUSED = "changed", "missing", "unmanaged", "refused"
# A statement that somebody adds by hand: of another account, which exists for nobody here.
STRANGER = "210987654321"


class NoTarget(Exception):
    """The account, as it is now, has nothing that the mutation could be made on."""


@dataclass
class Touch:
    """What a mutation did: in words, and what a look has to find at which addresses.

    ``changed``, ``missing`` and ``unmanaged`` are what drift tells apart; ``refused`` is what no run mends by itself, so that a
    refusal has to name it.
    """

    what: str
    found: dict[str, str]


def changed(address: str, what: str, *more: str) -> Touch:
    return Touch(f"{address}: {what}", dict.fromkeys((address, *more), CHANGED))


def missing(address: str, what: str = "deleted", *more: str) -> Touch:
    return Touch(f"{address}: {what}", dict.fromkeys((address, *more), MISSING))


def unmanaged(address: str, what: str) -> Touch:
    return Touch(f"{address}: {what}", {address: UNMANAGED})


@dataclass
class Scene:
    """A full account of ours. ``resources``: address -> what the run that made it reported (ids, ARNs, names).

    ``tiers``: address -> the tier that manages it.
    """

    environment: str
    resources: Mapping[str, Mapping[str, Any]]
    tiers: Mapping[str, str]
    rng: random.Random
    region: str = "us-east-1"
    client: Callable[..., Any] = field(default_factory=lambda: functools.cache(boto3.client))

    @property
    def deployment(self) -> str:
        return f"{self.environment}-{self.region}"

    @functools.cached_property
    def account(self) -> str:
        return self.client("sts").get_caller_identity()["Account"]

    def all(self, *kinds: str) -> list[tuple[str, Mapping[str, Any]]]:
        return [(address, self.resources[address]) for address in sorted(self.resources) if address.split("/")[0] in kinds]

    def pick(self, *kinds: str, where: Callable[[str], bool] = lambda name: True) -> tuple[str, Mapping[str, Any]]:
        """One resource of ``kinds``, with a name that ``where`` lets pass."""
        found = [item for item in self.all(*kinds) if where(item[0].split("/", 1)[1])]
        return self.one(found)

    def one(self, items: Iterable[Any]) -> Any:
        """One of ``items``, which come in an order that does not depend on ids."""
        found = list(items)
        if not found:
            raise NoTarget("nothing to choose from")
        return self.rng.choice(found)

    def id(self, address: str) -> str:
        if address not in self.resources:
            raise NoTarget(f"no {address}")
        return self.resources[address]["id"]

    def tags(self, tier: str, address: str) -> dict[str, str]:
        """Our ownership tags, as a copy of one of our resources carries them."""
        return {
            PREFIX + "deployment": self.deployment,
            PREFIX + "environment": self.environment,
            PREFIX + "tier": tier,
            PREFIX + "address": address,
        }

    def word(self) -> str:
        return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=6))


Act = Callable[[Scene], Touch]


@dataclass(frozen=True)
class Mutator:
    """A row of the table. ``tier``: ``any`` where its targets stand in several. ``only``: the one environment that has a target.

    ``ripples``: what rests on the target differs too.
    """

    name: str
    tier: str
    act: Act
    only: str | None = None
    ripples: bool = False


TABLE: dict[str, Mutator] = {}


def mutation(tier: str, only: str | None = None, ripples: bool = False) -> Callable[[Act], Act]:
    """Put a function into the table under its name."""

    def enter(act: Act) -> Act:
        assert act.__name__ not in TABLE, act.__name__
        TABLE[act.__name__] = Mutator(act.__name__, tier, act, only, ripples)
        return act

    return enter


def as_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def widened(document: str | Mapping[str, Any], action: str, resource: str = "*", principal: Any = None) -> str:
    """A policy with one more statement, which lets a stranger in."""
    policy = json.loads(document) if isinstance(document, str) else dict(document)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    statement = {"Sid": "ByHand", "Effect": "Allow", "Action": action, "Resource": resource}
    if principal is not False:
        statement["Principal"] = principal or {"AWS": f"arn:aws:iam::{STRANGER}:root"}
    return json.dumps({**policy, "Statement": [*statements, statement]})
