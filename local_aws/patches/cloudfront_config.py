"""A distribution's configuration as CloudFront keeps it: what is left out filled in, what is wrong refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from moto.cloudfront.exceptions import CloudFrontException

from local_aws.patches.cloudfront_policies import require_policy

NONE: dict[str, Any] = {"Quantity": 0}
METHODS = ("HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH")
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-overview-required-fields.html
REQUIRED = (
    "CallerReference",
    "Origins",
    "DefaultCacheBehavior",
    "Comment",
    "Enabled",
)
REQUIRED_IN_UPDATES = (
    *REQUIRED,
    "Aliases",
    "DefaultRootObject",
    "CacheBehaviors",
    "CustomErrorResponses",
    "Logging",
    "PriceClass",
    "ViewerCertificate",
    "Restrictions",
    "WebACLId",
    "HttpVersion",
)
BEHAVIOR_REQUIRED_IN_UPDATES = (
    "AllowedMethods",
    "SmoothStreaming",
    "Compress",
    "LambdaFunctionAssociations",
    "FieldLevelEncryptionId",
)
ORIGIN_REQUIRED_IN_UPDATES = ("OriginPath", "CustomHeaders")
POLICIES = {
    "CachePolicyId": "cache",
    "OriginRequestPolicyId": "origin_request",
    "ResponseHeadersPolicyId": "response_headers",
}


def error(code: str, message: str) -> CloudFrontException:
    """A CloudFront error, to raise."""
    return CloudFrontException(code, message)


def behaviors(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The default cache behavior and the others."""
    return [config["DefaultCacheBehavior"], *(config.get("CacheBehaviors") or {}).get("Items", ())]


