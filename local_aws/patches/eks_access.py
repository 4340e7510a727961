"""Patches to who may enter an EKS cluster: access entries with their policies, pod identity associations."""

from __future__ import annotations

import re
from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random as random

from local_aws.patches import patch
from local_aws.patches.eks_cluster import role_of
from local_aws.patches.eks_common import bad_parameter, bad_request, cluster_of, identifier, in_use, not_found, operation, page
from local_aws.patches.eks_versions import POLICIES, POLICY_ARN

STATES = ("ACTIVE", "UPDATING")
PRINCIPAL = re.compile(r"arn:[a-z-]+:iam::\d{12}:(?P<kind>user|role)/(?P<name>.+)")
GROUPS = {
    "EC2_LINUX": ["system:nodes"],
    "EC2_WINDOWS": ["eks:kube-proxy-windows", "system:nodes"],
    "FARGATE_LINUX": ["system:nodes"],
}
TYPES = ("STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX")


def entry_of(backend: Any, cluster: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The access entry that is asked for, checked."""
    arn, kind = given["principalArn"], given.get("type") or "STANDARD"
    match = PRINCIPAL.fullmatch(arn)
    if not match:
        raise bad_parameter("The principalArn parameter format is not valid")
    groups = list(given.get("kubernetesGroups") or [])
    if kind not in TYPES:
        raise bad_parameter(f"The type parameter is not valid: {kind}")
    if kind != "STANDARD" and (groups or given.get("username")):
        raise bad_parameter(f"kubernetesGroups and username cannot be set for an access entry of type {kind}")
    if any(group.startswith("system:") for group in groups):
        raise bad_parameter('The kubernetes group name cannot start with "system:"')
    account = arn.split(":")[4]
    name = match["name"].split("/")[-1]
    username = arn if match["kind"] == "user" else f"arn:aws:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}"
    if kind != "STANDARD":
        username = "system:node:{{EC2PrivateDNSName}}"
    moment = utcnow()
    return {
        "clusterName": cluster.name,
        "principalArn": arn,
        "kubernetesGroups": GROUPS.get(kind, groups),
        "accessEntryArn": f"arn:{backend.partition}:eks:{backend.region_name}:{backend.account_id}:access-entry/{cluster.name}/"
        f"{match['kind']}/{account}/{name}/{identifier()}",
        "createdAt": moment,
        "modifiedAt": moment,
        "tags": dict(given.get("tags") or {}),
        "username": given.get("username") or username,
        "type": kind,
        "policies": {},
        "token": given.get("clientRequestToken"),
    }


def open_to_entries(backend: Any, name: str) -> Any:
    """The cluster, which must take access entries."""
    cluster = cluster_of(backend, name, *STATES)
    if cluster.shown["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        message = "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
        raise bad_request(message, clusterName=name)
    return cluster


def find_entry(cluster: Any, arn: str) -> dict[str, Any]:
    """The access entry of a principal."""
    try:
        return cluster.entries[arn]
    except KeyError:
        raise not_found(f"The specified principalArn could not be found: {arn}", clusterName=cluster.name) from None


@patch
def access_entries() -> None:
    """AWS lets principals in by access entries: one a principal, a principal that exists, groups that do not begin with `system:`;
    only in a cluster whose authentication mode has the API. moto has no access entries."""

    @operation("CreateAccessEntry")
    def create(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = open_to_entries(backend, given["clusterName"])
        standing, token = cluster.entries.get(given["principalArn"]), given.get("clientRequestToken")
        if standing:
            if token and standing["token"] == token:
                return {"accessEntry": standing}
            raise in_use("The specified access entry resource is already in use on this cluster.", clusterName=cluster.name)
        entry = entry_of(backend, cluster, given)
        _must_exist(backend, entry["principalArn"])
        cluster.entries[entry["principalArn"]] = entry
        return {"accessEntry": entry}

    @operation("DescribeAccessEntry")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"accessEntry": find_entry(open_to_entries(backend, given["clusterName"]), given["principalArn"])}

    @operation("ListAccessEntries")
    def list_entries(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, policy = open_to_entries(backend, given["clusterName"]), given.get("associatedPolicyArn")
        found = [arn for arn, entry in sorted(cluster.entries.items()) if not policy or policy in entry["policies"]]
        return page(given, "accessEntries", found)

    @operation("UpdateAccessEntry")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = open_to_entries(backend, given["clusterName"])
        entry = find_entry(cluster, given["principalArn"])
        if entry["type"] != "STANDARD":
            raise bad_parameter('This operation can only be performed on Access Entries with a type of "STANDARD".')
        checked = entry_of(backend, cluster, given)
        for key in ("kubernetesGroups", "username"):
            if given.get(key) is not None:
                entry[key] = checked[key]
        entry["modifiedAt"] = utcnow()
        return {"accessEntry": entry}

    @operation("DeleteAccessEntry")
    def delete(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = open_to_entries(backend, given["clusterName"])
        find_entry(cluster, given["principalArn"])
        del cluster.entries[given["principalArn"]]
        return {}


def _must_exist(backend: Any, arn: str) -> None:
    from moto.iam.models import iam_backends

    iam = iam_backends[backend.account_id][backend.partition]
    if arn.split(":")[4] != backend.account_id or arn.endswith(":user/moto"):
        return  # another account's principals are taken on trust; moto's own caller is in no list
    if not any(item.arn == arn for item in (*iam.roles.values(), *iam.users.values())):
        raise bad_parameter(f"The specified principalArn is invalid: invalid principal. {arn}")


@patch
def access_policies() -> None:
    """AWS associates its own access policies with an entry of type STANDARD, for the cluster or for namespaces; again is to change
    the scope. moto has none."""

    @operation("AssociateAccessPolicy")
    def associate(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        entry = find_entry(open_to_entries(backend, given["clusterName"]), given["principalArn"])
        policy, scope = given["policyArn"], given["accessScope"]
        if policy.removeprefix(POLICY_ARN) not in POLICIES:
            raise bad_parameter(f"The policyArn parameter is not valid: {policy}")
        if entry["type"] != "STANDARD":
            raise bad_request("Access policies can only be associated with access entries of type STANDARD")
        namespaces = list(scope.get("namespaces") or [])
        if (scope["type"] == "namespace") != bool(namespaces):
            raise bad_parameter("Namespaces must be specified for, and only for, the access scope type namespace")
        standing = entry["policies"].get(policy, {"associatedAt": utcnow()})
        entry["policies"][policy] = {
            **standing,
            "policyArn": policy,
            "accessScope": {"type": scope["type"], "namespaces": namespaces},
            "modifiedAt": utcnow(),
        }
        return {**_names(given), "associatedAccessPolicy": entry["policies"][policy]}

    @operation("DisassociateAccessPolicy")
    def disassociate(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        entry = find_entry(open_to_entries(backend, given["clusterName"]), given["principalArn"])
        if entry["policies"].pop(given["policyArn"], None) is None:
            raise not_found(f"The specified policyArn is not associated with the access entry: {given['policyArn']}")
        return {}

    @operation("ListAssociatedAccessPolicies")
    def associated(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        entry = find_entry(open_to_entries(backend, given["clusterName"]), given["principalArn"])
        return {**_names(given), **page(given, "associatedAccessPolicies", list(entry["policies"].values()))}


def _names(given: dict[str, Any]) -> dict[str, Any]:
    return {key: given[key] for key in ("clusterName", "principalArn")}


TRUST = "Trust policy of role {} is invalid: the role must exist and trust pods.eks.amazonaws.com"


def association_of(backend: Any, cluster: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The pod identity association that is asked for, checked."""
    role_of(backend, given["roleArn"], "pods.eks.amazonaws.com", TRUST.format(given["roleArn"]))
    number = "a-" + random.get_random_string(17, lower_case=True)
    place = f"{backend.region_name}:{backend.account_id}"
    moment = utcnow()
    return {
        "clusterName": cluster.name,
        "namespace": given["namespace"],
        "serviceAccount": given["serviceAccount"],
        "roleArn": given["roleArn"],
        "associationArn": f"arn:{backend.partition}:eks:{place}:podidentityassociation/{cluster.name}/{number}",
        "associationId": number,
        "tags": dict(given.get("tags") or {}),
        "createdAt": moment,
        "modifiedAt": moment,
        "disableSessionTags": bool(given.get("disableSessionTags")),
        "targetRoleArn": given.get("targetRoleArn"),
        "policy": given.get("policy"),
        "token": given.get("clientRequestToken"),
    }


@patch
def pod_identity_associations() -> None:
    """AWS gives the service account of a namespace a role, which must exist and trust pods.eks.amazonaws.com; one a service account
    (ResourceInUseException). moto has none."""

    def find(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster = cluster_of(backend, given["clusterName"])
        try:
            return cluster.associations[given["associationId"]]
        except KeyError:
            raise not_found(f"No association found for id: {given['associationId']}", clusterName=cluster.name) from None

    @operation("CreatePodIdentityAssociation")
    def create(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        cluster, token = cluster_of(backend, given["clusterName"], *STATES), given.get("clientRequestToken")
        key = (given["namespace"], given["serviceAccount"])
        for item in cluster.associations.values():
            if (item["namespace"], item["serviceAccount"]) == key:
                if token and item["token"] == token:
                    return {"association": item}
                raise in_use(f"Association already exists: {item['associationId']}", clusterName=cluster.name)
        item = association_of(backend, cluster, given)
        cluster.associations[item["associationId"]] = item
        return {"association": item}

    @operation("DescribePodIdentityAssociation")
    def describe(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"association": find(backend, given)}

    @operation("ListPodIdentityAssociations")
    def list_associations(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        keys = [key for key in ("namespace", "serviceAccount") if given.get(key)]
        every = cluster_of(backend, given["clusterName"]).associations.values()
        return page(given, "associations", [item for item in every if all(item[key] == given[key] for key in keys)])

    @operation("UpdatePodIdentityAssociation")
    def update(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        item = find(backend, given)
        if given.get("roleArn"):
            role_of(backend, given["roleArn"], "pods.eks.amazonaws.com", TRUST.format(given["roleArn"]))
        for key in ("roleArn", "disableSessionTags", "targetRoleArn", "policy"):
            if given.get(key) is not None:
                item[key] = given[key]
        item["modifiedAt"] = utcnow()
        return {"association": item}

    @operation("DeletePodIdentityAssociation")
    def delete(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        item = find(backend, given)
        if item.get("ownerArn"):
            raise bad_request(f"Association {item['associationId']} is owned by {item['ownerArn']}")
        del cluster_of(backend, given["clusterName"]).associations[item["associationId"]]
        return {"association": item}
