"""Patches to Route 53."""

from __future__ import annotations

import copy
import ipaddress
import sys
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.route53.exceptions import Route53ClientError
from moto.route53.models import FakeZone, RecordSet, Route53Backend
from moto.route53.responses import Route53

from local_aws.patches import patch, replace, wrap
from local_aws.patches.alias_zones import CLOUDFRONT_ZONE, LOAD_BALANCER_ZONES
from local_aws.transitions import now, settled

KIND = "dns_change"


def error(code: str, message: str) -> Route53ClientError:
    """A Route 53 error, to raise."""
    return Route53ClientError(code, message)


def normal(name: str) -> str:
    """A DNS name as Route 53 stores it: lower case, with its last dot, a star escaped."""
    return name.lower().rstrip(".").replace("*", "\\052") + "."


def standing_since(account: str, name: str, value: str) -> float | None:
    """Since when (by `transitions.now`) a public hosted zone of the account answers `name` with this CNAME; None: not at all."""
    from moto.route53.models import route53_backends

    for zone in route53_backends[account]["aws"].zones.values():
        for record in () if zone.private_zone else zone.rrsets:
            if (record.name, record.type) == (normal(name), "CNAME") and [normal(item) for item in record.records] == [
                normal(value)
            ]:
                return record.changed_at
    return None


@patch
def changes_are_exact() -> None:
    """AWS applies a batch whole or not at all, and refuses (InvalidChangeBatch): to create what is there, to delete what is not
    there or differs, a name outside the zone, a CNAME at the apex or beside other records, an alias whose target does not exist,
    the loss of the zone's own NS and SOA. Names come back in lower case, with a last dot and `\\052` for a star. moto applies
    changes one by one, and compares deletions with past changes, not with what stands."""

    @wrap(RecordSet, "__init__")
    def init(original: Any, self: Any, kwargs: dict[str, Any]) -> None:
        original(self, kwargs)
        self.changed_at = now()

    @replace(Route53, "change_resource_record_sets")
    def change_resource_record_sets(self: Any) -> ActionResult:
        zone = self.backend.get_hosted_zone(self._get_param("HostedZoneId"))
        _settle_certificates(self.current_account)
        records = {_key(record): record for record in zone.rrsets}
        for change in self._get_param("ChangeBatch.Changes"):
            wanted = _checked(self.backend, zone, change)
            _apply(records, change["Action"], wanted)
        _check_zone(zone, records)
        zone.rrsets = list(records.values())
        return ActionResult({"ChangeInfo": _changed(self.backend, self._get_param("ChangeBatch.Comment"))})


@patch
def changes_take_time() -> None:
    """AWS answers every change with an id of its own that is PENDING, then INSYNC, and refuses an unknown one (NoSuchChange). moto
    answers INSYNC under one fixed id, to anything."""

    @replace(Route53, "get_change")
    def get_change(self: Any) -> ActionResult:
        known = _changes(self.backend)
        identifier = self._get_param("Id").rsplit("/", 1)[-1]
        if identifier not in known:
            raise error("NoSuchChange", f"Could not find resource with ID: {identifier}")
        return ActionResult({"ChangeInfo": _shown(identifier, known[identifier])})

    for operation in ("create_hosted_zone", "delete_hosted_zone"):

        @wrap(Route53, operation)
        def with_id(original: Any, self: Any) -> ActionResult:
            answer = original(self)
            answer.result["ChangeInfo"] = _changed(self.backend, None)
            return answer


