# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Karpenter may do in AWS, where it adds and removes the cluster's nodes.

Facts: Karpenter, "CloudFormation" (the policies of its controller, and the tags that it puts on whatever it makes), and AWS KMS
("Amazon EBS": what whoever starts an instance with an encrypted volume needs of the key).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..aws.policies import document
from ..reconcile.reference import Ref
from ..tier_module import Place
from .eks_statements import allow, key

AUTOSCALER, KARPENTER = "cluster-autoscaler", "karpenter"
CHOICES = (AUTOSCALER, KARPENTER)
# Value of the variable -> who of ``service_accounts`` acts for it.
ACTOR_OF = {AUTOSCALER: "autoscaler", KARPENTER: "karpenter"}
NODES = "nodes"
POOL, NODE_CLASS, REGION = "karpenter.sh/nodepool", "karpenter.k8s.aws/ec2nodeclass", "topology.kubernetes.io/region"
NAME = "eks:eks-cluster-name"
STARTS = ("ec2:CreateFleet", "ec2:RunInstances")
READS = (
    "AvailabilityZones",
    "CapacityReservations",
    "Images",
    "InstanceStatus",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "Instances",
    "LaunchTemplates",
    "PlacementGroups",
    "SecurityGroups",
    "SpotPriceHistory",
    "Subnets",
)


def acting(params: Mapping[str, Any]) -> dict[str, str]:
    """``service_accounts`` without that of the controller which does not size this cluster."""
    idle = {actor for choice, actor in ACTOR_OF.items() if choice != params["node_autoscaler"]}
    return {actor: account for actor, account in params["service_accounts"].items() if actor not in idle}


def _karpenter(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """It starts, tags and ends what carries its own tags for this cluster, and hands instances the role of the nodes alone."""
    policies = {"instances": document(_instances(params, place)), "profiles": document(_profiles(params, place))}
    return "starts and ends nodes of the EKS cluster", policies, []


def _instances(params: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    cluster = params["cluster_name"]
    owned, in_pool = f"kubernetes.io/cluster/{cluster}", {f"aws:ResourceTag/{POOL}": "*"}
    asked = {
        "StringEquals": {f"aws:RequestTag/{owned}": "owned", f"aws:RequestTag/{NAME}": cluster},
        "StringLike": {f"aws:RequestTag/{POOL}": "*"},
    }
    own = {"StringEquals": {f"aws:ResourceTag/{owned}": "owned"}, "StringLike": in_pool}

    def ec2(*resources: str, account: str | None = None) -> list[str]:
        whose = {} if account is None else {"account": account}
        return [place.arn("ec2", f"{resource}/*", **whose) for resource in resources]

    made = ec2("fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume")
    making = {**asked["StringEquals"], "ec2:CreateAction": ["CreateFleet", "CreateLaunchTemplate", "RunInstances"]}
    naming = {"ForAllValues:StringEquals": {"aws:TagKeys": [NAME, "karpenter.sh/nodeclaim", "Name"]}}
    via = {"kms:ViaService": f"ec2.{place.region}.amazonaws.com"}
    ebs = key(params, "ebs")
    used = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"]
    return [
        allow(list(STARTS), [*ec2("image", "snapshot", account=""), *ec2("security-group", "subnet")]),
        allow(list(STARTS), ec2("launch-template"), own),
        allow([*STARTS, "ec2:CreateLaunchTemplate"], made, asked),
        allow("ec2:CreateTags", made, {**asked, "StringEquals": making}),
        allow("ec2:CreateTags", ec2("instance"), {**own, **naming, "StringEqualsIfExists": {f"aws:RequestTag/{NAME}": cluster}}),
        allow(["ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"], ec2("instance", "launch-template"), own),
        allow([f"ec2:Describe{what}" for what in READS], "*", {"StringEquals": {"aws:RequestedRegion": place.region}}),
        allow("ssm:GetParameter", place.arn("ssm", "parameter/aws/service/*", account="")),
        allow("pricing:GetProducts", "*"),
        allow(used, ebs, {"StringEquals": via}),
        allow("kms:CreateGrant", ebs, {"StringEquals": via, "Bool": {"kms:GrantIsForAWSResource": "true"}}),
    ]


def _profiles(params: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    """It makes an instance profile of the nodes' role for each EC2NodeClass, and takes it away with that."""
    cluster = params["cluster_name"]
    profiles = place.arn("iam", "instance-profile/*", region="")
    tags = {f"kubernetes.io/cluster/{cluster}": "owned", REGION: place.region}
    asked = {f"aws:RequestTag/{name}": value for name, value in {**tags, NAME: cluster}.items()}
    own = {f"aws:ResourceTag/{name}": value for name, value in tags.items()}
    asked_class, own_class = {f"aws:RequestTag/{NODE_CLASS}": "*"}, {f"aws:ResourceTag/{NODE_CLASS}": "*"}
    changes = ["iam:AddRoleToInstanceProfile", "iam:DeleteInstanceProfile", "iam:RemoveRoleFromInstanceProfile"]
    return [
        allow("iam:PassRole", Ref(f"iam_role/eks-{NODES}", "arn"), {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        allow("iam:CreateInstanceProfile", profiles, {"StringEquals": asked, "StringLike": asked_class}),
        allow("iam:TagInstanceProfile", profiles, {"StringEquals": {**asked, **own}, "StringLike": {**asked_class, **own_class}}),
        allow(changes, profiles, {"StringEquals": own, "StringLike": own_class}),
        allow("iam:GetInstanceProfile", profiles),
        allow("iam:ListInstanceProfiles", "*"),
        allow("eks:DescribeCluster", place.arn("eks", f"cluster/{cluster}")),
    ]


ACTORS = {"karpenter": _karpenter}
