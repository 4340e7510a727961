# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces with their limits, and service accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .objects import Object, make

POD_SECURITY = "pod-security.kubernetes.io"
# The load balancer's controller has pods of such a namespace wait with being ready until their targets are healthy; a rollout that
# goes by the probes alone would take the old pods away before.
READINESS_GATE = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}


def namespaces(params: Mapping[str, Any]) -> Iterator[Object]:
    """Pods that do not keep to the level are refused, warned of and written to the audit log."""
    for item in params["namespaces"]:
        level = item.get("pod_security") or "restricted"
        labels = {f"{POD_SECURITY}/{mode}": level for mode in ("enforce", "warn", "audit")}
        if item["name"] == params["namespace"]:
            labels |= READINESS_GATE
        yield make("Namespace", item["name"], None, {}, labels)
        if item.get("quota"):
            yield make("ResourceQuota", "quota", item["name"], {"spec": {"hard": dict(item["quota"])}})
        if item.get("limits"):
            limits = [{"type": "Container", **item["limits"]}]
            yield make("LimitRange", "limits", item["name"], {"spec": {"limits": limits}})


def service_accounts(params: Mapping[str, Any]) -> Iterator[Object]:
    """The eks tier binds their roles by name (pod identity), so that nothing of AWS stands here; and no token of Kubernetes is
    mounted, since no pod of ours asks the cluster anything.
    """
    for account in params["service_accounts"]:
        namespace, _slash, name = account.partition("/")
        yield make("ServiceAccount", name, namespace, {"automountServiceAccountToken": False})
