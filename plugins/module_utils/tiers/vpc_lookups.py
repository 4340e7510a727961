# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network as other tiers refer to it: subnets by their tier and zone, security groups by name, the VPC."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.ec2.security_group import SecurityGroup
from ..resources.ec2.subnet import Subnet
from ..resources.ec2.vpc import Vpc

PROVIDER = "vpc"
# What a tier that looks them up names in its Tier's ``looks_up``.
KINDS = (Vpc(), Subnet(), SecurityGroup())


def check_zones(variable: str, zones: Iterable[str], region: str, at_least: int = 2) -> None:
    """Raises InvalidInput, naming ``variable``, for zones of another region, for one that is there twice, and for too few."""
    zones = list(zones)
    for zone in zones:
        if not re.fullmatch(re.escape(region) + "[a-z]", zone):
            raise InvalidInput(
                f"{variable}: {zone!r} is no availability zone of {region}: use the region and a letter, such as {region}a"
            )
    if len(set(zones)) != len(zones):
        raise InvalidInput(f"{variable}: {zones} names a zone twice: name each once")
    if len(zones) < at_least:
        raise InvalidInput(
            f"{variable}: {len(zones)} zones are less than the {at_least} that AWS needs: name some of those of the vpc tier"
        )


def subnets(tier: str, zones: Iterable[str]) -> list[Resource]:
    """The subnets of ``tier`` (public, private, database) in ``zones``, by their names: ``Ref(subnet.address)`` is an id."""
    return [Resource(Subnet(), f"{tier}-{zone}", provider=PROVIDER) for zone in zones]


def ids(resources: Iterable[Resource]) -> list[Ref]:
    return [Ref(resource.address) for resource in resources]


def security_group(name: str) -> Resource:
    """The group ``name`` (workers, rds, redis, endpoints, alb): ``Ref("security_group/<name>")`` is its id."""
    return Resource(SecurityGroup(), name, provider=PROVIDER)


def vpc() -> Resource:
    """The VPC: ``Ref("vpc/main")`` is its id."""
    return Resource(Vpc(), "main", provider=PROVIDER)
