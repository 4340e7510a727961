"""One emulator for the whole suite; each environment is deployed once, into an account state of its own."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from support import site

from local_aws.launch import LocalAws

REGION = "us-east-1"


@dataclass
class Platform:
    """A deployed environment, and the runs that deployed it: ``first`` and ``second`` (tier -> result)."""

    environment: str
    local: LocalAws
    first: dict[str, Any] = field(default_factory=dict)
    second: dict[str, Any] = field(default_factory=dict)
    snapshot: Any = None
    fresh_seconds: float = 0.0
    region: str = REGION

    @property
    def is_prod(self) -> bool:
        return self.environment == "prod"

    @property
    def deployment(self) -> str:
        return f"{self.environment}-{self.region}"

    @functools.cached_property
    def account_id(self) -> str:
        return self.client("sts").get_caller_identity()["Account"]

    def client(self, service: str, region: str | None = None) -> Any:
        """A plain boto3 client of the emulator."""
        return _client(self.local.url, service, region or self.region)

    def run(self, *arguments: str, **env: str) -> Any:
        """``ansible-playbook`` on this environment's inventory, as a user types it."""
        inventory = ("-i", f"inventories/{self.environment}", "-e", "@local_aws/vars.yml")
        return site.ansible(*inventory, *arguments, env={**self.local.env, **env})

    def results(self, *arguments: str) -> dict[str, Any]:
        """Tier -> result of a run that must succeed."""
        done = self.run(*arguments, **site.as_json({}))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return site.results(done.stdout)


@functools.cache
def _client(url: str, service: str, region: str) -> Any:
    return boto3.client(service, endpoint_url=url, region_name=region, aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.fixture(scope="session")
def local() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


class Deployments:
    """``deployments(environment)`` answers a Platform, and the account is as ``site.yml``, run twice, left it."""

    def __init__(self, local: LocalAws):
        self.local = local
        self.known: dict[str, Platform] = {}
        self.shown: str | None = None

    def __call__(self, environment: str) -> Platform:
        if environment not in self.known:
            self.known[environment] = self._deploy(environment)
        elif self.shown != environment:
            self.local.restore(self.known[environment].snapshot)
        self.shown = environment
        return self.known[environment]

    def empty(self) -> None:
        """The account is empty, until the next is asked for."""
        self.local.reset()
        self.shown = None

    def _deploy(self, environment: str) -> Platform:
        self.empty()
        platform = Platform(environment, self.local)
        start = time.time()
        platform.first = platform.results("site.yml")
        platform.fresh_seconds = time.time() - start
        platform.second = platform.results("site.yml")
        platform.snapshot = self.local.snapshot()
        return platform


@pytest.fixture(scope="session")
def deployed(local: LocalAws) -> Deployments:
    return Deployments(local)


@pytest.fixture(params=["dev", "prod"])
def platform(request, deployed) -> Platform:
    """A deployed environment, to be read only."""
    return deployed(request.param)


@pytest.fixture
def scratch(request, deployed) -> Iterator[Platform]:
    """A deployed environment that the test may change; ``@pytest.mark.parametrize("scratch", ["prod"], indirect=True)``."""
    platform = deployed(getattr(request, "param", "prod"))
    platform.local.restore(platform.snapshot)
    yield platform
    platform.local.restore(platform.snapshot)


@pytest.fixture
def empty(request, local, deployed) -> Iterator[Platform]:
    """An empty account with an environment's inventory; default prod."""
    deployed.empty()
    yield Platform(getattr(request, "param", "prod"), local)
    deployed.empty()


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """All of dev in the first half and all of prod in the second: of two processes each begins with one, and deploys that alone.

    What asks for neither comes last in each half, where the process that is done first takes from the other.
    """
    dev, prod = ([item for item in items if _environment(item) == name] for name in ("dev", "prod"))
    others = [item for item in items if _environment(item) not in ("dev", "prod")]
    first = max(len(items) // 2 - len(dev), 0)
    items[:] = [*dev, *others[:first], *prod, *others[first:]]


def _environment(item: Any) -> str | None:
    """Whose deployment it asks for."""
    by_itself = "deployed" in item._fixtureinfo.argnames
    if not by_itself and ("deployed" not in item.fixturenames or "empty" in item.fixturenames):
        return None  # `empty` uses `deployed`, but deploys nothing
    params = getattr(getattr(item, "callspec", None), "params", {})
    return next((params[name] for name in ("platform", "scratch", "empty") if name in params), "prod")