@patch
def zones() -> None:
    """AWS takes a caller reference once (HostedZoneAlreadyExists), stores names in lower case, drops a zone's tags with the zone,
    and lists zones by name from a name on, in pages. moto takes it again, keeps the tags for the next zone, and finds by name only
    the zone of that very name."""

    @wrap(Route53Backend, "create_hosted_zone")
    def create_hosted_zone(original: Any, self: Any, name: str, private_zone: bool, **kwargs: Any) -> FakeZone:
        reference = kwargs.get("caller_reference")
        if any(zone.caller_reference == reference for zone in self.zones.values()):
            message = "A hosted zone has already been created with the specified caller reference."
            raise error("HostedZoneAlreadyExists", message)
        zone = original(self, normal(name), private_zone, **kwargs)
        for record in zone.rrsets:
            record.records = [item["Value"] if isinstance(item, dict) else item.rstrip(".") + "." for item in record.records]
        return zone

    @wrap(Route53Backend, "delete_hosted_zone")
    def delete_hosted_zone(original: Any, self: Any, id_: str) -> Any:
        zone = original(self, id_)
        self.resource_tags.pop(zone.resource_id, None)
        return zone

    @wrap(Route53, "list_tags_for_resource")
    def list_tags_for_resource(original: Any, self: Any) -> ActionResult:
        _check_tagged(self, [self._get_param("ResourceId")])
        return original(self)

    @wrap(Route53, "list_tags_for_resources")
    def list_tags_for_resources(original: Any, self: Any) -> ActionResult:
        _check_tagged(self, self._get_param("ResourceIds"))
        return original(self)

    @replace(Route53, "list_hosted_zones_by_name")
    def list_hosted_zones_by_name(self: Any) -> ActionResult:
        name, identifier = self._get_param("DNSName"), self._get_param("HostedZoneId")
        first = (_reversed(normal(name)), identifier or "") if name else ([], "")
        every = sorted(self.backend.zones.values(), key=_place)
        found = [zone for zone in every if _place(zone) >= first]
        limit = int(self._get_param("MaxItems") or 100)
        answer = {"HostedZones": found[:limit], "IsTruncated": len(found) > limit, "MaxItems": str(limit)}
        if name:
            answer["DNSName"] = normal(name)
        if len(found) > limit:
            answer.update(NextDNSName=found[limit].name, NextHostedZoneId=found[limit].resource_id)
        return ActionResult(answer)


def _check_tagged(response: Any, identifiers: list[str]) -> None:
    if len(identifiers) > 10:
        raise error("InvalidInput", "At most 10 resources can be asked for at once.")
    if response._get_param("ResourceType") == "hostedzone":
        for identifier in identifiers:
            response.backend.get_hosted_zone(identifier)


def _key(record: RecordSet) -> tuple[Any, ...]:
    return record.name, record.type, record.set_identifier


def _place(zone: FakeZone) -> tuple[list[str], str]:
    return _reversed(zone.name), zone.resource_id


def _reversed(name: str) -> list[str]:
    return list(reversed(name.rstrip(".").split(".")))


def _checked(backend: Any, zone: FakeZone, change: dict[str, Any]) -> RecordSet:
    given = copy.deepcopy(change["ResourceRecordSet"])
    given["Name"] = name = normal(given["Name"])
    alias, records, kind = given.get("AliasTarget"), given.get("ResourceRecords"), given["Type"]
    if bool(alias) == bool(records and given.get("TTL") is not None):
        found = "more than one" if alias else "none"
        found += f" in Change with [Action={change['Action']}, Name={name}, Type={kind}, SetIdentifier=null]"
        wanted = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
        raise error("InvalidInput", f"Invalid request: Expected exactly one of {wanted}, but found {found}")
    if name != zone.name and not name.endswith(f".{zone.name}"):
        raise _batch(f"RRSet with DNS name {name} is not permitted in zone {zone.name}")
    if kind == "CNAME" and name == zone.name:
        raise _batch(f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone.name}")
    given["ResourceRecords"] = [item["Value"] for item in records or ()]
    for value in given["ResourceRecords"]:
        if kind == "TXT" and not (value.startswith('"') and value.endswith('"')):
            raise _batch(
                "Invalid Resource Record: 'FATAL problem: InvalidCharacterString (Value should be enclosed in quotation marks)'"
            )
        if kind in ("A", "AAAA") and not _is_address(value, 4 if kind == "A" else 6):
            raise _batch(f"Invalid Resource Record: 'FATAL problem: ARRDATAIllegalAddress' encountered with '{value}'")
    if alias:
        alias["DNSName"] = normal(alias["DNSName"])
        if change["Action"] != "DELETE":
            _check_alias(backend, zone, name, kind, alias)
    return RecordSet(given)


