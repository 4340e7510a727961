"""Which kinds a cluster serves: the built-in ones listed here, and those of the CustomResourceDefinitions that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERBS = ["create", "delete", "get", "list", "patch", "update"]


@dataclass(frozen=True)
class Served:
    """One kind, as discovery tells it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    custom: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def as_dict(self) -> dict[str, Any]:
        singular = self.kind.lower()
        return {"name": self.plural, "singularName": singular, "namespaced": self.namespaced, "kind": self.kind, "verbs": VERBS}


BUILT_IN = (
    Served("", "v1", "Namespace", "namespaces", namespaced=False),
    Served("", "v1", "ConfigMap", "configmaps"),
    Served("", "v1", "Secret", "secrets"),
    Served("", "v1", "Service", "services"),
    Served("", "v1", "ServiceAccount", "serviceaccounts"),
    Served("", "v1", "ResourceQuota", "resourcequotas"),
    Served("", "v1", "LimitRange", "limitranges"),
    Served("", "v1", "Pod", "pods"),
    Served("", "v1", "Event", "events"),
    Served("apps", "v1", "Deployment", "deployments"),
    Served("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Served("batch", "v1", "Job", "jobs"),
    Served("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Served("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Served("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Served("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    Served("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", namespaced=False),
    Served("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False),
    Served("apiregistration.k8s.io", "v1", "APIService", "apiservices", namespaced=False),
)


def custom(definition: dict[str, Any]) -> list[Served]:
    """The kinds of a CustomResourceDefinition."""
    spec = definition["spec"]
    names, namespaced = spec["names"], spec["scope"] == "Namespaced"
    versions = [version["name"] for version in spec["versions"] if version.get("served", True)]
    return [Served(spec["group"], version, names["kind"], names["plural"], namespaced, custom=True) for version in versions]
