"""Changes by hand, of five tiers at once, met by Ansible as a user runs it: the plan, the run, and nothing left."""

from __future__ import annotations

import random

import pytest
from support import plans, tiers
from support.mutations import TABLE, Scene

FIVE = ["key_policy_widened", "route_to_the_internet", "role_made_administrator", "bucket_deleted", "listener_deleted"]


def scene_of(platform):
    resources = {address: item for result in platform.first.values() for address, item in result["resources"].items()}
    tier_of = {address: tier for tier, result in platform.first.items() for address in result["resources"]}
    return Scene(platform.environment, resources, tier_of, random.Random(7), platform.region, platform.client)


def writes(platform):
    return [f"{call['service']}:{call['operation']}" for call in platform.local.requests() if call["access"] == "write"]


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_check_mode_plans_what_the_run_then_mends(scratch):
    scene = scene_of(scratch)
    touched = {address for name in FIVE for address in TABLE[name].act(scene).found}
    scratch.local.clear_requests()
    planned = scratch.results("site.yml", "--check")
    assert writes(scratch) == []
    assert touched <= set(plans.addresses(planned))
    done = scratch.results("site.yml")
    assert {tier: tiers.changes(result) for tier, result in done.items()} == {
        tier: tiers.changes(result) for tier, result in planned.items()
    }
    scratch.local.clear_requests()
    assert plans.addresses(scratch.results("site.yml", "--check")) == {}
    assert writes(scratch) == []
