# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network's addresses: the ranges of each availability zone's subnets, and whether they fit.

Facts: VPC user guide, "VPC CIDR blocks" and "Subnet CIDR blocks": /16 to /28, beginning on a boundary of their size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from ..reconcile.errors import InvalidInput

# A subnet's tier -> the first of its blocks on a grid of 16: /20 in a /16.
FIRST_BLOCK = {"public": 0, "private": 4, "database": 8}
BLOCKS_OF_A_TIER = 4
# At least two, for EKS and for database subnet groups; at most what a network ACL of 20 rules a direction can tell apart.
ZONES = (2, 6)
HIGHEST_INDEX = 9
PREFIX_LENGTHS = (16, 28)
# Ranges that CreateVpc refuses.
IMPOSSIBLE = tuple(ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


@dataclass(frozen=True)
class Zone:
    """An availability zone and the ranges of its subnets."""

    name: str
    index: int
    public: str
    private: str
    database: str

    def cidr(self, tier: str) -> str:
        return getattr(self, tier)


def zones_of(params: Mapping[str, Any], region: str) -> list[Zone]:
    """The zones by index. Raises InvalidInput, naming the variable and the value, for what does not fit."""
    network = cidr("vpc_cidr", params["cidr"])
    for impossible in IMPOSSIBLE:
        if network.overlaps(impossible):
            raise InvalidInput(f"vpc_cidr: {network} overlaps {impossible}, which AWS reserves: use a range such as 10.0.0.0/16")
    items = params["availability_zones"]
    if not ZONES[0] <= len(items) <= ZONES[1]:
        raise InvalidInput(
            f"vpc_availability_zones: {len(items)} zones are outside {ZONES[0]} to {ZONES[1]}: EKS and the database need two"
        )
    _check_names(items, region)
    zones = sorted((_zone(item, network) for item in items), key=lambda zone: zone.index)
    _check_ranges(zones, network)
    return zones


def cidr(variable: str, text: Any, what: str = "") -> IPv4Network:
    """``text`` as a range that a VPC or subnet can have."""
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise InvalidInput(
            f"{variable}: {text!r}{what} is not an IPv4 range: use one such as 10.0.0.0/16 that begins on a boundary of its size "
            f"({error})"
        ) from error
    if not PREFIX_LENGTHS[0] <= network.prefixlen <= PREFIX_LENGTHS[1]:
        raise InvalidInput(f"{variable}: {text!r}{what} is outside /{PREFIX_LENGTHS[0]} to /{PREFIX_LENGTHS[1]}")
    return network


def _check_names(items: list[Mapping[str, Any]], region: str) -> None:
    seen: dict[Any, str] = {}
    for item in items:
        zone, index = item["zone"], item["index"]
        if not re.fullmatch(re.escape(region) + "[a-z]", zone):
            raise InvalidInput(
                f"vpc_availability_zones: {zone!r} is no availability zone of {region}: use the region and a letter, such as "
                f"{region}a"
            )
        if not 0 <= index <= HIGHEST_INDEX:
            raise InvalidInput(f"vpc_availability_zones: index {index} of {zone} is outside 0 to {HIGHEST_INDEX}")
        if zone in seen.values():
            raise InvalidInput(f"vpc_availability_zones: {zone!r} is there twice: name each zone once")
        if index in seen:
            raise InvalidInput(f"vpc_availability_zones: index {index} is that of {seen[index]} and of {zone}: give each its own")
        seen[index] = zone


def _zone(item: Mapping[str, Any], network: IPv4Network) -> Zone:
    ranges = {}
    for tier, first in FIRST_BLOCK.items():
        if item.get(tier):
            what = f", the {tier} subnet of {item['zone']},"
            ranges[tier] = str(cidr("vpc_availability_zones", item[tier], what))
        else:
            ranges[tier] = _derived(item, tier, first, network)
    return Zone(item["zone"], item["index"], **ranges)


def _derived(item: Mapping[str, Any], tier: str, first: int, network: IPv4Network) -> str:
    where = f"vpc_availability_zones: {item['zone']} has no {tier} range"
    if item["index"] >= BLOCKS_OF_A_TIER:
        raise InvalidInput(
            f"{where}, and its index {item['index']} is outside 0 to {BLOCKS_OF_A_TIER - 1}, from which one is derived: give it one"
        )
    if network.prefixlen + 4 > PREFIX_LENGTHS[1]:
        raise InvalidInput(f"{where}, and a sixteenth of vpc_cidr {network} is smaller than /{PREFIX_LENGTHS[1]}: give it one")
    blocks = list(network.subnets(prefixlen_diff=4))
    return str(blocks[first + item["index"]])


def _check_ranges(zones: list[Zone], network: IPv4Network) -> None:
    ranges = list(_named(zones))
    for position, (name, subnet) in enumerate(ranges):
        if not subnet.subnet_of(network):
            raise InvalidInput(f"vpc_availability_zones: {subnet}, the {name}, is outside vpc_cidr {network}")
        for other_name, other in ranges[:position]:
            if subnet.overlaps(other):
                raise InvalidInput(
                    f"vpc_availability_zones: {subnet}, the {name}, overlaps {other}, the {other_name}: "
                    "give each a range of its own"
                )


def _named(zones: list[Zone]) -> Iterator[tuple[str, IPv4Network]]:
    for zone in zones:
        for tier in FIRST_BLOCK:
            yield f"{tier} subnet of {zone.name}", IPv4Network(zone.cidr(tier))
