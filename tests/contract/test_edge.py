"""What is particular to the edge: a secret that changes without cutting anything off, domains that come and go, replacements."""

from __future__ import annotations

import json

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import vpc_lookups
from support import tiers

SECRET = "prod/cloudfront-origin"
DOMAIN = "agents.example.com"
DISTRIBUTION, RULE, GROUP, LISTENER = "distribution/main", "listener_rule/from-cloudfront", "target_group/ingress", "listener/main"
NOWHERE = {"domain": "", "manage_zone": False, "require_domain": False}


@pytest.fixture
def whole(prepare):
    prepared = prepare("cloudfront")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def cloudfront(whole):
    return boto3.client("cloudfront")


@pytest.fixture
def elb(whole):
    return boto3.client("elbv2", region_name="us-east-1")


@pytest.fixture
def route53(whole):
    return boto3.client("route53")


def run(whole, **override):
    return tiers.run(whole.tier, {**whole.parameters, **override})


def failed(whole, **override):
    result = tiers.attempt(whole.tier, {**whole.parameters, **override})
    assert result.get("failed")
    return result["msg"]


def config(cloudfront):
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    return cloudfront.get_distribution_config(Id=item["Id"])["DistributionConfig"]


def sent(cloudfront):
    (origin,) = config(cloudfront)["Origins"]["Items"]
    (header,) = origin["CustomHeaders"]["Items"]
    return header["HeaderName"], header["HeaderValue"]


def balancer(elb):
    (found,) = elb.describe_load_balancers()["LoadBalancers"]
    return found


def listener(elb):
    (found,) = elb.describe_listeners(LoadBalancerArn=balancer(elb)["LoadBalancerArn"])["Listeners"]
    return found


def accepted(elb):
    rules = elb.describe_rules(ListenerArn=listener(elb)["ListenerArn"])["Rules"]
    (rule,) = [item for item in rules if not item["IsDefault"]]
    (condition,) = rule["Conditions"]
    return condition["HttpHeaderConfig"]["HttpHeaderName"], condition["HttpHeaderConfig"]["Values"]


def secret():
    return boto3.client("secretsmanager", region_name="us-east-1").get_secret_value(SecretId=SECRET)["SecretString"]


def zone(route53):
    (found,) = [item for item in route53.list_hosted_zones()["HostedZones"] if item["Name"] == DOMAIN + "."]
    return found["Id"].rsplit("/", 1)[1]


def write(route53, action, record):
    change = {"Action": action, "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=zone(route53), ChangeBatch={"Changes": [change]})


# The secret header


def test_the_load_balancer_takes_what_cloudfront_sends(whole, cloudfront, elb):
    assert sent(cloudfront) == ("X-Origin-Verify", secret())
    assert accepted(elb) == ("X-Origin-Verify", [secret()])


def test_another_marker_makes_another_value_and_cuts_nothing_off(whole, cloudfront, elb):
    old = secret()
    planned = tiers.run(whole.tier, {**whole.parameters, "origin_secret_rotation": "second"}, check_mode=True)
    assert whole.aws.writes() == []
    result = run(whole, origin_secret_rotation="second")
    assert tiers.changes(result) == tiers.changes(planned)
    assert tiers.changes(result) == {
        ("origin_secret/cloudfront-origin", "update", "rotation"),
        (RULE, "update", "accepts"),
        (DISTRIBUTION, "update", "sends"),
    }
    assert [call.operation for call in whole.aws.writes()] == ["PutSecretValue", "ModifyRule", "UpdateDistribution"]
    assert secret() != old
    assert sent(cloudfront)[1] == secret()
    assert accepted(elb)[1] == [secret(), old]
    assert run(whole, origin_secret_rotation="second")["plan"] == []


@pytest.mark.parametrize("killed", [1, 2])
def test_a_change_of_the_secret_that_is_cut_off_goes_on(whole, cloudfront, elb, killed):
    for operation in ("ModifyRule", "UpdateDistribution")[killed - 1 :]:
        whole.aws.settings.fault(operation=operation, code="AccessDenied", status=403)
    assert "AccessDenied" in failed(whole, origin_secret_rotation="second")
    assert sent(cloudfront)[1] in accepted(elb)[1]
    whole.aws.settings.clear()
    run(whole, origin_secret_rotation="second")
    assert sent(cloudfront)[1] == secret()
    assert secret() in accepted(elb)[1]
    assert run(whole, origin_secret_rotation="second")["plan"] == []


def test_a_value_set_by_hand_is_taken_up(whole, cloudfront, elb):
    by_hand = {"origin_secret_rotation": None}
    assert run(whole, **by_hand)["plan"] == []
    boto3.client("secretsmanager", region_name="us-east-1").put_secret_value(SecretId=SECRET, SecretString="by-hand")
    assert tiers.changes(run(whole, **by_hand)) == {(RULE, "update", "accepts"), (DISTRIBUTION, "update", "sends")}
    assert sent(cloudfront)[1] == "by-hand"
    assert len(accepted(elb)[1]) == 2
    assert run(whole, **by_hand)["plan"] == []


def test_a_value_that_others_let_in_is_taken_out(whole, elb):
    rules = elb.describe_rules(ListenerArn=listener(elb)["ListenerArn"])["Rules"]
    (rule,) = [item for item in rules if not item["IsDefault"]]
    opened = {"HttpHeaderName": "X-Origin-Verify", "Values": [secret(), "open sesame"]}
    elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=[{"Field": "http-header", "HttpHeaderConfig": opened}])
    assert tiers.changes(run(whole)) == {(RULE, "update", "accepts")}
    assert accepted(elb)[1] == [secret()]


