"""AWS errors as bytes, in the protocol of the service that answers."""

from __future__ import annotations

import functools
import json
from typing import NamedTuple
from xml.sax.saxutils import escape

import botocore.session


class Response(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@functools.cache
def protocol_of(service: str) -> str:
    """The protocol in which botocore talks to a service (`query`, `ec2`, `json`, `rest-json`, `rest-xml`, ...)."""
    try:
        return str(_session().get_service_model(service).resolved_protocol)
    except Exception:  # a service that botocore does not know: any readable body will do
        return "json"


@functools.cache
def _session() -> botocore.session.Session:
    return botocore.session.Session()


REQUEST_ID = "00000000-0000-4000-8000-000000000000"


def error_response(service: str, code: str, message: str, status: int = 400) -> Response:
    """An error with this code, so that botocore raises ClientError with exactly it."""
    protocol = protocol_of(service)
    headers = {"x-amzn-requestid": REQUEST_ID}
    if protocol in ("json", "rest-json"):
        headers |= {"Content-Type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
        body = json.dumps({"__type": code, "message": message, "Message": message})
    elif protocol == "smithy-rpc-v2-cbor":
        headers |= {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Response(status, headers, _cbor({"__type": code, "message": message}))
    else:
        headers["Content-Type"] = "text/xml"
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if protocol == "ec2":
            body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
        elif service == "s3":
            body = f"<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>"
        else:
            body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    return Response(status, headers, body.encode())


def _cbor(values: dict[str, str]) -> bytes:
    def text(value: str) -> bytes:
        data = value.encode()
        return b"\x79" + len(data).to_bytes(2, "big") + data

    return bytes([0xA0 + len(values)]) + b"".join(text(key) + text(value) for key, value in values.items())
