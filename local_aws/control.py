"""The control API of the server, under `/_local_aws/`: what a test or a script may ask of the local AWS itself."""

from __future__ import annotations

import itertools
import json
from typing import Any

from local_aws import state, transitions
from local_aws.cache import CACHE
from local_aws.database import DATABASE
from local_aws.gate import GATE

PREFIX = "/_local_aws/"

Answer = tuple[int, Any]


class Control:
    """Answers (method, path below the prefix, JSON body) with (HTTP status, JSON value)."""

    def __init__(self) -> None:
        self._snapshots: dict[str, state.Snapshot] = {}
        self._ids = itertools.count(1)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """400 names what is wrong with a body, 404 what is not known."""
        head, _, rest = path.partition("/")
        handler = getattr(self, f"{method.lower()}_{head}", None)
        if handler is None:
            return 404, {"error": f"no {method} {PREFIX}{path}"}
        try:
            return handler(rest, json.loads(body) if body else None)
        except (ValueError, TypeError) as error:
            return 400, {"error": str(error)}

    def get_health(self, _rest: str, _body: Any) -> Answer:
        """Answers as soon as the server is ready."""
        return 200, {"status": "ready"}

    def get_environment(self, _rest: str, _body: Any) -> Answer:
        """What a run needs in its environment to reach the real database and cache; empty where there is none."""
        return 200, {**DATABASE.env(), **CACHE.env()}

    def get_requests(self, _rest: str, _body: Any) -> Answer:
        """The log: a list of {n, service, operation, region, access, started, status, duration_ms}."""
        return 200, [request.as_dict() for request in GATE.log.entries()]

    def delete_requests(self, _rest: str, _body: Any) -> Answer:
        """Empty the log."""
        GATE.log.clear()
        return 200, {}

    def post_reset(self, _rest: str, _body: Any) -> Answer:
        """Empty the account, the log and the settings; snapshots stay."""
        state.reset()
        GATE.settings.clear()
        GATE.log.clear()
        return 200, {}

    def get_settings(self, _rest: str, _body: Any) -> Answer:
        """The settings in force."""
        return 200, GATE.settings.as_dict()

    def put_settings(self, _rest: str, body: Any) -> Answer:
        """Set the given keys; answers all settings."""
        GATE.settings.update(body or {})
        return 200, GATE.settings.as_dict()

    def post_skip(self, rest: str, _body: Any) -> Answer:
        """Let this many seconds have passed for every transition."""
        transitions.skip(float(rest))
        return 200, {}

    def post_snapshot(self, _rest: str, _body: Any) -> Answer:
        """Copy the state: {"id": ...}."""
        key = str(next(self._ids))
        self._snapshots[key] = state.snapshot()
        return 200, {"id": key}

    def post_restore(self, rest: str, _body: Any) -> Answer:
        """Put the state of a snapshot back."""
        if rest not in self._snapshots:
            return 404, {"error": f"no snapshot {rest!r}"}
        state.restore(self._snapshots[rest])
        return 200, {}

    def delete_snapshot(self, rest: str, _body: Any) -> Answer:
        """Forget a snapshot."""
        return (200, {}) if self._snapshots.pop(rest, None) else (404, {"error": f"no snapshot {rest!r}"})