def test_the_value_is_in_no_result(whole):
    value = secret()
    shown = [whole.created, run(whole), run(whole, origin_header="X-Other"), run(whole, origin_secret_rotation="second")]
    assert not {value, secret()} & set(json.dumps(shown).split('"'))
    assert value not in json.dumps(shown) and secret() not in json.dumps(shown)


# Domains


def test_a_domain_can_be_given_up_and_taken_again(whole, cloudfront, elb):
    result = run(whole, **NOWHERE)
    assert {(LISTENER, "update", "port"), (LISTENER, "update", "protocol"), (DISTRIBUTION, "update", "aliases")} < tiers.changes(
        result
    )
    assert (listener(elb)["Port"], listener(elb)["Protocol"]) == (80, "HTTP")
    standing = config(cloudfront)
    assert standing["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
    assert standing["Origins"]["Items"][0]["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    assert standing["Origins"]["Items"][0]["DomainName"] == balancer(elb)["DNSName"]
    assert result["unmanaged"] == [f"certificate/{DOMAIN}", f"certificate/origin.{DOMAIN}", f"hosted_zone/{DOMAIN}"]
    assert run(whole, **NOWHERE)["plan"] == []
    run(whole)
    assert listener(elb)["Protocol"] == "HTTPS"
    assert run(whole)["plan"] == []


def test_another_domain_gets_certificates_of_its_own(whole, cloudfront):
    other = "other.example.org"
    result = run(whole, domain=other)
    assert set(result["unmanaged"]) == {f"certificate/{DOMAIN}", f"certificate/origin.{DOMAIN}", f"hosted_zone/{DOMAIN}"}
    assert config(cloudfront)["Aliases"]["Items"] == [other]
    assert run(whole, domain=other)["plan"] == []
    everything = run(whole, domain=other, state="absent")
    assert f"certificate/{DOMAIN}" in tiers.addresses(everything)
    acm = boto3.client("acm", region_name="us-east-1")
    assert acm.list_certificates()["CertificateSummaryList"] == []


def test_a_zone_of_others_is_used_and_left(whole, route53):
    run(whole, state="absent")
    made = route53.create_hosted_zone(Name="example.com", CallerReference="theirs")["HostedZone"]["Id"].rsplit("/", 1)[1]
    theirs = {"manage_zone": False}
    result = run(whole, **theirs)
    assert not any(address.startswith("hosted_zone/") for address in tiers.addresses(result))
    assert run(whole, **theirs)["plan"] == []
    names = {(item["Name"], item["Type"]) for item in route53.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]}
    assert {(f"{DOMAIN}.", "A"), (f"{DOMAIN}.", "AAAA"), (f"origin.{DOMAIN}.", "A")} < names
    run(whole, **theirs, state="absent")
    left = {item["Type"] for item in route53.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]}
    assert left == {"NS", "SOA"}


