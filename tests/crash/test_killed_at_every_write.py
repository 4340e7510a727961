"""SIGKILL in the flight of each write of a fresh prod run: the next run converges, with nothing twice and nothing orphaned.

A run killed before its write N+1 reaches AWS, and one killed after write N did, leave the same account; so each state
stands for both. No cleaning up of a dying process is at work here: the state is taken while the run is whole.
"""

from __future__ import annotations

import pytest
from support import tiers
from support.census import duplicates

SHARDS = 8
# The whole site again, not only the tier that was killed, on one kill point of so many.
WHOLE_SITE_EVERY = 20


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_next_run_converges(recording, shard, record_property):
    assert recording.writes > 100
    names = list(recording.parameters)
    failures = []
    points = recording.points[shard::SHARDS]
    for number, point in enumerate(points):
        recording.aws.restore(point.state)
        later = names[names.index(point.tier) :] if number % WHOLE_SITE_EVERY == 0 else [point.tier]
        failures += [f"{point.tier}, killed after write {point.done} ({point.last}): {text}" for text in wrong(recording, later)]
    assert failures == []
    record_property("writes", recording.writes)


def wrong(recording, names):
    """What is not as it should be once ``names`` ran again, in words."""
    for name in names:
        result = tiers.attempt(tiers.load(name), recording.parameters[name])
        if result.get("failed"):
            return [f"the next run of {name} failed: {result['msg']}"]
    found = []
    for name in names:
        again = recording.run(name)
        found += [f"not converged: {sorted(tiers.changes(again))}"] if again["plan"] else []
        found += [f"unmanaged: {again['unmanaged']}"] if again["unmanaged"] else []
    standing = recording.census()
    found += [f"stands twice: {item}" for item in duplicates(standing)]
    expected = recording.finished
    orphans = {
        what: sorted(set(items) - set(expected[what])) for what, items in standing.items() if set(items) - set(expected[what])
    }
    found += [f"orphaned: {orphans}"] if orphans else []
    if names[-1] == list(recording.parameters)[-1] and standing != expected:
        found.append("not the same as after an undisturbed run")
    return found
