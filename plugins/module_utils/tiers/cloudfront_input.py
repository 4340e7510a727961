# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the edge tier refuses before it asks AWS anything.

Facts: CloudFront developer guide ("Values that you specify", "Add custom headers to origin requests"), user guide for Application
Load Balancers ("Security policies", "Connection idle timeout"), ACM user guide (a certificate's first name has at most 64
characters).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from ..resources.acm import EDGE
from . import checks, kms, vpc_lookups
from .s3 import PART

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"^{LABEL}(?:\.{LABEL})+$")
LONGEST_NAME = 64
ZONE_ID = re.compile(r"^[A-Z0-9]{1,32}$")
TLS_POLICY = re.compile(r"^ELBSecurityPolicy-TLS13-1-[23]-(?:[A-Za-z0-9]+-)*20\d\d-\d\d$")
VIEWER_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
PRICE_CLASSES = ("PriceClass_100", "PriceClass_200", "PriceClass_All")
REFERRER_POLICIES = (
    *("no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin", "strict-origin"),
    *("strict-origin-when-cross-origin", "unsafe-url"),
)
HEADER = re.compile(r"^[A-Za-z0-9-]{1,40}$")
# What CloudFront does not let one add for the origin.
RESERVED_HEADERS = (
    *("accept-encoding", "cache-control", "connection", "content-length", "cookie", "host", "if-match", "if-modified-since"),
    *("if-none-match", "if-range", "if-unmodified-since", "max-forwards", "origin", "pragma", "proxy-authenticate"),
    *("proxy-authorization", "proxy-connection", "range", "request-range", "te", "trailer", "transfer-encoding", "upgrade"),
    *("via", "warning", "x-real-ip"),
)
RESERVED_BEGINNINGS = ("x-amz-", "x-edge-")
# What CloudFront does not let one take from an answer.
UNREMOVABLE = ("connection", "content-encoding", "content-length", "expect", "host", "keep-alive", "trailer", "transfer-encoding")
COUNTRY = re.compile(r"^[A-Z]{2}$")
CODES = re.compile(r"^[2-4]\d\d(?:-[2-4]\d\d)?(?:,[2-4]\d\d(?:-[2-4]\d\d)?)*$")
# Variable without its prefix -> least, most, unit.
RANGES = {
    "idle_timeout_seconds": (1, 4000, "seconds"),
    "deregistration_delay_seconds": (0, 3600, "seconds"),
    "origin_read_timeout_seconds": (1, 120, "seconds"),
    "origin_keepalive_timeout_seconds": (1, 120, "seconds"),
    "origin_secret_recovery_days": (7, 30, "days"),
    "target_port": (1, 65535, ""),
    "hsts_max_age_seconds": (0, 2**31 - 1, "seconds"),
}
HEALTH_RANGES = {
    "interval_seconds": (5, 300, "seconds"),
    "timeout_seconds": (2, 120, "seconds"),
    "healthy_count": (2, 10, "checks"),
    "unhealthy_count": (2, 10, "checks"),
}


