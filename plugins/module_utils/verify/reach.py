# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether packets get from one place of a network to another, by what its groups, ACLs and routes say. Pure: it calls nothing.

A network is what EC2's Describe calls answer. The first thing that is in the way is named, in words; None means that nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, collapse_addresses
from typing import Any

NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1"}
ANYWHERE = IPv4Network("0.0.0.0/0")
# From which ports a client calls: Linux (net.ipv4.ip_local_port_range), and whoever may be anything.
LINUX = (32768, 60999)
ANY_CLIENT = (1024, 65535)


@dataclass(frozen=True)
class Side:
    """One end of a way: in these subnets, with these groups. ``client_ports``: from where it calls."""

    name: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]
    client_ports: tuple[int, int] = LINUX


class Network:
    """What stands in one VPC, by id. Takes the lists that EC2 answers."""

    def __init__(self, raw: Mapping[str, Any]):
        self.vpc = raw["vpc"]
        self.subnets = {item["SubnetId"]: item for item in raw["subnets"]}
        self.groups = {item["GroupId"]: item for item in raw["groups"]}
        self.endpoints = list(raw["endpoints"])
        self.nat = {item["NatGatewayId"]: item for item in raw["nat_gateways"]}
        self._acls = list(raw["acls"])
        self._tables = list(raw["tables"])

    def name(self, resource: Mapping[str, Any]) -> str:
        """Its id, and what a person calls it."""
        identity = next(resource[key] for key in ("GroupId", "NetworkAclId", "RouteTableId", "SubnetId") if key in resource)
        tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or ()}
        called = resource.get("GroupName") or tags.get("Name") or tags.get("agent-platform:address", "").partition("/")[2]
        return f"{identity} ({called})" if called else identity

    def cidr(self, subnet: str) -> IPv4Network:
        return IPv4Network(self.subnets[subnet]["CidrBlock"])

    def acl(self, subnet: str) -> Mapping[str, Any] | None:
        return next((acl for acl in self._acls if any(one["SubnetId"] == subnet for one in acl["Associations"])), None)

    def table(self, subnet: str) -> Mapping[str, Any] | None:
        """The subnet's route table; the main one where it has none of its own."""
        for table in self._tables:
            if any(one.get("SubnetId") == subnet for one in table["Associations"]):
                return table
        return next((table for table in self._tables if any(one.get("Main") for one in table["Associations"])), None)

    def tier(self, name: str) -> tuple[str, ...]:
        """The subnets of a tier (``private``), by the addresses that their tags give."""
        return tuple(sorted(key for key, item in self.subnets.items() if _address(item).startswith(f"subnet/{name}-")))

    def group(self, name: str) -> str | None:
        """The id of the group of this name."""
        return next((key for key, item in self.groups.items() if item["GroupName"] == name), None)


def _address(resource: Mapping[str, Any]) -> str:
    return next((tag["Value"] for tag in resource.get("Tags") or () if tag["Key"] == "agent-platform:address"), "")


def way(network: Network, source: Side, target: Side, port: int, protocol: str = "tcp") -> str | None:
    """What keeps ``source`` from ``target``'s port, there and back; from every subnet of the one to every one of the other."""
    for side in (source, target):
        if not side.subnets:
            return f"{side.name} stands in no subnet of this network"
    cidrs = [network.cidr(subnet) for subnet in target.subnets]
    if blocked := groups_in_the_way(network, source, target, port, protocol):
        return blocked
    for here in source.subnets:
        for there, cidr in zip(target.subnets, cidrs, strict=True):
            blocked = (
                not_local(network, here, cidr)
                or not_local(network, there, network.cidr(here))
                or acls_in_the_way(network, here, there, port, source.client_ports, protocol)
            )
            if blocked:
                return blocked
    return None


