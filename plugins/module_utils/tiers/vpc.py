# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network tier: subnets in each zone, their ways out, endpoints, who may talk to whom, and a log of who did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from ..aws.policies import document
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Derived, Ref
from ..reconcile.resource import Resource
from ..resources.ec2.elastic_ip import ElasticIp
from ..resources.ec2.flow_log import FlowLog
from ..resources.ec2.internet_gateway import InternetGateway
from ..resources.ec2.nat_gateway import NatGateway
from ..resources.ec2.prefix_list import CLOUDFRONT_WEIGHT
from ..resources.ec2.route_table import RouteTable
from ..resources.ec2.subnet import Subnet
from ..resources.ec2.vpc import Vpc
from ..resources.ec2.vpc_endpoint import VpcEndpoint
from ..resources.iam import Role
from ..resources.logs import LogGroup
from ..tier_module import Place
from . import checks, kms
from .vpc_rules import ANYWHERE, VPC, endpoint_policy, network_acls, security_groups
from .vpc_zones import FIRST_BLOCK, Zone, zones_of

GATEWAY_SERVICES = ("s3", "dynamodb")
SERVICE = re.compile(r"^[a-z0-9]+([.-][a-z0-9]+)*$")
CLUSTER_NAME = re.compile(r"^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$")
INTERVALS = (60, 600)
RULES_OF_A_GROUP = 60
TAGS_OF_A_RESOURCE = 50
# Ours, Name, and the two that EKS and the load balancer controller read.
TAGS_OF_A_SUBNET = 7
# EKS user guide, "Subnet requirements": zones without a control plane, whatever an account calls them.
ZONES_WITHOUT_EKS = ("use1-az3", "usw1-az2", "cac1-az3")
ROLE_FOR_LOAD_BALANCERS = {"public": "kubernetes.io/role/elb", "private": "kubernetes.io/role/internal-elb"}

