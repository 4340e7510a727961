# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads of a cluster, many at once and with nothing on disk: what is served, and what stands. Writes go through kubernetes.core."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ..reconcile.errors import EngineError
from .objects import BY_KIND, Kind, Object

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 30.0
READERS = 8
WAYS_OUT = (
    "run this from an execution node in the VPC, or through a tunnel whose near end kubernetes_tunnel_address and "
    "kubernetes_tunnel_port name (SSM port forwarding), or let this machine's address in with eks_public_access_cidrs"
)
CUSTOM_METRICS = "custom.metrics.k8s.io"


class Unreachable(EngineError):
    """No connection to the cluster's API comes about."""


class Cluster:
    """One cluster's API. ``authority``: its certificate authority, base64 of PEM as EKS tells it. ``tunnel``: address and port
    where a tunnel to it begins; the certificate is held to the endpoint's own name all the same.

    Raises EngineError, one sentence, for an endpoint that cannot be reached, a server that is another, and an answer that is no
    success.
    """

    def __init__(self, name: str, endpoint: str, authority: str, token: str, tunnel: tuple[str, int] | None = None):
        self.name, self.endpoint = name, endpoint
        self._url = urlsplit(endpoint)
        self._address = tunnel or (str(self._url.hostname), self._url.port or 443)
        self._by_way_of = f" by way of {tunnel[0]}:{tunnel[1]}" if tunnel else ""
        self._token = token
        self._context = ssl.create_default_context(cadata=base64.b64decode(authority).decode())
        # From Python 3.13 on a certificate has to have key identifiers, which EKS's authorities may lack.
        self._context.verify_flags &= ~ssl.VERIFY_X509_STRICT

    def reach(self) -> None:
        """Raises Unreachable where no connection comes about in some seconds."""
        try:
            socket.create_connection(self._address, CONNECT_TIMEOUT).close()
        except OSError as error:
            raise Unreachable(
                f"the API of the cluster {self.name} ({self.endpoint}{self._by_way_of}) cannot be reached from here "
                f"({error.strerror or error}): {WAYS_OUT}"
            ) from error

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """The answer; None where there is no such thing."""
        body = self._read(path, query)
        return None if body is None else json.loads(body)

    def text(self, path: str, **query: str) -> str:
        """An answer that is no JSON, such as a pod's log; empty where there is none, or where it cannot be had yet."""
        return (self._read(path, query, not_yet=(400,)) or b"").decode(errors="replace")

    def _read(self, path: str, query: Mapping[str, str], not_yet: Collection[int] = ()) -> bytes | None:
        host = str(self._url.hostname)
        connection = http.client.HTTPSConnection(host, self._url.port, timeout=READ_TIMEOUT, context=self._context)
        try:
            raw = socket.create_connection(self._address, READ_TIMEOUT)
            connection.sock = self._context.wrap_socket(raw, server_hostname=host)
            target = f"{self._url.path}{path}{'?' + urlencode(query) if query else ''}"
            headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json, */*"}
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"could not read {path} of the cluster {self.name}: {error}") from error
        finally:
            connection.close()
        if answer.status == 404 or answer.status in not_yet:
            return None
        if answer.status == 401:
            raise EngineError(
                f"the cluster {self.name} does not know this caller: give its IAM identity an entry in eks_access_entries, or run "
                "as the identity that made the cluster (eks_deployer)"
            )
        if answer.status == 403:
            raise EngineError(
                f"this caller may not read {path} in the cluster {self.name}: give its access entry the policy "
                "AmazonEKSClusterAdminPolicy in eks_access_entries"
            )
        if answer.status != 200:
            raise EngineError(f"could not read {path} of the cluster {self.name}: it answered {answer.status}")
        return body

    def served(self, api_versions: Iterable[str]) -> dict[str, set[str]]:
        """API version -> the kinds of it that the cluster serves now."""
        wanted = sorted(set(api_versions))
        answers = self._together([(_root(version), {}) for version in wanted])
        return {
            version: {resource["kind"] for resource in (answer or {}).get("resources") or ()}
            for version, answer in zip(wanted, answers, strict=True)
        }

    def has_custom_metrics(self) -> bool:
        groups = (self.get("/apis") or {}).get("groups") or ()
        return any(group["name"] == CUSTOM_METRICS for group in groups)

    def listed(self, kinds: Iterable[Kind], selector: str) -> list[Object]:
        """All objects of these kinds, in all namespaces."""
        kinds = list(kinds)
        query = {"labelSelector": selector} if selector else {}
        answers = self._together([(f"{_root(kind.api_version)}/{kind.plural}", query) for kind in kinds])
        return [
            {**item, "apiVersion": kind.api_version, "kind": kind.kind}
            for kind, answer in zip(kinds, answers, strict=True)
            for item in (answer or {}).get("items") or ()
        ]

    def secrets(self, selector: str) -> list[Object]:
        return (self.get("/api/v1/secrets", labelSelector=selector) or {}).get("items") or []

    def found(self, items: Iterable[Mapping[str, Any]]) -> list[Object]:
        """Those of the named objects that stand."""
        answers = self._together([(path_of(item), {}) for item in items])
        return [answer for answer in answers if answer]

    def contents(self, namespace: str) -> list[Object]:
        """Whatever there is in a namespace, of every kind that the cluster lists by itself."""
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in (self.get("/apis") or {}).get("groups") or ())]
        paths = [
            f"{_root(version)}/namespaces/{quote(namespace)}/{resource['name']}"
            for version, answer in zip(versions, self._together([(_root(version), {}) for version in versions]), strict=True)
            for resource in (answer or {}).get("resources") or ()
            if resource["namespaced"] and "list" in resource["verbs"] and "/" not in resource["name"]
        ]
        answers = self._together([(path, {}) for path in paths])
        return [
            {**item, "kind": item.get("kind") or answer["kind"].removesuffix("List")}
            for answer in answers
            if answer
            for item in answer.get("items") or ()
        ]

    def _together(self, calls: list[tuple[str, dict[str, str]]]) -> list[dict[str, Any] | None]:
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            return list(pool.map(lambda call: self.get(call[0], **call[1]), calls))


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def path_of(item: Mapping[str, Any]) -> str:
    """Where an object of one of our kinds stands."""
    kind = BY_KIND[item["kind"]]
    namespace = item["metadata"].get("namespace")
    within = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{_root(kind.api_version)}{within}/{kind.plural}/{quote(item['metadata']['name'])}"
