"""A run killed in the middle of a long wait: the next one goes on waiting, and makes nothing twice."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import reconciler
from support.census import duplicates
from support.clock import skip_pauses

from local_aws import transitions

# Tier -> the transition whose wait is cut off, in seconds.
WAITS = {
    "vpc": {"nat_gateway": 20},
    "dynamodb": {"dynamodb_table": 20},
    "rds": {"db_instance": 20},
    "redis": {"replication_group": 20},
}


class Killed(BaseException):
    """What a SIGKILL leaves of a run: nothing that could clean up."""


@pytest.fixture
def clock(monkeypatch):
    """Called with ``kill``: the first pause of a wait kills the run; else pauses cost no time."""

    def become(kill: bool) -> None:
        def pause(seconds: float) -> None:
            if kill:
                raise Killed
            transitions.skip(seconds)

        skip_pauses(monkeypatch, pause)

    monkeypatch.setattr(reconciler, "LOOK_AGAIN", (0, 0))
    return become


def killed(clock, run) -> None:
    clock(kill=True)
    with pytest.raises(Killed):
        run()
    clock(kill=False)


@pytest.mark.parametrize("tier", WAITS)
def test_a_run_killed_while_it_waits_is_gone_on_with(recording, tier, clock):
    recording.aws.restore(recording.start(tier))
    recording.aws.settings.transitions.update(WAITS[tier])
    try:
        killed(clock, lambda: recording.run(tier))
        recording.run(tier)
        assert recording.run(tier)["plan"] == []
    finally:
        recording.aws.settings.clear()
    standing = recording.census()
    assert duplicates(standing) == []
    assert {what: len(names) for what, names in standing.items()} == recording.after(tier)
