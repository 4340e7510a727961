# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage tier: which buckets there are, who may do what with them, and how long they keep what they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..aws.policies import deny_insecure_transport, document
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.s3.bucket import Bucket, base_name
from ..resources.s3.lifecycle import DEFAULT_MINIMUM, MINIMUM, RULES, rule
from ..tier_module import Place
from . import kms

# In the order in which S3 lets objects go down ("Transitioning objects using Amazon S3 Lifecycle") -> the least days before.
STORAGE_CLASSES = {
    "STANDARD_IA": 30,
    "INTELLIGENT_TIERING": 0,
    "ONEZONE_IA": 30,
    "GLACIER_IR": 0,
    "GLACIER": 0,
    "DEEP_ARCHIVE": 0,
}
# Days that an object stays in an infrequent-access class before S3 lets it go on.
STAY = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
MAX_DAYS = 2**31 - 1
LEAST_TLS = "1.2"

SPEC = {
    "prefix": {"type": "str", "required": True},
    "kms_key": {"type": "str", "required": True, "no_log": False},
    "buckets": {"type": "dict", "required": True},
    "log_bucket": {"type": "str", "required": True},
    "abort_multipart_days": {"type": "int", "default": 7},
    "refuse_other_keys": {"type": "bool", "default": True},
    "destroy_data": {"type": "bool", "default": False},
}
# The settings of one bucket. Days: unset for never.
BUCKET = {
    "versioning": {"type": "bool", "default": True},
    "encryption": {"type": "str", "choices": ["kms", "s3"], "default": "kms"},
    "lock_mode": {"type": "str", "choices": ["COMPLIANCE", "GOVERNANCE"]},
    "lock_days": {"type": "int"},
    "transitions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "days": {"type": "int", "required": True},
            "storage_class": {"type": "str", "required": True, "choices": list(STORAGE_CLASSES)},
        },
    },
    "expiration_days": {"type": "int"},
    "noncurrent_days": {"type": "int"},
    "noncurrent_versions": {"type": "int"},
}
# Setting -> the most that S3 takes; the least is 1.
MOST = {
    "expiration_days": MAX_DAYS,
    "noncurrent_days": MAX_DAYS,
    "noncurrent_versions": 100,
    "lock_days": 36500,
}
# Settings for which the role has a variable of their own, s3_<purpose>_<setting>.
OWN_VARIABLES = {
    "s3_audit_logs_lock_days",
    "s3_audit_logs_lock_mode",
    "s3_access_logs_expiration_days",
    "s3_backups_expiration_days",
    "s3_backups_transitions",
    "s3_knowledge_documents_noncurrent_days",
    "s3_user_uploads_expiration_days",
}
PART = re.compile(r"[a-z0-9](-?[a-z0-9])*")
PART_RULE = "use lower-case letters, digits and single hyphens, beginning and ending with a letter or a digit"
MAX_NAME = 63
# What S3 keeps for itself ("Bucket naming rules").
RESERVED_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_ENDS = ("-s3alias", "--ol-s3", "--x-s3", "--table-s3", "-an")
ACCOUNT_ID_LENGTH = 12
# Where in the log bucket the load balancer's and CloudFront's logs go, and where CloudFront's are configured.
LOAD_BALANCER_LOGS, EDGE_LOGS, EDGE = "alb", "cloudfront", "us-east-1"


