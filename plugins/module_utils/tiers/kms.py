# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys tier: which keys there are, whom each serves, and the policy that follows from that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..aws.policies import document
from ..reconcile.errors import InvalidInput
from ..reconcile.resource import Resource
from ..resources.kms import Key
from ..tier_module import Place

USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
KEY_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,63}$")
ARN = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:(root|role/.+|user/.+)$")


@dataclass(frozen=True)
class Use:
    """How a service reaches a key.

    ``via``: service prefixes of ``kms:ViaService``, for calls that it makes in its caller's name; ``grants``: it makes grants for
    its own resources then. ``principals``: service principals that call KMS by themselves, held to this account.
    """

    via: tuple[str, ...] = ()
    grants: bool = False
    principals: tuple[str, ...] = ()


SERVICES = {
    "s3": Use(via=("s3",), principals=("delivery.logs.amazonaws.com",)),
    "logs": Use(),  # by logs_statement: CloudWatch Logs proves itself by the encryption context
    "cloudtrail": Use(principals=("cloudtrail.amazonaws.com",)),
    "backup": Use(via=("backup",), grants=True),
    "ecr": Use(via=("ecr",), grants=True),
    "rds": Use(via=("rds",), grants=True),
    "dynamodb": Use(via=("dynamodb",), grants=True),
    # CloudWatch alarms, EventBridge and S3 notifications publish to encrypted topics and queues in their own name.
    "sns": Use(
        via=("sns",),
        principals=("sns.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com"),
    ),
    "sqs": Use(via=("sqs",), principals=("sns.amazonaws.com", "events.amazonaws.com", "s3.amazonaws.com")),
    "elasticache": Use(via=("elasticache",), grants=True),
    "secretsmanager": Use(via=("secretsmanager",), grants=True),
    "eks": Use(via=("eks",), grants=True),
    "ebs": Use(via=("ec2",), grants=True),  # and autoscaling_statements, for nodes
}

SPEC = {
    "key_for": {"type": "dict", "required": True, "no_log": False},
    "administrators": {"type": "list", "elements": "str", "default": []},
    "rotation_period_days": {"type": "int", "default": 365},
    "deletion_window_days": {"type": "int", "default": 30},
}


def check(params: Mapping[str, Any], region: str) -> None:
    key_for = params["key_for"]
    unknown = sorted(set(key_for) - set(SERVICES))
    if unknown:
        raise InvalidInput(f"platform_kms_key_for: {unknown[0]!r} is not a service we know: one of {', '.join(sorted(SERVICES))}")
    for service, name in key_for.items():
        if not isinstance(name, str) or not KEY_NAME.match(name):
            raise InvalidInput(
                f"platform_kms_key_for: the key {name!r} of {service} cannot be in an alias: lower-case letters, digits, _ and -"
            )
    if not 7 <= params["deletion_window_days"] <= 30:
        raise InvalidInput(f"kms_deletion_window_days: {params['deletion_window_days']} is outside 7 to 30 days")
    if not 90 <= params["rotation_period_days"] <= 2560:
        raise InvalidInput(f"kms_rotation_period_days: {params['rotation_period_days']} is outside 90 to 2560 days")
    for arn in params["administrators"]:
        if not ARN.match(arn):
            raise InvalidInput(f"kms_administrators: {arn!r} is not the ARN of an IAM role, user or account root")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    served: dict[str, list[str]] = {}
    for service, name in params["key_for"].items():
        served.setdefault(name, []).append(service)
    return [
        Resource(
            Key(),
            name,
            desired={
                "alias": alias(place.environment, name),
                "description": f"{place.deployment}: encrypts {', '.join(sorted(services))}",
                "enabled": True,
                "key_spec": "SYMMETRIC_DEFAULT",
                "policy": key_policy(sorted(services), place, params["administrators"]),
                "rotation_period_days": params["rotation_period_days"],
            },
            options={"deletion_window_days": params["deletion_window_days"]},
        )
        for name, services in sorted(served.items())
    ]