@pytest.fixture
def theirs(whole, route53):
    """A zone of somebody else's that holds our domain and, with all of the tier, its records."""
    run(whole, state="absent")
    made = route53.create_hosted_zone(Name="example.com", CallerReference="theirs")["HostedZone"]["Id"].rsplit("/", 1)[1]
    run(whole, manage_zone=False)
    whole.aws.clear_requests()
    return made


def records(route53, zone_id):
    found = route53.list_resource_record_sets(HostedZoneId=zone_id)["ResourceRecordSets"]
    return {(item["Name"].rstrip("."), item["Type"]): item for item in found if item["Type"] not in ("NS", "SOA")}


def plant(whole, monkeypatch, zone_id, name, dns_name):
    """Let an alias point to what is not there (any more), which Route 53 takes of nobody."""
    from moto.route53.models import route53_backends

    (found,) = [
        item
        for item in route53_backends["123456789012"]["aws"].zones[zone_id].rrsets
        if (item.name, item.type) == (name + ".", "A")
    ]
    monkeypatch.setitem(found.alias_target, "DNSName", dns_name + ".")


def test_the_name_of_another_application_is_not_taken(whole, route53, elb, theirs):
    app = elb.create_load_balancer(
        Name="someone-elses-app", Subnets=[zone["SubnetId"] for zone in balancer(elb)["AvailabilityZones"]]
    )["LoadBalancers"][0]
    alias = {"HostedZoneId": app["CanonicalHostedZoneId"], "DNSName": app["DNSName"], "EvaluateTargetHealth": False}
    change = {"Action": "UPSERT", "ResourceRecordSet": {"Name": DOMAIN, "Type": "A", "AliasTarget": alias}}
    route53.change_resource_record_sets(HostedZoneId=theirs, ChangeBatch={"Changes": [change]})
    whole.aws.clear_requests()
    message = failed(whole, manage_zone=False)
    assert f"{DOMAIN} has a record of type A already, which points to {app['DNSName']}, which is no distribution or load" in message
    assert "delete it to hand the name over, or use another domain" in message
    assert whole.aws.writes() == []
    run(whole, manage_zone=False, state="absent")
    assert set(records(route53, theirs)) == {(DOMAIN, "A")}


@pytest.mark.parametrize(
    "dns_name", ["prod-platform-7.us-east-1.elb.amazonaws.com", "dualstack.prod-platform-7.us-east-1.elb.amazonaws.com"]
)
def test_a_record_of_our_load_balancer_that_is_gone_is_ours(whole, monkeypatch, route53, elb, theirs, dns_name):
    plant(whole, monkeypatch, theirs, f"origin.{DOMAIN}", dns_name)
    assert tiers.changes(run(whole, manage_zone=False)) == {(f"dns_record/origin.{DOMAIN}-A", "update", "target")}
    assert records(route53, theirs)[f"origin.{DOMAIN}", "A"]["AliasTarget"]["DNSName"].rstrip(".") == balancer(elb)["DNSName"]


def test_a_record_in_a_zone_of_others_goes_only_with_what_it_points_to(whole, monkeypatch, route53, theirs):
    """A name that a load balancer of ours would have had says nothing about whose it was."""
    dns_name = "prod-platform-7.us-east-1.elb.amazonaws.com"
    plant(whole, monkeypatch, theirs, f"origin.{DOMAIN}", dns_name)
    (kept,) = run(whole, manage_zone=False, state="absent")["kept"]
    assert kept["address"] == f"dns_record/origin.{DOMAIN}-A"
    assert f"it is in a zone of others and points to {dns_name}, which is no load balancer of this deployment" in kept["reason"]
    assert set(records(route53, theirs)) == {(f"origin.{DOMAIN}", "A")}


@pytest.mark.parametrize(
    "dns_name",
    [
        "prod-platform-x-7.us-east-1.elb.amazonaws.com",
        "dev-platform-7.us-east-1.elb.amazonaws.com",
        "prod-platform-7.eu-west-1.elb.amazonaws.com",
    ],
)
def test_a_load_balancer_of_another_name_is_not(whole, monkeypatch, theirs, dns_name):
    plant(whole, monkeypatch, theirs, f"origin.{DOMAIN}", dns_name)
    assert f"which points to {dns_name}, which is no distribution" in failed(whole, manage_zone=False)
    assert whole.aws.writes() == []