def _is_address(value: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _check_alias(backend: Any, zone: FakeZone, name: str, kind: str, alias: dict[str, Any]) -> None:
    target, where = alias["DNSName"].rstrip("."), alias["HostedZoneId"]
    tried = f"Tried to create an alias that targets {target}., type {kind} in zone {where}"
    if where == CLOUDFRONT_ZONE:
        from moto.cloudfront.models import cloudfront_backends

        if alias["EvaluateTargetHealth"]:
            raise error("InvalidInput", "EvaluateTargetHealth cannot be true for an alias to a CloudFront distribution.")
        distributions = cloudfront_backends[backend.account_id]["aws"].distributions.values()
        known = [item.domain_name for item in distributions if _unescaped(name) in (item.config["Aliases"].get("Items") or ())]
    elif where in LOAD_BALANCER_ZONES.values():
        from moto.elbv2.models import elbv2_backends

        region = next(region for region, identifier in LOAD_BALANCER_ZONES.items() if identifier == where)
        known = [item.dns_name.lower() for item in elbv2_backends[backend.account_id][region].load_balancers.values()]
        target = target.removeprefix("dualstack.")
    elif where == zone.resource_id:
        known = [record.name.rstrip(".") for record in zone.rrsets if record.type == kind]
    else:
        return  # another service's zone
    if target not in known:
        raise _batch(f"{tried}, but that target was not found")


def _unescaped(name: str) -> str:
    return name.rstrip(".").replace("\\052", "*")


def _apply(records: dict[tuple[Any, ...], RecordSet], action: str, wanted: RecordSet) -> None:
    key, called = _key(wanted), f"[name='{wanted.name}', type='{wanted.type}'"
    called += f", set-identifier='{wanted.set_identifier}']" if wanted.set_identifier else "]"
    if action == "CREATE" and key in records:
        raise _batch(f"Tried to create resource record set {called} but it already exists")
    if action == "DELETE":
        if key not in records:
            raise _batch(f"Tried to delete resource record set {called} but it was not found")
        if _content(records.pop(key)) != _content(wanted):
            raise _batch(f"Tried to delete resource record set {called} but the values provided do not match the current values")
        return
    for name, kind, _ in records:
        if name == wanted.name and kind != wanted.type and "CNAME" in (kind, wanted.type):
            raise _batch(f"RRSet of type {wanted.type} with DNS name {name} is not permitted as it conflicts with other records")
    records[key] = wanted


def _content(record: RecordSet) -> tuple[Any, ...]:
    ttl = None if record.ttl is None else int(record.ttl)
    return ttl, sorted(record.records or ()), record.alias_target, record.weight, record.region, record.failover


def _check_zone(zone: FakeZone, records: dict[tuple[Any, ...], RecordSet]) -> None:
    for kind in ("NS", "SOA"):
        if (zone.name, kind, None) not in records:
            raise _batch(f"A HostedZone must contain at least one {kind} record for the zone itself.")


def _batch(message: str) -> Route53ClientError:
    return error("InvalidChangeBatch", f"[{message}]")


def _changes(backend: Any) -> dict[str, Any]:
    return backend.__dict__.setdefault("_local_changes", {})


def _changed(backend: Any, comment: str | None) -> dict[str, Any]:
    identifier = "C" + mock_random.get_random_hex(20).upper()
    _changes(backend)[identifier] = {"at": now(), "SubmittedAt": utcnow(), "Comment": comment}
    return _shown(identifier, _changes(backend)[identifier])


def _shown(identifier: str, change: dict[str, Any]) -> dict[str, Any]:
    status = "INSYNC" if settled(KIND, change["at"]) else "PENDING"
    return {"Id": f"/change/{identifier}", "Status": status, "SubmittedAt": change["SubmittedAt"], "Comment": change["Comment"]}


def _settle_certificates(account: str) -> None:
    """A certificate that was issued stays so when its record goes: look before the records change."""
    acm = sys.modules.get("moto.acm.models")
    for backend in acm.acm_backends[account].values() if acm else ():
        for certificate in backend._certificates.values():
            certificate.check()
