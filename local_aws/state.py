"""The whole state of the emulated AWS: copy it, put it back, empty it. Fast, and in this process.

The state is what moto's registries (`BackendDict`) hold for every account and region, and what they hold on
themselves (S3's namespace of bucket names). A snapshot is bytes, so that no later write can leak into it; it can be
restored any number of times. The registries stay the same objects, as moto's modules refer to them by name.

The request log and the settings are not state: neither is restored.
"""

from __future__ import annotations

import gc
import io
import sys
import weakref
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict, backend_lock

from local_aws.gate import GATE
from local_aws.reducers import StatePickler, StateUnpickler

_FIXED = frozenset({"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"})

# Registries of weak references to backends that moto keeps on classes: (module, class, attribute).
_CLASS_REFERENCES = (
    ("moto.ec2.models.vpcs", "VPCBackend", "vpc_refs"),
    ("moto.ec2.models.transit_gateway_attachments", "TransitGatewayAttachmentBackend", "backend_refs"),
    ("moto.ec2.models.vpc_peering_connections", "VPCPeeringConnectionBackend", "vpc_pcx_refs"),
)
# Caches that hold on to objects of a state that is gone: (module, class, cached method).
_CACHES = (("moto.ec2.models.subnets", "Subnet", "_base_avail_ip_iterator"),)


@dataclass(frozen=True)
class Snapshot:
    """A copy of the state. Opaque; valid in the process that made it."""

    data: bytes
    registries: tuple[Any, ...]
    kept: tuple[Any, ...]


def snapshot() -> Snapshot:
    """Copy the state, while no call is in flight inside moto."""
    with GATE.exclusive(), backend_lock:
        registries = tuple(BackendDict._instances)
        content = []
        for registry in registries:
            own = {name: value for name, value in vars(registry).items() if name not in _FIXED}
            accounts = {account: dict(regions.items()) for account, regions in registry.items()}
            content.append((own, accounts))
        stream, kept = io.BytesIO(), []
        StatePickler(stream, kept).dump(content)
        return Snapshot(stream.getvalue(), registries, tuple(kept))


def restore(copy: Snapshot) -> None:
    """Put the state back as it was when `copy` was made; whatever came since is gone."""
    with GATE.exclusive(), backend_lock:
        collecting = gc.isenabled()
        gc.disable()  # thousands of objects are made at once, none of which is garbage
        try:
            content = StateUnpickler(io.BytesIO(copy.data), list(copy.kept)).load()
        finally:
            if collecting:
                gc.enable()
        _empty()
        for registry, (own, accounts) in zip(copy.registries, content, strict=True):
            vars(registry).update(own)
            for account, regions in accounts.items():
                live = registry[account]
                for region, backend in regions.items():
                    dict.__setitem__(live, region, backend)
                    _refer(backend)


def reset() -> None:
    """Empty the account. Unlike moto's reset it does not first build anew what it is about to drop."""
    with GATE.exclusive(), backend_lock:
        _empty()


def _empty() -> None:
    """Accounts stay, empty: to make one anew costs the list of all regions."""
    for registry in BackendDict._instances:
        for regions in registry.values():
            dict.clear(regions)
        for name, value in vars(registry).items():
            if name not in _FIXED and hasattr(value, "clear"):
                value.clear()
    for module, owner, attribute in _CLASS_REFERENCES:
        if module in sys.modules:
            getattr(getattr(sys.modules[module], owner), attribute).clear()
    for module, owner, method in _CACHES:
        if module in sys.modules:
            getattr(getattr(sys.modules[module], owner), method).cache_clear()


def _refer(backend: Any) -> None:
    for module, owner, attribute in _CLASS_REFERENCES:
        if module in sys.modules:
            base = getattr(sys.modules[module], owner)
            if isinstance(backend, base):
                getattr(base, attribute)[type(backend)].add(weakref.ref(backend))
