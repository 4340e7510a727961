"""A fresh run costs the longest of AWS's long builds, not their sum."""

from __future__ import annotations

import time

import pytest

# Seconds, and what has to have ended before: the cluster runs before its nodes, the database and the cache are begun.
BUILDS = {
    "eks_cluster": 20,
    "eks_nodegroup": 10,
    "db_instance": 30,
    "replication_group": 30,
    "load_balancer": 10,
    "distribution": 20,
}
CRITICAL_PATH = BUILDS["eks_cluster"] + max(BUILDS["db_instance"], BUILDS["replication_group"])
LANDMARKS = (
    *("CreateKey", "CreateVpc", "CreateCluster", "CreateNodegroup", "CreateAddon", "CreateDBInstance", "CreateReplicationGroup"),
    *("CreateTopic", "CreateLoadBalancer", "CreateDistributionWithTags"),
)


def fresh_run(platform) -> tuple[float, list[str]]:
    """Its seconds, and a line for the first and the last call of each landmark."""
    platform.local.clear_requests()
    start = time.time()
    platform.results("site.yml")
    seconds = time.time() - start
    lines = []
    for operation in LANDMARKS:
        times = [call["started"] - start for call in platform.local.requests() if call["operation"] == operation]
        lines.append(f"{operation:28}{min(times):6.1f} s" + (f" to {max(times):.1f} s" if len(times) > 1 else ""))
    return seconds, [*lines, f"{'the end':28}{seconds:6.1f} s"]


def delayed_run(platform) -> tuple[float, list[str]]:
    """As ``fresh_run``, of an empty account in which the builds take their time."""
    platform.local.reset()
    platform.local.settings(transitions=BUILDS)
    try:
        return fresh_run(platform)
    finally:
        platform.local.settings(transitions=dict.fromkeys(BUILDS, 0))


@pytest.mark.parametrize("empty", ["prod"], indirect=True)
def test_the_long_builds_run_side_by_side(empty, deployed, capsys):
    """On a quiet machine it takes the critical path; the bound leaves room for a busy one, and none for the builds' sum."""
    at_once = deployed("prod").fresh_seconds
    seconds, lines = delayed_run(empty)
    text = "\n".join(["", f"at once: {at_once:.1f} s; with {BUILDS}, of which {CRITICAL_PATH} s depend on each other:", *lines])
    with capsys.disabled():
        print(text)
    assert seconds - at_once <= 0.8 * sum(BUILDS.values()), text
