# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosted zones.

Facts: Route 53 API reference (CreateHostedZone takes no tags; ListHostedZones shows the caller reference that it was made with;
a zone can be deleted once it holds nothing but its own NS and SOA records).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in, as_dict, as_list, written
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError
from ...reconcile.ownership import DEPLOYMENT
from ...reconcile.resource import Block, Context, Kind, Observed, Resource, View

CLIENT = "route53"
TYPE = "hostedzone"
# The most that ListTagsForResources and ChangeTagsForResource take.
BATCH = 10
# The ends of what we put into a zone besides what it begins with: a proof of a certificate, which would not be missed, and aliases.
PROOF, CLOUDFRONT = ".acm-validations.aws", ".cloudfront.net"
FRONTS = (CLOUDFRONT, ".elb.amazonaws.com")
OWN_TYPES = ("NS", "SOA")


class HostedZone(Kind):
    """A public zone that we keep, or (looked up, with the option ``zone_id`` or by the domain) one that somebody else does.

    ``domain`` is the zone's name where we keep it, and a name within it where we look it up. A zone is tagged only after it was
    made, so the reference that it was made with tells ours too.
    """

    name = "hosted_zone"
    services = (CLIENT,)
    stateful = True
    plain = True
    observe_after = ("dns_record",)
    fields = (Field("domain", on_change="replace"), Field("comment"))

    def observe(self, view: View) -> Iterable[Observed]:
        zones = public_zones(view)
        tags = _tags(view, [zone["id"] for zone in zones])
        for resource in view.resources:
            for zone in zones:
                ours = self._ours(view, zone, tags.get(zone["id"], {}))
                if zone["domain"] == resource.desired["domain"] and not ours:
                    yield Observed(
                        resource.address,
                        zone["id"],
                        fields={"domain": zone["domain"], "comment": zone["comment"]},
                        attributes={"name_servers": []},
                        in_the_way=f"there is a public zone {zone['domain']} already, {zone['id']}, which this deployment did not "
                        "make: set cloudfront_manage_zone: false to use it, or delete it",
                    )
        records_of_ours = [item for item in view.of("dns_record").values() if not item.in_the_way]
        for zone in zones:
            mine = dict(tags.get(zone["id"], {}))
            if self._ours(view, zone, mine):
                # One whose making was cut off has no tags yet: what is known of it is whose it is.
                known = mine if view.owner.owns_in_tier(mine) else {**mine, DEPLOYMENT: view.owner.deployment}
                servers = name_servers(view, zone["id"])
                aliases = [item.fields for item in records_of_ours if item.fields["zone"] == zone["id"]]
                yield Observed(
                    address_in(mine, self.name, zone["domain"]),
                    zone["id"],
                    fields={
                        "domain": zone["domain"],
                        "comment": zone["comment"],
                        "aliases": sorted(f"{alias['name']} {alias['type']}" for alias in aliases),
                    },
                    attributes={"name_servers": servers},
                    tags=known,
                )

    def _ours(self, view: View, zone: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
        return view.owner.owns_in_tier(tags) or is_ours(view, zone)

    def find(self, view: View) -> Iterable[Observed]:
        zones = public_zones(view)
        for resource in view.resources:
            domain, zone_id = resource.desired["domain"], resource.options.get("zone_id")
            zone = zone_of(zones, domain, zone_id)
            if zone is None:
                raise EngineError(
                    f"platform_domain: {domain}: this account has no public hosted zone for it"
                    + (f" with the id {zone_id} of cloudfront_hosted_zone_id" if zone_id else "")
                    + ": make one and let the registrar name its servers, or set cloudfront_manage_zone: true"
                )
            yield Observed(resource.address, zone["id"], fields={"domain": zone["domain"]})

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(CLIENT).create_hosted_zone(
            Name=desired["domain"],
            # Not the same for ever: after a deletion Route 53 may remember it.
            CallerReference=reference(context) + uuid.uuid4().hex,
            HostedZoneConfig={"Comment": desired["comment"], "PrivateZone": False},
        )
        return Observed(
            resource.address,
            bare(answer["HostedZone"]["Id"]),
            fields={"domain": desired["domain"], "comment": desired["comment"]},
            attributes={"name_servers": sorted(answer["DelegationSet"]["NameServers"])},
            tags={},
        )

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client(CLIENT)
        if "tags" in delta:
            # All of them: those that are taken for granted after a cut-off may not be there.
            to_set, to_remove = delta["tags"].new, written(delta["tags"])[1]
            for start in range(0, len(to_set), BATCH):
                batch = dict(sorted(to_set.items())[start : start + BATCH])
                client.change_tags_for_resource(ResourceType=TYPE, ResourceId=observed.id, AddTags=as_list(batch))
            for start in range(0, len(to_remove), BATCH):
                client.change_tags_for_resource(
                    ResourceType=TYPE, ResourceId=observed.id, RemoveTagKeys=to_remove[start : start + BATCH]
                )
        if "comment" in delta:
            client.update_hosted_zone_comment(Id=observed.id, Comment=delta["comment"].new)

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        others = [record for record in records(context, observed.id) if not _expected(record, observed.fields)]
        if not others:
            return None
        names = sorted({_title(record) for record in others})
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return Block(
            f"the zone {observed.fields['domain']} holds records of others: {', '.join(names[:3])}{more}; delete them and run again"
        )

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NoSuchHostedZone"):
            context.api.client(CLIENT).delete_hosted_zone(Id=observed.id)


def name_servers(context: Context, zone_id: str) -> list[str]:
    with tolerating("NoSuchHostedZone"):
        return sorted(context.api.client(CLIENT).get_hosted_zone(Id=zone_id).get("DelegationSet", {}).get("NameServers") or ())
    return []


def public_zones(context: Context) -> list[dict[str, Any]]:
    """``{id, domain, comment, reference}`` of each public zone of the account."""
    listed = context.api.pages(CLIENT, "list_hosted_zones", "HostedZones")
    return [
        {
            "id": bare(zone["Id"]),
            "domain": plain(zone["Name"]),
            "comment": zone.get("Config", {}).get("Comment", ""),
            "reference": zone["CallerReference"],
        }
        for zone in listed
        if not zone.get("Config", {}).get("PrivateZone")
    ]


def zone_of(zones: Iterable[Mapping[str, Any]], domain: str, zone_id: str | None = None) -> Mapping[str, Any] | None:
    """The zone that answers for ``domain``: the one with the id, else the one with the longest name.

    Raises EngineError for a zone that does not hold the domain, and where two zones are alike.
    """
    zones = list(zones)
    if zone_id:
        chosen = next((zone for zone in zones if zone["id"] == zone_id), None)
        if chosen and not _within(domain, chosen["domain"]):
            raise EngineError(
                f"cloudfront_hosted_zone_id: {zone_id} is the zone of {chosen['domain']}, which does not hold platform_domain "
                f"{domain}"
            )
        return chosen
    fitting = sorted((zone for zone in zones if _within(domain, zone["domain"])), key=lambda zone: -len(zone["domain"]))
    if len(fitting) > 1 and fitting[0]["domain"] == fitting[1]["domain"]:
        raise EngineError(
            f"platform_domain: {domain}: {fitting[0]['id']} and {fitting[1]['id']} are both public zones of "
            f"{fitting[0]['domain']}: "
            "name the one to use by cloudfront_hosted_zone_id"
        )
    return fitting[0] if fitting else None


def records(context: Context, zone_id: str, below: str | None = None) -> list[dict[str, Any]]:
    """The record sets of a zone, or of ``below`` and what is within it: Route 53 lists by labels from the right."""
    client = context.api.client(CLIENT)
    found: list[dict[str, Any]] = []
    more: dict[str, Any] = {"StartRecordName": below} if below else {}
    with tolerating("NoSuchHostedZone"):
        while True:
            answer = client.list_resource_record_sets(HostedZoneId=zone_id, **more)
            for record in answer["ResourceRecordSets"]:
                if below and not _within(plain(record["Name"]), below):
                    return found
                found.append(record)
            if not answer.get("IsTruncated"):
                return found
            names = ("Name", "Type", "Identifier")
            more = {f"StartRecord{name}": answer[f"NextRecord{name}"] for name in names if answer.get(f"NextRecord{name}")}
    return found


def reference(context: Context) -> str:
    """What the caller references of our zones begin with."""
    return f"{context.owner.deployment}/{context.owner.tier}/"


def is_ours(context: Context, zone: Mapping[str, Any]) -> bool:
    """Whether this deployment made the zone."""
    return zone["reference"].startswith(reference(context))


def bare(zone_id: str) -> str:
    """The id without the ``/hostedzone/`` that most answers put before it."""
    return zone_id.rsplit("/", 1)[-1]


def plain(name: str) -> str:
    """A name as people write it: in lower case, without the dot at the end, with ``*`` for its escape."""
    return name.rstrip(".").lower().replace("\\052", "*")


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith("." + domain)


def _title(record: Mapping[str, Any]) -> str:
    return f"{plain(record['Name'])} {record['Type']}"


def _expected(record: Mapping[str, Any], zone: Mapping[str, Any]) -> bool:
    """Whether it goes with the zone: the zone's own, a certificate's proof, or an alias of ours, which ``zone`` (fields) lists."""
    if record["Type"] in OWN_TYPES and plain(record["Name"]) == zone["domain"]:
        return True
    if record["Type"] == "CNAME":
        return all(plain(item["Value"]).endswith(PROOF) for item in record.get("ResourceRecords") or ())
    return _title(record) in zone["aliases"]


def _tags(context: Context, zone_ids: list[str]) -> dict[str, dict[str, str]]:
    client = context.api.client(CLIENT)
    batches = [zone_ids[start : start + BATCH] for start in range(0, len(zone_ids), BATCH)]
    answers = context.api.map(
        lambda ids: client.list_tags_for_resources(ResourceType=TYPE, ResourceIds=ids)["ResourceTagSets"], batches
    )
    return {item["ResourceId"]: as_dict(item.get("Tags")) for answer in answers for item in answer}
