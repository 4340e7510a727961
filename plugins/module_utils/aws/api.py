# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to AWS for every resource kind: clients, pages and threads, for one deployment."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..reconcile.errors import EngineError
from .errors import explain
from .session import Connection

CALLERS = 24


@dataclass(frozen=True)
class Caller:
    """Who calls: the account's id, and the ARN of the principal."""

    account: str
    arn: str


def identify(connection: Connection) -> Caller:
    """Ask AWS. Raises EngineError, one sentence."""
    sts = connection.client("sts", connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    try:
        answer = sts.get_caller_identity()
    except Exception as error:
        sentence = explain(error, "learn the caller's identity")
        if sentence is None:
            raise
        raise EngineError(sentence) from error
    return Caller(answer["Account"], answer["Arn"])


class Api:
    """Clients by name (``ec2``, or ``wafv2@us-east-1`` for another region), the account, and the region.

    A client is made when it is first asked for, and one after another, since botocore's loading neither allows nor gains from
    threads. ``caller``: what ``identify`` answered to the same connection before; without it, it is asked now. ``calls``: threads
    that are somebody else's to end; without them it has its own.
    Raises EngineError, one sentence, when the caller has no identity or AWS cannot be reached.
    """

    def __init__(
        self, connection: Connection, services: Iterable[str], caller: Caller | None = None, calls: Executor | None = None
    ):
        self.region = connection.region
        self.partition = connection.partition
        self.caller = caller or identify(connection)
        self.account_id = self.caller.account
        self.caller_arn = self.caller.arn
        self._connection = connection
        self._services = frozenset(services)
        self._clients: dict[str, Any] = {}
        self._making = threading.Lock()
        self._own = None if calls else ThreadPoolExecutor(max_workers=CALLERS, thread_name_prefix="aws-call")
        self._pool = calls or self._own

    def client(self, name: str) -> Any:
        """KeyError for one that the tier did not name."""
        if not self.has(name):
            raise KeyError(name)
        with self._making:
            if name not in self._clients:
                self._clients[name] = self._connection.client(*name.split("@", 1))
            return self._clients[name]

    def plain_client(self, service: str) -> Any:
        """One that speaks HTTP without TLS, and gives up soon."""
        with self._making:
            return self._connection.client(
                service, use_ssl=False, connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 1}
            )

    def has(self, name: str) -> bool:
        """Whether the tier has this client."""
        return name in self._services

    def pages(self, service: str, operation: str, key: str, **kwargs: Any) -> list[Any]:
        """All items under ``key`` of a List or Describe operation (its snake_case name), page after page."""
        client = self.client(service)
        if not client.can_paginate(operation):
            return getattr(client, operation)(**kwargs).get(key) or []
        pages = client.get_paginator(operation).paginate(**kwargs)
        return [item for page in pages for item in page.get(key) or []]

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """``function`` of each item, side by side, in order. It must not call ``map`` itself."""
        return list(self._pool.map(function, items))

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """The answers of independent calls, made side by side."""
        return self.map(lambda call: call(), calls)

    def table(self, rows: Iterable[Sequence[Callable[[], Any]]]) -> list[list[Any]]:
        """Rows of independent calls, all side by side; rows of their answers."""
        shape = [list(row) for row in rows]
        answers = iter(self.together(*(call for row in shape for call in row)))
        return [[next(answers) for _call in row] for row in shape]

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        """The ARN of a resource of this account. ``region``: empty for global services; default: the deployment's."""
        where = self.region if region is None else region
        return f"arn:{self.partition}:{service}:{where}:{self.account_id}:{resource}"

    def close(self) -> None:
        if self._own:
            self._own.shutdown()


def opened(
    connection: Connection, services: Iterable[str], callers: dict[str, dict[str, str]], calls: Executor | None = None
) -> Api:
    """``callers``: fingerprint of a connection -> account and ARN, as far as the run knows them; told what it did not know."""
    known = callers.get(connection.fingerprint)
    api = Api(connection, services, Caller(**known) if known else None, calls)
    callers[connection.fingerprint] = dataclasses.asdict(api.caller)
    return api
