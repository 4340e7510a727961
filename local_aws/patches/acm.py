"""Patches to Certificate Manager."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend, CertBundle, TagHolder
from moto.acm.responses import AWSCertificateManagerResponse
from moto.acm.utils import make_arn_for_certificate
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow

from local_aws.patches import patch, replace, wrap
from local_aws.patches.route53 import standing_since
from local_aws.transitions import failure, now, settled

KIND = "certificate"
RECORD = "certificate_record"
TIMED_OUT = 72 * 3600
DOMAIN = re.compile(r"^(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])$")


class Requested:
    """A certificate that ACM was asked for. It is issued once the records that prove the domains stand, and stays so."""

    type = "AMAZON_ISSUED"

    def __init__(self, backend: Any, arguments: dict[str, Any]) -> None:
        self.account, self.arn = backend.account_id, make_arn_for_certificate(backend.account_id, backend.region_name)
        self.common_name = arguments["DomainName"].lower()
        others = [name.lower() for name in arguments.get("SubjectAlternativeNames") or ()]
        self.sans = list(dict.fromkeys([self.common_name, *others]))
        self.method = arguments.get("ValidationMethod") or "EMAIL"
        self.algorithm = arguments.get("KeyAlgorithm") or "RSA_2048"
        chosen = {key: value for key, value in (arguments.get("Options") or {}).items() if value}
        self.cert_options = {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED", **chosen}
        self.token = arguments.get("IdempotencyToken")
        self.tags = TagHolder()
        self.created_at, self.requested_at = utcnow(), now()
        self.failure = failure(KIND)
        self.issued_at: Any = None

    def record(self, domain: str) -> dict[str, str]:
        """The record that proves a domain: the same for all certificates of an account, for a name and its wildcard."""
        base = domain.removeprefix("*.")
        name, value = (hashlib.sha256(f"{kind}{self.account}{base}".encode()).hexdigest() for kind in ("name", "value"))
        return {"Name": f"_{name[:32]}.{base}.", "Type": "CNAME", "Value": f"_{value[:32]}.{_letters(value)}.acm-validations.aws."}

    def proven_since(self, domain: str) -> float | None:
        """Since when the record of a domain stands (by `transitions.now`)."""
        record = self.record(domain)
        return standing_since(self.account, record["Name"], record["Value"])

    @property
    def status(self) -> str:
        """PENDING_VALIDATION, ISSUED, FAILED or VALIDATION_TIMED_OUT; looking at it changes nothing."""
        if self.issued_at:
            return "ISSUED"
        if self.failure and settled(KIND, self.requested_at):
            return "FAILED"
        since = [self.proven_since(name) for name in self.sans] if self.method == "DNS" else [None]
        if not self.failure and None not in since and settled(KIND, max([self.requested_at, *since])):
            return "ISSUED"
        return "VALIDATION_TIMED_OUT" if now() - self.requested_at >= TIMED_OUT else "PENDING_VALIDATION"

    def check(self) -> None:
        """Make final what has been reached."""
        if not self.issued_at and self.status == "ISSUED":
            self.issued_at = utcnow()

    @property
    def in_use_by(self) -> list[str]:
        """ARNs of what uses it."""
        return users_of(self.account, self.arn)

    def common(self) -> dict[str, Any]:
        """What the description and the summary share."""
        status = self.status
        known: dict[str, Any] = {
            "CertificateArn": self.arn,
            "DomainName": self.common_name,
            "Status": status,
            "Type": self.type,
            "KeyAlgorithm": self.algorithm,
            "CreatedAt": self.created_at,
            "RenewalEligibility": "ELIGIBLE" if status == "ISSUED" and self.in_use_by else "INELIGIBLE",
        }
        if status == "ISSUED":
            begin = self.issued_at or utcnow()
            known |= {"IssuedAt": begin, "NotBefore": begin, "NotAfter": begin + timedelta(days=395)}
        return known

    def describe(self) -> dict[str, Any]:
        """As DescribeCertificate answers."""
        known = {
            **self.common(),
            "SubjectAlternativeNames": self.sans,
            "DomainValidationOptions": [self._validation(name) for name in self.sans],
            "Subject": f"CN={self.common_name}",
            "Issuer": "Amazon",
            "InUseBy": self.in_use_by,
            "KeyUsages": [],
            "ExtendedKeyUsages": [],
            "SignatureAlgorithm": "SHA256WITHRSA" if self.algorithm.startswith("RSA") else "SHA256WITHECDSA",
            "Options": self.cert_options,
        }
        if known["Status"] == "FAILED":
            known["FailureReason"] = self.failure
        return {"Certificate": known}

    def _validation(self, name: str) -> dict[str, Any]:
        status = self.status
        if status == "ISSUED" or (self.method == "DNS" and self.proven_since(name) is not None and status != "FAILED"):
            state = "SUCCESS"
        else:
            state = "PENDING_VALIDATION" if status == "PENDING_VALIDATION" else "FAILED"
        shown = {"DomainName": name, "ValidationDomain": name, "ValidationStatus": state, "ValidationMethod": self.method}
        if self.method == "DNS" and settled(RECORD, self.requested_at):
            shown["ResourceRecord"] = self.record(name)
        return shown


def users_of(account: str, arn: str) -> list[str]:
    """ARNs of the load balancers and distributions that use a certificate."""
    found = []
    region = arn.split(":")[3]
    elbv2, cloudfront = sys.modules.get("moto.elbv2.models"), sys.modules.get("moto.cloudfront.models")
    if elbv2:
        for balancer in elbv2.elbv2_backends[account][region].load_balancers.values():
            if any(arn in listener.certificates for listener in balancer.listeners.values()):
                found.append(balancer.arn)
    if cloudfront:
        for item in cloudfront.cloudfront_backends[account]["aws"].distributions.values():
            if item.config["ViewerCertificate"].get("ACMCertificateArn") == arn:
                found.append(item.arn)
    return found


@patch
def certificates_are_validated() -> None:
    """AWS derives one validation record from account and domain (DescribeCertificate shows it some seconds after the request), and
    issues a certificate once the records of all its names stand in public DNS: here, in a hosted zone of the account. moto issues
    it after a minute whatever stands, and shows one record for all, in no order."""

    @replace(AWSCertificateManagerResponse, "request_certificate")
    def request_certificate(self: Any) -> ActionResult:
        arguments = {key: self._get_param(key) for key in ("DomainName", "SubjectAlternativeNames", "ValidationMethod", "Options")}
        arguments |= {key: self._get_param(key) for key in ("IdempotencyToken", "KeyAlgorithm", "Tags")}
        token, names = arguments["IdempotencyToken"], [arguments["DomainName"], *(arguments["SubjectAlternativeNames"] or ())]
        for name in names:
            if not DOMAIN.match(name):
                raise _invalid(f"Value '{name}' at 'domainName' failed to satisfy constraint: Member must be a domain name")
        if token is not None and not re.fullmatch(r"\w{1,32}", token):
            raise _invalid(f"Value '{token}' at 'idempotencyToken' failed to satisfy constraint: Member must match \\w+")
        made = Requested(self.acm_backend, arguments)
        for known in self.acm_backend._certificates.values():
            same = isinstance(known, Requested) and (known.token, known.sans, known.method) == (token, made.sans, made.method)
            if same and token is not None and now() - known.requested_at < 3600:
                return ActionResult({"CertificateArn": known.arn})
        made.tags.add(arguments["Tags"] or [])
        self.acm_backend._certificates[made.arn] = made
        return ActionResult({"CertificateArn": made.arn})

    @wrap(AWSCertificateManagerResponse, "get_certificate")
    def get_certificate(original: Any, self: Any) -> ActionResult:
        found = self.acm_backend.get_certificate(self._get_param("CertificateArn"))
        if not isinstance(found, Requested):
            return original(self)
        if found.status != "ISSUED":
            raise AWSError(f"Certificate {found.arn} is not issued yet", exception_type="RequestInProgressException")
        body = CertBundle.generate_cert(found.common_name, self.current_account, self.region, found.sans)
        return ActionResult({"Certificate": body.cert.decode(), "CertificateChain": body.chain.decode()})


@patch
def certificates_in_use_stay() -> None:
    """AWS names in InUseBy the load balancers and distributions that use a certificate, and does not delete it meanwhile
    (ResourceInUseException). moto notes listeners, for ever, and deletes it."""
    CertBundle.in_use_by = property(_in_use_by, _ignore)  # type: ignore[assignment]

    @wrap(AWSCertificateManagerBackend, "delete_certificate")
    def delete_certificate(original: Any, self: Any, arn: str) -> None:
        if users_of(self.account_id, arn):
            raise AWSError(f"Certificate {arn} in account {self.account_id} is in use.", exception_type="ResourceInUseException")
        original(self, arn)


@patch
def certificates_are_listed() -> None:
    """AWS lists certificates in pages, by default only those with RSA keys of 1024 or 2048 bits. moto lists all, at once."""

    @replace(AWSCertificateManagerResponse, "list_certificates")
    def list_certificates(self: Any) -> ActionResult:
        statuses, includes = self._get_param("CertificateStatuses"), self._get_param("Includes") or {}
        kinds = includes.get("keyTypes") or ["RSA_1024", "RSA_2048"]
        every = [_summary(item) for item in _living(self.acm_backend)]
        found = [item for item in every if item["KeyAlgorithm"] in kinds and (not statuses or item["Status"] in statuses)]
        start, limit = int(self._get_param("NextToken") or 0), int(self._get_param("MaxItems") or 1000)
        answer: dict[str, Any] = {"CertificateSummaryList": found[start : start + limit]}
        if start + limit < len(found):
            answer["NextToken"] = str(start + limit)
        return ActionResult(answer)


def _living(backend: Any) -> Iterable[Any]:
    for item in backend._certificates.values():
        item.check()
        yield item


def _summary(item: Any) -> dict[str, Any]:
    known = item.common() if isinstance(item, Requested) else item.describe()["Certificate"]
    names = {"SubjectAlternativeNameSummaries": item.sans, "HasAdditionalSubjectAlternativeNames": False}
    return {**known, **names, "InUse": bool(item.in_use_by), "Exported": False, "ExtendedKeyUsages": [], "KeyUsages": []}


def _in_use_by(certificate: Any) -> list[str]:
    return users_of(certificate.arn.split(":")[4], certificate.arn)


def _ignore(certificate: Any, value: Any) -> None:
    """moto's own notes of who uses a certificate are not kept."""


def _letters(value: str) -> str:
    return "".join(chr(ord("a") + int(digit, 16)) for digit in value[32:42])


def _invalid(text: str) -> AWSError:
    return AWSError(f"1 validation error detected: {text}", exception_type="ValidationException")
