"""What a planned action rests on, and what an approval lets through."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import approval
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import ground as ground_module
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import Refused
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Reconciler
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Context, Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import UNKNOWN_TEXT

from .fake import KINDS, OWNER, PARENT, THING, Cloud, apply, explain, plan


def parent(**more):
    return Resource(PARENT, "p", {"size": 1, **more})


def thing(**more):
    return Resource(THING, "a", {"size": 1, "members": ["x", "y"], "link": Ref("parent/p"), "secret": "old", "seed": 1, **more})


@pytest.fixture
def cloud():
    made = Cloud()
    apply(made, parent(), thing())
    return made


def ground(cloud, **wanted):
    return plan(cloud, parent(), thing(**wanted)).ground


def record(cloud, kind):
    return next(item for item in cloud.records.values() if item["kind"] == kind)


def test_it_names_what_was_observed_and_what_is_referred_to(cloud):
    found = ground(cloud, size=2)
    assert set(found) == {"thing/a"}
    assert set(found["thing/a"]) == {"id", "size", "members", "link", "shape", "tags", "parent/p"}


def test_of_what_does_not_exist_it_tells_that(cloud):
    empty = plan(Cloud(), parent(), thing()).ground
    assert set(empty) == {"parent/p", "thing/a"}
    assert set(empty["thing/a"]) == {"id"}
    # Once the parent stands, the thing rests on it.
    half = Cloud()
    apply(half, parent())
    assert set(plan(half, parent(), thing()).ground["thing/a"]) == {"id", "parent/p"}


def test_the_same_account_gives_the_same_ground(cloud):
    assert ground(cloud, size=2) == ground(copy.deepcopy(cloud), size=2)
    record(cloud, "thing")["fields"]["members"] = ["y", "x"]
    assert ground(cloud, size=2) == ground(copy.deepcopy(cloud), size=2)


@pytest.mark.parametrize("field", ["size", "members", "link", "tags"])
def test_what_moved_has_another_digest_and_nothing_else_has(cloud, field):
    before = ground(cloud, size=2)["thing/a"]
    if field == "tags":
        record(cloud, "thing")["tags"]["extra"] = "x"
    else:
        record(cloud, "thing")["fields"][field] = {"size": 3, "members": ["z"], "link": "elsewhere"}[field]
    after = ground(cloud, size=2)["thing/a"]
    assert {name for name in after if after[name] != before[name]} == {field}


def test_another_resource_in_the_same_place_is_another_ground(cloud):
    before = ground(cloud, size=2)["thing/a"]
    for record_id in [record_id for record_id, item in cloud.records.items() if item["kind"] == "parent"]:
        cloud.records["other"] = cloud.records.pop(record_id)
    record(cloud, "thing")["fields"]["link"] = "other"
    after = ground(cloud, size=2)["thing/a"]
    assert {name for name in after if after[name] != before[name]} == {"link", "parent/p"}


def test_secrets_and_what_others_set_do_not_count(cloud, monkeypatch):
    seen = []
    real = ground_module.digest
    monkeypatch.setattr(ground_module, "digest", lambda value: (seen.append(value), real(value))[1])
    before = ground(cloud, size=2)
    record(cloud, "thing")["fields"].update(secret="another", seed=9)
    assert ground(cloud, size=2)["thing/a"] == before["thing/a"]
    assert "another" not in str(seen)
    assert "old" not in str(seen)


def test_an_apply_tells_no_ground(cloud):
    assert apply(cloud, parent(), thing(size=2)).ground == {}


def allow(action, ground=None, **fields):
    return {"action": action, "fields": fields, "ground": ground or {}}


class TestApproved:
    def run(self, cloud, approved, *resources, check_mode=False, show=False):
        engine = Reconciler(Context(cloud, OWNER), KINDS, check_mode, explain=explain, approved=approved, show_refusals=show)
        return engine.present(resources)

    def test_just_that_is_done(self, cloud):
        cloud.log.clear()
        self.run(cloud, {"thing/a": allow("update", size=2)}, parent(), thing(size=2))
        assert cloud.log == [("update", "thing/a")]

    def test_less_than_that_is_done(self, cloud):
        approved = {"thing/a": allow("update", size=2, members=["x"]), "thing/b": allow("create")}
        self.run(cloud, approved, parent(), thing(size=2))
        assert record(cloud, "thing")["fields"]["size"] == 2

    @pytest.mark.parametrize(
        ("approved", "reason"),
        [
            ({}, "update is not in the plan that was approved"),
            ({"thing/b": allow("update", size=2)}, "update is not in the plan that was approved"),
            ({"thing/a": allow("update", members=["x"])}, "size was not to change in the plan that was approved"),
            ({"thing/a": allow("delete", size=2)}, "the plan that was approved has delete, and now it would be update"),
            ({"thing/a": allow("update", size=3)}, "size is to become something else than in the plan that was approved"),
        ],
        ids=["nothing", "another address", "another field", "another action", "another value"],
    )
    def test_anything_else_is_refused_before_a_write(self, cloud, approved, reason):
        cloud.log.clear()
        with pytest.raises(Refused, match=f"thing/a: {reason}; make a new plan"):
            self.run(cloud, approved, parent(), thing(size=2))
        assert cloud.log == []

    def test_the_same_on_other_ground_is_refused(self, cloud):
        found = ground(cloud, size=2)["thing/a"]
        self.run(cloud, {"thing/a": allow("update", found, size=2)}, parent(), thing(size=2), check_mode=True)
        with pytest.raises(Refused, match="thing/a: id, size moved since the plan was approved"):
            self.run(cloud, {"thing/a": allow("update", {**found, "id": "0", "size": "0"}, size=2)}, parent(), thing(size=2))

    def test_one_that_is_not_approved_stops_those_that_are(self, cloud):
        cloud.log.clear()
        with pytest.raises(Refused, match="parent/p"):
            self.run(cloud, {"thing/a": allow("update", size=2)}, parent(size=3), thing(size=2))
        assert cloud.log == []

    def test_what_an_earlier_play_began_is_finished(self, cloud):
        self.run(cloud, {"thing/a": allow("create", size=2)}, parent(), thing(size=2))
        assert record(cloud, "thing")["fields"]["size"] == 2

    def test_what_an_earlier_play_began_does_not_become_something_else(self, cloud):
        with pytest.raises(Refused, match="something else"):
            self.run(cloud, {"thing/a": allow("create", size=3)}, parent(), thing(size=2))

    def test_a_plan_of_nothing_lets_a_run_that_has_nothing_to_do_pass(self, cloud):
        cloud.log.clear()
        self.run(cloud, {}, parent(), thing())
        assert cloud.log == []

    def test_check_mode_refuses_as_well(self, cloud):
        with pytest.raises(Refused):
            self.run(cloud, {}, parent(), thing(size=2), check_mode=True)
        listed = self.run(cloud, {}, parent(), thing(size=2), check_mode=True, show=True)
        assert [refusal.address for refusal in listed.plan.refusals] == ["thing/a"]


@pytest.mark.parametrize(
    ("approved", "fresh", "fits"),
    [
        (UNKNOWN_TEXT, "arn:now-known", True),
        ({"a": UNKNOWN_TEXT, "b": 1}, {"a": "x", "b": 1}, True),
        ({"a": UNKNOWN_TEXT, "b": 1}, {"a": "x", "b": 2}, False),
        ({"a": UNKNOWN_TEXT}, {"a": "x", "b": 1}, False),
        (["0.0.0.0/0"], ["10.0.0.0/8"], False),
        ([UNKNOWN_TEXT, "b"], ["b", "a-now-known"], True),
        ([UNKNOWN_TEXT, "b"], ["a", "c"], False),
        ([UNKNOWN_TEXT], ["a", "b"], False),
        ([["a", UNKNOWN_TEXT]], [["a", 1]], True),
        ("1", 1, False),
    ],
)
def test_what_became_known_fits_what_was_unknown_and_nothing_else(approved, fresh, fits):
    assert approval._fits(approved, fresh) is fits
