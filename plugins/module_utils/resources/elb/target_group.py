# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Target groups.

Facts: Elastic Load Balancing API reference (CreateTargetGroup, ModifyTargetGroup). Who registers targets is another actor's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import address_in, as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Observed, Resource, Stranger, View
from .common import CLIENT, ElbKind, as_attributes, attributes_of, strangers, tags_of, write_tags

DELAY = "deregistration_delay.timeout_seconds"
HEALTH = {
    "protocol": "HealthCheckProtocol",
    "port": "HealthCheckPort",
    "path": "HealthCheckPath",
    "interval_seconds": "HealthCheckIntervalSeconds",
    "timeout_seconds": "HealthCheckTimeoutSeconds",
    "healthy_count": "HealthyThresholdCount",
    "unhealthy_count": "UnhealthyThresholdCount",
}


class TargetGroup(ElbKind):
    """A target group. Its natural name is its name; its id is its ARN. ``health_check``: the keys of ``HEALTH`` and ``codes``."""

    name = "target_group"
    fields = (
        Field("name", on_change="replace"),
        Field("vpc_id", on_change="replace"),
        Field("target_type", on_change="replace"),
        Field("protocol", on_change="replace"),
        Field("protocol_version", on_change="replace"),
        Field("port", on_change="replace"),
        Field("health_check"),
        Field("deregistration_delay_seconds"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """All are listed with a page; tags and attributes are read of those that are desired or bear the environment's name."""
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        ours = view.owner.environment + "-"
        near = {
            item["TargetGroupArn"]: item
            for item in self._list(view)
            if item["TargetGroupName"] in wanted or item["TargetGroupName"].startswith(ours)
        }
        tags = tags_of(view, near)
        kept = [arn for arn in tags if near[arn]["TargetGroupName"] in wanted or view.owner.owns_in_tier(tags[arn])]
        for arn, attributes in zip(kept, view.api.map(lambda arn: self._attributes(view, arn), kept), strict=True):
            if attributes is not None:
                name = near[arn]["TargetGroupName"]
                yield self._observed(
                    wanted.get(name) or address_in(tags[arn], self.name, name), near[arn], int(attributes[DELAY]), tags[arn]
                )

    def find(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        for item in self._list(view):
            if item["TargetGroupName"] in wanted:
                yield self._observed(wanted[item["TargetGroupName"]], item, None, None)

    def strangers(self, view: View) -> Iterable[Stranger]:
        yield from strangers(view, self, self._list(view), "TargetGroupName", "TargetGroupArn")

    @staticmethod
    def _list(view: View) -> list[dict[str, Any]]:
        return view.api.pages(CLIENT, "describe_target_groups", "TargetGroups")

    @staticmethod
    def _attributes(context: Context, arn: str) -> dict[str, str] | None:
        with tolerating("NotFound"):
            return attributes_of(context.api.client(CLIENT).describe_target_group_attributes(TargetGroupArn=arn))
        return None

    def _observed(self, address: str, item: Mapping[str, Any], delay: int | None, tags: dict[str, str] | None) -> Observed:
        health = {name: item.get(key) for name, key in HEALTH.items()}
        return Observed(
            address,
            item["TargetGroupArn"],
            fields={
                "name": item["TargetGroupName"],
                "vpc_id": item.get("VpcId"),
                "target_type": item["TargetType"],
                "protocol": item.get("Protocol"),
                "protocol_version": item.get("ProtocolVersion"),
                "port": item.get("Port"),
                "health_check": {**health, "codes": (item.get("Matcher") or {}).get("HttpCode")},
                "deregistration_delay_seconds": delay,
            },
            attributes={"arn": item["TargetGroupArn"], "name": item["TargetGroupName"]},
            tags=tags,
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        (item,) = context.api.client(CLIENT).create_target_group(
            Name=desired["name"],
            VpcId=desired["vpc_id"],
            TargetType=desired["target_type"],
            Protocol=desired["protocol"],
            ProtocolVersion=desired["protocol_version"],
            Port=desired["port"],
            Tags=as_list(desired["tags"]),
            **_health_check(desired["health_check"]),
        )["TargetGroups"]
        return self._observed(resource.address, item, None, None)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, arn = context.api.client(CLIENT), observed.id
        if "health_check" in delta:
            client.modify_target_group(TargetGroupArn=arn, **_health_check(delta["health_check"].new))
        if "deregistration_delay_seconds" in delta:
            values = as_attributes({DELAY: delta["deregistration_delay_seconds"].new})
            client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=values)
        if "tags" in delta:
            write_tags(context, arn, delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """A listener that has just gone holds it for a moment."""

        def call() -> None:
            with tolerating("NotFound"):
                context.api.client(CLIENT).delete_target_group(TargetGroupArn=observed.id)

        until(call, not_yet=lambda error: is_code(error, "ResourceInUse", "ResourceInUseException"))


def _health_check(health: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "HealthCheckEnabled": True,
        **{key: health[name] for name, key in HEALTH.items()},
        "Matcher": {"HttpCode": health["codes"]},
    }