def test_a_distribution_that_is_not_ours_keeps_the_name_but_in_a_zone_of_ours(whole, monkeypatch, route53):
    plant(whole, monkeypatch, zone(route53), DOMAIN, "d0old.cloudfront.net")
    assert tiers.changes(run(whole)) == {(f"dns_record/{DOMAIN}-A", "update", "target")}
    run(whole, state="absent")
    made = route53.create_hosted_zone(Name="example.com", CallerReference="theirs")["HostedZone"]["Id"].rsplit("/", 1)[1]
    run(whole, manage_zone=False)
    plant(whole, monkeypatch, made, DOMAIN, "d0old.cloudfront.net")
    assert "points to d0old.cloudfront.net, which is no distribution or load balancer of this deployment (it may" in failed(
        whole, manage_zone=False
    )


def test_a_proof_that_another_certificate_needs_stays(whole, route53, theirs):
    acm = boto3.client("acm", region_name="us-east-1")
    other = acm.request_certificate(DomainName=f"*.{DOMAIN}", ValidationMethod="DNS", KeyAlgorithm="EC_prime256v1")[
        "CertificateArn"
    ]
    result = run(whole, manage_zone=False, state="absent")
    (kept,) = result["kept"]
    assert kept["address"] == f"certificate_validation/{DOMAIN}"
    assert other in kept["reason"] and "is proved by the same record" in kept["reason"]
    ((name, kind),) = records(route53, theirs)
    assert name.endswith(f".{DOMAIN}") and not name.endswith(f".origin.{DOMAIN}") and kind == "CNAME"
    assert run(whole, manage_zone=False, state="absent")["plan"] == []


def test_a_zone_of_ours_goes_with_its_proofs(whole, route53):
    acm = boto3.client("acm", region_name="us-east-1")
    acm.request_certificate(DomainName=DOMAIN, ValidationMethod="DNS")
    result = run(whole, state="absent")
    assert result["kept"] == []
    assert [item for item in route53.list_hosted_zones()["HostedZones"] if item["Name"] == DOMAIN + "."] == []


def test_an_undelegated_zone_names_its_servers(whole, route53):
    run(whole, state="absent")
    whole.aws.settings.transitions = {"certificate": 48 * 3600}
    message = failed(whole)
    servers = sorted(route53.get_hosted_zone(Id=zone(route53))["DelegationSet"]["NameServers"])
    assert f"certificate_validation/{DOMAIN} is still PENDING_VALIDATION after 900 s" in message
    assert f"has to name as servers of {DOMAIN}: {', '.join(servers)}" in message
    assert "see that the registrar names the zone's servers" in message


def test_the_zone_has_to_be_found(whole, route53):
    run(whole, state="absent")
    whole.aws.clear_requests()
    assert f"platform_domain: {DOMAIN}: this account has no public hosted zone for it" in failed(whole, manage_zone=False)
    ids = [
        route53.create_hosted_zone(Name="example.com", CallerReference=name)["HostedZone"]["Id"].rsplit("/")[-1] for name in "ab"
    ]
    message = failed(whole, manage_zone=False)
    assert all(each in message for each in ids) and "name the one to use by cloudfront_hosted_zone_id" in message
    other = route53.create_hosted_zone(Name="example.net", CallerReference="c")["HostedZone"]["Id"].rsplit("/")[-1]
    assert "which does not hold platform_domain" in failed(whole, manage_zone=False, hosted_zone_id=other)
    run(whole, manage_zone=False, hosted_zone_id=ids[0])
    assert run(whole, manage_zone=False, hosted_zone_id=ids[0])["plan"] == []


def test_a_zone_of_the_same_name_is_not_doubled(whole, route53):
    """Made beside ours, it is left alone."""
    theirs = route53.create_hosted_zone(Name=DOMAIN, CallerReference="theirs")["HostedZone"]["Id"]
    assert run(whole)["plan"] == []
    run(whole, state="absent")
    assert [item["Id"] for item in route53.list_hosted_zones()["HostedZones"] if item["Name"] == DOMAIN + "."] == [theirs]
    assert f"hosted_zone/{DOMAIN}: there is a public zone {DOMAIN} already" in failed(whole)


