"""Patches to S3."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import xmltodict
from moto.core.responses import ActionResult
from moto.s3.exceptions import InvalidBucketState, NoSuchLifecycleConfiguration
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

from local_aws.patches import patch, replace, wrap

MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"
DEFAULT_MINIMUM_SIZE = "all_storage_classes_128K"
# Elements of a lifecycle rule that may stand more than once: how XML names one -> how botocore names all.
REPEATED = {"Transition": "Transitions", "NoncurrentVersionTransition": "NoncurrentVersionTransitions"}


@patch
def tags_at_creation() -> None:
    """AWS gives a new bucket the tags of CreateBucketConfiguration. moto drops them."""

    @wrap(S3Response, "_bucket_response_put")
    def bucket_response_put(original: Any, self: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = original(self, request, bucket_name, querystring)
        if not querystring and self.body:
            wanted = xmltodict.parse(self.body, force_list={"Tag": True}).get("CreateBucketConfiguration") or {}
            tags = (wanted.get("Tags") or {}).get("Tag") or ()
            if tags:
                self.backend.put_bucket_tagging(bucket_name, {tag["Key"]: tag["Value"] or "" for tag in tags})
        return answer


@patch
def statements_honour_their_conditions() -> None:
    """AWS applies a statement of a bucket policy only where its conditions hold. moto does not read them, so that a policy
    that refuses what does not come over TLS refuses everything. Statements with a condition are left out here."""

    @replace(FakeBucket, "get_permission")
    def get_permission(self: Any, action: str, resource: str) -> Any:
        # Imports S3's models itself, so it cannot be imported with them.
        from moto.iam.access_control import IAMPolicy

        document = _policy(self)
        plain = [statement for statement in document["Statement"] if "Condition" not in statement]
        return IAMPolicy(json.dumps({**document, "Statement": plain})).is_action_permitted(action, resource)


@patch
def log_buckets_may_have_other_statements() -> None:
    """AWS takes a log bucket whose policy holds more than the permission for log delivery. moto fails on a
    statement with `Principal: *`."""
    original = FakeBucket._log_permissions_enabled_policy

    def permitted(target_bucket: Any, target_prefix: str | None) -> bool:
        named = [statement for statement in _policy(target_bucket)["Statement"] if isinstance(statement.get("Principal"), dict)]
        policy = json.dumps({"Statement": named}).encode()
        return original(SimpleNamespace(name=target_bucket.name, partition=target_bucket.partition, policy=policy), target_prefix)

    FakeBucket._log_permissions_enabled_policy = staticmethod(permitted)


@patch
def access_logs_come_late() -> None:
    """AWS delivers access logs some hours after the requests, many in one object. moto writes an object for each request
    at once. Nothing is delivered here."""

    @replace(S3Backend, "log_incoming_request")
    def log_incoming_request(self: Any, request: Any, bucket_name: str) -> None:
        return None


@patch
def object_lock_at_any_time() -> None:
    """AWS takes PutObjectLockConfiguration for a versioned bucket with objects in it, with a lock or as its first one. moto
    refuses it once the bucket holds anything."""

    @replace(S3Backend, "put_object_lock_configuration")
    def put_object_lock_configuration(
        self: Any, bucket_name: str, lock_enabled: bool, mode: Any = None, days: Any = None, years: Any = None
    ) -> None:
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
        bucket.object_lock_enabled = bucket.object_lock_enabled or bool(lock_enabled)
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years


@patch
def versioning_of_locked_buckets() -> None:
    """AWS refuses to suspend the versioning of a bucket with a lock (InvalidBucketState). moto suspends it."""

    @wrap(S3Backend, "put_bucket_versioning")
    def put_bucket_versioning(original: Any, self: Any, bucket_name: str, status: str) -> None:
        if status != "Enabled" and self.get_bucket(bucket_name).object_lock_enabled:
            raise InvalidBucketState(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
            )
        original(self, bucket_name, status)


@patch
def lifecycle_rules_are_kept_whole() -> None:
    """AWS answers lifecycle rules as they were put, and the least size of transitions with them. moto loses
    NewerNoncurrentVersions of an expiration, sizes in filters, and the least size."""

    @wrap(S3Backend, "put_bucket_lifecycle")
    def put_bucket_lifecycle(original: Any, self: Any, bucket_name: str, rules: list[dict[str, Any]]) -> None:
        original(self, bucket_name, rules)
        self.get_bucket(bucket_name).rules_as_put = rules

    @wrap(S3Response, "_bucket_response_put")
    def bucket_response_put(original: Any, self: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = original(self, request, bucket_name, querystring)
        if "lifecycle" in querystring:
            self.backend.get_bucket(bucket_name).minimum_size = request.headers.get(MINIMUM_SIZE, DEFAULT_MINIMUM_SIZE)
        return answer

    @replace(S3Response, "get_bucket_lifecycle")
    def get_bucket_lifecycle(self: Any) -> Any:
        self.data["Action"] = "GetBucketLifecycleConfiguration"
        bucket = self.backend.get_bucket(self.bucket_name)
        if not bucket.rules:
            raise NoSuchLifecycleConfiguration(bucket_name=self.bucket_name)
        rules = [_rule(rule) for rule in bucket.rules_as_put]
        return self.serialized(ActionResult({"Rules": rules, "TransitionDefaultMinimumObjectSize": bucket.minimum_size}))


def _rule(put: dict[str, Any]) -> dict[str, Any]:
    """A rule as xmltodict reads it, in botocore's shape."""
    rule = {name: value for name, value in put.items() if name not in REPEATED}
    for one, all_of_them in REPEATED.items():
        if put.get(one):
            rule[all_of_them] = put[one] if isinstance(put[one], list) else [put[one]]
    if "Prefix" in rule:
        rule["Prefix"] = rule["Prefix"] or ""
    if "Filter" in rule:
        chosen = {name: value or "" for name, value in (rule["Filter"] or {}).items()}
        if chosen.get("And"):
            every = dict(chosen["And"])
            tags = every.pop("Tag", None)
            if tags:
                every["Tags"] = tags if isinstance(tags, list) else [tags]
            chosen["And"] = every
        rule["Filter"] = chosen
    if isinstance((rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker"), str):
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": rule["Expiration"]["ExpiredObjectDeleteMarker"] == "true"}
    return rule


def _policy(bucket: Any) -> dict[str, Any]:
    """The bucket's policy, with a list of statements."""
    document = json.loads(bucket.policy.decode()) if bucket.policy else {}
    statements = document.get("Statement", [])
    return {**document, "Statement": statements if isinstance(statements, list) else [statements]}
