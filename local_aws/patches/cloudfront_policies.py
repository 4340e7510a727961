"""Patches to CloudFront's policies: cache, origin request and response headers policies."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from moto.cloudfront import urls
from moto.cloudfront.exceptions import CloudFrontException
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random

from local_aws.patches import patch, replace

Settings = dict[str, Any]


class Family(NamedTuple):
    """One of the three kinds of policies: its name in operations and members, in paths, and in a cache behavior."""

    name: str
    path: str
    member: str
    managed: dict[str, tuple[str, Settings]]


def _cache(minimum: int, default: int, maximum: int, **keys: Any) -> Settings:
    brotli = keys.pop("brotli", minimum > 0)
    gzip = keys.pop("gzip", brotli)
    parameters = {
        "EnableAcceptEncodingGzip": gzip,
        "EnableAcceptEncodingBrotli": brotli,
        "HeadersConfig": _some("Header", keys.get("headers")),
        "CookiesConfig": {"CookieBehavior": keys.get("cookies", "none")},
        "QueryStringsConfig": {"QueryStringBehavior": keys.get("query", "none")},
    }
    ttl = {"MinTTL": minimum, "DefaultTTL": default, "MaxTTL": maximum}
    return {**ttl, "ParametersInCacheKeyAndForwardedToOrigin": parameters}


def _some(kind: str, items: list[str] | None, behavior: str = "whitelist") -> Settings:
    if not items:
        return {f"{kind}Behavior": "none"}
    return {f"{kind}Behavior": behavior, f"{kind}s": {"Quantity": len(items), "Items": items}}


def _request(headers: str | list[str] | Settings = "none", cookies: str = "none", query: str = "none") -> Settings:
    chosen = _some("Header", headers) if isinstance(headers, list) else headers
    return {
        "HeadersConfig": {"HeaderBehavior": chosen} if isinstance(chosen, str) else chosen,
        "CookiesConfig": {"CookieBehavior": cookies},
        "QueryStringsConfig": {"QueryStringBehavior": query},
    }


ANY = {"Quantity": 1, "Items": ["*"]}
SECURITY = {
    "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True},
    "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
    "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"},
    "ContentTypeOptions": {"Override": True},
    "StrictTransportSecurity": {
        "Override": False,
        "IncludeSubdomains": False,
        "Preload": False,
        "AccessControlMaxAgeSec": 31536000,
    },
}
SIMPLE_CORS = {
    "AccessControlAllowOrigins": ANY,
    "AccessControlAllowHeaders": ANY,
    "AccessControlAllowMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
    "AccessControlAllowCredentials": False,
    "OriginOverride": False,
}
PREFLIGHT = {
    **SIMPLE_CORS,
    "AccessControlAllowMethods": {"Quantity": 7, "Items": ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]},
    "AccessControlExposeHeaders": ANY,
}

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html and its neighbours
CACHE = {
    "Managed-CachingDisabled": ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", _cache(0, 0, 0)),
    "Managed-CachingOptimized": ("658327ea-f89d-4fab-a63d-7e88639e58f6", _cache(1, 86400, 31536000)),
    "Managed-CachingOptimizedForUncompressedObjects": (
        "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
        _cache(1, 86400, 31536000, brotli=False),
    ),
    "Managed-Elemental-MediaPackage": (
        "08627262-05a9-4f76-9ded-b50ca2e3a84f",
        _cache(0, 86400, 31536000, gzip=True, headers=["origin"]),
    ),
    "Managed-Amplify": (
        "2e54312d-136d-493c-8eb9-b001f22f67d2",
        _cache(2, 2, 600, headers=["Authorization", "CloudFront-Viewer-Country", "Host"], cookies="all", query="all"),
    ),
    "UseOriginCacheControlHeaders": (
        "83da9c7e-98b4-4e11-a168-04f0df8e2c65",
        _cache(0, 0, 31536000, brotli=True, headers=["x-method-override", "origin", "host", "x-http-method"], cookies="all"),
    ),
    "UseOriginCacheControlHeaders-QueryStrings": (
        "4cc15a8a-d715-48a4-82b8-cc0b614638fe",
        _cache(
            0,
            0,
            31536000,
            brotli=True,
            headers=["x-method-override", "origin", "host", "x-http-method"],
            cookies="all",
            query="all",
        ),
    ),
}
REQUEST = {
    "Managed-AllViewer": ("216adef6-5c7f-47e4-b989-5492eafa07d3", _request("allViewer", "all", "all")),
    "Managed-AllViewerExceptHostHeader": (
        "b689b0a8-53d0-40ab-baf2-68738e2966ac",
        _request(_some("Header", ["host"], "allExcept"), "all", "all"),
    ),
    "Managed-AllViewerAndCloudFrontHeaders-2022-06": (
        "33f36d7e-f396-46d9-90e0-52428a34d9dc",
        _request(_some("Header", ["CloudFront-Viewer-Address"], "allViewerAndWhitelistCloudFront"), "all", "all"),
    ),
    "Managed-CORS-CustomOrigin": ("59781a5b-3903-41f3-afcb-af62929ccde1", _request(["origin"])),
    "Managed-CORS-S3Origin": (
        "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
        _request(["origin", "access-control-request-headers", "access-control-request-method"]),
    ),
    "Managed-HostHeaderOnly": ("bf0718e1-ba1e-49d1-88b1-f726733018ae", _request(["host"])),
    "Managed-UserAgentRefererHeaders": ("acba4595-bd28-49b8-b9fe-13317c0390fa", _request(["user-agent", "referer"])),
    "Managed-Elemental-MediaTailor-PersonalizedManifests": (
        "775133bc-15f2-49f9-abea-afb2e0bf67d2",
        _request(["origin", "access-control-request-headers", "access-control-request-method", "user-agent", "x-forwarded-for"]),
    ),
}
RESPONSE = {
    "Managed-SimpleCORS": ("60669652-455b-4ae9-85a4-c4c02393f86c", {"CorsConfig": SIMPLE_CORS}),
    "Managed-CORS-With-Preflight": ("5cc3b908-e619-4b99-88e5-2cf7f45965bd", {"CorsConfig": PREFLIGHT}),
    "Managed-SecurityHeadersPolicy": ("67f7725c-6f97-4210-82d7-5512b31e9d03", {"SecurityHeadersConfig": SECURITY}),
    "Managed-CORS-and-SecurityHeadersPolicy": (
        "e61eb60c-9c35-4d20-a928-2b84e02af89c",
        {"CorsConfig": SIMPLE_CORS, "SecurityHeadersConfig": SECURITY},
    ),
    "Managed-CORS-with-preflight-and-SecurityHeadersPolicy": (
        "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
        {"CorsConfig": PREFLIGHT, "SecurityHeadersConfig": SECURITY},
    ),
}
FAMILIES = {
    "cache": Family("CachePolicy", "cache-policy", "CachePolicyId", CACHE),
    "origin_request": Family("OriginRequestPolicy", "origin-request-policy", "OriginRequestPolicyId", REQUEST),
    "response_headers": Family("ResponseHeadersPolicy", "response-headers-policy", "ResponseHeadersPolicyId", RESPONSE),
}
MANAGED_ETAG = "E23ZP02F085DFQ"


def new_id(prefix: str = "E") -> str:
    """An id or ETag in CloudFront's style."""
    return prefix + mock_random.get_random_string(length=13, lower_case=False).upper()


