"""Deletions: in order, and of nothing that is kept or that something kept rests on."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import Refused
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Block, Left, Resource

from .fake import PARENT, THING, VAULT, Cloud, FakeKind, apply, reconciler


def kept(outcome):
    return outcome.plan.kept


def planned(outcome):
    return {item["address"]: item["action"] for item in outcome.plan.reported()}


def standing(cloud):
    return sorted(record["kind"] for record in cloud.records.values())


def safe_and_what_it_rests_on():
    return [
        Resource(PARENT, "ground"),
        Resource(THING, "wall", {"link": Ref("parent/ground")}),
        Resource(VAULT, "v", {"link": Ref("thing/wall")}),
        Resource(THING, "flag", {"link": Ref("parent/ground")}),
        Resource(THING, "later", {"size": 1}, after=("vault/v",)),
    ]


def test_what_holds_data_is_kept_with_everything_that_it_refers_to():
    cloud = Cloud()
    apply(cloud, *safe_and_what_it_rests_on())
    outcome = reconciler(cloud).absent(safe_and_what_it_rests_on(), keep_data=True)
    assert planned(outcome) == {"thing/flag": "delete", "thing/later": "delete"}
    assert standing(cloud) == ["parent", "thing", "vault"]
    assert "holds data; destroy_data=test-here takes it too" in kept(outcome)["vault/v"]
    assert kept(outcome)["thing/wall"] == "vault/v, which is kept, rests on it"
    assert set(kept(outcome)) == {"vault/v", "thing/wall", "parent/ground"}


def test_to_be_made_after_something_is_not_to_rest_on_it():
    resources = [Resource(THING, "first"), Resource(VAULT, "v", after=("thing/first",))]
    cloud = Cloud()
    apply(cloud, *resources)
    outcome = reconciler(cloud).absent(resources, keep_data=True)
    assert planned(outcome) == {"thing/first": "delete"}


def test_told_twice_nothing_is_kept():
    cloud = Cloud()
    apply(cloud, *safe_and_what_it_rests_on())
    outcome = reconciler(cloud).absent(safe_and_what_it_rests_on(), keep_data=False)
    assert cloud.records == {} and kept(outcome) == {}


def test_a_later_tier_keeps_what_an_earlier_one_needs():
    cloud, overlay = Cloud(), Overlay()
    apply(cloud, Resource(THING, "network"), Resource(THING, "other"))
    looked_up = Resource(THING, "network", provider="below")
    above = [looked_up, Resource(VAULT, "v", {"link": Ref("thing/network")})]
    cloud.records["vault-7"] = {"kind": "vault", "tags": _tags("vault/v"), "fields": {}}
    reconciler(cloud, overlay=overlay, kinds=(VAULT,)).absent(above, keep_data=True)
    travelled = Overlay(overlay.as_dict())
    outcome = reconciler(cloud, overlay=travelled, kinds=(THING,)).absent([Resource(THING, "network"), Resource(THING, "other")])
    assert planned(outcome) == {"thing/other": "delete"}
    assert kept(outcome) == {"thing/network": "vault/v, which is kept, rests on it"}


def test_what_the_configuration_forgot_rests_on_whatever_it_names():
    cloud = Cloud()
    apply(cloud, Resource(THING, "wall"), Resource(THING, "flag"))
    (wall,) = [key for key, record in cloud.records.items() if record["tags"]["agent-platform:address"] == "thing/wall"]
    cloud.records["vault-9"] = {"kind": "vault", "tags": _tags("vault/old"), "fields": {"members": [f"arn:{wall}"]}}
    outcome = reconciler(cloud).absent([], keep_data=True)
    assert planned(outcome) == {"thing/flag": "delete"}
    assert set(kept(outcome)) == {"vault/old", "thing/wall"}


def test_what_is_configured_rests_on_what_it_names_as_it_stands_too():
    cloud = Cloud()
    resources = [Resource(THING, "old"), Resource(THING, "new"), Resource(VAULT, "v", {"link": Ref("thing/new")})]
    apply(cloud, *resources)
    ids = {record["tags"]["agent-platform:address"]: key for key, record in cloud.records.items()}
    cloud.records[ids["vault/v"]]["fields"]["link"] = ids["thing/old"]
    outcome = reconciler(cloud).absent(resources, keep_data=True)
    assert planned(outcome) == {}
    assert set(kept(outcome)) == {"vault/v", "thing/old", "thing/new"}


def test_what_lost_our_tags_is_kept_with_what_it_rests_on():
    class Named(FakeKind):
        name = "named"
        stateful = True

        def observe(self, view):
            return [self.seen(key, record) for key, record in view.api.records.items() if record["kind"] == "named"]

    named, cloud = Named(), Cloud()
    resources = [Resource(THING, "key"), Resource(named, "n", {"link": Ref("thing/key")})]
    reconciler(cloud, kinds=(named, THING)).present(resources)
    (record,) = [record for record in cloud.records.values() if record["kind"] == "named"]
    record["tags"] = {"agent-platform:address": "named/n"}
    outcome = reconciler(cloud, kinds=(named, THING)).absent(resources)
    assert planned(outcome) == {}
    assert "was not made by deployment test-here" in kept(outcome)["named/n"]
    assert kept(outcome)["thing/key"] == "named/n, which is kept, rests on it"


class Key(FakeKind):
    name = "key"
    stateful = True
    guards = True


class Zone(FakeKind):
    name = "zone"
    stateful = True
    plain = True

    def blocks_delete(self, context, observed, options):
        return Block("it holds records of others")


class Archive(FakeKind):
    name = "archive"
    stateful = True

    def blocks_delete(self, context, observed, options):
        return Block("it is locked")


@pytest.mark.parametrize(("kind", "stays"), [(Archive(), True), (Zone(), False)])
def test_no_key_goes_while_data_is_kept_that_it_may_have_encrypted(kind, stays):
    key, cloud, overlay = Key(), Cloud(), Overlay()
    reconciler(cloud, kinds=(key, kind)).present([Resource(key, "k"), Resource(kind, "a")])
    reconciler(cloud, overlay=overlay, kinds=(kind,)).absent([Resource(kind, "a")])
    outcome = reconciler(cloud, overlay=Overlay(overlay.as_dict()), kinds=(key,)).absent([Resource(key, "k")])
    assert ("key/k" in kept(outcome)) is stays


class Recorded(FakeKind):
    """Leaves a copy that cannot be read without the thing of this id."""

    name = "recorded"

    def leaves(self, context, observed, options):
        return Left(f"copy of {observed.id}", needs=tuple(options.get("needs", ())))


def test_what_a_deletion_leaves_behind_keeps_what_it_cannot_be_read_without():
    recorded, cloud, overlay = Recorded(), Cloud(), Overlay()
    apply(cloud, Resource(THING, "key"), Resource(THING, "other"))
    (key,) = [key for key, record in cloud.records.items() if record["tags"]["agent-platform:address"] == "thing/key"]
    cloud.records["r-1"] = {"kind": "recorded", "tags": _tags("recorded/r"), "fields": {}}
    first = reconciler(cloud, overlay=overlay, kinds=(recorded,)).absent([Resource(recorded, "r", options={"needs": [key]})])
    assert first.plan.reported() == [
        {"address": "recorded/r", "action": "delete", "fields": [], "leaves": "copy of r-1"},
    ]
    outcome = reconciler(cloud, overlay=overlay, kinds=(THING,)).absent([])
    assert planned(outcome) == {"thing/other": "delete"}
    assert kept(outcome) == {"thing/key": "the copy of r-1, which is kept, rests on it"}


class Locked(FakeKind):
    name = "locked"

    def blocks_delete(self, context, observed, options):
        return Block("it is locked", refuse=options.get("refuse", False))


def test_a_refused_deletion_stops_before_the_first_write_and_is_listed_by_what_only_looks():
    locked, cloud = Locked(), Cloud()
    kinds = (locked, THING)
    resources = [Resource(locked, "l", options={"refuse": True}), Resource(THING, "t")]
    reconciler(cloud, kinds=kinds).present(resources)
    cloud.log.clear()
    with pytest.raises(Refused, match="locked/l: it is locked"):
        reconciler(cloud, kinds=kinds).absent(resources)
    looking = reconciler(cloud, check_mode=True, kinds=kinds)
    looking.show_refusals = True
    outcome = looking.absent(resources)
    assert [str(refusal) for refusal in outcome.plan.refusals] == ["locked/l: it is locked"]
    assert planned(outcome) == {"thing/t": "delete"}
    assert cloud.log == []


def test_what_is_kept_for_a_reason_of_its_own_keeps_what_it_refers_to():
    locked, cloud = Locked(), Cloud()
    kinds = (locked, THING)
    resources = [Resource(THING, "key"), Resource(locked, "l", {"link": Ref("thing/key")})]
    reconciler(cloud, kinds=kinds).present(resources)
    outcome = reconciler(cloud, kinds=kinds).absent(resources)
    assert planned(outcome) == {}
    assert set(kept(outcome)) == {"locked/l", "thing/key"}


def _tags(address):
    return {
        "agent-platform:deployment": "test-here",
        "agent-platform:environment": "test",
        "agent-platform:tier": "tier",
        "agent-platform:address": address,
    }