def settings(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Purpose -> complete settings of its bucket. Raises InvalidInput for what ``BUCKET`` does not allow."""
    validator = ArgumentSpecValidator(BUCKET)
    complete = {}
    for purpose, given in params["buckets"].items():
        if not isinstance(given or {}, Mapping):
            raise InvalidInput(f"s3_buckets.{purpose}: {given!r} is not a dictionary of settings: write {{}} for none")
        # Before ansible-core 2.19 a template makes an empty text of null.
        result = validator.validate({name: value for name, value in (given or {}).items() if value not in (None, "")})
        if result.error_messages:
            raise InvalidInput(f"s3_buckets.{purpose}: {'; '.join(result.error_messages)}")
        complete[purpose] = result.validated_parameters
    return complete


def variable(purpose: str, setting: str) -> str:
    """What a user sets ``setting`` of a bucket by."""
    own = f"s3_{purpose}_{setting}".replace("-", "_")
    return own if own in OWN_VARIABLES else f"s3_buckets.{purpose}.{setting}"


def check(params: Mapping[str, Any], region: str) -> None:
    if not PART.fullmatch(params["prefix"]):
        raise InvalidInput(f"platform_prefix: {params['prefix']!r} cannot begin a bucket's name: {PART_RULE}")
    _check_range("s3_abort_multipart_days", params["abort_multipart_days"], MAX_DAYS)
    base = base_name(params["prefix"], params["environment"], "0" * ACCOUNT_ID_LENGTH, region)
    buckets = settings(params)
    for purpose, bucket in buckets.items():
        _check_name(purpose, f"{base}-{purpose}")
        for setting, most in MOST.items():
            _check_range(variable(purpose, setting), bucket[setting], most)
        _check_lock(purpose, bucket)
        _check_transitions(purpose, bucket)
        if bucket["noncurrent_versions"] and not bucket["noncurrent_days"]:
            raise InvalidInput(
                f"{variable(purpose, 'noncurrent_versions')}: {bucket['noncurrent_versions']} says how many old versions stay when "
                "others go, so noncurrent_days needs a value of at least 1"
            )
    _check_log_bucket(params["log_bucket"], buckets)


def _check_range(name: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise InvalidInput(f"{name}: {value} is out of range: at least 1 and at most {most}")


def _check_name(purpose: str, name: str) -> None:
    if not PART.fullmatch(purpose):
        raise InvalidInput(f"s3_buckets: {purpose!r} cannot be part of a bucket's name: {PART_RULE}")
    if len(name) > MAX_NAME:
        raise InvalidInput(
            f"s3_buckets: {purpose!r}: the bucket's name {name} (with the account's id for its zeros) has {len(name)} characters: "
            f"shorten it or platform_prefix to at most {MAX_NAME}"
        )
    for reserved in (*filter(name.startswith, RESERVED_BEGINNINGS), *filter(name.endswith, RESERVED_ENDS)):
        raise InvalidInput(
            f"s3_buckets: {purpose!r}: the bucket's name {name} has {reserved!r}, which S3 keeps for itself: rename it"
        )


def _check_lock(purpose: str, bucket: Mapping[str, Any]) -> None:
    mode, days = bucket["lock_mode"], bucket["lock_days"]
    if bool(mode) != bool(days):
        raise InvalidInput(
            f"{variable(purpose, 'lock_mode')}: {mode} and {variable(purpose, 'lock_days')}: {days} go together: set both, "
            "COMPLIANCE or GOVERNANCE and at least 1 day, or neither"
        )
    if mode and not bucket["versioning"]:
        raise InvalidInput(f"{variable(purpose, 'versioning')}: False does not go with a lock: S3 locks versions only, so set true")


def _check_transitions(purpose: str, bucket: Mapping[str, Any]) -> None:
    name, order = variable(purpose, "transitions"), list(STORAGE_CLASSES)
    before, day, least = None, 0, 0
    for step in bucket["transitions"]:
        storage_class = step["storage_class"]
        if before and order.index(storage_class) <= order.index(before):
            raise InvalidInput(f"{name}: {storage_class} after {before} is out of order: objects go down {', '.join(order)} only")
        least = max(least, STORAGE_CLASSES[storage_class])
        if not least <= step["days"] <= MAX_DAYS:
            raise InvalidInput(f"{name}: {storage_class} after {step['days']} days is out of range: at least {least} here")
        before, day = storage_class, step["days"]
        least = day + STAY.get(storage_class, 1)
    if before and bucket["expiration_days"] and bucket["expiration_days"] <= day:
        raise InvalidInput(
            f"{variable(purpose, 'expiration_days')}: {bucket['expiration_days']} is not after the transition to {before} at {day} "
            f"days: at least {day + 1}"
        )


def _check_log_bucket(target: str, buckets: Mapping[str, Mapping[str, Any]]) -> None:
    """Log delivery writes neither with a KMS key nor under a lock ("Enabling server access logging")."""
    if target not in buckets:
        raise InvalidInput(f"s3_log_bucket: {target!r} is not one of s3_buckets: {', '.join(sorted(buckets)) or 'there are none'}")
    if buckets[target]["encryption"] != "s3":
        raise InvalidInput(f"s3_buckets.{target}.encryption: 'kms' is not for the bucket that gets the access logs: use 's3'")
    if buckets[target]["lock_mode"]:
        raise InvalidInput(f"s3_buckets.{target}.lock_mode: the bucket that gets the access logs cannot have a lock: leave it out")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    buckets = settings(params)
    resources = [_bucket(purpose, buckets[purpose], params, place) for purpose in buckets]
    if any(bucket["encryption"] == "kms" for bucket in buckets.values()):
        resources.append(kms.looked_up(place, params["kms_key"]))
    return resources


def bucket_name(prefix: str, place: Place, purpose: str) -> str:
    return f"{base_name(prefix, place.environment, place.account_id, place.region)}-{purpose}"


def looked_up(place: Place, prefix: str, purpose: str) -> Resource:
    """The bucket as another tier refers to it: ``Ref("s3_bucket/<purpose>", "arn")``."""
    return Resource(Bucket(), purpose, {"name": bucket_name(prefix, place, purpose)}, provider="s3")


def _bucket(purpose: str, bucket: Mapping[str, Any], params: Mapping[str, Any], place: Place) -> Resource:
    logs_to = None if purpose == params["log_bucket"] else params["log_bucket"]
    locked = bool(bucket["lock_mode"])
    return Resource(
        Bucket(),
        purpose,
        desired={
            "name": bucket_name(params["prefix"], place, purpose),
            "versioning": bucket["versioning"],
            "public_access_block": dict.fromkeys(
                ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
            ),
            "object_ownership": "BucketOwnerEnforced",
            "encryption": _encryption(bucket, params),
            "policy": _policy(purpose, bucket, params, place),
            "object_lock_enabled": locked,
            "object_lock": {"Mode": bucket["lock_mode"], "Days": bucket["lock_days"]} if locked else None,
            "lifecycle": _lifecycle(bucket, params["abort_multipart_days"]),
            "logging": {"bucket": Ref(f"s3_bucket/{logs_to}", "name"), "prefix": f"{purpose}/"} if logs_to else {},
        },
        options={"destroy_data": params["destroy_data"]},
    )


def _encryption(bucket: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    if bucket["encryption"] == "s3":
        return {"algorithm": "AES256"}
    return {"algorithm": "aws:kms", "key": _key(params), "bucket_key": True}


def _key(params: Mapping[str, Any]) -> Ref:
    return Ref(f"kms_key/{params['kms_key']}", "arn")


def _lifecycle(bucket: Mapping[str, Any], abort_days: int) -> dict[str, Any]:
    """One rule for each thing that is set. An expiration in days removes lone delete markers too."""
    rules = [rule("abort-stale-uploads", AbortIncompleteMultipartUpload={"DaysAfterInitiation": abort_days})]
    if bucket["transitions"]:
        steps = [{"Days": step["days"], "StorageClass": step["storage_class"]} for step in bucket["transitions"]]
        rules.append(rule("tier", Transitions=steps))
    if bucket["expiration_days"]:
        rules.append(rule("expire", Expiration={"Days": bucket["expiration_days"]}))
    if bucket["noncurrent_days"]:
        old = {"NoncurrentDays": bucket["noncurrent_days"]}
        if bucket["noncurrent_versions"]:
            old["NewerNoncurrentVersions"] = bucket["noncurrent_versions"]
        markers = {} if bucket["expiration_days"] else {"Expiration": {"ExpiredObjectDeleteMarker": True}}
        rules.append(rule("expire-old-versions", NoncurrentVersionExpiration=old, **markers))
    return {RULES: rules, MINIMUM: DEFAULT_MINIMUM}


def _policy(purpose: str, bucket: Mapping[str, Any], params: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Refusals for everyone; who may read and write is left to the account's IAM policies. The log bucket lets log delivery in."""
    arn = _arn(place, bucket_name(params["prefix"], place, purpose))
    both = [arn, f"{arn}/*"]
    statements = [
        deny_insecure_transport("TlsOnly", "s3:*", both),
        _deny("CurrentTlsOnly", "s3:*", both, {"NumericLessThan": {"s3:TlsVersion": LEAST_TLS}}),
    ]
    if bucket["encryption"] == "kms" and params["refuse_other_keys"]:
        statements += _refuse_other_keys(f"{arn}/*", _key(params))
    if purpose == params["log_bucket"]:
        statements += _log_delivery(arn, params, place)
    return document(statements)


def _refuse_other_keys(objects: str, key: Ref) -> list[dict[str, Any]]:
    """Uploads that name an encryption of their own, unless it is the bucket's; those that name none get the bucket's.

    A negated condition holds where its key is missing, so each goes with the demand that the header is there.
    """
    header = "s3:x-amz-server-side-encryption"
    conditions = {
        "OtherEncryption": {"Null": {header: "false"}, "StringNotEquals": {header: "aws:kms"}},
        "OtherKey": {"Null": {f"{header}-aws-kms-key-id": "false"}, "ArnNotEquals": {f"{header}-aws-kms-key-id": key}},
        "CallersOwnKey": {"Null": {f"{header}-customer-algorithm": "false"}},
    }
    return [_deny(sid, "s3:PutObject", objects, condition) for sid, condition in conditions.items()]


def _log_delivery(arn: str, params: Mapping[str, Any], place: Place) -> list[dict[str, Any]]:
    """S3 itself, load balancers and CloudFront, each for what is this account's.

    Where the last statement is missing, CloudWatch Logs adds one to the policy (its user guide, "Logs sent to Amazon S3").
    """
    account = {"aws:SourceAccount": place.account_id}
    sources: dict[str, tuple[str, str, str, dict[str, str]]] = {
        "ServerAccessLogs": ("logging.s3.amazonaws.com", "*", _arn(place, bucket_name(params["prefix"], place, "*")), account),
        "LoadBalancerLogs": (
            "logdelivery.elasticloadbalancing.amazonaws.com",
            f"{LOAD_BALANCER_LOGS}/AWSLogs/{place.account_id}/*",
            place.arn("elasticloadbalancing", "loadbalancer/*"),
            {},
        ),
        "EdgeLogs": (
            "delivery.logs.amazonaws.com",
            f"{EDGE_LOGS}/*",
            place.arn("logs", "delivery-source:*", region=EDGE),
            {**account, "s3:x-amz-acl": "bucket-owner-full-control"},
        ),
    }
    return [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{objects}",
            "Condition": {"ArnLike": {"aws:SourceArn": source}, **({"StringEquals": equal} if equal else {})},
        }
        for sid, (service, objects, source, equal) in sources.items()
    ]


def _deny(sid: str, action: str, resources: Any, condition: Mapping[str, Any]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Deny", "Principal": "*", "Action": action, "Resource": resources, "Condition": condition}


def _arn(place: Place, bucket: str) -> str:
    return place.arn("s3", bucket, region="", account="")
