"""CloudFront, the load balancer behind it, and their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .scene import REFUSED, NoTarget, Scene, Touch, changed, missing, mutation

PROD = "prod"  # only there is a domain


def balancer(at: Scene, what: str, **values: str) -> Touch:
    address, item = at.pick("load_balancer")
    attributes = [{"Key": name.replace("__", "."), "Value": value} for name, value in values.items()]
    at.client("elbv2").modify_load_balancer_attributes(LoadBalancerArn=item["arn"], Attributes=attributes)
    return changed(address, what)


@mutation("cloudfront")
def balancer_idle_timeout(at: Scene) -> Touch:
    return balancer(at, "another idle timeout", idle_timeout__timeout_seconds=str(at.rng.randint(200, 900)))


@mutation("cloudfront")
def balancer_takes_invalid_headers(at: Scene) -> Touch:
    return balancer(at, "takes invalid headers", routing__http__drop_invalid_header_fields__enabled="false")


@mutation("cloudfront")
def balancer_log_off(at: Scene) -> Touch:
    return balancer(at, "no access log", access_logs__s3__enabled="false")


@mutation("cloudfront")
def balancer_deletion_protection(at: Scene) -> Touch:
    name = "deletion_protection.enabled"
    arn = at.pick("load_balancer")[1]["arn"]
    listed = at.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    on = {one["Key"]: one["Value"] for one in listed}[name] == "true"
    return balancer(at, "deletion protection turned", deletion_protection__enabled=str(not on).lower())


@mutation("cloudfront")
def balancer_another_group(at: Scene) -> Touch:
    address, item = at.pick("load_balancer")
    groups = [at.id("security_group/alb"), at.id(at.one(["security_group/workers", "security_group/endpoints"]))]
    at.client("elbv2").set_security_groups(LoadBalancerArn=item["arn"], SecurityGroups=groups)
    return changed(address, "another security group on it")


@mutation("cloudfront", ripples=True)
def balancer_deleted(at: Scene) -> Touch:
    """With its listener and that one's rules."""
    address, item = at.pick("load_balancer")
    elb = at.client("elbv2")
    unprotected = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=item["arn"], Attributes=unprotected)
    elb.delete_load_balancer(LoadBalancerArn=item["arn"])
    return missing(address, "deleted", "listener/main", "listener_rule/from-cloudfront")


@mutation("cloudfront")
def listener_refuses_otherwise(at: Scene) -> Touch:
    address, item = at.pick("listener")
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain"}}
    at.client("elbv2").modify_listener(ListenerArn=item["arn"], DefaultActions=[action])
    return changed(address, "lets everyone in")


@mutation("cloudfront", only=PROD)
def listener_weak_tls(at: Scene) -> Touch:
    address, item = at.pick("listener")
    at.client("elbv2").modify_listener(ListenerArn=item["arn"], SslPolicy="ELBSecurityPolicy-2016-08")
    return changed(address, "weak TLS")


@mutation("cloudfront")
def listener_deleted(at: Scene) -> Touch:
    address, item = at.pick("listener")
    at.client("elbv2").delete_listener(ListenerArn=item["arn"])
    return missing(address, "deleted, with its rule", "listener_rule/from-cloudfront")


@mutation("cloudfront")
def rule_deleted(at: Scene) -> Touch:
    address, item = at.pick("listener_rule")
    at.client("elbv2").delete_rule(RuleArn=item["arn"])
    return missing(address)


@mutation("cloudfront")
def rule_priority(at: Scene) -> Touch:
    address, item = at.pick("listener_rule")
    at.client("elbv2").set_rule_priorities(RulePriorities=[{"RuleArn": item["arn"], "Priority": at.rng.randint(100, 900)}])
    return changed(address, "another priority")


@mutation("cloudfront")
def rule_takes_another_value(at: Scene) -> Touch:
    address, item = at.pick("listener_rule")
    elb = at.client("elbv2")
    condition = elb.describe_rules(RuleArns=[item["arn"]])["Rules"][0]["Conditions"][0]
    header = condition["HttpHeaderConfig"]["HttpHeaderName"]
    changed_to = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": header, "Values": ["open"]}}
    elb.modify_rule(RuleArn=item["arn"], Conditions=[changed_to])
    return changed(address, "takes another value")


