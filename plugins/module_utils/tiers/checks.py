# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several tiers check of their input. Each raises InvalidInput, naming the variable, the value and what is accepted."""

from __future__ import annotations

import re
from typing import Any

from ..reconcile.errors import InvalidInput
from ..resources.logs import RETENTION_DAYS

POLICY_ARN = re.compile(r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+$")


def within(variable: str, value: int, least: int, most: int, unit: str = "") -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{variable}: {value} is outside {least} to {most}{' ' + unit if unit else ''}")


def retention(variable: str, days: int) -> None:
    """Of a CloudWatch Logs log group."""
    if days not in RETENTION_DAYS:
        raise InvalidInput(f"{variable}: {days} is none of {', '.join(map(str, RETENTION_DAYS))}")


def permissions_boundary(variable: str, arn: str | None) -> None:
    """Unset and empty are none."""
    if arn and not POLICY_ARN.match(arn):
        raise InvalidInput(f"{variable}: {arn!r} is no policy: use an ARN such as arn:aws:iam::123456789012:policy/boundary")


def can_be_tag(key: str, value: Any) -> bool:
    """Of the tags that a variable gives besides ours; raises nothing, since the callers name what they tag."""
    return isinstance(value, str) and len(value) <= 256 and 1 <= len(key) <= 128 and not key.startswith(("aws:", "agent-platform:"))
