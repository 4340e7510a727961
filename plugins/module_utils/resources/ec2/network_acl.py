# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network ACLs.

Facts: VPC user guide, "Network ACLs": stateless; the lowest rule number that matches decides; every subnet has exactly one, at
first the VPC's default one; the rules from 32767 on are EC2's own; 20 rules a direction, those counted, is the default quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.retry import until
from ...reconcile.delta import Change, Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Context, Observed, Resource, View
from .common import Ec2Kind, at_least

FIRST_OWN_RULE = 32767
PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1"}
NAMES = {number: name for name, number in PROTOCOLS.items()}


class NetworkAcl(Ec2Kind):
    """``ingress``, ``egress``: rule number (a text) -> ``{action, protocol, from_port, to_port, cidr}``, complete.

    The ports of ICMP are type and code. ``subnets``: those that must use it.
    """

    name = "network_acl"
    listing = ("describe_network_acls", "NetworkAcls", "NetworkAclId", "NetworkAclIds")
    resource_type = "network-acl"
    vpc_filter = "vpc-id"
    observe_after = ("vpc", "subnet")
    # A subnet uses one at a time.
    place = ("subnets",)
    within = ("vpc",)
    fields = (Field("vpc_id", on_change="replace"), Field("ingress"), Field("egress"), Field("subnets", equal=at_least))

    def items(self, view: View) -> list[dict[str, Any]]:
        """Without the VPC's default one, which carries our tags once it is locked down and is a kind of its own."""
        return [item for item in super().items(view) if not item["IsDefault"]]

    def is_of_aws(self, item: Mapping[str, Any]) -> bool:
        return bool(item["IsDefault"])

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "vpc_id": item["VpcId"],
            **entries_of(item),
            "subnets": [link["SubnetId"] for link in item.get("Associations") or ()],
        }

    def create(self, context: Context, resource: Resource) -> Observed:
        answer = context.api.client("ec2").create_network_acl(
            VpcId=resource.desired["vpc_id"], TagSpecifications=self.tagging(resource)
        )
        return self.made(resource, answer["NetworkAcl"])

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client("ec2")
        write_entries(client, observed.id, delta)
        if "subnets" in delta:
            associate(client, observed.id, sorted(set(delta["subnets"].new) - set(delta["subnets"].old or ())))

    def serves(self, observed: Observed) -> Iterable[str]:
        """EC2 deletes none that a subnet uses, and a kept one stays as closed as it is."""
        return observed.fields.get("subnets") or ()

    def remove(self, client: Any, observed: Observed) -> None:
        client.delete_network_acl(NetworkAclId=observed.id)


def entries_of(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {"ingress": {}, "egress": {}}
    for entry in item.get("Entries") or ():
        if entry["RuleNumber"] < FIRST_OWN_RULE:
            entries["egress" if entry["Egress"] else "ingress"][str(entry["RuleNumber"])] = _read(entry)
    return entries


def _read(entry: Mapping[str, Any]) -> dict[str, Any]:
    ports, icmp = entry.get("PortRange") or {}, entry.get("IcmpTypeCode") or {}
    return {
        "action": entry["RuleAction"],
        "protocol": NAMES.get(entry["Protocol"], entry["Protocol"]),
        "from_port": ports.get("From", icmp.get("Type")),
        "to_port": ports.get("To", icmp.get("Code")),
        "cidr": entry.get("CidrBlock") or entry.get("Ipv6CidrBlock"),
    }


def _written(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of CreateNetworkAclEntry and ReplaceNetworkAclEntry."""
    parameters: dict[str, Any] = {
        "Protocol": PROTOCOLS.get(entry["protocol"], entry["protocol"]),
        "RuleAction": entry["action"],
        "Ipv6CidrBlock" if ":" in entry["cidr"] else "CidrBlock": entry["cidr"],
    }
    if entry["protocol"] == "icmp":
        parameters["IcmpTypeCode"] = {"Type": entry["from_port"], "Code": entry["to_port"]}
    elif entry["from_port"] is not None:
        parameters["PortRange"] = {"From": entry["from_port"], "To": entry["to_port"]}
    return parameters


def write_entries(client: Any, acl_id: str, delta: Delta) -> None:
    for direction in ("ingress", "egress"):
        if direction in delta:
            _write_direction(client, {"NetworkAclId": acl_id, "Egress": direction == "egress"}, delta[direction])


def _write_direction(client: Any, where: Mapping[str, Any], change: Change) -> None:
    """New rules before old ones go, the lowest number first."""
    old, new = change.old or {}, change.new
    for number in sorted(new, key=int):
        if old.get(number) != new[number]:
            write = client.replace_network_acl_entry if number in old else client.create_network_acl_entry
            write(**where, RuleNumber=int(number), **_written(new[number]))
    for number in sorted(set(old) - set(new), key=int):
        client.delete_network_acl_entry(**where, RuleNumber=int(number))


def associate(client: Any, acl_id: str, subnets: list[str]) -> None:
    """Move the subnets here from whichever ACL they use. A new subnet's first association may not be listed at once."""

    def links() -> dict[str, str]:
        acls = client.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": subnets}])["NetworkAcls"]
        return {link["SubnetId"]: link["NetworkAclAssociationId"] for acl in acls for link in acl["Associations"]}

    found = until(links, done=lambda answer: set(subnets) <= set(answer))
    for subnet in subnets:
        if subnet not in found:
            raise EngineError(f"{subnet} does not show its network ACL yet: run again")
        client.replace_network_acl_association(AssociationId=found[subnet], NetworkAclId=acl_id)
