# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of security groups: from EC2's permissions and back.

A rule is ``{protocol, from_port, to_port, peer, description}``. ``peer`` is a CIDR, the id of a prefix list (``pl-``) or of a group
(``sg-``; ``<account>/sg-`` for another account's). Protocol ``-1``, everything, has no ports; for ICMP they are type and code.
The description is no part of a rule's identity: EC2 refuses a second rule that differs in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...reconcile.delta import Change

Rule = dict[str, Any]
# EC2 gives every new group this egress rule.
EVERYTHING_OUT: Rule = {"protocol": "-1", "from_port": None, "to_port": None, "peer": "0.0.0.0/0", "description": ""}
OPERATIONS = {
    "ingress": (
        "authorize_security_group_ingress",
        "update_security_group_rule_descriptions_ingress",
        "revoke_security_group_ingress",
    ),
    "egress": (
        "authorize_security_group_egress",
        "update_security_group_rule_descriptions_egress",
        "revoke_security_group_egress",
    ),
}
PEERS = {"IpRanges": "CidrIp", "Ipv6Ranges": "CidrIpv6", "PrefixListIds": "PrefixListId", "UserIdGroupPairs": "GroupId"}


def rules_of(group: Mapping[str, Any]) -> dict[str, list[Rule]]:
    """``ingress`` and ``egress`` of a described group: one rule for each peer of each permission."""
    owner = group.get("OwnerId")
    return {
        "ingress": [rule for permission in group.get("IpPermissions") or () for rule in _split(permission, owner)],
        "egress": [rule for permission in group.get("IpPermissionsEgress") or () for rule in _split(permission, owner)],
    }


def _split(permission: Mapping[str, Any], owner: str | None) -> Iterable[Rule]:
    for shape, name in PEERS.items():
        for peer in permission.get(shape) or ():
            account = peer.get("UserId") or owner
            yield {
                "protocol": permission["IpProtocol"],
                "from_port": permission.get("FromPort"),
                "to_port": permission.get("ToPort"),
                "peer": peer[name] if account == owner else f"{account}/{peer[name]}",
                "description": peer.get("Description") or "",
            }


def permission_of(rule: Rule) -> dict[str, Any]:
    """The rule as EC2's calls take it."""
    permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
    if rule["from_port"] is not None:
        permission.update(FromPort=rule["from_port"], ToPort=rule["to_port"])
    if "/sg-" in rule["peer"]:
        account, group = rule["peer"].split("/")
        shape, peer = "UserIdGroupPairs", {"UserId": account, "GroupId": group}
    elif rule["peer"].startswith("sg-"):
        shape, peer = "UserIdGroupPairs", {"GroupId": rule["peer"]}
    elif rule["peer"].startswith("pl-"):
        shape, peer = "PrefixListIds", {"PrefixListId": rule["peer"]}
    elif ":" in rule["peer"]:
        shape, peer = "Ipv6Ranges", {"CidrIpv6": rule["peer"]}
    else:
        shape, peer = "IpRanges", {"CidrIp": rule["peer"]}
    if rule["description"]:
        peer["Description"] = rule["description"]
    permission[shape] = [peer]
    return permission


def write_rules(client: Any, group_id: str, direction: str, change: Change) -> None:
    """Add what is missing before removing what is too much, so that nothing is cut off in between."""
    old, new = _by_identity(change.old or ()), _by_identity(change.new)
    batches = (
        [rule for identity, rule in new.items() if identity not in old],
        [rule for identity, rule in new.items() if identity in old and old[identity] != rule],
        [rule for identity, rule in old.items() if identity not in new],
    )
    for operation, rules in zip(OPERATIONS[direction], batches, strict=True):
        if rules:
            getattr(client, operation)(GroupId=group_id, IpPermissions=[permission_of(rule) for rule in rules])


def _by_identity(rules: Iterable[Rule]) -> dict[tuple[Any, ...], Rule]:
    return {tuple(value for name, value in sorted(rule.items()) if name != "description"): rule for rule in rules}
