"""The cluster, its nodes and its add-ons."""

from __future__ import annotations

from typing import Any

from .scene import STRANGER, Scene, Touch, changed, missing, mutation

# Roles that pods may have: EKS looks at whom a role trusts.
PODS = tuple(f"iam_role/eks-{name}" for name in ("agent", "autoscaler", "consumers", "ext-secrets", "keda", "lb-controller"))
LABELS, NODES = "example.com/by-hand", "eks_nodegroup"


def cluster(at: Scene) -> tuple[str, str]:
    address, item = at.pick("eks_cluster")
    return address, item["name"]


def configured(at: Scene, what: str, **arguments: Any) -> Touch:
    address, name = cluster(at)
    at.client("eks").update_cluster_config(name=name, **arguments)
    return changed(address, what)


@mutation("eks")
def cluster_logs_off(at: Scene) -> Touch:
    kinds = at.rng.sample(["api", "audit", "authenticator"], at.rng.randint(1, 3))
    return configured(at, "logs off", logging={"clusterLogging": [{"types": sorted(kinds), "enabled": False}]})


@mutation("eks")
def cluster_public_access(at: Scene) -> Touch:
    _address, name = cluster(at)
    standing = at.client("eks").describe_cluster(name=name)["cluster"]["resourcesVpcConfig"]["endpointPublicAccess"]
    more = {} if standing else {"publicAccessCidrs": ["198.51.100.0/24"]}
    return configured(at, "public access turned", resourcesVpcConfig={"endpointPublicAccess": not standing, **more})


@mutation("eks")
def cluster_deletion_protection(at: Scene) -> Touch:
    _address, name = cluster(at)
    standing = at.client("eks").describe_cluster(name=name)["cluster"].get("deletionProtection", False)
    return configured(at, "deletion protection turned", deletionProtection=not standing)


@mutation("eks")
def cluster_support_type(at: Scene) -> Touch:
    _address, name = cluster(at)
    standing = at.client("eks").describe_cluster(name=name)["cluster"]["upgradePolicy"]["supportType"]
    other = "STANDARD" if standing == "EXTENDED" else "EXTENDED"
    return configured(at, f"support {other}", upgradePolicy={"supportType": other})


def nodes(at: Scene, what: str, **arguments: Any) -> Touch:
    address, group = at.pick(NODES)
    at.client("eks").update_nodegroup_config(clusterName=group["cluster"], nodegroupName=group["name"], **arguments)
    return changed(address, what)


@mutation("eks")
def nodes_scaling_bounds(at: Scene) -> Touch:
    address, group = at.pick(NODES)
    eks, who = at.client("eks"), {"clusterName": group["cluster"], "nodegroupName": group["name"]}
    standing = eks.describe_nodegroup(**who)["nodegroup"]["scalingConfig"]
    eks.update_nodegroup_config(**who, scalingConfig={**standing, "maxSize": standing["maxSize"] + at.rng.randint(1, 9)})
    return changed(address, "more nodes allowed")


@mutation("eks")
def nodes_label_added(at: Scene) -> Touch:
    return nodes(at, "a label added", labels={"addOrUpdateLabels": {LABELS: at.word()}})


@mutation("eks")
def nodes_taint_added(at: Scene) -> Touch:
    taint = {"key": LABELS, "value": at.word(), "effect": "NO_SCHEDULE"}
    return nodes(at, "a taint added", taints={"addOrUpdateTaints": [taint]})


@mutation("eks")
def nodes_more_unavailable(at: Scene) -> Touch:
    return nodes(at, "more may be unavailable", updateConfig={"maxUnavailablePercentage": at.rng.randint(60, 99)})


@mutation("eks")
def nodes_deleted(at: Scene) -> Touch:
    address, group = at.pick(NODES)
    at.client("eks").delete_nodegroup(clusterName=group["cluster"], nodegroupName=group["name"])
    return missing(address)


@mutation("eks", ripples=True)
def addon_deleted(at: Scene) -> Touch:
    address, addon = at.pick("eks_addon")
    at.client("eks").delete_addon(clusterName=addon["cluster"], addonName=addon["name"])
    return missing(address)


