"""What the diagrams and the issue say about the web ACL, read back with plain boto3."""

from __future__ import annotations

import json

import pytest

BODY_LABEL = "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
GROUPS = {
    "sql-injection": "AWSManagedRulesSQLiRuleSet",
    "common": "AWSManagedRulesCommonRuleSet",
    "known-bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
    "ip-reputation": "AWSManagedRulesAmazonIpReputationList",
}


def acl(platform, name=None):
    name = name or f"{platform.deployment}-edge"
    waf = platform.client("wafv2", "us-east-1")
    (found,) = [item for item in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"] if item["Name"] == name]
    return waf.get_web_acl(Name=name, Scope="CLOUDFRONT", Id=found["Id"])["WebACL"]


def rules(platform):
    return {rule["Name"]: rule for rule in acl(platform)["Rules"]}


def logging(platform):
    arn = acl(platform)["ARN"]
    return platform.client("wafv2", "us-east-1").get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]


def log_group(platform, deployment=None):
    name = f"aws-waf-logs-{deployment or platform.deployment}"
    groups = platform.client("logs", "us-east-1").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    (found,) = [group for group in groups if group["logGroupName"] == name]
    return found


def test_web_acl_is_for_cloudfront(platform):
    assert acl(platform)["ARN"].startswith(f"arn:aws:wafv2:us-east-1:{platform.account_id}:global/webacl/")


def test_what_no_rule_decides_is_let_in(platform):
    assert acl(platform)["DefaultAction"] == {"Allow": {}}


def test_rate_limit_is_2000_requests_a_source_address_in_five_minutes(platform):
    rule = rules(platform)["rate-limit"]
    statement = rule["Statement"]["RateBasedStatement"]
    assert (statement["Limit"], statement["AggregateKeyType"], statement["EvaluationWindowSec"]) == (2000, "IP", 300)
    assert rule["Action"] == {"Block": {}}


def test_rate_limit_comes_first(platform):
    assert min(acl(platform)["Rules"], key=lambda rule: rule["Priority"])["Name"] == "rate-limit"


@pytest.mark.parametrize("name", GROUPS)
def test_managed_rule_group_stands_and_acts(platform, name):
    rule = rules(platform)[name]
    statement = rule["Statement"]["ManagedRuleGroupStatement"]
    assert (statement["VendorName"], statement["Name"]) == ("AWS", GROUPS[name])
    assert rule["OverrideAction"] == {"None": {}}


