"""The plan file: what is in it, who may read it, and when it is refused."""

from __future__ import annotations

import json
import stat
from datetime import timedelta

import jsonschema
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from ansible_collections.agent_platform.aws.plugins.module_utils.report.plan_file import PlanError
from support import tiers

from .samples import NOW, PLACE, document, results, without_refusals

SCHEMA = json.loads((tiers.ROOT / "docs/plan-file.schema.json").read_text())


def written(tmp_path, plan):
    path = tmp_path / "plan.json"
    plan_file.write(path, plan_file.as_text(plan))
    return path


def sealed(plan, **changed):
    """With other content, as if it had been made so."""
    plan = {**plan, **changed}
    plan["digest"] = plan_file.digest_of(plan)
    plan["checksum"] = plan_file.checksum_of(plan)
    return plan


@pytest.mark.parametrize("made", [{}, results(), without_refusals()], ids=["nothing", "refused", "some"])
def test_the_schema_describes_it(made):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(document(made), SCHEMA)


def test_the_schema_describes_nothing_else():
    for broken in ({"account": "12"}, {"schema_version": 2}, {"digest": "x"}, {"more": 1}, {"actions": [{"address": "a/b"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**document(), **broken}, SCHEMA)


def test_what_is_written_is_read(tmp_path):
    path = written(tmp_path / "new/folder", document(results()))
    assert plan_file.read(path) == document(results())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["plan.json"]


def test_a_file_that_stands_is_replaced_whole_and_becomes_private(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text("x" * 100_000)
    path.chmod(0o644)
    assert plan_file.read(written(tmp_path, document())) == document()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_nothing_can_be_written_the_variable_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanError, match=r"platform_plan_path: .*plan\.json cannot be written: "):
        plan_file.write(tmp_path / "file" / "plan.json", "{}")


def test_the_digest_is_of_what_is_compared():
    again = plan_file.document(PLACE, without_refusals(), "9.9.9", NOW + timedelta(hours=1))
    assert again["digest"] == document()["digest"]
    assert again["checksum"] != document()["checksum"]


@pytest.mark.parametrize("what", ["action", "field", "value", "ground", "refusal", "tier", "account"])
def test_the_digest_is_of_all_that_is_compared(what):
    made, place = without_refusals(), {}
    first = made["kms"]["plan"][0]
    if what == "action":
        first["action"] = "replace"
    elif what == "field":
        first["fields"].pop()
    elif what == "value":
        first["fields"][0]["new"] = 90
    elif what == "ground":
        made["kms"]["ground"]["kms_key/rds"]["id"] = "other"
    elif what == "refusal":
        made["kms"]["refusals"] = [{"address": "a/b", "reason": "c"}]
    elif what == "tier":
        made["waf"] = {"plan": []}
    else:
        place = {"account": "210987654321"}
    assert document(made, **place)["digest"] != document()["digest"]


@pytest.mark.parametrize("name", sorted(set(document()) - {"schema_version"}))
def test_a_file_that_was_changed_is_refused(tmp_path, name):
    plan = document()
    changed = plan[name] + ([{}] if isinstance(plan[name], list) else "x")
    with pytest.raises(PlanError, match=r"was changed after it was written"):
        plan_file.read(written(tmp_path, {**plan, name: changed}))


def test_a_value_deep_within_that_was_changed_is_refused(tmp_path):
    plan = document()
    plan["actions"][0]["fields"][0]["new"] = 90
    with pytest.raises(PlanError, match="was changed"):
        plan_file.read(written(tmp_path, plan))
    # Nor does it help to make the checksum anew.
    plan["checksum"] = plan_file.checksum_of(plan)
    with pytest.raises(PlanError, match="was changed"):
        plan_file.read(written(tmp_path, plan))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "it is not JSON"),
        ("[]", "it has no schema_version"),
        ("{}", "it has no schema_version"),
        ('{"schema_version": 2}', "has schema version 2, and this collection reads version 1"),
        ('{"schema_version": 1, "tiers": {}}', "tiers"),
        ("\ud800", "cannot be read|not JSON"),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path, text, says):
    path = tmp_path / "plan.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(PlanError, match=f"platform_plan: .*({says})"):
        plan_file.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PlanError, match=r"platform_plan: .*none\.json cannot be read: No such file"):
        plan_file.read(tmp_path / "none.json")


def test_an_old_plan_is_refused_with_its_age_and_the_limit(tmp_path):
    path = tmp_path / "plan.json"
    assert plan_file.check_age(document(), path, 60, NOW + timedelta(minutes=60)) == timedelta(minutes=60)
    with pytest.raises(PlanError, match=r"is 2 h 5 min old, and platform_plan_max_age allows 60 minutes"):
        plan_file.check_age(document(), path, 60, NOW + timedelta(minutes=125))
    with pytest.raises(PlanError, match=r"is 3 days old"):
        plan_file.check_age(document(), path, 60, NOW + timedelta(days=3))


def test_a_plan_of_the_future_is_refused(tmp_path):
    plan_file.check_age(document(), tmp_path, 60, NOW - timedelta(minutes=4))
    with pytest.raises(PlanError, match="see to the clocks"):
        plan_file.check_age(document(), tmp_path, 60, NOW - timedelta(minutes=6))


def test_a_limit_that_is_none_is_refused(tmp_path):
    with pytest.raises(PlanError, match=r"platform_plan_max_age: 0 "):
        plan_file.check_age(document(), tmp_path, 0, NOW)


@pytest.mark.parametrize("name", list(PLACE))
def test_a_plan_of_elsewhere_is_refused(tmp_path, name):
    plan_file.check_place(document(), tmp_path, PLACE)
    with pytest.raises(PlanError, match=f"is for {name} other, and this is {PLACE[name]}"):
        plan_file.check_place(document(**{name: "other"}), tmp_path, PLACE)


def test_a_plan_of_other_tiers_is_refused(tmp_path):
    plan_file.check_tiers(document(), tmp_path, ["kms", "secrets", "vpc"])
    for covered in (["kms"], ["kms", "secrets", "vpc", "waf"], []):
        with pytest.raises(PlanError, match="covers kms, secrets, vpc, and this run"):
            plan_file.check_tiers(document(), tmp_path, covered)


def test_a_plan_with_refusals_is_not_applied(tmp_path):
    plan_file.check_refusals(document(), tmp_path)
    with pytest.raises(PlanError, match="secret/b: it holds"):
        plan_file.check_refusals(document(results()), tmp_path)


def test_what_a_plan_lets_a_tier_do():
    found = plan_file.approved(document(), "kms", begun=False)
    assert {address: (item["action"], list(item["fields"])) for address, item in found.items()} == {
        "kms_key/rds": ("update", ["rotation", "policy"]),
        "kms_key/storage": ("create", ["alias", "arn"]),
    }
    planned = {item["address"]: item for item in document()["actions"]}
    for address, item in found.items():
        assert item["fields"] == {change["field"]: change["new"] for change in planned[address]["fields"]}
        assert item["ground"] == planned[address]["ground"]
    assert plan_file.approved(document(), "waf", begun=False) == {}


def test_what_this_run_has_begun_has_moved_its_ground_itself():
    assert {str(item["ground"]) for item in plan_file.approved(document(), "kms", begun=True).values()} == {"{}"}
