"""What moved between two plans is named by address and field."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.report.comparison import moved

from .samples import action, change, document, without_refusals


def edited(edit):
    made = without_refusals()
    edit(made)
    return document(made)


def added(made):
    made["kms"]["plan"].append(action("kms_key/new", "create", change("alias", None, "x")))


def gone(made):
    made["vpc"]["plan"].pop()


def another_action(made):
    made["vpc"]["plan"][0]["action"] = "update"


def another_field(made):
    made["kms"]["plan"][0]["fields"].append(change("enabled", False, True))


def no_field(made):
    made["kms"]["plan"][0]["fields"].pop(0)


def another_value(made):
    made["kms"]["plan"][0]["fields"][0]["new"] = 90


def another_observed_value(made):
    made["kms"]["plan"][0]["fields"][0]["old"] = 364


def other_ground(made):
    made["vpc"]["ground"]["subnet/a"] = {"id": "ee", "vpc/main": "other", "tags": "new"}


def refused(made):
    made["vpc"]["refusals"] = [{"address": "vpc/main", "reason": "not ours"}]


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (added, "kms: kms_key/new: create is not in the plan (of alias)"),
        (gone, "vpc: subnet/b: delete is in the plan, and is not to be done any more"),
        (another_action, "vpc: subnet/a: replace is in the plan, and by now it would be update"),
        (another_field, "kms: kms_key/rds: enabled is not in the plan, and would be changed: False -> True"),
        (no_field, "kms: kms_key/rds: rotation is in the plan, and is not to be changed any more"),
        (another_value, "kms: kms_key/rds: rotation would become 180 in the plan, and would become 90 by now"),
        (another_observed_value, "kms: kms_key/rds: rotation was 365 in the plan, and is 364 by now"),
        (other_ground, "vpc: subnet/a: what the plan rests on has changed in the account: tags, vpc/main"),
        (refused, "vpc: vpc/main: refused by now: not ours"),
    ],
)
def test_each_difference_is_one_line(edit, says):
    fresh = edited(edit)
    assert moved(document(), fresh) == [says.replace("False", "false").replace("True", "true")]
    assert fresh["digest"] != document()["digest"]


def test_the_same_plan_has_no_differences():
    assert moved(document(), document()) == []


def test_of_long_values_the_difference_is_shown():
    def edit(made):
        changed = made["kms"]["plan"][0]["fields"][1]
        changed["new"] = copy.deepcopy(changed["new"])
        changed["new"]["Statement"][-1]["Resource"] = "arn:of:another"

    (line,) = moved(document(), edited(edit))
    assert "arn:of:another" in line
    assert len(line) < 350
