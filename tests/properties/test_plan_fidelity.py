"""What a plan of the whole site says is what the apply then does, seen in the request log; and drift names every change by hand."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from support import plans, tiers
from support.mutations import REFUSED, UNMANAGED, draw

both = pytest.mark.parametrize("environment", ["dev", "prod"])


def apply(site, planned):
    """Apply tier by tier; True when it came to the end, False when a tier refused, as planned."""
    site.aws.clear_requests()
    for tier, result in site.steps("apply"):
        wrote = site.aws.writes()
        site.aws.clear_requests()
        refusals = plans.refused(planned[tier])
        if refusals:
            assert result.get("failed"), f"the plan of {tier} refused {refusals}, and the apply did not"
            assert wrote == []
            return False
        plans.check_applied(planned[tier], result, wrote)
    return True


@both
def test_from_an_empty_account(site_of, environment):
    site = site_of(environment)
    site.aws.reset()
    planned = site.look()
    assert set(plans.addresses(planned).values()) == {"create"}
    assert set(plans.addresses(planned)) == set(site.resources)
    assert site.idle() == {}
    assert apply(site, planned)
    plans.check_empty(site.look())


@both
def test_a_full_account_is_left_alone(site_of, environment):
    site = site_of(environment)
    assert plans.differences(site.look("drift")) == {}
    planned = site.look()
    plans.check_empty(planned)
    assert apply(site, planned)


@both
def test_one_pass_over_all_tiers_finds_what_each_would_find(site_of, environment):
    site = site_of(environment)
    found, asked = site.idle(), calls(site)
    site.look()
    assert asked == calls(site)
    assert found == {tier: without_overlay(result) for tier, result in site.run("apply").items()}


def calls(site):
    """Without who asks, which a run knows of its preflight."""
    return Counter((call.service, call.operation) for call in site.aws.requests if call.service != "sts")


def without_overlay(result):
    return {name: value for name, value in result.items() if name != "planned"}


def nothing_to_do(planned):
    return [tier for tier, result in planned.items() if not result["plan"] and not plans.refused(result)]


def leading(planned):
    """The tiers before the first that has something to do."""
    return list(itertools.takewhile(lambda tier: tier in nothing_to_do(planned), planned))


def test_of_a_mutated_account(site_of, case, mutated):
    mutator, environment = draw(mutated)
    site = site_of(environment)
    touch = mutator.act(site.scene(random.Random(mutated)))
    with case(mutated, f"{mutator.name} in {environment}: {touch.what}"):
        drifted = plans.differences(site.look("drift"))
        seen = {address: drifted.get(address) for address in touch.found}
        assert {a: kind for a, kind in seen.items() if kind != touch.found[a]} == {}, drifted
        if not mutator.ripples:
            assert set(drifted) == set(touch.found)
        planned = site.look()
        expected = {address for address, kind in touch.found.items() if kind not in (UNMANAGED, REFUSED)}
        assert expected <= set(plans.addresses(planned)) | set(plans.all_refused(planned))
        if mutated % 3 == 0:
            # One that refers to a tier with something to do looks for itself.
            assert set(leading(planned)) <= set(site.idle()) <= set(nothing_to_do(planned))
        if not apply(site, planned):
            return
        plans.check_empty(site.look())


def test_check_mode_plans_the_same(site_of):
    """The verb plan and Ansible's check mode of the verb apply."""
    site = site_of("prod")
    site.aws.reset()
    planned = site.look()
    overlay = None
    for tier, parameters in site.parameters.items():
        result = tiers.attempt(tiers.load(tier), {**parameters, "planned": overlay}, check_mode=True)
        overlay = result["planned"]
        assert tiers.changes(result) == tiers.changes(planned[tier])
    assert site.aws.writes() == []