def groups_in_the_way(network: Network, source: Side, target: Side, port: int, protocol: str = "tcp") -> str | None:
    for mine, theirs, key, verb in (
        (target, source, "IpPermissions", "in from"),
        (source, target, "IpPermissionsEgress", "out to"),
    ):
        missing = [group for group in mine.groups if group not in network.groups]
        if missing or not mine.groups:
            return (
                f"{mine.name} has {'security group ' + missing[0] if missing else 'no security group'} that is not in this network"
            )
        cidrs = [network.cidr(subnet) for subnet in theirs.subnets]
        if not any(_lets(rule, protocol, port, theirs.groups, cidrs) for rule in _rules(network, mine.groups, key)):
            ours = ", ".join(network.name(network.groups[group]) for group in mine.groups)
            peers = ", ".join(network.name(network.groups[group]) for group in theirs.groups if group in network.groups)
            return f"no rule of security group {ours} lets {protocol} {port} {verb} {peers or theirs.name}"
    return None


def _rules(network: Network, groups: Iterable[str], key: str) -> Iterator[Mapping[str, Any]]:
    for group in groups:
        yield from network.groups[group].get(key) or ()


def _lets(rule: Mapping[str, Any], protocol: str, port: int, groups: Sequence[str], cidrs: Sequence[IPv4Network]) -> bool:
    if not covers_port(rule, protocol, port):
        return False
    if any(pair["GroupId"] in groups for pair in rule.get("UserIdGroupPairs") or ()):
        return True
    ranges = list(collapse_addresses(IPv4Network(item["CidrIp"]) for item in rule.get("IpRanges") or ()))
    return bool(cidrs) and all(any(cidr.subnet_of(one) for one in ranges) for cidr in cidrs)


def covers_port(rule: Mapping[str, Any], protocol: str, port: int) -> bool:
    if rule["IpProtocol"] == "-1":
        return True
    return rule["IpProtocol"] in (protocol, NUMBERS[protocol]) and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535)


def not_local(network: Network, subnet: str, cidr: IPv4Network) -> str | None:
    """What takes the traffic of a subnet to another one of the network elsewhere."""
    table = network.table(subnet)
    if table is None:
        return f"subnet {network.name(network.subnets[subnet])} has no route table"
    route = route_for(table, cidr)
    if route is None or route.get("GatewayId") != "local":
        to = "nothing" if route is None else _target(route)
        return f"route table {network.name(table)} sends {cidr} to {to} instead of keeping it in the network"
    return None


def route_for(table: Mapping[str, Any], cidr: IPv4Network) -> Mapping[str, Any] | None:
    """The most specific route that takes all of ``cidr``."""
    found = [
        (IPv4Network(route["DestinationCidrBlock"]).prefixlen, number, route)
        for number, route in enumerate(table["Routes"])
        if route.get("DestinationCidrBlock") and cidr.subnet_of(IPv4Network(route["DestinationCidrBlock"]))
    ]
    return max(found)[2] if found else None


def _target(route: Mapping[str, Any]) -> str:
    keys = ("GatewayId", "NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId", "InstanceId")
    return next((str(route[key]) for key in keys if route.get(key)), "nowhere")


def acls_in_the_way(
    network: Network, here: str, there: str, port: int, client_ports: tuple[int, int], protocol: str = "tcp"
) -> str | None:
    """There and back; traffic inside one subnet passes no ACL."""
    if here == there:
        return None
    near, far = network.cidr(here), network.cidr(there)
    return (
        acl_in_the_way(network, here, True, far, (port, port), protocol)
        or acl_in_the_way(network, there, False, near, (port, port), protocol)
        or acl_in_the_way(network, there, True, near, client_ports, protocol)
        or acl_in_the_way(network, here, False, far, client_ports, protocol)
    )


def acl_in_the_way(
    network: Network, subnet: str, egress: bool, cidr: IPv4Network, ports: tuple[int, int], protocol: str = "tcp"
) -> str | None:
    """What of a subnet's ACL keeps any of this traffic out of it, or (``egress``) in it."""
    acl = network.acl(subnet)
    if acl is None:
        return f"subnet {network.name(network.subnets[subnet])} has no network ACL"
    rule = denied(acl["Entries"], egress, cidr, ports, protocol)
    if rule is None:
        return None
    which = "its last rule" if rule >= 32767 else f"rule {rule}"
    span = str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
    replies = " (replies)" if ports[0] != ports[1] else ""
    verb = "out to" if egress else "in from"
    return f"network ACL {network.name(acl)} does not let {protocol} {span}{replies} {verb} {cidr}: {which} denies it"


