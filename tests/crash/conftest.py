"""A fresh run of prod, with the account's state kept as it was before and after each of its writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from support import census as counting
from support import site, tiers
from support.clock import skip_pauses

from local_aws.in_process import InProcessAws


@dataclass
class KillPoint:
    """The account at the moment at which a run died: ``done`` writes had reached it, the last of which was ``last``."""

    tier: str
    done: int
    last: str
    state: Any


@dataclass
class Recording:
    """A whole fresh run: its kill points, its tiers' parameters in order, and what stood in the end."""

    aws: InProcessAws
    parameters: dict[str, dict[str, Any]]
    points: list[KillPoint] = field(default_factory=list)
    finished: dict[str, list[str]] = field(default_factory=dict)
    writes: int = 0

    client: Callable[[str], Any] = field(default_factory=lambda: functools.cache(boto3.client))

    def census(self) -> dict[str, list[str]]:
        return counting.census(self.client)

    def start(self, tier: str) -> Any:
        """The account before the first call of this tier."""
        return next(point.state for point in self.points if point.tier == tier)

    def after(self, tier: str) -> dict[str, int]:
        """How much stands after an undisturbed run up to and with ``tier``; leaves the account so."""
        names = list(self.parameters)
        following = names[names.index(tier) + 1 :]
        if following:
            self.aws.restore(self.start(following[0]))
        standing = self.census() if following else self.finished
        return {what: len(found) for what, found in standing.items()}

    def run(self, tier: str, **more: Any) -> dict[str, Any]:
        return tiers.run(tiers.load(tier), {**self.parameters[tier], **more})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)


@pytest.fixture(scope="session")
def recording() -> Iterator[Recording]:
    parameters = site.parameters("prod")
    with InProcessAws() as aws:
        recorded = Recording(aws, parameters)
        for tier in parameters:
            _record(recorded, tier)
        recorded.finished = recorded.census()
        yield recorded


def _record(recorded: Recording, tier: str) -> None:
    aws = recorded.aws
    recorded.points.append(KillPoint(tier, recorded.writes, "nothing yet", aws.snapshot()))

    def written(call: Any) -> None:
        """Runs before the next call is let in, so the copy is what a SIGKILL right now would leave."""
        recorded.writes += 1
        recorded.points.append(KillPoint(tier, recorded.writes, f"{call.service}:{call.operation}", aws.snapshot()))

    aws.settings.fault(access="write", when="after", callback=written)
    recorded.run(tier)
    aws.settings.clear()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many kill points there were."""
    properties = [dict(report.user_properties) for report in terminalreporter.getreports("passed") if report.user_properties]
    if properties:
        counted = properties[0]
        terminalreporter.write_line(
            f"killed before and after each of {counted['writes']} writes: {2 * counted['writes']} kill points, all converged"
        )
