"""The edge tier: what its contract is tried with. The zone is ours, so that certificates can be proved."""

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref

from .case import Case

TIER = "cloudfront"
REQUIRES = ("kms", "waf", "vpc", "s3")
PARAMS = {
    "domain": "agents.example.com",
    "manage_zone": True,
    "alb_zones": ["us-east-1a", "us-east-1b"],
    "deletion_protection": False,
    "health_check": {
        "path": "/healthz",
        "interval_seconds": 15,
        "timeout_seconds": 5,
        "healthy_count": 2,
        "unhealthy_count": 3,
        "codes": "200",
    },
    "geo_restriction": "deny",
    "geo_countries": ["KP"],
    "origin_secret_key": "secrets",
    "origin_secret_rotation": "first",
    "bucket_prefix": "agent",
}

BALANCER = "load_balancer/main"
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
ITS_NAME = "its natural name: under another one it is another thing"
OF_ITS_DOMAIN = "the address tells the domain, so another one is another thing; tests/contract/test_edge.py moves to one"
ONE = "the tier has one; tests/contract/test_edge.py replaces it"
SECRET = "whether a secret is the current one, which no declaration changes; tests/contract/test_edge.py changes the secret"


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


def changed(**values):
    """A function of a mapping: the same with other values."""
    return lambda old: {**old, **values}


CASES = [
    Case(
        "origin_secret",
        "origin_secret/cloudfront-origin",
        updates={
            "description": "another description",
            "kms_key": OTHER_KEY,
            "policy": without_the_last_statement,
            "tags": {"owner": "edge"},
        },
        immutable={"name": "prod/another"},
        exempt={
            "available": "false only of a deleted secret; test_comes_back_after_absent brings one back",
            "stored": "false only of a secret without a value; tests/contract/test_generated_secret.py",
            "rotation": "what reads the value is updated with it; tests/contract/test_edge.py",
        },
    ),
    Case(
        "load_balancer",
        "load_balancer/main",
        updates={
            "idle_timeout_seconds": 300,
            "deletion_protection": True,
            "drop_invalid_headers": False,
            "desync_mitigation": "monitor",
            "http2": False,
            "access_logs": {},
            "tags": {"owner": "edge"},
        },
        exempt={
            "name": ITS_NAME,
            "scheme": ONE,
            "subnets": "the tier refers to those of its zones only; tests/contract/test_edge.py takes others",
            "security_groups": "the tier refers to one only; tests/contract/test_edge.py takes another",
            "ip_address_type": "the subnets have no IPv6 addresses, so there is no other",
        },
    ),
    Case(
        "target_group",
        "target_group/ingress",
        updates={
            "health_check": changed(path="/", codes="200-299", interval_seconds=30, unhealthy_count=5),
            "deregistration_delay_seconds": 0,
            "tags": {"owner": "edge"},
        },
        exempt={
            "name": ITS_NAME,
            "vpc_id": "the vpc tier has one VPC",
            "target_type": ONE,
            "protocol": ONE,
            "protocol_version": ONE,
            "port": ONE,
        },
    ),
    Case(
        "listener",
        "listener/main",
        updates={
            "port": 8443,
            "tls_policy": "ELBSecurityPolicy-TLS13-1-3-2021-06",
            "certificate": Ref("certificate_validation/agents.example.com", "certificate"),
            "refuses_with": "404",
            "tags": {"owner": "edge"},
        },
        exempt={
            "load_balancer": ONE,
            "protocol": "goes with certificate and port; tests/contract/test_edge.py takes the domain away",
        },
    ),
    Case(
        "listener_rule",
        "listener_rule/from-cloudfront",
        updates={"priority": 20, "header": "X-Other", "tags": {"owner": "edge"}},
        exempt={"listener": ONE, "target_group": ONE, "accepts": SECRET},
    ),
    Case(
        "hosted_zone",
        "hosted_zone/agents.example.com",
        updates={"comment": "another comment", "tags": {"owner": "edge"}},
        exempt={"domain": OF_ITS_DOMAIN},
    ),
    Case(
        "certificate",
        "certificate/agents.example.com",
        updates={"tags": {"owner": "edge"}},
        exempt={"domain": OF_ITS_DOMAIN, "region": OF_ITS_DOMAIN},
    ),
    Case(
        "certificate_validation",
        "certificate_validation/agents.example.com",
        updates={"record_value": "_other.acm-validations.aws."},
        exempt={
            "zone": "the tier has one zone",
            "record_name": "follows from the domain",
            "certificate": "goes with the record's value, which is the same for every certificate of a domain",
        },
    ),
    Case(
        "dns_record",
        "dns_record/agents.example.com-A",
        updates={"target": {"dns_name": Ref(BALANCER, "dns_name"), "zone_id": Ref(BALANCER, "hosted_zone_id")}},
        exempt={"zone": "the tier has one zone", "name": OF_ITS_DOMAIN, "type": "its natural name, with the domain"},
    ),
    Case(
        "response_headers_policy",
        "response_headers_policy/security",
        updates={
            "comment": "another comment",
            "security": changed(FrameOptions={"Override": False, "FrameOption": "SAMEORIGIN"}),
            "removed_headers": ["x-powered-by"],
        },
        exempt={"name": ITS_NAME},
    ),
    Case(
        "distribution",
        "distribution/main",
        updates={
            "comment": "another comment",
            "enabled": False,
            "price_class": "PriceClass_All",
            "http_version": "http2",
            "ipv6": False,
            "web_acl": "",
            "default_root_object": "index.html",
            "aliases": [],
            "viewer_certificate": changed(minimum_tls="TLSv1.3_2025"),
            "origin": changed(read_timeout_seconds=30, protocol="match-viewer", headers=["X-Other"]),
            "behavior": changed(methods=["GET", "HEAD"], compress=False, viewer_protocol="https-only"),
            "geo_restriction": {"type": "none", "countries": []},
            "tags": {"owner": "edge"},
        },
        exempt={
            "cache_behaviors": "always desired empty; tests/contract/test_edge.py takes away what others add",
            "error_responses": "likewise",
            "sends": SECRET,
        },
    ),
    Case(
        "delivery_source",
        "delivery_source/cloudfront",
        updates={"tags": {"owner": "edge"}},
        exempt={"name": ITS_NAME, "resource": "the tier has one distribution", "log_type": "a distribution has access logs only"},
    ),
    Case(
        "delivery_destination",
        "delivery_destination/cloudfront",
        updates={"tags": {"owner": "edge"}},
        exempt={"name": ITS_NAME, "target": "made anew with its delivery; tests/contract/test_edge.py", "format": "likewise"},
    ),
    Case(
        "delivery",
        "delivery/cloudfront",
        updates={"path": "{yyyy}/{MM}", "tags": {"owner": "edge"}},
        exempt={
            "source": "the tier has one",
            "destination": "likewise",
            "resource": "its source's",
            "target": "its destination's; tests/contract/test_edge.py",
            "format": "likewise",
        },
    ),
]
