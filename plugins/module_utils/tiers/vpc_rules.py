# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to whom: security groups, network ACLs and endpoint policies, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..aws.policies import document
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.ec2.defaults import DefaultNetworkAcl, DefaultSecurityGroup
from ..resources.ec2.network_acl import NetworkAcl
from ..resources.ec2.prefix_list import CLOUDFRONT, PrefixList
from ..resources.ec2.rules import EVERYTHING_OUT
from ..resources.ec2.security_group import SecurityGroup, SecurityGroupRules
from ..tier_module import Place
from .vpc_zones import Zone

VPC = Ref("vpc/main")
ANYWHERE = "0.0.0.0/0"
ALL = ("-1", None, None)
ALL_TCP = ("tcp", 0, 65535)
HTTP = ("tcp", 80, 80)
HTTPS = ("tcp", 443, 443)
POSTGRESQL = ("tcp", 5432, 5432)
REDIS = ("tcp", 6379, 6379)
# What a reply to any client's port needs.
EPHEMERAL = ("tcp", 1024, 65535)
# "Fragmentation needed": without it large packets vanish on the way (path MTU discovery).
TOO_BIG = ("icmp", 3, 4)

CLOUDFRONT_ADDRESSES = Resource(PrefixList(), "cloudfront", {"list_name": CLOUDFRONT}, provider="AWS")

# Group -> what it is for, and what may come in: (traffic, from which group, description).
GROUPS: dict[str, tuple[str, tuple[tuple[tuple[Any, ...], str, str], ...]]] = {
    "workers": (
        "EKS worker nodes and their pods",
        ((ALL, "workers", "Nodes and pods among themselves"), (ALL_TCP, "alb", "Load balancer to pods")),
    ),
    "rds": ("PostgreSQL, for the workers only", ((POSTGRESQL, "workers", "PostgreSQL from the workers"),)),
    "redis": ("Redis, for the workers only", ((REDIS, "workers", "Redis from the workers"),)),
    "endpoints": ("Interface endpoints, for the workers only", ((HTTPS, "workers", "AWS APIs from the workers"),)),
    "alb": ("Application load balancer", ()),
}


def security_groups(params: Mapping[str, Any], place: Place) -> list[Resource]:
    """The groups, each with its rules, and the VPC's default group without any."""
    resources = []
    for name, (purpose, ingress) in GROUPS.items():
        names = {"vpc_id": VPC, "group_name": f"{place.environment}-{name}", "description": purpose}
        resources.append(Resource(SecurityGroup(), name, names))
        rules = {
            "group_id": Ref(f"security_group/{name}"),
            "ingress": [_rule(traffic, Ref(f"security_group/{peer}"), text) for traffic, peer, text in ingress],
            "egress": [],
        }
        if name == "alb":
            rules["ingress"] = [
                _rule(("tcp", port, port), peer, "Clients of the load balancer")
                for port in params["alb_ingress_ports"]
                for peer in params["alb_ingress_cidrs"]
            ]
            if params["alb_from_cloudfront"]:
                resources.append(CLOUDFRONT_ADDRESSES)
                rules["ingress"] += [
                    _rule(("tcp", port, port), Ref(CLOUDFRONT_ADDRESSES.address), "CloudFront")
                    for port in params["alb_ingress_ports"]
                ]
            rules["egress"] = [_rule(ALL_TCP, Ref("security_group/workers"), "Load balancer to pods")]
        if name == "workers":
            rules["egress"] = [{**EVERYTHING_OUT, "description": "Endpoints, stores and API providers"}]
        resources.append(Resource(SecurityGroupRules(), name, rules))
    nothing = {"vpc_id": VPC, "ingress": [], "egress": []}
    resources.append(Resource(DefaultSecurityGroup(), "main", nothing, {"Name": f"{place.environment}-default"}))
    return resources


def _rule(traffic: tuple[Any, ...], peer: Any, description: str) -> dict[str, Any]:
    protocol, first, last = traffic
    return {"protocol": protocol, "from_port": first, "to_port": last, "peer": peer, "description": description}


