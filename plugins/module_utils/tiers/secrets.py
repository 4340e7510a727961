# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets tier: which secrets there are, who may reach them, and which values we keep in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..aws.policies import deny_insecure_transport, document
from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.generated_secret import GeneratedSecret
from ..resources.secretsmanager import AWS_KEY, Secret, secret_string
from ..tier_module import Place
from . import kms

NAME = re.compile(r"^[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*\Z")
# Of a secret's whole name, and of the value of the tag that holds its address.
NAME_LENGTH = 256
DESCRIPTION_LENGTH = 2048
VALUE_BYTES = 65536
# What AWS puts behind the name in an ARN.
SUFFIX = re.compile(r"-[A-Za-z0-9]{6}\Z")
# Secrets that another tier makes and keeps.
KEPT_BY_OTHERS = {"cloudfront-origin": "cloudfront", "rds/agent-app": "schema", "redis-auth-token": "redis"}
REGION = re.compile(r"^[a-z]{2,4}(-[a-z]+){1,3}-\d{1,2}$")

ENTRY_SPEC = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
}
REPLICA_SPEC = {
    "region": {"type": "str", "required": True},
    "kms_key_arn": {"type": "str", "no_log": False},
}
SPEC = {
    "entries": {"type": "list", "elements": "dict", "required": True, "options": ENTRY_SPEC},
    "values": {"type": "dict", "default": {}, "no_log": True},
    "encryption_key": {"type": "str", "required": True, "no_log": False},
    "replicas": {"type": "list", "elements": "dict", "default": [], "options": REPLICA_SPEC},
    "recovery_window_days": {"type": "int", "default": 30},
    "delete_without_recovery": {"type": "bool", "default": False},
}


