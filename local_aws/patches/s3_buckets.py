"""Patches to S3's buckets: creation, lists, defaults, ownership, object lock, logging."""

from __future__ import annotations

import base64
import re
from typing import Any

import xmltodict
from moto.core.responses import ActionResult
from moto.s3.models import FakeBucket, PublicAccessBlock, S3Backend
from moto.s3.responses import S3Response

from local_aws.patches import patch, replace, wrap
from local_aws.patches.s3_policy import error
from local_aws.policy import as_list

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
NAME = re.compile(r"^(?!xn--|sthree-|amzn-s3-demo-)(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
NOT_NAME = re.compile(r"(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$")
DEFAULT_ENCRYPTION = {"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}}


@patch
def new_buckets_are_private_and_encrypted() -> None:
    """AWS gives every new bucket SSE-S3, a full public access block and BucketOwnerEnforced; to delete a bucket's
    encryption brings SSE-S3 back. moto's new bucket has none of the three."""

    @wrap(FakeBucket, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.encryption = DEFAULT_ENCRYPTION
        self.public_access_block = PublicAccessBlock(True, True, True, True)
        self.ownership_rule = "BucketOwnerEnforced"

    @replace(S3Backend, "delete_bucket_encryption")
    def delete_bucket_encryption(self: Any, bucket_name: str) -> None:
        self.get_bucket(bucket_name).encryption = DEFAULT_ENCRYPTION


@patch
def creation() -> None:
    """AWS stores the tags of CreateBucketConfiguration, refuses names that are none (InvalidBucketName) and an ACL where
    ownership is enforced (InvalidBucketAclWithObjectOwnership). moto drops the tags and takes names and ACL."""

    @wrap(S3Response, "_bucket_response_put")
    def put(original: Any, self: Any, request: Any, bucket_name: str, querystring: Any) -> Any:
        if set(querystring or ()) - {"x-id"}:
            return original(self, request, bucket_name, querystring)
        if not NAME.match(bucket_name) or NOT_NAME.search(bucket_name):
            raise error("InvalidBucketName", "The specified bucket is not valid.")
        ownership = request.headers.get("x-amz-object-ownership") or "BucketOwnerEnforced"
        if request.headers.get("x-amz-acl", "private") != "private" and ownership == "BucketOwnerEnforced":
            raise error(
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            )
        new = bucket_name not in self.backend.buckets
        answer = original(self, request, bucket_name, querystring)
        tags = _tags(self.body) if new else {}
        if tags:
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer


def _tags(body: bytes | str | None) -> dict[str, str]:
    if not body:
        return {}
    configuration = xmltodict.parse(body).get("CreateBucketConfiguration") or {}
    found = as_list((configuration.get("Tags") or {}).get("Tag"))
    return {tag["Key"]: tag.get("Value") or "" for tag in found}


@patch
def lists() -> None:
    """AWS answers each bucket's region and ARN, sorted by name, in pages of MaxBuckets with a ContinuationToken. moto
    answers names in the order of creation, and one page only."""

    @replace(S3Response, "all_buckets")
    def all_buckets(self: Any) -> Any:
        self.data["Action"] = "ListAllMyBuckets"
        self._authenticate_and_authorize_s3_action()
        prefix, limit, token = (self._get_param(name) for name in ("prefix", "max-buckets", "continuation-token"))
        found = self.backend.list_buckets(prefix=prefix, bucket_region=self._get_param("bucket-region"), max_buckets=None)
        after = base64.b64decode(token).decode() if token else ""
        left = sorted((bucket for bucket in found if bucket.name > after), key=lambda bucket: bucket.name)
        page = left[: int(limit)] if limit else left
        answer: dict[str, Any] = {
            "Owner": {"ID": "bcaf1ffd86f41161ca5fb16fd081034f"},
            "Buckets": [
                {
                    "Name": bucket.name,
                    "CreationDate": bucket.creation_date_ISO8601,
                    "BucketRegion": bucket.region_name,
                    "BucketArn": bucket.arn,
                }
                for bucket in page
            ],
        }
        if prefix:
            answer["Prefix"] = prefix
        if len(page) < len(left):
            answer["ContinuationToken"] = base64.b64encode(page[-1].name.encode()).decode()
        self.data["Action"] = "ListBuckets"
        return self.serialized(ActionResult(answer))


@patch
def enforced_ownership_has_no_acls() -> None:
    """AWS refuses an ACL on a bucket whose ownership is enforced (AccessControlListNotSupported). moto sets it."""

    @wrap(S3Backend, "put_bucket_acl")
    def put_bucket_acl(original: Any, self: Any, bucket_name: str, acl: Any) -> None:
        if self.get_bucket(bucket_name).ownership_rule == "BucketOwnerEnforced":
            raise error("AccessControlListNotSupported", "The bucket does not allow ACLs")
        original(self, bucket_name, acl)


@patch
def object_lock_and_versioning() -> None:
    """AWS keeps versioning on where object lock is (InvalidBucketState), takes a lock on a bucket that has objects,
    and shows a retention in days or in years. moto suspends versioning, wants the bucket empty, and shows both."""

    @wrap(S3Backend, "put_bucket_versioning")
    def put_bucket_versioning(original: Any, self: Any, bucket_name: str, status: str) -> None:
        if self.get_bucket(bucket_name).object_lock_enabled and status != "Enabled":
            raise error(
                "InvalidBucketState",
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                409,
            )
        original(self, bucket_name, status)

    @replace(S3Backend, "put_object_lock_configuration")
    def put_object_lock_configuration(
        self: Any, bucket_name: str, lock_enabled: bool, mode: Any = None, days: Any = None, years: Any = None
    ) -> None:
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            text = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            raise error("InvalidBucketState", text, 409)
        if mode and bool(days) == bool(years):
            raise error("MalformedXML", "The XML you provided was not well-formed: give days or years")
        bucket.object_lock_enabled = bucket.object_lock_enabled or bool(lock_enabled)
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days or 0, years or 0

    @wrap(S3Backend, "get_object_lock_configuration")
    def get_object_lock_configuration(original: Any, self: Any, bucket_name: str) -> tuple[Any, ...]:
        enabled, mode, days, years = original(self, bucket_name)
        return enabled, mode, days or None, years or None


@patch
def logging_keeps_the_key_format() -> None:
    """AWS keeps TargetObjectKeyFormat of a bucket's logging. moto drops it."""

    @wrap(S3Response, "get_bucket_logging")
    def get_bucket_logging(original: Any, self: Any) -> Any:
        status, headers, body = original(self)
        wanted = (self.backend.get_bucket_logging(self.bucket_name) or {}).get("TargetObjectKeyFormat")
        if wanted is not None:
            text = xmltodict.unparse({"TargetObjectKeyFormat": wanted}, full_document=False)
            body = (body if isinstance(body, str) else body.decode()).replace("</LoggingEnabled>", f"{text}</LoggingEnabled>")
        return status, headers, body

    @wrap(S3Response, "_logging_from_body")
    def logging_from_body(original: Any, self: Any) -> Any:
        answer = original(self)
        given = xmltodict.parse(self.body)["BucketLoggingStatus"].get("LoggingEnabled") or {}
        if answer and given.get("TargetObjectKeyFormat"):
            answer["TargetObjectKeyFormat"] = given["TargetObjectKeyFormat"]
        return answer