def check(params: Mapping[str, Any], region: str) -> None:
    if region.startswith(("cn-", "us-gov-", "us-iso", "eusc-")):
        raise InvalidInput(f"platform_region: {region} belongs to a partition without {EDGE}, where CloudFront is kept")
    if params["environment"].startswith("internal"):
        raise InvalidInput(
            f"platform_environment: a load balancer cannot be called {params['environment']}-platform: names that begin with "
            "internal- are "
            "AWS's, so use an environment that begins otherwise"
        )
    _check_domain(params)
    vpc_lookups.check_zones("cloudfront_alb_zones", params["alb_zones"], region)
    for name, (least, most, unit) in RANGES.items():
        checks.within(f"cloudfront_{name}", params[name], least, most, unit)
    _check_timeouts(params)
    _check_health(params["health_check"])
    _check_tls(params)
    _check_headers(params)
    _check_geo(params)
    if not kms.KEY_NAME.match(params["origin_secret_key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['origin_secret_key']!r} of secretsmanager cannot be in an alias: lower-case "
            "letters, "
            "digits, _ and -"
        )
    for variable, name in (("platform_prefix", params["bucket_prefix"]), ("cloudfront_log_bucket", params["log_bucket"])):
        if not PART.fullmatch(name):
            raise InvalidInput(
                f"{variable}: {name!r} cannot be part of a bucket's name: lower-case letters, digits and single hyphens"
            )


def _one_of(variable: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInput(f"{variable}: {value!r} is none of {', '.join(choices)}")


def _check_domain(params: Mapping[str, Any]) -> None:
    domain, subdomain, zone_id = params.get("domain"), params["origin_subdomain"], params.get("hosted_zone_id")
    if not domain:
        if params["require_domain"]:
            raise InvalidInput(
                "platform_domain: '' is no domain, and without one CloudFront speaks plain HTTP to the load balancer: set one "
                "such as "
                "agents.example.com, or cloudfront_require_domain: false where that is acceptable"
            )
        for variable in ("hosted_zone_id", "manage_zone"):
            if params.get(variable):
                raise InvalidInput(
                    f"cloudfront_{variable}: {params[variable]!r} says where the records go, but platform_domain is empty: set "
                    "both or neither"
                )
        return
    if not DOMAIN.match(domain) or domain.rsplit(".", 1)[1].isdigit():
        raise InvalidInput(
            f"platform_domain: {domain!r} is no domain: use two or more labels of lower-case letters, digits and hyphens, joined "
            "by dots, "
            "such as agents.example.com"
        )
    if not re.fullmatch(LABEL, subdomain):
        raise InvalidInput(
            f"cloudfront_origin_subdomain: {subdomain!r} is no label of a domain: use lower-case letters, digits and hyphens, "
            "such as origin"
        )
    if len(f"{subdomain}.{domain}") > LONGEST_NAME:
        raise InvalidInput(
            f"platform_domain: {subdomain}.{domain}, the load balancer's name, has {len(subdomain) + len(domain) + 1} "
            "characters: a "
            f"certificate takes {LONGEST_NAME}"
        )
    if zone_id and not ZONE_ID.match(zone_id):
        raise InvalidInput(
            f"cloudfront_hosted_zone_id: {zone_id!r} is no id of a hosted zone: use one such as Z0123456789ABCDEFGHIJ"
        )
    if zone_id and params["manage_zone"]:
        raise InvalidInput(
            f"cloudfront_manage_zone: True makes a zone, and cloudfront_hosted_zone_id: {zone_id} names one that is there: set "
            "only one"
        )


def _check_timeouts(params: Mapping[str, Any]) -> None:
    """A connection that the load balancer ends first cuts off an answer, or a request that CloudFront sends at that moment."""
    idle = params["idle_timeout_seconds"]
    for variable in ("origin_read_timeout_seconds", "origin_keepalive_timeout_seconds"):
        if idle <= params[variable]:
            raise InvalidInput(
                f"cloudfront_idle_timeout_seconds: {idle} is not above cloudfront_{variable}, {params[variable]}, so the load "
                "balancer would "
                f"end connections that CloudFront goes on using: at least {params[variable] + 1}"
            )


def _check_health(health: Mapping[str, Any]) -> None:
    what = "cloudfront_health_check"
    for name, (least, most, unit) in HEALTH_RANGES.items():
        checks.within(f"{what}.{name}", health[name], least, most, unit)
    if health["timeout_seconds"] >= health["interval_seconds"]:
        raise InvalidInput(
            f"{what}.timeout_seconds: {health['timeout_seconds']} is not below interval_seconds, {health['interval_seconds']}: "
            f"at most {health['interval_seconds'] - 1}"
        )
    if not re.fullmatch(r"/[!-~]{0,1023}", health["path"]):
        raise InvalidInput(f"{what}.path: {health['path']!r} is no path: / and at most 1023 characters, without spaces")
    if not CODES.match(health["codes"]):
        raise InvalidInput(f"{what}.codes: {health['codes']!r} are no status codes: 200, 200,204 or 200-299, of 200 to 499")


def _check_tls(params: Mapping[str, Any]) -> None:
    policy = params["listener_tls_policy"]
    if not TLS_POLICY.match(policy):
        raise InvalidInput(
            f"cloudfront_listener_tls_policy: {policy!r} is none that begins at TLS 1.2 and offers TLS 1.3: use "
            "ELBSecurityPolicy-TLS13-1-2-2021-06 or a newer one of ELBSecurityPolicy-TLS13-1-2-* and -TLS13-1-3-*"
        )
    _one_of("cloudfront_viewer_tls", params["viewer_tls"], VIEWER_TLS)
    _one_of("cloudfront_price_class", params["price_class"], PRICE_CLASSES)


def _check_headers(params: Mapping[str, Any]) -> None:
    name = params["origin_header"]
    if not HEADER.match(name):
        raise InvalidInput(
            f"cloudfront_origin_header: {name!r} is no header that a rule of a load balancer reads: 1 to 40 letters, digits and "
            "hyphens"
        )
    if name.lower() in RESERVED_HEADERS or name.lower().startswith(RESERVED_BEGINNINGS):
        raise InvalidInput(f"cloudfront_origin_header: {name!r} is CloudFront's own to set: use one such as X-Origin-Verify")
    _one_of("cloudfront_referrer_policy", params["referrer_policy"], REFERRER_POLICIES)
    policy = params["content_security_policy"]
    if not re.fullmatch(r"[ -~]{1,1024}", policy):
        raise InvalidInput(
            f"cloudfront_content_security_policy: {policy[:40]!r} cannot be a header's value: 1 to 1024 characters on one line"
        )
    removed = [header.lower() for header in params["removed_headers"]]
    for header in removed:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]{1,128}", header) or header in UNREMOVABLE:
            raise InvalidInput(f"cloudfront_removed_headers: {header!r} is no header that CloudFront takes away")
    if len(set(removed)) < len(removed) or len(removed) > 10:
        raise InvalidInput(f"cloudfront_removed_headers: {', '.join(removed)}: name each header once, and at most 10")


def _check_geo(params: Mapping[str, Any]) -> None:
    kind, countries = params["geo_restriction"], params["geo_countries"]
    for country in countries:
        if not COUNTRY.match(country):
            raise InvalidInput(f"cloudfront_geo_countries: {country!r} is no country's code of two capitals, such as DE")
    if len(set(countries)) < len(countries):
        raise InvalidInput(f"cloudfront_geo_countries: {', '.join(countries)}: name each country once")
    if (kind == "none") == bool(countries):
        raise InvalidInput(
            f"cloudfront_geo_restriction: {kind!r} does not go with cloudfront_geo_countries: {countries}: name countries for "
            "allow and deny, "
            "and none for none"
        )
