"""What is particular to web ACLs: what an update hands back, the lock, the weight of the rules, another region, what is in use."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Resource
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.waf import WebAcl
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.waf import looked_up
from support import tiers

POLICY = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def whole(prepare):
    prepared = prepare("waf")
    prepared.on_whole()
    return prepared


@pytest.fixture
def waf(whole):
    return boto3.client("wafv2", region_name="us-east-1")


def read(waf, name="prod-us-east-1-edge"):
    (acl,) = [item for item in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"] if item["Name"] == name]
    return waf.get_web_acl(Name=name, Scope="CLOUDFRONT", Id=acl["Id"])


def test_what_others_set_survives_an_update(whole, waf):
    found = read(waf)
    acl = found["WebACL"]
    waf.update_web_acl(
        **{key: acl[key] for key in ("Name", "Id", "DefaultAction", "Rules", "VisibilityConfig", "Description")},
        Scope="CLOUDFRONT",
        LockToken=found["LockToken"],
        TokenDomains=["example.com"],
        CustomResponseBodies={"no": {"ContentType": "TEXT_PLAIN", "Content": "no"}},
    )
    logging = waf.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"]
    kept = {"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}]}
    only_blocks = {"DefaultBehavior": "DROP", "Filters": [kept]}
    waf.put_logging_configuration(
        LoggingConfiguration={
            **{key: logging[key] for key in ("ResourceArn", "LogDestinationConfigs", "RedactedFields")},
            "LoggingFilter": only_blocks,
        }
    )
    changed = {**whole.parameters, "rate_limit": 500, "log_redacted_headers": ["authorization"]}
    assert tiers.changes(tiers.run(whole.tier, changed)) == {
        ("web_acl/edge", "update", "rules"),
        ("web_acl/edge", "update", "redacted_headers"),
    }
    acl = read(waf)["WebACL"]
    assert acl["TokenDomains"] == ["example.com"]
    assert set(acl["CustomResponseBodies"]) == {"no"}
    logging = waf.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"]
    assert logging["LoggingFilter"] == only_blocks
    assert logging["RedactedFields"] == [{"SingleHeader": {"Name": "authorization"}}]


@pytest.mark.parametrize("times", [1, 2])
def test_a_change_by_somebody_else_is_taken_up_once(whole, times):
    code = "WAFOptimisticLockException"
    for nth in range(1, times + 1):
        whole.aws.settings.fault(service="wafv2", operation="UpdateWebACL", nth=nth, code=code, status=400)
    try:
        result = tiers.attempt(whole.tier, {**whole.parameters, "rate_limit": 500})
    finally:
        whole.aws.settings.clear()
    if times == 1:
        assert not result.get("failed")
        assert tiers.run(whole.tier, {**whole.parameters, "rate_limit": 500})["plan"] == []
    else:
        assert code in result["msg"] and "run again when they are done" in result["msg"]


def test_what_waf_does_not_know_everywhere_yet_is_tried_again(whole):
    whole.on_ground()
    whole.aws.settings.fault(
        service="wafv2", operation="PutLoggingConfiguration", nth=1, code="WAFUnavailableEntityException", status=400
    )
    try:
        tiers.run(whole.tier, whole.parameters)
    finally:
        whole.aws.settings.clear()
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("standing", [True, False])
def test_rules_that_weigh_too_much_are_refused_before_anything_is_written(whole, check_mode, standing):
    if not standing:
        whole.on_ground()
    result = tiers.attempt(whole.tier, {**whole.parameters, "rate_limit": 500, "max_capacity": 900}, check_mode)
    # 2 rate, 700 common, 200 SQL injection, 1 label and 22 for each upload path, 1 country.
    assert "web_acl/edge: its rules weigh 948 web ACL capacity units, and waf_max_capacity is 900" in result["msg"]
    assert whole.aws.writes() == []


def test_rules_are_weighed_only_when_they_change(whole):
    tiers.run(whole.tier, {**whole.parameters, "max_capacity": 900})
    assert "CheckCapacity" not in {request.operation for request in whole.aws.requests}


def test_a_rule_that_waf_does_not_know_is_refused_before_anything_is_written(whole):
    unknown = {"managed_rule_groups": [{"name": "x", "group": "AWSManagedRulesNone", "priority": 20}]}
    result = tiers.attempt(whole.tier, {**whole.parameters, **unknown}, check_mode=True)
    assert "Could not weigh the rules of web_acl/edge: WAFInvalidParameterException" in result["msg"]
    assert whole.aws.writes() == []


def test_a_deployment_elsewhere_has_its_web_acl_in_us_east_1_and_needs_no_key(whole, waf):
    elsewhere = {**whole.parameters, "region": "eu-west-1"}
    planned = tiers.run(whole.tier, elsewhere, check_mode=True)
    assert tiers.addresses(planned) == {"edge_log_group/waf": "create", "web_acl/edge": "create"}
    tiers.run(whole.tier, elsewhere)
    assert tiers.run(whole.tier, elsewhere)["plan"] == []
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    assert read(waf, "prod-eu-west-1-edge")["WebACL"]["ARN"].startswith("arn:aws:wafv2:us-east-1:")
    prefix = "aws-waf-logs-prod-eu-west-1"
    (group,) = boto3.client("logs", region_name="us-east-1").describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]
    assert "kmsKeyId" not in group
    assert boto3.client("logs", region_name="eu-west-1").describe_log_groups()["logGroups"] == []
    tiers.run(whole.tier, {**elsewhere, "state": "absent"})
    assert [acl["Name"] for acl in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]] == ["prod-us-east-1-edge"]


def test_a_web_acl_in_use_is_not_deleted(whole, waf):
    arn = read(waf)["WebACL"]["ARN"]
    origin = {"Id": "o", "DomainName": "example.com", "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443}}
    origin["CustomOriginConfig"]["OriginProtocolPolicy"] = "https-only"
    boto3.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "c",
            "Comment": "",
            "Enabled": True,
            "WebACLId": arn,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "https-only",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            },
        }
    )
    result = tiers.attempt(whole.tier, {**whole.parameters, "state": "absent"})
    assert "Could not delete web_acl/edge: WAFAssociatedItemException" in result["msg"]
    assert "a CloudFront distribution still uses the web ACL" in result["msg"]
    assert waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]["LogDestinationConfigs"]
    assert boto3.client("logs", region_name="us-east-1").describe_log_groups(logGroupNamePrefix="aws-waf-logs-")["logGroups"]


def test_another_tier_finds_it_by_name(whole, waf):
    def declare(params, place):
        key = {"alias": "alias/prod/other", "description": Ref("web_acl/edge", "arn"), "key_spec": "SYMMETRIC_DEFAULT"}
        return [looked_up(place), Resource(Key(), "other", {**key, "enabled": True, "policy": POLICY})]

    other = Tier("other", whole.tier.spec, (Key(),), declare, whole.tier.check, looks_up=(WebAcl(),))
    (planned,) = tiers.run(other, whole.parameters, check_mode=True)["plan"]
    said = {change["field"]: change["new"] for change in planned["fields"]}
    assert said["description"] == read(waf)["WebACL"]["ARN"]
    missing = tiers.attempt(other, {**whole.parameters, "deployment": "prod-other"})
    assert "run the waf tier first" in missing["msg"]
