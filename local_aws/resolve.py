"""Which AWS operation an HTTP request is: its service, operation and region, named as botocore names them.

The service comes from the credential scope of the signature; the operation from `X-Amz-Target` (JSON services), from
`Action` (query services), or from method and path matched against botocore's service model (REST services).
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import UnknownServiceError
from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException

from local_aws.gate import Call

UNKNOWN = "unknown"

# Signing names that are not the name of botocore's service.
SIGNING_NAMES = {
    "aps": "amp",
    "access-analyzer": "accessanalyzer",
    "elasticfilesystem": "efs",
    "elasticloadbalancing": "elbv2",
    "elasticmapreduce": "emr",
    "email": "ses",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
# Services that sign with another's name, by the prefix of X-Amz-Target.
TARGETS = {
    "AnyScaleFrontendService": "application-autoscaling",
    "DynamoDBStreams_20120810": "dynamodbstreams",
}
# The same, by the version of a query request: (signing name, Version).
VERSIONS = {("elasticloadbalancing", "2012-06-01"): "elb"}
# Operations that share a path with another: (service, operation found or unknown, what the query says) -> operation.
BY_QUERY = {
    ("cloudfront", "CreateDistribution", "WithTags"): "CreateDistributionWithTags",
    ("cloudfront", "unknown", "Operation=Tag"): "TagResource",
    ("cloudfront", "unknown", "Operation=Untag"): "UntagResource",
}


def resolve(environ: dict[str, Any]) -> Call:
    """Name the call that a WSGI environ carries. A body that was read is put back."""
    signing_name, region = _scope(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    prefix, _, operation = target.rpartition(".")
    service = TARGETS.get(prefix) or SIGNING_NAMES.get(signing_name, signing_name)
    if target:
        return Call(service, operation, region)
    form = _form(environ)
    if "Action" in form:
        version = form.get("Version", [""])[0]
        return Call(VERSIONS.get((signing_name, version), service), form["Action"][0], region)
    if service == "s3" and environ.get("PATH_INFO", "").startswith("/v20180820/"):
        service = "s3control"
    return Call(service, _from_path(service, environ), region)


def _scope(environ: dict[str, Any]) -> tuple[str, str]:
    """Signing name and region of the credential scope; S3 in us-east-1 for what is not signed, as moto takes it."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    query = environ.get("QUERY_STRING", "")
    credential = authorization.partition("Credential=")[2].split(",")[0]
    if not credential and "X-Amz-Credential" in query:
        credential = parse_qs(query).get("X-Amz-Credential", [""])[0]
    parts = credential.strip().split("/")
    return (parts[-2].lower(), parts[-3]) if len(parts) >= 5 else ("s3", "us-east-1")


def _form(environ: dict[str, Any]) -> dict[str, list[str]]:
    if "Action=" in environ.get("QUERY_STRING", ""):
        return parse_qs(environ["QUERY_STRING"])
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return parse_qs(body.decode(), keep_blank_values=True)


def _from_path(service: str, environ: dict[str, Any]) -> str:
    try:
        found = str(get_service_router(service).match(Request(dict(environ)))[0].name)
    except (HTTPException, NotImplementedError, UnknownServiceError):
        found = UNKNOWN
    for said in environ.get("QUERY_STRING", "").split("&"):
        found = BY_QUERY.get((service, found, said.removesuffix("=")), found)
    return found
