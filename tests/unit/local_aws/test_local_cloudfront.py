"""CloudFront as AWS has it."""

from __future__ import annotations

import copy

import pytest

DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
SECURITY = "67f7725c-6f97-4210-82d7-5512b31e9d03"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
EVERY_METHOD = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]


def listed(*items):
    return {"Quantity": len(items), "Items": list(items)}


def configuration(reference="c", **changes):
    custom = {
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": "https-only",
        "OriginSslProtocols": listed("TLSv1.2"),
        "OriginReadTimeout": 60,
        "OriginKeepaliveTimeout": 30,
    }
    origin = {
        "Id": "alb",
        "DomainName": "origin.example.com",
        "CustomOriginConfig": custom,
        "CustomHeaders": listed({"HeaderName": "x-secret", "HeaderValue": "word"}),
    }
    behavior = {
        "TargetOriginId": "alb",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": listed(*EVERY_METHOD),
        "Compress": True,
        "CachePolicyId": DISABLED,
        "OriginRequestPolicyId": ALL_VIEWER,
        "ResponseHeadersPolicyId": SECURITY,
    }
    base = {
        "CallerReference": reference,
        "Comment": "the platform",
        "Enabled": True,
        "Origins": listed(origin),
        "DefaultCacheBehavior": behavior,
        "HttpVersion": "http2and3",
        "PriceClass": "PriceClass_100",
        "IsIPV6Enabled": True,
    }
    return {**base, **changes}


def headers(name="p", **more):
    return {"Name": name, "SecurityHeadersConfig": {"ContentTypeOptions": {"Override": True}}, **more}


@pytest.fixture
def cloudfront(client):
    return client("cloudfront")


@pytest.fixture
def make(cloudfront):
    def create(tags=(), **changes):
        given = {"DistributionConfig": configuration(**changes), "Tags": {"Items": list(tags)}}
        return cloudfront.create_distribution_with_tags(DistributionConfigWithTags=given)

    return create


def subset(small, large):
    if isinstance(small, dict):
        return all(key in large and subset(value, large[key]) for key, value in small.items())
    if isinstance(small, list) and small and isinstance(small[0], dict):
        return len(small) == len(large) and all(map(subset, small, large))
    return sorted(small) == sorted(large) if isinstance(small, list) else small == large


