"""A stand-in for the Job controller and for the kubelets of the nodes: pods of Jobs run as processes of this machine.

It differs from a cluster in this: no image is pulled (`containers.py` says what runs in its place); a Job has one pod at a time; a
pod that failed is followed by the next after a second (a cluster waits ten, then longer), whatever its restart policy; and
nothing isolates the process. A pod gets credentials of AWS as by pod identity: where its service account has an association.

Everything follows from the objects as they stand, looked at a few times a second, so that it makes no difference who deleted a
Job, its cluster or the whole account: what runs for a pod that is not there any more is ended.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.gate import GATE
from local_aws.kubernetes_api import container
from local_aws.kubernetes_api.containers import KINDS, Object, Waiting, prepare
from local_aws.kubernetes_api.store import Failure, Store

LOOK_EVERY = 0.1  # seconds
RETRY_AFTER = 1.0
LONGEST_LOG = 1_000_000
JOB, POD = KINDS["Job"], KINDS["Pod"]
ACCOUNT = KINDS["ServiceAccount"]
Place = tuple[str, str, str]


@dataclass
class _Run:
    """The process of a pod. ``log`` and everything that it was given lie in ``folder``."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "log"


class Kubelet:
    """All pods of all clusters in this process. ``find``: of account, region and name, the cluster; raises Failure. ``lock`` is
    held by whoever reads or writes objects.

    ``environment``: what leads a client of AWS here. Without it no pod runs, as in a local AWS that no other process can reach.
    """

    def __init__(self, lock: Any, find: Callable[..., Any]):
        self.lock, self.find = lock, find
        self.environment: Callable[[str], dict[str, str]] | None = None
        self._places: set[Place] = set()
        self._runs: dict[str, _Run] = {}
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def watch(self, *place: str) -> None:
        """See to the Jobs of a cluster from now on."""
        with self.lock:
            self._places.add(place)  # type: ignore[arg-type]
            if self._thread is None and self.environment is not None:
                self._stopping.clear()
                self._thread = threading.Thread(target=self._look, daemon=True, name="local-kubelet")
                self._thread.start()

    def stop(self) -> None:
        """End everything that runs."""
        self._stopping.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        with self.lock:
            runs, self._runs, self._places = self._runs, {}, set()
        _end(runs.values())

    def settle(self) -> None:
        """End what runs for pods that are not there any more, and wait for it: so that who is told that a pod is gone can
        rely on it. Not to be called with the lock."""
        with self.lock:
            gone = [self._runs.pop(uid) for uid in set(self._runs) - self._standing()]
        _end(gone)

    def log(self, store: Store, pod: Object) -> str:
        """What a pod has said so far. Raises Failure."""
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        if uid in self._runs:
            return _read(self._runs[uid].log)
        if uid in store.logs:
            return store.logs[uid]
        (status, *_others) = (pod.get("status") or {}).get("containerStatuses") or [{}]
        reason = (status.get("state") or {}).get("waiting", {}).get("reason", "ContainerCreating")
        raise Failure(400, "BadRequest", f'container "{status.get("name", "")}" in pod "{name}" is waiting to start: {reason}')

    # --- what goes on

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            # In the order in which a call of EKS takes them; so no snapshot is taken in the middle.
            with GATE.exclusive(), self.lock:
                for place in list(self._places):
                    try:
                        cluster = self.find(*place)
                    except Failure:
                        self._places.discard(place)
                        continue
                    store = Store(cluster)
                    for job in store.list(JOB, None, ""):
                        self._see_to(place, cluster, store, job)
            self.settle()

    def _standing(self) -> set[str]:
        found = set()
        for place in self._places:
            with contextlib.suppress(Failure):
                found |= {pod["metadata"]["uid"] for pod in Store(self.find(*place)).list(POD, None, "")}
        return found

    def _see_to(self, place: Place, cluster: Any, store: Store, job: Object) -> None:
        spec, status = job["spec"], job.get("status") or {}
        if ended := next((one for one in status.get("conditions") or () if one["type"] in ("Complete", "Failed")), None):
            lasts = spec.get("ttlSecondsAfterFinished")
            if lasts is not None and _age(ended["lastTransitionTime"]) >= lasts:
                store.delete(JOB, job["metadata"]["namespace"], job["metadata"]["name"], False, "Background")
            return
        if spec.get("suspend"):
            return
        begun = status.get("startTime") or _now()
        for pod in _pods(store, job):
            self._run(place, cluster, store, pod)
        pods = _pods(store, job)
        by_phase: dict[str, list[Object]] = {}
        for pod in pods:
            by_phase.setdefault(pod["status"]["phase"], []).append(pod)
        succeeded, failed = len(by_phase.get("Succeeded", ())), len(by_phase.get("Failed", ()))
        active = [*by_phase.get("Pending", ()), *by_phase.get("Running", ())]
        condition = None
        if succeeded:
            condition = {"type": "Complete", "reason": "CompletionsReached", "message": "Reached expected number of succeeded pods"}
        elif failed > spec["backoffLimit"]:
            message = "Job has reached the specified backoff limit"
            condition = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": message}
        elif "activeDeadlineSeconds" in spec and _age(begun) >= spec["activeDeadlineSeconds"]:
            message = "Job was active longer than specified deadline"
            condition = {"type": "Failed", "reason": "DeadlineExceeded", "message": message}
            for pod in active:
                store.delete(POD, pod["metadata"]["namespace"], pod["metadata"]["name"], False)
            active = []
        elif not active and all(_age(_finished(pod)) >= RETRY_AFTER for pod in by_phase.get("Failed", ())):
            active = self._make(store, job)
        told: Object = {"startTime": begun, "active": len(active), "succeeded": succeeded, "failed": failed}
        told = {name: value for name, value in told.items() if value} | {"ready": len(by_phase.get("Running", ()))}
        if condition:
            moment = _now()
            told["conditions"] = [{"status": "True", "lastProbeTime": moment, "lastTransitionTime": moment, **condition}]
            told |= {"ready": 0, **({"completionTime": moment} if succeeded else {})}
        store.tell(JOB, job, told)

    def _make(self, store: Store, job: Object) -> list[Object]:
        """Its next pod; none where its service account is missing, of which an event tells."""
        template, metadata = job["spec"]["template"], job["metadata"]
        namespace, account = metadata["namespace"], template["spec"].get("serviceAccountName", "default")
        if account != "default":
            try:
                store.find(ACCOUNT, namespace, account)
            except Failure as error:
                message = f'Error creating: pods "{metadata["name"]}-" is forbidden: error looking up service account {error}'
                store.warn(job, "FailedCreate", message)
                return []
        own = template.get("metadata") or {}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"], "uid": metadata["uid"]}
        body = {
            "metadata": {
                "name": f"{metadata['name'][:57]}-{secrets.token_hex(3)[:5]}",
                "labels": dict(own.get("labels") or {}),
                "annotations": dict(own.get("annotations") or {}),
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        return [store.create(POD, namespace, body, False)]

    def _run(self, place: Place, cluster: Any, store: Store, pod: Object) -> None:
        uid, phase = pod["metadata"]["uid"], pod["status"]["phase"]
        run = self._runs.get(uid)
        if phase == "Pending" and run is None:
            self._start(place, cluster, store, pod)
        elif phase == "Running" and run is None:
            # Such as one in a snapshot that was put back.
            _tell(store, pod, "Failed", {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "finishedAt": _now()}})
        elif run is not None and (code := run.process.poll()) is not None:
            store.logs[uid] = _read(run.log)
            shutil.rmtree(run.folder, ignore_errors=True)
            del self._runs[uid]
            ended = {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": pod["status"]["startTime"]}
            _tell(store, pod, "Failed" if code else "Succeeded", {"terminated": {**ended, "finishedAt": _now()}})

    def _start(self, place: Place, cluster: Any, store: Store, pod: Object) -> None:
        folder = Path(tempfile.mkdtemp(prefix="local_aws_pod_"))
        try:
            made = prepare(store, pod, folder, self._around(place, cluster, pod))
        except Waiting as waiting:
            shutil.rmtree(folder)
            _tell(store, pod, "Pending", {"waiting": {"reason": waiting.reason, "message": str(waiting)}})
            return
        # The process that watches over it is a plain Python, which needs nothing of ours and starts at once.
        command = [sys.executable, "-I", "-S", container.__file__, str(os.getpid()), str(folder), *made.command]
        run = _Run(None, folder)  # type: ignore[arg-type]
        with run.log.open("wb") as log:
            run.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=made.environment
            )
        self._runs[pod["metadata"]["uid"]] = run
        _tell(store, pod, "Running", {"running": {"startedAt": _now()}})

    def _around(self, place: Place, cluster: Any, pod: Object) -> dict[str, str]:
        """What a node and pod identity add to the environment of a pod."""
        given = dict(self.environment(place[1])) if self.environment else {}
        who = (pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName", "default"))
        known = {(item["namespace"], item["serviceAccount"]) for item in getattr(cluster, "associations", {}).values()}
        if who not in known:
            given = {name: value for name, value in given.items() if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return given


def _pods(store: Store, job: Object) -> list[Object]:
    uid = job["metadata"]["uid"]
    pods = store.list(POD, job["metadata"]["namespace"], "")
    return [pod for pod in pods if uid in {owner["uid"] for owner in pod["metadata"].get("ownerReferences") or ()}]


def _tell(store: Store, pod: Object, phase: str, state: Object) -> None:
    runs, spec = "running" in state, pod["spec"]["containers"][0]
    told = {
        **pod["status"],
        "phase": phase,
        "startTime": pod["status"].get("startTime") or _now(),
        "containerStatuses": [
            {"name": spec["name"], "image": spec["image"], "ready": runs, "started": runs, "restartCount": 0, "state": state}
        ],
        "conditions": [{"type": name, "status": "True" if runs else "False"} for name in ("Ready", "ContainersReady")],
    }
    store.tell(POD, pod, told)


def _end(runs: Any) -> None:
    runs = list(runs)
    for run in runs:
        run.process.terminate()
    for run in runs:
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(3 * container.GRACE)
        run.process.kill()
        run.process.wait()
        shutil.rmtree(run.folder, ignore_errors=True)


def _read(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_bytes()[-LONGEST_LOG:].decode(errors="replace")
    return ""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _age(moment: str) -> float:
    """Seconds since then."""
    then = datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds()


def _finished(pod: Object) -> str:
    (status,) = pod["status"]["containerStatuses"]
    return status["state"]["terminated"]["finishedAt"]
