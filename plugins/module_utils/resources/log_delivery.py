# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries of vended logs, as CloudFront's access logs are (its standard logging, version 2).

Facts: CloudWatch Logs API reference (PutDeliverySource, PutDeliveryDestination, CreateDelivery, UpdateDeliveryConfiguration) and
CloudFront developer guide ("Configure standard logging (v2)"): CloudFront's are configured in us-east-1, whichever region the
bucket is in. The path that a delivery is made with gets ``AWSLogs/<account>/CloudFront/`` before it, unless the destination names
a path itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..aws.errors import is_code, tolerating
from ..aws.retry import until
from ..aws.tags import address_in, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import Candidate, among, for_its_name, prefixes

CLIENT = "logs@us-east-1"
NOT_FOUND = "ResourceNotFoundException"


class _Delivering(Kind):
    """``listing``: the Describe operation and the key of its answer."""

    services = (CLIENT,)
    listing: ClassVar[tuple[str, str]]

    def named(self, view: View) -> dict[str, str]:
        """Natural name -> address, of what is desired."""
        return {resource.desired["name"]: resource.address for resource in view.resources}

    def name_of(self, item: Mapping[str, Any]) -> str:
        return item["name"]

    def observed(self, address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        raise NotImplementedError

    def observe(self, view: View) -> Iterable[Observed]:
        """All are listed with a page; tags are read of those that are desired or bear the deployment's name."""
        wanted, ours = self.named(view), f"{view.owner.deployment}-"
        items = view.api.pages(CLIENT, *self.listing)
        near = [item for item in items if self.name_of(item) in wanted or self.name_of(item).startswith(ours)]
        for item, tags in zip(near, view.api.map(lambda item: self._tags(view, item["arn"]), near), strict=True):
            name = self.name_of(item)
            if name in wanted or view.owner.owns_in_tier(tags):
                yield self.observed(wanted.get(name) or address_in(tags, self.name, name), item, tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        ours = [item for item in view.api.pages(CLIENT, *self.listing) if self.name_of(item).startswith(prefixes(view))]
        yield from among(
            view,
            self,
            [
                Candidate(self.name_of(item), item["arn"], for_its_name(view), lambda item=item: self._tags(view, item["arn"]))
                for item in ours
            ],
        )

    @staticmethod
    def _tags(view: View, arn: str) -> dict[str, str]:
        with tolerating(NOT_FOUND):
            return view.api.client(CLIENT).list_tags_for_resource(resourceArn=arn).get("tags") or {}
        return {}

    @staticmethod
    def write_tags(context: Context, observed: Observed, delta: Delta) -> None:
        if "tags" in delta:
            client, arn = context.api.client(CLIENT), observed.attributes["arn"]
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(resourceArn=arn, tags=to_set)
            if to_remove:
                client.untag_resource(resourceArn=arn, tagKeys=to_remove)


class DeliverySource(_Delivering):
    """What sends logs. Its natural name is its name. ``resource`` is an ARN."""

    name = "delivery_source"
    listing = ("describe_delivery_sources", "deliverySources")
    # CloudFront keeps a source of a distribution that is gone, inactive.
    within = ("distribution",)
    fields = (Field("name", on_change="replace"), Field("resource", on_change="replace"), Field("log_type", on_change="replace"))

    def observed(self, address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        resource = next(iter(item.get("resourceArns") or ()), None)
        fields = {"name": item["name"], "resource": resource, "log_type": item["logType"]}
        return Observed(address, item["name"], fields=fields, attributes={"arn": item["arn"]}, tags=tags)

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(CLIENT).put_delivery_source(
            name=desired["name"], resourceArn=desired["resource"], logType=desired["log_type"], tags=desired["tags"]
        )
        return self.observed(resource.address, answer["deliverySource"], None)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        self.write_tags(context, observed, delta)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        def call() -> None:
            with tolerating(NOT_FOUND):
                context.api.client(CLIENT).delete_delivery_source(name=observed.id)

        until(call, not_yet=lambda error: is_code(error, "ConflictException"))


class DeliveryDestination(_Delivering):
    """Where logs go. Its natural name is its name. ``target`` is the ARN of a bucket, with a path; ``format`` as the API has it."""

    name = "delivery_destination"
    listing = ("describe_delivery_destinations", "deliveryDestinations")
    fields = (Field("name", on_change="replace"), Field("target", on_change="replace"), Field("format", on_change="replace"))

    def observed(self, address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        target = item.get("deliveryDestinationConfiguration", {}).get("destinationResourceArn")
        fields = {"name": item["name"], "target": target, "format": item.get("outputFormat")}
        return Observed(address, item["name"], fields=fields, attributes={"arn": item["arn"]}, tags=tags)

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(CLIENT).put_delivery_destination(
            name=desired["name"],
            outputFormat=desired["format"],
            deliveryDestinationConfiguration={"destinationResourceArn": desired["target"]},
            tags=desired["tags"],
        )
        return self.observed(resource.address, answer["deliveryDestination"], None)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        self.write_tags(context, observed, delta)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        def call() -> None:
            with tolerating(NOT_FOUND):
                context.api.client(CLIENT).delete_delivery_destination(name=observed.id)

        until(call, not_yet=lambda error: is_code(error, "ConflictException"))


class Delivery(_Delivering):
    """The link of a source to a destination. It is known by the source's name; a source has one delivery to a kind of destination.

    ``resource``, ``target`` and ``format`` are those of its ends, which AWS can neither change nor delete while it stands: it is
    replaced with them.
    """

    name = "delivery"
    listing = ("describe_deliveries", "deliveries")
    observe_after = ("delivery_source", "delivery_destination")
    within = ("delivery_source", "delivery_destination")
    fields = (
        Field("source", on_change="replace"),
        Field("destination", on_change="replace"),
        Field("resource", on_change="replace"),
        Field("target", on_change="replace"),
        Field("format", on_change="replace"),
        Field("path", equal=lambda desired, observed: bool(observed) and (observed == desired or observed.endswith("/" + desired))),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """What its ends hold, from their own observations."""
        sources = {item.id: item.fields["resource"] for item in view.of("delivery_source").values()}
        destinations = {item.attributes["arn"]: item.fields for item in view.of("delivery_destination").values()}
        for observed in super().observe(view):
            end = destinations.get(observed.fields["destination"], {})
            observed.fields.update(
                resource=sources.get(observed.fields["source"]), target=end.get("target"), format=end.get("format")
            )
            yield observed

    def named(self, view: View) -> dict[str, str]:
        return {resource.options["source"]: resource.address for resource in view.resources}

    def name_of(self, item: Mapping[str, Any]) -> str:
        return item["deliverySourceName"]

    def observed(self, address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        fields = {
            "source": item["deliverySourceName"],
            "destination": item["deliveryDestinationArn"],
            "path": (item.get("s3DeliveryConfiguration") or {}).get("suffixPath"),
        }
        return Observed(address, item["id"], fields=fields, attributes={"arn": item["arn"]}, tags=tags)

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(CLIENT).create_delivery(
            deliverySourceName=desired["source"],
            deliveryDestinationArn=desired["destination"],
            s3DeliveryConfiguration={"suffixPath": desired["path"], "enableHiveCompatiblePath": False},
            tags=desired["tags"],
        )
        made = self.observed(resource.address, answer["delivery"], None)
        made.fields.update({name: desired[name] for name in ("resource", "target", "format")})
        return made

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "path" in delta:
            context.api.client(CLIENT).update_delivery_configuration(
                id=observed.id, s3DeliveryConfiguration={"suffixPath": delta["path"].new, "enableHiveCompatiblePath": False}
            )
        self.write_tags(context, observed, delta)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(NOT_FOUND):
            context.api.client(CLIENT).delete_delivery(id=observed.id)
