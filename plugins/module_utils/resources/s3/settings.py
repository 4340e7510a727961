# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configurations of a bucket, one row each: S3 reads and writes every one of them by a call of its own.

None has a bulk form: S3 answers for one bucket at a time (S3 API reference, "Actions").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...aws.errors import is_code
from ...aws.policies import parse, same_policy, text
from ...reconcile.delta import Field
from . import lifecycle


@dataclass(frozen=True)
class Setting:
    """A field of a bucket, and the calls behind it.

    ``get``: the reading operation; ``value``: its answer as the field's value. ``absent``: the code by which S3 says that nothing
    is configured; ``value`` then gets an empty answer. ``put``: the writing operation; ``arguments``: what it takes for a value.
    """

    field: Field
    get: str
    value: Callable[[Mapping[str, Any]], Any]
    put: str
    arguments: Callable[[Any], dict[str, Any]]
    absent: str = ""

    def read(self, client: Any, bucket: str) -> Any:
        try:
            answer = getattr(client, self.get)(Bucket=bucket)
        except Exception as error:
            if not is_code(error, self.absent):
                raise
            answer = {}
        return self.value(answer)

    def write(self, client: Any, bucket: str, value: Any) -> None:
        getattr(client, self.put)(Bucket=bucket, **self.arguments(value))


def _ownership(answer: Mapping[str, Any]) -> str | None:
    rules = answer.get("OwnershipControls", {}).get("Rules")
    return rules[0]["ObjectOwnership"] if rules else None


def _encryption(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """``{algorithm}``, and for a KMS key ``{algorithm, key, bucket_key}``: S3 keeps the key as it was written."""
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules")
    if not rules:
        return None
    default = rules[0]["ApplyServerSideEncryptionByDefault"]
    if default["SSEAlgorithm"] == "AES256":
        return {"algorithm": "AES256"}
    return {
        "algorithm": default["SSEAlgorithm"],
        "key": default.get("KMSMasterKeyID"),
        "bucket_key": bool(rules[0].get("BucketKeyEnabled")),
    }


def _put_encryption(value: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": value["algorithm"]}}
    if value.get("key"):
        rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] = value["key"]
        rule["BucketKeyEnabled"] = value["bucket_key"]
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def _object_lock(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """The default retention, ``{Mode, Days}`` or ``{Mode, Years}``; empty when locks are on without one; None when they are off."""
    configuration = answer.get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return None
    retention = configuration.get("Rule", {}).get("DefaultRetention", {})
    return {name: retention[name] for name in ("Mode", "Days", "Years") if retention.get(name)}


def _put_object_lock(value: Mapping[str, Any]) -> dict[str, Any]:
    configuration: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if value:
        configuration["Rule"] = {"DefaultRetention": dict(value)}
    return {"ObjectLockConfiguration": configuration}


def _logging(answer: Mapping[str, Any]) -> dict[str, Any]:
    """``{bucket, prefix}``, and ``format`` where keys are not plain; empty when logging is off."""
    enabled = answer.get("LoggingEnabled")
    if not enabled:
        return {}
    value = {"bucket": enabled["TargetBucket"], "prefix": enabled.get("TargetPrefix", "")}
    if "PartitionedPrefix" in enabled.get("TargetObjectKeyFormat", {}):
        value["format"] = "partitioned"
    return value


def _put_logging(value: Mapping[str, Any]) -> dict[str, Any]:
    status = {"LoggingEnabled": {"TargetBucket": value["bucket"], "TargetPrefix": value["prefix"]}} if value else {}
    return {"BucketLoggingStatus": status}


# In the order in which they are written: a lock needs versioning.
SETTINGS = (
    Setting(
        Field("versioning"),
        get="get_bucket_versioning",
        value=lambda answer: answer.get("Status") == "Enabled",
        put="put_bucket_versioning",
        arguments=lambda on: {"VersioningConfiguration": {"Status": "Enabled" if on else "Suspended"}},
    ),
    Setting(
        Field("public_access_block"),
        get="get_public_access_block",
        value=lambda answer: answer.get("PublicAccessBlockConfiguration"),
        put="put_public_access_block",
        arguments=lambda value: {"PublicAccessBlockConfiguration": value},
        absent="NoSuchPublicAccessBlockConfiguration",
    ),
    Setting(
        Field("object_ownership"),
        get="get_bucket_ownership_controls",
        value=_ownership,
        put="put_bucket_ownership_controls",
        arguments=lambda value: {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}},
        absent="OwnershipControlsNotFoundError",
    ),
    Setting(
        Field("encryption"),
        get="get_bucket_encryption",
        value=_encryption,
        put="put_bucket_encryption",
        arguments=_put_encryption,
        absent="ServerSideEncryptionConfigurationNotFoundError",
    ),
    Setting(
        Field("policy", equal=same_policy),
        get="get_bucket_policy",
        value=lambda answer: parse(answer.get("Policy")),
        put="put_bucket_policy",
        arguments=lambda value: {"Policy": text(value)},
        absent="NoSuchBucketPolicy",
    ),
    Setting(
        Field("object_lock"),
        get="get_object_lock_configuration",
        value=_object_lock,
        put="put_object_lock_configuration",
        arguments=_put_object_lock,
        absent="ObjectLockConfigurationNotFoundError",
    ),
    Setting(
        Field("lifecycle", canonical=lifecycle.canonical),
        get="get_bucket_lifecycle_configuration",
        value=lambda answer: {name: answer[name] for name in (lifecycle.RULES, lifecycle.MINIMUM) if name in answer},
        put="put_bucket_lifecycle_configuration",
        arguments=lifecycle.arguments,
        absent="NoSuchLifecycleConfiguration",
    ),
    Setting(
        Field("logging"),
        get="get_bucket_logging",
        value=_logging,
        put="put_bucket_logging",
        arguments=_put_logging,
    ),
)