def completed(given: Mapping[str, Any], *, update: bool = False) -> dict[str, Any]:
    """The configuration that CloudFront answers to `given`; refuses what it refuses without looking at the account."""
    config = copy.deepcopy(dict(given))
    _require("", config, REQUIRED_IN_UPDATES if update else REQUIRED)
    for path, node in _nodes(config, ""):
        if "Quantity" in node and int(node["Quantity"]) != len(node.get("Items") or ()):
            raise error("InconsistentQuantities", f"The value of Quantity and the size of Items don't match: {path}")
    defaults = {
        "Aliases": NONE,
        "DefaultRootObject": "",
        "OriginGroups": NONE,
        "CacheBehaviors": NONE,
        "CustomErrorResponses": NONE,
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "ContinuousDeploymentPolicyId": "",
        "Staging": False,
    }
    config = {**copy.deepcopy(defaults), **config}
    config["HttpVersion"] = config["HttpVersion"].lower()
    config["ViewerCertificate"] = _certificate(config.get("ViewerCertificate") or {})
    for origin in config["Origins"].get("Items") or ():
        _complete_origin(origin, update)
    for behavior in behaviors(config):
        _complete_behavior(behavior, update)
    names = [origin["Id"] for origin in config["Origins"].get("Items") or ()]
    groups = [group["Id"] for group in config["OriginGroups"].get("Items") or ()]
    if not names or len(set(names)) != len(names):
        raise error("InvalidArgument", "Origins need ids of their own, and there is at least one.")
    if any(behavior["TargetOriginId"] not in (*names, *groups) for behavior in behaviors(config)):
        raise error("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
    return config


def check_references(backend: Any, config: Mapping[str, Any], own: str | None) -> None:
    """Refuse what names something that is not there, or that is another distribution's."""
    for behavior in behaviors(config):
        for member, kind in POLICIES.items():
            if behavior.get(member):
                require_policy(backend, kind, behavior[member])
    for origin in config["Origins"]["Items"]:
        control = origin["OriginAccessControlId"]
        if control and control not in backend.origin_access_controls:
            raise error("InvalidOriginAccessControl", "The origin access control is not valid.")
    names = set(config["Aliases"].get("Items") or ())
    for other in backend.distributions.values():
        taken = names & set(other.config["Aliases"].get("Items") or ())
        if other.id != own and taken:
            message = f"One or more of the CNAMEs you provided are already associated with a different resource: {sorted(taken)}"
            raise error("CNAMEAlreadyExists", message)
    _check_certificate(backend.account_id, config["ViewerCertificate"], names)
    _check_web_acl(backend.account_id, config["WebACLId"])


def _require(place: str, node: Mapping[str, Any], members: tuple[str, ...]) -> None:
    for member in members:
        if node.get(member) is None:
            raise error("InvalidArgument", f"The parameter {place}{member} is required.")


def _nodes(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            yield from _nodes(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _nodes(inner, path)


def _certificate(given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("ACMCertificateArn"):
        if not given.get("SSLSupportMethod"):
            raise error("InvalidViewerCertificate", "The parameter SSLSupportMethod is required with a certificate.")
        arn = given["ACMCertificateArn"]
        minimum = given.get("MinimumProtocolVersion") or "TLSv1"
        kept = {"ACMCertificateArn": arn, "SSLSupportMethod": given["SSLSupportMethod"], "MinimumProtocolVersion": minimum}
        return {"CloudFrontDefaultCertificate": False, **kept, "Certificate": arn, "CertificateSource": "acm"}
    if given.get("IAMCertificateId"):
        return dict(given)
    return {
        "CloudFrontDefaultCertificate": True,
        "SSLSupportMethod": "vip",
        "MinimumProtocolVersion": "TLSv1",
        "CertificateSource": "cloudfront",
    }


def _complete_origin(origin: dict[str, Any], update: bool) -> None:
    if update:
        _require(f"Origins.{origin['Id']}.", origin, ORIGIN_REQUIRED_IN_UPDATES)
    kinds = [kind for kind in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig") if origin.get(kind)]
    if len(kinds) != 1:
        raise error("InvalidOrigin", "An origin has exactly one of S3OriginConfig, CustomOriginConfig and VpcOriginConfig.")
    if "S3OriginConfig" in kinds and not origin["DomainName"].endswith("amazonaws.com"):
        raise error("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket.")
    defaults = {
        "OriginPath": "",
        "CustomHeaders": NONE,
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
    }
    origin.update({**copy.deepcopy(defaults), **origin})
    for header in origin["CustomHeaders"].get("Items") or ():
        if header["HeaderName"].lower().startswith(("x-amz-", "x-edge-")) or header["HeaderName"].lower() == "host":
            raise error("InvalidArgument", f"The origin custom header {header['HeaderName']} is not allowed.")
    custom = origin.get("CustomOriginConfig")
    if custom:
        protocols = {"Quantity": 2, "Items": ["SSLv3", "TLSv1"]}
        defaults = {"OriginSslProtocols": protocols, "OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5}
        custom.update({**defaults, **custom})
        for member in ("OriginReadTimeout", "OriginKeepaliveTimeout"):
            if not 1 <= int(custom[member]) <= 120:
                raise error(f"Invalid{member}", f"The parameter {member} {custom[member]} is outside 1 to 120.")


def _complete_behavior(behavior: dict[str, Any], update: bool) -> None:
    if update:
        _require("CacheBehavior.", behavior, BEHAVIOR_REQUIRED_IN_UPDATES)
    if not behavior.get("CachePolicyId"):
        _require("", behavior, ("ForwardedValues", "MinTTL"))
        behavior.update({"DefaultTTL": 86400, "MaxTTL": 31536000, **behavior})
    elif behavior.get("ForwardedValues"):
        raise error("InvalidArgument", "The parameter ForwardedValues cannot be used when a cache policy is associated.")
    elif {"MinTTL", "DefaultTTL", "MaxTTL"} & set(behavior):
        raise error("InvalidArgument", "The parameters MinTTL, DefaultTTL and MaxTTL cannot be used with a cache policy.")
    defaults = {
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "AllowedMethods": {"Quantity": 2, "Items": ["HEAD", "GET"]},
        "SmoothStreaming": False,
        "Compress": False,
        "LambdaFunctionAssociations": NONE,
        "FunctionAssociations": NONE,
        "FieldLevelEncryptionId": "",
        "GrpcConfig": {"Enabled": False},
    }
    behavior.update({**copy.deepcopy(defaults), **behavior})
    allowed = behavior["AllowedMethods"]
    allowed.setdefault("CachedMethods", {"Quantity": 2, "Items": ["HEAD", "GET"]})
    if set(allowed["Items"]) not in ({"GET", "HEAD"}, {"GET", "HEAD", "OPTIONS"}, set(METHODS)):
        raise error("InvalidArgument", f"The parameter AllowedMethods contains a set of methods that is not allowed: {allowed}")
    for methods in (allowed, allowed["CachedMethods"]):
        methods["Items"] = sorted(methods["Items"], key=METHODS.index)  # in AWS's order, whatever was given


def _check_web_acl(account: str, arn: str) -> None:
    if arn:
        from moto.wafv2.models import GLOBAL_REGION, wafv2_backends

        if (
            not any(arn in wafv2_backends[account][region].wacls for region in (GLOBAL_REGION, "us-east-1"))
            or ":global/" not in arn
        ):
            raise error("InvalidWebACLId", f"The specified web ACL does not exist or is not valid: {arn}")


def _check_certificate(account: str, certificate: Mapping[str, Any], names: set[str]) -> None:
    arn = certificate.get("ACMCertificateArn")
    if not arn:
        if names:
            raise error(
                "InvalidViewerCertificate",
                "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a trusted certificate "
                "that validates your authorization to use the domain name.",
            )
        return
    from moto.acm.models import acm_backends

    message = (
        "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include a valid chain."
    )
    known = acm_backends[account]["us-east-1"]._certificates.get(arn)
    if known is None or known.status != "ISSUED":
        raise error("InvalidViewerCertificate", message)
    for name in names:
        if not {name, f"*.{name.partition('.')[2]}"} & {known.common_name, *known.sans}:
            raise error("InvalidViewerCertificate", f"The certificate that is attached to your distribution doesn't cover {name}.")
