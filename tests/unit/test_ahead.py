"""Which tiers of a run are looked at together, and how long what was found is believed."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.action import kubernetes as kubernetes_action
from ansible_collections.agent_platform.aws.plugins.action import tier as tier_action
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Idle, RunOptions
from ansible_collections.agent_platform.aws.plugins.plugin_utils import ahead as module
from ansible_collections.agent_platform.aws.plugins.plugin_utils import run_memory
from ansible_collections.agent_platform.aws.plugins.plugin_utils.ahead import FRESH, Ahead
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import HereOrThere
from support import tiers

COMMON = {"environment": "prod", "deployment": "prod-us-east-1", "region": "us-east-1", "verb": "validate", "planned": None}
PLACE = {"deployment": "prod-us-east-1", "environment": "prod", "region": "us-east-1", "account": "123456789012"}


class Run:
    """A run on one host; each turn is another process, which has of those before only what they saved."""

    def __init__(self, monkeypatch, tmp_path):
        monkeypatch.setattr(run_memory.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
        monkeypatch.setattr(module, "idle_tiers", self.look)
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        self.now = 1000.0
        self.looks = []
        self.busy = set()

    def look(self, together, options, overlay):
        self.looks.append([tier for tier, _arguments in together])
        found = {}
        for tier, arguments in together:
            assert arguments["verb"] == "apply"
            if tier not in self.busy:
                result = {"changed": False, "plan": [], "place": PLACE}
                found[tier] = Idle(result, {f"{tier}/x": {"id": tier}}, ["kms"] if tier == "s3" else [])
        return found

    def announce(self, *tiers, environment=None, **more):
        for tier in tiers:
            memory = run_memory.RunMemory("host")
            Ahead(memory, tier, {**COMMON, **more}, environment or {}).announce()
            memory.save()

    def turn(self, tier, environment=None, then=lambda memory: None, **more):
        memory = run_memory.RunMemory("host")
        arguments = {**COMMON, "verb": "apply", **more}
        found = Ahead(memory, tier, arguments, environment or {}).find(lambda name, given: (name, given), RunOptions())
        then(memory)
        memory.save()
        return found


@pytest.fixture
def run(monkeypatch, tmp_path):
    return Run(monkeypatch, tmp_path)


def test_the_first_tier_looks_for_all_and_the_others_are_told(run):
    run.announce("kms", "vpc", "s3")
    found = [run.turn(tier, verb=verb) for tier, verb in (("kms", "apply"), ("vpc", "start"), ("s3", "apply"))]
    assert run.looks == [["kms", "vpc", "s3"]]
    assert [result["plan"] for result in found] == [[], [], []]
    assert found[2] == {
        "changed": False,
        "plan": [],
        "place": PLACE,
        "planned": {"place": PLACE, "standing": {"s3/x": {"id": "s3"}}},
    }


def test_what_the_run_knew_before_stays_known(run):
    run.announce("kms", "vpc")
    planned = {
        "planned": {"secret/a": {}},
        "deleted": [],
        "standing": {"waf/x": {"id": "w"}},
        "place": PLACE,
        "held": {},
        "seen": [],
    }
    found = run.turn("kms", planned=planned)
    assert found["planned"]["planned"] == {"secret/a": {}}
    assert set(found["planned"]["standing"]) == {"waf/x", "kms/x"}


def test_what_has_something_to_do_looks_for_itself(run):
    run.announce("kms", "vpc", "s3")
    run.busy = {"vpc"}
    assert [bool(run.turn(tier)) for tier in ("kms", "vpc", "s3")] == [True, False, True]
    assert len(run.looks) == 1


def test_nothing_is_believed_that_rests_on_a_tier_that_did_something(run):
    run.announce("kms", "vpc", "s3")
    assert run.turn("kms", then=lambda memory: memory.forget_idle("kms"))
    assert run.turn("vpc") and not run.turn("s3")
    assert len(run.looks) == 1


def test_after_a_tier_that_did_something_alone_nothing_is_looked_at_together(run):
    run.announce("kms", "vpc")
    run.turn("waf", then=lambda memory: memory.forget_idle("waf"))
    assert not run.turn("kms") and run.looks == []


def test_nothing_is_believed_for_long(run):
    run.announce("kms", "vpc", "s3")
    assert run.turn("kms")
    run.now += FRESH
    assert run.turn("vpc")
    run.now += 1
    assert not run.turn("s3")


@pytest.mark.parametrize(
    "other",
    [
        {"environment": {"AWS_PROFILE": "other"}},
        {"deployment": "prod-other"},
        {"region": "eu-west-1"},
        {"aws_region": "eu-west-1"},
        {"profile": "other"},
        {"aws_access_key": "AKIAOTHER"},
        {"endpoint_url": "https://other.example.com"},
        {"state": "absent"},
    ],
    ids=str,
)
def test_a_tier_of_another_place_or_caller_is_not_looked_at_with_us(run, other):
    run.announce("kms", "s3")
    run.announce("vpc", **other)
    assert run.turn("kms")
    assert run.looks == [["kms", "s3"]]
    assert not run.turn("vpc", **other)
    assert run.turn("s3")


def test_with_a_new_validation_all_is_looked_at_anew(run):
    run.announce("kms", "vpc")
    assert run.turn("kms") and run.turn("vpc")
    run.announce("kms", "vpc", deployment="prod-other")
    assert run.turn("kms", deployment="prod-other") and run.turn("vpc", deployment="prod-other")
    assert run.looks == [["kms", "vpc"]] * 2


@pytest.mark.parametrize("more", [{"plan_file": "plan.json"}, {"prune": ["s3_bucket/old"]}, {"tags": {"team": "other"}}])
def test_a_turn_of_another_kind_than_announced_is_its_own(run, more):
    run.announce("kms", "vpc")
    assert run.turn("kms", **more) is None
    assert run.looks == []


def test_one_tier_and_one_that_was_not_announced_look_for_themselves(run):
    assert run.turn("kms") is None
    run.announce("kms")
    assert run.turn("kms") is None
    assert run.looks == []


@pytest.mark.parametrize(
    ("tier", "arguments", "secret"),
    [
        ("secrets", {"values": {"anthropic-api": "sk"}}, True),
        ("secrets", {"values": {}}, False),
        ("redis", {"auth_token": "0123456789abcdef"}, True),
        ("redis", {"auth_token_rotation": "2"}, False),
        ("kms", {"secret_key": "x"}, True),
        ("kms", {"aws_secret_access_key": "x"}, True),
        ("kms", {"aws_session_token": "x"}, True),
    ],
)
def test_arguments_that_hold_a_secret_are_told_apart(tier, arguments, secret):
    assert HereOrThere.holds_secret(arguments, tiers.load(tier).argument_spec()) is secret


class Asked:
    """An Ahead that tells what it was asked for."""

    def __init__(self):
        self.calls = []

    def announce(self):
        self.calls.append("announce")

    def find(self, prepared, options):
        self.calls.append("find")


@pytest.mark.parametrize(
    ("action", "verb", "calls"),
    [
        (tier_action, "validate", ["announce"]),
        *((tier_action, verb, ["find"]) for verb in ("apply", "start", "plan")),
        *((tier_action, verb, []) for verb in ("await", "drift", "destroy", "adopt")),
        *((kubernetes_action, verb, []) for verb in ("validate", "apply", "plan")),
    ],
)
def test_when_a_tier_is_announced_and_when_it_asks(action, verb, calls):
    asked = Asked()
    plugin = action.ActionModule.__new__(action.ActionModule)
    assert plugin._found_ahead(asked, tiers.load("kms"), {**COMMON, "verb": verb}, RunOptions()) is None
    assert asked.calls == calls
