"""Patches to what all kinds of EC2 share: pages, tags of what is gone, unfinished deletions."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import get_pagination_model
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from local_aws.patches import patch, wrap

TOKEN = "local-"


def error(code: str, message: str) -> EC2ClientError:
    """An EC2 error, to raise."""
    return EC2ClientError(code, message)


def dependency(thing: str, identifier: str) -> EC2ClientError:
    """The error of deleting what something else still uses."""
    return error("DependencyViolation", f"The {thing} '{identifier}' has dependencies and cannot be deleted.")


def by_token(backend: Any, kind: str, token: str | None) -> Any:
    """What an earlier call with the same ClientToken made, if it still stands (idempotency)."""
    return backend.__dict__.setdefault("_local_tokens", {}).get((kind, token)) if token else None


def remember(backend: Any, kind: str, token: str | None, thing: Any) -> Any:
    """Note under its ClientToken what a call made, and return it."""
    if token:
        backend.__dict__.setdefault("_local_tokens", {})[(kind, token)] = thing
    return thing


@patch
def pages() -> None:
    """AWS splits what a Describe call answers by MaxResults, with a NextToken. moto ignores MaxResults for most."""

    @wrap(EC2Response, "serialized")
    def serialized(original: Any, self: Any, action_result: Any) -> Any:
        paging = get_pagination_model("ec2").get(self._get_action())
        result = action_result.result
        if paging and isinstance(result, dict) and isinstance(paging["result_key"], str):
            action_result = ActionResult(_page(self, paging["result_key"], result))
        return original(self, action_result)


def _page(response: Any, key: str, result: dict[str, Any]) -> dict[str, Any]:
    token, limit = response._get_param("NextToken"), response._get_param("MaxResults")
    if result.get("NextToken") or not isinstance(result.get(key), list):
        return result  # moto has done it
    start = int(token.removeprefix(TOKEN)) if token and token.startswith(TOKEN) else 0
    end = start + int(limit) if limit else len(result[key])
    page = {**result, key: result[key][start:end]}
    if end < len(result[key]):
        page["NextToken"] = f"{TOKEN}{end}"
    return page


@patch
def tags_of_one_resource_are_looked_up_by_its_id() -> None:
    """Not about AWS: moto goes through all tags of the region for those of one resource, for each resource of each answer."""

    @wrap(EC2Backend, "describe_tags")
    def describe_tags(original: Any, self: Any, filters: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
        names = filters["resource-id"] if filters and list(filters) == ["resource-id"] else []
        if len(names) != 1 or set("*?[\\") & set(names[0]):
            return original(self, filters)
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(names[0]), "")
        tags = self.tags.get(names[0], {})
        return [{"resource_id": names[0], "key": key, "value": value, "resource_type": kind} for key, value in tags.items()]


@patch
def tags_go_with_the_resource() -> None:
    """AWS forgets the tags of what is deleted. moto's DescribeTags answers them for ever."""
    for name in (
        "delete_flow_logs",
        "delete_internet_gateway",
        "delete_network_acl",
        "delete_route_table",
        "delete_security_group",
        "delete_subnet",
        "delete_vpc",
        "release_address",
    ):
        _forget(name)


def _forget(name: str) -> None:
    @wrap(EC2Backend, name)
    def deleted(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, *args, **kwargs)
        for value in (*args, *kwargs.values()):
            for identifier in value if isinstance(value, list) else [value]:
                if isinstance(identifier, str):
                    self.tags.pop(identifier, None)
        return answer


# Called with the backend before every call: what a transition has finished meanwhile.
SWEEPS: list[Any] = []


@patch
def deletions_finish() -> None:
    """AWS frees what a deleted thing held (addresses, interfaces) when its deletion has finished, not before. moto
    knows no unfinished deletion; here each call first completes what is due (see local_aws/transitions.py)."""

    @wrap(EC2Response, "call_action")
    def call_action(original: Any, self: Any) -> Any:
        for sweep in SWEEPS:
            sweep(self.ec2_backend)
        return original(self)


@patch
def images_are_loaded_when_asked_for() -> None:
    """Not about AWS: moto makes 1,300 images and their snapshots with each region's backend, most of a second and most
    of a snapshot's bytes. Here they are made when something first looks at images or snapshots."""
    load = EC2Backend._load_amis

    def get_amis(self: Any) -> dict[str, Any]:
        if not self.__dict__.get("_amis_loaded", True):
            self._amis_loaded = True
            load(self)
        return self._amis

    def set_amis(self: Any, amis: dict[str, Any]) -> None:
        self._amis = amis

    def postpone(self: Any) -> None:
        self._amis_loaded = False

    EC2Backend.amis = property(get_amis, set_amis)
    EC2Backend._load_amis = postpone

    @wrap(EC2Backend, "describe_snapshots")
    def describe_snapshots(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        get_amis(self)
        return original(self, *args, **kwargs)

    @wrap(EC2Backend, "iter_tagged_resources")
    def iter_tagged_resources(original: Any, self: Any) -> Any:
        loaded, self._amis_loaded = self._amis_loaded, True  # images of Amazon's have no tags of ours
        try:
            return iter(list(original(self)))
        finally:
            self._amis_loaded = loaded
