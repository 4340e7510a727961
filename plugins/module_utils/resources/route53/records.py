# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of a hosted zone: aliases of what AWS keeps, and the proofs that certificates wait for.

Facts: Route 53 API reference (ChangeResourceRecordSets) and developer guide ("Choosing between alias and non-alias records").
Records carry no tags: ours are known by their names, and by pointing to what is ours to point to.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...aws.errors import says, tolerating
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Block, Context, Kind, Observed, Resource, View
from ...reconcile.waiter import Waiter, wait_ready
from .. import acm
from .zones import CLIENT, CLOUDFRONT, FRONTS, is_ours, name_servers, plain, public_zones, records, zone_of

PROOF_TTL = 300
# The type of a record that leaves no room for others of its name.
BESIDE_NOTHING = "CNAME"
# Seconds to wait for a certificate in a zone of ours: ACM takes minutes once the zone is delegated, and a person who does that
# needs to know its servers, which the first run tells.
UNDELEGATED = 900


def canonical_name(name: str) -> str:
    """The console writes ``dualstack.`` before a load balancer's name, and Route 53 answers with a dot at the end."""
    return plain(name).removeprefix("dualstack.")


def canonical_target(target: Mapping[str, Any]) -> dict[str, Any]:
    return {**target, "dns_name": canonical_name(target["dns_name"])}


