"""The engine against a cloud of one dictionary."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput, MissingDependency, Refused
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Derived, Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Observed, Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.result import as_result, failure_message
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import UNKNOWN
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.waiter import Waiter
from hypothesis import given
from hypothesis import strategies as st

from .fake import CHILD, KINDS, OWNER, PARENT, THING, VAULT, Cloud, apply, plan, reconciler, summary

names = st.sampled_from(["a", "b", "c", "d"])
desired = st.fixed_dictionaries(
    {"size": st.integers(1, 3), "shape": st.sampled_from(["round", "square"])},
    optional={"members": st.lists(st.sampled_from("xyz"), unique=True, min_size=1), "seed": st.integers(1, 3)},
)
configurations = st.dictionaries(names, desired, max_size=4)


def things(configuration):
    """Each thing links to the one before it, so that there are chains."""
    resources, before = [], None
    for name, fields in sorted(configuration.items()):
        link = {"link": Ref(f"thing/{before}")} if before else {"link": "none"}
        resources.append(Resource(THING, name, {**fields, **link}))
        before = name
    return resources


@given(configurations, configurations)
def test_after_an_apply_the_plan_is_empty(first, second):
    cloud = Cloud()
    apply(cloud, *things(first))
    apply(cloud, *things(second))
    assert summary(plan(cloud, *things(second))) == {}


@given(configurations, configurations)
def test_the_plan_is_what_the_apply_does(first, second):
    cloud = Cloud()
    apply(cloud, *things(first))
    planned = plan(copy.deepcopy(cloud), *things(second))
    cloud.log.clear()
    applied = apply(cloud, *things(second))
    assert planned.plan.reported() == applied.plan.reported()
    assert {address for _verb, address in cloud.log} == set(summary(planned))


@given(configurations, configurations)
def test_check_mode_writes_nothing(first, second):
    cloud = Cloud()
    apply(cloud, *things(first))
    before = copy.deepcopy(cloud.records)
    cloud.log.clear()
    plan(cloud, *things(second))
    reconciler(cloud, check_mode=True).absent(things(second))
    assert (cloud.records, cloud.log) == (before, [])


@given(configurations, st.randoms())
def test_the_order_of_declaration_does_not_count(configuration, rng):
    cloud, shuffled = Cloud(), things(configuration)
    apply(cloud, *things(configuration))
    rng.shuffle(shuffled)
    assert summary(plan(cloud, *shuffled)) == {}


def test_parents_are_made_before_what_refers_to_them():
    cloud = Cloud()
    apply(cloud, Resource(CHILD, "c", {"link": Ref("parent/p")}), Resource(PARENT, "p", {"size": 1}))
    assert cloud.log == [("create", "parent/p"), ("create", "child/c")]
    (child,) = [record for record in cloud.records.values() if record["kind"] == "child"]
    assert child["fields"]["link"] == "parent-1"


def test_a_plan_on_an_empty_account_shows_what_only_an_apply_can_tell():
    planned = plan(Cloud(), Resource(PARENT, "p", {"size": 1}), Resource(CHILD, "c", {"link": Ref("parent/p")}))
    (child,) = [item for item in planned.plan.reported() if item["address"] == "child/c"]
    assert {"field": "link", "old": None, "new": "(known after apply)"} in child["fields"]


def test_a_derived_value_is_computed_once_its_parts_are_known():
    cloud = Cloud()
    apply(
        cloud,
        Resource(PARENT, "p", {"size": 1}),
        Resource(THING, "t", {"link": Derived(lambda arn: arn + ":*", Ref("parent/p", "arn"))}),
    )
    assert cloud.records["thing-2"]["fields"]["link"] == "arn:parent-1:*"


def test_replacing_a_parent_replaces_what_stands_in_it_children_first():
    cloud = Cloud()
    tree = [Resource(PARENT, "p", {"size": 1, "shape": "round"}), Resource(CHILD, "c", {"link": Ref("parent/p")})]
    apply(cloud, *tree)
    cloud.log.clear()
    tree[0].desired["shape"] = "square"
    assert summary(plan(cloud, *tree)) == {"parent/p": ("replace", ["shape"]), "child/c": ("replace", ["link"])}
    apply(cloud, *tree)
    assert cloud.log == [("delete", "child/c"), ("delete", "parent/p"), ("create", "parent/p"), ("create", "child/c")]
    assert summary(plan(cloud, *tree)) == {}


def test_replacing_what_holds_data_is_refused_before_anything_is_written():
    cloud = Cloud()
    apply(cloud, Resource(VAULT, "v", {"shape": "round"}), Resource(THING, "t", {"size": 1}))
    cloud.log.clear()
    with pytest.raises(Refused, match=r"vault/v: AWS cannot change shape in place \(shape: round -> square\)"):
        apply(cloud, Resource(VAULT, "v", {"shape": "square"}), Resource(THING, "t", {"size": 2}))
    assert cloud.log == []


def test_a_resource_of_someone_else_under_our_name_is_refused():
    cloud = Cloud()
    apply(cloud, Resource(THING, "t", {"size": 1}))
    (record,) = cloud.records.values()
    record["tags"]["agent-platform:deployment"] = "other"

    class Named(type(THING)):
        def observe(self, view):
            return [self.seen(key, record) for key, record in view.api.records.items()]

    with pytest.raises(Refused, match="not tagged as made by deployment test-here"):
        reconciler(cloud, kinds=(Named(),)).present([Resource(Named(), "t", {"size": 1})])


def test_what_is_in_the_way_is_refused_with_its_words_and_nothing_else_is_done_about_it():
    cloud = Cloud()
    apply(cloud, Resource(THING, "t", {"size": 1}))
    cloud.log.clear()

    class Taken(type(THING)):
        tagged = False

        def observe(self, view):
            for item in super().observe(view):
                item.in_the_way = "the place is taken"
                yield item

    resources = [Resource(Taken(), "t", {"size": 2}), Resource(PARENT, "p", {"link": Ref("thing/t")})]
    looked = reconciler(cloud, check_mode=True, kinds=(Taken(), PARENT))
    looked.show_refusals = True
    outcome = looked.present(resources)
    assert [(refusal.address, refusal.reason) for refusal in outcome.plan.refusals] == [("thing/t", "the place is taken")]
    assert summary(outcome) == {"parent/p": ("create", ["link"])}
    with pytest.raises(Refused, match="the place is taken"):
        reconciler(cloud, kinds=(Taken(), PARENT)).present(resources)
    assert reconciler(cloud, kinds=(Taken(), PARENT)).absent(resources).plan.reported() == []
    assert reconciler(cloud, kinds=(Taken(), PARENT)).adopt(resources).plan.reported() == []
    assert cloud.log == []


@pytest.mark.parametrize("theirs", ["thing-0", "thing-9"])
def test_what_others_have_beside_ours_is_not_in_the_way(theirs):
    """Whichever id comes first."""
    cloud, taken = Cloud(), "the place is taken"
    apply(cloud, Resource(THING, "t", {"size": 1}))
    cloud.log.clear()

    class Doubled(type(THING)):
        tagged = False

        def observe(self, view):
            yield Observed("thing/t", theirs, in_the_way=taken)
            yield Observed("thing/t", theirs + "b", in_the_way=taken)
            yield from super().observe(view)

    resources = [Resource(Doubled(), "t", {"size": 2})]
    assert reconciler(cloud, check_mode=True, kinds=(Doubled(),)).present(resources).plan.refusals == []
    assert summary(reconciler(cloud, kinds=(Doubled(),)).present(resources)) == {"thing/t": ("update", ["size"])}
    assert summary(reconciler(cloud, kinds=(Doubled(),)).absent(resources)) == {"thing/t": ("delete", [])}
    assert cloud.log == [("update", "thing/t"), ("delete", "thing/t")]
    with pytest.raises(Refused) as refused:
        reconciler(cloud, kinds=(Doubled(),)).present(resources)
    assert [refusal.reason for refusal in refused.value.refusals] == [taken]


def test_two_resources_of_one_address_are_refused():
    cloud = Cloud()
    apply(cloud, Resource(THING, "t", {"size": 1}))
    cloud.records["thing-9"] = copy.deepcopy(cloud.records["thing-1"])
    with pytest.raises(Refused, match="thing-1 and thing-9 both carry this address"):
        plan(cloud, Resource(THING, "t", {"size": 1}))


def test_absent_deletes_both_of_two_resources_of_one_address():
    cloud = Cloud()
    apply(cloud, Resource(THING, "t", {"size": 1}))
    cloud.records["thing-9"] = copy.deepcopy(cloud.records["thing-1"])
    outcome = reconciler(cloud).absent([Resource(THING, "t", {"size": 1})])
    assert set(summary(outcome)) == {"thing/t", "thing/t (thing-9)"}
    assert cloud.records == {}


def test_what_left_the_configuration_is_reported_and_kept():
    cloud = Cloud()
    apply(cloud, Resource(THING, "t", {"size": 1}), Resource(THING, "u", {"size": 1}))
    outcome = apply(cloud, Resource(THING, "t", {"size": 1}))
    assert (summary(outcome), outcome.plan.unmanaged) == ({}, ["thing/u"])


def test_absent_deletes_children_first_and_what_left_the_configuration_too():
    cloud = Cloud()
    tree = [Resource(PARENT, "p", {"size": 1}), Resource(CHILD, "c", {"link": Ref("parent/p")})]
    apply(cloud, *tree, Resource(CHILD, "forgotten", {"link": Ref("parent/p")}))
    cloud.log.clear()
    reconciler(cloud).absent(tree)
    assert cloud.log[-1] == ("delete", "parent/p")
    assert {address for _verb, address in cloud.log} == {"child/c", "child/forgotten", "parent/p"}
    assert cloud.records == {}


def test_a_failure_stops_what_rests_on_it_and_nothing_else():
    cloud = Cloud()
    tree = [Resource(PARENT, "p", {"size": 1}), Resource(CHILD, "c", {"link": Ref("parent/p")}), Resource(THING, "t", {"size": 1})]
    cloud.fail_at = {("create", "parent/p")}
    outcome = apply(cloud, *tree)
    assert outcome.failures == {"parent/p": "Could not create parent/p: create parent/p was told to fail."}
    assert (outcome.applied, outcome.skipped) == (["thing/t"], ["child/c"])
    assert "1 of 3 planned changes were applied, and child/c had to wait" in failure_message(outcome)
    cloud.fail_at = set()
    apply(cloud, *tree)
    assert summary(plan(cloud, *tree)) == {}
    assert len(cloud.records) == 3


def test_what_was_cut_off_after_its_creation_is_finished():
    cloud = Cloud()
    cloud.fail_at = {("update", "thing/t")}
    thing = Resource(THING, "t", {"size": 1, "members": ["x"]})
    assert apply(cloud, thing).failures
    cloud.fail_at = set()
    assert summary(apply(cloud, thing)) == {"thing/t": ("update", ["members"])}
    assert len(cloud.records) == 1


class TakesTime(type(THING)):
    """Is ready at the first look, and until then refuses every update."""

    waiter = Waiter(ready=frozenset({"available"}), first_delay=0.001)

    def refresh(self, context, observed):
        context.api.records[observed.id]["state"] = "available"
        return "available"

    def update(self, context, resource, observed, delta):
        if context.api.records[observed.id].get("state") == "pending":
            raise RuntimeError("incorrect state")
        super().update(context, resource, observed, delta)


def test_what_is_still_being_made_is_waited_for_before_it_is_updated():
    cloud, kind = Cloud(), TakesTime()
    engine = reconciler(cloud, kinds=(kind,))
    engine.present([Resource(kind, "t", {"size": 1})])
    (record,) = cloud.records.values()
    record["state"] = "pending"
    outcome = reconciler(cloud, kinds=(kind,)).present([Resource(kind, "t", {"size": 2})])
    assert outcome.failures == {}
    assert record["fields"]["size"] == 2


def test_what_is_still_being_made_is_waited_for_when_nothing_else_is_to_do():
    cloud, kind = Cloud(), TakesTime()
    reconciler(cloud, kinds=(kind,)).present([Resource(kind, "t", {"size": 1})])
    (record,) = cloud.records.values()
    record["state"] = "pending"
    outcome = reconciler(cloud, kinds=(kind,)).present([Resource(kind, "t", {"size": 1})])
    assert (outcome.plan.reported(), record["state"]) == ([], "available")


class TakesMinutes(type(THING)):
    """Is being made until somebody sets its record's state; AWS says why one failed."""

    name = "slow"
    next_step = "look at its events"
    waiter = Waiter(
        ready=frozenset({"available"}),
        failed=frozenset({"failed"}),
        stuck=frozenset({"full"}),
        first_delay=0.001,
        delay=0.001,
        timeout=0.01,
        later=True,
    )

    def create(self, context, resource):
        observed = super().create(context, resource)
        context.api.records[observed.id]["state"] = "creating"
        return observed

    def refresh(self, context, observed):
        return context.api.records[observed.id]["state"]

    def reason(self, context, observed):
        return "no capacity."


