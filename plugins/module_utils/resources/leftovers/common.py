# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What controllers in a cluster make beside our own resources, and leave behind when the cluster goes.

They are known by the controllers' own tags. Sources: the AWS Load Balancer Controller's ``elbv2.k8s.aws/cluster`` (and
``ingress.k8s.aws/cluster`` before), the cloud provider's ``kubernetes.io/cluster/<name>: owned`` and ``KubernetesCluster``, the VPC
CNI's ``cluster.k8s.amazonaws.com/name`` and ``node.k8s.amazonaws.com/instance_id``, the EBS CSI driver's tagging guide
(``ebs.csi.aws.com/cluster``, ``ebs.csi.aws.com/cluster-name``), Karpenter's ``eks:eks-cluster-name``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ...aws.tags import as_dict
from ...reconcile.ownership import ADDRESS, DEPLOYMENT
from ...reconcile.resource import Context, Kind, Observed, View

# Tags whose value is the cluster's name.
NAMING = (
    "elbv2.k8s.aws/cluster",
    "ingress.k8s.aws/cluster",
    "KubernetesCluster",
    "cluster.k8s.amazonaws.com/name",
    "ebs.csi.aws.com/cluster-name",
    "eks:eks-cluster-name",
    "aws:eks:cluster-name",
)
# Tags whose key ends in it; "shared" is no mark of who made a thing.
OWNING = "kubernetes.io/cluster/"
# Of an interface that the VPC CNI made before it named the cluster.
NODE = "node.k8s.amazonaws.com/instance_id"
# Of an instance that an Auto Scaling group, and so a node group, made: it goes with that.
IN_A_GROUP = "aws:autoscaling:groupName"
# Tags of an instance that Karpenter or EKS started begin with one of them.
STARTED = ("karpenter.sh/", "eks:", "aws:eks:")
# EKS makes and deletes one security group with the cluster.
EKS_MADE = "aws:eks:cluster-name"


class LeftoverKind(Kind):
    """Never made, changed or looked for but by a destroy. Its address is its id."""

    tagged = False
    aftermath = True
    leftover = True
    observe_after = ("eks_cluster",)
    services = ("ec2", "eks")

    def seen(
        self,
        identity: str,
        fields: dict[str, Any] | None = None,
        attributes: dict[str, Any] | None = None,
        state: str | None = None,
        leaving: bool = False,
    ) -> Observed:
        short = identity.rsplit("/", 2)[-2] if identity.startswith("arn:") else identity
        return Observed(f"{self.name}/{short}", identity, fields or {}, attributes or {}, state=state, leaving=leaving)


class Ec2Leftover(LeftoverKind):
    """``listing``: the operation of EC2 that lists it by tag keys, and the key of its answer."""

    listing: ClassVar[tuple[str, str]]

    def marked(self, view: View) -> Iterable[tuple[dict[str, Any], dict[str, str]]]:
        """Items with their tags: what is marked as one of our clusters'."""
        clusters = clusters_of(view)
        if not clusters:
            return
        operation, key = self.listing
        keys = [*NAMING, NODE, *(OWNING + name for name in sorted(clusters))]
        for item in view.api.pages("ec2", operation, key, Filters=[{"Name": "tag-key", "Values": keys}]):
            for one in item["Instances"] if key == "Reservations" else [item]:
                tags = as_dict(one.get("Tags") or one.get("TagSet"))
                if is_left_by(clusters, tags) or self.is_ours(view, one, tags):
                    yield one, tags

    def is_ours(self, view: View, item: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
        """Of what no tag names a cluster for."""
        return False


def clusters_of(view: View) -> set[str]:
    """Names of our clusters, standing or not; without one under whose name a stranger's cluster stands."""
    if not view.thorough:
        return set()
    seen = view.of("eks_cluster").values()
    ours = {cluster.id for cluster in seen if view.owner.owns(cluster.tags or {})}
    known = ours | {resource.desired["name"] for resource in view.desired("eks_cluster")}
    former = _marked_as_owned(view) - known
    if former:
        # The cluster kind shows only those that are ours or configured.
        former -= set(view.api.pages("eks", "list_clusters", "clusters"))
    return (known - ({cluster.id for cluster in seen} - ours)) | (_in_our_vpcs(view, former) if former else set())


def _marked_as_owned(view: View) -> set[str]:
    """The clusters that anything of the region names as its owner: one call, which mostly ends the matter."""
    filters = [
        {"Name": "value", "Values": ["owned"]},
        {"Name": "resource-type", "Values": ["security-group", "network-interface", "instance"]},
    ]
    keys = {item["Key"] for item in view.api.pages("ec2", "describe_tags", "Tags", Filters=filters)}
    return {key.removeprefix(OWNING) for key in keys if key.startswith(OWNING)}


def _in_our_vpcs(view: View, names: set[str]) -> set[str]:
    """Those of ``names`` that own something in a VPC of ours; without one that runs nodes which neither EKS nor Karpenter started:
    somebody's own cluster, of which EKS knows nothing."""
    vpcs = our_vpcs(view)
    if not vpcs:
        return set()
    filters = [
        {"Name": "vpc-id", "Values": sorted(vpcs)},
        {"Name": "tag-key", "Values": [OWNING + name for name in sorted(names)]},
    ]

    def tags(operation: str, key: str) -> list[dict[str, str]]:
        found = view.api.pages("ec2", operation, key, Filters=filters)
        items = [one for item in found for one in (item["Instances"] if key == "Reservations" else [item])]
        return [as_dict(item.get("Tags") or item.get("TagSet")) for item in items]

    nodes = tags("describe_instances", "Reservations")
    rest = tags("describe_security_groups", "SecurityGroups") + tags("describe_network_interfaces", "NetworkInterfaces")
    owned = {name for name in names for marks in nodes + rest if marks.get(OWNING + name) == "owned" and DEPLOYMENT not in marks}
    strange = [marks for marks in nodes if not any(key.startswith(STARTED) for key in marks)]
    return owned - {name for marks in strange for name in clusters_in(marks)}


def clusters_in(tags: Mapping[str, str]) -> set[str]:
    """The clusters that the tags name in any way."""
    named = {tags[key] for key in NAMING if key in tags}
    return named | {key.removeprefix(OWNING) for key in tags if key.startswith(OWNING)}


def is_left_by(clusters: set[str], tags: Mapping[str, str]) -> bool:
    """Whether a controller of one of the ``clusters`` made it. Not what any deployment made, nor what another cluster uses too."""
    if DEPLOYMENT in tags:
        return False
    owning = {tags[key] for key in NAMING if key in tags}
    owning |= {key.removeprefix(OWNING) for key, value in tags.items() if key.startswith(OWNING) and value == "owned"}
    return bool(owning & clusters) and clusters_in(tags) <= clusters


def our_vpcs(context: Context) -> set[str]:
    """The VPC of this deployment, whichever tier made it."""
    mine = [
        {"Name": f"tag:{DEPLOYMENT}", "Values": [context.owner.deployment]},
        {"Name": f"tag:{ADDRESS}", "Values": ["vpc/*"]},
    ]
    return {vpc["VpcId"] for vpc in context.api.pages("ec2", "describe_vpcs", "Vpcs", Filters=mine)}
