"""What every test needs: the checkout under its collection name, and the repository's own packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
_AnsibleCollectionFinder(paths=[str(ROOT / ".collections"), *sys.path])._install()

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A real PostgreSQL, over TLS alone. What needs it is skipped where there is none, in one line for all."""
    from local_aws.postgres import PORT, Postgres, missing

    if why := missing():
        pytest.skip(f"not tried: {why}")
    # RDS's own port, on whatever loopback address has it free.
    with Postgres(port=PORT) as server:
        yield server


@pytest.fixture(scope="module")
def new_postgres() -> Iterator[Any]:
    """One as new as RDS's, without TLS, which it was built without."""
    from local_aws.postgres import IN_WHEEL, PORT, Postgres, missing

    wheel = Path(sys.prefix) / "postgres"
    if not (wheel / IN_WHEEL / "postgres").exists() or missing():
        pytest.skip("not tried: make setup found no newer PostgreSQL for this machine")
    with Postgres(port=PORT, wheel=wheel) as server:
        yield server
