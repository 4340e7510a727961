"""Patches to updates of EKS clusters: one kind of change at a time, one minor version at a time, followed by DescribeUpdate."""

from __future__ import annotations

from typing import Any

from local_aws.patches import patch
from local_aws.patches.eks_cluster import (
    access_of,
    attach,
    check_encryption,
    check_groups,
    logging_of,
    logs_on,
    subnets_of,
    write_logs,
)
from local_aws.patches.eks_common import bad_parameter, bad_request, cluster_of, must_rest, not_found, operation, page
from local_aws.patches.eks_versions import KUBERNETES, minor

CIDRS = "publicAccessCidrs"
ENDPOINT = ("endpointPublicAccess", "endpointPrivateAccess", CIDRS)
NETWORK = ("subnetIds", "securityGroupIds")
# Setting of UpdateClusterConfig -> type of the update, name of its parameter; each shown as it is given.
PLAIN = {
    "upgradePolicy": ("UpgradePolicyUpdate", "UpgradePolicy"),
    "deletionProtection": ("DeletionProtectionUpdate", "DeletionProtection"),
    "zonalShiftConfig": ("ZonalShiftConfigUpdate", "ZonalShiftConfig"),
    "remoteNetworkConfig": ("RemoteNetworkConfigUpdate", "RemoteNetworkConfig"),
    "controlPlaneScalingConfig": ("ControlPlaneScalingConfigUpdate", "UpdatedTier"),
}
AUTO_MODE = ("computeConfig", "storageConfig", "kubernetesNetworkConfig")
MODES = {"CONFIG_MAP": ("API_AND_CONFIG_MAP",), "API_AND_CONFIG_MAP": ("API",), "API": ()}

Change = tuple[str, dict[str, Any], dict[str, Any]]


def _same(message: str, cluster: Any) -> Exception:
    return bad_parameter(f"Cluster is already at the desired configuration with {message}", clusterName=cluster.name)


@patch
def one_kind_of_update_a_call() -> None:
    """AWS takes one kind of change a call of UpdateClusterConfig, one that changes something (InvalidParameterException), on a
    cluster that is not being changed (ResourceInUseException); what is not given stays; an update with an id is answered. moto
    replaces the whole of resourcesVpcConfig, takes anything, and answers a cluster, which no client can read."""

    @operation("UpdateClusterConfig")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(backend, given["name"])
        must_rest(cluster, f"Cluster {cluster.name}", clusterName=cluster.name)
        vpc = given.get("resourcesVpcConfig") or {}
        parts = {
            "endpoint": any(key in vpc for key in ENDPOINT),
            "network": any(key in vpc for key in NETWORK),
            "logging": given.get("logging") is not None,
            "access": given.get("accessConfig") is not None,
            "auto": any(given.get(key) is not None for key in AUTO_MODE),
            **{key: given.get(key) is not None for key in PLAIN},
        }
        asked = [part for part, there in parts.items() if there]
        if not asked:
            raise bad_parameter("No changes needed for the request", clusterName=cluster.name)
        if len(asked) > 1:
            raise bad_parameter("Only one type of update can be allowed.", clusterName=cluster.name)
        change = CHANGES.get(asked[0], _plain)
        kind, params, changes = change(backend, cluster, given)
        answer = cluster.update(kind, params, changes)
        if cluster.reason is None:
            if asked[0] == "network":
                cluster.shown.update(changes)
                attach(backend, cluster)
            if asked[0] == "logging":
                cluster.shown.update(changes)
                write_logs(backend, cluster)
        return answer


