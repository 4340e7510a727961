# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of EKS share: a change is an update of its own, which EKS takes one at a time and reports on.

Facts: EKS API reference (DescribeUpdate; ResourceInUseException while another change is under way).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import written
from ...reconcile.delta import Change
from ...reconcile.errors import WaitFailed
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter, wait_ready
from ..strangers import Candidate, among

GONE = "ResourceNotFoundException"
BUSY = "ResourceInUseException"
ACTIVE = "ACTIVE"
DELETING = "DELETING"
# How long a change may take: nodes are replaced a third at a time, each drained first.
CHANGE_TIMEOUT = 7200.0
_TURN = Waiter(ready=frozenset({"accepted"}), delay=15.0, timeout=CHANGE_TIMEOUT)
_DONE = Waiter(ready=frozenset({"Successful"}), delay=15.0, timeout=CHANGE_TIMEOUT)


def change(context: Context, address: str, call: Callable[[], Mapping[str, Any]], cluster: str, **part: str) -> None:
    """Make a change once no other is under way, and wait for its end. ``part``: ``nodegroupName`` or ``addonName``, if it is one's.

    Raises WaitFailed with EKS's own reasons when the change fails.
    """
    answers: list[Mapping[str, Any]] = []

    def attempt() -> str:
        try:
            answers.append(call())
        except Exception as error:
            if not is_code(error, BUSY):
                raise
            return "busy with another change"
        return "accepted"

    wait_ready(_TURN, address, attempt, context.progress, str)
    update = answers[0]["update"]["id"]

    def progress() -> str:
        answer = context.api.client("eks").describe_update(name=cluster, updateId=update, **part)["update"]
        if answer["status"] in ("Failed", "Cancelled"):
            raise WaitFailed(
                f"{address}: EKS ended the change {answer.get('type', '')} as {answer['status']}: {reasons(answer.get('errors'))}: "
                "mend that and run again"
            )
        return answer["status"]

    wait_ready(_DONE, address, progress, context.progress, str)


def create(kind: Kind, context: Context, resource: Resource, stub: Observed, call: Callable[[], Any]) -> Any:
    """The answer of ``call``, which makes the resource that ``stub`` names; one of the same name that is on its way out ends first.

    A role that was made a moment ago is known everywhere only after seconds.
    """

    def attempt() -> Any:
        return until(call, not_yet=_unknown_role)

    try:
        return attempt()
    except Exception as error:
        if not is_code(error, BUSY) or kind.refresh(context, stub) not in (DELETING, None):
            raise
    kind.wait_gone(context, stub)
    return attempt()


def _unknown_role(error: Exception) -> bool:
    return is_code(error, "InvalidParameterException", "InvalidRequestException") and "role" in str(error).lower()


def reasons(issues: Iterable[Mapping[str, Any]] | None) -> str:
    """EKS's errors of an update, or issues of a resource's health, as one line."""
    texts = [
        f"{issue.get('errorCode') or issue.get('code')}: {(issue.get('errorMessage') or issue.get('message') or '').rstrip('.')}"
        + (f" ({', '.join(issue['resourceIds'])})" if issue.get("resourceIds") else "")
        for issue in issues or ()
    ]
    return "; ".join(texts) or "no reason given"


def clusters_of(view: View) -> list[str]:
    """Names of our clusters in which there can be something: EKS does not list it before they are made."""
    unmade = ("CREATING", "FAILED", DELETING)
    clusters = view.of("eks_cluster").values()
    return [cluster.id for cluster in clusters if view.owner.owns(cluster.tags or {}) and cluster.state not in unmade]


def parts(view: View, operation: str, key: str) -> list[tuple[str, Any]]:
    """(cluster, item) of one of EKS's lists, of each of our clusters."""
    clusters = clusters_of(view)
    lists = view.api.map(lambda name: unless_gone(lambda: view.api.pages("eks", operation, key, clusterName=name)), clusters)
    return [(cluster, item) for cluster, items in zip(clusters, lists, strict=True) for item in items or ()]


def strangers(view: View, kind: Kind, described: Iterable[tuple[str, Mapping[str, Any]]], arn: str) -> Iterator[Stranger]:
    """Of parts of our clusters (name -> what EKS describes), those of others."""
    why = "it is in a cluster of this deployment and does not carry its tags"
    yield from among(view, kind, [Candidate(name, item[arn], why, item.get("tags") or {}) for name, item in described])


def unless_gone(call: Callable[[], Any]) -> Any:
    """None for what EKS does not know (any more)."""
    with tolerating(GONE):
        return call()
    return None


def write_tags(context: Context, arn: str, tags: Change) -> None:
    client = context.api.client("eks")
    to_set, to_remove = written(tags)
    if to_set:
        client.tag_resource(resourceArn=arn, tags=to_set)
    if to_remove:
        client.untag_resource(resourceArn=arn, tagKeys=to_remove)