def test_a_record_of_others_stops_the_run(whole, route53):
    run(whole, **NOWHERE)
    for record in route53.list_resource_record_sets(HostedZoneId=zone(route53))["ResourceRecordSets"]:
        if record["Type"] == "A" and record["Name"] == f"{DOMAIN}.":
            write(route53, "DELETE", record)
    theirs = {"Name": DOMAIN, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.7"}]}
    write(route53, "CREATE", theirs)
    whole.aws.clear_requests()
    assert f"{DOMAIN} has a record of type A already, which points to 203.0.113.7" in failed(whole)
    assert whole.aws.writes() == []


def test_a_zone_with_records_of_others_stays(whole, route53):
    write(route53, "CREATE", {"Name": f"mail.{DOMAIN}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "203.0.113.7"}]})
    result = run(whole, state="absent")
    (kept,) = result["kept"]
    assert kept["address"] == f"hosted_zone/{DOMAIN}"
    assert f"holds records of others: mail.{DOMAIN} A; delete them and run again" in kept["reason"]
    left = {item["Name"] for item in route53.list_resource_record_sets(HostedZoneId=zone(route53))["ResourceRecordSets"]}
    assert left == {f"{DOMAIN}.", f"mail.{DOMAIN}."}


@pytest.mark.parametrize("name", ["grafana", DOMAIN])
def test_an_alias_of_others_in_a_zone_of_ours_is_not_touched(whole, route53, elb, name):
    """Under any name but the desired ones, and also when the configuration has none any more."""
    subnets = [zone["SubnetId"] for zone in balancer(elb)["AvailabilityZones"]]
    app = elb.create_load_balancer(Name="someone-elses-app", Subnets=subnets)["LoadBalancers"][0]
    alias = {"HostedZoneId": app["CanonicalHostedZoneId"], "DNSName": app["DNSName"], "EvaluateTargetHealth": False}
    full = f"grafana.{DOMAIN}"
    write(route53, "CREATE", {"Name": full, "Type": "A", "AliasTarget": alias})
    gone = {} if name == "grafana" else {**NOWHERE, "require_domain": False}
    drift = run(whole, verb="drift", **gone)
    found = {item["address"] for item in drift["strangers"]} | {item["address"] for item in drift["plan"]}
    assert not [address for address in found if "grafana" in address]
    pruned = f"dns_record/{full}-A"
    run(whole, prune=[pruned])
    assert (full, "A") in records(route53, zone(route53))
    (kept,) = run(whole, state="absent", **gone)["kept"]
    assert f"holds records of others: {full} A; delete them" in kept["reason"]
    assert set(records(route53, zone(route53))) == {(full, "A")}


def test_an_alias_of_ours_under_a_former_name_goes(whole, monkeypatch, route53, elb):
    """Of the load balancer that stands, and of one that is gone."""
    ours = balancer(elb)
    alias = {"HostedZoneId": ours["CanonicalHostedZoneId"], "DNSName": ours["DNSName"], "EvaluateTargetHealth": False}
    for name in ("old", "older"):
        write(route53, "CREATE", {"Name": f"{name}.{DOMAIN}", "Type": "A", "AliasTarget": alias})
    plant(whole, monkeypatch, zone(route53), f"older.{DOMAIN}", "prod-platform-7.us-east-1.elb.amazonaws.com")
    result = run(whole, state="absent")
    assert {f"dns_record/{name}.{DOMAIN}-A" for name in ("old", "older")} <= set(tiers.addresses(result))
    assert result["kept"] == []


def test_a_certificate_that_cannot_be_issued_says_why_and_is_made_anew(whole, prepare):
    whole.on_ground()
    whole.aws.settings.failures = {"certificate": "CAA_ERROR"}
    message = failed(whole)
    assert (
        f"certificate_validation/{DOMAIN} ended in state FAILED: CAA_ERROR; see that the registrar names the zone's servers"
        in message
    )
    whole.aws.settings.clear()
    result = run(whole)
    assert tiers.addresses(result)[f"certificate/{DOMAIN}"] == "replace"
    assert run(whole)["plan"] == []


# What AWS cannot change in place


def test_another_port_makes_a_new_target_group_and_rule(whole, elb, cloudfront):
    result = run(whole, target_port=9090)
    addresses = tiers.addresses(result)
    assert (addresses[GROUP], addresses[RULE]) == ("replace", "replace")
    assert set(addresses) == {GROUP, RULE}
    (group,) = elb.describe_target_groups()["TargetGroups"]
    assert group["Port"] == 9090
    assert accepted(elb)[1] == [sent(cloudfront)[1]]
    assert run(whole, target_port=9090)["plan"] == []


def internal(resources):
    (resource,) = [item for item in resources if item.address == "load_balancer/main"]
    resource.desired["scheme"] = "internal"


def test_a_protected_load_balancer_is_not_replaced(whole):
    protected = {**whole.parameters, "deletion_protection": True}
    tiers.run(whole.tier, protected)
    whole.aws.clear_requests()
    result = tiers.attempt(whole.tier, protected, change=internal)
    assert "which its deletion protection forbids: set cloudfront_deletion_protection: false and apply that first" in result["msg"]
    assert "deletion protection of prod-platform is on" in failed(whole, state="absent")
    assert whole.aws.writes() == []


def test_an_unprotected_load_balancer_is_replaced_with_what_stands_on_it(whole, elb):
    result = tiers.run(whole.tier, whole.parameters, change=internal)
    assert {address for address, action in tiers.addresses(result).items() if action == "replace"} == {
        "load_balancer/main",
        LISTENER,
        RULE,
    }
    assert balancer(elb)["Scheme"] == "internal"
    assert tiers.run(whole.tier, whole.parameters, change=internal)["plan"] == []


def test_other_subnets_and_groups_are_taken_in_place(whole, elb):
    def elsewhere(resources):
        (resource,) = [item for item in resources if item.address == "load_balancer/main"]
        subnets, group = vpc_lookups.subnets("private", whole.parameters["alb_zones"]), vpc_lookups.security_group("workers")
        resources += [*subnets, group]
        resource.desired.update(subnets=vpc_lookups.ids(subnets), security_groups=[Ref(group.address)])

    result = tiers.run(whole.tier, whole.parameters, change=elsewhere)
    assert tiers.changes(result) == {
        ("load_balancer/main", "update", "subnets"),
        ("load_balancer/main", "update", "security_groups"),
    }
    assert tiers.run(whole.tier, whole.parameters, change=elsewhere)["plan"] == []


def test_another_format_makes_the_delivery_anew(whole):
    result = run(whole, log_format="parquet")
    assert tiers.addresses(result) == dict.fromkeys(["delivery_destination/cloudfront", "delivery/cloudfront"], "replace")
    assert run(whole, log_format="parquet")["plan"] == []


# The distribution


def test_what_others_add_is_taken_away_and_what_they_set_elsewhere_stays(whole, cloudfront):
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    answer = cloudfront.get_distribution_config(Id=item["Id"])
    changed = answer["DistributionConfig"]
    extra = {**changed["DefaultCacheBehavior"], "PathPattern": "/open/*", "ViewerProtocolPolicy": "allow-all"}
    changed["CacheBehaviors"] = {"Quantity": 1, "Items": [extra]}
    changed["CustomErrorResponses"] = {"Quantity": 1, "Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 1}]}
    changed["Logging"] = {"Enabled": True, "IncludeCookies": False, "Bucket": "theirs.s3.amazonaws.com", "Prefix": "x"}
    cloudfront.update_distribution(Id=item["Id"], IfMatch=answer["ETag"], DistributionConfig=changed)
    assert tiers.changes(run(whole)) == {
        (DISTRIBUTION, "update", "cache_behaviors"),
        (DISTRIBUTION, "update", "error_responses"),
    }
    standing = config(cloudfront)
    assert standing["CacheBehaviors"]["Quantity"] == standing["CustomErrorResponses"]["Quantity"] == 0
    assert standing["Logging"]["Bucket"] == "theirs.s3.amazonaws.com"
    assert run(whole)["plan"] == []


def test_what_others_set_at_our_origin_stays(whole, cloudfront):
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    answer = cloudfront.get_distribution_config(Id=item["Id"])
    changed = answer["DistributionConfig"]
    (origin,), behavior = changed["Origins"]["Items"], changed["DefaultCacheBehavior"]
    theirs = {"ConnectionAttempts": 2, "ConnectionTimeout": 5}
    theirs["OriginShield"] = {"Enabled": True, "OriginShieldRegion": "us-east-1"}
    origin.update(theirs)
    origin["CustomOriginConfig"]["IpAddressType"] = "dualstack"
    behavior["AllowedMethods"]["CachedMethods"] = {"Quantity": 3, "Items": ["HEAD", "GET", "OPTIONS"]}
    behavior["SmoothStreaming"] = True
    cloudfront.update_distribution(Id=item["Id"], IfMatch=answer["ETag"], DistributionConfig=changed)
    assert run(whole)["plan"] == []
    run(whole, origin_read_timeout_seconds=90, price_class="PriceClass_All", viewer_tls="TLSv1.3_2025")
    standing = config(cloudfront)
    (origin,), behavior = standing["Origins"]["Items"], standing["DefaultCacheBehavior"]
    assert origin["CustomOriginConfig"]["OriginReadTimeout"] == 90
    assert {name: origin[name] for name in theirs} == theirs
    assert origin["CustomOriginConfig"]["IpAddressType"] == "dualstack"
    assert sorted(behavior["AllowedMethods"]["CachedMethods"]["Items"]) == ["GET", "HEAD", "OPTIONS"]
    assert behavior["SmoothStreaming"] is True


def test_a_caller_reference_of_a_deleted_distribution_is_no_obstacle(whole, cloudfront):
    run(whole, state="absent")
    message = "The caller reference is associated with another distribution. Already exists: EGONE"
    whole.aws.settings.fault(
        operation="CreateDistributionWithTags", nth=1, code="DistributionAlreadyExists", status=409, message=message
    )
    run(whole)
    assert config(cloudfront)["CallerReference"].startswith("prod-us-east-1-")
    assert run(whole)["plan"] == []


def test_a_distribution_that_is_not_ours_but_has_our_name_is_refused(whole, cloudfront):
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    tags = cloudfront.list_tags_for_resource(Resource=item["ARN"])["Tags"]["Items"]
    cloudfront.untag_resource(Resource=item["ARN"], TagKeys={"Items": [tag["Key"] for tag in tags]})
    assert f"{DISTRIBUTION}: {item['Id']} exists already and is not tagged as made by deployment" in failed(whole)


def test_a_change_by_somebody_else_is_taken_up_once(whole, cloudfront):
    whole.aws.settings.fault(operation="UpdateDistribution", nth=1, code="PreconditionFailed", status=412)
    run(whole, price_class="PriceClass_All")
    assert config(cloudfront)["PriceClass"] == "PriceClass_All"


def test_it_is_begun_by_one_run_and_awaited_by_another(whole, cloudfront, route53, monkeypatch):
    whole.on_ground()
    whole.aws.settings.transitions = {"distribution": 20, "load_balancer": 0}
    started = run(whole, verb="start")
    assert DISTRIBUTION in started["awaiting"]
    assert f"dns_record/{DOMAIN}-A" in started["awaiting"]
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert item["Status"] == "InProgress"
    whole.aws.skip(20)
    run(whole)
    assert run(whole)["plan"] == []


def test_it_is_begun_by_the_run_that_makes_the_load_balancer(whole, cloudfront):
    whole.on_ground()
    whole.aws.settings.transitions = {"distribution": 600, "load_balancer": 10}
    started = run(whole, verb="start")
    assert DISTRIBUTION in started["awaiting"]
    assert not {"load_balancer/main", LISTENER, RULE, f"dns_record/origin.{DOMAIN}-A"} & set(started["awaiting"])
    (item,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert item["Status"] == "InProgress"


def test_it_is_disabled_and_awaited_before_it_is_deleted(whole, cloudfront):
    whole.aws.settings.transitions = {"distribution": 20}
    whole.aws.settings.fault(operation="UpdateDistribution", when="after", nth=1, callback=lambda call: whole.aws.skip(20))
    run(whole, state="absent")
    assert "Items" not in cloudfront.list_distributions()["DistributionList"]
    written = [call.operation for call in whole.aws.writes()]
    assert written.index("UpdateDistribution") < written.index("DeleteDistribution") < written.index("DeleteCertificate")
    records = [place for place, operation in enumerate(written) if operation == "ChangeResourceRecordSets"]
    assert records[0] < written.index("DeleteDistribution")


def test_a_load_balancer_that_fails_says_why(whole):
    whole.on_ground()
    whole.aws.settings.failures = {"load_balancer": "no free addresses"}
    message = failed(whole)
    assert "load_balancer/main ended in state failed: no free addresses; see whether the public subnets have" in message
    whole.aws.settings.clear()
    assert tiers.addresses(run(whole))["load_balancer/main"] == "replace"
