"""Patches to EKS add-ons."""

from __future__ import annotations

import json
from typing import Any

from moto.core.utils import utcnow

from local_aws.patches import patch
from local_aws.patches.eks_cluster import role_of
from local_aws.patches.eks_common import (
    ADDON,
    DEGRADED,
    Thing,
    bad_parameter,
    cluster_of,
    identifier,
    in_use,
    must_rest,
    not_found,
    operation,
    page,
    sweep,
)
from local_aws.patches.eks_versions import ADDONS, addon_versions, default_addon_version

ROLE = "The role {} does not exist or does not trust the cluster's OIDC provider"


# Deployments: they run on nodes, and are not well without.
ON_NODES = ("aws-ebs-csi-driver", "aws-efs-csi-driver", "coredns", "metrics-server", "snapshot-controller")
LONELY = {
    "code": "InsufficientNumberOfReplicas",
    "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
    "resourceIds": [],
}


class Addon(Thing):
    """An add-on of a cluster."""

    def __init__(self, cluster: Any, shown: dict[str, Any], token: str | None) -> None:
        self.cluster = cluster
        super().__init__(ADDON, shown, token)

    @property
    def status(self) -> str:
        """The state by AWS's name: what has no nodes to run on is not well, or still being created while nodes come."""
        status = super().status
        if status != "ACTIVE" or self.shown["addonName"] not in ON_NODES:
            return status
        nodes = {group.status for group in self.cluster.nodegroups.values()}
        if nodes & {"ACTIVE", "UPDATING", DEGRADED}:
            return status
        return "CREATING" if self.state == "CREATING" and "CREATING" in nodes else DEGRADED

    def issues(self, status: str) -> list[dict[str, Any]]:
        """What is wrong with it."""
        return super().issues(status) or ([LONELY] if status == DEGRADED else [])


def find(backend: Any, given: dict[str, Any]) -> Any:
    """The add-on of a cluster."""
    cluster, name = cluster_of(backend, given["clusterName"]), given["addonName"]
    try:
        return cluster.addons[name]
    except KeyError:
        raise not_found(f"No addon: {name} found in cluster: {cluster.name}", clusterName=cluster.name, addonName=name) from None


def check_version(cluster: Any, name: str, version: str) -> None:
    """The version must be one for the cluster's Kubernetes version."""
    if version not in addon_versions(name, cluster.version):
        raise bad_parameter("Addon version specified is not supported", clusterName=cluster.name, addonName=name)


def check_values(values: str | None, name: str) -> None:
    """JSON or YAML of an object; here JSON is looked at."""
    if values and values.lstrip().startswith(("{", "[")):
        try:
            good = isinstance(json.loads(values), dict)
        except ValueError:
            good = False
        if not good:
            raise bad_parameter("ConfigurationValue is not in valid JSON or YAML format.", addonName=name)


def associate(backend: Any, cluster: Any, name: str, arn: str, wanted: list[dict[str, Any]] | None) -> list[str] | None:
    """Give the add-on the associations that are asked for, owned by it; None: leave what it has."""
    from local_aws.patches.eks_access import association_of

    if wanted is None:
        return None
    owned = {item["serviceAccount"]: item for item in cluster.associations.values() if item.get("ownerArn") == arn}
    keep = []
    for given in wanted:
        item = owned.pop(given["serviceAccount"], None)
        if item:
            item["roleArn"] = given["roleArn"]
        else:
            item = association_of(backend, cluster, {**given, "namespace": ADDONS[name][1]})
            item["ownerArn"] = arn
            cluster.associations[item["associationId"]] = item
        keep.append(item["associationArn"])
    for item in owned.values():
        del cluster.associations[item["associationId"]]
    return keep


