"""The web ACL tier's bad input, each a sentence, and what it declares."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.waf import as_rules, canonical_rules
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("waf")
DEFAULTS = yaml.safe_load((tiers.ROOT / "roles/waf/defaults/main.yml").read_text())
GROUPS = DEFAULTS["waf_managed_rule_groups"]
GOOD = {"managed_rule_groups": GROUPS, "upload_paths": DEFAULTS["waf_upload_paths"], "log_key": "storage", "log_key_arn": ""}
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
ELSEWHERE = Place("prod", "prod-eu-west-1", "eu-west-1", "123456789012", "aws")
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def parameters(**override):
    return tiers.with_defaults(TIER, {**GOOD, **override})


def group(**options):
    return {"managed_rule_groups": [{"name": "x", "group": "AWSManagedRulesSQLiRuleSet", "priority": 30, **options}]}


def common(**options):
    return group(group="AWSManagedRulesCommonRuleSet", **options)


def custom(**changes):
    rule = {"Name": "x", "Priority": 1, "Statement": {"GeoMatchStatement": {"CountryCodes": ["DE"]}}, "Action": {"Block": {}}}
    return {"custom_rules": [{key: value for key, value in {**rule, **changes}.items() if value is not None}]}


BAD = [
    ({"rate_limit": 9}, "waf_rate_limit: 9 is outside 10 to 2000000000 requests"),
    ({"rate_limit": 2_000_000_001}, "waf_rate_limit: 2000000001 is outside 10 to 2000000000 requests"),
    ({"rate_limit_window_seconds": 90}, "waf_rate_limit_window_seconds: 90 is none of 60, 120, 300, 600"),
    (
        {"rate_limit_priority": 20},
        "waf_managed_rule_groups: priority 20 of ip-reputation is taken by rate-limit (waf_rate_limit_priority)",
    ),
    ({"rate_limit_priority": -1}, "waf_rate_limit_priority: priority -1 of rate-limit is not a number of 0 to 2147483647"),
    (
        {"large_bodies_priority": 60},
        "waf_large_bodies_priority: priority 60 of large-bodies is taken by known-bad-inputs (waf_managed",
    ),
    (
        {"large_bodies_priority": 35},
        "waf_large_bodies_priority: 35 must come after common (40), whose label it reads: use 41 or more",
    ),
    ({"max_capacity": 0}, "waf_max_capacity: 0 is outside 1 to 5000"),
    ({"max_capacity": 5001}, "waf_max_capacity: 5001 is outside 1 to 5000"),
    ({"log_retention_days": 31}, "waf_log_retention_days: 31 is none of 1, 3, 5, 7"),
    ({"log_redacted_headers": ["x y"]}, "waf_log_redacted_headers: 'x y' is not the name of a header"),
    ({"log_redacted_headers": ["Cookie", "cookie"]}, "waf_log_redacted_headers: Cookie, cookie: name each header once"),
    ({"log_key": "UPPER"}, "platform_kms_key_for: the key 'UPPER' of logs"),
    ({"log_key_arn": KEY.replace("us-east-1", "eu-west-1")}, "waf_log_key_arn: 'arn:aws:kms:eu-west-1"),
    (group(action="deny"), "waf_managed_rule_groups: x: action 'deny' is none of enforce, count"),
    (group(group=""), "waf_managed_rule_groups: x: group '' is none that AWS accepts"),
    (group(rule_actions={"R": "deny"}), "x: the action 'deny' of its rule R is none of allow, block, captcha, challenge, count"),
    (group(name="a b"), "waf_managed_rule_groups: the name 'a b' is none that a rule and its metric can have"),
    (group(name="Default_Action"), "neither All nor Default_Action"),
    (group(name="rate-limit"), "waf_managed_rule_groups: the name 'rate-limit' is taken by a rule of waf_rate_limit_priority"),
    (common(rule_actions={"SizeRestrictions_BODY": "block"}), "x: SizeRestrictions_BODY is set to 'block', but waf_upload_paths"),
    ({"upload_paths": ["uploads"]}, "waf_upload_paths: 'uploads' is not the beginning of a path"),
    ({"upload_paths": ["/"]}, "waf_upload_paths: '/' is not the beginning of a path"),
    ({"upload_paths": ["/a/../b"]}, "waf_upload_paths: '/a/../b' is not the beginning of a path"),
    ({"custom_rules": [{"Priority": 1}]}, "waf_custom_rules: {'Priority': 1} has no Name"),
    (custom(Priority=None), "waf_custom_rules: priority None of x is not a number"),
    (custom(Priority="1"), "waf_custom_rules: priority '1' of x is not a number"),
    (
        custom(Priority=10),
        "waf_custom_rules: priority 10 of x is taken by rate-limit (waf_rate_limit_priority): use each number once",
    ),
    (custom(Statement=None), "waf_custom_rules: x: Statement is None, not one of AndStatement"),
    (custom(Statement={"Geo": {}}), "waf_custom_rules: x: Statement is {'Geo': {}}, not one of"),
    (custom(Action=None), "x: a rule with GeoMatchStatement has Action, a mapping of one action"),
    (custom(OverrideAction={"None": {}}), "and no OverrideAction"),
    (custom(Colour="red"), "waf_custom_rules: x: 'Colour' is not part of a rule"),
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_a_partition_without_the_edge_is_refused(region):
    with pytest.raises(InvalidInput, match=f"platform_region: {region} belongs to a partition without us-east-1"):
        TIER.check(parameters(), region)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"managed_rule_groups": []},
        {"upload_paths": [], "large_bodies_priority": 20},
        {"rate_limit": 10, "rate_limit_window_seconds": 60},
        {"rate_limit": 2_000_000_000, "max_capacity": 5000},
        {"log_key_arn": KEY},
        common(rule_actions={"SizeRestrictions_BODY": "count"}),
        custom(),
        custom(Statement={"RuleGroupReferenceStatement": {"ARN": "arn"}}, Action=None, OverrideAction={"Count": {}}),
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "eu-west-1")


def declared(place=PLACE, **override):
    return Graph(TIER.declare(parameters(**override), place))


def rules(**override):
    return declared(**override).resources["web_acl/edge"].desired["rules"]


def test_the_log_has_the_platforms_key_in_us_east_1_only():
    here, there = declared(), declared(ELSEWHERE)
    assert [resource.address for resource in here.looked_up()] == ["kms_key/storage"]
    assert here.resources["edge_log_group/waf"].desired["kms_key"] == Ref("kms_key/storage", "arn")
    assert there.looked_up() == []
    assert there.resources["edge_log_group/waf"].desired["kms_key"] is None
    given = declared(ELSEWHERE, log_key_arn=KEY)
    assert given.resources["edge_log_group/waf"].desired["kms_key"] == KEY


def test_names_carry_the_deployment():
    resources = declared(ELSEWHERE).resources
    assert resources["web_acl/edge"].desired["name"] == "prod-eu-west-1-edge"
    assert resources["edge_log_group/waf"].desired["log_group_name"] == "aws-waf-logs-prod-eu-west-1"


def test_large_bodies_pass_on_upload_paths_alone():
    found = rules()
    overrides = found["common"]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert overrides == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
    labelled, elsewhere = found["large-bodies"]["Statement"]["AndStatement"]["Statements"]
    assert labelled["LabelMatchStatement"]["Key"] == "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
    assert elsewhere["NotStatement"]["Statement"]["ByteMatchStatement"]["SearchString"] == "/uploads/"
    assert found["large-bodies"]["Action"] == {"Block": {}}


def test_several_upload_paths_are_alternatives():
    found = rules(upload_paths=["/a/", "/b/"])
    elsewhere = found["large-bodies"]["Statement"]["AndStatement"]["Statements"][1]
    assert len(elsewhere["NotStatement"]["Statement"]["OrStatement"]["Statements"]) == 2


def test_without_upload_paths_the_common_set_decides_alone():
    found = rules(upload_paths=[])
    assert "large-bodies" not in found
    assert "RuleActionOverrides" not in found["common"]["Statement"]["ManagedRuleGroupStatement"]


def test_a_group_that_counts_has_its_bodies_counted():
    found = rules(**common(action="count"))
    assert (found["x"]["OverrideAction"], found["large-bodies"]["Action"]) == ({"Count": {}}, {"Count": {}})


def test_rules_compare_as_aws_answers_them():
    search = {"SearchString": "/x", "FieldToMatch": {"UriPath": {}}}
    ours = {
        "rate": {"Priority": 1, "Statement": {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP"}}, "RuleLabels": []},
        "path": {"Priority": 2, "Statement": {"ByteMatchStatement": search}},
        "set": {"Priority": 3, "Statement": {"ManagedRuleGroupStatement": {"RuleActionOverrides": [{"Name": "b"}, {"Name": "a"}]}}},
    }
    limit = {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}
    theirs = {
        "set": {"Priority": 3, "Statement": {"ManagedRuleGroupStatement": {"RuleActionOverrides": [{"Name": "a"}, {"Name": "b"}]}}},
        "path": {"Priority": 2, "Statement": {"ByteMatchStatement": {**search, "SearchString": b"/x"}}, "Action": None},
        "rate": {"Priority": 1, "Statement": {"RateBasedStatement": limit}},
    }
    assert canonical_rules(ours) == canonical_rules(theirs)
    assert [rule["Name"] for rule in as_rules(theirs)] == ["rate", "path", "set"]
