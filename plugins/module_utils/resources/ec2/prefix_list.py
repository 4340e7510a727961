# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefix lists that AWS keeps, such as the addresses from which CloudFront asks origins. They are only looked up.

Facts: CloudFront developer guide, "Use the CloudFront managed prefix list": the list counts as 55 rules of a security group.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...reconcile.delta import Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Kind, Observed, View

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
CLOUDFRONT_WEIGHT = 55


class PrefixList(Kind):
    """A list of ``list_name``; AWS tags none of its own."""

    name = "prefix_list"
    services = ("ec2",)
    tagged = False
    fields = (Field("list_name"),)

    def find(self, view: View) -> Iterable[Observed]:
        for resource in view.resources:
            name = resource.desired["list_name"]
            wanted = [{"Name": "prefix-list-name", "Values": [name]}]
            found = view.api.pages("ec2", "describe_managed_prefix_lists", "PrefixLists", Filters=wanted)
            if not found:
                raise EngineError(
                    f"{view.api.region} has no prefix list {name}: set vpc_alb_from_cloudfront: false and give "
                    "vpc_alb_ingress_cidrs"
                )
            yield Observed(resource.address, found[0]["PrefixListId"], fields={"list_name": name})
