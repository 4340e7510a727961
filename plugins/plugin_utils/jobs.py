# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a Job of the platform in the cluster: looks whether it is done, makes it by kubernetes.core, and waits for it.

A Job that ended well stays, with its ConfigMap, since it is what tells a later run that nothing is to be done. The next one of its
kind takes its place when it ends well itself: a run that is cut off before finds what it found. So Kubernetes is given no time to
live for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import jobs
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.answers import problems
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import path_of
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.objects import JOB_NAME, Object
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cluster_way import Way
from ansible_collections.agent_platform.aws.plugins.plugin_utils import cluster

# Seconds: between two looks at a Job, and by which its end may be told late.
LOOK_EVERY = 5.0
SLACK = 60.0
# How long the cluster may give no answer, such as while a tunnel comes back.
PATIENCE = 60.0
# Lines of a log that are asked for.
LINES = "2000"
# (what, state, seconds): as RunOptions tells of a wait.
Tell = Callable[[str, str, float], None]


@dataclass(frozen=True)
class Seen:
    """A Job, its last pod, and what that wrote; None for what is not there."""

    job: Object | None
    pod: Object | None
    log: str


class Jobs:
    """Those of one kind of a deployment, and the one that is wanted. ``objects``: its ConfigMap and the Job. ``action`` and
    ``variables``: the task's.

    Raises EngineError, one sentence, for a cluster that cannot be reached or asked and for a Job that does not come to a good end.
    """

    def __init__(self, action: Any, variables: Mapping[str, Any], way: Way, kind: str, deployment: str, objects: Sequence[Object]):
        self._action, self._variables, self._way = action, variables, way
        self._kind, self._labels, self._objects = kind, jobs.owned(kind, deployment), objects
        self._namespace, self.name = objects[1]["metadata"]["namespace"], objects[1]["metadata"]["name"]
        self._account = objects[1]["spec"]["template"]["spec"]["serviceAccountName"]
        self._timeout = objects[1]["spec"]["activeDeadlineSeconds"]
        # What held it up, and what its pod wrote last, as it was seen last: a Job that takes too long loses its pod.
        self._held = self._words = ""
        way.cluster().reach()
        self._standing = {item["metadata"]["name"]: item for item in self._listed("Job", self._labels)}

    @property
    def is_done(self) -> bool:
        """Whether the one that is wanted ended well, and none was made since then, which may have changed what it did."""
        wanted = self._standing.get(self.name)
        if wanted is None or jobs.COMPLETE not in jobs.conditions(wanted):
            return False
        return jobs.made(wanted) >= max(jobs.made(item) for item in self._standing.values())

    @property
    def before(self) -> str | None:
        """The name of the one that ended well last, if any stands."""
        done = [item for item in self._standing.values() if jobs.COMPLETE in jobs.conditions(item)]
        latest = jobs.newest(done)
        return latest["metadata"]["name"] if latest else None

    def run(self, tell: Tell) -> str:
        """Make it, wait for its end, and return what its pod wrote. One that is there and runs is waited for; one that ended is
        made anew. Those of other names that failed are taken away with it, and those that ended well when it does so too.
        """
        account = jobs.reference("ServiceAccount", self._namespace, self._account)
        if self._way.cluster().get(path_of(account)) is None:
            raise EngineError(
                f"{self._address}: there is no service account {self._account} in the namespace {self._namespace}: run the "
                "kubernetes tier first"
            )
        with cluster.access(self._way) as entered:
            if {jobs.COMPLETE, jobs.FAILED} & set(jobs.conditions(self._standing.get(self.name))):
                self._remove(entered, jobs.reference("Job", self._namespace, self.name))
            for item in self._objects:
                self._make(entered, item)
            self._make_room(entered, jobs.FAILED)
        log = self._wait(tell)
        try:
            with cluster.access(self._way) as entered:
                self._make_room(entered, jobs.COMPLETE)
        except EngineError as error:
            # What was asked for is done, and the next one takes them away.
            tell(self._address, f"ended well; {error}", 0.0)
        return log

    @property
    def _address(self) -> str:
        return f"kubernetes_job/{self._kind}"

    def _make_room(self, entered: cluster.Access, how: str) -> None:
        """Take away the Jobs of other names that ended so, and ConfigMaps that no Job uses any more."""
        ended = sorted(name for name, item in self._standing.items() if name != self.name and how in jobs.conditions(item))
        self._standing = {name: item for name, item in self._standing.items() if name not in ended}
        used = {self.name, *self._standing}
        files = [item["metadata"]["name"] for item in self._listed("ConfigMap", self._labels)]
        for kind, name in [("Job", name) for name in ended] + [("ConfigMap", name) for name in files if name not in used]:
            self._remove(entered, jobs.reference(kind, self._namespace, name))

    def _listed(self, kind: str, labels: Mapping[str, str]) -> list[Object]:
        path = path_of(jobs.reference(kind, self._namespace, "x")).rpartition("/")[0]
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return (self._way.cluster().get(path, labelSelector=selector) or {}).get("items") or []

    def _remove(self, entered: cluster.Access, item: Object) -> None:
        """A Job with its pods."""
        gone = {"state": "absent", "wait": True, "delete_options": {"propagationPolicy": "Foreground"}}
        self._write(entered, {"definition": item, **gone}, "delete", item)

    def _make(self, entered: cluster.Access, item: Object) -> None:
        self._write(entered, {"definition": item}, "make", item)

    def _write(self, entered: cluster.Access, arguments: Mapping[str, Any], doing: str, item: Object) -> None:
        answer = cluster.call(self._action, self._variables, entered, cluster.APPLY, arguments)
        if answer.get("failed"):
            what = f"{item['kind']} {self._namespace}/{item['metadata']['name']}"
            raise EngineError(f"{self._address}: could not {doing} the {what}: {problems(answer)}")

    def _wait(self, tell: Tell) -> str:
        """What the pod wrote."""
        began = answered = time.monotonic()
        while True:
            try:
                seen = self._look()
            except EngineError as error:
                if time.monotonic() - answered > PATIENCE:
                    raise EngineError(
                        f"{self._address}: {self.name} was made, and for {PATIENCE:g} s nobody could tell how it stands: {error}; "
                        "running again waits for it"
                    ) from error
                state = "waiting for the cluster's answer"
            else:
                answered = time.monotonic()
                if seen.job is None:
                    raise EngineError(f"{self._address}: {self.name} was taken away while it was waited for: run again")
                found = jobs.conditions(seen.job)
                if jobs.COMPLETE in found:
                    return seen.log
                if jobs.FAILED in found or answered - began > self._timeout + SLACK:
                    raise EngineError(self._ended_badly(found, seen.pod))
                state = self._held or ("running" if seen.pod else "waiting for a pod")
            tell(self._address, state, time.monotonic() - began)
            time.sleep(LOOK_EVERY)

    def _look(self) -> Seen:
        job = self._way.cluster().get(path_of(self._objects[1]))
        # Its last one. Those of a Job that took too long are gone with it.
        pod = jobs.newest(self._listed("Pod", {JOB_NAME: self.name}))
        log = self._log(pod) if pod else ""
        self._words = jobs.last_words(log) or self._words
        self._held = jobs.held_up(pod) if pod else self._refused() or self._held
        return Seen(job, pod, log)

    def _refused(self) -> str:
        path = path_of(jobs.reference("Event", self._namespace, "x")).rpartition("/")[0]
        found = self._way.cluster().get(path, fieldSelector=f"involvedObject.name={self.name}") or {}
        return jobs.refused(found.get("items") or (), self.name)

    def _log(self, pod: Object) -> str:
        """Of the one container that is ours, whatever others the cluster puts beside it."""
        path = f"{path_of(jobs.reference('Pod', self._namespace, pod['metadata']['name']))}/log"
        return self._way.cluster().text(path, container=self._kind, tailLines=LINES)

    def _ended_badly(self, found: Mapping[str, str], pod: Object | None) -> str:
        ended = f"failed ({found[jobs.FAILED]})" if jobs.FAILED in found else f"did not end in its {self._timeout} s"
        reasons = [self._held, f"its pod wrote last: {self._words}" if self._words and (self._held or not pod) else self._words]
        why = "; ".join(filter(None, reasons)) or ("its pod wrote nothing" if pod else "there is no pod of it to ask")
        more = "logs" if pod else "describe"
        return (
            f"{self._address}: {self.name} {ended}: {why.rstrip('.')}. See kubectl -n {self._namespace} {more} job/{self.name}; "
            "running again makes it anew"
        )
