"""What moto lacks or gets wrong, made right: one labelled patch a quirk.

A patch is a function decorated with `@patch`; its docstring says what AWS does and what moto does instead. It
replaces attributes of moto's classes and is run once a process. A patch never makes the emulator more lenient than
AWS. A module of patches is run when moto's own module for that service is first imported, so that a start stays fast
and nothing of that service is ever used unpatched.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any, NamedTuple

# moto's module -> the modules of this package that patch it.
MODULES = {
    "moto.acm.models": ("acm",),
    "moto.applicationautoscaling.models": ("autoscaling",),
    "moto.cloudfront.urls": ("cloudfront_policies", "cloudfront_distributions"),
    "moto.core.models": ("core",),
    "moto.dynamodb.responses": ("dynamodb", "dynamodb_backups"),
    "moto.ec2.models": ("ec2_common", "ec2_gateways", "ec2_network", "ec2_rules", "ec2_endpoints", "ec2_templates", "ec2_leavings"),
    "moto.eks.models": (
        "eks_common",
        "eks_versions",
        "eks_cluster",
        "eks_access",
        "eks_updates",
        "eks_nodegroups",
        "eks_addons",
    ),
    "moto.elbv2.responses": ("elbv2_balancers", "elbv2_listeners"),
    "moto.elasticache.models": ("elasticache", "elasticache_groups", "elasticache_changes"),
    "moto.iam.models": ("iam", "iam_managed"),
    "moto.kms.models": ("kms",),
    "moto.logs.models": ("logs", "logs_delivery"),
    "moto.rds.models": ("rds_states", "rds_changes", "rds_parameters", "rds_watching", "rds_database"),
    "moto.resourcegroupstaggingapi.models": ("tagging",),
    "moto.route53.models": ("route53",),
    "moto.s3.models": ("s3_policy", "s3_buckets", "s3_lifecycle"),
    "moto.secretsmanager.models": ("secretsmanager",),
    "moto.sns.models": ("sns",),
    "moto.sqs.models": ("sqs", "sqs_moves"),
    "moto.sts.models": ("sts",),
    "moto.wafv2.models": ("wafv2",),
}


class Patch(NamedTuple):
    """One quirk, of one service."""

    service: str
    name: str
    text: str


REGISTRY: list[Patch] = []
_pending: list[Callable[[], None]] = []
_lock = threading.Lock()


def patch(function: Callable[[], None]) -> Callable[[], None]:
    """Mark `function` as a patch: run once, when its module has been read; listed in the README."""
    service = function.__module__.rsplit(".", 1)[-1].split("_", 1)[0]
    REGISTRY.append(Patch(service, function.__name__, " ".join((function.__doc__ or "").split())))
    _pending.append(function)
    return function


def wrap(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace the method `name` of a class by the decorated function, which gets the original as its first argument."""

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        original = getattr(owner, name)

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return replacement(original, self, *args, **kwargs)

        setattr(owner, name, method)
        return method

    return decorate


def replace(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Set the attribute `name` of a class to the decorated function (or property), whether it had one or not."""

    def decorate(replacement: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, replacement)
        return replacement

    return decorate


def apply() -> None:
    """Put every patch in place, now or when moto's module is imported. Doing it again changes nothing."""
    with _lock:
        if any(isinstance(finder, _Finder) for finder in sys.meta_path):
            return
        sys.meta_path.insert(0, _Finder())
        for name in MODULES:
            if name in sys.modules:
                _run(name)


def load_all() -> list[Patch]:
    """Import everything that is patched; answers the list of all patches, for the README."""
    apply()
    for name in MODULES:
        importlib.import_module(name)
    return sorted(REGISTRY)


def _run(name: str) -> None:
    for module in MODULES[name]:
        importlib.import_module(f"{__name__}.{module}")
        while _pending:
            _pending.pop(0)()


class _Finder(MetaPathFinder):
    """Runs the patches of a module of moto right after its import."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec and spec.loader:
                spec.loader = _Loader(spec.loader)
                return spec
        return None


class _Loader(Loader):
    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        self.loader.exec_module(module)
        _run(module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)
