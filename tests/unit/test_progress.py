"""The lines that a long run prints about itself."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.plugin_utils import progress as module


@pytest.fixture
def said(monkeypatch):
    lines = []

    class Recorded:
        def display(self, line, stderr=False):
            assert stderr
            lines.append(line)

    monkeypatch.setattr(module, "Display", Recorded)
    return lines


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_wait_says_what_its_state_for_how_long_and_how_much_of_the_run_is_done(said, clock):
    progress = module.Progress("eks")
    progress.counted(12, 34)
    for seconds in (0, 5, 10, 12, 20, 370):
        progress("eks_cluster/prod", "CREATING", seconds)
    assert said == [
        "eks_cluster/prod  CREATING  0m10s  (12 of 34 done)",
        "eks_cluster/prod  CREATING  0m20s  (12 of 34 done)",
        "eks_cluster/prod  CREATING  6m10s  (12 of 34 done)",
    ]


def test_each_wait_has_lines_of_its_own_and_a_new_one_begins_anew(said, clock):
    progress = module.Progress("rds")
    progress("db_instance/a", "creating", 10)
    progress("db_instance/b", "creating", 11)
    progress("db_instance/a", "modifying", 0)
    progress("db_instance/a", "modifying", 9)
    progress("db_instance/a", "modifying", 10)
    assert [line.split("  ")[:3] for line in said] == [
        ["db_instance/a", "creating", "0m10s"],
        ["db_instance/b", "creating", "0m11s"],
        ["db_instance/a", "modifying", "0m10s"],
    ]


def test_many_short_actions_are_counted_now_and_then(said, clock):
    progress = module.Progress("vpc")
    for done in range(30):
        clock.now += 1
        progress.counted(done, 30)
    assert said == ["vpc  9 of 30 done", "vpc  19 of 30 done", "vpc  29 of 30 done"]
