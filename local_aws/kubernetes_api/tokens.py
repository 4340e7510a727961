"""The tokens that an EKS cluster takes: a presigned call of STS's GetCallerIdentity that names the cluster in a signed header.

A cluster lets STS answer that call, with its own name in the header. Here the signature is worked out anew where the secret key is
known: those of IAM users, and that of the local AWS's usual caller. Of others the form alone is checked.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PREFIX = "k8s-aws-v1."
HEADER = "x-k8s-aws-id"
HOST = re.compile(r"^sts\.(?:([a-z0-9-]+)\.)?amazonaws\.com(?:\.cn)?$")
LONGEST = 900  # seconds
USUAL = {"testing": "testing"}
TIME = "%Y%m%dT%H%M%SZ"


class Refused(Exception):
    """Why a token is not taken."""


def check(authorization: str, cluster: str, secrets: dict[str, str]) -> str:
    """The access key of a good token for ``cluster``. Raises Refused."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or not token.startswith(PREFIX):
        raise Refused(f"no bearer token that begins with {PREFIX}")
    encoded = token.removeprefix(PREFIX)
    if "=" in encoded:
        raise Refused("the token is padded")
    try:
        url = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refused("the token holds no URL") from error
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host = HOST.match(parts.netloc)
    if parts.scheme != "https" or not host or parts.path not in ("", "/") or query.get("Action") != "GetCallerIdentity":
        raise Refused("the token is no call of GetCallerIdentity over https to STS")
    if HEADER not in query.get("X-Amz-SignedHeaders", "").split(";"):
        raise Refused(f"{HEADER} is not signed")
    _check_time(query)
    access_key = query.get("X-Amz-Credential", "").split("/")[0]
    if not access_key:
        raise Refused("no credential")
    secret = {**USUAL, **secrets}.get(access_key)
    if secret and query.get("X-Amz-Signature") != _signature(url, parts.netloc, cluster, query, access_key, secret):
        raise Refused(f"the signature is not one of {access_key} for the cluster {cluster}")
    return access_key


def _check_time(query: dict[str, str]) -> None:
    try:
        made = datetime.datetime.strptime(query["X-Amz-Date"], TIME).replace(tzinfo=datetime.UTC)
        lasts = int(query["X-Amz-Expires"])
    except (KeyError, ValueError) as error:
        raise Refused("the token has no time") from error
    age = (datetime.datetime.now(datetime.UTC) - made).total_seconds()
    if not 0 < lasts <= LONGEST or age > LONGEST or age < -LONGEST:
        raise Refused("the token has expired")


class _Then(SigV4QueryAuth):
    """Signs as it was signed then."""

    def _modify_request_before_signing(self, request: Any) -> None:
        """The URL has all parameters already."""


def _signature(url: str, host: str, cluster: str, query: dict[str, str], access_key: str, secret: str) -> str:
    region, service = query["X-Amz-Credential"].split("/")[2:4]
    bare = "&".join(pair for pair in url.partition("?")[2].split("&") if not pair.startswith("X-Amz-Signature="))
    request = AWSRequest("GET", f"{url.partition('?')[0]}?{bare}", headers={"host": host, HEADER: cluster})
    request.context["timestamp"] = query["X-Amz-Date"]
    signer = _Then(Credentials(access_key, secret, query.get("X-Amz-Security-Token")), service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return signer.signature(text, request)
