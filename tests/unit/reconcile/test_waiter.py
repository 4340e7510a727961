"""Waiting, on a clock of our own."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import WaitFailed
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.waiter import Waiter, wait_gone, wait_ready

WAITER = Waiter(
    ready=frozenset({"available"}),
    failed=frozenset({"failed"}),
    stuck=frozenset({"full"}),
    gone=frozenset({"deleted"}),
    delay=4,
    timeout=300,
)


class Clock:
    def __init__(self, states):
        self.states, self.now, self.sleeps, self.progress = list(states), 0.0, [], []

    def refresh(self):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds

    def wait(self, function, waiter=WAITER):
        function(
            waiter,
            "nat/a",
            self.refresh,
            lambda *said: self.progress.append(said),
            *self.more(function),
            self.sleep,
            lambda: self.now,
        )

    @staticmethod
    def more(function):
        return [lambda state: f"nat/a ended in state {state}: no address left"] if function is wait_ready else []


def test_waits_until_ready_with_growing_pauses_and_says_so():
    clock = Clock([None, *["pending"] * 45, "available"])
    clock.wait(wait_ready)
    assert clock.sleeps[:3] == [0.5, 0.5, 0.5]
    assert clock.sleeps == sorted(clock.sleeps)
    assert clock.sleeps[-1] == 4
    assert clock.progress[0] == ("nat/a", "not visible", 0)
    assert clock.progress[-1][:2] == ("nat/a", "pending")


def test_a_short_wait_ends_soon_after_what_it_waits_for():
    for ready_after in (2, 10, 30):
        clock = Clock([])
        clock.refresh = lambda clock=clock, ready_after=ready_after: "available" if clock.now >= ready_after else "pending"
        clock.wait(wait_ready)
        assert clock.now <= max(ready_after * 1.1, ready_after + 0.5)


def test_a_failed_state_ends_the_wait():
    with pytest.raises(WaitFailed, match="nat/a ended in state failed: no address left"):
        Clock(["pending", "failed"]).wait(wait_ready)


def test_a_stuck_state_ends_the_wait():
    with pytest.raises(WaitFailed, match="ended in state full"):
        Clock(["pending", "full"]).wait(wait_ready)


def test_a_stuck_state_is_waited_through_for_a_while():
    patient = dataclasses.replace(WAITER, patience=30)
    clock = Clock([])
    clock.refresh = lambda: "available" if clock.now >= 20 else "full"
    clock.wait(wait_ready, patient)
    clock.refresh = lambda: "full"
    with pytest.raises(WaitFailed, match="ended in state full"):
        clock.wait(wait_ready, patient)
    assert 50 <= clock.now < 60


def test_time_runs_out():
    with pytest.raises(WaitFailed, match=r"nat/a is still pending after 300 s \(.*no address left\): run again"):
        Clock(["pending"]).wait(wait_ready)


@pytest.mark.parametrize("end", [None, "deleted"])
def test_gone_is_not_found_or_a_gone_state(end):
    Clock(["deleting", end]).wait(wait_gone)
