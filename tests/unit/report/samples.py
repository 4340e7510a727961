"""Results of tiers, made up, with everything in them that a report has to show."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file

PLACE = {"deployment": "prod-us-east-1", "environment": "prod", "region": "us-east-1", "account": "123456789012"}
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
POLICY = {"Statement": [{"Effect": "Allow", "Action": f"s3:Get{n}", "Resource": "*"} for n in range(20)]}
OTHER_POLICY = {"Statement": [*POLICY["Statement"][:-1], {"Effect": "Deny", "Action": "s3:Get19", "Resource": "*"}]}


def change(field: str, old: Any, new: Any) -> dict[str, Any]:
    return {"field": field, "old": old, "new": new}


def action(address: str, verb: str, *fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"address": address, "action": verb, "fields": list(fields), **more}


RESULTS: dict[str, dict[str, Any]] = {
    "kms": {
        "plan": [
            action("kms_key/rds", "update", change("rotation", 365, 180), change("policy", POLICY, OTHER_POLICY)),
            action(
                "kms_key/storage", "create", change("alias", None, "alias/prod/storage"), change("arn", None, "(known after apply)")
            ),
        ],
        "ground": {"kms_key/rds": {"id": "aa", "rotation": "bb"}, "kms_key/storage": {"id": "cc"}},
        "refusals": [],
        "unmanaged": ["kms_key/old"],
        "kept": [],
    },
    "secrets": {
        "plan": [action("secret/a", "update", change("value", "(sensitive)", "(sensitive)"))],
        "ground": {"secret/a": {"id": "dd"}},
        "refusals": [{"address": "secret/b", "reason": "it holds | data `and` <more>"}],
        "unmanaged": [],
        "kept": [{"address": "secret/c", "reason": "it holds data"}],
    },
    "vpc": {
        "plan": [
            action("subnet/a", "replace", change("cidr", "10.0.0.0/24", "10.0.1.0/24"), reason="AWS cannot change cidr in place"),
            action("subnet/b", "delete", leaves="snapshot b-1"),
        ],
        "ground": {"subnet/a": {"id": "ee", "vpc/main": "ff"}, "subnet/b": {"id": "gg"}},
        "refusals": [],
        "unmanaged": [],
        "kept": [],
    },
}


def results() -> dict[str, dict[str, Any]]:
    return copy.deepcopy(RESULTS)


def without_refusals() -> dict[str, dict[str, Any]]:
    found = results()
    found["secrets"]["refusals"] = []
    return found


def document(made: dict[str, dict[str, Any]] | None = None, **place: str) -> dict[str, Any]:
    return plan_file.document({**PLACE, **place}, without_refusals() if made is None else made, "0.1.0", NOW)
