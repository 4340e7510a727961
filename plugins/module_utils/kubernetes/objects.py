# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of Kubernetes as plain dictionaries: which kinds this collection makes, what they are called, what marks them as ours.

Everything in this package but ``client.py`` is pure: data in, dictionaries out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]

MANAGER = "agent-platform"
MANAGED_BY = "app.kubernetes.io/managed-by"
DEPLOYMENT = "agent-platform.io/deployment"
APP = "app.kubernetes.io/name"
# The deployment that a Job, its ConfigMap and its pods are of, and the Job's name: the configuration's own label is not theirs.
JOB_OF = "agent-platform.io/job-of"
JOB_NAME = "agent-platform.io/job"


@dataclass(frozen=True)
class Kind:
    """``plural``: its part of the API's paths. ``release``: the chart that brings the kind, where Kubernetes does not have it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    release: str = ""

    @property
    def name(self) -> str:
        """The first part of its addresses."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.kind).lower()


# In the order in which they are made; deleted from the last to the first.
KINDS = (
    Kind("v1", "Namespace", "namespaces", namespaced=False),
    Kind("v1", "ResourceQuota", "resourcequotas"),
    Kind("v1", "LimitRange", "limitranges"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("external-secrets.io/v1", "SecretStore", "secretstores", release="external-secrets"),
    Kind("external-secrets.io/v1", "ExternalSecret", "externalsecrets", release="external-secrets"),
    Kind("karpenter.k8s.aws/v1", "EC2NodeClass", "ec2nodeclasses", namespaced=False, release="karpenter"),
    Kind("karpenter.sh/v1", "NodePool", "nodepools", namespaced=False, release="karpenter"),
    Kind("v1", "Service", "services"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", "targetgroupbindings", release="aws-load-balancer-controller"),
    Kind("keda.sh/v1alpha1", "TriggerAuthentication", "triggerauthentications", release="keda"),
    Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", release="keda"),
)
# What Jobs and their ends consist of, which the tier neither lists nor prunes.
PASSING = (Kind("batch/v1", "Job", "jobs"), Kind("v1", "Pod", "pods"), Kind("v1", "Event", "events"))
BY_KIND = {kind.kind: kind for kind in (*KINDS, *PASSING)}
RELEASE = "helm_release"
# First parts of all addresses of the tier.
NAMES = (*(kind.name for kind in KINDS), RELEASE)


def make(kind: str, name: str, namespace: str | None, body: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Object:
    """An object of one of ``KINDS``, not yet marked as ours."""
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {"apiVersion": BY_KIND[kind].api_version, "kind": kind, "metadata": metadata, **body}


def owned(deployment: str) -> dict[str, str]:
    """The labels by which what is ours is found."""
    return {MANAGED_BY: MANAGER, DEPLOYMENT: deployment}


def selector(deployment: str) -> str:
    return ",".join(f"{key}={value}" for key, value in owned(deployment).items())


def mark(items: Iterable[Object], deployment: str) -> list[Object]:
    """Copies that carry our labels, in the order in which they are made."""
    marked = [
        {**item, "metadata": {**item["metadata"], "labels": {**item["metadata"].get("labels", {}), **owned(deployment)}}}
        for item in items
    ]
    order = [kind.kind for kind in KINDS]
    return sorted(marked, key=lambda item: order.index(item["kind"]))


def is_ours(item: Mapping[str, Any], deployment: str) -> bool:
    """By its labels, unless a controller made it and copied ours: what KEDA and External Secrets make carries the labels of
    what they made it for, and an owner.
    """
    metadata = item["metadata"]
    return owned(deployment).items() <= (metadata.get("labels") or {}).items() and not metadata.get("ownerReferences")


def address(item: Mapping[str, Any]) -> str:
    """``deployment/agents/agent``; without a namespace ``namespace/agents``."""
    metadata = item["metadata"]
    parts = (BY_KIND[item["kind"]].name, metadata.get("namespace"), metadata["name"])
    return "/".join(part for part in parts if part)
