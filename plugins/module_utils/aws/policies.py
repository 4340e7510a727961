# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy documents: composing them, and telling whether two mean the same."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.policy import compare_policies

VERSION = "2012-10-17"


def document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": statements}


def same_policy(desired: Any, observed: Any) -> bool:
    """True when AWS would store both alike. Takes documents as dicts or JSON texts; None and empty mean no policy."""
    desired, observed = parse(desired), parse(observed)
    if not desired or not observed:
        return bool(desired) == bool(observed)
    return not compare_policies(observed, desired, default_version=None)


def parse(policy: Any) -> Any:
    return json.loads(policy) if isinstance(policy, str) and policy else policy


def text(policy: Any) -> str:
    """The document as AWS wants it: compact JSON."""
    return json.dumps(policy, separators=(",", ":"), sort_keys=True)


def deny_insecure_transport(sid: str, action: str, resources: Any) -> dict[str, Any]:
    """A statement that refuses whatever does not come over TLS (``aws:SecureTransport``)."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
