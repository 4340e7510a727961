# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's errors as sentences: what was being done, AWS's code and words, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

# Code -> the way out. The sources are the "common errors" and "errors" pages of each service's API reference.
ADVICE = {
    "AccessDenied": "let the caller's IAM policy (and any SCP or permission boundary) allow the action it names",
    "AccessDeniedException": "let the caller's IAM policy (and any SCP or permission boundary) allow the action it names",
    "UnauthorizedOperation": "let the caller's IAM policy (and any SCP or permission boundary) allow the action it names",
    "AuthorizationError": "let the caller's IAM policy (and any SCP or permission boundary) allow the action it names",
    "InvalidClientTokenId": "the access key is unknown to AWS or inactive: check AWS_ACCESS_KEY_ID or the profile",
    "UnrecognizedClientException": "the access key is unknown to AWS or inactive, or the region is not enabled for the account",
    "AuthFailure": "the credentials are not valid in this region: check them, and that the region is enabled for the account",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY or the profile",
    "ExpiredToken": "the session has expired: sign in again",
    "ExpiredTokenException": "the session has expired: sign in again",
    "RequestExpired": "the session has expired, or this machine's clock is wrong",
    "OptInRequired": "enable the region or the service for the account first",
    "AddressLimitExceeded": "release unused Elastic IPs, or raise the quota 'EC2-VPC Elastic IPs' (5 a region by default)",
    "VpcLimitExceeded": "delete VPCs that are not used, or raise the quota 'VPCs per Region' (5 by default)",
    "NatGatewayLimitExceeded": "raise the quota 'NAT gateways per Availability Zone' (5 by default)",
    "VpcEndpointLimitExceeded": "raise the quota for VPC endpoints",
    "RulesPerSecurityGroupLimitExceeded": "raise the quota 'Inbound or outbound rules per security group' (60 by default)",
    "TooManyBuckets": "raise the quota for general purpose buckets",
    "BucketAlreadyExists": "bucket names are unique in the world: set platform_prefix to something of your own",
    "DependencyViolation": "something that this collection did not make still uses it: remove that first",
    "MalformedPolicyDocumentException": "a principal in the policy does not exist, or a statement is not valid",
    "KMSInvalidStateException": "the key is disabled or pending deletion: enable it, or cancel the deletion",
    "WAFAssociatedItemException": "a CloudFront distribution still uses the web ACL: delete the distribution (the cloudfront tier "
    "with state absent) or take the web ACL off it, and run again",
    "WAFDuplicateItemException": "a web ACL of that name stands already: set platform_deployment to a name of its own",
    "WAFLimitsExceededException": "delete web ACLs that are not used, or raise the quota of AWS WAF that it names",
    "WAFLogDestinationPermissionIssueException": "let the caller allow log delivery (logs:CreateLogDelivery, "
    "logs:PutResourcePolicy, logs:DescribeResourcePolicies and logs:DescribeLogGroups), so that WAF may write to the log group",
    "WAFOptimisticLockException": "somebody else is changing the web ACL: run again when they are done",
    "EncryptionFailure": "the key is disabled, or its policy or the caller's keeps Secrets Manager from using it",
    "DecryptionFailure": "the key is disabled, or its policy or the caller's keeps Secrets Manager from using it",
    "PublicPolicyException": "name who is let in, or hold everyone to this account by a condition",
    "Throttling": "the account's request rate is used up: run again later",
    "ThrottlingException": "the account's request rate is used up: run again later",
    "RequestLimitExceeded": "the account's request rate is used up: run again later",
}
# Of AWS's own words, since a proxy may answer with a page.
LONGEST = 500
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
CREDENTIALS = "give them by environment variables, a profile, or an instance role"


class LostAnswer(Exception):
    """A call that makes something may or may not have reached AWS, and repeating it could make it twice. ``error``: what came."""

    def __init__(self, error: Exception):
        super().__init__(str(error))
        self.error = error


def code_of(error: BaseException) -> str | None:
    """AWS's error code; None when AWS did not answer."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code")
    return None


def is_code(error: BaseException, *codes: str) -> bool:
    """True for an answer of AWS with one of the codes; ``NotFound`` at the end of a code stands for every such code."""
    code = code_of(error)
    return code is not None and (code in codes or ("NotFound" in codes and code.endswith("NotFound")))


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Pass over an answer of AWS with one of the codes, as ``is_code`` reads them; the rest of the block is then not run."""
    try:
        yield
    except ClientError as error:
        if not is_code(error, *codes):
            raise


def says(error: BaseException, text: str) -> bool:
    """True for an answer of AWS whose message holds ``text``: for where a code stands for too much."""
    return isinstance(error, ClientError) and text in error.response.get("Error", {}).get("Message", "")


def raise_unsuccessful(answer: Mapping[str, Any], operation: str) -> None:
    """Raise the first failure that a batch operation of EC2 reports in a successful answer; that a thing is gone is none."""
    for item in answer.get("Unsuccessful") or ():
        error = ClientError({"Error": dict(item.get("Error") or {})}, operation)
        if not is_code(error, "NotFound"):
            raise error


def explain(error: Exception, doing: str) -> str | None:
    """``error`` in one sentence; None when it is no error of AWS or of the way to it."""
    if isinstance(error, LostAnswer):
        return explain(error.error, doing)
    if isinstance(error, ClientError):
        code = code_of(error) or "Unknown"
        message = _one_line(error.response.get("Error", {}).get("Message", ""))[:LONGEST].rstrip(".")
        advice = ADVICE.get(code)
        return f"Could not {doing}: {code}: {message}" + (f". Way out: {advice}." if advice else ".")
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return f"Could not {doing}: no AWS credentials were found: {CREDENTIALS}."
    if isinstance(error, (CredentialRetrievalError, TokenRetrievalError)):
        return f"Could not {doing}: the credentials could not be read: {_one_line(str(error))}"
    if isinstance(error, ProfileNotFound):
        return f"Could not {doing}: {_one_line(str(error))}: name a profile of your AWS configuration, or none."
    if isinstance(error, (ConnectionError, HTTPClientError)):
        url = error.kwargs.get("endpoint_url", "the endpoint")
        return (
            f"Could not {doing}: no usable answer from {url} ({type(error).__name__}): check the network or proxy, "
            "the region, and AWS_ENDPOINT_URL or AWS_URL if one is set."
        )
    if isinstance(error, BotoCoreError):
        return f"Could not {doing}: {_one_line(str(error))[:LONGEST]}"
    return None


def _one_line(text: str) -> str:
    return " ".join(str(text).split())
