# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network interfaces that stand in the way of a deletion.

Facts: EC2 and ELB user guides. What AWS made for a load balancer, a database or a function goes minutes after that, some twenty at
the worst; until then EC2 answers DependencyViolation for the subnet and the groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...aws.errors import is_code
from ...reconcile.errors import EngineError, WaitFailed
from ...reconcile.resource import Context, Observed
from ...reconcile.waiter import Waiter, wait_gone

_RELEASE = Waiter(ready=frozenset(), delay=15.0, timeout=1800.0)
LISTED = 5


def delete_when_free(context: Context, observed: Observed, filter_name: str, call: Callable[[], Any]) -> None:
    """Make the call; where interfaces forbid it that AWS will take away, wait for that and call again.

    ``filter_name``: how DescribeNetworkInterfaces names what is deleted (``subnet-id``, ``group-id``, ``vpc-id``). Raises
    EngineError with the interfaces in the way when they are not AWS's to take away, WaitFailed when it does not.
    """
    try:
        call()
        return
    except Exception as error:
        if not is_code(error, "DependencyViolation"):
            raise
        standing = _interfaces(context, filter_name, observed.id)
        if not standing:
            raise
        others = [item for item in standing if not _of_aws(context, item)]
        if others:
            raise EngineError(
                f"{observed.address}: {observed.id} is still used by {_words(others)}, which this deployment did not make: remove "
                "what uses it, and run again"
            ) from error
    last = standing

    def look() -> str | None:
        nonlocal last
        now = _interfaces(context, filter_name, observed.id)
        last = now or last
        return f"in use by {len(now)} interface{'s'[: len(now) > 1]} of AWS" if now else None

    try:
        wait_gone(_RELEASE, observed.address, look, context.progress)
    except WaitFailed as error:
        raise WaitFailed(f"{error}; in the way: {_words(last)}") from error
    call()


def _interfaces(context: Context, filter_name: str, identity: str) -> list[dict[str, Any]]:
    filters = [{"Name": filter_name, "Values": [identity]}]
    return context.api.pages("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=filters)


def _of_aws(context: Context, item: Mapping[str, Any]) -> bool:
    """Managed by a service, attached by one, or just being detached."""
    link = item.get("Attachment") or {}
    owner = link.get("InstanceOwnerId")
    return bool(item.get("RequesterManaged")) or link.get("Status") == "detaching" or owner not in (None, context.api.account_id)


def _words(items: list[dict[str, Any]]) -> str:
    named = [f"{item['NetworkInterfaceId']} ({item.get('Description') or 'no description'})" for item in items[:LISTED]]
    more = f" and {len(items) - LISTED} more" if len(items) > LISTED else ""
    return ", ".join(named) + more
