"""What moto lacks or gets wrong, made right: one labelled patch a quirk.

A patch is a function decorated with `@patch`; its docstring says what AWS does and what moto does instead. It may
replace attributes of moto's classes, and is run once a process. A patch never makes the emulator more lenient than
AWS. Modules are imported when their service is first used, so that a start stays fast.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

SERVICES = ("core",)


class Patch(NamedTuple):
    """One quirk, of one service."""

    service: str
    name: str
    text: str


REGISTRY: list[Patch] = []
_lock = threading.Lock()


def patch(function: Callable[[], None]) -> Callable[[], None]:
    """Mark `function` as a patch: run it now, once, and list it in the README."""
    service = function.__module__.rsplit(".", 1)[-1].split("_", 1)[0]
    REGISTRY.append(Patch(service, function.__name__, " ".join((function.__doc__ or "").split())))
    function()
    return function


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace the method `name` of a class by the decorated function, which gets the original first."""

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return replacement(original, self, *args, **kwargs)

        setattr(owner, name, method)
        return method

    return decorate


def apply() -> None:
    """Put every patch in place. Doing it again changes nothing."""
    with _lock:
        for service in SERVICES:
            importlib.import_module(f"{__name__}.{service}")
