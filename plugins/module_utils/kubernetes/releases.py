# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts that bring the controllers: what each needs to know of this deployment, and what Helm has noted of those that stand.

Facts: each chart's own values (eks-charts, kubernetes/autoscaler, external-secrets, kedacore/charts, karpenter); Helm, "Storage
backends" (a Secret of type helm.sh/release.v1 for each revision).
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .objects import RELEASE

HELM_SELECTOR = "owner=helm"
# What the status of a revision begins with until it stands or has failed.
PENDING = "pending-"
# Of one whose history Helm was told to keep.
UNINSTALLED = "uninstalled"
# Seconds by which Helm may end later than it was told to.
SLACK = 60.0
# Seconds that Helm may take: it is started with one token of the cluster's, which is good for a minute more.
LONGEST = 840.0
Values = dict[str, Any]
Facts = Mapping[str, Any]


def _balancer(facts: Facts) -> Values:
    """Its service account is the one that the eks tier binds; it manages target groups that others made, and no Ingress class."""
    return {
        "clusterName": facts["cluster_name"],
        "region": facts["region"],
        "vpcId": facts["vpc_id"],
        "serviceAccount": {"create": True, "name": "aws-load-balancer-controller"},
        "createIngressClassResource": False,
        "ingressClass": "alb",
        "replicaCount": 2,
        # The security groups are the vpc tier's: it adds no rules of its own.
        "enableBackendSecurityGroup": False,
    }


def _autoscaler(facts: Facts) -> Values:
    """It takes the group that fits best, and adds one or two nodes at a time as pods wait for them."""
    return {
        "autoDiscovery": {"clusterName": facts["cluster_name"]},
        "awsRegion": facts["region"],
        "cloudProvider": "aws",
        "fullnameOverride": "cluster-autoscaler",
        "replicaCount": 2,
        "rbac": {"serviceAccount": {"create": True, "name": "cluster-autoscaler"}},
        "extraArgs": {
            "expander": "least-waste",
            "balance-similar-node-groups": True,
            "skip-nodes-with-system-pods": False,
            "scale-down-utilization-threshold": 0.5,
            "scale-down-unneeded-time": "10m",
        },
    }


