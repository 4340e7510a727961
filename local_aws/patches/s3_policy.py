"""Patches to S3's bucket policies: conditions, public access, log delivery."""

from __future__ import annotations

import contextvars
import fnmatch
import json
from typing import Any

from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

from local_aws.patches import patch, replace, wrap
from local_aws.policy import as_list, condition_holds, service_may, statements

LOG_DELIVERY = "logging.s3.amazonaws.com"
_headers: contextvars.ContextVar[Any] = contextvars.ContextVar("local_aws_s3_headers", default=None)


def error(code: str, message: str, status: int = 400) -> S3ClientError:
    """An S3 error, to raise."""
    made = S3ClientError(code, message)
    made.status = made.status_code = status
    return made


def _context(account: str) -> dict[str, str]:
    """The condition keys of the call that is being answered. The way here stands for a secure one."""
    headers = _headers.get() or {}
    named = {f"s3:{name.lower()}": value for name, value in headers.items() if name.lower().startswith("x-amz-")}
    return {**named, "aws:securetransport": "true", "s3:tlsversion": "1.3", "aws:principalaccount": account}


@patch
def policies_honour_their_conditions() -> None:
    """AWS applies a statement only where its Condition holds. moto ignores it: a policy that denies plain HTTP denies
    every object. Calls to the local AWS count as secure transport."""

    @wrap(S3Response, "setup_class")
    def setup_class(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        _headers.set(self.headers)

    @replace(FakeBucket, "get_permission")
    def get_permission(self: Any, action: str, resource: str) -> Any:
        from moto.iam.access_control import IAMPolicy, PermissionResult

        context = _context(self.account_id)
        found = [item for item in statements(self.policy) if condition_holds(item.get("Condition") or {}, context)]
        if not found:
            return PermissionResult.NEUTRAL
        bare = [{key: value for key, value in item.items() if key != "Condition"} for item in found]
        return IAMPolicy(json.dumps({"Statement": bare})).is_action_permitted(action, resource)


@patch
def policies_are_checked() -> None:
    """AWS refuses a policy that is none, or that speaks of another bucket (MalformedPolicy), and a public one where
    BlockPublicPolicy is on (AccessDenied). moto stores anything."""

    @wrap(S3Backend, "put_bucket_policy")
    def put_bucket_policy(original: Any, self: Any, bucket_name: str, policy: bytes) -> None:
        bucket = self.get_bucket(bucket_name)
        try:
            found = statements(policy)
        except (ValueError, AttributeError):
            raise error("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
        if not found:
            raise error("MalformedPolicy", "Missing required field Statement")
        for item in found:
            if item.get("Effect") not in ("Allow", "Deny") or not ({"Principal", "NotPrincipal"} & set(item)):
                raise error("MalformedPolicy", "Missing required field Principal, or invalid effect")
            for resource in as_list(item.get("Resource")):
                if not fnmatch.fnmatchcase(resource.split("/", 1)[0], bucket.arn) and resource != "*":
                    raise error("MalformedPolicy", "Policy has invalid resource")
        block = bucket.public_access_block
        if block and block.block_public_policy and bucket_policy_is_public(policy):
            raise error("AccessDenied", "public policies are blocked by the BlockPublicPolicy setting.", 403)
        original(self, bucket_name, policy)


@patch
def logs_are_granted_by_policy() -> None:
    """AWS takes any policy of the target bucket that lets logging.s3.amazonaws.com put objects under the prefix, its
    conditions on the source included. moto fails on a statement for everyone and on a list of resources."""

    @replace(FakeBucket, "_log_permissions_enabled_policy")
    def granted(self: Any, target_bucket: Any, target_prefix: str | None) -> bool:
        context = {"aws:securetransport": "true", "aws:sourceaccount": self.account_id, "aws:sourcearn": self.arn}
        wanted = f"{target_bucket.arn}/{target_prefix or ''}x"
        return service_may(target_bucket.policy, LOG_DELIVERY, "s3:PutObject", wanted, context)


@patch
def logs_arrive_later() -> None:
    """AWS delivers access logs within hours. moto writes one object a call, at once, so that a read changes the bucket
    of logs; here none is written."""
    S3Backend.log_incoming_request = lambda *_arguments: None
