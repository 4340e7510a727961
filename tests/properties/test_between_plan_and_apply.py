"""An approved plan: what moves its ground meanwhile is seen, and what does not leaves it to be applied as it is."""

from __future__ import annotations

import random

from support import plans
from support.mutations import CHANGED, MISSING, UNMANAGED, another, rows

# Of a secret value nothing is in a plan or its ground: that it differs already hides that it differs otherwise by now.
SECRET = ("rule_takes_another_value", "distribution_sends_another_value")
WAYS = ("the same resource", "the same tier", "an addition", "anything")


def first(site, rng):
    """A mutation with which there is something to plan, and the plan."""
    harmless = site.aws.snapshot()
    table = [one for one in rows() if one.only in (None, site.environment)]
    for mutator in rng.sample(table, len(table)):
        site.aws.restore(harmless)
        touch = mutator.act(site.scene(rng))
        if not set(touch.found.values()) <= {CHANGED, MISSING}:
            continue
        planned = site.look()
        if plans.addresses(planned) and not plans.all_refused(planned):
            return mutator, touch, planned
    raise AssertionError("no mutation makes anything to do")


def second(site, rng, way, mutator, before):
    """Another mutation of the account as it is now; the same one again might change nothing."""
    table = [one for one in rows() if one.only in (None, site.environment) and one is not mutator]
    table = [one for one in table if one.name not in SECRET]
    as_it_was, scene = site.aws.snapshot(), site.scene(rng)
    tiers = {site.tier_of.get(address) for address in before.found}
    if way == "the same resource":
        kinds = {plans.kind_of(address) for address in before.found}
        scene.resources = {a: one for a, one in site.resources.items() if a in before.found or plans.kind_of(a) not in kinds}
        table = [one for one in table if one.tier in tiers]
    elif way == "the same tier":
        table = [one for one in table if one.tier in tiers]
    elif way == "an addition":
        table = [one for one in table if one.name.startswith(("a_", "an_"))]
    return another(scene, table, lambda: site.aws.restore(as_it_was))


def test_a_plan_whose_ground_moved_is_not_the_same(site_of, case, between):
    rng = random.Random(f"between {between}")
    site = site_of(rng.choice(["dev", "prod"]))
    mutator, one, approved = first(site, rng)
    way = WAYS[between % len(WAYS)]
    two = second(site, rng, way, mutator, one)
    with case(between, f"{site.environment}: {one.what}", f"({way}) {two.what}"):
        moved = plans.moved(approved, site.look())
        touched = {address for address, kind in two.found.items() if kind != UNMANAGED}
        if touched & plans.rests_on(approved):
            assert moved, "the ground of a planned action was touched, and the plan is the same"
        if touched:
            assert moved, "there is more to do than was approved"
        else:
            assert moved == [], "nothing of the plan was touched"
        if moved:
            return
        site.aws.clear_requests()
        for tier, result in site.steps("apply"):
            plans.check_applied(approved[tier], result, site.aws.writes())
            site.aws.clear_requests()
        plans.check_empty(site.look())