@mutation("eks")
def addon_configuration(at: Scene) -> Touch:
    address, addon = at.pick("eks_addon", where=lambda name: name in ("coredns", "vpc-cni", "metrics-server"))
    values = '{"env": {"WARM_IP_TARGET": "7"}}' if addon["name"] == "vpc-cni" else '{"replicaCount": 7}'
    at.client("eks").update_addon(clusterName=addon["cluster"], addonName=addon["name"], configurationValues=values)
    return changed(address, "another configuration")


@mutation("eks")
def access_entry_deleted(at: Scene) -> Touch:
    address, entry = at.pick("eks_access_entry")
    at.client("eks").delete_access_entry(clusterName=entry["cluster"], principalArn=entry["principal"])
    return missing(address)


@mutation("eks")
def access_policy_removed(at: Scene) -> Touch:
    address, entry = at.pick("eks_access_entry")
    eks, who = at.client("eks"), {"clusterName": entry["cluster"], "principalArn": entry["principal"]}
    policies = eks.list_associated_access_policies(**who)["associatedAccessPolicies"]
    eks.disassociate_access_policy(**who, policyArn=at.one(sorted(one["policyArn"] for one in policies)))
    return changed(address, "a policy taken from it")


@mutation("eks")
def access_policy_added(at: Scene) -> Touch:
    address, entry = at.pick("eks_access_entry")
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
    who = {"clusterName": entry["cluster"], "principalArn": entry["principal"]}
    at.client("eks").associate_access_policy(**who, policyArn=policy, accessScope={"type": "cluster"})
    return changed(address, "another policy")


@mutation("eks")
def access_entry_groups(at: Scene) -> Touch:
    address, entry = at.pick("eks_access_entry")
    at.client("eks").update_access_entry(
        clusterName=entry["cluster"], principalArn=entry["principal"], kubernetesGroups=["by-hand"]
    )
    return changed(address, "another group")


@mutation("eks")
def pod_identity_deleted(at: Scene) -> Touch:
    address, one = at.pick("eks_pod_identity")
    at.client("eks").delete_pod_identity_association(clusterName=one["cluster"], associationId=one["id"])
    return missing(address)


@mutation("eks")
def pod_identity_another_role(at: Scene) -> Touch:
    address, one = at.pick("eks_pod_identity")
    name = address.split("/")[1]
    role = at.one([item["arn"] for other, item in at.all("iam_role") if other in PODS and not other.endswith(name)])
    at.client("eks").update_pod_identity_association(clusterName=one["cluster"], associationId=one["id"], roleArn=role)
    return changed(address, "another role")


@mutation("eks")
def oidc_provider_deleted(at: Scene) -> Touch:
    address, one = at.pick("iam_oidc_provider")
    at.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=one["arn"])
    return missing(address)


@mutation("eks")
def oidc_provider_another_client(at: Scene) -> Touch:
    address, one = at.pick("iam_oidc_provider")
    at.client("iam").add_client_id_to_open_id_connect_provider(
        OpenIDConnectProviderArn=one["arn"], ClientID=f"{STRANGER}.example.com"
    )
    return changed(address, "another client")


@mutation("eks")
def launch_template_another_version(at: Scene) -> Touch:
    address, one = at.pick("launch_template")
    ec2, who = at.client("ec2"), {"LaunchTemplateId": one["id"]}
    version = ec2.create_launch_template_version(
        **who, SourceVersion="1", LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional", "HttpPutResponseHopLimit": 4}}
    )["LaunchTemplateVersion"]["VersionNumber"]
    ec2.modify_launch_template(**who, DefaultVersion=str(version))
    return changed(address, "another version, with the old metadata service")


@mutation("eks")
def nodes_another_template_version(at: Scene) -> Touch:
    """Somebody makes a version and rolls a node group to it."""
    name = at.pick(NODES)[0].split("/")[1]
    ec2, template = at.client("ec2"), at.id(f"launch_template/{name}")
    version = ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData={"MetadataOptions": {"HttpPutResponseHopLimit": 5}}
    )["LaunchTemplateVersion"]["VersionNumber"]
    group = at.resources[f"{NODES}/{name}"]
    at.client("eks").update_nodegroup_version(
        clusterName=group["cluster"],
        nodegroupName=group["name"],
        launchTemplate={"id": template, "version": str(version)},
        force=True,
    )
    return changed(f"launch_template/{name}", "another version, in use", f"{NODES}/{name}")
