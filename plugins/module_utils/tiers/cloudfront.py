# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge: CloudFront behind the web ACL, the load balancer that only CloudFront reaches, and the names and certificates of "
"both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..reconcile.reference import Derived, Ref
from ..reconcile.resource import Resource
from ..resources import acm
from ..resources.cloudfront.config import ALL_VIEWER_EXCEPT_HOST, CACHING_DISABLED, METHODS
from ..resources.cloudfront.distribution import Distribution, origin_id
from ..resources.cloudfront.response_headers import ResponseHeadersPolicy
from ..resources.elb.listener import Listener, ListenerRule
from ..resources.elb.load_balancer import LoadBalancer
from ..resources.elb.target_group import TargetGroup
from ..resources.log_delivery import Delivery, DeliveryDestination, DeliverySource
from ..resources.origin_secret import CURRENT, OriginSecret
from ..resources.route53.records import CertificateValidation, DnsRecord
from ..resources.route53.zones import HostedZone
from ..tier_module import Place
from . import kms, s3, secrets, vpc_lookups, waf

HEALTH_CHECK = {
    "path": {"type": "str", "default": "/healthz"},
    "interval_seconds": {"type": "int", "default": 15},
    "timeout_seconds": {"type": "int", "default": 5},
    "healthy_count": {"type": "int", "default": 2},
    "unhealthy_count": {"type": "int", "default": 3},
    "codes": {"type": "str", "default": "200"},
}
SPEC = {
    "domain": {"type": "str"},
    "require_domain": {"type": "bool", "default": True},
    "hosted_zone_id": {"type": "str"},
    "manage_zone": {"type": "bool", "default": False},
    "origin_subdomain": {"type": "str", "default": "origin"},
    "alb_zones": {"type": "list", "elements": "str", "required": True},
    "deletion_protection": {"type": "bool", "default": True},
    "idle_timeout_seconds": {"type": "int", "default": 120},
    "desync_mitigation": {"type": "str", "choices": ["defensive", "strictest", "monitor"], "default": "strictest"},
    "listener_tls_policy": {"type": "str", "default": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "target_protocol": {"type": "str", "choices": ["HTTP", "HTTPS"], "default": "HTTP"},
    "target_port": {"type": "int", "default": 8080},
    "health_check": {"type": "dict", "options": HEALTH_CHECK, "apply_defaults": True},
    "deregistration_delay_seconds": {"type": "int", "default": 120},
    "origin_header": {"type": "str", "default": "X-Origin-Verify"},
    "origin_secret_rotation": {"type": "str", "no_log": False},
    "origin_secret_key": {"type": "str", "required": True, "no_log": False},
    "origin_secret_recovery_days": {"type": "int", "default": 30, "no_log": False},
    "origin_read_timeout_seconds": {"type": "int", "default": 60},
    "origin_keepalive_timeout_seconds": {"type": "int", "default": 60},
    "viewer_tls": {"type": "str", "default": "TLSv1.2_2021"},
    "price_class": {"type": "str", "default": "PriceClass_100"},
    "geo_restriction": {"type": "str", "choices": ["none", "allow", "deny"], "default": "none"},
    "geo_countries": {"type": "list", "elements": "str", "default": []},
    "hsts_max_age_seconds": {"type": "int", "default": 31536000},
    "hsts_subdomains": {"type": "bool", "default": True},
    "content_security_policy": {"type": "str", "default": "default-src 'none'; frame-ancestors 'none'"},
    "referrer_policy": {"type": "str", "default": "no-referrer"},
    "removed_headers": {"type": "list", "elements": "str", "default": ["server", "x-powered-by"]},
    "bucket_prefix": {"type": "str", "required": True},
    "log_bucket": {"type": "str", "default": "access-logs"},
    "log_format": {"type": "str", "choices": ["json", "plain", "w3c", "parquet"], "default": "json"},
}
HTTP, HTTPS = 80, 443
REFUSED = "403"
SECRET = "cloudfront-origin"
GEO = {"none": "none", "allow": "whitelist", "deny": "blacklist"}
LOG_PATH = "{DistributionId}/{yyyy}/{MM}/{dd}/{HH}"
BALANCER, GROUP, LISTENER, RULE = (
    "load_balancer/main",
    "target_group/ingress",
    "listener/main",
    "listener_rule/from-cloudfront",
)
DISTRIBUTION, HEADERS = "distribution/main", "response_headers_policy/security"


def load_balancer_name(environment: str) -> str:
    return f"{environment}-platform"


def looked_up_target_group(place: Place) -> Resource:
    """The target group as another tier refers to it: ``Ref("target_group/ingress", "arn")``."""
    return Resource(TargetGroup(), "ingress", {"name": f"{place.environment}-ingress"}, provider="cloudfront")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    bucket = s3.looked_up(place, params["bucket_prefix"], params["log_bucket"])
    names = _Names(params, place)
    return [
        kms.looked_up(place, params["origin_secret_key"]),
        bucket,
        waf.looked_up(place),
        *_secret(params, place),
        *_load_balancer(params, place, bucket),
        *_listener(params, names),
        *names.declare(),
        _response_headers(params, place),
        _distribution(params, place, names),
        *_logs(params, place, bucket),
    ]


def _secret(params: Mapping[str, Any], place: Place) -> list[Resource]:
    purpose = f"{place.deployment}: proves to the load balancer that a request comes from CloudFront"
    options = {
        "recovery_window_days": params["origin_secret_recovery_days"],
        "rotation": params.get("origin_secret_rotation") or None,
    }
    made = secrets.generated(place, SECRET, purpose, params["origin_secret_key"], options)
    return [Resource(OriginSecret(), SECRET, {**made.desired, "rotation": options["rotation"]}, options=options)]


def secret_name(place: Place) -> str:
    return f"{place.environment}/{SECRET}"


def _load_balancer(params: Mapping[str, Any], place: Place, bucket: Resource) -> list[Resource]:
    subnets, group, network = (
        vpc_lookups.subnets("public", params["alb_zones"]),
        vpc_lookups.security_group("alb"),
        vpc_lookups.vpc(),
    )
    health = params["health_check"]
    return [
        *subnets,
        group,
        network,
        Resource(
            LoadBalancer(),
            "main",
            {
                "name": load_balancer_name(place.environment),
                "scheme": "internet-facing",
                "ip_address_type": "ipv4",
                "subnets": vpc_lookups.ids(subnets),
                "security_groups": [Ref(group.address)],
                "idle_timeout_seconds": params["idle_timeout_seconds"],
                "deletion_protection": params["deletion_protection"],
                "drop_invalid_headers": True,
                "desync_mitigation": params["desync_mitigation"],
                "http2": True,
                "access_logs": {"bucket": Ref(bucket.address, "name"), "prefix": s3.LOAD_BALANCER_LOGS},
            },
        ),
        Resource(
            TargetGroup(),
            "ingress",
            {
                "name": f"{place.environment}-ingress",
                "vpc_id": Ref(network.address),
                "target_type": "ip",
                "protocol": params["target_protocol"],
                "protocol_version": "HTTP1",
                "port": params["target_port"],
                "health_check": {**health, "protocol": params["target_protocol"], "port": "traffic-port"},
                "deregistration_delay_seconds": params["deregistration_delay_seconds"],
            },
        ),
    ]


def _listener(params: Mapping[str, Any], names: _Names) -> list[Resource]:
    """Refuses everything; the rule lets in what CloudFront sends. It knows the secret before the distribution sends it."""
    tls = {"tls_policy": params["listener_tls_policy"], "certificate": names.certificate(names.origin)} if names.domain else {}
    return [
        Resource(
            Listener(),
            "main",
            {
                "load_balancer": Ref(BALANCER, "arn"),
                "port": HTTPS if names.domain else HTTP,
                "protocol": "HTTPS" if names.domain else "HTTP",
                "refuses_with": REFUSED,
                **tls,
            },
        ),
        Resource(
            ListenerRule(),
            "from-cloudfront",
            {
                "listener": Ref(LISTENER, "arn"),
                "priority": 10,
                "header": params["origin_header"],
                "target_group": Ref(GROUP, "arn"),
                "accepts": CURRENT,
            },
            options={"secret": secret_name(names.place)},
            after=(f"{OriginSecret.name}/{SECRET}",),
        ),
    ]


class _Names:
    """The domain's zone, records and certificates; nothing where there is no domain. ``origin``: the load balancer's own name."""

    def __init__(self, params: Mapping[str, Any], place: Place):
        self.params, self.place = params, place
        self.domain = params.get("domain") or ""
        self.origin = f"{params['origin_subdomain']}.{self.domain}" if self.domain else ""
        self.zone = Ref(f"hosted_zone/{self.domain}")
        self.options = {"zone_id": params.get("hosted_zone_id") or None, "own_zone": params["manage_zone"]}

    @staticmethod
    def certificate(domain: str) -> Ref:
        """The ARN of an issued certificate."""
        return Ref(f"certificate_validation/{domain}", "certificate")

    def declare(self) -> Iterator[Resource]:
        if not self.domain:
            return
        yield self._zone()
        # CloudFront takes certificates of one region only, the load balancer of its own.
        for domain, region in ((self.domain, acm.EDGE), (self.origin, self.place.region)):
            yield Resource(acm.Certificate(), domain, {"domain": domain, "region": region})
            address = f"certificate/{domain}"
            yield Resource(
                CertificateValidation(),
                domain,
                {
                    "zone": self.zone,
                    "record_name": Ref(address, "validation_name"),
                    "record_value": Ref(address, "validation_value"),
                    "certificate": Ref(address, "arn"),
                },
                options={**self.options, "certificate": address},
            )
        options = {**self.options, "load_balancer": load_balancer_name(self.place.environment)}
        for name, record_type, front in (
            (self.domain, "A", DISTRIBUTION),
            (self.domain, "AAAA", DISTRIBUTION),
            (self.origin, "A", BALANCER),
        ):
            target = {"dns_name": Ref(front, "dns_name"), "zone_id": Ref(front, "hosted_zone_id")}
            desired = {"zone": self.zone, "name": name, "type": record_type, "target": target}
            yield Resource(DnsRecord(), f"{name}-{record_type}", desired, options=options)

    def _zone(self) -> Resource:
        if not self.params["manage_zone"]:
            return Resource(HostedZone(), self.domain, {"domain": self.domain}, options=self.options, provider="DNS")
        comment = f"{self.place.deployment}: the platform's names"
        return Resource(HostedZone(), self.domain, {"domain": self.domain, "comment": comment})


def _response_headers(params: Mapping[str, Any], place: Place) -> Resource:
    """The application may say more exactly what a browser may load; the rest holds whatever it says."""
    security = {
        "StrictTransportSecurity": {
            "Override": True,
            "AccessControlMaxAgeSec": params["hsts_max_age_seconds"],
            "IncludeSubdomains": params["hsts_subdomains"],
            "Preload": False,
        },
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"Override": True, "FrameOption": "DENY"},
        "ReferrerPolicy": {"Override": True, "ReferrerPolicy": params["referrer_policy"]},
        "ContentSecurityPolicy": {"Override": False, "ContentSecurityPolicy": params["content_security_policy"]},
    }
    desired = {
        "name": f"{place.deployment}-security",
        "comment": f"{place.deployment}: what every answer tells a browser",
        "security": security,
        "removed_headers": sorted(header.lower() for header in params["removed_headers"]),
    }
    return Resource(ResponseHeadersPolicy(), "security", desired)


