"""What the diagrams and the issue say about the edge, read back with plain boto3. prod has a domain, dev goes without."""

from __future__ import annotations

import json

import pytest

EXPOSED = "X-Origin-Verify"
PUBLIC = {"dev": "10.10", "prod": "10.0"}
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
prod = pytest.mark.parametrize("scratch", ["prod"], indirect=True)


def domain(platform):
    return f"{platform.region}.example.com" if platform.is_prod else None


def balancer(platform):
    (found,) = platform.client("elbv2").describe_load_balancers(Names=[f"{platform.environment}-platform"])["LoadBalancers"]
    return found


def attributes(platform):
    arn = balancer(platform)["LoadBalancerArn"]
    answer = platform.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)
    return {item["Key"]: item["Value"] for item in answer["Attributes"]}


def listener(platform):
    elb = platform.client("elbv2")
    (found,) = elb.describe_listeners(LoadBalancerArn=balancer(platform)["LoadBalancerArn"])["Listeners"]
    return found


def group(platform):
    (found,) = platform.client("elbv2").describe_target_groups(Names=[f"{platform.environment}-ingress"])["TargetGroups"]
    return found


def distribution(platform):
    cloudfront = platform.client("cloudfront")
    items = cloudfront.list_distributions()["DistributionList"]["Items"]
    (found,) = [item for item in items if item["Comment"].startswith(f"{platform.deployment}:")]
    return cloudfront.get_distribution(Id=found["Id"])["Distribution"]


def config(platform):
    return distribution(platform)["DistributionConfig"]


def origin(platform):
    (found,) = config(platform)["Origins"]["Items"]
    return found


def secret(platform):
    answer = platform.client("secretsmanager").get_secret_value(SecretId=f"{platform.environment}/cloudfront-origin")
    return answer["SecretString"]


def records(platform):
    """(name, type) -> record of the domain's zone."""
    route53 = platform.client("route53")
    (zone,) = [item for item in route53.list_hosted_zones()["HostedZones"] if item["Name"] == f"{domain(platform)}."]
    found = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {(record["Name"], record["Type"]): record for record in found}


def certificate(platform, arn):
    region = arn.split(":")[3]
    return region, platform.client("acm", region).describe_certificate(CertificateArn=arn)["Certificate"]


def log_bucket(platform):
    return f"agent-{platform.environment}-{platform.account_id}-{platform.region}-access-logs"


# The load balancer


def test_load_balancer_faces_the_internet_in_the_public_subnets_of_three_zones(platform):
    found = balancer(platform)
    assert (found["Scheme"], found["Type"], found["State"]["Code"]) == ("internet-facing", "application", "active")
    subnets = platform.client("ec2").describe_subnets(SubnetIds=[zone["SubnetId"] for zone in found["AvailabilityZones"]])[
        "Subnets"
    ]
    names = {tag["Value"] for subnet in subnets for tag in subnet["Tags"] if tag["Key"] == "Name"}
    assert names == {f"{platform.environment}-public-us-east-1{letter}" for letter in "abc"}


def test_load_balancer_is_in_its_security_group_alone(platform):
    (found,) = platform.client("ec2").describe_security_groups(GroupIds=balancer(platform)["SecurityGroups"])["SecurityGroups"]
    assert found["GroupName"] == f"{platform.environment}-alb"


def test_load_balancer_is_protected_from_deletion_in_prod(platform):
    assert attributes(platform)["deletion_protection.enabled"] == ("true" if platform.is_prod else "false")