def started(cloud, *resources, start=True):
    engine = reconciler(cloud, kinds=(TakesMinutes(), THING))
    engine.start = start
    return engine.present(resources)


def slow_and_what_rests_on_it():
    return [
        Resource(TakesMinutes(), "s", {"size": 1}),
        Resource(THING, "child", {"link": Ref("slow/s")}),
        Resource(THING, "grandchild", {"link": Ref("thing/child")}),
        Resource(THING, "other", {"size": 1}),
    ]


def test_a_start_begins_what_takes_minutes_and_leaves_what_rests_on_it():
    cloud = Cloud()
    outcome = started(cloud, *slow_and_what_rests_on_it())
    assert set(summary(outcome)) == {"slow/s", "thing/other"}
    assert outcome.awaiting == ["slow/s", "thing/child", "thing/grandchild"]
    assert (outcome.applied, outcome.skipped, outcome.failures) == (["slow/s", "thing/other"], [], {})
    assert as_result(outcome, False)["awaiting"] == outcome.awaiting
    again = started(cloud, *slow_and_what_rests_on_it())
    assert (summary(again), again.awaiting) == ({}, outcome.awaiting)
    next(record for record in cloud.records.values() if record["kind"] == "slow")["state"] = "available"
    finished = started(cloud, *slow_and_what_rests_on_it(), start=False)
    assert (set(summary(finished)), finished.awaiting) == ({"thing/child", "thing/grandchild"}, [])