def test_body_size_rule_of_the_common_set_only_labels(platform):
    statement = rules(platform)["common"]["Statement"]["ManagedRuleGroupStatement"]
    assert statement["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]


def test_large_bodies_are_blocked_but_on_the_upload_path(platform):
    rule = rules(platform)["large-bodies"]
    labelled, elsewhere = rule["Statement"]["AndStatement"]["Statements"]
    assert labelled == {"LabelMatchStatement": {"Scope": "LABEL", "Key": BODY_LABEL}}
    path = elsewhere["NotStatement"]["Statement"]["ByteMatchStatement"]
    assert (path["SearchString"], path["PositionalConstraint"]) == (b"/uploads/", "STARTS_WITH")
    assert path["FieldToMatch"] == {"UriPath": {}}
    assert [item["Type"] for item in path["TextTransformations"]] == ["URL_DECODE", "NORMALIZE_PATH"]
    assert rule["Action"] == {"Block": {}}
    assert rule["Priority"] > rules(platform)["common"]["Priority"]


def test_every_rule_has_a_metric_of_its_own_and_no_samples(platform):
    found = [acl(platform), *acl(platform)["Rules"]]
    metrics = [item["VisibilityConfig"]["MetricName"] for item in found]
    assert len(set(metrics)) == len(metrics)
    assert all(item["VisibilityConfig"]["CloudWatchMetricsEnabled"] for item in found)
    assert not any(item["VisibilityConfig"]["SampledRequestsEnabled"] for item in found)


def test_rules_fit_into_the_capacity_that_costs_nothing_more(platform):
    assert acl(platform)["Capacity"] == 1150


def test_log_goes_to_its_log_group(platform):
    assert logging(platform)["LogDestinationConfigs"] == [log_group(platform)["logGroupArn"]]


def test_authorization_header_stays_out_of_the_log(platform):
    assert logging(platform)["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]


def test_log_is_kept(platform):
    assert log_group(platform)["retentionInDays"] == (90 if platform.is_prod else 14)


def test_log_is_encrypted_with_the_key_of_logs(platform):
    alias = f"alias/{platform.environment}/{'storage' if platform.is_prod else 'shared'}"
    assert log_group(platform)["kmsKeyId"] == platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]


def test_web_acl_carries_the_ownership_tags(platform):
    arn = acl(platform)["ARN"]
    listed = platform.client("wafv2", "us-east-1").list_tags_for_resource(ResourceARN=arn)["TagInfoForResource"]["TagList"]
    tags = {tag["Key"]: tag["Value"] for tag in listed}
    assert tags["agent-platform:deployment"] == platform.deployment
    assert tags["agent-platform:address"] == "web_acl/edge"


@both
def test_a_deployment_in_another_region_has_its_own_in_us_east_1(scratch):
    there = ("-e", "platform_region=eu-west-1", "playbooks/waf.yml")
    assert set(scratch.results(*there)["waf"]["resources"]) == {"edge_log_group/waf", "web_acl/edge"}
    name = f"{scratch.environment}-eu-west-1"
    assert acl(scratch, f"{name}-edge")["ARN"].startswith("arn:aws:wafv2:us-east-1:")
    assert "kmsKeyId" not in log_group(scratch, name)
    assert scratch.client("logs", "eu-west-1").describe_log_groups()["logGroups"] == []
    assert scratch.results(*there)["waf"]["changed"] is False
    assert scratch.results("playbooks/waf.yml")["waf"]["changed"] is False


@both
def test_what_others_change_is_put_back(scratch):
    waf, arn = scratch.client("wafv2", "us-east-1"), acl(scratch)["ARN"]
    found = waf.get_web_acl(ARN=arn, Scope="CLOUDFRONT", Name=f"{scratch.deployment}-edge", Id=arn.rsplit("/", 1)[1])
    changed = {key: found["WebACL"][key] for key in ("Name", "Id", "VisibilityConfig", "Description")}
    waf.update_web_acl(**changed, Scope="CLOUDFRONT", LockToken=found["LockToken"], DefaultAction={"Block": {}}, Rules=[])
    waf.delete_logging_configuration(ResourceArn=arn)
    name = log_group(scratch)["logGroupName"]
    scratch.client("logs", "us-east-1").disassociate_kms_key(logGroupName=name)
    scratch.client("logs", "us-east-1").delete_retention_policy(logGroupName=name)
    result = scratch.results("playbooks/waf.yml")["waf"]
    assert {(item["address"], change["field"]) for item in result["plan"] for change in item["fields"]} == {
        ("edge_log_group/waf", "kms_key"),
        ("edge_log_group/waf", "retention_days"),
        ("web_acl/edge", "default_action"),
        ("web_acl/edge", "log_destination"),
        ("web_acl/edge", "redacted_headers"),
        ("web_acl/edge", "rules"),
    }
    assert len(rules(scratch)) == 6
    assert logging(scratch)["RedactedFields"]


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_each_rule_group_can_be_set_to_count(scratch):
    groups = [
        {"name": name, "group": group, "priority": 20 + place, "action": "count"}
        for place, (name, group) in enumerate(GROUPS.items())
    ]
    scratch.results("playbooks/waf.yml", "-e", json.dumps({"waf_managed_rule_groups": groups, "waf_rate_limit_action": "count"}))
    found = rules(scratch)
    assert [found[name]["OverrideAction"] for name in GROUPS] == [{"Count": {}}] * 4
    assert [found[name]["Action"] for name in ("rate-limit", "large-bodies")] == [{"Count": {}}] * 2
