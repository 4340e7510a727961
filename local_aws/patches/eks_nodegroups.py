"""Patches to EKS managed node groups."""

from __future__ import annotations

from typing import Any

from moto.core.utils import utcnow

from local_aws.patches import patch
from local_aws.patches.eks_access import entry_of
from local_aws.patches.eks_cluster import ec2_of, role_of, subnets_of
from local_aws.patches.eks_common import (
    NODEGROUP,
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
from local_aws.patches.eks_versions import KUBERNETES, minor, release

ROLE = "Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole {}"
UPDATE = {"maxUnavailable": 1, "updateStrategy": "DEFAULT"}


def find(backend: Any, given: dict[str, Any]) -> Any:
    """The node group."""
    cluster = cluster_of(backend, given["clusterName"])
    try:
        return cluster.nodegroups[given["nodegroupName"]]
    except KeyError:
        names = {"clusterName": cluster.name, "nodegroupName": given["nodegroupName"]}
        raise not_found(f"No node group found for name: {given['nodegroupName']}.", **names) from None


def scaling_of(given: dict[str, Any] | None, standing: dict[str, int]) -> dict[str, int]:
    """The sizes that are given over those that stand; minimum, desired and maximum in order."""
    scaling = {**standing, **(given or {})}
    low, high, wanted = (scaling[f"{name}Size"] for name in ("min", "max", "desired"))
    if high < 1:
        raise bad_parameter("Maximum capacity must be at least 1")
    if low > high:
        raise bad_parameter(f"Minimum capacity {low} can't be greater than maximum size {high}")
    if low > wanted:
        raise bad_parameter(f"Minimum capacity {low} can't be greater than desired size {wanted}")
    if wanted > high:
        raise bad_parameter(f"desired capacity {wanted} can't be greater than max size {high}")
    return scaling


def update_config_of(given: dict[str, Any] | None, standing: dict[str, Any]) -> dict[str, Any]:
    """How many nodes an update takes at once: a number or a percentage, never both."""
    config = given or {}
    both = [key for key in ("maxUnavailable", "maxUnavailablePercentage") if config.get(key) is not None]
    if len(both) == 2:
        raise bad_parameter("Parameters maxUnavailable and maxUnavailablePercentage cannot be set at the same time")
    kept = {key: value for key, value in standing.items() if not (both and key.startswith("maxUnavailable"))}
    return {**kept, **config}


def template_of(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The launch template by id and name, at the version that is given or is its default; it and the version must exist."""
    ec2 = ec2_of(backend)
    if bool(given.get("id")) == bool(given.get("name")):
        raise bad_parameter("Either the id or the name of the launch template must be specified, and not both")
    key = given.get("id") or ec2.launch_template_name_to_ids.get(given["name"])
    if key not in ec2.launch_templates:
        raise bad_parameter(f"Launch template {given.get('id') or given['name']} does not exist")
    template = ec2.launch_templates[key]
    version = str(given.get("version") or template.default_version_number)
    version = {"$Default": str(template.default_version_number), "$Latest": str(template.latest_version_number)}.get(
        version, version
    )
    if version not in [str(item.number) for item in template.versions]:
        raise bad_parameter(f"You cannot specify launch template version {version}: it does not exist")
    return {"id": template.id, "name": template.name, "version": version}


def taints_of(taints: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Each key and effect once."""
    keys = [(taint["key"], taint["effect"]) for taint in taints or []]
    if len(keys) != len(set(keys)):
        raise bad_parameter("Duplicate taints are not allowed")
    return list(taints or [])


@patch
def node_groups() -> None:
    """AWS checks the role, the subnets, the sizes (minimum <= desired <= maximum), the version (that of the cluster or one before)
    and the launch template with its version; instance types, disk size and SSH key are given there or here; the nodes' role gets an
    access entry. moto checks little of it, drops updateConfig and nodeRepairConfig, and invents a version and an SSH key."""

    @operation("CreateNodegroup")
    def create(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, name, token = cluster_of(backend, given["clusterName"]), given["nodegroupName"], given.get("clientRequestToken")
        standing = cluster.nodegroups.get(name)
        if standing:
            if token and standing.token == token:
                return {"nodegroup": standing.describe()}
            message = f"NodeGroup already exists with name {name} and cluster name {cluster.name}"
            raise in_use(message, clusterName=cluster.name, nodegroupName=name)
        cluster_of(backend, cluster.name, "ACTIVE")
        group = Thing(NODEGROUP, _shown(backend, cluster, given), token)
        cluster.nodegroups[name] = group
        role = given["nodeRole"]
        if cluster.shown["accessConfig"]["authenticationMode"] != "CONFIG_MAP" and role not in cluster.entries:
            cluster.entries[role] = entry_of(backend, cluster, {"principalArn": role, "type": "EC2_LINUX"})
        return {"nodegroup": group.describe()}

    @operation("DescribeNodegroup")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"nodegroup": find(backend, given).describe()}

    @operation("ListNodegroups")
    def list_nodegroups(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return page(given, "nodegroups", sorted(cluster_of(backend, given["clusterName"]).nodegroups))

    @operation("DeleteNodegroup")
    def delete(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        group = find(backend, given)
        names = {"clusterName": given["clusterName"], "nodegroupName": given["nodegroupName"]}
        must_rest(group, f"Nodegroup {given['nodegroupName']}", **names)
        group.begin("DELETING")
        answer = {"nodegroup": group.describe()}
        sweep(backend)
        return answer


def _shown(backend: Any, cluster: Any, given: dict[str, Any]) -> dict[str, Any]:
    name = given["nodegroupName"]
    role_of(backend, given["nodeRole"], "ec2.amazonaws.com", ROLE.format(given["nodeRole"]))
    subnets_of(backend, given["subnets"])
    version = given.get("version") or cluster.version
    if version not in KUBERNETES or not 0 <= minor(cluster.version) - minor(version) <= 3:
        raise bad_parameter(f"Requested Nodegroup version {version} does not fit cluster version {cluster.version}")
    template = template_of(backend, given["launchTemplate"]) if given.get("launchTemplate") else None
    if template and given.get("diskSize"):
        raise bad_parameter("Disk size must be specified within the launch template.")
    if template and given.get("remoteAccess"):
        raise bad_parameter("Remote access configuration cannot be specified with a launch template.")
    data = _data(backend, template)
    if data.get("InstanceType") and given.get("instanceTypes"):
        raise bad_parameter("Instance type must be specified in either the launch template or the request, not both.")
    custom = bool(data.get("ImageId"))
    if custom and (given.get("version") or given.get("releaseVersion") or given.get("amiType")):
        raise bad_parameter("You cannot specify an AMI type, version or release version with an image in the launch template.")
    number, moment = identifier(), utcnow()
    place = f"{backend.region_name}:{backend.account_id}"
    types = given.get("instanceTypes") or ([] if data.get("InstanceType") else ["t3.medium"])
    return {
        "nodegroupName": name,
        "nodegroupArn": f"arn:{backend.partition}:eks:{place}:nodegroup/{cluster.name}/{name}/{number}",
        "clusterName": cluster.name,
        "version": version,
        "releaseVersion": given.get("releaseVersion") or release(version),
        "createdAt": moment,
        "modifiedAt": moment,
        "capacityType": given.get("capacityType") or "ON_DEMAND",
        "scalingConfig": scaling_of(given.get("scalingConfig"), {"minSize": 1, "maxSize": 2, "desiredSize": 2}),
        "instanceTypes": types,
        "subnets": list(given["subnets"]),
        "remoteAccess": given.get("remoteAccess"),
        "amiType": "CUSTOM" if custom else given.get("amiType") or "AL2023_x86_64_STANDARD",
        "nodeRole": given["nodeRole"],
        "labels": dict(given.get("labels") or {}),
        "taints": taints_of(given.get("taints")),
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{number}"}]},
        "diskSize": None if template else given.get("diskSize") or 20,
        "updateConfig": update_config_of(given.get("updateConfig"), UPDATE),
        "nodeRepairConfig": given.get("nodeRepairConfig"),
        "launchTemplate": template,
        "tags": dict(given.get("tags") or {}),
    }


def _data(backend: Any, template: dict[str, Any] | None) -> dict[str, Any]:
    """What the launch template's version says."""
    if not template:
        return {}
    return ec2_of(backend).launch_templates[template["id"]].get_version(template["version"]).data


@patch
def node_group_settings() -> None:
    """AWS adds and removes single labels and taints, checks the sizes anew, refuses a group that is being changed
    (ResourceInUseException) and a call that asks for nothing (InvalidParameterException). moto takes a minimum above the desired
    size, and anything at any time."""

    @operation("UpdateNodegroupConfig")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        group = find(backend, given)
        must_rest(group, f"Nodegroup {given['nodegroupName']}", nodegroupName=given["nodegroupName"])
        shown, params, changes = group.shown, {}, {}
        labels, taints = given.get("labels") or {}, given.get("taints") or {}
        if labels:
            added, removed = labels.get("addOrUpdateLabels") or {}, labels.get("removeLabels") or []
            changes["labels"] = {key: value for key, value in shown["labels"].items() if key not in removed} | added
            params |= {"LabelsToAdd": added, "LabelsToRemove": removed}
        if taints:
            added, removed = (taints_of(taints.get(key)) for key in ("addOrUpdateTaints", "removeTaints"))
            gone = {(taint["key"], taint["effect"]) for taint in (*added, *removed)}
            changes["taints"] = [taint for taint in shown["taints"] if (taint["key"], taint["effect"]) not in gone] + added
            params |= {"TaintsToAdd": added, "TaintsToRemove": removed}
        if given.get("scalingConfig"):
            changes["scalingConfig"] = scaling_of(given["scalingConfig"], shown["scalingConfig"])
            params |= {key[0].upper() + key[1:]: str(value) for key, value in given["scalingConfig"].items()}
        if given.get("updateConfig"):
            changes["updateConfig"] = update_config_of(given["updateConfig"], shown["updateConfig"])
            params |= {key[0].upper() + key[1:]: str(value) for key, value in given["updateConfig"].items()}
        if given.get("nodeRepairConfig"):
            changes["nodeRepairConfig"] = given["nodeRepairConfig"]
            params["NodeRepairConfig"] = given["nodeRepairConfig"]
        if not changes:
            raise bad_parameter("No changes were specified for the node group", nodegroupName=given["nodegroupName"])
        return group.update("ConfigUpdate", {key: value for key, value in params.items() if value}, _modified(changes))


def _modified(changes: dict[str, Any]) -> dict[str, Any]:
    return {**changes, "modifiedAt": utcnow()}


@patch
def node_group_versions() -> None:
    """AWS rolls a node group over to a Kubernetes version that is the cluster's at most, a release of the image, or a version
    of its launch template; not to another template. moto cannot."""

    @operation("UpdateNodegroupVersion")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        group, cluster = find(backend, given), cluster_of(backend, given["clusterName"])
        must_rest(group, f"Nodegroup {given['nodegroupName']}", nodegroupName=given["nodegroupName"])
        shown, changes = group.shown, {}
        version, template = given.get("version"), given.get("launchTemplate")
        custom = shown["amiType"] == "CUSTOM"
        if version or not (template or custom):
            version = version or cluster.version
            if custom:
                raise bad_parameter("You cannot specify a version for a node group with an image of its own")
            if version not in KUBERNETES or not minor(shown["version"]) <= minor(version) <= minor(cluster.version):
                raise bad_parameter(
                    f"Requested Nodegroup version {version} is invalid: the node group has {shown['version']} and the cluster "
                    f"{cluster.version}"
                )
            wanted = given.get("releaseVersion") or release(version)
            if not wanted.startswith(f"{version}."):
                raise bad_parameter(f"Requested release version {wanted} is not valid for kubernetes version {version}.")
            changes |= {"version": version, "releaseVersion": wanted}
        if template:
            standing = shown["launchTemplate"]
            if not standing:
                raise bad_parameter("You cannot add a launch template to a node group that was created without one")
            changes["launchTemplate"] = template_of(backend, template)
            if changes["launchTemplate"]["id"] != standing["id"]:
                raise bad_parameter("You cannot change the launch template of a node group, only its version")
            if bool(_data(backend, changes["launchTemplate"]).get("ImageId")) != custom:
                raise bad_parameter("You cannot go from an EKS image to one of your own, or back, in the launch template")
        params = {"Version": changes.get("version"), "ReleaseVersion": changes.get("releaseVersion")}
        if template:
            params["LaunchTemplateVersion"] = changes["launchTemplate"]["version"]
        return group.update("VersionUpdate", {key: value for key, value in params.items() if value}, _modified(changes))