def test_a_start_does_not_leave_what_is_ready_at_once():
    class Quick(TakesMinutes):
        def refresh(self, context, observed):
            return "available"

    cloud = Cloud()
    engine = reconciler(cloud, kinds=(Quick(), THING))
    engine.start = True
    outcome = engine.present([Resource(Quick(), "s", {"size": 1}), Resource(THING, "t", {"link": Ref("slow/s")})])
    assert (outcome.awaiting, len(cloud.records)) == ([], 2)


def test_a_start_updates_what_takes_minutes_without_waiting():
    cloud, tree = Cloud(), slow_and_what_rests_on_it()[:1]
    started(cloud, *tree)
    (record,) = cloud.records.values()
    record["state"] = "available"

    class Modifies(TakesMinutes):
        def update(self, context, resource, observed, delta):
            super().update(context, resource, observed, delta)
            context.api.records[observed.id]["state"] = "modifying"

    engine = reconciler(cloud, kinds=(Modifies(),))
    engine.start = True
    outcome = engine.present([Resource(Modifies(), "s", {"size": 2})])
    assert (outcome.awaiting, record["fields"]["size"]) == (["slow/s"], 2)


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("state", ["failed", "full"])
def test_a_wait_that_ends_badly_names_the_resource_its_reason_and_the_next_step(start, state):
    class EndsBadly(TakesMinutes):
        def refresh(self, context, observed):
            return state

    engine = reconciler(Cloud(), kinds=(EndsBadly(),))
    engine.start = start
    outcome = engine.present([Resource(EndsBadly(), "s", {"size": 1})])
    assert outcome.failures == {"slow/s": f"slow/s ended in state {state}: no capacity; look at its events"}


