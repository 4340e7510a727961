"""The local AWS as an HTTP server on 127.0.0.1: the gate and the control API as WSGI around moto's own application."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from local_aws import patches
from local_aws.control import PREFIX, Control
from local_aws.gate import GATE, ConnectionDropped
from local_aws.render import Response
from local_aws.resolve import UNKNOWN, resolve

HOST = "127.0.0.1"


class LocalAwsApp:
    """WSGI application: control API, then gate, then moto."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.control = Control()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(PREFIX):
            GATE.touch()
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            status, value = self.control.answer(environ["REQUEST_METHOD"], path.removeprefix(PREFIX), body)
            response = Response(status, {"Content-Type": "application/json"}, json.dumps(value).encode())
            return _respond(response, start_response)
        call = resolve(environ)
        try:
            response = GATE.exchange(call, lambda: self._forward(environ, call.operation))
        except ConnectionDropped:
            return _drop(environ)
        return _respond(response, start_response, head=environ["REQUEST_METHOD"] == "HEAD")

    def _forward(self, environ: dict[str, Any], operation: str) -> Response:
        """Hand the call to moto. Raises NotImplementedError where moto answers an HTML page or fails to answer."""
        captured: list[Any] = []

        def capture(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
            captured[:] = [int(status.split(" ", 1)[0]), dict(headers)]

        body = self.moto(environ, capture)
        try:
            content = b"".join(body)
        finally:
            with contextlib.suppress(AttributeError):
                body.close()
        status, headers = captured
        missing = status == 404 and headers.get("Content-Type", "").startswith("text/html") and b"Not Found" in content
        if missing and operation != UNKNOWN:
            raise NotImplementedError("no route")
        return Response(status, headers, content)


def _respond(response: Response, start_response: Any, head: bool = False) -> Iterable[bytes]:
    headers = {name: value for name, value in response.headers.items() if head or name.lower() != "content-length"}
    if not head:
        headers["Content-Length"] = str(len(response.body))
    start_response(f"{response.status} -", list(headers.items()))
    return [] if head else [response.body]


def _drop(environ: dict[str, Any]) -> Iterable[bytes]:
    """Close the connection under the client, without an answer."""
    with contextlib.suppress(OSError, KeyError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("dropped")


class _QuietHandler(MotoRequestHandler):
    def log(self, *_arguments: Any) -> None:
        """One line a request is noise: the request log has them all."""


def make(port: int = 0) -> BaseWSGIServer:
    """A server that listens (port 0: a free one, see `server_port`), patches applied; call `serve_forever`."""
    patches.apply()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    return make_server(HOST, port, LocalAwsApp(), threaded=True, request_handler=_QuietHandler)