def test_a_distribution_is_read_back_whole(cloudfront, make):
    tag = {"Key": "a", "Value": "b"}
    made = make(tags=[tag])
    found = cloudfront.get_distribution(Id=made["Distribution"]["Id"])
    assert found["ETag"] == made["ETag"]
    assert found["Distribution"] == made["Distribution"]
    config = found["Distribution"]["DistributionConfig"]
    assert subset(configuration(), config)
    assert config["DefaultCacheBehavior"]["AllowedMethods"]["Items"] == ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"]
    assert config["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
    assert config["Aliases"] == {"Quantity": 0}
    assert cloudfront.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"] == config
    (summary,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert summary["ARN"] == made["Distribution"]["ARN"]
    assert summary["HttpVersion"] == "http2and3"
    assert cloudfront.list_tags_for_resource(Resource=summary["ARN"])["Tags"]["Items"] == [tag]


def test_tags(cloudfront, make, refused):
    arn = make()["Distribution"]["ARN"]
    cloudfront.tag_resource(Resource=arn, Tags={"Items": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]})
    cloudfront.untag_resource(Resource=arn, TagKeys={"Items": ["a"]})
    assert cloudfront.list_tags_for_resource(Resource=arn)["Tags"]["Items"] == [{"Key": "b", "Value": "2"}]
    refused("NoSuchResource", cloudfront.list_tags_for_resource, Resource=arn[:-3] + "XYZ")


def test_updates(cloudfront, make, refused):
    made = make()
    identifier, config = made["Distribution"]["Id"], made["Distribution"]["DistributionConfig"]
    changed = {**config, "PriceClass": "PriceClass_All"}
    refused("InvalidIfMatchVersion", cloudfront.update_distribution, Id=identifier, DistributionConfig=changed)
    answer = cloudfront.update_distribution(Id=identifier, IfMatch=made["ETag"], DistributionConfig=changed)
    assert answer["Distribution"]["DistributionConfig"]["PriceClass"] == "PriceClass_All"
    stale = {"Id": identifier, "IfMatch": made["ETag"]}
    refused("PreconditionFailed", cloudfront.update_distribution, DistributionConfig=config, **stale)
    refused("PreconditionFailed", cloudfront.delete_distribution, **stale)
    now = {"Id": identifier, "IfMatch": answer["ETag"]}
    moved = {**config, "CallerReference": "other"}
    refused("IllegalUpdate", cloudfront.update_distribution, DistributionConfig=moved, **now)
    for member in ("Aliases", "Logging", "Restrictions", "WebACLId"):
        less = {key: value for key, value in config.items() if key != member}
        assert member in refused("InvalidArgument", cloudfront.update_distribution, DistributionConfig=less, **now)
    refused("NoSuchDistribution", cloudfront.update_distribution, Id="E0", IfMatch="E0", DistributionConfig=config)


def test_deployment_takes_time(aws, cloudfront, make, refused):
    aws.settings.transitions["distribution"] = 20
    made = make()
    identifier = made["Distribution"]["Id"]
    status = [cloudfront.get_distribution(Id=identifier)["Distribution"]["Status"] for _ in range(3)]
    assert status == ["InProgress"] * 3
    aws.skip(20)
    assert cloudfront.get_distribution(Id=identifier)["Distribution"]["Status"] == "Deployed"
    refused("DistributionNotDisabled", cloudfront.delete_distribution, Id=identifier, IfMatch=made["ETag"])
    off = {**made["Distribution"]["DistributionConfig"], "Enabled": False}
    answer = cloudfront.update_distribution(Id=identifier, IfMatch=made["ETag"], DistributionConfig=off)
    assert answer["Distribution"]["Status"] == "InProgress"
    refused("DistributionNotDisabled", cloudfront.delete_distribution, Id=identifier, IfMatch=answer["ETag"])
    aws.skip(20)
    cloudfront.delete_distribution(Id=identifier, IfMatch=answer["ETag"])
    refused("NoSuchDistribution", cloudfront.get_distribution, Id=identifier)
    refused("NoSuchResource", cloudfront.list_tags_for_resource, Resource=made["Distribution"]["ARN"])


def test_a_caller_reference_serves_once(make, refused):
    identifier = make()["Distribution"]["Id"]
    assert identifier in refused("DistributionAlreadyExists", make)


def broken(**changes):
    config = configuration()
    for path, value in changes.items():
        *way, last = path.split("__")
        node = config
        for step in way:
            node = node[step] if step != "origin" else node["Origins"]["Items"][0]
        node[last] = value
    return config


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("NoSuchCachePolicy", {"DefaultCacheBehavior__CachePolicyId": "x"}),
        ("NoSuchOriginRequestPolicy", {"DefaultCacheBehavior__OriginRequestPolicyId": "x"}),
        ("NoSuchResponseHeadersPolicy", {"DefaultCacheBehavior__ResponseHeadersPolicyId": "x"}),
        ("NoSuchOrigin", {"DefaultCacheBehavior__TargetOriginId": "x"}),
        ("InvalidArgument", {"DefaultCacheBehavior__CachePolicyId": ""}),
        ("InvalidArgument", {"DefaultCacheBehavior__MinTTL": 0}),
        ("InvalidArgument", {"DefaultCacheBehavior__AllowedMethods": listed("GET", "POST")}),
        ("InconsistentQuantities", {"Aliases": {"Quantity": 2, "Items": ["a.example.com"]}}),
        ("InvalidOriginReadTimeout", {"origin__CustomOriginConfig__OriginReadTimeout": 121}),
        ("InvalidOriginAccessControl", {"origin__OriginAccessControlId": "E0"}),
        ("InvalidWebACLId", {"WebACLId": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"}),
        ("InvalidViewerCertificate", {"Aliases": listed("a.example.com")}),
    ],
)
def test_what_is_refused(cloudfront, refused, code, changes):
    refused(code, cloudfront.create_distribution, DistributionConfig=broken(**changes))
    assert "Items" not in cloudfront.list_distributions()["DistributionList"]


def test_a_web_acl_is_a_global_one_that_stands(client, make):
    settings = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}
    acl = {"Name": "a", "Scope": "CLOUDFRONT", "DefaultAction": {"Allow": {}}, "VisibilityConfig": settings}
    arn = client("wafv2").create_web_acl(**acl)["Summary"]["ARN"]
    assert make(WebACLId=arn)["Distribution"]["DistributionConfig"]["WebACLId"] == arn


