# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what in AWS: the roles of the cluster, its nodes, and each actor inside it.

Facts: EKS user guide ("Amazon EKS cluster IAM role", "Amazon EKS node IAM role", "Create IAM role with trust policy required by EKS
Pod Identity"), and what each controller's own documentation asks for, here held to this cluster and this account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..aws.policies import document
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.eks.access import PodIdentity
from ..resources.iam import Role
from ..tier_module import Place
from . import eks_jobs, eks_karpenter
from .eks_statements import READ_SECRET, USE_KEY, allow, key, read_secrets, through
from .s3 import bucket_name

CLUSTER_TAG = "elbv2.k8s.aws/cluster"
TABLE_ACTIONS = [
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:DescribeTable",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
]
CLOUDFRONT_SECRET = "cloudfront-origin"


def roles(params: Mapping[str, Any], place: Place) -> list[Resource]:
    """The roles, and the pod identity associations of those for service accounts."""
    resources = [
        _role(params, place, "cluster", "runs the EKS cluster", _cluster_trust(params, place), {}, ["AmazonEKSClusterPolicy"]),
        _role(
            params,
            place,
            "nodes",
            "the nodes of the EKS cluster",
            _service_trust("ec2.amazonaws.com"),
            {},
            ["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"],
        ),
    ]
    for name, account in eks_karpenter.acting(params).items():
        purpose, policies, managed = _ACTORS[name](params, place)
        resources += _of_service_account(params, place, name, account, purpose, policies, managed)
    for workload in params["workloads"]:
        policies = {"access": document(list(_workload(params, place, workload)))}
        purpose = f"what {workload['service_account']} in the EKS cluster may do"
        resources += _of_service_account(params, place, workload["name"], workload["service_account"], purpose, policies, [])
    return resources


def _of_service_account(
    params: Mapping[str, Any],
    place: Place,
    name: str,
    account: str,
    purpose: str,
    policies: Mapping[str, Any],
    managed: list[str],
) -> list[Resource]:
    namespace, service_account = account.split("/")
    trust = _pod_trust(params, place, namespace, service_account)
    return [
        _role(params, place, name, purpose, trust, policies, managed),
        Resource(
            PodIdentity(),
            name,
            {
                "cluster": Ref(f"eks_cluster/{params['cluster_name']}", "name"),
                "namespace": namespace,
                "service_account": service_account,
                "role_arn": Ref(f"iam_role/eks-{name}", "arn"),
            },
        ),
    ]


def _role(
    params: Mapping[str, Any],
    place: Place,
    name: str,
    purpose: str,
    trust: Mapping[str, Any],
    policies: Mapping[str, Any],
    managed: list[str],
) -> Resource:
    return Resource(
        Role(),
        f"eks-{name}",
        {
            "role_name": f"{place.deployment}-eks-{name}",
            "path": "/",
            "description": f"{place.deployment}: {purpose}",
            "trust_policy": trust,
            "inline_policies": policies,
            "managed_policies": [place.arn("iam", f"policy/{policy}", region="", account="aws") for policy in managed],
            "permissions_boundary": params.get("permissions_boundary") or None,
        },
    )


def cluster_arn(params: Mapping[str, Any], place: Place) -> str:
    return place.arn("eks", f"cluster/{params['cluster_name']}")


def _service_trust(service: str) -> dict[str, Any]:
    return document([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])


def _cluster_trust(params: Mapping[str, Any], place: Place) -> dict[str, Any]:
    trust = _service_trust("eks.amazonaws.com")
    trust["Statement"][0]["Condition"] = {
        "StringEquals": {"aws:SourceAccount": place.account_id},
        "ArnEquals": {"aws:SourceArn": cluster_arn(params, place)},
    }
    return trust


def _pod_trust(params: Mapping[str, Any], place: Place, namespace: str, service_account: str) -> dict[str, Any]:
    """The one service account of the one cluster: EKS tells them as tags of the session."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:RequestTag/eks-cluster-arn": cluster_arn(params, place),
                        "aws:RequestTag/kubernetes-namespace": namespace,
                        "aws:RequestTag/kubernetes-service-account": service_account,
                    }
                },
            }
        ]
    )


def _workload(params: Mapping[str, Any], place: Place, workload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Statements that name what the workload's lists name, by the naming rules of their tiers."""

    def named(what: str) -> list[str]:
        return sorted(workload.get(what) or ())

    if named("tables"):
        tables = [place.arn("dynamodb", f"table/{place.environment}-{name}") for name in named("tables")]
        yield allow(TABLE_ACTIONS, [*tables, *(f"{table}/index/*" for table in tables)])
        yield through(params, place, "dynamodb")
    buckets = {
        name: place.arn("s3", bucket_name(params["prefix"], place, name), region="", account="")
        for name in sorted({*named("read_buckets"), *named("write_buckets")})
    }
    if buckets:
        yield allow(["s3:GetBucketLocation", "s3:ListBucket"], list(buckets.values()))
        yield through(params, place, "s3")
    if named("read_buckets"):
        yield allow(["s3:GetObject", "s3:GetObjectVersion"], [f"{buckets[name]}/*" for name in named("read_buckets")])
    if named("write_buckets"):
        actions = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
        yield allow(actions, [f"{buckets[name]}/*" for name in named("write_buckets")])
    if named("publish"):
        yield allow("sns:Publish", [place.arn("sns", f"{place.environment}-{name}") for name in named("publish")])
        yield through(params, place, "sns")
    if named("consume"):
        actions = [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        ]
        yield allow(actions, [place.arn("sqs", f"{place.environment}-{name}") for name in named("consume")])
        yield through(params, place, "sqs")
    if named("secrets"):
        yield from read_secrets(params, place, [f"{name}-??????" for name in named("secrets")])


def _ebs_csi(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """AWS's policy holds it to volumes of clusters; the key is ours to give."""
    ebs = key(params, "ebs")
    via = {"StringEquals": {"kms:ViaService": f"ec2.{place.region}.amazonaws.com"}}
    grants = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    policy = document(
        [
            allow([*USE_KEY, "kms:Encrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"], ebs, via),
            allow(["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], ebs, grants),
        ]
    )
    return "makes volumes for pods of the EKS cluster", {"key": policy}, ["service-role/AmazonEBSCSIDriverPolicy"]


def _vpc_cni(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    return "gives pods of the EKS cluster their addresses", {}, ["AmazonEKS_CNI_Policy"]


def _ext_secrets(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """The environment's secrets. Whoever makes an ExternalSecret gets what this may read, so the master passwords of databases are
    not among it.

    What CloudFront proves itself with to the load balancer is for those two alone.
    """
    origin = place.arn("secretsmanager", f"secret:{place.environment}/{CLOUDFRONT_SECRET}-??????")
    denied = {"Effect": "Deny", "Action": READ_SECRET, "Resource": origin}
    statements = [*read_secrets(params, place, ["*"]), denied]
    return "reads secrets into the EKS cluster", {"secrets": document(statements)}, []


def _keda(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """It asks the environment's queues how long they are, and reads nothing in them."""
    asks = allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl"], place.arn("sqs", f"{place.environment}-*"))
    return "scales consumers in the EKS cluster on their queues", {"queues": document([asks])}, []


def _autoscaler(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """EKS itself puts the tags of the condition on the groups that it makes for nodes."""
    name = params["cluster_name"]
    reads = [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLaunchConfigurations",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTags",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    own = {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{name}": "owned"}}
    policy = document(
        [
            allow(reads, "*"),
            allow("eks:DescribeNodegroup", place.arn("eks", f"nodegroup/{name}/*")),
            allow(
                ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                place.arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),
                own,
            ),
        ]
    )
    return "sets how many nodes the EKS cluster has", {"scale": policy}, []


def _lb_controller(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """What it made itself carries the cluster's name in a tag; targets it also adds to the target groups of this environment."""
    reads = [
        *("ec2:Describe" + what for what in _LB_READS),
        "ec2:GetSecurityGroupsForVpc",
        "elasticloadbalancing:Describe*",
        "acm:DescribeCertificate",
        "acm:ListCertificates",
    ]
    asked = {"StringEquals": {f"aws:RequestTag/{CLUSTER_TAG}": params["cluster_name"]}}
    own = {"StringEquals": {f"aws:ResourceTag/{CLUSTER_TAG}": params["cluster_name"]}}

    def lb(*resources: str) -> list[str]:
        return [place.arn("elasticloadbalancing", resource) for resource in resources]

    groups = place.arn("ec2", "security-group/*")
    balancers = lb("loadbalancer/app/*", "loadbalancer/net/*", "targetgroup/*")
    parts = lb("listener/*", "listener-rule/*")
    policy = document(
        [
            allow(reads, "*"),
            allow("ec2:CreateSecurityGroup", place.arn("ec2", "vpc/*")),
            allow("ec2:CreateSecurityGroup", groups, asked),
            allow("ec2:CreateTags", groups, {"StringEquals": {**asked["StringEquals"], "ec2:CreateAction": "CreateSecurityGroup"}}),
            allow(["ec2:CreateTags", "ec2:DeleteTags", "ec2:DeleteSecurityGroup"], groups, own),
            allow(["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"], groups, own),
            allow(["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:CreateTargetGroup"], balancers, asked),
            allow("elasticloadbalancing:AddTags", [*balancers, *parts], asked),
            allow([f"elasticloadbalancing:{what}" for what in _LB_WRITES], [*balancers, *parts], own),
            allow(
                ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
                lb("targetgroup/k8s-*/*", f"targetgroup/{place.environment}-*/*"),
            ),
        ]
    )
    return "puts pods of the EKS cluster behind load balancers", {"balance": policy}, []


_LB_READS = (
    "AccountAttributes",
    "Addresses",
    "AvailabilityZones",
    "CoipPools",
    "Instances",
    "InternetGateways",
    "NetworkInterfaces",
    "RouteTables",
    "SecurityGroups",
    "Subnets",
    "Tags",
    "VpcPeeringConnections",
    "Vpcs",
)
_LB_WRITES = (
    "AddListenerCertificates",
    "AddTags",
    "CreateListener",
    "CreateRule",
    "DeleteListener",
    "DeleteLoadBalancer",
    "DeleteRule",
    "DeleteTargetGroup",
    "ModifyListener",
    "ModifyListenerAttributes",
    "ModifyLoadBalancerAttributes",
    "ModifyRule",
    "ModifyTargetGroup",
    "ModifyTargetGroupAttributes",
    "RemoveListenerCertificates",
    "RemoveTags",
    "SetIpAddressType",
    "SetRulePriorities",
    "SetSecurityGroups",
    "SetSubnets",
)
_ACTORS = {
    "ebs-csi": _ebs_csi,
    "vpc-cni": _vpc_cni,
    "lb-controller": _lb_controller,
    "autoscaler": _autoscaler,
    "ext-secrets": _ext_secrets,
    "keda": _keda,
    **eks_karpenter.ACTORS,
    **eks_jobs.ACTORS,
}
