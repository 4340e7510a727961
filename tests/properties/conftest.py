"""Both environments, each deployed once in this process; a test puts the account back as that left it.

``SEED=7`` runs one case (``SEED=7,12`` two), ``FROM=120`` the full suite from that case on, ``FULL=1`` all of it; else a small
sample runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.clients import share_clients
from support.clock import skip_pauses
from support.whole_site import WholeSite

from local_aws.in_process import InProcessAws

# What a sample is spread over: test -> (cases of the sample, cases of the full suite).
CASES = {"mutated": (14, 200), "between": (8, 100)}


def seeds(name: str) -> list[int]:
    if "SEED" in os.environ:
        return [int(seed) for seed in os.environ["SEED"].split(",")]
    sample, full = CASES[name]
    if "FROM" in os.environ or "FULL" in os.environ:
        return list(range(int(os.environ.get("FROM", "0")), full))
    return list(range(sample))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in CASES:
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, seeds(name))


@pytest.fixture(scope="session", autouse=True)
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        skip_pauses(patch)
        share_clients(patch)
        yield


@pytest.fixture(scope="session")
def site_of(quick: None) -> Iterator[Callable[[str], WholeSite]]:
    """Returns ``site_of(environment)``: the account is full."""
    known: dict[str, WholeSite] = {}
    with InProcessAws() as aws:

        def full(environment: str) -> WholeSite:
            if environment not in known:
                known[environment] = WholeSite.deployed(environment, aws)
            aws.restore(known[environment].full)
            return known[environment]

        yield full


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Callable[..., object]:
    """Returns ``case(seed, what)``: a failure inside of it says what was tried, and the command that tries it again."""

    @contextmanager
    def told(seed: int, *what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            error.add_note("; then ".join(what))
            error.add_note(f"again: SEED={seed} pytest {request.node.nodeid.split('[')[0]}")
            raise

    return told
