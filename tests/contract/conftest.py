"""The emulator in process, with each tier brought up once and put back by snapshot."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import tiers
from support.clock import skip_pauses

from local_aws.in_process import InProcessAws


@dataclass
class Prepared:
    """A tier and its case data; ``ground``: the account with what the tier requires; ``whole``: with the tier too."""

    tier: Any
    parameters: dict[str, Any]
    cases: Any
    aws: InProcessAws
    ground: Any
    whole: Any = None
    created: dict[str, Any] | None = None

    def on_ground(self) -> None:
        self.aws.restore(self.ground)
        self.aws.clear_requests()

    def on_whole(self) -> None:
        """The account with the whole tier, made on first use."""
        if self.whole is None:
            self.on_ground()
            self.created = tiers.run(self.tier, self.parameters)
            self.whole = self.aws.snapshot()
        self.aws.restore(self.whole)
        self.aws.clear_requests()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)


@pytest.fixture(scope="session")
def aws() -> Iterator[InProcessAws]:
    with InProcessAws() as running:
        yield running


@pytest.fixture(scope="session")
def prepare(aws: InProcessAws):
    """Returns ``prepare(tier name)``, which answers the same Prepared each time."""
    known: dict[str, Prepared] = {}

    def prepared(name: str) -> Prepared:
        if name not in known:
            data = importlib.import_module(f"contract.cases.{name}")
            aws.reset()
            for required in data.REQUIRES:
                other = tiers.load(required)
                theirs = importlib.import_module(f"contract.cases.{required}")
                tiers.run(other, tiers.with_defaults(other, theirs.PARAMS))
            tier = tiers.load(name)
            known[name] = Prepared(tier, tiers.with_defaults(tier, data.PARAMS), data, aws, aws.snapshot())
        return known[name]

    return prepared
