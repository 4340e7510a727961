# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A distribution's configuration in the API's form, and as the fields of the kind. Pure.

Facts: CloudFront API reference (DistributionConfig). What a distribution's configuration holds besides these fields is handed
back as it was read. The value of the header that proves to the origin who is asking is a secret, and part of no field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Of AWS's own policies; the ids are the same in every account (developer guide, "Use managed ... policies").
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
# The zone of every distribution's name, for aliases.
HOSTED_ZONE = "Z2FDTNDATAQYW2"
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
ONLY_READS = ("GET", "HEAD")

# Field -> member, where the value is the same.
PLAIN = {
    "comment": "Comment",
    "enabled": "Enabled",
    "price_class": "PriceClass",
    "http_version": "HttpVersion",
    "ipv6": "IsIPV6Enabled",
    "web_acl": "WebACLId",
    "default_root_object": "DefaultRootObject",
}
BEHAVIOR = {
    "viewer_protocol": "ViewerProtocolPolicy",
    "compress": "Compress",
    "cache_policy": "CachePolicyId",
    "origin_request_policy": "OriginRequestPolicyId",
    "response_headers_policy": "ResponseHeadersPolicyId",
}
ORIGIN = {
    "http_port": "HTTPPort",
    "https_port": "HTTPSPort",
    "protocol": "OriginProtocolPolicy",
    "read_timeout_seconds": "OriginReadTimeout",
    "keepalive_timeout_seconds": "OriginKeepaliveTimeout",
}
FIELDS = (*PLAIN, "aliases", "viewer_certificate", "origin", "behavior", "geo_restriction", "cache_behaviors", "error_responses")


def items(value: Mapping[str, Any] | None) -> list[Any]:
    return list((value or {}).get("Items") or ())


def listed(values: Sequence[Any]) -> dict[str, Any]:
    """A list as CloudFront takes it: empty ones have no items at all."""
    return {"Quantity": len(values), **({"Items": list(values)} if values else {})}


def fields_of(config: Mapping[str, Any], origin_id: str) -> dict[str, Any]:
    """The fields; of the origins only ours, ``origin_id``, and how many there are besides."""
    origins = items(config["Origins"])
    ours = next((origin for origin in origins if origin["Id"] == origin_id), None)
    return {
        **{field: config.get(member) for field, member in PLAIN.items()},
        "default_root_object": config.get("DefaultRootObject") or "",
        "web_acl": config.get("WebACLId") or "",
        "aliases": items(config.get("Aliases")),
        "viewer_certificate": _certificate(config.get("ViewerCertificate") or {}),
        "origin": _origin(ours, len(origins)) if ours else None,
        "behavior": _behavior(config["DefaultCacheBehavior"]),
        "geo_restriction": _geo(config.get("Restrictions") or {}),
        "cache_behaviors": [behavior["PathPattern"] for behavior in items(config.get("CacheBehaviors"))],
        "error_responses": [response["ErrorCode"] for response in items(config.get("CustomErrorResponses"))],
    }