def network_acls(params: Mapping[str, Any], place: Place, zones: list[Zone]) -> list[Resource]:
    """One for each tier of subnets, and the VPC's default one without any rule of its own."""
    entries = {"public": _public(params["cidr"], zones), "private": _private(zones), "database": _database(zones)}
    resources = [
        Resource(
            NetworkAcl(),
            tier,
            {
                "vpc_id": VPC,
                "ingress": ingress,
                "egress": egress,
                "subnets": [Ref(f"subnet/{tier}-{zone.name}") for zone in zones],
            },
        )
        for tier, (ingress, egress) in entries.items()
    ]
    nothing = {"vpc_id": VPC, "ingress": {}, "egress": {}}
    default = Resource(DefaultNetworkAcl(), "main", nothing, {"Name": f"{place.environment}-default"})
    # The subnets leave it before it lets nothing through.
    default.after = tuple(resource.address for resource in resources)
    return [*resources, default]


# Rule numbers come from a zone's index, so that another zone only adds to them.


def _public(vpc_cidr: str, zones: list[Zone]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Load balancers and NAT gateways. What comes from the private subnets to a NAT gateway is for the internet."""
    no_database = _each(100, "deny", ALL, zones, "database")
    ingress = {
        **no_database,
        "200": _entry("allow", ALL, vpc_cidr),
        "300": _entry("allow", HTTP, ANYWHERE),
        "310": _entry("allow", HTTPS, ANYWHERE),
        "320": _entry("allow", EPHEMERAL, ANYWHERE),
        "330": _entry("allow", TOO_BIG, ANYWHERE),
    }
    return ingress, {**no_database, "200": _entry("allow", ALL, ANYWHERE)}


def _private(zones: list[Zone]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Workers and interface endpoints. Replies of the databases are among those from anywhere."""
    ingress = {
        **_each(100, "allow", ALL, zones, "public"),
        **_each(200, "allow", ALL, zones, "private"),
        "300": _entry("allow", EPHEMERAL, ANYWHERE),
        "310": _entry("allow", TOO_BIG, ANYWHERE),
    }
    return ingress, {"100": _entry("allow", ALL, ANYWHERE)}


def _database(zones: list[Zone]) -> tuple[dict[str, Any], dict[str, Any]]:
    """PostgreSQL and Redis for the private subnets, replies to them, and the nodes of a cache among themselves."""
    ingress = {
        **_each(100, "allow", POSTGRESQL, zones, "private"),
        **_each(200, "allow", REDIS, zones, "private"),
        **_each(300, "allow", ALL_TCP, zones, "database"),
    }
    egress = {
        **_each(100, "allow", EPHEMERAL, zones, "private"),
        **_each(200, "allow", ALL_TCP, zones, "database"),
    }
    return ingress, egress


def _each(first: int, action: str, traffic: tuple[Any, ...], zones: list[Zone], tier: str) -> dict[str, Any]:
    return {str(first + zone.index): _entry(action, traffic, zone.cidr(tier)) for zone in zones}


def _entry(action: str, traffic: tuple[Any, ...], cidr: str) -> dict[str, Any]:
    protocol, first, last = traffic
    return {"action": action, "protocol": protocol, "from_port": first, "to_port": last, "cidr": cidr}


def endpoint_policy(service: str, place: Place) -> dict[str, Any]:
    """Principals of this account may do through the endpoint what IAM lets them; others only what the platform rests on."""
    statements = [
        {
            "Sid": "PrincipalsOfThisAccount",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalAccount": place.account_id}},
        }
    ]
    if service == "s3":
        statements += [
            # ECR hands out layers as presigned addresses of its own bucket (ECR user guide, "Interface VPC endpoints").
            _read_objects("ImageLayers", place, f"prod-{place.region}-starport-layer-bucket"),
            # Asked for without credentials (Amazon Linux user guides).
            _read_objects(
                "OperatingSystemPackages",
                place,
                f"al2023-repos-{place.region}-de612dc2",
                f"amazonlinux-2-repos-{place.region}",
            ),
        ]
    if service == "sts":
        # Not signed by a principal: the token of a cluster's service account is the proof.
        statements.append(
            {
                "Sid": "RolesOfServiceAccounts",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Resource": place.arn("iam", "role/*", region=""),
            }
        )
    return document(statements)


def _read_objects(sid: str, place: Place, *buckets: str) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [place.arn("s3", f"{bucket}/*", region="", account="") for bucket in buckets],
    }
