"""Patches to what all services share."""

from __future__ import annotations

import functools
from typing import Any

import xmltodict
from moto.core import responses, serialize
from moto.core.common_models import BaseModel

from local_aws.patches import patch, wrap


@patch
def instances_are_not_kept() -> None:
    """Not about AWS: moto keeps every object ever made in a list on its class, for its dashboard; after a few hundred
    restores of a snapshot that is gigabytes. Nothing is kept here."""

    def new(cls: type, *_args: Any, **_kwargs: Any) -> Any:
        return object.__new__(cls)

    BaseModel.__new__ = staticmethod(new)  # type: ignore[assignment]


@patch
def names_of_actions_are_looked_up_once() -> None:
    """Not about AWS: moto lists the methods of a service's class anew for each call, a millisecond and more."""
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


@patch
def names_of_members_are_looked_up_once() -> None:
    """Not about AWS: moto works out for each member of each answer under which names an object may hold it, and whether the
    member's name is fit for XML. Both follow from the class of the object and the shape of the member."""

    @wrap(serialize.XFormedAttributePicker, "get_possible_keys")
    def get_possible_keys(original: Any, self: Any, context: Any) -> tuple[str, ...]:
        if context.shape is None:
            return tuple(original(self, context))
        known = vars(context.shape).setdefault("_local_names", {})
        key = (type(context.obj), context.key, *self.alias_providers)
        if key not in known:
            known[key] = tuple(original(self, context))
        return known[key]

    xmltodict._validate_name = functools.cache(xmltodict._validate_name)


@patch
def region_is_in_the_host() -> None:
    """AWS's endpoints have their region in their host name. moto looks for one in the whole address, and takes part of a path
    for it that holds the name of a service, as that of an access entry does."""

    @wrap(responses.BaseResponse, "get_region_from_url")
    def get_region_from_url(original: Any, self: Any, request: Any, full_url: str) -> str:
        return original(self, request, "/".join(full_url.split("/", 3)[:3]) + "/")
