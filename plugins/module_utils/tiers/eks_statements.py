# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements of the cluster's roles are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..reconcile.reference import Ref
from ..tier_module import Place

READ_SECRET = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
USE_KEY = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]


def allow(actions: Any, resources: Any, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": actions,
        "Resource": resources,
        **({"Condition": dict(condition)} if condition else {}),
    }


def key(params: Mapping[str, Any], service: str) -> Ref:
    """The ARN of the key that encrypts what ``service`` keeps."""
    return Ref(f"kms_key/{params['key_for'][service]}", "arn")


def through(params: Mapping[str, Any], place: Place, service: str) -> dict[str, Any]:
    """Use of a service's key, by way of that service alone."""
    return allow(USE_KEY, key(params, service), {"StringEquals": {"kms:ViaService": f"{service}.{place.region}.amazonaws.com"}})


def read_secrets(params: Mapping[str, Any], place: Place, names: list[str]) -> list[dict[str, Any]]:
    """AWS appends a hyphen and six characters to a secret's name."""
    arns = [place.arn("secretsmanager", f"secret:{place.environment}/{name}") for name in names]
    return [allow(READ_SECRET, arns), through(params, place, "secretsmanager")]