def check_match(etag: str, given: str | None) -> None:
    """Refuse an If-Match that is missing or no longer the resource's."""
    if not given:
        raise CloudFrontException("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
    if given.strip('"') != etag:
        message = "The request failed because it didn't meet the preconditions in one or more request-header fields."
        raise CloudFrontException("PreconditionFailed", message)


def require_policy(backend: Any, kind: str, identifier: str) -> Settings:
    """The policy of this id, the account's or AWS's; NoSuch...Policy when there is none."""
    for policy in _all(backend, kind):
        if policy["Id"] == identifier:
            return policy
    name = FAMILIES[kind].name
    raise CloudFrontException(f"NoSuch{name}", f"The specified {name} does not exist: {identifier}")


def _own(backend: Any, kind: str) -> dict[str, Settings]:
    stored = backend.__dict__.setdefault("_local_policies", {})
    return stored.setdefault(kind, {})


def _all(backend: Any, kind: str) -> Iterator[Settings]:
    for name, (identifier, settings) in FAMILIES[kind].managed.items():
        config = {"Comment": "", "Name": name, **settings}
        yield {
            "Id": identifier,
            "Type": "managed",
            "Config": config,
            "ETag": MANAGED_ETAG,
            "LastModifiedTime": "2021-01-01T00:00:00Z",
        }
    yield from _own(backend, kind).values()


@patch
def policies() -> None:
    """AWS has cache, origin request and response headers policies of the account, and its own (Type managed) under ids that are
    the same everywhere; it refuses a name twice (...AlreadyExists), a stale ETag (PreconditionFailed), any change of a managed
    one (IllegalUpdate, IllegalDelete), and to delete one that a distribution uses (...InUse). moto has none."""
    for kind in FAMILIES:
        _install(kind)


def _install(kind: str) -> None:
    family = FAMILIES[kind]
    for path in (f"/{family.path}$", f"/{family.path}/(?P<policy_id>[^/]+)$", f"/{family.path}/(?P<policy_id>[^/]+)/config$"):
        urls.url_paths[f"{{0}}/2020-05-31{path}"] = CloudFrontResponse.dispatch
    key = f"{family.name}Config"

    @replace(CloudFrontResponse, f"create_{kind}_policy")
    def create(self: Any) -> ActionResult:
        config = _checked(self.backend, kind, self._get_param(key), None)
        identifier = str(mock_random.uuid4())
        policy = {"Id": identifier, "Type": "custom", "Config": config, "ETag": new_id(), "LastModifiedTime": utcnow()}
        _own(self.backend, kind)[identifier] = policy
        location = f"https://cloudfront.amazonaws.com/2020-05-31/{family.path}/{identifier}"
        return ActionResult({family.name: _view(family, policy), "ETag": policy["ETag"], "Location": location})

    @replace(CloudFrontResponse, f"get_{kind}_policy")
    def get(self: Any) -> ActionResult:
        policy = require_policy(self.backend, kind, self._get_param("Id"))
        return ActionResult({family.name: _view(family, policy), "ETag": policy["ETag"]})

    @replace(CloudFrontResponse, f"get_{kind}_policy_config")
    def get_config(self: Any) -> ActionResult:
        policy = require_policy(self.backend, kind, self._get_param("Id"))
        return ActionResult({key: policy["Config"], "ETag": policy["ETag"]})

    @replace(CloudFrontResponse, f"update_{kind}_policy")
    def update(self: Any) -> ActionResult:
        policy = require_policy(self.backend, kind, self._get_param("Id"))
        if policy["Type"] == "managed":
            raise CloudFrontException("IllegalUpdate", "The update contains modifications that are not allowed.")
        check_match(policy["ETag"], self._get_param("IfMatch"))
        policy["Config"] = _checked(self.backend, kind, self._get_param(key), policy["Id"])
        policy["ETag"], policy["LastModifiedTime"] = new_id(), utcnow()
        return ActionResult({family.name: _view(family, policy), "ETag": policy["ETag"]})

    @replace(CloudFrontResponse, f"delete_{kind}_policy")
    def delete(self: Any) -> ActionResult:
        policy = require_policy(self.backend, kind, self._get_param("Id"))
        if policy["Type"] == "managed":
            raise CloudFrontException("IllegalDelete", "Deletion is not allowed for this entity.")
        check_match(policy["ETag"], self._get_param("IfMatch"))
        if _used(self.backend, family.member, policy["Id"]):
            raise CloudFrontException(
                f"{family.name}InUse", f"Cannot delete the {family.name} because it is attached to one or more cache behaviors."
            )
        del _own(self.backend, kind)[policy["Id"]]
        return EmptyResult()

    plural = f"list_{kind}_policies"

    @replace(CloudFrontResponse, plural)
    def list_policies(self: Any) -> ActionResult:
        wanted = self._get_param("Type")
        found = [policy for policy in _all(self.backend, kind) if wanted in (None, policy["Type"])]
        start, limit = int(self._get_param("Marker") or 0), int(self._get_param("MaxItems") or 100)
        page = found[start : start + limit]
        items = [{"Type": policy["Type"], family.name: _view(family, policy)} for policy in page]
        answer = {"MaxItems": limit, "Quantity": len(items), "Items": items}
        if start + limit < len(found):
            answer["NextMarker"] = str(start + limit)
        return ActionResult({f"{family.name}List": answer})


def _view(family: Family, policy: Mapping[str, Any]) -> Settings:
    shown = {"Id": policy["Id"], "LastModifiedTime": policy["LastModifiedTime"]}
    return {**shown, f"{family.name}Config": policy["Config"]}


def _checked(backend: Any, kind: str, given: Mapping[str, Any], own: str | None) -> Settings:
    family, config = FAMILIES[kind], copy.deepcopy(dict(given))
    for other in _all(backend, kind):
        if other["Config"]["Name"] == config["Name"] and other["Id"] != own:
            raise CloudFrontException(f"{family.name}AlreadyExists", f"A {family.name} with that name exists: {other['Id']}")
    for holder in (item for item in _walk(config) if "Quantity" in item):
        if int(holder["Quantity"]) != len(holder.get("Items") or ()):
            raise CloudFrontException("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
    if kind == "cache":
        config = {"DefaultTTL": 86400, "MaxTTL": 31536000, **config}
    if not config.get("MinTTL", 0) <= config.get("DefaultTTL", 0) <= config.get("MaxTTL", 0):
        raise CloudFrontException("InvalidArgument", "MinTTL, DefaultTTL and MaxTTL are not in ascending order.")
    if kind == "response_headers":
        names = [name for name in config if name.endswith("Config")]
        if not any(config[name] for name in names):
            raise CloudFrontException("InvalidArgument", "A response headers policy has at least one header.")
    config.setdefault("Comment", "")
    return config


def _walk(value: Any) -> Iterator[Settings]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _walk(inner)


def _used(backend: Any, member: str, identifier: str) -> bool:
    from local_aws.patches.cloudfront_config import behaviors

    return any(
        behavior.get(member) == identifier
        for distribution in backend.distributions.values()
        for behavior in behaviors(distribution.config)
    )
