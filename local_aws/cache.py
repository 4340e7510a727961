"""The real Redis behind the first replication group of the local AWS, where one was asked for (`--cache`).

It takes the tokens that the account says the group takes. What is in it belongs to no snapshot of the account.
"""

from __future__ import annotations

import threading
from typing import Any

from local_aws.redis import PORT, Redis


class Cache:
    """One server a process. It listens on ElastiCache's port, on a loopback address of its own."""

    def __init__(self) -> None:
        self.server: Redis | None = None
        self._tokens: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def start(self) -> None:
        self.server = Redis(port=PORT).__enter__()
        self._tokens = (self.server.token,)

    def stop(self) -> None:
        if self.server:
            self.server.stop()
            self.server = None

    def env(self) -> dict[str, str]:
        """What a run needs to know besides the endpoint: the file of the authority that signed the certificate."""
        return {"LOCAL_AWS_CACHE_CA": str(self.server.ca)} if self.server else {}

    def address(self, group: Any, groups: Any) -> str | None:
        """The real address of a replication group of moto; None for another than the first, and for one without TLS and tokens."""
        first = min(groups.values(), key=lambda one: one.replication_group_create_time, default=None)
        if self.server is None or group is not first or not group.tokens or group.transit_encryption_mode != "required":
            return None
        with self._lock:
            if self._tokens != tuple(group.tokens):
                self._take(tuple(group.tokens))
        return self.server.address

    def _take(self, tokens: tuple[str, ...]) -> None:
        import redis

        server = self.server
        assert server
        with redis.Redis(**server.login()) as client:
            client.execute_command("ACL", "SETUSER", "default", "resetpass", *(f">{token}" for token in tokens))
        server.token, self._tokens = tokens[-1], tokens


CACHE = Cache()