def denied(
    entries: Iterable[Mapping[str, Any]], egress: bool, cidr: IPv4Network, ports: tuple[int, int], protocol: str = "tcp"
) -> int | None:
    """The number of the rule that denies any of this traffic, 32767 where no rule decides; None where all of it is let through.

    Rules are asked in the order of their numbers, and the first that fits decides, for that part of the traffic that it fits.
    """
    left = [(cidr, ports)]
    for entry in sorted(entries, key=lambda entry: entry["RuleNumber"]):
        if bool(entry["Egress"]) != egress or not entry.get("CidrBlock") or entry["Protocol"] not in ("-1", NUMBERS[protocol]):
            continue
        span = entry.get("PortRange") if entry["Protocol"] != "-1" else None
        low, high = (span["From"], span["To"]) if span else (0, 65535)
        remaining: list[tuple[IPv4Network, tuple[int, int]]] = []
        for part in left:
            inside, outside = _split(part, IPv4Network(entry["CidrBlock"], strict=False), (low, high))
            if inside and entry["RuleAction"] == "deny":
                return int(entry["RuleNumber"])
            remaining += outside
        left = remaining
        if not left:
            return None
    return 32767


Part = tuple[IPv4Network, tuple[int, int]]


def _split(part: Part, cidr: IPv4Network, ports: tuple[int, int]) -> tuple[bool, list[Part]]:
    """Whether any of ``part`` is in the range of addresses and ports, and the parts that are not."""
    addresses, (low, high) = part
    first, last = max(low, ports[0]), min(high, ports[1])
    if first > last or not addresses.overlaps(cidr):
        return False, [part]
    common = addresses if addresses.subnet_of(cidr) else cidr
    outside: list[Part] = []
    if common != addresses:
        outside += [(rest, (low, high)) for rest in addresses.address_exclude(common)]
    outside += [(common, span) for span in ((low, first - 1), (last + 1, high)) if span[0] <= span[1]]
    return True, outside


def to_the_internet(network: Network, subnets: Iterable[str], by: str, port: int) -> str | None:
    """What keeps these subnets from a port of anywhere, by a ``nat`` gateway or the ``internet`` gateway."""
    for subnet in subnets:
        if blocked := no_way_out(network, subnet, by):
            return blocked
        ports = LINUX if by == "nat" else ANY_CLIENT
        blocked = acl_in_the_way(network, subnet, True, ANYWHERE_BUT, (port, port)) or acl_in_the_way(
            network, subnet, False, ANYWHERE_BUT, ports
        )
        if blocked:
            return blocked
    return None


# An address of the internet: what a network keeps for itself is never behind its gateways.
ANYWHERE_BUT = IPv4Network("198.51.100.0/24")


def no_way_out(network: Network, subnet: str, by: str) -> str | None:
    table = network.table(subnet)
    if table is None:
        return f"subnet {network.name(network.subnets[subnet])} has no route table"
    route = route_for(table, ANYWHERE_BUT)
    key, begins, words = ("NatGatewayId", "nat-", "a NAT gateway") if by == "nat" else ("GatewayId", "igw-", "the internet gateway")
    if route is None or not str(route.get(key, "")).startswith(begins):
        to = "nowhere" if route is None else _target(route)
        return f"route table {network.name(table)} sends 0.0.0.0/0 to {to} instead of {words}"
    gateway = network.nat.get(route.get("NatGatewayId", ""))
    state = route.get("State", "active")
    if by == "nat" and (gateway is None or gateway["State"] != "available"):
        state = f"{'gone' if gateway is None else gateway['State']}"
        return f"route table {network.name(table)} sends 0.0.0.0/0 to {_target(route)}, which is {state}"
    return None if state == "active" else f"the route of 0.0.0.0/0 in route table {network.name(table)} is a {state}"