def test_load_balancer_drops_what_could_be_misread(platform):
    found = attributes(platform)
    assert found["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert found["routing.http.desync_mitigation_mode"] == "strictest"


def test_load_balancer_speaks_http_2_and_waits_for_streamed_answers(platform):
    found = attributes(platform)
    assert found["routing.http2.enabled"] == "true"
    assert int(found["idle_timeout.timeout_seconds"]) == 120
    assert int(found["idle_timeout.timeout_seconds"]) > origin(platform)["CustomOriginConfig"]["OriginReadTimeout"]


def test_load_balancer_logs_accesses_into_the_bucket_for_that(platform):
    found = attributes(platform)
    assert found["access_logs.s3.enabled"] == "true"
    assert (found["access_logs.s3.bucket"], found["access_logs.s3.prefix"]) == (log_bucket(platform), "alb")


def test_listener_speaks_modern_tls_where_there_is_a_domain(platform):
    found = listener(platform)
    if platform.is_prod:
        assert (found["Port"], found["Protocol"]) == (443, "HTTPS")
        assert found["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    else:
        assert (found["Port"], found["Protocol"]) == (80, "HTTP")


def test_listener_refuses_what_no_rule_takes(platform):
    (action,) = listener(platform)["DefaultActions"]
    assert (action["Type"], action["FixedResponseConfig"]["StatusCode"]) == ("fixed-response", "403")


def test_only_what_carries_the_secret_is_passed_on_to_the_ingress(platform):
    rules = platform.client("elbv2").describe_rules(ListenerArn=listener(platform)["ListenerArn"])["Rules"]
    (rule,) = [item for item in rules if not item["IsDefault"]]
    (condition,) = rule["Conditions"]
    assert condition["HttpHeaderConfig"] == {"HttpHeaderName": EXPOSED, "Values": [secret(platform)]}
    (action,) = rule["Actions"]
    assert (action["Type"], action["TargetGroupArn"]) == ("forward", group(platform)["TargetGroupArn"])


def test_target_group_takes_addresses_of_pods(platform):
    found = group(platform)
    assert (found["TargetType"], found["Protocol"], found["Port"]) == ("ip", "HTTP", 8080)
    assert (found["HealthCheckPath"], found["HealthCheckPort"]) == ("/healthz", "traffic-port")


def test_secret_is_long_random_and_on_the_secrets_key(platform):
    described = platform.client("secretsmanager").describe_secret(SecretId=f"{platform.environment}/cloudfront-origin")
    alias = f"alias/{platform.environment}/{'secrets' if platform.is_prod else 'shared'}"
    key = platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    assert described["KmsKeyId"] in (key, key.rsplit("/", 1)[1])
    assert len(secret(platform)) >= 32 and secret(platform).isalnum()


def test_secret_is_in_no_result(platform):
    assert secret(platform) not in json.dumps([platform.first, platform.second])


# Names and certificates


def test_the_two_certificates_are_issued_where_they_are_used(platform):
    viewer = config(platform)["ViewerCertificate"]
    if not platform.is_prod:
        assert viewer["CloudFrontDefaultCertificate"] is True
        assert listener(platform).get("Certificates") in (None, [])
        return
    region, found = certificate(platform, viewer["ACMCertificateArn"])
    assert (region, found["DomainName"], found["Status"]) == ("us-east-1", domain(platform), "ISSUED")
    region, found = certificate(platform, listener(platform)["Certificates"][0]["CertificateArn"])
    assert (region, found["DomainName"], found["Status"]) == (platform.region, origin(platform)["DomainName"], "ISSUED")


def test_records_point_to_the_distribution_and_the_load_balancer(platform):
    if not platform.is_prod:
        assert platform.client("route53").list_hosted_zones()["HostedZones"] == []
        return
    found, name = records(platform), domain(platform)
    for kind in ("A", "AAAA"):
        target = found[(f"{name}.", kind)]["AliasTarget"]
        assert target["DNSName"].rstrip(".") == distribution(platform)["DomainName"]
        assert target["HostedZoneId"] == "Z2FDTNDATAQYW2"
    target = found[(f"origin.{name}.", "A")]["AliasTarget"]
    assert target["DNSName"].rstrip(".").removeprefix("dualstack.") == balancer(platform)["DNSName"].lower()
    proofs = [record for (_name, kind), record in found.items() if kind == "CNAME"]
    assert len(proofs) == 2
    assert all(record["ResourceRecords"][0]["Value"].rstrip(".").endswith(".acm-validations.aws") for record in proofs)


# The distribution


def test_distribution_stands_behind_the_web_acl(platform):
    acls = platform.client("wafv2", "us-east-1").list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    (acl,) = [item for item in acls if item["Name"] == f"{platform.deployment}-edge"]
    assert config(platform)["WebACLId"] == acl["ARN"]


def test_distribution_is_deployed_enabled_and_answers_for_the_domain(platform):
    assert distribution(platform)["Status"] == "Deployed"
    assert config(platform)["Enabled"] is True
    assert config(platform)["Aliases"].get("Items", []) == ([domain(platform)] if platform.is_prod else [])


def test_http_becomes_https(platform):
    assert config(platform)["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


def test_viewers_speak_tls_1_2_and_newer_under_the_domain(platform):
    if platform.is_prod:
        viewer = config(platform)["ViewerCertificate"]
        assert (viewer["MinimumProtocolVersion"], viewer["SSLSupportMethod"]) == ("TLSv1.2_2021", "sni-only")


def test_origin_is_asked_over_tls_under_a_name_in_its_certificate_where_there_is_a_domain(platform):
    found = origin(platform)
    custom = found["CustomOriginConfig"]
    if platform.is_prod:
        assert custom["OriginProtocolPolicy"] == "https-only"
        assert custom["OriginSslProtocols"]["Items"] == ["TLSv1.2"]
        assert found["DomainName"] == f"origin.{domain(platform)}"
    else:
        assert custom["OriginProtocolPolicy"] == "http-only"
        assert found["DomainName"] == balancer(platform)["DNSName"]


def test_origin_gets_the_secret(platform):
    (header,) = origin(platform)["CustomHeaders"]["Items"]
    assert header == {"HeaderName": EXPOSED, "HeaderValue": secret(platform)}


def test_streamed_answers_may_pause_for_a_minute(platform):
    assert origin(platform)["CustomOriginConfig"]["OriginReadTimeout"] == 60


def test_distribution_speaks_http_2_and_3_and_ipv6(platform):
    assert config(platform)["HttpVersion"] == "http2and3"
    assert config(platform)["IsIPV6Enabled"] is True


def test_nothing_is_cached_and_every_method_and_header_is_passed_on(platform):
    behavior = config(platform)["DefaultCacheBehavior"]
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert set(behavior["AllowedMethods"]["Items"]) == {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
    assert behavior["Compress"] is True


def test_no_other_behavior_error_page_or_root_object(platform):
    found = config(platform)
    assert found["CacheBehaviors"]["Quantity"] == found["CustomErrorResponses"]["Quantity"] == 0
    assert found.get("DefaultRootObject", "") == ""
    assert found["Restrictions"]["GeoRestriction"]["RestrictionType"] == "none"


def test_price_class_is_the_variables(platform):
    assert config(platform)["PriceClass"] == "PriceClass_100"


def test_answers_carry_security_headers(platform):
    policy = config(platform)["DefaultCacheBehavior"]["ResponseHeadersPolicyId"]
    answer = platform.client("cloudfront").get_response_headers_policy(Id=policy)
    found = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    assert found["Name"] == f"{platform.deployment}-security"
    security = found["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 31536000
    assert security["ContentTypeOptions"]["Override"] is True
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert "default-src 'none'" in security["ContentSecurityPolicy"]["ContentSecurityPolicy"]


def test_distribution_logs_accesses_into_the_bucket_for_that(platform):
    logs = platform.client("logs", "us-east-1")
    (source,) = [
        item
        for item in logs.describe_delivery_sources()["deliverySources"]
        if distribution(platform)["ARN"] in item["resourceArns"]
    ]
    assert source["logType"] == "ACCESS_LOGS"
    (delivery,) = [item for item in logs.describe_deliveries()["deliveries"] if item["deliverySourceName"] == source["name"]]
    destinations = logs.describe_delivery_destinations()["deliveryDestinations"]
    (destination,) = [item for item in destinations if item["arn"] == delivery["deliveryDestinationArn"]]
    target = destination["deliveryDestinationConfiguration"]["destinationResourceArn"]
    assert target == f"arn:aws:s3:::{log_bucket(platform)}/cloudfront"


def test_edge_carries_the_ownership_tags(platform):
    answer = platform.client("cloudfront").list_tags_for_resource(Resource=distribution(platform)["ARN"])
    found = {tag["Key"]: tag["Value"] for tag in answer["Tags"]["Items"]}
    assert found["agent-platform:deployment"] == platform.deployment
    assert found["agent-platform:address"] == "distribution/main"
    (described,) = platform.client("elbv2").describe_tags(ResourceArns=[balancer(platform)["LoadBalancerArn"]])["TagDescriptions"]
    assert {"Key": "agent-platform:address", "Value": "load_balancer/main"} in described["Tags"]


# What changes


@both
def test_what_others_change_is_put_back(scratch):
    elb = scratch.client("elbv2")
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer(scratch)["LoadBalancerArn"],
        Attributes=[{"Key": "access_logs.s3.enabled", "Value": "false"}, {"Key": "idle_timeout.timeout_seconds", "Value": "30"}],
    )
    open_to_all = [{"Type": "forward", "TargetGroupArn": group(scratch)["TargetGroupArn"]}]
    elb.modify_listener(ListenerArn=listener(scratch)["ListenerArn"], DefaultActions=open_to_all)
    cloudfront = scratch.client("cloudfront")
    answer = cloudfront.get_distribution_config(Id=distribution(scratch)["Id"])
    changed = {**answer["DistributionConfig"], "WebACLId": ""}
    cloudfront.update_distribution(Id=distribution(scratch)["Id"], IfMatch=answer["ETag"], DistributionConfig=changed)
    result = scratch.results("playbooks/cloudfront.yml")["cloudfront"]
    assert {(item["address"], change["field"]) for item in result["plan"] for change in item["fields"]} == {
        ("load_balancer/main", "access_logs"),
        ("load_balancer/main", "idle_timeout_seconds"),
        ("listener/main", "refuses_with"),
        ("distribution/main", "web_acl"),
    }
    assert listener(scratch)["DefaultActions"][0]["Type"] == "fixed-response"
    assert config(scratch)["WebACLId"]


@prod
def test_tls_settings_are_changed_in_place(scratch):
    before = distribution(scratch)["Id"]
    newer = ("-e", "cloudfront_listener_tls_policy=ELBSecurityPolicy-TLS13-1-3-2021-06", "-e", "cloudfront_viewer_tls=TLSv1.3_2025")
    scratch.results("playbooks/cloudfront.yml", *newer)
    assert listener(scratch)["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    assert config(scratch)["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.3_2025"
    assert distribution(scratch)["Id"] == before
