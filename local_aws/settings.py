"""What can be set while the local AWS runs: latency, transitions, failures, faults, a rate limit.

One `Settings` object a process. `update` takes the JSON object of the control API (`PUT /_local_aws/settings`);
in process the attributes can be set directly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from local_aws.classify import classify

BEFORE = "before"
AFTER = "after"


@dataclass
class Fault:
    """Something that goes wrong with a call.

    A call matches when every one of `service`, `operation` and `access` ("read" or "write") that is set is equal.
    It fires on the `nth` match and the `times - 1` after it (1-based, counted from the moment the fault is set);
    on every match when `nth` is None. `when` says whether the call has reached AWS by then ("after") or not.

    What happens, in this order: `callback` is called with the call (in process only; whatever it raises goes up to
    the caller, a BaseException past every retry); `drop` closes the connection without an answer; else `code` and
    `status` are answered as an AWS error. A fault with a callback alone lets the call go on.
    """

    service: str | None = None
    operation: str | None = None
    access: str | None = None
    nth: int | None = None
    times: int = 1
    when: str = BEFORE
    code: str | None = None
    status: int = 400
    message: str = "injected by the local AWS"
    drop: bool = False
    callback: Callable[[Any], None] | None = field(default=None, repr=False)
    seen: int = 0

    def __post_init__(self) -> None:
        if self.when not in (BEFORE, AFTER):
            raise ValueError(f"when: {self.when!r} is neither 'before' nor 'after'")
        if self.access not in (None, "read", "write"):
            raise ValueError(f"access: {self.access!r} is neither 'read' nor 'write'")
        if not (self.code or self.drop or self.callback):
            raise ValueError("a fault needs a code, drop: true or a callback")

    def matches(self, service: str, operation: str) -> bool:
        """Whether the fault is about this operation; counts nothing."""
        return (
            self.service in (None, service)
            and self.operation in (None, operation)
            and self.access in (None, classify(service, operation))
        )


class TokenBucket:
    """Holds one second's worth of calls; full at first."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.capacity = max(limit, 1)
        self.tokens = self.capacity
        self.filled = time.monotonic()

    def take(self) -> bool:
        """One token, if there is one."""
        now = time.monotonic()
        self.tokens = min(self.capacity, self.tokens + (now - self.filled) * self.limit)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Settings:
    """The settings of this process. Times in `latency_ms` are milliseconds, all others seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Back to the defaults: no latency, no transitions, no failures, no faults, no limit, with a Kubernetes API."""
        self.latency_ms: float = 0
        self.transitions: dict[str, float] = {}
        self.failures: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.rate_limit = None
        self.queue_deleted_recently_seconds: float = 0
        self.kubernetes_api = True
        self.message_moves: bool = True
        self.message_move_rate: float = 0
        self.kubeconfig = ""

    @property
    def rate_limit(self) -> float | None:
        """Calls a second above which AWS's throttling error is answered; None: no limit."""
        return self._bucket.limit if self._bucket else None

    @rate_limit.setter
    def rate_limit(self, limit: float | None) -> None:
        self._bucket = TokenBucket(limit) if limit else None

    def take_token(self) -> bool:
        """Whether one more call is within the rate limit."""
        with self._lock:
            return self._bucket.take() if self._bucket else True

    def fault(self, **rule: Any) -> Fault:
        """Add one fault (see `Fault`) and return it."""
        fault = Fault(**rule)
        with self._lock:
            self.faults = [*self.faults, fault]
        return fault

    def take_fault(self, service: str, operation: str) -> Fault | None:
        """The first fault that fires for this call; every match is counted, once a call."""
        fired = None
        with self._lock:
            for fault in self.faults:
                if not fault.matches(service, operation):
                    continue
                fault.seen += 1
                due = fault.nth is None or fault.nth <= fault.seen < fault.nth + fault.times
                fired = fired or (fault if due else None)
        return fired

    def transition(self, kind: str) -> float:
        """Seconds that a thing of this kind stays in its transitional state (0: none)."""
        return self.transitions.get(kind, 0)

    def failure(self, kind: str) -> str | None:
        """Why a thing of this kind that is made now ends in its failed state (None: it does not)."""
        return self.failures.get(kind)

    def update(self, values: dict[str, Any]) -> None:
        """Set the given keys, leave the others; ValueError names a key or a value that is not understood."""
        unknown = sorted(set(values) - set(self.as_dict()))
        if unknown:
            raise ValueError(f"unknown setting: {', '.join(unknown)}")
        for key in ("latency_ms", "queue_deleted_recently_seconds", "message_move_rate"):
            if key in values:
                setattr(self, key, _seconds(key, values[key]))
        if "kubernetes_api" in values:
            self.kubernetes_api = bool(values["kubernetes_api"])
        if "message_moves" in values:
            self.message_moves = bool(values["message_moves"])
        if "kubeconfig" in values:
            self.kubeconfig = str(values["kubeconfig"] or "")
        if "rate_limit" in values:
            limit = values["rate_limit"]
            self.rate_limit = None if limit is None else _seconds("rate_limit", limit)
        if "transitions" in values:
            self.transitions = {kind: _seconds(kind, value) for kind, value in values["transitions"].items()}
        if "failures" in values:
            self.failures = {kind: str(reason) for kind, reason in (values["failures"] or {}).items() if reason is not None}
        if "faults" in values:
            try:
                self.faults = [Fault(**{**rule, "callback": None}) for rule in values["faults"]]
            except TypeError as error:
                raise ValueError(f"faults: {error}") from error

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON would carry them (callbacks left out)."""
        faults = [asdict(fault) for fault in self.faults]
        for fault in faults:
            fault.pop("callback")
        return {
            "latency_ms": self.latency_ms,
            "transitions": dict(self.transitions),
            "failures": dict(self.failures),
            "faults": faults,
            "rate_limit": self.rate_limit,
            "queue_deleted_recently_seconds": self.queue_deleted_recently_seconds,
            "kubernetes_api": self.kubernetes_api,
            "message_moves": self.message_moves,
            "message_move_rate": self.message_move_rate,
            "kubeconfig": self.kubeconfig,
        }


def _seconds(key: str, value: Any) -> float:
    number = float(value)
    if number < 0:
        raise ValueError(f"{key}: {value} is negative")
    return number


SETTINGS = Settings()