def test_policies(cloudfront, make, refused):
    made = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=headers(Comment="c"))
    identifier = made["ResponseHeadersPolicy"]["Id"]
    found = cloudfront.get_response_headers_policy(Id=identifier)
    assert found["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"] == headers(Comment="c")
    refused("ResponseHeadersPolicyAlreadyExists", cloudfront.create_response_headers_policy, ResponseHeadersPolicyConfig=headers())
    refused(
        "InvalidArgument", cloudfront.create_response_headers_policy, ResponseHeadersPolicyConfig={"Name": "empty", "Comment": ""}
    )
    change = {"Id": identifier, "ResponseHeadersPolicyConfig": headers(Comment="d")}
    answer = cloudfront.update_response_headers_policy(IfMatch=found["ETag"], **change)
    refused("PreconditionFailed", cloudfront.update_response_headers_policy, IfMatch=found["ETag"], **change)
    config = cloudfront.get_response_headers_policy_config(Id=identifier)
    assert config["ResponseHeadersPolicyConfig"]["Comment"] == "d"
    assert config["ETag"] == answer["ETag"]
    behavior = {**configuration()["DefaultCacheBehavior"], "ResponseHeadersPolicyId": identifier}
    used = make(DefaultCacheBehavior=behavior)
    gone = {"Id": identifier, "IfMatch": answer["ETag"]}
    refused("ResponseHeadersPolicyInUse", cloudfront.delete_response_headers_policy, **gone)
    config = copy.deepcopy(used["Distribution"]["DistributionConfig"])
    config["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] = SECURITY
    cloudfront.update_distribution(Id=used["Distribution"]["Id"], IfMatch=used["ETag"], DistributionConfig=config)
    cloudfront.delete_response_headers_policy(**gone)
    refused("NoSuchResponseHeadersPolicy", cloudfront.get_response_headers_policy, Id=identifier)


def test_managed_policies(cloudfront, refused):
    def names(listing, key, **arguments):
        (answer,) = (value for name, value in listing(**arguments).items() if name.endswith("List"))
        return {item[key][f"{key}Config"]["Name"]: item[key]["Id"] for item in answer.get("Items", ())}

    cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=headers("own"))
    found = names(cloudfront.list_response_headers_policies, "ResponseHeadersPolicy", Type="managed")
    assert found["Managed-SecurityHeadersPolicy"] == SECURITY
    assert "own" not in found
    assert list(names(cloudfront.list_response_headers_policies, "ResponseHeadersPolicy", Type="custom")) == ["own"]
    assert names(cloudfront.list_cache_policies, "CachePolicy")["Managed-CachingDisabled"] == DISABLED
    assert names(cloudfront.list_origin_request_policies, "OriginRequestPolicy")["Managed-AllViewer"] == ALL_VIEWER
    refused("IllegalDelete", cloudfront.delete_cache_policy, Id=DISABLED, IfMatch="E23ZP02F085DFQ")
    disabled = cloudfront.get_cache_policy(Id=DISABLED)["CachePolicy"]["CachePolicyConfig"]
    assert (disabled["MinTTL"], disabled["DefaultTTL"], disabled["MaxTTL"]) == (0, 0, 0)
    pages = [cloudfront.list_cache_policies(MaxItems="3")["CachePolicyList"]]
    while "NextMarker" in pages[-1]:
        pages.append(cloudfront.list_cache_policies(MaxItems="3", Marker=pages[-1]["NextMarker"])["CachePolicyList"])
    assert [page["Quantity"] for page in pages] == [3, 3, 1]


def test_state_is_carried_through_a_snapshot(aws, cloudfront, make):
    aws.settings.transitions["distribution"] = 20
    policy = cloudfront.create_response_headers_policy(ResponseHeadersPolicyConfig=headers())
    made = make(tags=[{"Key": "a", "Value": "b"}])
    copy_of_state = aws.snapshot()
    cloudfront.delete_response_headers_policy(Id=policy["ResponseHeadersPolicy"]["Id"], IfMatch=policy["ETag"])
    aws.reset()
    assert "Items" not in cloudfront.list_distributions()["DistributionList"]
    aws.restore(copy_of_state)
    assert cloudfront.get_distribution(Id=made["Distribution"]["Id"])["Distribution"] == made["Distribution"]
    assert cloudfront.get_response_headers_policy(Id=policy["ResponseHeadersPolicy"]["Id"])["ETag"] == policy["ETag"]
    assert cloudfront.list_tags_for_resource(Resource=made["Distribution"]["ARN"])["Tags"]["Items"]
