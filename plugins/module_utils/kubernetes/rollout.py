# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what was applied runs: Deployments with all of their pods available, and secrets that were fetched; and else why not.

Facts: Kubernetes, "Deployments" (status of a rollout), "Pod Lifecycle" (reasons of a waiting container); external-secrets.io,
"ExternalSecret" (condition ``Ready``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..reconcile.errors import EngineError
from .objects import Object, address

KINDS = ("Deployment", "ExternalSecret")
# Seconds between two looks: the first, and the most.
FIRST, MOST = 1.0, 5.0
# What somebody has to mend: after so many seconds of it nothing more is waited for.
PATIENCE = 180.0
# A look that fails, as by a packet that was lost, is repeated for so many seconds.
SILENCE = 60.0
HOPELESS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "SecretSyncedError",
    "ProgressDeadlineExceeded",
)
LONGEST = 200


@dataclass(frozen=True)
class Unready:
    """``state``: how far it is. ``reason``: the cluster's word for why, empty where it has none. ``why``: that in more words, with
    the command that tells all."""

    address: str
    state: str
    reason: str
    why: str

    @property
    def sentence(self) -> str:
        return f"{self.address}: {self.state}: {self.why}"


def unready(items: Iterable[Object], pods_of: Callable[[Object], Sequence[Object]]) -> list[Unready]:
    """Of Deployments and ExternalSecrets as they stand. ``pods_of``: the pods of a Deployment, asked only for one that is not
    available."""
    found = []
    for item in items:
        if item["kind"] == "ExternalSecret":
            found += _secret(item)
        elif state := _missing_pods(item):
            found.append(_deployment(item, state, pods_of(item)))
    return found


def wait(
    look: Callable[[], list[Unready]],
    seconds: float,
    tell: Callable[[str, str, float], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Unready]:
    """What is not ready after ``seconds``, or when only somebody's hand would help. ``tell``: of each look, as RunOptions has
    it. Raises what the look raises when that has gone on for SILENCE, or still does after ``seconds``."""
    begun, pause = clock(), FIRST
    # By address alone: the kubelet says ErrImagePull and ImagePullBackOff of the same image in turn.
    hopeless_since: dict[str, float] = {}
    silent_since: float | None = None
    while True:
        try:
            found = look()
        except EngineError:
            passed = clock() - begun
            silent_since = passed if silent_since is None else silent_since
            if passed - silent_since >= SILENCE or passed >= seconds:
                raise
        else:
            if not found:
                return []
            passed, silent_since = clock() - begun, None
            hopeless_since = {one.address: hopeless_since.get(one.address, passed) for one in found if one.reason in HOPELESS}
            lost = len(hopeless_since) == len(found) and all(passed - since >= PATIENCE for since in hopeless_since.values())
            if lost or passed >= seconds:
                return found
            for one in found:
                tell(one.address, one.reason or one.state, passed)
        sleep(max(min(pause, seconds - passed), 0.1))
        pause = min(2 * pause, MOST)


def _secret(item: Object) -> list[Unready]:
    ready = _condition(item, "Ready")
    if ready.get("status") == "True":
        return []
    metadata, reason = item["metadata"], ready.get("reason", "")
    why = _words(reason or "External Secrets has not looked at it", ready.get("message"))
    command = f"kubectl -n {metadata['namespace']} describe externalsecret {metadata['name']}"
    return [Unready(address(item), "its secret is not fetched", reason, f"{why}; see {command}")]


def _missing_pods(item: Object) -> str:
    """How far a rollout is; empty when it is through."""
    status, wanted = item.get("status") or {}, item["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return "its rollout has not begun"
    # Of the new pods alone: old ones that are on their way out count as available too.
    available = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    left = status.get("replicas", 0) - status.get("updatedReplicas", 0)
    if available < wanted:
        return f"{available} of {wanted} pods are available"
    return f"{left} pods of before are still there" if left > 0 else ""


def _deployment(item: Object, state: str, pods: Sequence[Object]) -> Unready:
    metadata = item["metadata"]
    for pod in pods:
        if found := _trouble(pod):
            reason, why, doing = found
            command = f"kubectl -n {metadata['namespace']} {doing} {pod['metadata']['name']}"
            return Unready(address(item), state, reason, f"pod {pod['metadata']['name']}: {why}; see {command}")
    for kind in ("ReplicaFailure", "Progressing"):
        condition = _condition(item, kind)
        if condition.get("reason") in ("FailedCreate", "ProgressDeadlineExceeded"):
            command = f"kubectl -n {metadata['namespace']} describe deployment {metadata['name']}"
            why = f"{_words(condition['reason'], condition.get('message'))}; see {command}"
            return Unready(address(item), state, condition["reason"], why)
    command = f"kubectl -n {metadata['namespace']} get pods -l {_selector(item)}"
    return Unready(address(item), state, "", f"no pod says why; see {command}")


def _trouble(pod: Object) -> tuple[str, str, str] | None:
    """Reason, words, and the command of kubectl that tells more; None for a pod without trouble."""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason and reason not in ("ContainerCreating", "PodInitializing"):
            doing = "logs --previous" if reason == "CrashLoopBackOff" else "describe pod"
            return reason, f"its container {container['name']} waits with {_words(reason, waiting.get('message'))}", doing
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        reason = scheduled.get("reason", "Unschedulable")
        return reason, f"no node takes it: {_words(reason, scheduled.get('message'))}", "describe pod"
    if status.get("phase") == "Pending":
        return "ContainerCreating", "its containers are not started, as while a volume or a secret is missing", "describe pod"
    if _condition(pod, "Ready").get("status") == "False":
        return "NotReady", "it runs and is not ready, as while its health check fails", "logs"
    return None


def _condition(item: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def _selector(item: Object) -> str:
    return ",".join(f"{key}={value}" for key, value in item["spec"]["selector"]["matchLabels"].items())


def _words(reason: str, message: str | None) -> str:
    text = " ".join((message or "").split()).rstrip(".")
    text = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return f"{reason} ({text})" if text else reason


class Rollouts:
    """What of the desired objects has to come about, and the look at it. ``cluster()``: the way in, with a token that is
    good for this look."""

    def __init__(self, cluster: Callable[[], Any], selector: str, kinds: Sequence[Any], wanted: Iterable[str]):
        self._cluster, self._selector, self._kinds, self._wanted = cluster, selector, kinds, set(wanted)

    def of(self, items: Iterable[Object], cluster: Any = None) -> list[Unready]:
        """Of objects that are known as they stand."""
        ours = [item for item in items if address(item) in self._wanted]
        return unready(ours, lambda item: self._pods(cluster or self._cluster(), item))

    def look(self) -> list[Unready]:
        cluster = self._cluster()
        return self.of(cluster.listed(self._kinds, self._selector), cluster)

    @staticmethod
    def _pods(cluster: Any, item: Object) -> list[Object]:
        path = f"/api/v1/namespaces/{item['metadata']['namespace']}/pods"
        found = (cluster.get(path, labelSelector=_selector(item)) or {}).get("items") or []
        # The newest first: those of before may be in a trouble that is over.
        return sorted(found, key=lambda pod: pod["metadata"].get("creationTimestamp", ""), reverse=True)
