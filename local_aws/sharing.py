"""What all clients of a process have in common, kept once: for tests, which make a session and its clients anew each time."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import botocore.hooks
import botocore.useragent
from botocore.client import ClientCreator
from botocore.hooks import EVENT_ALIASES, EventAliaser
from botocore.loaders import Loader

from local_aws.patches import wrap


@functools.cache
def share_between_clients() -> None:
    """Let all sessions and clients share what botocore computes for each by itself. No request and no answer changes."""
    _share_models()
    _share_event_names()
    _share_words_of_the_user_agent()
    _share_methods()


def _share_models() -> None:
    """The service models, as the clients of one session share them: reading EC2's takes a third of a second."""
    caches: dict[tuple[str, ...], dict[Any, Any]] = {}

    @wrap(Loader, "__init__")
    def sharing(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._cache = caches.setdefault(tuple(self.search_paths), self._cache)


def _share_event_names() -> None:
    """The current names of events, of which a client knows some hundreds."""
    names: dict[str, str] = {}

    @wrap(EventAliaser, "__init__")
    def sharing(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self._event_aliases == EVENT_ALIASES:
            self._alias_name_cache = names


def _share_words_of_the_user_agent() -> None:
    """Its cleaned words: it is put together for each request."""
    name = "sanitize_user_agent_string_component"
    setattr(botocore.useragent, name, functools.cache(getattr(botocore.useragent, name)))


def _share_methods() -> None:
    """The methods of a service's clients; and whether a handler takes keywords is read off it, without building its signature."""
    methods: dict[int, tuple[Any, dict[str, Any]]] = {}

    @wrap(ClientCreator, "_create_methods")
    def create_methods(original: Any, self: Any, service_model: Any) -> dict[str, Any]:
        description = service_model._service_description  # one for all sessions, as _share_models sees to; kept, so is its id
        known = methods.setdefault(id(description), (description, {}))[1]
        if not known:
            known.update(original(self, service_model))
        return dict(known)

    inspected = botocore.hooks.accepts_kwargs

    def accepts_kwargs(function: Any) -> Any:
        code = getattr(function, "__code__", None)
        return code.co_flags & inspect.CO_VARKEYWORDS if code else inspected(function)

    botocore.hooks.accepts_kwargs = accepts_kwargs
