"""Fields and their comparison."""

from __future__ import annotations

import random

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.delta import Field, compare
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.unknown import UNKNOWN
from hypothesis import given
from hypothesis import strategies as st

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(values)
def test_a_value_does_not_differ_from_itself(value):
    assert not compare([Field("x")], {"x": value}, {"x": value})


@given(st.lists(values.filter(lambda v: v is not None), min_size=1, max_size=6), st.randoms())
def test_the_order_of_a_set_does_not_count(items, rng: random.Random):
    shuffled = list(items)
    rng.shuffle(shuffled)
    assert not compare([Field("x", unordered=True)], {"x": shuffled}, {"x": items})


def test_the_order_of_a_list_counts():
    assert compare([Field("x")], {"x": [1, 2]}, {"x": [2, 1]})


@given(values)
def test_unset_means_leave_alone(observed):
    assert not compare([Field("x")], {}, {"x": observed})
    assert not compare([Field("x")], {"x": None}, {"x": observed})


@given(values)
def test_the_unknown_always_differs(observed):
    delta = compare([Field("x")], {"x": {"deep": [UNKNOWN]}}, {"x": observed})
    assert delta["x"].as_dict()["new"] == {"deep": ["(known after apply)"]}


def test_a_kept_field_is_never_compared():
    assert not compare([Field("x", on_change="keep")], {"x": 3}, {"x": 5})


def test_the_canonical_form_is_compared_and_shown():
    field = Field("x", canonical=lambda value: value.lower())
    assert not compare([field], {"x": "ABC"}, {"x": "abc"})
    assert compare([field], {"x": "ABD"}, {"x": "abc"})["x"].as_dict() == {"field": "x", "old": "abc", "new": "abd"}


def test_a_sensitive_value_is_not_shown():
    delta = compare([Field("x", sensitive=True)], {"x": "hunter2"}, {"x": "hunter1"})
    assert delta["x"].as_dict() == {"field": "x", "old": "(sensitive)", "new": "(sensitive)"}
    assert compare([Field("x", sensitive=True)], {"x": "hunter2"}, {})["x"].as_dict()["old"] is None


@pytest.mark.parametrize(
    "flags",
    [
        {"on_change": "sometimes"},
        {"equal": lambda a, b: True, "unordered": True},
        {"equal": lambda a, b: True, "canonical": str},
        {"on_change": "keep", "unordered": True},
    ],
)
def test_contradictory_flags_die_at_construction(flags):
    with pytest.raises(ValueError, match="field x"):
        Field("x", **flags)
