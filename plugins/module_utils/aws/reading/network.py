# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a deployment's network, as EC2 and EKS answer it."""

from __future__ import annotations

from typing import Any

from ...reconcile.ownership import DEPLOYMENT
from ..api import Api

SERVICES = ("ec2", "eks")
CLOUDFRONT_LIST = "com.amazonaws.global.cloudfront.origin-facing"


def network(api: Api, deployment: str) -> dict[str, Any] | None:
    """``vpc``, and the lists ``subnets``, ``groups``, ``acls``, ``tables``, ``endpoints`` and ``nat_gateways``; None: no VPC."""
    filters = [
        {"Name": f"tag:{DEPLOYMENT}", "Values": [deployment]},
        {"Name": "tag:agent-platform:address", "Values": ["vpc/main"]},
    ]
    vpcs = api.pages("ec2", "describe_vpcs", "Vpcs", Filters=filters)
    if not vpcs:
        return None
    of_it = [{"Name": "vpc-id", "Values": [vpcs[0]["VpcId"]]}]
    kinds = {
        "subnets": ("describe_subnets", "Subnets", "Filters"),
        "groups": ("describe_security_groups", "SecurityGroups", "Filters"),
        "acls": ("describe_network_acls", "NetworkAcls", "Filters"),
        "tables": ("describe_route_tables", "RouteTables", "Filters"),
        "endpoints": ("describe_vpc_endpoints", "VpcEndpoints", "Filters"),
        "nat_gateways": ("describe_nat_gateways", "NatGateways", "Filter"),
    }
    lists = api.map(lambda item: api.pages("ec2", item[0], item[1], **{item[2]: of_it}), kinds.values())
    return {"vpc": vpcs[0], **dict(zip(kinds, lists, strict=True))}


def cloudfront_list(api: Api) -> str | None:
    """The id of the prefix list with CloudFront's own addresses."""
    filters = [{"Name": "prefix-list-name", "Values": [CLOUDFRONT_LIST]}]
    lists = api.pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=filters)
    return lists[0]["PrefixListId"] if lists else None


def workers(api: Api, cluster: str) -> dict[str, list[str]]:
    """Subnets and security groups of the cluster's nodes, whose groups their pods share."""
    eks, ec2 = api.client("eks"), api.client("ec2")
    subnets: set[str] = set()
    groups: set[str] = set()
    for name in api.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster):
        group = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
        subnets.update(group["subnets"])
        template = group.get("launchTemplate") or {}
        if template.get("id"):
            answer = ec2.describe_launch_template_versions(LaunchTemplateId=template["id"], Versions=[str(template["version"])])
            data = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
            groups.update(data.get("SecurityGroupIds") or ())
            for interface in data.get("NetworkInterfaces") or ():
                groups.update(interface.get("Groups") or ())
    return {"subnets": sorted(subnets), "groups": sorted(groups)}


def identities(api: Api, cluster: str) -> dict[str, str]:
    """``namespace/service account`` -> the ARN of the role that its pods get."""
    eks = api.client("eks")
    listed = api.pages("eks", "list_pod_identity_associations", "associations", clusterName=cluster)
    found = api.map(
        lambda item: eks.describe_pod_identity_association(clusterName=cluster, associationId=item["associationId"])["association"],
        listed,
    )
    return {f"{item['namespace']}/{item['serviceAccount']}": item["roleArn"] for item in found}
