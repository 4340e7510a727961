"""The log of the calls that reached the local AWS, in the order in which they came."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local_aws.classify import classify


@dataclass
class Request:
    """One call. `status` is the HTTP status, None while in flight or when the connection was dropped."""

    n: int
    service: str
    operation: str
    region: str
    access: str
    started: float
    status: int | None = None
    duration_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The call as JSON carries it."""
        return asdict(self)


class RequestLog:
    """Thread-safe list of `Request`s, numbered from 1; optionally appended to a file, one JSON object a line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Request] = []
        self._counter = 0
        self.file: Path | None = None

    def open(self, service: str, operation: str, region: str) -> Request:
        """Begin an entry."""
        with self._lock:
            self._counter += 1
            entry = Request(self._counter, service, operation, region, classify(service, operation), time.time())
            self._entries.append(entry)
        return entry

    def close(self, entry: Request, status: int | None) -> None:
        """Complete an entry once its call has ended."""
        entry.status = status
        entry.duration_ms = round((time.time() - entry.started) * 1000, 2)
        if self.file:
            with self._lock, self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry.as_dict()) + "\n")

    def entries(self) -> list[Request]:
        """A copy of the list."""
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        """Forget all entries and number from 1 again."""
        with self._lock:
            self._entries.clear()
            self._counter = 0