def test_what_failed_is_replaced_what_is_stuck_is_not():
    cloud, tree = Cloud(), slow_and_what_rests_on_it()[:1]
    started(cloud, *tree)
    (record,) = cloud.records.values()
    record["state"] = "failed"
    planned = reconciler(cloud, check_mode=True, kinds=(TakesMinutes(),)).present(tree)
    assert planned.plan.reported()[0]["action"] == "replace"
    assert planned.plan.reported()[0]["reason"] == "it is in state failed (no capacity)"
    record["state"] = "full"
    tree[0].desired["size"] = 2
    outcome = started(cloud, *tree)
    assert summary(outcome) == {"slow/s": ("update", ["size"])}
    assert record["fields"]["size"] == 2


def test_what_failed_and_holds_data_is_not_replaced():
    class Database(TakesMinutes):
        stateful = True

    cloud = Cloud()
    reconciler(cloud, kinds=(Database(),)).present([Resource(Database(), "s", {"size": 1})])
    (record,) = cloud.records.values()
    record["state"] = "failed"
    with pytest.raises(
        Refused, match=r"slow/s: it is in state failed \(no capacity\), and it is not replaced.*; look at its events"
    ):
        reconciler(cloud, kinds=(Database(),)).present([Resource(Database(), "s", {"size": 1})])


