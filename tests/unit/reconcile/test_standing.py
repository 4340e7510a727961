"""What a tier found as it is to be is not looked up again by the tiers after it, in the same run and the same place."""

from __future__ import annotations

import json

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Resource

from .fake import OWNER, THING, Cloud, Parent, reconciler

HERE = {"deployment": OWNER.deployment, "environment": OWNER.environment, "region": "r", "account": "1"}


class Shared(Parent):
    """Counts how often it is looked up."""

    referred = True

    def __init__(self):
        self.looked_up = 0

    def find(self, view):
        self.looked_up += 1
        return self.observe(view)


def first_tier(kind, cloud, overlay, size=1, check_mode=False):
    overlay.is_at(HERE)
    engine = reconciler(cloud, check_mode=check_mode, overlay=overlay, kinds=(kind,))
    return engine.present([Resource(kind, "p", {"size": size})])


def second_tier(kind, cloud, overlay, attribute="id", place=HERE, prune=()):
    """The plan of a thing that refers to the first tier's parent, with what the first one told as it travels."""
    travelled = Overlay(json.loads(json.dumps(overlay.as_dict())))
    travelled.is_at(place)
    owner = Owner(OWNER.deployment, OWNER.environment, "second")
    resources = [Resource(kind, "p", provider="tier"), Resource(THING, "t", {"link": Ref("parent/p", attribute)})]
    outcome = reconciler(cloud, check_mode=True, overlay=travelled, owner=owner, kinds=(THING,)).present(resources, prune)
    (action,) = outcome.plan.reported()
    return next(field["new"] for field in action["fields"] if field["field"] == "link")


def standing(check_mode=False):
    kind, cloud, overlay = Shared(), Cloud(), Overlay()
    first_tier(kind, cloud, Overlay())
    first_tier(kind, cloud, overlay, check_mode=check_mode)
    return kind, cloud, overlay


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("attribute", "value"), [("id", "parent-1"), ("arn", "arn:parent-1")])
def test_what_stands_unchanged_is_not_looked_up(check_mode, attribute, value):
    kind, cloud, overlay = standing(check_mode)
    assert second_tier(kind, cloud, overlay, attribute) == value
    assert kind.looked_up == 0


def test_a_run_that_prunes_looks_up_all():
    """It asks of what stands whose it is, which is not told."""
    kind, cloud, overlay = standing()
    assert second_tier(kind, cloud, overlay, prune=["thing/old"]) == "parent-1"
    assert kind.looked_up == 1


def test_what_was_just_made_is_looked_up():
    kind, cloud, overlay = Shared(), Cloud(), Overlay()
    first_tier(kind, cloud, overlay)
    assert second_tier(kind, cloud, overlay) == "parent-1"
    assert kind.looked_up == 1


def test_what_was_changed_since_is_looked_up():
    kind, cloud, overlay = standing()
    first_tier(kind, cloud, overlay, size=2)
    assert second_tier(kind, cloud, overlay) == "parent-1"
    assert kind.looked_up == 1


def test_what_is_planned_to_change_comes_from_the_plan():
    kind, cloud, overlay = standing(check_mode=True)
    first_tier(kind, cloud, overlay, size=2, check_mode=True)
    assert overlay.standing == {}
    assert second_tier(kind, cloud, overlay) == "parent-1"


def test_an_attribute_that_was_not_told_is_looked_up():
    kind, cloud, overlay = standing()
    assert second_tier(kind, cloud, overlay, "size") == 1
    assert kind.looked_up == 1


@pytest.mark.parametrize("part", HERE)
def test_what_stands_elsewhere_says_nothing(part):
    """Two deployments may be one host's, one after the other."""
    kind, cloud, overlay = standing()
    second_tier(kind, cloud, overlay, place={**HERE, part: "other"})
    assert kind.looked_up == 1


def test_after_a_deletion_all_is_looked_up():
    kind, cloud, overlay = standing()
    reconciler(cloud, overlay=overlay, kinds=(kind,)).absent([])
    assert overlay.standing == {}


def test_what_no_other_tier_refers_to_is_not_told():
    cloud, overlay = Cloud(), Overlay()
    first_tier(Parent(), cloud, Overlay())
    first_tier(Parent(), cloud, overlay)
    assert overlay.standing == {}
