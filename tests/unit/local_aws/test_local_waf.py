"""WAF as AWS has it."""

from __future__ import annotations

import pytest

SCOPE = {"Scope": "CLOUDFRONT"}
LOG = "arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-a"


def visibility(name):
    return {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": name}


def rule(name, priority, statement, **more):
    return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": visibility(name), **more}


def rate(limit=100, **more):
    return rule("rate", 1, {"RateBasedStatement": {"Limit": limit, "AggregateKeyType": "IP", **more}}, Action={"Block": {}})


def group(name="AWSManagedRulesCommonRuleSet", priority=2):
    statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}}
    return rule("group", priority, statement, OverrideAction={"None": {}})


def path(constraint="STARTS_WITH", *transformations):
    steps = [{"Priority": place, "Type": kind} for place, kind in enumerate(transformations or ("NONE",))]
    match = {
        "SearchString": "/x",
        "FieldToMatch": {"UriPath": {}},
        "TextTransformations": steps,
        "PositionalConstraint": constraint,
    }
    return {"ByteMatchStatement": match}


@pytest.fixture
def waf(client):
    return client("wafv2")


@pytest.fixture
def make(waf):
    def create(name="a", rules=(), **more):
        settings = {"DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility(name)}
        return waf.create_web_acl(Name=name, Rules=list(rules), **SCOPE, **settings, **more)["Summary"]

    return create


def get(waf, acl):
    return waf.get_web_acl(Name=acl["Name"], Id=acl["Id"], **SCOPE)


@pytest.mark.parametrize(
    ("statement", "units"),
    [
        (path(), 2),
        (path("CONTAINS"), 10),
        (path("EXACTLY", "URL_DECODE", "NORMALIZE_PATH"), 22),
        ({"NotStatement": {"Statement": path()}}, 2),
        ({"OrStatement": {"Statements": [path(), {"GeoMatchStatement": {"CountryCodes": ["DE"]}}]}}, 3),
        (rate()["Statement"], 2),
        (rate(ScopeDownStatement=path())["Statement"], 4),
        (group()["Statement"], 700),
        (group("AWSManagedRulesAmazonIpReputationList")["Statement"], 25),
    ],
)
def test_capacity(waf, statement, units):
    assert waf.check_capacity(Rules=[rule("r", 1, statement, Action={"Block": {}})], **SCOPE)["Capacity"] == units


def test_capacity_of_a_web_acl_and_its_limit(waf, make, refused):
    assert get(waf, make(rules=[rate(), group()]))["WebACL"]["Capacity"] == 702
    heavy = [{**group(priority=number), "Name": f"g{number}"} for number in range(8)]
    assert waf.check_capacity(Rules=heavy, **SCOPE)["Capacity"] == 5600
    refused("WAFLimitsExceededException", make, name="b", rules=heavy)


def test_rules_that_aws_refuses(waf, make, refused):
    for bad in (
        [rate(), group(priority=1)],
        [rate(), {**rate(), "Priority": 2}],
        [rate(2_000_000_001)],
        [rate(EvaluationWindowSec=90)],
        [group("Nothing")],
    ):
        refused("WAFInvalidParameterException", make, rules=bad)
        refused("WAFInvalidParameterException", waf.check_capacity, Rules=bad, **SCOPE)


def test_cloudfront_is_in_us_east_1(client, refused):
    refused("WAFInvalidParameterException", client("wafv2", "eu-west-1").list_web_acls, **SCOPE)


def test_an_update_replaces_everything(waf, make, refused):
    acl = make(rules=[rate()], Description="some words", TokenDomains=["example.com"])
    token = get(waf, acl)["LockToken"]
    settings = {"DefaultAction": {"Block": {}}, "VisibilityConfig": visibility("a"), "Name": "a", "Id": acl["Id"], **SCOPE}
    waf.update_web_acl(LockToken=token, **settings)
    found = get(waf, acl)["WebACL"]
    assert (found["Rules"], found["DefaultAction"]) == ([], {"Block": {}})
    assert not {"Description", "TokenDomains"} & set(found)
    refused("WAFOptimisticLockException", waf.update_web_acl, LockToken=token, **settings)


def test_names_are_taken_once(make, refused):
    make()
    refused("WAFDuplicateItemException", make)


def test_logging(waf, make, refused):
    acl = make()
    for arn, destination in (
        (acl["ARN"], LOG.replace("aws-waf-logs-", "logs-")),
        (acl["ARN"], LOG.replace("us-east-1", "eu-west-1")),
    ):
        configuration = {"ResourceArn": arn, "LogDestinationConfigs": [destination]}
        refused("WAFInvalidParameterException", waf.put_logging_configuration, LoggingConfiguration=configuration)
    configuration = {"ResourceArn": acl["ARN"], "LogDestinationConfigs": [LOG]}
    waf.put_logging_configuration(LoggingConfiguration=configuration)
    (listed,) = waf.list_logging_configurations(**SCOPE)["LoggingConfigurations"]
    assert (listed["ResourceArn"], listed["LogType"], listed["LogScope"]) == (acl["ARN"], "WAF_LOGS", "CUSTOMER")
    waf.delete_web_acl(Name="a", Id=acl["Id"], LockToken=get(waf, acl)["LockToken"], **SCOPE)
    assert waf.list_logging_configurations(**SCOPE)["LoggingConfigurations"] == []
    refused("WAFNonexistentItemException", waf.put_logging_configuration, LoggingConfiguration=configuration)


def test_a_web_acl_in_use_stays(waf, make, client, refused):
    acl = make()
    origin = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": "c",
            "Comment": "",
            "Enabled": True,
            "WebACLId": acl["ARN"],
            "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "example.com", "CustomOriginConfig": origin}]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "o",
                "ViewerProtocolPolicy": "https-only",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            },
        }
    )
    token = get(waf, acl)["LockToken"]
    refused("WAFAssociatedItemException", waf.delete_web_acl, Name="a", Id=acl["Id"], LockToken=token, **SCOPE)