class LosesAnswers(type(THING)):
    """Its creations get no answer: ``reach`` of them happened all the same."""

    def __init__(self, reach: bool):
        self.reach, self.calls = reach, 0

    def create(self, context, resource):
        self.calls += 1
        if self.calls > 1:
            return super().create(context, resource)
        if self.reach:
            super().create(context, resource)
        raise ConnectionError("no answer")


@pytest.mark.parametrize(("reach", "calls"), [(True, 1), (False, 2)])
def test_a_creation_without_an_answer_is_looked_for_before_it_is_repeated(reach, calls):
    cloud, kind, slept = Cloud(), LosesAnswers(reach), []
    engine = reconciler(cloud, kinds=(kind,))
    engine.lost, engine.sleep = lambda error: isinstance(error, ConnectionError), slept.append
    outcome = engine.present([Resource(kind, "t", {"size": 1, "members": ["x"]})])
    assert (outcome.failures, kind.calls, len(cloud.records)) == ({}, calls, 1)
    assert slept == ([0.5] if reach else [0.5, 1, 2, 4])
    assert summary(plan(cloud, Resource(THING, "t", {"size": 1, "members": ["x"]}))) == {}


def test_secrets_are_in_no_part_of_the_result():
    cloud = Cloud()
    overlay = Overlay()
    thing = Resource(THING, "t", {"size": 1, "secret": "hunter2"})
    planned = plan(cloud, thing, overlay=overlay)
    applied = apply(cloud, thing)
    text = json.dumps([as_result(planned, True), as_result(applied, True), overlay.as_dict()])
    assert "hunter2" not in text
    assert "(sensitive)" in text


def looked_up_by(tier: str, overlay: Overlay, cloud: Cloud):
    owner = Owner(OWNER.deployment, OWNER.environment, tier)
    resources = [Resource(PARENT, "p", {}, provider="tier"), Resource(THING, "t", {"link": Ref("parent/p")})]
    engine = reconciler(cloud, check_mode=True, overlay=overlay, owner=owner, kinds=(THING,))
    return engine.present(resources)


def test_another_tiers_resource_is_found_live():
    cloud = Cloud()
    apply(cloud, Resource(PARENT, "p", {"size": 1}))
    outcome = looked_up_by("second", Overlay(), cloud)
    assert {"field": "link", "old": None, "new": "parent-1"} in outcome.plan.reported()[0]["fields"]


def test_another_tiers_resource_is_unknown_when_this_run_plans_it():
    cloud, overlay = Cloud(), Overlay()
    plan(cloud, Resource(PARENT, "p", {"size": 1}), overlay=overlay)
    travelled = Overlay(json.loads(json.dumps(overlay.as_dict())))
    outcome = looked_up_by("second", travelled, cloud)
    assert {"field": "link", "old": None, "new": "(known after apply)"} in outcome.plan.reported()[0]["fields"]


def test_an_overlay_travels_as_json_with_unknowns_at_any_depth():
    overlay = Overlay()
    overlay.plan("thing/t", {"id": UNKNOWN, "members": [UNKNOWN, {"a": UNKNOWN}], "size": 1})
    travelled = Overlay(json.loads(json.dumps(overlay.as_dict())))
    assert travelled.planned == overlay.planned


