# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application load balancers.

Facts: Elastic Load Balancing API reference and user guide for Application Load Balancers ("Load balancer attributes", "Access
logs"). Settings that are attributes cannot go into the call that makes a load balancer, but can follow it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.tags import address_in, as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.resource import Context, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter
from .common import CLIENT, ElbKind, as_attributes, attributes_of, strangers, tags_of, write_tags

# Field -> attribute; a field's value is of the type that the second part reads.
ATTRIBUTES = {
    "idle_timeout_seconds": ("idle_timeout.timeout_seconds", int),
    "deletion_protection": ("deletion_protection.enabled", lambda text: text == "true"),
    "drop_invalid_headers": ("routing.http.drop_invalid_header_fields.enabled", lambda text: text == "true"),
    "desync_mitigation": ("routing.http.desync_mitigation_mode", str),
    "http2": ("routing.http2.enabled", lambda text: text == "true"),
}
LOGS = "access_logs.s3."
UNPROTECT = "set cloudfront_deletion_protection: false and apply that first"


class LoadBalancer(ElbKind):
    """An application load balancer. Its natural name is its name; its id is its ARN.

    ``access_logs`` is ``{bucket, prefix}``, or empty for none.
    """

    name = "load_balancer"
    protection = "cloudfront_deletion_protection"
    waiter = Waiter(ready=frozenset({"active", "active_impaired"}), failed=frozenset({"failed"}), delay=10, timeout=900)
    next_step = (
        "see whether the public subnets have free addresses and a way to the internet, delete the load balancer, and run again"
    )
    fields = (
        Field("name", on_change="replace"),
        Field("scheme", on_change="replace"),
        Field("ip_address_type"),
        Field("subnets", unordered=True),
        Field("security_groups", unordered=True),
        *(Field(name) for name in ATTRIBUTES),
        Field("access_logs"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """All are listed with a page; tags and attributes are read of those that are desired or bear the environment's name."""
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        found = {item["LoadBalancerArn"]: item for item in self._list(view) if item["Type"] == "application"}
        ours = view.owner.environment + "-"
        near = [
            arn for arn, item in found.items() if item["LoadBalancerName"] in wanted or item["LoadBalancerName"].startswith(ours)
        ]
        tags = tags_of(view, near)
        kept = [arn for arn in tags if found[arn]["LoadBalancerName"] in wanted or view.owner.owns_in_tier(tags[arn])]
        for arn, attributes in zip(kept, view.api.map(lambda arn: self._attributes(view, arn), kept), strict=True):
            if attributes is None:
                continue
            resource = wanted.get(found[arn]["LoadBalancerName"])
            address = resource.address if resource else address_in(tags[arn], self.name, arn.rsplit("/", 2)[1])
            observed = self._observed(address, found[arn], attributes, tags[arn])
            if resource:
                self._check_replaceable(resource, observed)
            yield observed

    def find(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        for item in self._list(view):
            if item["LoadBalancerName"] in wanted:
                yield self._observed(wanted[item["LoadBalancerName"]], item, {}, None)

    def strangers(self, view: View) -> Iterable[Stranger]:
        yield from strangers(view, self, self._list(view), "LoadBalancerName", "LoadBalancerArn")

    @staticmethod
    def _list(view: View) -> list[dict[str, Any]]:
        return view.api.pages(CLIENT, "describe_load_balancers", "LoadBalancers")

    @staticmethod
    def _attributes(context: Context, arn: str) -> dict[str, str] | None:
        with tolerating("NotFound"):
            return attributes_of(context.api.client(CLIENT).describe_load_balancer_attributes(LoadBalancerArn=arn))
        return None

    @staticmethod
    def _check_replaceable(resource: Resource, observed: Observed) -> None:
        """Raises EngineError before anything is written where AWS would refuse the deletion that a replacement begins with."""
        scheme = resource.desired["scheme"]
        if observed.fields["deletion_protection"] and scheme != observed.fields["scheme"]:
            raise EngineError(
                f"{resource.address}: {resource.desired['name']} is {observed.fields['scheme']}, and AWS can make it {scheme} only "
                f"by replacing it, which its deletion protection forbids: {UNPROTECT}"
            )

    def _observed(
        self, address: str, item: Mapping[str, Any], attributes: Mapping[str, str], tags: dict[str, str] | None
    ) -> Observed:
        return Observed(
            address,
            item["LoadBalancerArn"],
            fields={
                "name": item["LoadBalancerName"],
                "scheme": item["Scheme"],
                "ip_address_type": item["IpAddressType"],
                "subnets": [zone["SubnetId"] for zone in item.get("AvailabilityZones") or ()],
                "security_groups": item.get("SecurityGroups") or [],
                **{field: read(attributes[key]) for field, (key, read) in ATTRIBUTES.items() if key in attributes},
                "access_logs": _logs(attributes),
            },
            attributes={
                "arn": item["LoadBalancerArn"],
                "name": item["LoadBalancerName"],
                "dns_name": item["DNSName"],
                "hosted_zone_id": item["CanonicalHostedZoneId"],
            },
            tags=tags,
            state=item["State"]["Code"],
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        """With its attributes, which do not wait for its being active."""
        desired, client = resource.desired, context.api.client(CLIENT)
        (item,) = client.create_load_balancer(
            Name=desired["name"],
            Subnets=desired["subnets"],
            SecurityGroups=desired["security_groups"],
            Scheme=desired["scheme"],
            Type="application",
            IpAddressType=desired["ip_address_type"],
            Tags=as_list(desired["tags"]),
        )["LoadBalancers"]
        values = self._written(desired, desired)
        answer = client.modify_load_balancer_attributes(LoadBalancerArn=item["LoadBalancerArn"], Attributes=as_attributes(values))
        made = self._observed(resource.address, item, attributes_of(answer), None)
        # What is still being made may not list them yet.
        made.fields.update({name: desired[name] for name in ("subnets", "security_groups")})
        return made

    @staticmethod
    def _written(desired: Mapping[str, Any], changed: Iterable[str]) -> dict[str, Any]:
        """Attribute -> value, for the fields among ``changed`` that are attributes."""
        names = set(changed)
        values = {
            key: desired[field] for field, (key, _read) in ATTRIBUTES.items() if field in names and desired.get(field) is not None
        }
        if "access_logs" in names and desired.get("access_logs") is not None:
            logs = desired["access_logs"]
            values[LOGS + "enabled"] = bool(logs)
            if logs:
                values.update({LOGS + "bucket": logs["bucket"], LOGS + "prefix": logs["prefix"]})
        return values

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, arn, desired = context.api.client(CLIENT), observed.id, resource.desired
        if "security_groups" in delta:
            client.set_security_groups(LoadBalancerArn=arn, SecurityGroups=desired["security_groups"])
        if "subnets" in delta:
            client.set_subnets(LoadBalancerArn=arn, Subnets=desired["subnets"])
        if "ip_address_type" in delta:
            client.set_ip_address_type(LoadBalancerArn=arn, IpAddressType=desired["ip_address_type"])
        values = self._written(desired, delta.changes)
        if values:
            client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=as_attributes(values))
        if "tags" in delta:
            write_tags(context, arn, delta["tags"])

    def unprotect(self, context: Context, observed: Observed) -> None:
        off = as_attributes({ATTRIBUTES["deletion_protection"][0]: False})
        with tolerating("NotFound"):
            context.api.client(CLIENT).modify_load_balancer_attributes(LoadBalancerArn=observed.id, Attributes=off)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Its listeners go with it."""
        with tolerating("NotFound"):
            context.api.client(CLIENT).delete_load_balancer(LoadBalancerArn=observed.id)

    def refresh(self, context: Context, observed: Observed) -> str | None:
        item = self._describe(context, observed)
        return item["State"]["Code"] if item else None

    def reason(self, context: Context, observed: Observed) -> str:
        item = self._describe(context, observed)
        return item["State"].get("Reason", "") if item else ""

    @staticmethod
    def _describe(context: Context, observed: Observed) -> dict[str, Any] | None:
        try:
            return context.api.client(CLIENT).describe_load_balancers(LoadBalancerArns=[observed.id])["LoadBalancers"][0]
        except Exception as error:
            if is_code(error, "NotFound"):
                return None
            raise


def _logs(attributes: Mapping[str, str]) -> dict[str, str]:
    if attributes.get(LOGS + "enabled") != "true":
        return {}
    return {"bucket": attributes.get(LOGS + "bucket", ""), "prefix": attributes.get(LOGS + "prefix", "")}
