# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a network without being a part of it, and is none of our kinds: instances, network interfaces, classic load
balancers. A drift looks for them.

Facts: EC2 API reference (DescribeNetworkInterfaces: RequesterManaged, InterfaceType) and EKS user guide (the interfaces that EKS
puts into the cluster's subnets are described as its own, and are not requester-managed).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...aws.tags import as_dict
from ...reconcile.resource import Kind, Stranger, View
from ..strangers import Candidate, among, in_vpc, own_vpcs

STANDING = ("pending", "running", "stopping", "stopped")
# What services call the interfaces that they make in the name of the account.
MADE_BY_SERVICES = (
    *("Amazon EKS ", "ELB ", "EFS mount target ", "RDSNetworkInterface", "ElastiCache ", "AWS Lambda VPC ENI", "VPC Endpoint "),
    *("Interface for NAT Gateway ", "aws-K8S-"),
)


def _of_vpcs(view: View, operation: str, key: str) -> list[Any]:
    vpcs = own_vpcs(view)
    return view.api.pages("ec2", operation, key, Filters=[{"Name": "vpc-id", "Values": vpcs}]) if vpcs else []


class Instance(Kind):
    name = "instance"
    services = ("ec2",)

    def strangers(self, view: View) -> Iterable[Stranger]:
        reservations = _of_vpcs(view, "describe_instances", "Reservations")
        standing = [one for group in reservations for one in group["Instances"] if one["State"]["Name"] in STANDING]
        yield from among(
            view,
            self,
            [Candidate(i["InstanceId"], i["InstanceId"], in_vpc(i["VpcId"]), as_dict(i.get("Tags"))) for i in standing],
        )


class NetworkInterface(Kind):
    """But for those of instances, which come and go with them, and those that a service manages."""

    name = "network_interface"
    services = ("ec2",)

    def strangers(self, view: View) -> Iterable[Stranger]:
        found = [
            item
            for item in _of_vpcs(view, "describe_network_interfaces", "NetworkInterfaces")
            if not item.get("RequesterManaged")
            and item.get("InterfaceType", "interface") in ("interface", "efa", "trunk", "branch")
            and not (item.get("Attachment") or {}).get("InstanceId")
            and not (item.get("Description") or "").startswith(MADE_BY_SERVICES)
        ]
        yield from among(
            view,
            self,
            [
                Candidate(i["NetworkInterfaceId"], i["NetworkInterfaceId"], in_vpc(i["VpcId"]), as_dict(i.get("TagSet")))
                for i in found
            ],
        )


class ClassicLoadBalancer(Kind):
    name = "classic_load_balancer"
    services = ("elb",)

    def strangers(self, view: View) -> Iterable[Stranger]:
        vpcs = own_vpcs(view)
        found = view.api.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions") if vpcs else []
        names = {item["LoadBalancerName"]: item["VPCId"] for item in found if item.get("VPCId") in vpcs}
        yield from among(
            view,
            self,
            [Candidate(name, name, in_vpc(vpc), lambda name=name: _classic_tags(view, name)) for name, vpc in names.items()],
        )


def _classic_tags(view: View, name: str) -> dict[str, str]:
    answer = view.api.client("elb").describe_tags(LoadBalancerNames=[name])["TagDescriptions"]
    return as_dict(answer[0].get("Tags")) if answer else {}


GUESTS = (Instance(), NetworkInterface(), ClassicLoadBalancer())