def check(params: Mapping[str, Any], region: str) -> None:
    if not kms.KEY_NAME.match(params["encryption_key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['encryption_key']!r} of secretsmanager cannot be part of an alias: lower-case "
            "letters, digits, _ and -"
        )
    if not 7 <= params["recovery_window_days"] <= 30:
        raise InvalidInput(f"secrets_recovery_window_days: {params['recovery_window_days']} is outside 7 to 30 days")
    _check_names([entry["name"] for entry in params["entries"]], params["environment"])
    for entry in params["entries"]:
        length = len(entry.get("description") or "")
        if length > DESCRIPTION_LENGTH:
            raise InvalidInput(
                f"secrets_entries: the description of {entry['name']} has {length} characters: use at most {DESCRIPTION_LENGTH}"
            )
    _check_values(params["values"], {entry["name"] for entry in params["entries"]})
    _check_replicas(params["replicas"], region)


def _check_names(names: list[str], environment: str) -> None:
    longest = NAME_LENGTH - max(len(environment) + 1, len(Secret.name) + 1)
    taken: dict[str, str] = {}
    for name in names:
        if not NAME.match(name) or len(name) > longest:
            raise InvalidInput(
                f"secrets_entries: the name {name!r} is none that AWS accepts behind {environment}/: 1 to {longest} letters, "
                "digits, and / _ + = . @ -, with no / at its ends and none after another"
            )
        if name.lower() in taken:
            other = taken[name.lower()]
            clash = "stands twice" if name == other else f"and {other!r} differ only by case"
            raise InvalidInput(f"secrets_entries: the name {name!r} {clash}: use each name once")
        taken[name.lower()] = name
        if name.lower() in KEPT_BY_OTHERS:
            raise InvalidInput(
                f"secrets_entries: the name {name!r} is that of a secret that the {KEPT_BY_OTHERS[name.lower()]} tier keeps: use "
                "another one"
            )
    for name in names:
        shorter = taken.get(SUFFIX.sub("", name).lower())
        if shorter not in (None, name):
            raise InvalidInput(
                f"secrets_entries: the name {name!r} is {shorter!r} with a hyphen and six characters, which is how AWS ends the "
                f"ARN of {shorter!r}: what is allowed for that one could reach this one, so rename either"
            )


def _check_values(values: Mapping[str, Any], names: set[str]) -> None:
    """No sentence holds a value."""
    for name, value in values.items():
        if name not in names:
            raise InvalidInput(f"secrets_values: {name!r} is none of secrets_entries: one of {', '.join(sorted(names)) or 'none'}")
        pairs = value if isinstance(value, Mapping) else {}
        if not isinstance(value, (str, Mapping)) or not all(isinstance(item, str) for item in pairs.values()):
            raise InvalidInput(
                f"secrets_values: the value of {name!r} (not shown) is neither text nor a mapping of names to texts: put numbers "
                "and true and false in quotes, and give anything deeper as JSON text"
            )
        if not value or "" in pairs.values():
            raise InvalidInput(
                f"secrets_values: the value of {name!r} is empty, wholly or in part: use 1 to {VALUE_BYTES} bytes, or leave it out "
                "to set it by hand"
            )
        size = len(secret_string(value).encode("utf-8", "surrogatepass"))
        if size > VALUE_BYTES:
            raise InvalidInput(f"secrets_values: the value of {name!r} has {size} bytes: use 1 to {VALUE_BYTES}")


def _check_replicas(replicas: list[Mapping[str, Any]], own: str) -> None:
    seen: set[str] = set()
    for replica in replicas:
        region, key = replica["region"], replica.get("kms_key_arn")
        if not REGION.match(region):
            raise InvalidInput(f"secrets_replicas: {region!r} is not a region's name: use one such as eu-west-1")
        if region == own:
            raise InvalidInput(f"secrets_replicas: {region!r} is the region of the secrets themselves: use other regions")
        if region in seen:
            raise InvalidInput(f"secrets_replicas: {region!r} stands twice: use each region once")
        seen.add(region)
        if key and not re.match(rf"^arn:aws[a-z-]*:kms:{region}:\d{{12}}:key/.+$", key):
            raise InvalidInput(f"secrets_replicas: kms_key_arn {key!r} is not the ARN of a key in {region}")


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    key = params["encryption_key"]
    replicas = [{"region": item["region"], "kms_key": item.get("kms_key_arn") or AWS_KEY} for item in params["replicas"]]
    return [
        kms.looked_up(place, key),
        *(
            Resource(
                Secret(),
                entry["name"],
                {
                    "name": f"{place.environment}/{entry['name']}",
                    "available": True,
                    "description": entry.get("description") or f"{place.deployment}: {entry['name']}",
                    "kms_key": Ref(f"kms_key/{key}", "arn"),
                    "policy": resource_policy(place),
                    "value": params["values"].get(entry["name"]),
                    "replicas": replicas,
                },
                options={
                    "recovery_window_days": params["recovery_window_days"],
                    "delete_without_recovery": params["delete_without_recovery"],
                },
            )
            for entry in params["entries"]
        ),
    ]


def generated(place: Place, name: str, description: str, key: str, options: Mapping[str, Any]) -> Resource:
    """The secret ``<environment>/<name>``, for another tier, which must look up ``key``: with a value made at random, once.

    ``options`` are those of ``GeneratedSecret``.
    """
    return Resource(
        GeneratedSecret(),
        name,
        {
            "name": f"{place.environment}/{name}",
            "available": True,
            "description": description,
            "kms_key": Ref(f"kms_key/{key}", "arn"),
            "policy": resource_policy(place),
            "stored": True,
        },
        options=dict(options),
    )


def resource_policy(place: Place) -> dict[str, Any]:
    """Nobody of another account gets in, whatever else is allowed, nor a service on another's behalf. IAM decides in this account.

    ``*`` is the secret that the policy is attached to. A service's own call has no principal's account, and a call without a
    source account is not for us.
    """

    def refuse(sid: str, condition: dict[str, Any]) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "secretsmanager:*",
            "Resource": "*",
            "Condition": condition,
        }

    return document(
        [
            refuse(
                "OtherAccounts",
                {
                    "StringNotEquals": {"aws:PrincipalAccount": place.account_id},
                    "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                },
            ),
            refuse(
                "ServicesForOtherAccounts",
                {
                    "StringNotEquals": {"aws:SourceAccount": place.account_id},
                    "Bool": {"aws:PrincipalIsAWSService": "true"},
                },
            ),
            deny_insecure_transport("TlsOnly", "secretsmanager:*", "*"),
        ]
    )