@mutation("cloudfront")
def target_health_check(at: Scene) -> Touch:
    address, item = at.pick("target_group")
    at.client("elbv2").modify_target_group(TargetGroupArn=item["arn"], HealthCheckIntervalSeconds=at.rng.randint(50, 200))
    return changed(address, "another health check")


@mutation("cloudfront")
def target_drains_longer(at: Scene) -> Touch:
    address, item = at.pick("target_group")
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(at.rng.randint(1000, 3000))}]
    at.client("elbv2").modify_target_group_attributes(TargetGroupArn=item["arn"], Attributes=attributes)
    return changed(address, "drains longer")


def distribution(at: Scene, what: str, edit: Callable[[dict[str, Any]], Any]) -> Touch:
    address, item = at.pick("distribution")
    client = at.client("cloudfront")
    answer = client.get_distribution_config(Id=item["id"])
    edit(answer["DistributionConfig"])
    client.update_distribution(Id=item["id"], IfMatch=answer["ETag"], DistributionConfig=answer["DistributionConfig"])
    return changed(address, what)


@mutation("cloudfront")
def distribution_off(at: Scene) -> Touch:
    return distribution(at, "off", lambda config: config.update(Enabled=False))


@mutation("cloudfront")
def distribution_price_class(at: Scene) -> Touch:
    def edit(config: dict[str, Any]) -> None:
        config["PriceClass"] = at.one([one for one in ("PriceClass_100", "PriceClass_200") if one != config["PriceClass"]])

    return distribution(at, "another price class", edit)


@mutation("cloudfront")
def distribution_comment(at: Scene) -> Touch:
    return distribution(at, "another comment", lambda config: config.update(Comment=at.word()))


@mutation("cloudfront")
def distribution_without_web_acl(at: Scene) -> Touch:
    return distribution(at, "no web ACL", lambda config: config.update(WebACLId=""))


@mutation("cloudfront")
def distribution_plain_http(at: Scene) -> Touch:
    return distribution(at, "plain HTTP", lambda config: config["DefaultCacheBehavior"].update(ViewerProtocolPolicy="allow-all"))


@mutation("cloudfront")
def distribution_caches(at: Scene) -> Touch:
    optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    return distribution(at, "caches", lambda config: config["DefaultCacheBehavior"].update(CachePolicyId=optimized))


@mutation("cloudfront")
def distribution_closed_to_a_country(at: Scene) -> Touch:
    closed = {"GeoRestriction": {"RestrictionType": "blacklist", "Quantity": 1, "Items": ["AQ"]}}
    return distribution(at, "closed to a country", lambda config: config.update(Restrictions=closed))


@mutation("cloudfront")
def distribution_origin_timeout(at: Scene) -> Touch:
    def edit(config: dict[str, Any]) -> None:
        config["Origins"]["Items"][0]["CustomOriginConfig"]["OriginReadTimeout"] = 17

    return distribution(at, "another timeout of the origin", edit)


@mutation("cloudfront")
def distribution_sends_another_value(at: Scene) -> Touch:
    def edit(config: dict[str, Any]) -> None:
        config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"] = at.word()

    return distribution(at, "sends another value to the origin", edit)


def headers(at: Scene, what: str, edit: Callable[[dict[str, Any]], Any]) -> Touch:
    address, item = at.pick("response_headers_policy")
    client = at.client("cloudfront")
    answer = client.get_response_headers_policy(Id=item["id"])
    config = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    edit(config)
    client.update_response_headers_policy(Id=item["id"], IfMatch=answer["ETag"], ResponseHeadersPolicyConfig=config)
    return changed(address, what)


@mutation("cloudfront")
def headers_comment(at: Scene) -> Touch:
    return headers(at, "another comment", lambda config: config.update(Comment=at.word()))


@mutation("cloudfront")
def headers_fewer(at: Scene) -> Touch:
    return headers(
        at, "a header less", lambda config: config["SecurityHeadersConfig"].pop(at.one(sorted(config["SecurityHeadersConfig"])))
    )


@mutation("cloudfront")
def delivery_removed(at: Scene) -> Touch:
    address, item = at.pick("delivery")
    at.client("logs").delete_delivery(id=item["id"])
    return missing(address)


