# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Distributions.

Facts: CloudFront API reference (CreateDistributionWithTags, UpdateDistribution, DeleteDistribution) and developer guide. A change
takes the ETag of the last read and replaces the whole configuration; it is in force everywhere, and the next may follow, once the
status is Deployed. Only a disabled distribution can be deleted.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.tags import address_in, as_dict, as_list, written
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, View
from ...reconcile.waiter import Waiter, wait_ready
from ..origin_secret import CURRENT, OriginSecret, accepted_values, judge_sent
from . import config

CLIENT = "cloudfront"
GONE = "NoSuchDistribution"
CHANGED_MEANWHILE = ("PreconditionFailed", "InvalidIfMatchVersion")
STANDS = re.compile(r"Already exists: ([A-Z0-9]+)")
UNORDERED = ("aliases", "cache_behaviors", "error_responses")


class Distribution(Kind):
    """A distribution with one origin. It is known by the id of that origin, which is ours to choose and nobody's to change.

    ``sends`` is desired ``current``: whether the origin gets the secret's current value in the first of ``origin.headers``. The
    value is in no field. Options: ``secret``, the secret's name. It is never replaced.

    The caller reference is the deployment's, so that CloudFront itself refuses a second one, even to two runs at once. What it
    remembers of a deleted one is not documented, so a reference that only the dead use gets an addition.
    """

    name = "distribution"
    services = (CLIENT, *OriginSecret.services)
    observe_after = (OriginSecret.name,)
    within = ("certificate", "response_headers_policy", OriginSecret.name)
    waiter = Waiter(ready=frozenset({"Deployed"}), delay=15, timeout=2400, later=True)
    fields = (
        *(Field(name, unordered=name in UNORDERED) for name in config.FIELDS),
        Field("sends"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """The list tells origins and names; tags are read of what could be ours, and everything of what is."""
        names = {name for resource in view.resources for name in resource.desired["aliases"]}
        near = []
        for item in _list(view.api.client(CLIENT)):
            origins = {origin["Id"] for origin in config.items(item["Origins"])}
            if origin_id(view.owner.deployment) in origins or names & set(config.items(item.get("Aliases"))):
                near.append(item)
        found = view.api.map(lambda item: self._read(view, item), near)
        return [observed for observed in found if observed]

    def _read(self, view: View, item: Mapping[str, Any]) -> Observed | None:
        """A stranger that has one of our names stands in our way, under our address."""
        with tolerating(GONE):
            client = view.api.client(CLIENT)
            tags = as_dict(client.list_tags_for_resource(Resource=item["ARN"])["Tags"].get("Items"))
            distribution = client.get_distribution(Id=item["Id"])["Distribution"]
            address = view.resources[0].address if view.resources else address_in(tags, self.name, item["Id"])
            return self._observed(view, address, distribution, tags)
        return None

    def _observed(self, view: View, address: str, distribution: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        standing, origin = distribution["DistributionConfig"], origin_id(view.owner.deployment)
        fields = config.fields_of(standing, origin)
        header = next(iter((fields["origin"] or {}).get("headers") or ()), None)
        sent = config.sent_value(standing, origin, header) if header else None
        return Observed(
            address,
            distribution["Id"],
            fields={**fields, "sends": judge_sent(view, sent)},
            attributes=_attributes(distribution),
            tags=tags,
            state=distribution["Status"],
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        reference = context.owner.deployment
        try:
            distribution = self._create(context, resource, reference)
        except Exception as error:
            if not is_code(error, "DistributionAlreadyExists"):
                raise
            standing = self._standing(context, resource, error)
            if standing:
                return standing
            distribution = self._create(context, resource, f"{reference}-{uuid.uuid4().hex}")
        made = {name: resource.desired[name] for name in config.FIELDS}
        return Observed(
            resource.address,
            distribution["Id"],
            fields={**made, "sends": CURRENT},
            attributes=_attributes(distribution),
            state=distribution["Status"],
        )

    @staticmethod
    def _create(context: Context, resource: Resource, reference: str) -> dict[str, Any]:
        values = config.written(resource.desired, *_header(context, resource))
        return context.api.client(CLIENT).create_distribution_with_tags(
            DistributionConfigWithTags={
                "DistributionConfig": {"CallerReference": reference, **values},
                "Tags": {"Items": as_list(resource.desired["tags"])},
            }
        )["Distribution"]

    @staticmethod
    def _standing(context: Context, resource: Resource, error: Exception) -> Observed | None:
        """The one that CloudFront says has our reference, as something of which everything has to be written; None for a dead "
        "one."""
        client, said = context.api.client(CLIENT), STANDS.search(str(error))
        with tolerating(GONE):
            if said:
                distribution = client.get_distribution(Id=said[1])["Distribution"]
                tags = as_dict(client.list_tags_for_resource(Resource=distribution["ARN"])["Tags"].get("Items"))
                if not context.owner.owns(tags):
                    raise error
                state = distribution["Status"]
                return Observed(resource.address, said[1], attributes=_attributes(distribution), tags=tags, state=state)
        return None

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "tags" in delta:
            client, arn = context.api.client(CLIENT), observed.attributes["arn"]
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(Resource=arn, Tags={"Items": as_list(to_set)})
            if to_remove:
                client.untag_resource(Resource=arn, TagKeys={"Items": to_remove})
        if any(name != "tags" for name in delta.changes):
            header = _header(context, resource)
            self._write(context, observed.id, lambda standing: config.written(resource.desired, *header, standing))

    @staticmethod
    def _write(context: Context, distribution: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> str:
        """Write what ``change`` makes of the configuration; once more when somebody else was faster. Returns the new ETag."""
        client = context.api.client(CLIENT)

        def attempt() -> str:
            answer = client.get_distribution_config(Id=distribution)
            wanted = change(answer["DistributionConfig"])
            return client.update_distribution(Id=distribution, IfMatch=answer["ETag"], DistributionConfig=wanted)["ETag"]

        try:
            return attempt()
        except Exception as error:
            if not is_code(error, *CHANGED_MEANWHILE):
                raise
            return attempt()

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Disable it, wait until that is so everywhere, and delete it."""
        client = context.api.client(CLIENT)
        with tolerating(GONE):
            if client.get_distribution_config(Id=observed.id)["DistributionConfig"]["Enabled"]:
                self._write(context, observed.id, lambda standing: {**standing, "Enabled": False})
            wait_ready(
                self.waiter,
                observed.address,
                lambda: self.refresh(context, observed) or "Deployed",
                context.progress,
                lambda state: f"{observed.address} ended in state {state}",
            )
            client.delete_distribution(Id=observed.id, IfMatch=client.get_distribution_config(Id=observed.id)["ETag"])

    def refresh(self, context: Context, observed: Observed) -> str | None:
        with tolerating(GONE):
            return context.api.client(CLIENT).get_distribution(Id=observed.id)["Distribution"]["Status"]
        return None


def origin_id(deployment: str) -> str:
    """What the one origin of a deployment's distribution is called."""
    return f"{deployment}-alb"


def _list(client: Any) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator("list_distributions").paginate():
        yield from page["DistributionList"].get("Items") or ()


def _header(context: Context, resource: Resource) -> tuple[str, str]:
    """Name and value of the header."""
    return resource.desired["origin"]["headers"][0], accepted_values(context, resource.options["secret"])[0]


def _attributes(distribution: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "arn": distribution["ARN"],
        "dns_name": distribution["DomainName"],
        "hosted_zone_id": config.HOSTED_ZONE,
        "url": f"https://{(config.items(distribution['DistributionConfig'].get('Aliases')) or [distribution['DomainName']])[0]}",
    }
