"""A run killed in the middle of a long wait: the next one goes on waiting, and makes nothing twice."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import reconciler
from support.census import duplicates
from support.clock import skip_pauses

from local_aws import transitions

# (tier, the transition whose wait is cut off).
WAITS = [
    ("vpc", "nat_gateway"),
    ("eks", "eks_cluster"),
    ("eks", "eks_nodegroup"),
    ("rds", "db_instance"),
    ("redis", "replication_group"),
    ("dynamodb", "dynamodb_table"),
    ("cloudfront", "load_balancer"),
    ("cloudfront", "certificate"),
    ("cloudfront", "distribution"),
]


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


@pytest.mark.parametrize(("tier", "transition"), WAITS)
def test_a_run_killed_while_it_waits_is_gone_on_with(recording, tier, transition, clock):
    recording.aws.restore(recording.start(tier))
    recording.aws.settings.transitions.update({transition: 20})
    try:
        killed(clock, lambda: recording.run(tier))
        recording.run(tier)
        assert recording.run(tier)["plan"] == []
    finally:
        recording.aws.settings.clear()
    standing = recording.census()
    assert duplicates(standing) == []
    assert {what: len(names) for what, names in standing.items()} == recording.after(tier)
