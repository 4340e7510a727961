"""The gate through which every call passes, in the server and in process alike.

It adds latency, limits the rate, injects faults, writes the log, and lets one call at a time into moto, whose
backends take no locks of their own. Nothing is lost by that: moto is pure Python, and latency is slept outside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from local_aws.render import Response, error_response
from local_aws.request_log import RequestLog
from local_aws.settings import AFTER, BEFORE, SETTINGS, Fault, Settings


class Call(NamedTuple):
    """A call on its way, named as botocore names it."""

    service: str
    operation: str
    region: str


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


# What AWS answers to too many calls, where it is not ThrottlingException with 400.
THROTTLING = {
    "ec2": ("RequestLimitExceeded", 503),
    "s3": ("SlowDown", 503),
    "autoscaling": ("Throttling", 400),
    "cloudformation": ("Throttling", 400),
    "cloudfront": ("Throttling", 400),
    "elasticache": ("Throttling", 400),
    "elbv2": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "rds": ("Throttling", 400),
    "route53": ("Throttling", 400),
    "sns": ("Throttling", 400),
    "sts": ("Throttling", 400),
}


class Gate:
    """See the module. `settings` and `log` are the process's own unless given."""

    def __init__(self, settings: Settings | None = None, log: RequestLog | None = None) -> None:
        self.settings = settings or SETTINGS
        self.log = log or RequestLog()
        self.touch()
        self._emulator = threading.RLock()

    def exchange(self, call: Call, send: Callable[[], Response]) -> Response:
        """Answer a call; `send` hands it to moto. Raises ConnectionDropped, and whatever a callback raises."""
        self.touch()
        entry = self.log.open(*call)
        status = None
        try:
            response = self._answer(call, send)
            status = response.status
            return response
        finally:
            self.log.close(entry, status)
            self.touch()

    def touch(self) -> None:
        """Somebody is there: the idle timeout begins anew."""
        self.last_call = time.monotonic()

    def _answer(self, call: Call, send: Callable[[], Response]) -> Response:
        if self.settings.latency_ms:
            time.sleep(self.settings.latency_ms / 1000)
        if not self.settings.take_token():
            code, status = THROTTLING.get(call.service, ("ThrottlingException", 400))
            return error_response(call.service, code, "Rate exceeded", status)
        fault = self.settings.take_fault(call.service, call.operation)
        if fault and fault.when == BEFORE:
            response = self._strike(fault, call)
            if response:
                return response
        with self.exclusive():
            response = self._send(call, send)
            # Inside, so that a callback sees the state that this very call left.
            if fault and fault.when == AFTER:
                response = self._strike(fault, call) or response
        return response

    @staticmethod
    def _send(call: Call, send: Callable[[], Response]) -> Response:
        try:
            return send()
        except NotImplementedError as error:
            message = f"the local AWS has no {call.service}:{call.operation} ({error})"
            return error_response(call.service, "NotImplemented", message, 501)

    @staticmethod
    def _strike(fault: Fault, call: Call) -> Response | None:
        if fault.callback:
            fault.callback(call)
        if fault.drop:
            raise ConnectionDropped(f"{call.service}:{call.operation}")
        if fault.code:
            return error_response(call.service, fault.code, fault.message, fault.status)
        return None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """No call is inside moto meanwhile (but one that this thread itself has there)."""
        with self._emulator:
            yield

    def sleep_outside(self, seconds: float) -> None:
        """Sleep in the middle of a call (long polling) and let others in meanwhile.

        RLock has no public way to let go of all its levels at once.
        """
        depth = 0
        while self._emulator._is_owned():
            self._emulator.release()
            depth += 1
        try:
            time.sleep(seconds)
        finally:
            for _ in range(depth):
                self._emulator.acquire()


GATE = Gate()
