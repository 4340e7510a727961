"""A whole dev deployment in this process, put back before each test; prod where a test asks for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from support import census as counting
from support import site, teardown, tiers
from support.clock import skip_pauses

from local_aws.in_process import InProcessAws


@dataclass
class Whole:
    """A deployment as it stood after a fresh run."""

    aws: InProcessAws
    environment: str
    parameters: dict[str, dict[str, Any]]
    state: Any
    client: Callable[[str], Any] = field(default_factory=lambda: functools.cache(boto3.client))

    @property
    def deployment(self) -> str:
        return f"{self.environment}-us-east-1"

    @property
    def cluster(self) -> str:
        return f"{self.environment}-agent-platform"

    def census(self) -> dict[str, list[str]]:
        return {what: names for what, names in counting.census(self.client).items() if names}

    def look(self, **how: Any) -> teardown.Destroyed:
        return teardown.attempt(self.parameters, **how)

    def destroy(self, **how: Any) -> teardown.Destroyed:
        """Confirmed; fails the test on failure."""
        done = teardown.attempt(self.parameters, self.deployment, **how)
        assert done.failures == {}
        return done

    def vpc(self) -> str:
        mine = [{"Name": "tag:agent-platform:deployment", "Values": [self.deployment]}]
        return self.client("ec2").describe_vpcs(Filters=mine)["Vpcs"][0]["VpcId"]

    def subnets(self, vpc: str) -> list[str]:
        """One of each zone, since a load balancer takes no two of the same."""
        found = self.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
        return sorted({item["AvailabilityZone"]: item["SubnetId"] for item in found}.values())

    def site(self, check_mode: bool = False) -> dict[str, dict[str, Any]]:
        """Every tier in order; in check mode each knows what those before it planned."""
        results, planned = {}, None
        for tier, parameters in self.parameters.items():
            given = {**parameters, "planned": planned} if check_mode else parameters
            results[tier] = tiers.run(tiers.load(tier), given, check_mode)
            planned = results[tier].get("planned")
        return results


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    skip_pauses(monkeypatch)


@pytest.fixture(scope="session")
def account() -> Iterator[InProcessAws]:
    with InProcessAws() as aws:
        yield aws


@pytest.fixture(scope="session")
def made(account: InProcessAws) -> Callable[[str], Whole]:
    clock = pytest.MonkeyPatch()
    skip_pauses(clock)

    @functools.cache
    def make(environment: str) -> Whole:
        parameters = site.parameters(environment)
        account.reset()
        for tier in parameters:
            tiers.run(tiers.load(tier), parameters[tier])
        return Whole(account, environment, parameters, account.snapshot())

    yield make
    clock.undo()


@pytest.fixture
def dev(made: Callable[[str], Whole]) -> Whole:
    return _put_back(made("dev"))


@pytest.fixture
def prod(made: Callable[[str], Whole]) -> Whole:
    return _put_back(made("prod"))


def _put_back(whole: Whole) -> Whole:
    whole.aws.restore(whole.state)
    whole.aws.clear_requests()
    return whole