def alias(environment: str, name: str) -> str:
    return f"alias/{environment}/{name}"


def looked_up(place: Place, name: str) -> Resource:
    """The key ``name`` as another tier refers to it: ``Ref("kms_key/<name>", "arn")``."""
    return Resource(Key(), name, {"alias": alias(place.environment, name)}, provider="kms")


def key_policy(services: list[str], place: Place, administrators: list[str]) -> dict[str, Any]:
    """The least that lets each of ``services`` use the key, for this account only. IAM policies decide for everyone else in it."""
    uses = [SERVICES[service] for service in services]
    statements: list[dict[str, Any]] = [
        {
            "Sid": "AccountDelegatesToIAM",
            "Effect": "Allow",
            "Principal": {"AWS": place.arn("iam", "root", region="")},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    if administrators:
        statements.append(_administration(administrators))
    via = sorted({f"{prefix}.{place.region}.amazonaws.com" for use in uses for prefix in use.via})
    if via:
        statements.append(_via("UseThroughServices", USE, via, place))
    granting = sorted({f"{prefix}.{place.region}.amazonaws.com" for use in uses if use.grants for prefix in use.via})
    if granting:
        statement = _via("GrantsForServiceResources", ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"], granting, place)
        statement["Condition"]["Bool"] = {"kms:GrantIsForAWSResource": "true"}
        statements.append(statement)
    principals = sorted({principal for use in uses for principal in use.principals})
    if principals:
        statements.append(
            {
                "Sid": "ServicesOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": principals},
                "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": place.account_id}},
            }
        )
    if "sns" in services:
        statements.append(_events_to_topics(place))
    if "logs" in services:
        statements.append(_logs(place))
    if "ebs" in services:
        statements += _autoscaling(place)
    return document(statements)


def _administration(administrators: list[str]) -> dict[str, Any]:
    actions = ["Create", "Describe", "Enable", "List", "Put", "Update", "Revoke", "Disable", "Get", "Delete"]
    return {
        "Sid": "Administrators",
        "Effect": "Allow",
        "Principal": {"AWS": sorted(administrators)},
        "Action": [
            *(f"kms:{action}*" for action in actions),
            "kms:CancelKeyDeletion",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        "Resource": "*",
    }


def _via(sid: str, actions: list[str], services: list[str], place: Place) -> dict[str, Any]:
    """Principals of this account, as long as the call comes through one of the services."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:CallerAccount": place.account_id, "kms:ViaService": services}},
    }


def _events_to_topics(place: Place) -> dict[str, Any]:
    """EventBridge names no source when it publishes to an encrypted topic, so the topic itself is the proof.

    SNS user guide, "Key management": source conditions "not supported for EventBridge-to-encrypted topics"; encryption context.
    """
    return {
        "Sid": "EventsToTopics",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": place.arn("sns", "*")}},
    }


def _logs(place: Place) -> dict[str, Any]:
    return {
        "Sid": "CloudWatchLogs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{place.region}.amazonaws.com"},
        "Action": USE,
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": place.arn("logs", "*")}},
    }


def _autoscaling(place: Place) -> list[dict[str, Any]]:
    """Nodes' volumes: the service-linked role of EC2 Auto Scaling calls KMS itself.

    An empty account does not have that role yet, and KMS refuses a policy that names a principal which does not exist; so the
    statement names it in a condition.
    """
    role = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling*"
    who = {
        "ArnLike": {"aws:PrincipalArn": place.arn("iam", role, region="")},
        "StringEquals": {"kms:CallerAccount": place.account_id},
    }
    use = {
        "Sid": "NodeVolumes",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": USE,
        "Resource": "*",
        "Condition": who,
    }
    grants = {
        **use,
        "Sid": "NodeVolumeGrants",
        "Action": "kms:CreateGrant",
        "Condition": {**who, "Bool": {"kms:GrantIsForAWSResource": "true"}},
    }
    return [use, grants]
