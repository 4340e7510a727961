# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a network and keeps it from being deleted.

Facts: EC2 API reference, DeleteVpc: all in it has to be gone but what came with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...aws.tags import as_dict
from ...reconcile.resource import Context
from ..strangers import made_by_others
from .common import Ec2Kind
from .internet_gateway import InternetGateway
from .network_acl import NetworkAcl
from .route_table import RouteTable
from .security_group import SecurityGroup
from .subnet import Subnet
from .vpc_endpoint import VpcEndpoint

# NAT gateways and interfaces are in a subnet.
KINDS: tuple[Ec2Kind, ...] = (Subnet(), SecurityGroup(), RouteTable(), NetworkAcl(), InternetGateway(), VpcEndpoint())
LISTED = 5


def strangers_in(context: Context, vpc: str) -> str:
    """In words, what no destroy of this deployment takes away: neither it nor AWS nor a controller made it. Empty: nothing."""

    def theirs(kind: Ec2Kind, item: Mapping[str, Any]) -> bool:
        tags = as_dict(item.get("Tags"))
        return not kind.is_of_aws(item) and not context.owner.owns(tags) and not made_by_others(tags)

    return _words(context, vpc, theirs)


def all_in(context: Context, vpc: str) -> str:
    """In words, what has to go before the network can; empty: nothing."""
    return _words(context, vpc, lambda kind, item: True)


def _words(context: Context, vpc: str, counts: Callable[[Ec2Kind, Mapping[str, Any]], bool]) -> str:
    def names(kind: Ec2Kind) -> list[str]:
        found = [item for item in kind.in_networks(context, [vpc]) if not _born_with_it(item) and counts(kind, item)]
        return sorted(f"{item[kind.listing[2]]} ({_name(item)})" for item in found)

    found = [name for each in context.api.map(names, KINDS) for name in each]
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(found[:LISTED]) + more


def _born_with_it(item: Mapping[str, Any]) -> bool:
    """The default group, the default ACL and the main table, which go with it."""
    main = any(each.get("Main") for each in item.get("Associations") or ())
    return bool(item.get("IsDefault")) or item.get("GroupName") == "default" or main


def _name(item: Mapping[str, Any]) -> str:
    own = (item.get(key) for key in ("GroupName", "CidrBlock", "ServiceName"))
    return as_dict(item.get("Tags")).get("Name") or next(filter(None, own), "no name")
