"""How the things that moto keeps in its backends, and pickle refuses, are carried through a snapshot."""

from __future__ import annotations

import io
import pickle
import sys
import tempfile
import threading
import types
import weakref
from collections import OrderedDict, defaultdict
from typing import Any

from moto.core.base_backend import AccountSpecificBackend, BackendDict

_LOCK = type(threading.Lock())
_RLOCK = type(threading.RLock())
_BY_REFERENCE = (types.ModuleType, types.CodeType)


class StatePickler(pickle.Pickler):
    """Pickles moto's state.

    The registries themselves (BackendDict, AccountSpecificBackend) stay the live ones: a reference to them is
    shared by all copies. So are objects that never change and cannot be pickled (code, cryptography's keys).
    """

    def __init__(self, stream: io.BytesIO, kept: list[Any]) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self.kept = kept

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is _LOCK:
            return threading.Lock, ()
        if kind is _RLOCK:
            return threading.RLock, ()
        if kind is weakref.ReferenceType:
            return weakref.ref, (obj(),)
        if kind is tempfile.SpooledTemporaryFile:
            return _make_buffer, _buffer_content(obj)
        if issubclass(kind, (BackendDict, AccountSpecificBackend)):
            return self._keep(obj)
        if issubclass(kind, dict) and kind.__module__.startswith("moto.") and not issubclass(kind, OrderedDict):
            state = (vars(obj), list(dict.items(obj)), getattr(obj, "default_factory", None))
            return _new, (kind,), state, None, None, _fill
        if kind is types.FunctionType:
            return NotImplemented if _importable(obj) else self._function(obj)
        if kind in _BY_REFERENCE or kind.__module__.startswith("cryptography."):
            return self._keep(obj)
        return NotImplemented

    def _keep(self, obj: Any) -> tuple[Any, ...]:
        self.kept.append(obj)
        return _Kept, (len(self.kept) - 1,)

    def _function(self, function: types.FunctionType) -> tuple[Any, ...]:
        """A lambda or a local function: its code is shared, what it closes over is part of the state."""
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        arguments = (function.__code__, function.__module__, function.__name__, function.__defaults__, cells)
        return _make_function, arguments


class _Kept:
    """Stands in the pickle for an object that is shared; StateUnpickler puts the object itself in its place."""


class StateUnpickler(pickle.Unpickler):
    """Undoes StatePickler with the same `kept`."""

    def __init__(self, stream: io.BytesIO, kept: list[Any]) -> None:
        super().__init__(stream)
        self.kept = kept

    def find_class(self, module: str, name: str) -> Any:
        if name == "_Kept" and module == __name__:
            return self.kept.__getitem__
        return super().find_class(module, name)


def _new(kind: type) -> Any:
    return kind.__new__(kind)


def _fill(mapping: Any, state: tuple[dict[str, Any], list[tuple[Any, Any]], Any]) -> None:
    """Fill a mapping with what it really holds, past its own ideas of getting and setting items."""
    attributes, items, factory = state
    vars(mapping).update(attributes)
    if isinstance(mapping, defaultdict):
        mapping.default_factory = factory
    dict.update(mapping, items)


def _importable(function: types.FunctionType) -> bool:
    target: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        target = getattr(target, part, None)
    return target is function


def _make_function(code: Any, module: str, name: str, defaults: Any, cells: tuple[Any, ...]) -> types.FunctionType:
    closure = tuple(types.CellType(content) for content in cells)
    return types.FunctionType(code, vars(sys.modules[module]), name, defaults, closure)


def _buffer_content(buffer: Any) -> tuple[bytes, int, int]:
    """Content, position and roll-over size of a SpooledTemporaryFile; the buffer is left as it was."""
    if buffer.closed:
        return b"", -1, buffer._max_size
    position = buffer.tell()
    buffer.seek(0)
    content = buffer.read()
    buffer.seek(position)
    return content, position, buffer._max_size


def _make_buffer(content: bytes, position: int, max_size: int) -> Any:
    buffer = tempfile.SpooledTemporaryFile(max_size)  # noqa: SIM115 - handed on open
    if position < 0:
        buffer.close()
        return buffer
    buffer.write(content)
    buffer.seek(position)
    return buffer