def _distribution(params: Mapping[str, Any], place: Place, names: _Names) -> Resource:
    certificate = {"arn": names.certificate(names.domain), "minimum_tls": params["viewer_tls"]} if names.domain else {}
    return Resource(
        Distribution(),
        "main",
        {
            "comment": f"{place.deployment}: the edge of the platform",
            "enabled": True,
            "price_class": params["price_class"],
            "http_version": "http2and3",
            "ipv6": True,
            "web_acl": Ref("web_acl/edge", "arn"),
            "default_root_object": "",
            "aliases": [names.domain] if names.domain else [],
            "viewer_certificate": certificate,
            "origin": {
                "host": names.origin or Ref(BALANCER, "dns_name"),
                "path": "",
                "http_port": HTTP,
                "https_port": HTTPS,
                "protocol": "https-only" if names.domain else "http-only",
                "read_timeout_seconds": params["origin_read_timeout_seconds"],
                "keepalive_timeout_seconds": params["origin_keepalive_timeout_seconds"],
                "tls": ["TLSv1.2"],
                "headers": [params["origin_header"]],
                "others": 0,
            },
            "behavior": {
                "origin": origin_id(place.deployment),
                "viewer_protocol": "redirect-to-https",
                "compress": True,
                "cache_policy": CACHING_DISABLED,
                # The host of the request would have to be in the load balancer's certificate.
                "origin_request_policy": ALL_VIEWER_EXCEPT_HOST,
                "response_headers_policy": Ref(HEADERS),
                "methods": list(METHODS),
            },
            "geo_restriction": {"type": GEO[params["geo_restriction"]], "countries": sorted(params["geo_countries"])},
            "cache_behaviors": [],
            "error_responses": [],
            "sends": CURRENT,
        },
        options={"secret": secret_name(place)},
        after=(RULE,),
    )


def _logs(params: Mapping[str, Any], place: Place, bucket: Resource) -> list[Resource]:
    """CloudFront's access logs. The path of the destination keeps AWS from putting one of its own before ours."""
    name = f"{place.deployment}-cloudfront"
    target = Derived(lambda arn: f"{arn}/{s3.EDGE_LOGS}", Ref(bucket.address, "arn"))
    source, destination = "delivery_source/cloudfront", "delivery_destination/cloudfront"
    return [
        Resource(DeliverySource(), "cloudfront", {"name": name, "resource": Ref(DISTRIBUTION, "arn"), "log_type": "ACCESS_LOGS"}),
        Resource(DeliveryDestination(), "cloudfront", {"name": name, "target": target, "format": params["log_format"]}),
        Resource(
            Delivery(),
            "cloudfront",
            {
                "source": Ref(source, "name"),
                "destination": Ref(destination, "arn"),
                "resource": Ref(source, "resource"),
                "target": Ref(destination, "target"),
                "format": Ref(destination, "format"),
                "path": LOG_PATH,
            },
            options={"source": name},
        ),
    ]
