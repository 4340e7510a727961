"""The budget of calls, against a service that takes so many a second, on a clock of the test's own."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws import budget as module
from ansible_collections.agent_platform.aws.plugins.module_utils.aws.budget import Budget


class World:
    """A clock that only pauses move, and a service that throttles what is above ``limit`` calls a second."""

    def __init__(self, limit):
        self.now, self.limit, self.tokens, self.filled = 0.0, limit, limit, 0.0
        self.taken, self.throttled = [], []
        self.budget = Budget(clock=lambda: self.now, sleep=self.pause)

    def pause(self, seconds):
        assert seconds > 0
        self.now += seconds

    def call(self, takes=0.001):
        self.budget.acquire()
        self.now += takes
        self.tokens = min(self.limit, self.tokens + (self.now - self.filled) * self.limit)
        self.filled = self.now
        refused = self.tokens < 1
        self.tokens -= 0 if refused else 1
        (self.throttled if refused else self.taken).append(self.now)
        self.budget.answered(refused)


@pytest.mark.parametrize("limit", [5, 20, 100])
def test_the_rate_settles_near_the_limit(limit):
    world = World(limit)
    while world.now < 60:
        world.call()
    settled = [moment for moment in world.taken if moment > 10]
    assert 0.85 * limit <= len(settled) / 50 <= 1.02 * limit
    assert len(world.throttled) <= 0.12 * len(world.taken)


def test_without_throttling_nothing_waits():
    world = World(limit=10_000)
    for _index in range(500):
        world.call()
    assert world.now == pytest.approx(0.5)
    assert world.budget.rate is None


def test_a_service_that_takes_more_again_is_asked_for_more():
    world = World(limit=5)
    while world.now < 20:
        world.call()
    world.limit = 50
    while world.now < 80:
        world.call()
    late = [moment for moment in world.taken if moment > 70]
    assert len(late) / 10 >= 0.8 * 50


def test_many_answers_to_one_burst_count_as_one_throttling():
    world = World(limit=20)
    for _index in range(20):
        world.budget.answered(throttled=False)
    for _index in range(20):
        world.budget.answered(throttled=True)
    assert world.budget.rate == pytest.approx(20 * module.BACK_OFF)


def test_a_throttling_after_a_quiet_time_does_not_forget_what_was_known():
    world = World(limit=20)
    world.budget.rate, world.budget._grown = 20.0, 100.0
    world.now = 100.0
    world.budget.answered(throttled=True)
    assert world.budget.rate == pytest.approx(10 * module.BACK_OFF)


def test_one_budget_for_each_service_and_region():
    module.budget.cache_clear()
    assert module.budget("ec2", "us-east-1") is module.budget("ec2", "us-east-1")
    assert module.budget("ec2", "us-east-1") is not module.budget("ec2", "eu-west-1")
    assert module.budget("ec2", "us-east-1") is not module.budget("s3", "us-east-1")
    module.budget.cache_clear()