def test_another_tiers_resource_that_is_nowhere_is_an_error_that_names_the_tier():
    with pytest.raises(MissingDependency, match=r"needs parent/p .* run the tier tier first \(--tags tier\)"):
        looked_up_by("second", Overlay(), Cloud())


def test_another_tiers_resource_that_this_run_deletes_counts_as_missing():
    cloud, overlay = Cloud(), Overlay()
    apply(cloud, Resource(PARENT, "p", {"size": 1}))
    reconciler(cloud, check_mode=True, overlay=overlay).absent([Resource(PARENT, "p", {"size": 1})])
    with pytest.raises(MissingDependency):
        looked_up_by("second", overlay, cloud)


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ([Resource(THING, "t"), Resource(THING, "t")], "thing/t is declared twice"),
        ([Resource(THING, "t", {"link": Ref("thing/u")})], "thing/t refers to thing/u, which is not declared"),
        ([Resource(THING, "t", {"link": Ref("thing/u")}), Resource(THING, "u", {"link": Ref("thing/t")})], "in a circle"),
    ],
)
def test_a_graph_that_cannot_be_is_refused(resources, message):
    with pytest.raises(InvalidInput, match=message):
        plan(Cloud(), *resources)


def test_an_error_that_is_none_of_the_apis_is_not_dressed_up():
    cloud = Cloud()
    cloud.records = None
    with pytest.raises(AttributeError):
        plan(cloud, Resource(THING, "t"))


def test_every_kind_of_the_fake_has_its_own_name():
    assert len({kind.name for kind in KINDS}) == len(KINDS)


class Mistaken(type(THING)):
    name = "mistaken"

    def create(self, context, resource):
        raise KeyError("no such thing")


def test_a_mistake_of_ours_while_applying_does_not_hide_what_was_done():
    kinds = (THING, Mistaken())
    outcome = reconciler(Cloud(), kinds=kinds).present([Resource(THING, "t"), Resource(Mistaken(), "m")])
    result = as_result(outcome, diff_mode=False)
    assert result["applied"] == ["thing/t"]
    assert result["not_applied"] == ["mistaken/m"]
    assert outcome.failures == {
        "mistaken/m": "Could not create mistaken/m, by a mistake of this collection: KeyError: 'no such thing'"
    }
    assert "in create" in result["exception"]


def test_the_actions_are_counted():
    told = []
    counting = reconciler(Cloud())
    counting.counted = lambda done, total: told.append((done, total))
    counting.present([Resource(PARENT, "p"), Resource(THING, "t", {"link": Ref("parent/p")})])
    assert told == [(0, 2), (1, 2), (2, 2)]


class RefusesToBeRead(type(THING)):
    def observe(self, view):
        raise Refused.one("thing/t", "it is somebody else's")


def test_what_is_refused_while_it_is_read_is_listed_by_what_only_looks():
    cloud = Cloud()
    resources = [Resource(RefusesToBeRead(), "t")]
    kinds = (resources[0].kind,)
    for check_mode in (False, True):
        with pytest.raises(Refused, match="thing/t: it is somebody else's"):
            reconciler(cloud, check_mode=check_mode, kinds=kinds).present(resources)
    looking = reconciler(cloud, check_mode=True, kinds=kinds)
    looking.show_refusals = True
    for look in (looking.present, looking.drift, looking.absent, looking.adopt):
        assert [str(refusal) for refusal in look(resources).plan.refusals] == ["thing/t: it is somebody else's"]
    assert cloud.log == []


def test_a_later_tier_may_refer_to_any_known_value_of_what_is_planned_to_be_updated():
    cloud, overlay = Cloud(), Overlay()
    apply(cloud, Resource(THING, "t", {"size": 1, "shape": "round", "secret": "s1"}))
    plan(cloud, Resource(THING, "t", {"size": 2, "shape": "round", "secret": "s2"}), overlay=overlay)
    known = overlay.planned["thing/t"]
    assert (known["size"], known["shape"], known["arn"]) == (2, "round", f"arn:{known['id']}")
    assert "secret" not in known
    assert "tags" not in known
