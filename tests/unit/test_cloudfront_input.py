"""The edge tier's bad input, each a sentence, and what it declares."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.cloudfront import config
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.route53.zones import zone_of
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import site, tiers

TIER = tiers.load("cloudfront")
DEFAULTS = yaml.safe_load((tiers.ROOT / "roles/cloudfront/defaults/main.yml").read_text())
HEALTH = DEFAULTS["cloudfront_health_check"]
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
ELSEWHERE = Place("prod", "prod-eu-west-1", "eu-west-1", "123456789012", "aws")
GOOD = {
    "domain": "agents.example.com",
    "hosted_zone_id": "",
    "alb_zones": ["us-east-1a", "us-east-1b"],
    "health_check": HEALTH,
    "origin_secret_rotation": "",
    "origin_secret_key": "secrets",
    "bucket_prefix": "agent",
}


def parameters(**override):
    return tiers.with_defaults(TIER, {**GOOD, **override})


def health(**changes):
    return {"health_check": {**HEALTH, **changes}}


BAD = [
    (
        {"domain": ""},
        "platform_domain: '' is no domain, and without one CloudFront speaks plain HTTP to the load balancer: set one",
    ),
    ({"domain": None}, "or cloudfront_require_domain: false where that is acceptable"),
    ({"domain": "", "require_domain": False, "manage_zone": True}, "cloudfront_manage_zone: True says where the records go"),
    ({"domain": "", "require_domain": False, "hosted_zone_id": "Z1"}, "cloudfront_hosted_zone_id: 'Z1' says where the records go"),
    ({"domain": "localhost"}, "platform_domain: 'localhost' is no domain: use two or more labels"),
    ({"domain": "Agents.example.com"}, "platform_domain: 'Agents.example.com' is no domain"),
    ({"domain": "https://example.com"}, "platform_domain: 'https://example.com' is no domain"),
    ({"domain": "example.com."}, "platform_domain: 'example.com.' is no domain"),
    ({"domain": "*.example.com"}, "platform_domain: '*.example.com' is no domain"),
    ({"domain": "10.0.0.1"}, "platform_domain: '10.0.0.1' is no domain"),
    ({"domain": "a" * 60 + ".com"}, "the load balancer's name, has 71 characters: a certificate takes 64"),
    ({"origin_subdomain": "my origin"}, "cloudfront_origin_subdomain: 'my origin' is no label of a domain"),
    ({"hosted_zone_id": "/hostedzone/Z1"}, "cloudfront_hosted_zone_id: '/hostedzone/Z1' is no id of a hosted zone"),
    ({"hosted_zone_id": "Z1", "manage_zone": True}, "cloudfront_hosted_zone_id: Z1 names one that is there: set only one"),
    ({"alb_zones": ["us-east-1a"]}, "cloudfront_alb_zones: 1 zones are less than the 2 that AWS needs"),
    ({"alb_zones": []}, "cloudfront_alb_zones: 0 zones are less than the 2"),
    ({"alb_zones": ["us-east-1a", "us-east-1a"]}, "cloudfront_alb_zones: ['us-east-1a', 'us-east-1a'] names a zone twice"),
    ({"alb_zones": ["us-east-1a", "eu-west-1a"]}, "cloudfront_alb_zones: 'eu-west-1a' is no availability zone of us-east-1"),
    ({"idle_timeout_seconds": 0}, "cloudfront_idle_timeout_seconds: 0 is outside 1 to 4000 seconds"),
    ({"idle_timeout_seconds": 4001}, "cloudfront_idle_timeout_seconds: 4001 is outside 1 to 4000 seconds"),
    ({"idle_timeout_seconds": 60}, "60 is not above cloudfront_origin_read_timeout_seconds, 60"),
    (
        {"idle_timeout_seconds": 90, "origin_keepalive_timeout_seconds": 100},
        "90 is not above cloudfront_origin_keepalive_timeout_seconds, 100, so the load balancer would end connections that "
        "CloudFront goes on using: at least 101",
    ),
    ({"origin_read_timeout_seconds": 0}, "cloudfront_origin_read_timeout_seconds: 0 is outside 1 to 120 seconds"),
    ({"origin_read_timeout_seconds": 121}, "cloudfront_origin_read_timeout_seconds: 121 is outside 1 to 120 seconds"),
    ({"origin_keepalive_timeout_seconds": 121}, "cloudfront_origin_keepalive_timeout_seconds: 121 is outside 1 to 120 seconds"),
    ({"target_port": 0}, "cloudfront_target_port: 0 is outside 1 to 65535"),
    ({"deregistration_delay_seconds": 3601}, "cloudfront_deregistration_delay_seconds: 3601 is outside 0 to 3600 seconds"),
    ({"origin_secret_recovery_days": 6}, "cloudfront_origin_secret_recovery_days: 6 is outside 7 to 30 days"),
    ({"hsts_max_age_seconds": -1}, "cloudfront_hsts_max_age_seconds: -1 is outside 0 to 2147483647 seconds"),
    (health(interval_seconds=4), "cloudfront_health_check.interval_seconds: 4 is outside 5 to 300 seconds"),
    (health(timeout_seconds=15), "cloudfront_health_check.timeout_seconds: 15 is not below interval_seconds, 15: at most 14"),
    (health(healthy_count=1), "cloudfront_health_check.healthy_count: 1 is outside 2 to 10 checks"),
    (health(unhealthy_count=11), "cloudfront_health_check.unhealthy_count: 11 is outside 2 to 10 checks"),
    (health(path="healthz"), "cloudfront_health_check.path: 'healthz' is no path"),
    (health(codes="ok"), "cloudfront_health_check.codes: 'ok' are no status codes"),
    ({"listener_tls_policy": "ELBSecurityPolicy-2016-08"}, "cloudfront_listener_tls_policy: 'ELBSecurityPolicy-2016-08' is none"),
    ({"listener_tls_policy": "ELBSecurityPolicy-TLS13-1-0-2021-06"}, "is none that begins at TLS 1.2 and offers TLS 1.3"),
    ({"viewer_tls": "TLSv1.1_2016"}, "cloudfront_viewer_tls: 'TLSv1.1_2016' is none of TLSv1.2_2021, TLSv1.2_2025, TLSv1.3_2025"),
    ({"price_class": "PriceClass_50"}, "cloudfront_price_class: 'PriceClass_50' is none of PriceClass_100, PriceClass_200"),
    ({"origin_header": "X Origin"}, "cloudfront_origin_header: 'X Origin' is no header that a rule of a load balancer reads"),
    ({"origin_header": "X-" + "a" * 39}, "1 to 40 letters, digits and hyphens"),
    ({"origin_header": "Host"}, "cloudfront_origin_header: 'Host' is CloudFront's own to set"),
    ({"origin_header": "X-Amz-Verify"}, "cloudfront_origin_header: 'X-Amz-Verify' is CloudFront's own to set"),
    ({"referrer_policy": "never"}, "cloudfront_referrer_policy: 'never' is none of no-referrer"),
    ({"content_security_policy": "a\nb"}, "cloudfront_content_security_policy: 'a\\nb' cannot be a header's value"),
    ({"content_security_policy": ""}, "cloudfront_content_security_policy: '' cannot be a header's value"),
    (
        {"removed_headers": ["content-length"]},
        "cloudfront_removed_headers: 'content-length' is no header that CloudFront takes away",
    ),
    ({"removed_headers": ["Server", "server"]}, "cloudfront_removed_headers: server, server: name each header once"),
    ({"geo_restriction": "allow"}, "cloudfront_geo_restriction: 'allow' does not go with cloudfront_geo_countries: []"),
    ({"geo_countries": ["DE"]}, "cloudfront_geo_restriction: 'none' does not go with cloudfront_geo_countries: ['DE']"),
    ({"geo_restriction": "allow", "geo_countries": ["de"]}, "cloudfront_geo_countries: 'de' is no country's code of two capitals"),
    ({"geo_restriction": "deny", "geo_countries": ["DE", "DE"]}, "cloudfront_geo_countries: DE, DE: name each country once"),
    ({"origin_secret_key": "UPPER"}, "platform_kms_key_for: the key 'UPPER' of secretsmanager"),
    ({"log_bucket": "Logs"}, "cloudfront_log_bucket: 'Logs' cannot be part of a bucket's name"),
    ({"environment": "internal-x"}, "platform_environment: a load balancer cannot be called internal-x-platform"),
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
        {"domain": "", "require_domain": False},
        {"hosted_zone_id": "Z0123456789ABCDEFGHIJ"},
        {"manage_zone": True},
        {"alb_zones": ["us-east-1a", "us-east-1c", "us-east-1f"]},
        {"idle_timeout_seconds": 4000, "origin_read_timeout_seconds": 120, "origin_keepalive_timeout_seconds": 1},
        {"listener_tls_policy": "ELBSecurityPolicy-TLS13-1-3-2021-06"},
        {"listener_tls_policy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "viewer_tls": "TLSv1.3_2025"},
        {"geo_restriction": "allow", "geo_countries": ["DE", "FR"]},
        {"removed_headers": []},
        health(codes="200-299,301", path="/"),
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def test_a_role_by_itself_passes_with_a_domain_or_the_word_that_none_is_needed():
    given = {name.removeprefix("cloudfront_"): value for name, value in DEFAULTS.items() if name not in ("cloudfront_alb_zones",)}
    TIER.check({**parameters(), **given}, "us-east-1")


def test_the_zones_follow_those_of_the_network():
    others = yaml.safe_load((tiers.ROOT / "roles/rds/defaults/main.yml").read_text())
    assert DEFAULTS["cloudfront_alb_zones"] == others["rds_zones"]
    assert "vpc_availability_zones" in DEFAULTS["cloudfront_alb_zones"]


def test_a_role_is_awaited_once():
    roles = [name for name, _tags in site.roles_in("playbooks/await.yml")]
    assert roles and len(roles) == len(set(roles))


def test_what_others_set_at_the_edge_is_handed_back():
    values = declared()["distribution/main"].desired
    theirs = {
        "Id": values["behavior"]["origin"],
        "DomainName": "old",
        "S3OriginConfig": {},
        "ConnectionTimeout": 4,
        "OriginShield": {},
    }
    standing = {
        "Origins": config.listed([theirs, {"Id": "other"}]),
        "OriginGroups": config.listed([{"Id": "group"}]),
        "ViewerCertificate": {"ACMCertificateArn": "arn", "SSLSupportMethod": "static-ip"},
        "Logging": {"Enabled": True},
    }
    wanted = config.written(values, "X-Header", "value", standing)
    (origin,) = wanted["Origins"]["Items"]
    assert (origin["ConnectionTimeout"], origin["ConnectionAttempts"], origin["OriginShield"]) == (4, 3, {})
    assert "S3OriginConfig" not in origin and origin["CustomOriginConfig"]["HTTPSPort"] == 443
    assert wanted["OriginGroups"] == {"Quantity": 0}
    assert wanted["ViewerCertificate"]["SSLSupportMethod"] == "static-ip"
    assert wanted["Logging"] == {"Enabled": True}


def declared(place=PLACE, **override):
    return Graph(TIER.declare(parameters(**override), place)).resources


@pytest.mark.parametrize("environment", ["dev", "a" * 16])
def test_names_fit(environment):
    place = Place(environment, f"{environment}-{'x' * (47 - len(environment))}", "us-east-1", "123456789012", "aws")
    found = declared(place)
    assert len(found["load_balancer/main"].desired["name"]) <= 32
    assert len(found["target_group/ingress"].desired["name"]) <= 32
    assert len(found["delivery_source/cloudfront"].desired["name"]) <= 60
    assert len(found["distribution/main"].desired["comment"]) <= 128


def test_what_is_global_carries_the_deployment():
    for address, field in {"response_headers_policy/security": "name", "distribution/main": "comment"}.items():
        assert declared(ELSEWHERE, alb_zones=["eu-west-1a", "eu-west-1b"])[address].desired[field].startswith("prod-eu-west-1")


def test_each_end_has_a_certificate_in_its_region():
    found = declared(ELSEWHERE)
    regions = {item.desired["domain"]: item.desired["region"] for item in found.values() if item.kind.name == "certificate"}
    assert regions == {"agents.example.com": "us-east-1", "origin.agents.example.com": "eu-west-1"}


def test_without_a_domain_there_are_no_names_and_the_origin_speaks_http():
    found = declared(domain="", require_domain=False)
    kinds = {item.kind.name for item in found.values()}
    assert not kinds & {"certificate", "certificate_validation", "dns_record", "hosted_zone"}
    assert (found["listener/main"].desired["port"], found["listener/main"].desired["protocol"]) == (80, "HTTP")
    assert found["distribution/main"].desired["origin"]["protocol"] == "http-only"
    assert found["distribution/main"].desired["aliases"] == []


def test_the_rule_knows_the_secret_before_the_distribution_sends_it():
    assert declared()["distribution/main"].after == ("listener_rule/from-cloudfront",)


ZONES = [
    {"id": "Z1", "domain": "example.com"},
    {"id": "Z2", "domain": "agents.example.com"},
    {"id": "Z3", "domain": "ample.com"},
    {"id": "Z4", "domain": "twice.org"},
    {"id": "Z5", "domain": "twice.org"},
]


@pytest.mark.parametrize(
    ("domain", "zone_id", "found"),
    [
        ("agents.example.com", None, "Z2"),
        ("a.agents.example.com", None, "Z2"),
        ("other.example.com", None, "Z1"),
        ("agents.example.com", "Z1", "Z1"),
        ("agents.example.com", "Z9", None),
        ("example.net", None, None),
        ("twice.org", "Z5", "Z5"),
    ],
)
def test_the_zone_with_the_longest_name_holds_a_domain(domain, zone_id, found):
    zone = zone_of(ZONES, domain, zone_id)
    assert (zone and zone["id"]) == found


@pytest.mark.parametrize(("domain", "zone_id"), [("twice.org", None), ("agents.example.com", "Z3")])
def test_a_zone_that_is_not_the_one_is_refused(domain, zone_id):
    with pytest.raises(EngineError, match="cloudfront_hosted_zone_id"):
        zone_of(ZONES, domain, zone_id)


def test_a_configuration_is_read_as_it_was_written():
    values = declared()["distribution/main"].desired
    values = {**values, "viewer_certificate": {"arn": "arn", "minimum_tls": "TLSv1.2_2021"}, "web_acl": "acl"}
    values["behavior"] = {**values["behavior"], "response_headers_policy": "id"}
    written = config.written(values, "X-Origin-Verify", "value", {"CallerReference": "r", "Staging": False})
    assert config.fields_of(written, "prod-us-east-1-alb") == {name: values[name] for name in config.FIELDS} | {
        "behavior": {**values["behavior"], "methods": sorted(values["behavior"]["methods"])}
    }
    assert config.sent_value(written, "prod-us-east-1-alb", "x-origin-verify") == "value"
    assert config.sent_value(written, "another", "x-origin-verify") is None
    assert (written["CallerReference"], written["Staging"]) == ("r", False)