def _certificate(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """Empty for CloudFront's own, which comes with a minimum that nobody can choose."""
    if "ACMCertificateArn" not in certificate:
        return {}
    return {"arn": certificate["ACMCertificateArn"], "minimum_tls": certificate.get("MinimumProtocolVersion")}


def _origin(origin: Mapping[str, Any], number: int) -> dict[str, Any]:
    custom = origin.get("CustomOriginConfig") or {}
    return {
        "host": origin["DomainName"],
        "path": origin.get("OriginPath") or "",
        **{field: custom.get(member) for field, member in ORIGIN.items()},
        "tls": items(custom.get("OriginSslProtocols")),
        "headers": [header["HeaderName"] for header in items(origin.get("CustomHeaders"))],
        "others": number - 1,
    }


def _behavior(behavior: Mapping[str, Any]) -> dict[str, Any]:
    methods = behavior.get("AllowedMethods") or {}
    return {
        **{field: behavior.get(member) for field, member in BEHAVIOR.items()},
        "origin": behavior["TargetOriginId"],
        "methods": sorted(items(methods)),
    }


def _geo(restrictions: Mapping[str, Any]) -> dict[str, Any]:
    geo = restrictions.get("GeoRestriction") or {}
    return {"type": geo.get("RestrictionType", "none"), "countries": sorted(items(geo))}


def sent_value(config: Mapping[str, Any], origin_id: str, header: str) -> str | None:
    """The secret that the origin gets in ``header``."""
    for origin in items(config["Origins"]):
        if origin["Id"] == origin_id:
            sent = {each["HeaderName"].lower(): each["HeaderValue"] for each in items(origin.get("CustomHeaders"))}
            return sent.get(header.lower())
    return None


def written(values: Mapping[str, Any], header: str, secret: str, standing: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The members for the fields; ``standing`` is the configuration whose other settings stay."""
    standing = standing or {}
    behavior = {
        "FieldLevelEncryptionId": "",
        "SmoothStreaming": False,
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "LambdaFunctionAssociations": {"Quantity": 0},
        "FunctionAssociations": {"Quantity": 0},
        **{name: value for name, value in (standing.get("DefaultCacheBehavior") or {}).items() if name not in OLD_CACHING},
        **{member: values["behavior"][field] for field, member in BEHAVIOR.items()},
        "TargetOriginId": values["behavior"]["origin"],
        "AllowedMethods": _written_methods(values["behavior"]["methods"], standing),
    }
    geo = values["geo_restriction"]
    return {
        **standing,
        **{member: values[field] for field, member in PLAIN.items()},
        "Aliases": listed(values["aliases"]),
        "ViewerCertificate": _written_certificate(values["viewer_certificate"], standing.get("ViewerCertificate") or {}),
        "Origins": listed([_written_origin(values, header, secret, standing)]),
        **_written_groups(standing),
        "DefaultCacheBehavior": behavior,
        "Restrictions": {"GeoRestriction": {"RestrictionType": geo["type"], **listed(geo["countries"])}},
        "CacheBehaviors": listed([]),
        "CustomErrorResponses": listed([]),
    }


# What a behaviour without a cache policy has in its place.
OLD_CACHING = ("ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL")
# What an origin of another sort has in place of CustomOriginConfig.
OTHER_ORIGINS = ("S3OriginConfig", "VpcOriginConfig")


def _written_certificate(certificate: Mapping[str, Any], standing: Mapping[str, Any]) -> dict[str, Any]:
    if not certificate:
        return {"CloudFrontDefaultCertificate": True}
    # What is told of CloudFront's own is no choice of anybody's.
    chosen = "ACMCertificateArn" in standing and standing.get("SSLSupportMethod")
    return {
        "ACMCertificateArn": certificate["arn"],
        "SSLSupportMethod": chosen or "sni-only",
        "MinimumProtocolVersion": certificate["minimum_tls"],
    }


def _written_methods(methods: Sequence[str], standing: Mapping[str, Any]) -> dict[str, Any]:
    """Of those whose answers are cached the standing ones, as far as they are among ``methods``."""
    cached = items(((standing.get("DefaultCacheBehavior") or {}).get("AllowedMethods") or {}).get("CachedMethods"))
    return {**listed(methods), "CachedMethods": listed(cached if cached and set(cached) <= set(methods) else ONLY_READS)}


def _written_groups(standing: Mapping[str, Any]) -> dict[str, Any]:
    """A group of origins has two or more, and ours stays alone."""
    return {"OriginGroups": listed([])} if items(standing.get("OriginGroups")) else {}


def _written_origin(values: Mapping[str, Any], header: str, secret: str, standing: Mapping[str, Any]) -> dict[str, Any]:
    """Ours over the standing origin of the same id, else over what CloudFront makes of one that says no more."""
    origin, name = values["origin"], values["behavior"]["origin"]
    kept = next((each for each in items(standing.get("Origins")) if each["Id"] == name), {})
    return {
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
        **{member: value for member, value in kept.items() if member not in OTHER_ORIGINS},
        "Id": name,
        "DomainName": origin["host"],
        "OriginPath": origin["path"],
        "CustomHeaders": listed([{"HeaderName": header, "HeaderValue": secret}]),
        "CustomOriginConfig": {
            **(kept.get("CustomOriginConfig") or {}),
            **{member: origin[field] for field, member in ORIGIN.items()},
            "OriginSslProtocols": listed(origin["tls"]),
        },
    }
