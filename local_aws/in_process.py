"""The local AWS inside the calling process: moto, the patches, the gate. For tests.

    with InProcessAws() as aws:
        boto3.client("kms").create_key()
        assert [request.operation for request in aws.requests] == ["CreateKey"]

Clients made before the block was entered are not intercepted. Any number of threads may call at once.
"""

from __future__ import annotations

import contextvars
import functools
import os
from types import TracebackType
from typing import Any

import moto
from botocore.awsrequest import AWSResponse
from botocore.endpoint import Endpoint
from botocore.exceptions import ConnectionClosedError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from local_aws import kubernetes_api, patches, state, transitions
from local_aws.gate import GATE, Call, ConnectionDropped
from local_aws.render import Response
from local_aws.request_log import Request
from local_aws.settings import Settings
from local_aws.sharing import share_between_clients

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
# Would lead a call elsewhere, or to other credentials.
FORBIDDEN = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_URL", "EC2_URL")

_call: contextvars.ContextVar[Call | None] = contextvars.ContextVar("local_aws_call", default=None)


class InProcessAws:
    """Context manager; an empty AWS at entry, nothing left at exit. One at a time in a process."""

    def __init__(self, region: str = "us-east-1") -> None:
        self.region = region
        self._mock: Any = None
        self._environment: dict[str, str] = {}

    def __enter__(self) -> InProcessAws:
        _install()
        patches.apply()
        self._environment = dict(os.environ)
        for name in FORBIDDEN:
            os.environ.pop(name, None)
        os.environ.update(ENVIRONMENT, AWS_DEFAULT_REGION=self.region, AWS_REGION=self.region)
        self._mock = moto.mock_aws(config={"core": {"mock_credentials": False}})
        state.reset()
        self._mock.start(reset=False)
        self.settings.clear()
        GATE.log.clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        state.reset()
        self._mock.stop(remove_data=False)
        kubernetes_api.stop()
        self.settings.clear()
        os.environ.clear()
        os.environ.update(self._environment)

    @property
    def settings(self) -> Settings:
        """Latency, transitions, failures, faults, rate limit."""
        return GATE.settings

    @property
    def requests(self) -> list[Request]:
        """Every call so far, each attempt of a retried one by itself."""
        return GATE.log.entries()

    def writes(self) -> list[Request]:
        """The calls so far that were not reads."""
        return [request for request in self.requests if request.access == "write"]

    def clear_requests(self) -> None:
        """Forget the calls so far."""
        GATE.log.clear()

    @staticmethod
    def skip(seconds: float) -> None:
        """Let this much time have passed for every transition (see `local_aws.transitions`)."""
        transitions.skip(seconds)

    def snapshot(self) -> state.Snapshot:
        """Copy the whole state."""
        return state.snapshot()

    def restore(self, snapshot: state.Snapshot) -> None:
        """Put a copied state back."""
        state.restore(snapshot)

    def reset(self) -> None:
        """Empty the account; settings and the log stay."""
        state.reset()


@functools.cache
def _install() -> None:
    """Put the gate between botocore and moto, once a process; it sleeps while moto does."""
    do_get_response = Endpoint._do_get_response
    intercept = BotocoreStubber.__call__

    def named(self: Any, request: Any, operation_model: Any, context: Any) -> Any:
        """botocore knows here, and only here, for each attempt, what is being called."""
        service = operation_model.service_model.service_name
        region = (context or {}).get("client_region") or ""
        token = _call.set(Call(service, operation_model.name, region))
        try:
            return do_get_response(self, request, operation_model, context)
        finally:
            _call.reset(token)

    def gated(self: Any, event_name: str, request: Any, **kwargs: Any) -> Any:
        call = _call.get()
        if not self.enabled or call is None:
            return intercept(self, event_name, request, **kwargs)
        try:
            answer = GATE.exchange(call, lambda: _as_response(self.process_request(request)))
        except ConnectionDropped:
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return AWSResponse(request.url, answer.status, answer.headers, MockRawResponse(answer.body))

    Endpoint._do_get_response = named
    BotocoreStubber.__call__ = gated
    share_between_clients()


def _as_response(answer: Any) -> Response:
    if answer is None:
        raise NotImplementedError("moto has no such service")
    status, headers, body = answer
    return Response(int(status), headers, body)
