"""What platform_prune takes away, in which order, and what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.delta import Field
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import Refused
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Reconciler
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import (
    Block,
    Context,
    Kind,
    Observed,
    Resource,
    Stranger,
)

OWNER = Owner("prod-us-east-1", "prod", "vpc")


class Stored(Kind):
    """Kept in ``context.api``: address -> (fields, tags)."""

    fields = (Field("uses"), Field("size"))

    def observe(self, view):
        for address, (fields, tags) in view.api["standing"].items():
            if address.startswith(self.name + "/"):
                yield Observed(address, f"id-of-{address}", dict(fields), {}, tags if self.tagged else None)

    def create(self, context, resource):
        context.api["log"].append(("create", resource.address))
        return Observed(resource.address, f"id-of-{resource.address}", dict(resource.desired))

    def update(self, context, resource, observed, delta):
        context.api["log"].append(("update", observed.address))

    def delete(self, context, observed, options):
        context.api["log"].append(("delete", observed.address))
        del context.api["standing"][observed.address]

    def strangers(self, view):
        return [Stranger(f"{self.name}/by-hand", "id-by-hand", why="it is in our names")]


class Outer(Stored):
    name = "outer"


class Middle(Stored):
    name = "middle"
    within = ("outer",)


class Inner(Stored):
    name = "inner"
    within = ("middle",)


class Part(Stored):
    name = "part"
    within = ("inner",)
    tagged = False


class Table(Stored):
    name = "table"
    stateful = True


class Guarded(Stored):
    name = "guarded"

    def blocks_delete(self, context, observed, options):
        return Block("it is in use")


class Born(Stored):
    name = "born"
    implicit = True


KINDS = (Outer(), Middle(), Inner(), Part(), Table(), Guarded(), Born())


def ours(address, **fields):
    return fields, {**OWNER.tags_for(address)}


@pytest.fixture
def account():
    addresses = ("outer/old", "middle/old", "inner/old", "part/old", "table/old", "guarded/old", "born/old")
    return {"log": [], "standing": {address: ours(address) for address in addresses}}


def run(account, names, resources=(), check_mode=False, **more):
    reconciler = Reconciler(Context(account, OWNER), KINDS, check_mode, **more)
    return reconciler.present(list(resources), names)


def refusals(account, names, resources=()):
    with pytest.raises(Refused) as refused:
        run(account, names, resources)
    assert account["log"] == []
    return {one.address: one.reason for one in refused.value.refusals}


def test_what_stands_within_another_goes_before_it_and_takes_its_parts_with_it(account):
    run(account, ["outer/old", "inner/old"])
    assert account["log"] == [("delete", "part/old"), ("delete", "inner/old"), ("delete", "outer/old")]


def test_nothing_goes_that_is_not_named(account):
    outcome = run(account, ["inner/old"])
    assert [address for _verb, address in account["log"]] == ["part/old", "inner/old"]
    assert {"outer/old", "middle/old", "table/old"} <= set(outcome.plan.unmanaged)
    assert "inner/old" not in outcome.plan.unmanaged


def test_check_mode_plans_it_and_later_tiers_hear_of_it(account):
    overlay = Overlay()
    outcome = run(account, ["outer/old"], check_mode=True, overlay=overlay)
    assert [(one["address"], one["action"]) for one in outcome.plan.reported()] == [("outer/old", "delete")]
    assert (account["log"], overlay.deleted) == ([], {"outer/old"})


def test_again_it_is_gone_and_that_is_no_error(account):
    run(account, ["outer/old"])
    outcome = run(account, ["outer/old"])
    assert outcome.plan.reported() == []


def test_changes_come_first(account):
    account["standing"]["middle/kept"] = ours("middle/kept", uses="id-of-outer/old")
    run(account, ["outer/old"], [Resource(Middle(), "kept", {"uses": "another"}), Resource(Inner(), "new", {})])
    assert account["log"][-1] == ("delete", "outer/old")
    assert {("update", "middle/kept"), ("create", "inner/new")} == set(account["log"][:-1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("table/old", "holds data"),
        ("guarded/old", "it is in use"),
        ("born/old", "comes and goes"),
        ("outer/by-hand", "not carry the tags"),
    ],
)
def test_is_refused(account, name, words):
    assert words in refusals(account, [name, "inner/old"])[name]


def test_what_is_configured_is_refused(account):
    assert "in the configuration" in refusals(account, ["outer/old"], [Resource(Outer(), "old", {})])["outer/old"]


def test_what_lost_its_tags_is_refused(account):
    account["standing"]["outer/old"] = ({}, {})
    assert "not tagged" in refusals(account, ["outer/old"])["outer/old"]


def test_what_something_configured_still_uses_is_refused(account):
    account["standing"]["guarded/kept"] = ours("guarded/kept", uses=["id-of-outer/old"])
    reason = refusals(account, ["outer/old"], [Resource(Guarded(), "kept", {"size": None})])["outer/old"]
    assert "guarded/kept" in reason


def test_what_only_stands_around_it_does_not_keep_it(account):
    account["standing"]["outer/kept"] = ours("outer/kept", uses=["id-of-middle/old"])
    run(account, ["middle/old"], [Resource(Outer(), "kept", {})])
    assert account["log"] == [("delete", "middle/old")]