def zone_for(view: View, zones: list[dict[str, Any]], domain: str, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The one of ``zones`` that holds ``domain``. Options: ``zone_id``; ``own_zone``, for one of ours, which may not exist yet."""
    if options.get("own_zone"):
        zones = [zone for zone in zones if is_ours(view, zone)]
    return zone_of(zones, domain, options.get("zone_id"))


@contextmanager
def passing_over_gone() -> Iterator[None]:
    """Route 53 refuses to delete a record that is not there, by a code that stands for much else."""
    try:
        with tolerating("NoSuchHostedZone"):
            yield
    except Exception as error:
        if not says(error, "not found"):
            raise


def _at(wanted: Mapping[tuple[str, str], Resource], record: Mapping[str, Any]) -> list[Resource]:
    """Those that cannot be while the record is, unless it is them."""
    name, kind = plain(record["Name"]), record["Type"]
    return [
        resource for place, resource in wanted.items() if place == (name, kind) or (place[0] == name and kind == BESIDE_NOTHING)
    ]


class DnsRecord(Kind):
    """An alias. ``target`` is ``{dns_name, zone_id}`` of a distribution or load balancer.

    Options: those of ``zone_for``; ``load_balancer``, the name of ours.

    A record that stands under a desired name already is ours in a zone of ours, and elsewhere when it points to what is ours; any
    other is somebody else's, and in the way. Under any other name one is ours only in a zone of ours and when it points to what is
    ours. A load balancer that is gone is known by its name, which in a zone of others is not enough for a deletion; of a
    distribution that is gone nothing tells whose it was.
    """

    name = "dns_record"
    services = (CLIENT,)
    tagged = False
    observe_after = ("distribution", "load_balancer")
    # First the name goes, then what it points to: a name that points to nothing can be taken over.
    within = ("hosted_zone", "distribution", "load_balancer")
    fields = (
        Field("zone", on_change="replace"),
        Field("name", on_change="replace"),
        Field("type", on_change="replace"),
        Field("target", canonical=canonical_target),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        zones = public_zones(view)
        wanted = {(resource.desired["name"], resource.desired["type"]): resource for resource in view.resources}
        if view.resources:
            first = min((name for name, _type in wanted), key=len)
            zone = zone_for(view, zones, first, view.resources[0].options)
            listed = records(view, zone["id"], first) if zone else []
            for record in listed:
                for resource in _at(wanted, record):
                    found = self._observed(resource.address, zone["id"], record)
                    found.in_the_way = self._whose(view, zone, record, resource)
                    found.fields["proven"] = is_ours(view, zone) or self._target_of(record) in self._targets(view)
                    yield found
        if view.thorough:
            yield from self._forgotten(view, zones, wanted)

    def _whose(self, view: View, zone: Mapping[str, Any], record: Mapping[str, Any], resource: Resource) -> str | None:
        """Why it is somebody else's; None: it is ours."""
        target = self._target_of(record)
        alone = record["Type"] == BESIDE_NOTHING
        if not alone and (target in self._targets(view) or (target.endswith(FRONTS) and is_ours(view, zone))):
            return None
        if not alone and _names_load_balancer(target, resource.options["load_balancer"], view.api.region):
            return None
        points = target or ", ".join(item["Value"] for item in record.get("ResourceRecords") or ())
        if target.endswith(FRONTS):
            points += ", which is no distribution or load balancer of this deployment"
        if target.endswith(CLOUDFRONT):
            points += " (it may have been one that is deleted, of which nothing tells whose it was)"
        return (
            f"platform_domain: {plain(record['Name'])} has a record of type {record['Type']} already, which points to {points}: "
            "delete it to hand the name over, or use another domain"
        )

    def _forgotten(self, view: View, zones: list[dict[str, Any]], wanted: Container[tuple[str, str]]) -> Iterator[Observed]:
        """Aliases of what is ours, in zones of ours, under names that are no longer in the configuration."""
        targets, balancers = self._targets(view), [resource.desired["name"] for resource in view.desired("load_balancer")]
        for zone in zones:
            for record in records(view, zone["id"]) if is_ours(view, zone) else ():
                name, target = (plain(record["Name"]), record["Type"]), self._target_of(record)
                ours = target in targets or any(_names_load_balancer(target, balancer, view.api.region) for balancer in balancers)
                if ours and name not in wanted:
                    yield self._observed(f"{self.name}/{'-'.join(name)}", zone["id"], record)

    @staticmethod
    def _target_of(record: Mapping[str, Any]) -> str:
        """Empty for one that is no alias."""
        return canonical_name(record.get("AliasTarget", {}).get("DNSName", ""))

    @staticmethod
    def _targets(view: View) -> set[str]:
        """The names of our distributions and load balancers, as a record may point to them."""
        fronts = [item for kind in ("distribution", "load_balancer") for item in view.of(kind).values()]
        return {canonical_name(item.attributes["dns_name"]) for item in fronts if view.owner.owns_in_tier(item.tags or {})}

    @staticmethod
    def _observed(address: str, zone_id: str, record: Mapping[str, Any]) -> Observed:
        """Of one that is no alias the target is what it says."""
        name, kind = plain(record["Name"]), record["Type"]
        says = ", ".join(item["Value"] for item in record.get("ResourceRecords") or ())
        alias = record.get("AliasTarget") or {"DNSName": says, "HostedZoneId": ""}
        return Observed(
            address,
            f"{zone_id}/{name}/{kind}",
            fields={
                "zone": zone_id,
                "name": name,
                "type": kind,
                "target": {"dns_name": alias["DNSName"], "zone_id": alias["HostedZoneId"]},
            },
            attributes={"name": name},
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        record = self._change(context, "UPSERT", resource.desired["zone"], resource.desired)
        return self._observed(resource.address, resource.desired["zone"], record)

    @staticmethod
    def _change(context: Context, action: str, zone_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        target = fields["target"]
        alias = {"HostedZoneId": target["zone_id"], "DNSName": target["dns_name"], "EvaluateTargetHealth": False}
        record = {"Name": fields["name"], "Type": fields["type"], "AliasTarget": alias}
        change(context, action, zone_id, record)
        return record

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        self._change(context, "UPSERT", observed.fields["zone"], resource.desired)

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        """A name is enough to go on using a record, and not to delete it in a zone of others."""
        if observed.fields.get("proven", True):
            return None
        return Block(
            f"it is in a zone of others and points to {canonical_name(observed.fields['target']['dns_name'])}, which is no load "
            "balancer of this deployment any more, if it ever was; delete it by hand if it is not in use",
            alone=True,
        )

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with passing_over_gone():
            self._change(context, "DELETE", observed.fields["zone"], observed.fields)


def _names_load_balancer(dns_name: str, name: str, region: str) -> bool:
    """Whether it is one that a load balancer of that name has or had."""
    pattern = rf"(internal-)?{re.escape(name.lower())}-\d+\.{re.escape(region)}\.elb\.amazonaws\.com"
    return re.fullmatch(pattern, dns_name) is not None


class CertificateValidation(Kind):
    """The record that proves a certificate's domain; it is ready once the certificate is issued.

    Options: ``certificate``, the certificate's address, and those of ``zone_for``.

    ``certificate`` is an ARN. Of a certificate that is no longer in the configuration the record is known too.
    """

    name = "certificate_validation"
    services = (CLIENT, *acm.Certificate.services)
    tagged = False
    observe_after = ("certificate",)
    within = ("hosted_zone", "certificate")
    waiter = Waiter(
        ready=frozenset({acm.ISSUED}),
        stuck=frozenset({*acm.NEVER_ISSUED, *acm.ENDED}),
        await_deletion=False,
        delay=10,
        timeout=1800,
    )
    next_step = "see that the registrar names the zone's servers (dig NS), that no CAA record keeps Amazon out, and run again"
    fields = (
        Field("zone", on_change="replace"),
        Field("record_name", on_change="replace", canonical=plain),
        Field("record_value", canonical=plain),
        Field("certificate"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.options["certificate"]: resource for resource in view.resources}
        known = {
            address: item
            for address, item in view.of("certificate").items()
            if item.attributes.get("validation_name") and (view.thorough or address in wanted)
        }
        zones = public_zones(view) if known else []
        listed: dict[str, tuple[str, dict[str, Any]]] = {}
        for address, certificate in sorted(known.items(), key=lambda pair: len(pair[1].attributes["domain"])):
            domain, name = certificate.attributes["domain"], plain(certificate.attributes["validation_name"])
            resource = wanted.get(address)
            if not any(domain.endswith("." + read) for read in listed):
                listed[domain] = self._read(view, zones, domain, resource.options if resource else {})
            zone_id, found = listed[min((root for root in listed if domain == root or domain.endswith("." + root)), key=len)]
            if name in found:
                yield self._observed(
                    resource.address if resource else f"{self.name}/{address.split('/', 1)[1]}",
                    zone_id,
                    certificate.attributes["validation_name"],
                    found[name]["ResourceRecords"][0]["Value"],
                    certificate.id,
                    self._status(view, certificate.id),
                )

    @staticmethod
    def _read(view: View, zones: list[dict[str, Any]], domain: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The zone of a domain, and the CNAME records in and below it by name."""
        zone = zone_for(view, zones, domain, options)
        if zone is None:
            return "", {}
        found = records(view, zone["id"], domain)
        return zone["id"], {plain(record["Name"]): record for record in found if record["Type"] == "CNAME"}

    def _observed(self, address: str, zone_id: str, name: str, value: str, certificate: str, status: str | None) -> Observed:
        return Observed(
            address,
            f"{zone_id}/{plain(name)}/CNAME",
            fields={"zone": zone_id, "record_name": name, "record_value": value, "certificate": certificate},
            attributes={"certificate": certificate},
            state=status,
        )

    @staticmethod
    def _status(context: Context, certificate: str) -> str | None:
        described = acm.describe(context, certificate.split(":")[3], certificate)
        return described["Status"] if described else None

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        self._change(context, "UPSERT", desired)
        names = (desired["zone"], desired["record_name"], desired["record_value"], desired["certificate"])
        return self._observed(resource.address, *names, None)

    @staticmethod
    def _change(context: Context, action: str, fields: Mapping[str, Any]) -> None:
        record = {
            "Name": fields["record_name"],
            "Type": "CNAME",
            "TTL": PROOF_TTL,
            "ResourceRecords": [{"Value": fields["record_value"]}],
        }
        change(context, action, fields["zone"], record)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        self._change(context, "UPSERT", resource.desired)
        observed.attributes["certificate"] = resource.desired["certificate"]

    def blocks_delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Block | None:
        others = self._others(context, observed)
        if not others:
            return None
        return Block(
            f"{' and '.join(others)}, which this tier did not make, is proved by the same record {observed.fields['record_name']}, "
            "and is renewed by it",
            alone=True,
        )

    @staticmethod
    def _others(context: Context, observed: Observed) -> list[str]:
        """Certificates of others that need the record; a zone of ours is nobody else's to rely on."""
        if _zone_of_ours(context, observed.fields["zone"]):
            return []
        return acm.proved_for_others(context, observed.fields["record_name"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """A record that others need stays: one that is replaced has not been asked for before."""
        if not self._others(context, observed):
            with passing_over_gone():
                self._change(context, "DELETE", observed.fields)

    def wait_ready(self, context: Context, observed: Observed) -> None:
        """In a zone of ours, which somebody has to delegate first, for less long, and naming its servers meanwhile."""
        servers = self._servers(context, observed)

        def progress(address: str, state: str, seconds: float) -> None:
            context.progress(address, f"{state}; {servers}" if servers else state, seconds)

        wait_ready(
            replace(self.waiter, timeout=UNDELEGATED) if servers else self.waiter,
            observed.address,
            lambda: self.refresh(context, observed),
            progress,
            lambda state: self._failure(context, observed, state),
        )

    @staticmethod
    def _servers(context: Context, observed: Observed) -> str:
        """What a person has to do about a zone of ours; empty for one of others."""
        zone = _zone_of_ours(context, observed.fields["zone"])
        if zone is None:
            return ""
        named = ", ".join(name_servers(context, zone["id"]))
        return f"the registrar, or who keeps the domain above, has to name as servers of {zone['domain']}: {named}"

    def refresh(self, context: Context, observed: Observed) -> str | None:
        return self._status(context, observed.attributes["certificate"])

    def reason(self, context: Context, observed: Observed) -> str:
        arn = observed.attributes["certificate"]
        described = acm.describe(context, arn.split(":")[3], arn)
        if described and described["Status"] == acm.PENDING:
            return self._servers(context, observed)
        return acm.failure(described) if described else ""


def _zone_of_ours(context: Context, zone_id: str) -> Mapping[str, Any] | None:
    return next((zone for zone in public_zones(context) if zone["id"] == zone_id and is_ours(context, zone)), None)


def change(context: Context, action: str, zone_id: str, record: Mapping[str, Any]) -> None:
    context.api.client(CLIENT).change_resource_record_sets(
        HostedZoneId=zone_id, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    )