def _karpenter(facts: Facts) -> Values:
    """Two, on different nodes, and by the chart's own affinity on none that Karpenter itself started: on those of a node group."""
    return {
        "settings": {"clusterName": facts["cluster_name"]},
        "serviceAccount": {"create": True, "name": "karpenter"},
        "replicas": 2,
        "controller": {"resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}},
    }


def _external_secrets(facts: Facts) -> Values:
    return {
        "installCRDs": True,
        "replicaCount": 2,
        "leaderElect": True,
        "serviceAccount": {"create": True, "name": "external-secrets"},
        "extraEnv": [{"name": "AWS_REGION", "value": facts["region"]}, {"name": "AWS_STS_REGIONAL_ENDPOINTS", "value": "regional"}],
    }


def _keda(facts: Facts) -> Values:
    return {
        "clusterName": facts["cluster_name"],
        "crds": {"install": True},
        "operator": {"replicaCount": 2},
        "serviceAccount": {"operator": {"create": True, "name": "keda-operator"}},
        # By the identity that EKS gives its service account, not by one of the web identities that the chart can set up.
        "podIdentity": {"aws": {"irsa": {"enabled": False}}},
    }


@dataclass(frozen=True)
class Chart:
    """``values``: of the deployment's facts. ``reference``: how Helm finds it, in ``repository`` unless it names a registry."""

    reference: str
    repository: str
    namespace: str
    values: Callable[[Facts], Values]


CHARTS = {
    "aws-load-balancer-controller": Chart(
        "aws-load-balancer-controller", "https://aws.github.io/eks-charts", "kube-system", _balancer
    ),
    "cluster-autoscaler": Chart("cluster-autoscaler", "https://kubernetes.github.io/autoscaler", "kube-system", _autoscaler),
    "karpenter": Chart("oci://public.ecr.aws/karpenter/karpenter", "", "kube-system", _karpenter),
    "external-secrets": Chart("external-secrets", "https://charts.external-secrets.io", "external-secrets", _external_secrets),
    "keda": Chart("keda", "https://kedacore.github.io/charts", "keda", _keda),
}
# Two of them would fight over the same nodes. What is to be seen before one is taken away.
NODE_AUTOSCALERS = {"cluster-autoscaler": "", "karpenter": "once `kubectl get nodeclaims` lists none, "}


@dataclass(frozen=True)
class Release:
    """What shall stand."""

    name: str
    namespace: str
    chart: str
    repository: str
    version: str
    values: Values

    @property
    def address(self) -> str:
        return f"{RELEASE}/{self.namespace}/{self.name}"

    def fields(self) -> dict[str, Any]:
        """What is compared."""
        return {"chart": self.chart.rsplit("/", 1)[-1], "version": self.version, "values": self.values}


def desired(entries: Iterable[Mapping[str, Any]], facts: Facts) -> list[Release]:
    """In the order of the configuration. What an entry says wins over what is known of its chart."""
    found = []
    for entry in entries:
        known = CHARTS.get(entry["name"])
        values = known.values(facts) if known else {}
        found.append(
            Release(
                entry["name"],
                entry.get("namespace") or (known.namespace if known else entry["name"]),
                entry.get("chart") or (known.reference if known else ""),
                entry.get("repository") or (known.repository if known else ""),
                str(entry["version"]).removeprefix("v"),
                merged(values, entry.get("values") or {}),
            )
        )
    return found


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    result = dict(values)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def observed(secrets: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Address -> what is compared, and ``status``, of the latest revision of each release. Secrets that Helm did not write, or in
    a form that is not known here, are passed over.
    """
    found = {}
    for address, (_secret, release) in _latest(secrets).items():
        chart = release["chart"]["metadata"]
        found[address] = {
            "chart": chart["name"],
            "version": str(chart["version"]).removeprefix("v"),
            "values": release.get("config") or {},
            "status": release["info"]["status"],
        }
    return found


@dataclass(frozen=True)
class Stuck:
    """A release whose last revision is neither deployed nor failed: it is being brought, or whoever brought it was killed. Helm
    refuses the next one for ever then. ``secret``: where it is noted. ``since``: when it began; None where that is not told."""

    status: str
    secret: dict[str, Any]
    since: datetime | None

    def age(self, now: datetime) -> float:
        """Seconds."""
        return (now - self.since).total_seconds() if self.since else float("inf")


def stuck(secrets: Iterable[Mapping[str, Any]]) -> dict[str, Stuck]:
    """Address -> it."""
    found = {}
    for address, (secret, release) in _latest(secrets).items():
        if release["info"]["status"].startswith(PENDING):
            names = {name: secret["metadata"][name] for name in ("name", "namespace")}
            reference = {"apiVersion": "v1", "kind": "Secret", "metadata": names}
            found[address] = Stuck(release["info"]["status"], reference, _moment(release["info"].get("last_deployed")))
    return found


def seconds(duration: str) -> float:
    """Of a duration of Go such as ``1h30m``; the most that there is for one that is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", duration)
    if not parts or "".join(map("".join, parts)) != duration:
        return float("inf")
    return sum(float(number) * {"h": 3600, "m": 60, "s": 1, "ms": 0.001}[unit] for number, unit in parts)


def _moment(text: str | None) -> datetime | None:
    """Go notes nanoseconds, of which Python takes no more than micro."""
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _latest(secrets: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Mapping[str, Any], dict[str, Any]]]:
    """Address -> the Secret of its last revision, and what Helm noted in it."""
    latest: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}
    for secret, release in _revisions(secrets):
        address = f"{RELEASE}/{release['namespace']}/{release['name']}"
        if address not in latest or release["version"] > latest[address][1]["version"]:
            latest[address] = (secret, release)
    return latest


def _revisions(secrets: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
    for secret in secrets:
        try:
            release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
            chart = release["chart"]["metadata"]
            whole = release["namespace"], release["name"], release["version"], release["info"]["status"]
            if all((chart["name"], chart["version"], *whole)):
                yield secret, release
        except (KeyError, ValueError, OSError, TypeError):
            continue
