"""A fresh run of prod against an account that takes 20 calls a second, in real time."""

from __future__ import annotations

import time

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws.budget import budget
from support import site, tiers

LIMIT = 20
# Of what AWS would take in the time: the rest is AWS's own thinking, and that of a busy machine.
USED = 0.25


@pytest.fixture
def limited(aws):
    aws.reset()
    aws.clear_requests()
    aws.settings.rate_limit = LIMIT
    budget.cache_clear()
    yield aws
    budget.cache_clear()
    aws.settings.clear()


def test_a_fresh_run_succeeds_and_is_rarely_throttled(limited):
    started = time.monotonic()
    for name, parameters in site.parameters("prod").items():
        tiers.run(tiers.load(name), parameters)
    elapsed = time.monotonic() - started
    learned = {name: budget(name, "us-east-1").rate for name in ("ec2", "s3", "sqs")}
    throttled = [request for request in limited.requests if request.status in (400, 503)]
    taken = len(limited.requests) - len(throttled)
    print(f"{taken} calls in {elapsed:.1f} s, {taken / elapsed:.1f} a second of {LIMIT}; {len(throttled)} throttled; {learned}")
    assert any(learned.values())
    assert len(throttled) < 0.15 * taken
    assert taken / elapsed > USED * LIMIT
