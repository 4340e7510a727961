# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application Auto Scaling: targets that track the utilisation of a DynamoDB table's capacity.

A scalable target is no resource of its own here but part of its table, as the field ``scaling``: it has no meaning without the
provisioned table, one exists for each dimension at most, and the desired "none" of a table on demand is simply ``{}``.

Facts: Application Auto Scaling API reference (RegisterScalableTarget, PutScalingPolicy, DeregisterScalableTarget) and DynamoDB
developer guide, "Managing throughput capacity automatically with auto scaling".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..aws.errors import is_code, tolerating
from ..aws.retry import until
from ..reconcile.resource import Context, View

SERVICE = "application-autoscaling"
NAMESPACE = "dynamodb"
DIRECTIONS = ("Read", "Write")
# Another change of the same target is under way, or a target that was just registered is not known everywhere yet.
NOT_YET = ("ConcurrentUpdateException", "ObjectNotFoundException")


def dimensions(index: str | None = None) -> list[str]:
    """What scales of the table or of an index, as keys of ``scaling``: ``table:ReadCapacityUnits``, ``index/<name>:...``."""
    what = f"index/{index}" if index else "table"
    return [f"{what}:{direction}CapacityUnits" for direction in DIRECTIONS]


def of_index(key: str) -> str | None:
    """The index that a key of ``scaling`` is about; None for the table."""
    what = key.rpartition(":")[0]
    return what.removeprefix("index/") if what.startswith("index/") else None


def address(table: str, key: str) -> dict[str, str]:
    """A key of ``scaling`` as the API's identity of a target."""
    index, dimension = of_index(key), key.rpartition(":")[2]
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": f"table/{table}" + (f"/index/{index}" if index else ""),
        "ScalableDimension": f"dynamodb:{'index' if index else 'table'}:{dimension}",
    }


def metric(key: str) -> str:
    """The predefined metric of a target, which also names its policy."""
    return f"DynamoDB{key.rpartition(':')[2].removesuffix('CapacityUnits')}CapacityUtilization"


def reads(view: View) -> list[Callable[[], list[dict[str, Any]]]]:
    """The calls that ``scaling`` is made of: one list of all targets and one of all policies, whatever the number of tables."""
    return [
        lambda: view.api.pages(SERVICE, "describe_scalable_targets", "ScalableTargets", ServiceNamespace=NAMESPACE),
        lambda: view.api.pages(SERVICE, "describe_scaling_policies", "ScalingPolicies", ServiceNamespace=NAMESPACE),
    ]


def scaling(
    tables: Iterable[str], targets: Iterable[Mapping[str, Any]], policies: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Table -> its ``scaling``."""
    tracking = {(policy["ResourceId"], policy["ScalableDimension"], policy["PolicyName"]): policy for policy in policies}
    found: dict[str, dict[str, Any]] = {table: {} for table in tables}
    for target in targets:
        _table, name, *index = target["ResourceId"].split("/", 2)
        if name in found:
            dimension = target["ScalableDimension"].rpartition(":")[2]
            key = f"{index[0] if index else 'table'}:{dimension}"
            policy = tracking.get((target["ResourceId"], target["ScalableDimension"], metric(key)), {})
            found[name][key] = _setting(target, policy.get("TargetTrackingScalingPolicyConfiguration") or {})
    return found


def _setting(target: Mapping[str, Any], tracking: Mapping[str, Any]) -> dict[str, Any]:
    """One target with its policy; without a policy (a run was cut off, say) it tracks nothing."""
    utilization = tracking.get("TargetValue")
    return {
        "min": target["MinCapacity"],
        "max": target["MaxCapacity"],
        "utilization_percent": None if utilization is None else int(utilization),
        "scale_in_cooldown_seconds": tracking.get("ScaleInCooldown"),
        "scale_out_cooldown_seconds": tracking.get("ScaleOutCooldown"),
    }


def write(context: Context, table: str, desired: Mapping[str, Any], observed: Mapping[str, Any]) -> None:
    """Register or adjust what differs. What is no longer desired is removed by ``remove``, before its index or mode goes."""
    client = context.api.client(SERVICE)
    for key, wanted in desired.items():
        if observed.get(key) == wanted:
            continue
        target = address(table, key)
        register = {**target, "MinCapacity": wanted["min"], "MaxCapacity": wanted["max"]}
        policy = {
            **target,
            "PolicyName": metric(key),
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": float(wanted["utilization_percent"]),
                "ScaleInCooldown": wanted["scale_in_cooldown_seconds"],
                "ScaleOutCooldown": wanted["scale_out_cooldown_seconds"],
                "PredefinedMetricSpecification": {"PredefinedMetricType": metric(key)},
            },
        }
        _retried(lambda register=register: client.register_scalable_target(**register))
        _retried(lambda policy=policy: client.put_scaling_policy(**policy))


def remove(context: Context, table: str, keys: Iterable[str]) -> None:
    """Deregister targets; AWS deletes their policies and alarms with them. What is already gone is no error."""
    client = context.api.client(SERVICE)
    for target in (address(table, key) for key in keys):
        with tolerating("ObjectNotFoundException"):
            until(
                lambda target=target: client.deregister_scalable_target(**target),
                not_yet=lambda error: is_code(error, "ConcurrentUpdateException"),
            )


def _retried(call: Any) -> None:
    until(call, not_yet=lambda error: is_code(error, *NOT_YET))