@patch
def addons() -> None:
    """AWS installs add-ons, each once a cluster, at a version for the cluster's Kubernetes version or the default one; an add-on
    owns the pod identity associations that it is given; one that is a deployment (coredns) is DEGRADED without nodes. moto has
    no add-ons."""

    @operation("CreateAddon")
    def create(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, name, token = cluster_of(backend, given["clusterName"]), given["addonName"], given.get("clientRequestToken")
        standing = cluster.addons.get(name)
        if standing:
            if token and standing.token == token:
                return {"addon": standing.describe()}
            raise in_use("Addon already exists.", clusterName=cluster.name, addonName=name)
        cluster_of(backend, cluster.name, "ACTIVE")
        if name not in ADDONS:
            raise bad_parameter(f"Addon {name} specified is not supported", clusterName=cluster.name, addonName=name)
        version = given.get("addonVersion") or default_addon_version(name, cluster.version)
        check_version(cluster, name, version)
        check_values(given.get("configurationValues"), name)
        if given.get("serviceAccountRoleArn"):
            role_of(backend, given["serviceAccountRoleArn"], "oidc", ROLE.format(given["serviceAccountRoleArn"]))
        place = f"{backend.region_name}:{backend.account_id}"
        arn = f"arn:{backend.partition}:eks:{place}:addon/{cluster.name}/{name}/{identifier()}"
        moment = utcnow()
        shown = {
            "addonName": name,
            "clusterName": cluster.name,
            "addonVersion": version,
            "addonArn": arn,
            "createdAt": moment,
            "modifiedAt": moment,
            "serviceAccountRoleArn": given.get("serviceAccountRoleArn"),
            "tags": dict(given.get("tags") or {}),
            "publisher": "eks",
            "owner": "aws",
            "configurationValues": given.get("configurationValues"),
            "podIdentityAssociations": associate(backend, cluster, name, arn, given.get("podIdentityAssociations")) or [],
            "namespaceConfig": {"namespace": (given.get("namespaceConfig") or {}).get("namespace") or ADDONS[name][1]},
        }
        cluster.addons[name] = Addon(cluster, shown, token)
        return {"addon": cluster.addons[name].describe()}

    @operation("DescribeAddon")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"addon": find(backend, given).describe()}

    @operation("ListAddons")
    def list_addons(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return page(given, "addons", sorted(cluster_of(backend, given["clusterName"]).addons))

    @operation("UpdateAddon")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, addon = cluster_of(backend, given["clusterName"]), find(backend, given)
        name, shown = given["addonName"], addon.shown
        must_rest(addon, f"Addon {name}", clusterName=cluster.name, addonName=name)
        cluster_of(backend, cluster.name, "ACTIVE")
        version = given.get("addonVersion")
        if version:
            check_version(cluster, name, version)
        check_values(given.get("configurationValues"), name)
        if given.get("serviceAccountRoleArn"):
            role_of(backend, given["serviceAccountRoleArn"], "oidc", ROLE.format(given["serviceAccountRoleArn"]))
        changes = {key: given[key] for key in ("addonVersion", "serviceAccountRoleArn", "configurationValues") if given.get(key)}
        if given.get("configurationValues") == "":
            changes["configurationValues"] = None
        owned = associate(backend, cluster, name, shown["addonArn"], given.get("podIdentityAssociations"))
        if owned is not None:
            changes["podIdentityAssociations"] = owned
        params = {key[0].upper() + key[1:]: value for key, value in changes.items() if value}
        if given.get("resolveConflicts"):
            params["ResolveConflicts"] = given["resolveConflicts"]
        return addon.update("AddonUpdate", params, {**changes, "modifiedAt": utcnow()})

    @operation("DeleteAddon")
    def delete(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        addon, cluster = find(backend, given), cluster_of(backend, given["clusterName"])
        must_rest(addon, f"Addon {given['addonName']}", clusterName=cluster.name, addonName=given["addonName"])
        associate(backend, cluster, given["addonName"], addon.shown["addonArn"], [])
        addon.begin("DELETING")
        answer = {"addon": addon.describe()}
        sweep(backend)
        return answer