def _endpoint(_backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    vpc = cluster.shown["resourcesVpcConfig"]
    access = access_of(given["resourcesVpcConfig"], vpc)
    if {**access, CIDRS: sorted(access[CIDRS])} == {key: sorted(vpc[key]) if key == CIDRS else vpc[key] for key in access}:
        private, public = (str(access[f"endpoint{name}Access"]).lower() for name in ("Private", "Public"))
        raise _same(
            f"endpointPrivateAccess: {private} , endpointPublicAccess: {public}, and Public Endpoint Restrictions: "
            f"[{', '.join(access['publicAccessCidrs'])}]",
            cluster,
        )
    params = {key[0].upper() + key[1:]: access[key] for key in ENDPOINT}
    return "EndpointAccessUpdate", params, {"resourcesVpcConfig": {**vpc, **access}}


def _network(backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    standing, vpc = cluster.shown["resourcesVpcConfig"], given["resourcesVpcConfig"]
    wanted = {key: list(vpc[key]) if key in vpc else standing[key] for key in NETWORK}
    subnets = subnets_of(backend, wanted["subnetIds"], zones=2)
    if subnets[0].vpc_id != standing["vpcId"]:
        raise bad_parameter("Provided subnets belong to a different VPC than the one of the cluster", clusterName=cluster.name)
    check_groups(backend, wanted["securityGroupIds"], standing["vpcId"])
    if all(sorted(wanted[key]) == sorted(standing[key]) for key in NETWORK):
        raise _same(f"subnetIds: {wanted['subnetIds']}, securityGroupIds: {wanted['securityGroupIds']}", cluster)
    params = {"Subnets": wanted["subnetIds"], "SecurityGroups": wanted["securityGroupIds"]}
    return "VpcConfigUpdate", params, {"resourcesVpcConfig": {**standing, **wanted}}


def _logging(_backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    standing = logs_on(cluster.shown["logging"])
    logging = logging_of(given["logging"], standing)
    if logs_on(logging) == standing:
        raise bad_parameter("No changes needed for the logging config provided", clusterName=cluster.name)
    return "LoggingUpdate", {"ClusterLogging": logging}, {"logging": logging}


def _access(_backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    standing, mode = cluster.shown["accessConfig"], given["accessConfig"].get("authenticationMode")
    if mode not in MODES[standing["authenticationMode"]]:
        message = f"Unsupported authentication mode update from {standing['authenticationMode']} to {mode}"
        raise bad_parameter(message, clusterName=cluster.name)
    return "AccessConfigUpdate", {"AuthenticationMode": mode}, {"accessConfig": {**standing, "authenticationMode": mode}}


def _auto(_backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    changes = {key: {**cluster.shown[key], **given[key]} for key in AUTO_MODE if given.get(key) is not None}
    return "AutoModeUpdate", {key[0].upper() + key[1:]: value for key, value in changes.items()}, changes


def _plain(_backend: Any, cluster: Any, given: dict[str, Any]) -> Change:
    key = next(key for key in PLAIN if given.get(key) is not None)
    kind, parameter = PLAIN[key]
    if cluster.shown[key] == given[key]:
        raise _same(f"{key}: {given[key]}", cluster)
    return kind, {parameter: given[key]}, {key: given[key]}


CHANGES = {"endpoint": _endpoint, "network": _network, "logging": _logging, "access": _access, "auto": _auto}


@patch
def one_minor_version_at_a_time() -> None:
    """AWS updates a control plane to the next minor version and no other (InvalidParameterException), when all managed node groups
    have the version that it has now (InvalidRequestException). moto cannot update it."""

    @operation("UpdateClusterVersion")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, version = cluster_of(backend, given["name"]), given["version"]
        must_rest(cluster, f"Cluster {cluster.name}", clusterName=cluster.name)
        if version not in KUBERNETES:
            raise bad_parameter("unsupported Kubernetes version", clusterName=cluster.name)
        if minor(version) != minor(cluster.version) + 1:
            message = f"Unsupported Kubernetes minor version update from {cluster.version} to {version}"
            raise bad_parameter(message, clusterName=cluster.name)
        behind = sorted(name for name, group in cluster.nodegroups.items() if group.shown["version"] != cluster.version)
        if behind:
            raise bad_request(
                f"Nodegroups {','.join(behind)} must be updated to match cluster version {cluster.version} before updating "
                "cluster version",
                clusterName=cluster.name,
            )
        platform = KUBERNETES[version][2]
        params = {"Version": version, "PlatformVersion": platform}
        return cluster.update("VersionUpdate", params, {"version": version, "platformVersion": platform})


@patch
def encryption_of_a_cluster() -> None:
    """AWS encrypts the secrets of a standing cluster with a KMS key, once and for ever. moto cannot."""

    @operation("AssociateEncryptionConfig")
    def associate(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, config = cluster_of(backend, given["clusterName"]), given["encryptionConfig"]
        must_rest(cluster, f"Cluster {cluster.name}", clusterName=cluster.name)
        check_encryption(config)
        if cluster.shown["encryptionConfig"]:
            message = "Cluster already has encryption configuration; existing encryption config cannot be changed or removed"
            raise bad_parameter(message, clusterName=cluster.name)
        return cluster.update("AssociateEncryptionConfig", {"EncryptionConfig": config}, {"encryptionConfig": config})


@patch
def updates() -> None:
    """AWS keeps an update for each change of a cluster, node group or add-on: InProgress, then Successful or Failed with the
    errors. moto keeps none."""

    def find(backend: Any, given: dict[str, Any]) -> Any:
        cluster = cluster_of(backend, given["name"])
        for key, things in (("nodegroupName", cluster.nodegroups), ("addonName", cluster.addons)):
            if given.get(key):
                if given[key] not in things:
                    raise not_found(f"No {key.removesuffix('Name')} found for name: {given[key]}.", clusterName=cluster.name)
                return things[given[key]]
        return cluster

    @operation("DescribeUpdate")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"update": find(backend, given).describe_update(given["updateId"])}
        except KeyError:
            raise not_found(f"No update found for ID: {given['updateId']}", clusterName=given["name"]) from None

    @operation("ListUpdates")
    def list_updates(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return page(given, "updateIds", list(reversed(find(backend, given).updates)))
