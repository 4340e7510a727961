# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of EC2 share: found by their ownership tags in one paginated call, tagged in the call that makes them.

Client tokens: botocore fills one in, new for each call, where the API's model asks for one. None is made of names, so as to be
the same in a later run: it would give back what has been deleted in the meantime.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from ...aws.errors import is_code, tolerating
from ...aws.tags import address_in, as_dict, owned_filter, specification, write_ec2_tags
from ...reconcile.delta import Delta
from ...reconcile.reference import Ref, resolve
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ...reconcile.unknown import UNKNOWN
from ..strangers import Candidate, among, in_vpc, own_vpcs
from .interfaces import delete_when_free


class Ec2Kind(Kind):
    """A kind that one Describe operation lists by tags.

    ``listing``: that operation, the key of its answer, the key of the id, and the parameter that takes ids. ``resource_type``: its
    name in TagSpecifications. A subclass says how an item of the answer reads (``values``, ``attributes``), and how one is made
    (``create``), changed (``modify``) and removed (``remove``).
    """

    services = ("ec2",)
    name_tag = True
    listing: ClassVar[tuple[str, str, str, str]]
    resource_type: ClassVar[str]
    filter_parameter: ClassVar[str] = "Filters"
    # The filter that finds those of a VPC; empty where there is none.
    vpc_filter: ClassVar[str] = ""
    # The fields that tell one from all others of its network, whatever its tags say; of a field with several values one suffices.
    place: ClassVar[tuple[str, ...]] = ()
    # The filter that finds the network interfaces which keep it from being deleted, where some may.
    interfaces_by: ClassVar[str] = ""

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """The kind's fields, of an item that EC2 described."""
        return {}

    def attributes(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def modify(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """Write the changed fields but the tags."""

    def remove(self, client: Any, observed: Observed) -> None:
        """Delete it. A NotFound error is taken care of."""
        raise NotImplementedError

    def broken(self, item: Mapping[str, Any]) -> str | None:
        """Why it cannot be used any more, where EC2 tells more than a state."""
        return None

    def observe(self, view: View) -> Iterable[Observed]:
        """What carries our tags; and, for what is desired and not among it, what stands in its place with other tags or without."""
        found = list(self.find(view))
        known = {item.address for item in found}
        missing = [resource for resource in view.resources if resource.address not in known]
        wanted = {resource.address for resource in view.resources}
        claimed = {item.id for item in found if item.address in wanted}
        placed = {
            item[self.listing[2]]: replace(self.observed(item), address=resource.address)
            for resource, item in (self.in_place_of(view, missing, claimed) if missing else ())
        }
        return [*(item for item in found if item.id not in placed), *placed.values()]

    def find(self, view: View) -> Iterable[Observed]:
        for item in self.items(view):
            yield self.observed(item)

    def in_place_of(
        self, view: View, missing: Sequence[Resource], claimed: Container[str]
    ) -> Iterable[tuple[Resource, Mapping[str, Any]]]:
        """What of the desired ones that no tags find stands all the same, known by its ``place``. ``claimed``: ids of others."""
        if self.place and view.of("vpc"):
            standing = self.in_networks(view, [vpc.id for vpc in view.of("vpc").values()])
            usable = [item for item in standing if not self.is_of_aws(item) and not self.is_failed(item)]
            yield from matched(self, view, missing, [item for item in usable if item[self.listing[2]] not in claimed])

    def in_networks(self, context: Context, vpcs: list[str]) -> list[dict[str, Any]]:
        """What is in these networks and is not on its way out."""
        operation, key, _id_key, _ids = self.listing
        filters = [{"Name": self.vpc_filter, "Values": sorted(vpcs)}]
        found = context.api.pages("ec2", operation, key, **{self.filter_parameter: filters})
        return [item for item in found if state_of(item) not in ("deleted", "deleting")]

    def is_failed(self, item: Mapping[str, Any]) -> bool:
        return bool(self.waiter) and state_of(item) in self.waiter.failed

    def items(self, view: View) -> list[dict[str, Any]]:
        """What carries our tags, without what is deleted: EC2 lists some of that for an hour."""
        operation, key, _id_key, _ids = self.listing
        found = view.api.pages("ec2", operation, key, **{self.filter_parameter: owned_filter(view.owner)})
        return [item for item in found if state_of(item) != "deleted"]

    def strangers(self, view: View) -> Iterable[Stranger]:
        """What is in our networks."""
        vpcs = own_vpcs(view)
        if not self.vpc_filter or not vpcs:
            return
        id_key, why = self.listing[2], in_vpc(" or ".join(vpcs))
        standing = [item for item in self.in_networks(view, vpcs) if not self.is_of_aws(item)]
        yield from among(view, self, [Candidate(item[id_key], item[id_key], why, as_dict(item.get("Tags"))) for item in standing])

    def is_of_aws(self, item: Mapping[str, Any]) -> bool:
        """Whether AWS made it by itself, and says so otherwise than by tags."""
        return False

    def observed(self, item: Mapping[str, Any]) -> Observed:
        """An item as the engine sees it.

        What is being deleted has to be waited for, whether another is to take its place or all is to go: until its end it holds
        what it stands in and on.
        """
        tags, identity, state = as_dict(item.get("Tags")), item[self.listing[2]], state_of(item)
        going = state == "deleting"
        return Observed(
            address_in(tags, self.name, identity),
            identity,
            fields=self.values(item),
            attributes=self.attributes(item),
            tags=tags,
            state=state,
            broken="it is being deleted" if going else self.broken(item),
            leaving=going and self.stateful,
        )

    def made(self, resource: Resource, item: Mapping[str, Any]) -> Observed:
        """What a Create operation answered."""
        return Observed(
            resource.address,
            item[self.listing[2]],
            fields=self.values(item),
            attributes=self.attributes(item),
            state=state_of(item),
        )

    def tagging(self, resource: Resource) -> list[dict[str, Any]]:
        return specification(self.resource_type, resource.desired["tags"])

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        self.modify(context, resource, observed, delta)
        if "tags" in delta:
            write_ec2_tags(context.api.client("ec2"), observed.id, delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        if observed.state == "deleting":
            return
        client = context.api.client("ec2")
        with tolerating("NotFound"):
            if self.interfaces_by:
                delete_when_free(context, observed, self.interfaces_by, lambda: self.remove(client, observed))
            else:
                self.remove(client, observed)

    def refresh(self, context: Context, observed: Observed) -> str | None:
        operation, key, _id_key, ids = self.listing
        try:
            found = getattr(context.api.client("ec2"), operation)(**{ids: [observed.id]})[key]
        except Exception as error:
            if is_code(error, "NotFound"):
                return None
            raise
        return state_of(found[0]) if found else None


def state_of(item: Mapping[str, Any]) -> str | None:
    """In lower case: endpoints' states are documented with capitals and answered without."""
    state = item.get("State")
    return state.lower() if state else None


def matched(
    kind: Ec2Kind, view: View, missing: Iterable[Resource], items: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """For each of ``missing`` one of ``items`` that stands in its place, none of them twice."""

    def lookup(ref: Ref) -> Any:
        standing = view.of(ref.address.split("/", 1)[0]).get(ref.address)
        return standing.value(ref.attribute) if standing else UNKNOWN

    free = {item[kind.listing[2]]: item for item in items}
    for resource in missing:
        wanted = {field: resolve(resource.desired.get(field), lookup) for field in kind.place}
        for identity, item in sorted(free.items()):
            values = kind.values(item)
            if all(_meet(wanted[field], values[field]) for field in kind.place):
                yield resource, free.pop(identity)
                break


def _meet(wanted: Any, standing: Any) -> bool:
    if isinstance(wanted, list):
        return any(value in (standing or ()) for value in wanted)
    return wanted is not None and wanted == standing


def at_least(desired: Any, observed: Any) -> bool:
    """For associations: others than the desired ones are left alone, since removing one would cut off what still stands."""
    return set(desired or ()) <= set(observed or ())
