"""One suite for every kind of resource: what it promises about check mode, idempotence, updates, refusals and deletion."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from support import tiers

CASES = {name: importlib.import_module(f"contract.cases.{name}") for name in tiers.tier_names()}
UPDATES = [
    pytest.param(name, case, field, id=f"{case.address}-{field}")
    for name, data in CASES.items()
    for case in data.CASES
    for field in case.updates
]
IMMUTABLE = [
    pytest.param(name, case, field, id=f"{case.address}-{field}")
    for name, data in CASES.items()
    for case in data.CASES
    for field in case.immutable
]
every_tier = pytest.mark.parametrize("name", sorted(CASES))


def with_value(address: str, field: str, value: Any) -> Callable[[list[Any]], None]:
    """An edit of the declared resource at ``address``. ``tags`` are extra tags of the resource."""

    def change(resources: list[Any]) -> None:
        (resource,) = [item for item in resources if item.address == address]
        if field == "tags":
            resource.tags = {**resource.tags, **value}
        else:
            resource.desired[field] = value(resource.desired[field]) if callable(value) else value

    return change


@every_tier
def test_check_mode_on_an_empty_account_writes_nothing_and_plans_every_resource(prepare, name):
    prepared = prepare(name)
    prepared.on_ground()
    planned = tiers.run(prepared.tier, prepared.parameters, check_mode=True)
    assert prepared.aws.writes() == []
    assert set(tiers.addresses(planned).values()) == {"create"}
    prepared.on_whole()
    assert tiers.changes(planned) == tiers.changes(prepared.created)


@every_tier
def test_a_second_run_changes_nothing_and_writes_nothing(prepare, name):
    prepared = prepare(name)
    prepared.on_whole()
    again = tiers.run(prepared.tier, prepared.parameters)
    assert (again["changed"], again["plan"], again["unmanaged"]) == (False, [], [])
    assert prepared.aws.writes() == []


@every_tier
def test_result_names_every_resource_with_its_id(prepare, name):
    prepared = prepare(name)
    prepared.on_whole()
    again = tiers.run(prepared.tier, prepared.parameters)
    assert set(again["resources"]) == set(tiers.addresses(prepared.created))
    assert all(item["id"] for item in again["resources"].values())


@pytest.mark.parametrize(("name", "case", "field"), UPDATES)
def test_field_updates_in_place(prepare, name, case, field):
    prepared = prepare(name)
    prepared.on_whole()
    change = with_value(case.address, field, case.updates[field])
    expected = {(case.address, "update", field)}
    planned = tiers.run(prepared.tier, prepared.parameters, check_mode=True, change=change)
    assert tiers.changes(planned) == expected
    assert prepared.aws.writes() == []
    assert tiers.changes(tiers.run(prepared.tier, prepared.parameters, change=change)) == expected
    assert prepared.aws.writes() != []
    prepared.aws.clear_requests()
    again = tiers.run(prepared.tier, prepared.parameters, change=change)
    assert again["plan"] == []
    assert prepared.aws.writes() == []


@pytest.mark.parametrize(("name", "case", "field"), IMMUTABLE)
def test_immutable_field_is_refused_or_replaced(prepare, name, case, field):
    prepared = prepare(name)
    prepared.on_whole()
    change = with_value(case.address, field, case.immutable[field])
    (kind,) = [kind for kind in prepared.tier.kinds if kind.name == case.kind]
    before = tiers.run(prepared.tier, prepared.parameters)["resources"][case.address]["id"]
    planned = tiers.attempt(prepared.tier, prepared.parameters, check_mode=True, change=change)
    applied = tiers.attempt(prepared.tier, prepared.parameters, change=change)
    if kind.stateful or kind.irreplaceable:
        assert planned["failed"] and applied["failed"]
        assert case.address in applied["msg"] and field in applied["msg"]
        assert prepared.aws.writes() == []
        return
    assert not applied.get("failed"), applied["msg"]
    assert tiers.addresses(planned)[case.address] == "replace"
    assert tiers.changes(planned) == tiers.changes(applied)
    again = tiers.run(prepared.tier, prepared.parameters, change=change)
    assert again["plan"] == []
    assert again["resources"][case.address]["id"] != before


@every_tier
def test_absent_deletes_what_it_plans_to_and_then_nothing(prepare, name):
    prepared = prepare(name)
    prepared.on_whole()
    absent = {**prepared.parameters, "state": "absent"}
    planned = tiers.run(prepared.tier, absent, check_mode=True)
    assert prepared.aws.writes() == []
    implicit = {kind.name for kind in prepared.tier.kinds if kind.implicit}
    standing = {address for address in tiers.addresses(prepared.created) if address.split("/")[0] not in implicit}
    assert tiers.addresses(planned) == dict.fromkeys(standing, "delete")
    assert tiers.changes(tiers.run(prepared.tier, absent)) == tiers.changes(planned)
    prepared.aws.clear_requests()
    again = tiers.run(prepared.tier, absent)
    assert (again["changed"], again["plan"]) == (False, [])
    assert prepared.aws.writes() == []


@every_tier
def test_comes_back_after_absent(prepare, name):
    prepared = prepare(name)
    prepared.on_whole()
    tiers.run(prepared.tier, {**prepared.parameters, "state": "absent"})
    back, made = tiers.run(prepared.tier, prepared.parameters), set(tiers.addresses(prepared.created))
    # What AWS makes and deletes with another resource, or keeps for the account, may still stand.
    implicit = {kind.name for kind in prepared.tier.kinds if kind.implicit}
    assert {address for address in made if address.split("/")[0] not in implicit} <= set(tiers.addresses(back)) <= made
    assert tiers.run(prepared.tier, prepared.parameters)["plan"] == []


@every_tier
def test_tags_are_corrected_and_those_of_others_left(prepare, name):
    prepared = prepare(name)
    prepared.on_whole()
    more = {**prepared.parameters, "tags": {"cost-centre": "42"}}
    changed = tiers.run(prepared.tier, more)
    tagged = {kind.name for kind in prepared.tier.kinds if kind.tagged}
    expected = {(a, "update", "tags") for a in tiers.addresses(prepared.created) if a.split("/")[0] in tagged}
    assert tiers.changes(changed) == expected
    assert tiers.run(prepared.tier, more)["plan"] == []
    tiers.run(prepared.tier, prepared.parameters)
    assert tiers.run(prepared.tier, prepared.parameters)["plan"] == []


@every_tier
def test_another_deployment_of_the_account_is_not_seen(prepare, name):
    """Its names are taken, so present refuses; absent finds nothing of its own and deletes nothing."""
    prepared = prepare(name)
    prepared.on_whole()
    other = {**prepared.parameters, "deployment": "prod-other", "state": "absent"}
    result = tiers.run(prepared.tier, other)
    assert (result["changed"], result["plan"]) == (False, [])
    assert prepared.aws.writes() == []


@every_tier
def test_every_kind_and_field_has_a_case(name):
    kinds = {kind.name: kind for kind in tiers.load(name).kinds if not kind.leftover}
    covered: dict[str, set[str]] = {}
    for case in CASES[name].CASES:
        fields = covered.setdefault(case.kind, set())
        fields.update(case.updates, case.immutable, case.exempt)
        mutable = {field.name for field in kinds[case.kind].fields if field.on_change == "update"} | {"tags"}
        assert set(case.updates) <= mutable, case.address
        assert not set(case.immutable) & mutable, case.address
    assert {name: {field.name for field in kind.fields} for name, kind in kinds.items()} == {
        kind: fields - {"tags"} for kind, fields in covered.items()
    }