ZONE_SPEC = {
    "zone": {"type": "str", "required": True},
    "index": {"type": "int", "required": True},
    **{tier: {"type": "str"} for tier in FIRST_BLOCK},
}
SPEC = {
    "cidr": {"type": "str", "required": True},
    "availability_zones": {"type": "list", "elements": "dict", "required": True, "options": ZONE_SPEC},
    "cluster_name": {"type": "str", "required": True},
    "subnet_tags": {"type": "dict", "options": {tier: {"type": "dict"} for tier in FIRST_BLOCK}},
    "nat_gateways": {"type": "str", "choices": ["per_zone", "single", "none"], "default": "per_zone"},
    "gateway_endpoints": {"type": "list", "elements": "str", "choices": list(GATEWAY_SERVICES), "default": ["s3", "dynamodb"]},
    "interface_endpoints": {
        "type": "list",
        "elements": "str",
        "default": ["ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "sns", "sqs", "kms"],
    },
    "interface_endpoint_zones": {"type": "list", "elements": "str"},
    "alb_from_cloudfront": {"type": "bool", "default": True},
    "alb_ingress_cidrs": {"type": "list", "elements": "str", "default": []},
    "alb_ingress_ports": {"type": "list", "elements": "int", "default": [443]},
    "flow_log_key": {"type": "str", "required": True, "no_log": False},
    "flow_log_retention_days": {"type": "int", "default": 90},
    "flow_log_traffic_type": {"type": "str", "choices": ["ALL", "ACCEPT", "REJECT"], "default": "ALL"},
    "flow_log_aggregation_interval": {"type": "int", "choices": list(INTERVALS), "default": 600},
    "permissions_boundary": {"type": "str"},
}


def check(params: Mapping[str, Any], region: str) -> None:
    zones = zones_of(params, region)
    if not CLUSTER_NAME.match(params["cluster_name"]):
        raise InvalidInput(
            f"platform_cluster_name: {params['cluster_name']!r} is no name for an EKS cluster: 1 to 100 letters, digits, _ and -, "
            "beginning with a letter or a digit"
        )
    _check_subnet_tags(params)
    _check_endpoints(params, zones)
    _check_alb(params)
    if not kms.KEY_NAME.match(params["flow_log_key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['flow_log_key']!r} of logs cannot be in an alias: lower-case letters, "
            "digits, _ and -"
        )
    checks.retention("vpc_flow_log_retention_days", params["flow_log_retention_days"])
    checks.permissions_boundary("vpc_permissions_boundary", params.get("permissions_boundary"))


def _check_subnet_tags(params: Mapping[str, Any]) -> None:
    for tier, tags in (params.get("subnet_tags") or {}).items():
        for key, value in (tags or {}).items():
            if not checks.can_be_tag(key, value):
                raise InvalidInput(
                    f"vpc_subnet_tags: {key!r}: {value!r} of {tier} cannot be a tag: a key of 1 to 128 characters, beginning with "
                    "neither aws: nor agent-platform:, and a string of at most 256"
                )
        number = len({*(params.get("tags") or {}), *(tags or {})}) + TAGS_OF_A_SUBNET
        if number > TAGS_OF_A_RESOURCE:
            raise InvalidInput(
                f"vpc_subnet_tags: with platform_tags and our own the {tier} subnets would have {number} tags: "
                f"at most {TAGS_OF_A_RESOURCE}"
            )


def _check_endpoints(params: Mapping[str, Any], zones: list[Zone]) -> None:
    for variable in ("gateway_endpoints", "interface_endpoints", "interface_endpoint_zones"):
        items = params.get(variable) or []
        for item in items:
            if items.count(item) > 1:
                raise InvalidInput(f"vpc_{variable}: {item!r} is there twice: name each once")
    for service in params["interface_endpoints"]:
        if not SERVICE.match(service):
            raise InvalidInput(
                f"vpc_interface_endpoints: {service!r} is no name of a service: what follows com.amazonaws.<region>. in an "
                "endpoint service's name, such as ecr.api"
            )
        if service in GATEWAY_SERVICES:
            raise InvalidInput(f"vpc_interface_endpoints: {service!r} is reached through vpc_gateway_endpoints: name it there")
    chosen, names = params.get("interface_endpoint_zones"), [zone.name for zone in zones]
    for zone in chosen or ():
        if zone not in names:
            raise InvalidInput(f"vpc_interface_endpoint_zones: {zone!r} is none of vpc_availability_zones: {', '.join(names)}")
    if chosen == [] and params["interface_endpoints"]:
        raise InvalidInput(f"vpc_interface_endpoint_zones: [] is no zone at all: name one or more of {', '.join(names)}")


def _check_alb(params: Mapping[str, Any]) -> None:
    cidrs, ports = params["alb_ingress_cidrs"], params["alb_ingress_ports"]
    for text in cidrs:
        try:
            IPv4Network(text)
        except ValueError as error:
            raise InvalidInput(
                f"vpc_alb_ingress_cidrs: {text!r} is not an IPv4 range: use one such as 203.0.113.0/24 that begins on a "
                f"boundary of its size ({error})"
            ) from error
    for port in ports:
        if not 1 <= port <= 65535:
            raise InvalidInput(f"vpc_alb_ingress_ports: {port} is outside 1 to 65535")
    for variable, items in (("cidrs", cidrs), ("ports", ports)):
        if len(set(items)) < len(items):
            raise InvalidInput(f"vpc_alb_ingress_{variable}: {items} names something twice: name each once")
    weight = len(cidrs) + (CLOUDFRONT_WEIGHT if params["alb_from_cloudfront"] else 0)
    if weight * len(ports) > RULES_OF_A_GROUP:
        cloudfront = f" and CloudFront's prefix list, which counts {CLOUDFRONT_WEIGHT}," if params["alb_from_cloudfront"] else ""
        raise InvalidInput(
            f"vpc_alb_ingress_cidrs: {len(cidrs)} ranges{cloudfront} for {len(ports)} ports are {weight * len(ports)} rules: "
            f"a security group takes {RULES_OF_A_GROUP}"
        )


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    zones = zones_of(params, place.region)
    network = {"cidr": params["cidr"], "dns_support": True, "dns_hostnames": True}
    return [
        Resource(Vpc(), "main", network),
        Resource(InternetGateway(), "main", {"vpc_id": VPC}),
        *_subnets(params, zones),
        *_nat_gateways(params, zones),
        *_route_tables(params, zones),
        *security_groups(params, place),
        *network_acls(params, place, zones),
        *_endpoints(params, place, zones),
        *_flow_log(params, place),
    ]


def _subnets(params: Mapping[str, Any], zones: list[Zone]) -> Iterator[Resource]:
    for zone in zones:
        for tier in FIRST_BLOCK:
            tags = dict((params.get("subnet_tags") or {}).get(tier) or {})
            if tier in ROLE_FOR_LOAD_BALANCERS:
                tags[ROLE_FOR_LOAD_BALANCERS[tier]] = "1"
                tags[f"kubernetes.io/cluster/{params['cluster_name']}"] = "shared"
            desired = {"vpc_id": VPC, "cidr": zone.cidr(tier), "availability_zone": zone.name, "map_public_ip": False}
            options = {"excluded_zone_ids": ZONES_WITHOUT_EKS} if tier == "private" else {}
            yield Resource(Subnet(), f"{tier}-{zone.name}", desired, tags, options)


def _nat_zones(params: Mapping[str, Any], zones: list[Zone]) -> dict[str, str]:
    """Zone -> the zone whose NAT gateway is its way out."""
    if params["nat_gateways"] == "none":
        return {}
    return {zone.name: zone.name if params["nat_gateways"] == "per_zone" else zones[0].name for zone in zones}


def _nat_gateways(params: Mapping[str, Any], zones: list[Zone]) -> Iterator[Resource]:
    for zone in sorted(set(_nat_zones(params, zones).values())):
        yield Resource(ElasticIp(), f"nat-{zone}")
        yield Resource(
            NatGateway(),
            zone,
            {
                "subnet_id": Ref(f"subnet/public-{zone}"),
                "allocation_id": Ref(f"elastic_ip/nat-{zone}"),
                "connectivity": "public",
            },
            # One made in a network without a way out fails for good.
            after=("internet_gateway/main",),
        )


def _route_tables(params: Mapping[str, Any], zones: list[Zone]) -> Iterator[Resource]:
    """The private ones by zone; the database's has no way out, so it needs but one."""
    way_out = {ANYWHERE: Ref("internet_gateway/main")}
    yield _route_table("public", way_out, [f"public-{zone.name}" for zone in zones])
    nat = _nat_zones(params, zones)
    for zone in zones:
        name = f"private-{zone.name}"
        yield _route_table(name, {ANYWHERE: Ref(f"nat_gateway/{nat[zone.name]}")} if nat else {}, [name])
    yield _route_table("database", {}, [f"database-{zone.name}" for zone in zones])


def _route_table(name: str, routes: dict[str, Ref], subnets: list[str]) -> Resource:
    return Resource(
        RouteTable(), name, {"vpc_id": VPC, "routes": routes, "subnets": [Ref(f"subnet/{subnet}") for subnet in subnets]}
    )


def _endpoints(params: Mapping[str, Any], place: Place, zones: list[Zone]) -> Iterator[Resource]:
    """Gateways on the private tables alone: the database's network lets nothing out. Interfaces in the private subnets."""
    for service in params["gateway_endpoints"]:
        tables = [Ref(f"route_table/private-{zone.name}") for zone in zones]
        yield _endpoint(service, place, {"type": "Gateway", "route_tables": tables})
    chosen = params.get("interface_endpoint_zones")
    subnets = [Ref(f"subnet/private-{zone.name}") for zone in zones if chosen is None or zone.name in chosen]
    for service in params["interface_endpoints"]:
        groups = [Ref("security_group/endpoints")]
        yield _endpoint(service, place, {"type": "Interface", "subnets": subnets, "security_groups": groups, "private_dns": True})


def _endpoint(service: str, place: Place, desired: dict[str, Any]) -> Resource:
    common = {
        "vpc_id": VPC,
        "service": f"com.amazonaws.{place.region}.{service}",
        "policy": endpoint_policy(service, place),
    }
    return Resource(VpcEndpoint(), service, {**common, **desired})


def _flow_log(params: Mapping[str, Any], place: Place) -> list[Resource]:
    """Names carry the deployment: a role's is the account's, a log group's is the region's."""
    group = f"/{place.deployment}/vpc/flow-logs"
    key = kms.looked_up(place, params["flow_log_key"])
    return [
        key,
        Resource(
            LogGroup(),
            "vpc-flow-logs",
            {
                "log_group_name": group,
                "kms_key": Ref(key.address, "arn"),
                "retention_days": params["flow_log_retention_days"],
            },
        ),
        Resource(
            Role(),
            "vpc-flow-logs",
            {
                "role_name": f"{place.deployment}-vpc-flow-logs",
                "path": "/",
                "description": f"{place.deployment}: writes the flow logs of the VPC",
                "trust_policy": _flow_log_trust(place),
                "inline_policies": {"write": Derived(_flow_log_writing, Ref("log_group/vpc-flow-logs", "arn"))},
                "managed_policies": [],
                "permissions_boundary": params.get("permissions_boundary") or None,
            },
        ),
        Resource(
            FlowLog(),
            "vpc",
            {
                "vpc_id": VPC,
                "traffic_type": params["flow_log_traffic_type"],
                "log_group": Ref("log_group/vpc-flow-logs", "name"),
                "role_arn": Ref("iam_role/vpc-flow-logs", "arn"),
                "aggregation_interval": params["flow_log_aggregation_interval"],
            },
        ),
    ]


def _flow_log_trust(place: Place) -> dict[str, Any]:
    """The service, for flow logs of this account alone (VPC user guide, "IAM role for publishing flow logs")."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": place.account_id},
                    "ArnLike": {"aws:SourceArn": place.arn("ec2", "vpc-flow-log/*")},
                },
            }
        ]
    )


def _flow_log_writing(log_group_arn: str) -> dict[str, Any]:
    """Into this group, which it cannot make: so a deleted one does not come back without key and retention."""
    return document(
        [
            {
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                "Resource": [log_group_arn, f"{log_group_arn}:*"],
            },
            {
                "Effect": "Allow",
                "Action": "logs:DescribeLogGroups",
                "Resource": log_group_arn.rsplit(":", 1)[0] + ":*",
            },
        ]
    )
