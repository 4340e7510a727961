"""A stand-in for the controllers that tell in a status how far an object is: those of Deployments and of External Secrets.

No pod of a Deployment runs, and no secret is fetched: the status says that it does, at once, or after the seconds of the
transitions `kubernetes_deployment` and `external_secret`. While a failure of the kind is set, what is made or changed does not
come about, for its reason (`ImagePullBackOff: Back-off pulling image "x"`); a Deployment then has one pod, which tells the
reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local_aws import transitions
from local_aws.kubernetes_api.defaults import Object
from local_aws.kubernetes_api.kinds import BUILT_IN, Served

if TYPE_CHECKING:
    from local_aws.kubernetes_api.store import Store

TRANSITIONS = {"Deployment": "kubernetes_deployment", "ExternalSecret": "external_secret", "Pod": "kubernetes_deployment"}


def settle(store: Store, kind: Served) -> None:
    """Bring the statuses of a kind up to date, before somebody reads them."""
    if kind.kind not in TRANSITIONS:
        return
    if kind.kind == "Pod":
        # Those of Deployments come and go with these.
        kind = next(one for one in BUILT_IN if one.kind == "Deployment")
    for key, item in list(store.objects.items()):
        if key[:2] == (kind.group, kind.plural):
            seen = _seen(store, item, TRANSITIONS[kind.kind])
            tell = _deployment if kind.kind == "Deployment" else _external_secret
            tell(store, kind, item, seen["failure"], transitions.settled(TRANSITIONS[kind.kind], seen["since"]))


def _seen(store: Store, item: Object, name: str) -> dict[str, Any]:
    """When this generation of an object was first seen, and why it will fail."""
    metadata = item["metadata"]
    known = store.state["rollouts"].get(metadata["uid"])
    if known is None or known["generation"] != metadata["generation"]:
        known = {"generation": metadata["generation"], "since": transitions.now(), "failure": transitions.failure(name)}
        store.state["rollouts"][metadata["uid"]] = known
    return known


def _deployment(store: Store, kind: Served, item: Object, failure: str | None, settled: bool) -> None:
    wanted, through = item["spec"]["replicas"], settled and not failure
    status: Object = {"observedGeneration": item["metadata"]["generation"], "replicas": wanted, "updatedReplicas": wanted}
    counted = ("readyReplicas", "availableReplicas") if through else ("unavailableReplicas",)
    status |= dict.fromkeys(counted, wanted)
    available = {"type": "Available", "reason": "MinimumReplicasAvailable" if through else "MinimumReplicasUnavailable"}
    progressing = {"type": "Progressing", "reason": "NewReplicaSetAvailable" if through else "ReplicaSetUpdated"}
    conditions = [{**available, "status": "True" if through else "False"}, {**progressing, "status": "True"}]
    store.tell(kind, item, {name: value for name, value in status.items() if value} | {"conditions": conditions})
    _pod(store, item, failure)


def _pod(store: Store, item: Object, failure: str | None) -> None:
    """The one pod of a Deployment that fails. Between the two stands no ReplicaSet here."""
    metadata, template, owner = item["metadata"], item["spec"]["template"], item["metadata"]["uid"]
    pods = next(one for one in BUILT_IN if one.kind == "Pod")
    name = f"{metadata['name']}-{owner[:8]}"
    key = (pods.group, pods.plural, metadata["namespace"], name)
    if not failure:
        if key in store.objects:
            del store.objects[key]
        return
    if key not in store.objects:
        labels = dict(template["metadata"]["labels"])
        reference = {"apiVersion": item["apiVersion"], "kind": item["kind"], "name": metadata["name"], "uid": owner}
        body = {"metadata": {"name": name, "labels": labels, "ownerReferences": [reference]}, "spec": template["spec"]}
        store.create(pods, metadata["namespace"], body, False)
    reason, _, message = failure.partition(": ")
    (container, *_others) = template["spec"]["containers"]
    state = {"waiting": {"reason": reason, "message": message}}
    told = {"name": container["name"], "image": container["image"], "ready": False, "restartCount": 0, "state": state}
    store.tell(pods, store.objects[key], {"phase": "Pending", "containerStatuses": [told]})


def _external_secret(store: Store, kind: Served, item: Object, failure: str | None, settled: bool) -> None:
    if not (settled or failure):
        return
    reason, _, message = (failure or "SecretSynced: secret synced").partition(": ")
    ready = {"type": "Ready", "status": "False" if failure else "True", "reason": reason, "message": message}
    store.tell(kind, item, {"conditions": [ready]})
