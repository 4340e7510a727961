# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate Manager: public certificates, proved by a record in the domain's zone.

Facts: ACM API reference (RequestCertificate, DescribeCertificate, DeleteCertificate) and user guide ("DNS validation",
"Troubleshooting"). CloudFront takes certificates of us-east-1 alone. The record that proves a domain is the same for every
certificate of it in an account, and has to stay, since ACM renews by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..aws.errors import is_code, tolerating
from ..aws.retry import until
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, View

EDGE = "us-east-1"
EDGE_CLIENT = f"acm@{EDGE}"
ISSUED, PENDING = "ISSUED", "PENDING_VALIDATION"
NEVER_ISSUED = ("FAILED", "VALIDATION_TIMED_OUT")
ENDED = ("EXPIRED", "REVOKED", "INACTIVE")
GONE = "ResourceNotFoundException"
# ListCertificates leaves out all but RSA keys of up to 2048 bits unless they are named.
KEY_TYPES = (
    *(f"RSA_{bits}" for bits in (1024, 2048, 3072, 4096)),
    *(f"EC_{curve}" for curve in ("prime256v1", "secp384r1", "secp521r1")),
)


class Certificate(Kind):
    """A certificate for one ``domain`` in one ``region``, the deployment's or us-east-1. It has no natural name, so tags find it.

    ``validation_name`` and ``validation_value`` are the CNAME record that proves the domain. That it is issued is waited for by
    whoever keeps that record.
    """

    name = "certificate"
    services = ("acm", EDGE_CLIENT)
    fields = (Field("domain", on_change="replace"), Field("region", on_change="replace"))

    def observe(self, view: View) -> Iterable[Observed]:
        """ACM lists certificates without their tags, and has no bulk read of them."""
        regions = sorted({view.api.region, EDGE})
        listed = view.api.map(lambda region: self._list(view, region), regions)
        certificates = [(region, item) for region, items in zip(regions, listed, strict=True) for item in items]
        tags = view.api.map(lambda item: _tags(view, item[0], item[1]["CertificateArn"]), certificates)
        ours = [
            (region, item["CertificateArn"], each)
            for (region, item), each in zip(certificates, tags, strict=True)
            if view.owner.owns_in_tier(each)
        ]
        return [observed for observed in view.api.map(lambda item: self._read(view, *item), ours) if observed]

    @staticmethod
    def _list(view: View, region: str) -> list[dict[str, Any]]:
        found = view.api.pages(client_name(view, region), "list_certificates", "CertificateSummaryList")
        return [item for item in found if item.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED"]

    def _read(self, context: Context, region: str, arn: str, tags: dict[str, str]) -> Observed | None:
        certificate = with_record(context, region, arn)
        if certificate is None:
            return None
        status = certificate["Status"]
        return Observed(
            address_in(tags, self.name, arn.rsplit("/", 1)[1]),
            arn,
            fields={"domain": certificate["DomainName"], "region": region},
            attributes=_attributes(certificate),
            tags=tags,
            broken=f"it was never issued: {failure(certificate)}" if status in NEVER_ISSUED else None,
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        """Without an idempotency token: within an hour one would name a certificate that has been deleted since."""
        domain, region = resource.desired["domain"], resource.desired["region"]
        arn = context.api.client(client_name(context, region)).request_certificate(
            DomainName=domain, ValidationMethod="DNS", KeyAlgorithm="RSA_2048", Tags=as_list(resource.desired["tags"])
        )["CertificateArn"]
        certificate = with_record(context, region, arn) or {"CertificateArn": arn, "DomainName": domain}
        return Observed(resource.address, arn, fields={"domain": domain, "region": region}, attributes=_attributes(certificate))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "tags" in delta:
            client = context.api.client(client_name(context, observed.fields["region"]))
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.add_tags_to_certificate(CertificateArn=observed.id, Tags=as_list(to_set))
            if to_remove:
                tags = [{"Key": key} for key in to_remove]
                client.remove_tags_from_certificate(CertificateArn=observed.id, Tags=tags)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """A listener or distribution that has just gone uses it for a moment longer."""

        def call() -> None:
            with tolerating(GONE):
                context.api.client(client_name(context, observed.fields["region"])).delete_certificate(CertificateArn=observed.id)

        until(call, not_yet=lambda error: is_code(error, "ResourceInUseException"))


def client_name(context: Context, region: str) -> str:
    return "acm" if region == context.api.region else EDGE_CLIENT


def describe(context: Context, region: str, arn: str) -> dict[str, Any] | None:
    with tolerating(GONE):
        return context.api.client(client_name(context, region)).describe_certificate(CertificateArn=arn)["Certificate"]
    return None


def _tags(context: Context, region: str, arn: str) -> dict[str, str]:
    with tolerating(GONE):
        return as_dict(context.api.client(client_name(context, region)).list_tags_for_certificate(CertificateArn=arn).get("Tags"))
    return {}


def with_record(context: Context, region: str, arn: str) -> dict[str, Any] | None:
    """The certificate, once ACM tells the record that proves its domain: some seconds after the request."""

    def told(certificate: dict[str, Any] | None) -> bool:
        return certificate is None or certificate["Status"] in NEVER_ISSUED or _record(certificate) is not None

    return until(lambda: describe(context, region, arn), told)


def proved_for_others(context: Context, record_name: str) -> list[str]:
    """ARNs of the certificates, here and in us-east-1, that are not of this tier and need the record to be issued or renewed."""
    domain = record_name.rstrip(".").partition(".")[2]

    def concerns(summary: Mapping[str, Any]) -> bool:
        names = {summary.get("DomainName"), *(summary.get("SubjectAlternativeNameSummaries") or ())}
        return bool(summary.get("HasAdditionalSubjectAlternativeNames")) or bool({domain, f"*.{domain}"} & names)

    found = []
    for region in sorted({context.api.region, EDGE}):
        name = client_name(context, region)
        listed = context.api.pages(
            name,
            "list_certificates",
            "CertificateSummaryList",
            CertificateStatuses=[ISSUED, PENDING],
            Includes={"keyTypes": list(KEY_TYPES)},
        )
        for arn in (summary["CertificateArn"] for summary in listed if concerns(summary)):
            options = (describe(context, region, arn) or {}).get("DomainValidationOptions") or ()
            records = {option.get("ResourceRecord", {}).get("Name", "").rstrip(".") for option in options}
            if record_name.rstrip(".") in records and not context.owner.owns_in_tier(_tags(context, region, arn)):
                found.append(arn)
    return found


def failure(certificate: Mapping[str, Any]) -> str:
    """Why a certificate was not issued, or is one no longer."""
    return certificate.get("FailureReason") or certificate.get("RevocationReason") or certificate.get("Status", "no reason given")


def _record(certificate: Mapping[str, Any]) -> dict[str, str] | None:
    return next(
        (option["ResourceRecord"] for option in certificate.get("DomainValidationOptions") or () if "ResourceRecord" in option),
        None,
    )


def _attributes(certificate: Mapping[str, Any]) -> dict[str, Any]:
    record = _record(certificate) or {}
    return {
        "arn": certificate["CertificateArn"],
        "domain": certificate["DomainName"],
        "validation_name": record.get("Name"),
        "validation_value": record.get("Value"),
    }
