"""The API over HTTPS on a free port of 127.0.0.1; each cluster has a path of its own: /<account>/<region>/<cluster>."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from local_aws.gate import GATE
from local_aws.kubernetes_api import authority
from local_aws.kubernetes_api.kinds import Served
from local_aws.kubernetes_api.kubelet import Kubelet
from local_aws.kubernetes_api.store import Failure, Store, merged
from local_aws.kubernetes_api.tokens import Refused, check
from local_aws.kubernetes_api.upstream import forward

HOST = "127.0.0.1"
MERGE_PATCH = "application/merge-patch+json"
PATH = re.compile(
    r"^/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>log|status))?$"
)
_lock = threading.RLock()
_running: _Running | None = None
# Whose Jobs are seen to.
WATCHED = ("jobs", "pods")


@dataclass
class _Running:
    http: ThreadingHTTPServer
    certificate: str


def address_of(backend: Any, name: str) -> tuple[str, str]:
    """Endpoint and certificate authority (PEM) of a cluster; the server starts with the first that is asked for."""
    running = _start()
    return f"https://{HOST}:{running.http.server_port}/{backend.account_id}/{backend.region_name}/{name}", running.certificate


def _start() -> _Running:
    global _running
    with _lock:
        if _running is None:
            certificate, context = authority.make(HOST)
            http = _Server((HOST, 0), _Handler)
            # The handshake is the connection's own thread's affair.
            http.socket = context.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
            _running = _Running(http, certificate)
            threading.Thread(target=http.serve_forever, args=(0.1,), daemon=True, name="local-kubernetes").start()
        return _running


def stop() -> None:
    """Stop it, if it runs, and whatever runs in its clusters."""
    global _running
    KUBELET.stop()
    with _lock:
        running, _running = _running, None
    if running:
        running.http.shutdown()
        running.http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not trust us, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments: Any) -> None:
        """Silent."""

    def _answer(self) -> None:
        GATE.touch()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, value = self._act(json.loads(body) if body else None)
        except Failure as failure:
            status, value = failure.code, _status(failure.code, failure.reason, str(failure))
        except ValueError as error:
            status, value = 400, _status(400, "BadRequest", str(error))
        plain = isinstance(value, str)
        content = value.encode() if plain else json.dumps(value).encode()
        if self.command == "DELETE":
            KUBELET.settle()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if plain else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self._headers_buffer.append(b"\r\n")
        # One packet.
        self.wfile.write(b"".join([*self._headers_buffer, content]))
        self._headers_buffer = []

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _act(self, body: Any) -> tuple[int, Any]:
        url = urlsplit(self.path)
        _, account, region, name, *rest = [*unquote(url.path).split("/", 4), "", "", ""]
        with _lock:
            cluster = _cluster(account, region, name)
            try:
                check(self.headers.get("Authorization") or "", name, _secrets(account))
            except Refused as error:
                raise Failure(401, "Unauthorized", f"Unauthorized: {error}") from error
            path, query = f"/{rest[0].rstrip('/')}", {key: values[0] for key, values in parse_qs(url.query).items()}
            if GATE.settings.kubeconfig:
                kind = self.headers.get("Content-Type") or "application/json"
                return forward(GATE.settings.kubeconfig, self.command, path, query, kind, body)
            store = Store(cluster)
            if set(WATCHED) & set(path.split("/")):
                KUBELET.watch(account, region, name)
            return discover(store, path, cluster.shown["version"]) or self._serve(store, path, query, body)

    def _serve(self, store: Store, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        kind, namespace, name, part = _target(store, path)
        dry = query.get("dryRun") == "All"
        if part == "status" and self.command == "PATCH" and name:
            item = store.find(kind, namespace, name)
            store.tell(kind, item, merged(item.get("status") or {}, (body or {}).get("status") or {}))
            return 200, store.find(kind, namespace, name)
        if part:
            if self.command != "GET" or kind.kind != "Pod" or not name:
                raise Failure(404, "NotFound", "the server could not find the requested resource")
            return 200, last(KUBELET.log(store, store.find(kind, namespace, name)), query.get("tailLines"))
        if self.command == "GET" and name:
            return 200, store.find(kind, namespace, name)
        if self.command == "GET":
            items = store.list(kind, namespace, query.get("labelSelector", ""))
            metadata = {"resourceVersion": str(store.state["version"])}
            return 200, {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}
        if self.command == "POST" and not name:
            return 201, store.create(kind, namespace, body, dry)
        if self.command == "PUT" and name:
            return 200, store.replace(kind, namespace, name, body, dry)
        if self.command == "PATCH" and name:
            if self.headers.get("Content-Type") != MERGE_PATCH:
                raise Failure(415, "UnsupportedMediaType", f"this server takes {MERGE_PATCH} only")
            return 200, store.patch(kind, namespace, name, body, dry)
        if self.command == "DELETE" and name:
            policy = query.get("propagationPolicy") or (body or {}).get("propagationPolicy") or ""
            return 200, store.delete(kind, namespace, name, dry, policy)
        raise Failure(405, "MethodNotAllowed", f"no {self.command} here")


def discover(store: Store, path: str, version: str) -> tuple[int, Any] | None:
    """The answer to a question of discovery; None for any other."""
    major, minor = version.split(".")
    if path == "/version":
        return 200, {"major": major, "minor": minor, "gitVersion": f"v{version}.0-eks-local"}
    groups = store.groups()
    if path == "/api":
        return 200, {"kind": "APIVersions", "versions": groups[""]}
    if path == "/apis":
        return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*item) for item in groups.items() if item[0]]}
    for group, version_ in ((group, version_) for group, versions in groups.items() for version_ in versions):
        if path == (f"/apis/{group}/{version_}" if group else f"/api/{version_}"):
            resources = [kind.as_dict() for kind in store.kinds() if (kind.group, kind.version) == (group, version_)]
            return 200, {"kind": "APIResourceList", "groupVersion": path.split("/", 2)[2], "resources": resources}
    return None


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def last(text: str, lines: str | None) -> str:
    """So many lines of it, from its end; None for all."""
    return text if lines is None else "".join(text.splitlines(keepends=True)[-int(lines) :] if int(lines) else [])


def _target(store: Store, path: str) -> tuple[Served, str | None, str | None, str | None]:
    found = PATH.match(path)
    for kind in store.kinds() if found else ():
        if (kind.group, kind.version, kind.plural) == (found["group"] or "", found["version"], found["plural"]):
            return kind, found["namespace"], found["name"], found["part"]
    raise Failure(404, "NotFound", "the server could not find the requested resource")


def _cluster(account: str, region: str, name: str) -> Any:
    from moto.eks.models import eks_backends

    try:
        return eks_backends[account][region].clusters[name]
    except KeyError:
        raise Failure(404, "NotFound", "no such cluster") from None


KUBELET = Kubelet(_lock, _cluster)


def _secrets(account: str) -> dict[str, str]:
    """The secret keys of IAM's users, by access key."""
    from moto.iam.models import iam_backends

    users = (user for backend in iam_backends[account].values() for user in backend.users.values())
    return {key.access_key_id: key.secret_access_key for user in users for key in user.access_keys}


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}