@mutation("cloudfront")
def delivery_source_removed(at: Scene) -> Touch:
    """With the delivery that stands in the way."""
    address, item = at.pick("delivery_source", "delivery_destination")
    logs = at.client("logs")
    logs.delete_delivery(id=at.id("delivery/cloudfront"))
    if address.startswith("delivery_source/"):
        logs.delete_delivery_source(name=item["id"])
    else:
        logs.delete_delivery_destination(name=item["id"])
    return missing(address, "deleted, and the delivery", "delivery/cloudfront")


@mutation("cloudfront")
def delivery_path(at: Scene) -> Touch:
    address, item = at.pick("delivery")
    at.client("logs").update_delivery_configuration(id=item["id"], s3DeliveryConfiguration={"suffixPath": f"{at.word()}/{{yyyy}}"})
    return changed(address, "another path")


def record(at: Scene, address: str) -> tuple[str, dict[str, Any]]:
    """The id of the zone and the record itself."""
    zone, rest = at.id(address).split("/", 1)
    name, kind = rest.rsplit("/", 1)
    listed = at.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    found = [one for one in listed if one["Name"].rstrip(".") == name.rstrip(".") and one["Type"] == kind]
    if not found:
        raise NoTarget(f"no record {name}")
    return zone, found[0]


def change_record(at: Scene, action: str, zone: str, item: dict[str, Any]) -> None:
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": item}]}
    at.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


@mutation("cloudfront", only=PROD)
def record_removed(at: Scene) -> Touch:
    address, _item = at.pick("dns_record")
    change_record(at, "DELETE", *record(at, address))
    return missing(address)


@mutation("cloudfront", only=PROD)
def record_to_an_address(at: Scene) -> Touch:
    """A name of ours that points to somebody else's machine: no run takes that over by itself."""
    address, _item = at.pick("dns_record")
    zone, item = record(at, address)
    value = "198.51.100.7" if item["Type"] == "A" else "2001:db8::7"
    change_record(
        at, "UPSERT", zone, {"Name": item["Name"], "Type": item["Type"], "TTL": 60, "ResourceRecords": [{"Value": value}]}
    )
    return Touch(f"{address}: points to {value}", {address: REFUSED})


@mutation("cloudfront", only=PROD)
def name_given_to_a_stranger(at: Scene) -> Touch:
    """A CNAME stands beside no other record, so none of ours can be made."""
    address, _item = at.pick("dns_record", where=lambda name: name.startswith("origin."))
    zone, item = record(at, address)
    ours = [(one, record(at, one)[1]) for one, _item in at.all("dns_record")]
    ours = [(one, found) for one, found in ours if found["Name"] == item["Name"]]
    for _address, found in ours:
        change_record(at, "DELETE", zone, found)
    theirs = {"Name": item["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "elsewhere.example.net"}]}
    change_record(at, "CREATE", zone, theirs)
    return Touch(f"{item['Name']}: an alias of elsewhere", {one: REFUSED for one, _found in ours})


@mutation("cloudfront", only=PROD)
def record_to_the_other_front(at: Scene) -> Touch:
    address, _item = at.pick("dns_record", where=lambda name: name.endswith("-A") and not name.startswith("origin."))
    other = next(one for one, _item in at.all("dns_record") if one.endswith("-A") and one != address)
    zone, item = record(at, address)
    _zone, another = record(at, other)
    change_record(at, "UPSERT", zone, {**item, "AliasTarget": another["AliasTarget"]})
    return changed(address, f"points to where {other} does")


@mutation("cloudfront", only=PROD)
def validation_removed(at: Scene) -> Touch:
    address, item = at.pick("certificate_validation")
    acm = at.client("acm")
    certificate = acm.describe_certificate(CertificateArn=item["certificate"])["Certificate"]
    wanted = certificate["DomainValidationOptions"][0]["ResourceRecord"]
    zone = at.id(at.all("hosted_zone")[0][0])
    listed = at.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    found = [one for one in listed if one["Type"] == wanted["Type"] and one["Name"].rstrip(".") == wanted["Name"].rstrip(".")]
    change_record(at, "DELETE", zone, at.one(found))
    return missing(address)


@mutation("cloudfront", only=PROD)
def zone_comment(at: Scene) -> Touch:
    address, item = at.pick("hosted_zone")
    at.client("route53").update_hosted_zone_comment(Id=item["id"], Comment=at.word())
    return changed(address, "another comment")
