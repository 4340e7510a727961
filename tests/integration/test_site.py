"""The site as a user runs it: the plan, the run, the second run, each tier alone, down and up again."""

from __future__ import annotations

import json
import re

import pytest
from support import site, tiers
from support.census import census, duplicates

both = ["dev", "prod"]
TIERS = site.tiers_in_order()
# What has to be applied before a tier lets itself be taken down.
LOCKS = {tier: f"{tier}_deletion_protection=false" for tier in ("cloudfront", "dynamodb", "rds", "eks")}


def writes(local):
    return [f"{call['service']}:{call['operation']}" for call in local.requests() if call["access"] == "write"]


@pytest.mark.parametrize("empty", both, indirect=True)
def test_plan_on_an_empty_account_is_what_the_run_then_does(empty, deployed):
    empty.local.clear_requests()
    planned = empty.results("site.yml", "--check", "--diff")
    assert writes(empty.local) == []
    assert list(planned) == TIERS
    done = deployed(empty.environment).first
    for tier in TIERS:
        assert set(tiers.addresses(planned[tier]).values()) == {"create"}
        assert tiers.changes(planned[tier]) == tiers.changes(done[tier])
        assert set(tiers.addresses(planned[tier])) == set(done[tier]["resources"])
        assert len(planned[tier]["diff"]) == len(planned[tier]["plan"])


def test_second_run_changes_nothing(platform):
    assert {tier: result["changed"] for tier, result in platform.second.items()} == dict.fromkeys(TIERS, False)


def test_plan_on_a_full_account_lists_nothing(platform):
    platform.local.clear_requests()
    planned = platform.results("site.yml", "--check", "--diff")
    assert {tier: (result["plan"], result["diff"]) for tier, result in planned.items()} == dict.fromkeys(TIERS, ([], []))
    assert writes(platform.local) == []


def test_nothing_stands_twice(platform):
    counted = census(platform.client)
    assert duplicates(counted) == []
    assert sum(map(len, counted.values())) > 40


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_down_in_reverse_order_leaves_nothing_and_up_again_works(scratch):
    before = census(scratch.client)
    unlocked = [argument for lock in LOCKS.values() for argument in ("-e", lock)]
    done = scratch.run(*(f"playbooks/{tier}.yml" for tier in LOCKS), *unlocked)
    assert done.returncode == 0, done.stdout[-3000:]
    absent = [argument for tier in TIERS for argument in ("-e", f"{tier}_state=absent")]
    done = scratch.run(*(f"playbooks/{tier}.yml" for tier in reversed(TIERS)), *absent)
    assert done.returncode == 0, done.stdout[-3000:]
    assert {what: names for what, names in census(scratch.client).items() if names} == {}
    waiting = [key for key in scratch.client("kms").list_keys()["Keys"] if _pending(scratch, key["KeyId"])]
    assert len(waiting) == 7
    assert all(result["changed"] for result in scratch.results("site.yml").values())
    assert census(scratch.client) == before
    assert not any(result["changed"] for result in scratch.results("site.yml").values())


def _pending(platform, key_id):
    return platform.client("kms").describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_a_tier_before_what_it_needs_names_the_tier_to_run_first(empty):
    empty.local.clear_requests()
    done = empty.run("playbooks/s3.yml")
    assert done.returncode != 0
    assert re.search(r"run\s+the\s+kms\s+tier\s+first", done.stdout + done.stderr)
    assert writes(empty.local) == []


def test_a_module_sent_elsewhere_plans_what_the_action_plugin_plans(empty, tmp_path):
    """Another interpreter is another place: the module is packed and run by it."""
    import sys

    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    other.chmod(0o755)
    here = empty.results("site.yml", "--check")
    there = empty.results("site.yml", "--check", "-e", f"ansible_python_interpreter={other}")
    assert {tier: result["plan"] for tier, result in there.items()} == {tier: result["plan"] for tier, result in here.items()}
    assert {tier: set(result) for tier, result in there.items()} == {tier: set(result) for tier, result in here.items()}


def test_the_callers_secrets_are_in_no_output(empty):
    secrets = {"AWS_SECRET_ACCESS_KEY": "canary-of-the-key", "AWS_SESSION_TOKEN": "canary-of-the-session"}
    extra = json.dumps({"platform_aws_environment": {"AWS_ACCESS_KEY_ID": "testing", **secrets}})
    done = empty.run("playbooks/kms.yml", "--check", "--diff", "-vvv", "-e", extra, **site.as_json({}))
    assert done.returncode == 0, done.stdout
    assert '"module_args"' in done.stdout
    assert "canary-of-the" not in done.stdout + done.stderr


def test_a_run_that_is_told_nothing_but_the_endpoint(empty):
    """As a script runs it: no credentials in the environment, everything else in local_aws/vars.yml."""
    empty.local.clear_requests()
    no_credentials = {"AWS_ENDPOINT_URL": empty.local.url, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    done = site.ansible("site.yml", "-i", "inventories/prod", "-e", "@local_aws/vars.yml", "--check", env=no_credentials)
    assert done.returncode == 0, done.stdout
    assert writes(empty.local) == []
