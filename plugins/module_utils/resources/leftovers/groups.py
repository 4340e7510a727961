# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups that controllers made for load balancers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...reconcile.resource import Context, Observed, View
from ..ec2.interfaces import delete_when_free
from ..ec2.rules import OPERATIONS, permission_of, rules_of
from .common import EKS_MADE, Ec2Leftover

REFERRING = {"ingress": "ip-permission.group-id", "egress": "egress.ip-permission.group-id"}


class SecurityGroup(Ec2Leftover):
    """EKS's own group of a cluster is one only when the cluster is gone without it."""

    name = "leftover_security_group"
    listing = ("describe_security_groups", "SecurityGroups")

    def observe(self, view: View) -> Iterable[Observed]:
        standing = {cluster.id for cluster in view.of("eks_cluster").values()}
        for item, tags in self.marked(view):
            if tags.get(EKS_MADE) not in standing and item["GroupName"] != "default":
                yield self.seen(item["GroupId"], attributes={"vpc_id": item["VpcId"]})

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """EC2 deletes no group to which rules of others refer, so those go first."""
        client = context.api.client("ec2")
        for direction, name in REFERRING.items():
            here = [{"Name": name, "Values": [observed.id]}, {"Name": "vpc-id", "Values": [observed.attributes["vpc_id"]]}]
            for group in context.api.pages("ec2", "describe_security_groups", "SecurityGroups", Filters=here):
                rules = [rule for rule in rules_of(group)[direction] if rule["peer"] == observed.id]
                with tolerating("NotFound"):
                    if rules and group["GroupId"] != observed.id:
                        revoke = getattr(client, OPERATIONS[direction][2])
                        revoke(GroupId=group["GroupId"], IpPermissions=[permission_of(rule) for rule in rules])
        with tolerating("NotFound"):
            delete_when_free(context, observed, "group-id", lambda: client.delete_security_group(GroupId=observed.id))
