"""Patches to S3's lifecycle configurations."""

from __future__ import annotations

import re
import uuid
from typing import Any

import xmltodict
from moto.s3.exceptions import NoSuchLifecycleConfiguration
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

from local_aws.patches import patch, replace, wrap
from local_aws.patches.s3_policy import error
from local_aws.policy import as_list

HEADER = "x-amz-transition-default-minimum-object-size"
DEFAULT_MINIMUM = "all_storage_classes_128K"
# From warm to cold: a rule may move objects to the right only.
CLASSES = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
WARM = ("STANDARD_IA", "ONEZONE_IA")


@patch
def rules_are_read_back_whole() -> None:
    """AWS answers the rules as they were put (each with an ID), and the default minimum object size; it refuses
    (InvalidArgument) STANDARD_IA before day 30, a colder class that does not come later (30 days, after STANDARD_IA),
    and an expiration that does not come last. moto loses NewerNoncurrentVersions, ObjectSizeGreaterThan,
    ObjectSizeLessThan and that size, and takes any order."""

    @wrap(S3Response, "_bucket_response_put")
    def put(original: Any, self: Any, request: Any, bucket_name: str, querystring: Any) -> Any:
        if "lifecycle" not in (querystring or ()):
            return original(self, request, bucket_name, querystring)
        configuration = xmltodict.parse(self.body)["LifecycleConfiguration"]
        rules = [dict(rule) for rule in as_list(configuration.get("Rule"))]
        for rule in rules:
            _check(rule)
        answer = original(self, request, bucket_name, querystring)
        for rule in rules:
            rule.setdefault("ID", str(uuid.uuid4()))
        bucket = self.backend.get_bucket(bucket_name)
        bucket.lifecycle_rules = rules
        bucket.lifecycle_minimum = request.headers.get(HEADER, DEFAULT_MINIMUM)
        return answer

    @replace(S3Response, "get_bucket_lifecycle")
    def get_bucket_lifecycle(self: Any) -> Any:
        bucket = self.backend.get_bucket(self.bucket_name)
        rules = getattr(bucket, "lifecycle_rules", None)
        if not rules:
            raise NoSuchLifecycleConfiguration(bucket_name=self.bucket_name)
        body = xmltodict.unparse({"LifecycleConfiguration": {"Rule": rules}})
        return 200, {"Content-Type": "application/xml", HEADER: bucket.lifecycle_minimum}, body

    @wrap(S3Backend, "delete_bucket_lifecycle")
    def delete_bucket_lifecycle(original: Any, self: Any, bucket_name: str) -> None:
        original(self, bucket_name)
        self.get_bucket(bucket_name).lifecycle_rules = []


def _check(rule: dict[str, Any]) -> None:
    """Raise for days out of order."""
    moves = {item["StorageClass"]: int(item["Days"]) for item in as_list(rule.get("Transition")) if "Days" in item}
    previous: tuple[str, int] | None = None
    for name in CLASSES:
        if name not in moves:
            continue
        days = moves[name]
        if name in WARM and days < 30:
            raise _invalid(f"'Days' in Transition action must be greater than or equal to 30 for storageClass '{name}'")
        if previous:
            least = previous[1] + (30 if previous[0] in WARM and name not in WARM else 1)
            if days < least:
                raise _invalid(
                    f"'Days' in the Transition action for StorageClass '{name}' must be at least {least}: it follows "
                    f"'{previous[0]}' on day {previous[1]}"
                )
        previous = (name, days)
    expiry = (rule.get("Expiration") or {}).get("Days")
    if expiry and previous and int(expiry) <= max(moves.values()):
        raise _invalid("'Days' in the Expiration action must be greater than 'Days' in the Transition action")
    limit = rule.get("NoncurrentVersionExpiration") or {}
    if "NewerNoncurrentVersions" in limit and not re.match(r"^([1-9]\d?|100)$", limit["NewerNoncurrentVersions"]):
        raise _invalid("'NewerNoncurrentVersions' must be between 1 and 100")


def _invalid(message: str) -> Exception:
    return error("InvalidArgument", message)
