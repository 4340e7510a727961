"""What all patches to EKS share: how an operation is added, things with states, updates, errors, pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.eks import exceptions, urls
from moto.eks.responses import EKSResponse
from moto.moto_api._internal import mock_random as random

from local_aws.patches import patch, wrap
from local_aws.transitions import failure, now, settled

CLUSTER, NODEGROUP, ADDON = "eks_cluster", "eks_nodegroup", "eks_addon"
FAILED = {CLUSTER: "FAILED", NODEGROUP: "CREATE_FAILED", ADDON: "CREATE_FAILED"}
OTHER_ISSUE = {CLUSTER: "Other", NODEGROUP: "Unknown", ADDON: "InternalFailure"}
DEGRADED = "DEGRADED"


def _error(kind: type) -> Callable[..., Exception]:
    """A function that makes an error of this code with a message, and the names that AWS adds to it."""

    def make(message: str, **names: str) -> Exception:
        return kind(message=message, **names)

    return make


in_use = _error(exceptions.ResourceInUseException)
not_found = _error(exceptions.ResourceNotFoundException)
bad_parameter = _error(exceptions.InvalidParameterException)
bad_request = _error(exceptions.InvalidRequestException)


def operation(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Answer the operation `name` by the decorated function: (backend, parameters as botocore names them) -> result."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def answer(self: Any) -> ActionResult:
            self.parse_parameters(self.normalized_request)
            return ActionResult(function(self.eks_backend, dict(self.params)))

        setattr(EKSResponse, camelcase_to_underscores(name), answer)
        return function

    return decorate


def identifier() -> str:
    """A new id as EKS makes them."""
    return str(random.uuid4())


class Thing:
    """Something with a state: what Describe shows of it, the state that it is in or passes through, why it fails.

    `changes` are those of an update under way: they show when it is through, unless it fails.
    """

    def __init__(self, kind: str, shown: dict[str, Any], token: str | None = None) -> None:
        self.kind = kind
        self.shown = shown
        self.token = token
        self.changes: dict[str, Any] = {}
        self.updates: dict[str, dict[str, Any]] = {}
        self.begin("CREATING")

    def begin(self, state: str) -> None:
        """Enter a transitional state."""
        self.state, self.since = state, now()
        self.over = settled(self.kind, self.since)
        self.reason = None if state == "DELETING" else failure(self.kind)

    @property
    def through(self) -> bool:
        """Whether the transition is over; what it changed shows from then on."""
        self.over = self.over or settled(self.kind, self.since)
        if self.over and self.state == "UPDATING" and self.changes:
            if not self.reason:
                self.shown.update(self.changes)
            self.changes = {}
        return self.over

    @property
    def status(self) -> str:
        """The state by AWS's name."""
        if not self.through or self.state == "DELETING":
            return self.state
        if not self.reason:
            return "ACTIVE"
        if self.reason.startswith(DEGRADED) and self.kind != CLUSTER:
            return DEGRADED
        if self.state == "CREATING":
            return FAILED[self.kind]
        return "UPDATE_FAILED" if self.kind == ADDON else "ACTIVE"

    @property
    def gone(self) -> bool:
        """Whether its deletion is over."""
        return self.through and self.state == "DELETING"

    def describe(self) -> dict[str, Any]:
        """What the Describe call answers."""
        status = self.status
        return {**self.shown, "status": status, "health": {"issues": self.issues(status)}}

    def issues(self, status: str) -> list[dict[str, Any]]:
        """What is wrong with it. A reason may begin with DEGRADED, and with one of AWS's codes."""
        if not (self.through and self.reason and status != "ACTIVE"):
            return []
        reason = self.reason.removeprefix(DEGRADED).lstrip(": ")
        code, colon, rest = reason.partition(":")
        known = bool(colon) and code.isalnum()
        message = rest.strip() if known else reason
        return [{"code": code if known else OTHER_ISSUE[self.kind], "message": message, "resourceIds": []}]

    def update(self, kind: str, params: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        """Begin an update; answers what DescribeUpdate shows."""
        assert self.through  # what went before shows, or it would be lost
        self.begin("UPDATING")
        self.changes = changes
        update = {
            "id": identifier(),
            "type": kind,
            "params": [{"type": key, "value": text(value)} for key, value in params.items()],
            "createdAt": utcnow(),
            "errors": [],
        }
        self.updates[update["id"]] = {**update, "since": self.since, "reason": self.reason}
        return {"update": self.describe_update(update["id"])}

    def describe_update(self, update_id: str) -> dict[str, Any]:
        """The update with its status; KeyError where there is none."""
        update = dict(self.updates[update_id])
        since, reason = update.pop("since"), update.pop("reason")
        if since == self.since and not self.through:
            return {**update, "status": "InProgress"}
        if reason:
            return {**update, "status": "Failed", "errors": [{"errorCode": "Unknown", "errorMessage": reason, "resourceIds": []}]}
        return {**update, "status": "Successful"}


def text(value: Any) -> str:
    """A parameter of an update as AWS writes it."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


class Cluster(Thing):
    """A cluster and all that belongs to it. Stands in for moto's own in the backend (Fargate profiles use it)."""

    def __init__(self, shown: dict[str, Any], token: str | None) -> None:
        self.name, self.arn = shown["name"], shown["arn"]
        self.group_id = ""
        self.interfaces: list[str] = []
        self.nodegroups: dict[str, Any] = {}
        self.addons: dict[str, Any] = {}
        self.entries: dict[str, Any] = {}
        self.associations: dict[str, Any] = {}
        self.fargate_profiles: dict[str, Any] = {}
        self.fargate_profile_count = 0
        super().__init__(CLUSTER, shown, token)

    @property
    def is_active(self) -> bool:
        """moto's name for it."""
        return self.status == "ACTIVE"

    @property
    def version(self) -> str:
        """The version of the control plane."""
        return self.shown["version"]


def cluster_of(backend: Any, name: str, *states: str) -> Any:
    """The cluster of this name, in one of these states if any are given; else the error that AWS answers."""
    if name not in backend.clusters:
        raise not_found(f"No cluster found for name: {name}.", clusterName=name)
    cluster = backend.clusters[name]
    if states and cluster.status not in states:
        raise bad_request(f"Cluster '{name}' is not in ACTIVE status", clusterName=name)
    return cluster


def must_rest(thing: Any, what: str, **names: str) -> None:
    """Refuse (ResourceInUseException) to change what is being created, changed or deleted."""
    if thing.status in ("CREATING", "UPDATING", "DELETING"):
        raise in_use(f"{what} cannot be changed as it is currently not in Active State: {thing.status}", **names)


def page(given: dict[str, Any], key: str, found: list[Any], default: int = 100) -> dict[str, Any]:
    """What a List call answers of `found`."""
    start, limit = int(given.get("nextToken") or 0), int(given.get("maxResults") or default)
    more = start + limit < len(found)
    return {key: found[start : start + limit], "nextToken": str(start + limit) if more else None}


# Called with the backend and a cluster whose deletion has finished.
SWEEPS: list[Callable[[Any, Any], None]] = []


def sweep(backend: Any) -> None:
    """Drop what has been deleted meanwhile."""
    for cluster in list(backend.clusters.values()):
        for things in (cluster.nodegroups, cluster.addons):
            for name in [name for name, thing in things.items() if thing.gone]:
                del things[name]
        if cluster.gone:
            for finish in SWEEPS:
                finish(backend, cluster)
            del backend.clusters[cluster.name]


@patch
def routes() -> None:
    """AWS has add-ons, access entries, pod identity associations, updates and versions. moto has no path for them."""
    dispatch = urls.response.dispatch
    for path in ("/clusters/(?P<name>[^/]+)/(?P<rest>.+)$", "/addons/(?P<rest>.+)$", "/access-policies$", "/cluster-versions$"):
        urls.url_paths.setdefault("{0}" + path, dispatch)


@patch
def transitions() -> None:
    """AWS creates, changes and deletes clusters, node groups and add-ons in minutes, and a creation may end in a failed state.
    moto does it at once and always well. How long it takes, and why it fails, is in the settings (`eks_cluster`,
    `eks_nodegroup`, `eks_addon`)."""

    @wrap(EKSResponse, "call_action")
    def call_action(original: Any, self: Any) -> Any:
        sweep(self.eks_backend)
        return original(self)


def tagged(backend: Any) -> dict[str, dict[str, Any]]:
    """What carries tags, as described, by its ARN."""
    found: dict[str, dict[str, Any]] = {}
    for cluster in backend.clusters.values():
        found[cluster.arn] = cluster.shown
        found |= {thing.shown["nodegroupArn"]: thing.shown for thing in cluster.nodegroups.values()}
        found |= {thing.shown["addonArn"]: thing.shown for thing in cluster.addons.values()}
        found |= {entry["accessEntryArn"]: entry for entry in cluster.entries.values()}
        found |= {item["associationArn"]: item for item in cluster.associations.values()}
    return found


@patch
def tags_of_everything() -> None:
    """AWS tags clusters, node groups, add-ons, access entries and pod identity associations. moto tags clusters only."""

    def find(backend: Any, arn: str) -> dict[str, Any]:
        try:
            return tagged(backend)[arn]
        except KeyError:
            raise _NotFound(message=f"Resource was not found: {arn}") from None

    @operation("TagResource")
    def tag(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        shown = find(backend, given["resourceArn"])
        shown["tags"] = {**shown["tags"], **given["tags"]}
        return {}

    @operation("UntagResource")
    def untag(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        shown = find(backend, given["resourceArn"])
        shown["tags"] = {key: value for key, value in shown["tags"].items() if key not in given["tagKeys"]}
        return {}

    @operation("ListTagsForResource")
    def tags(backend: Any, given: dict[str, Any]) -> dict[str, Any]:
        return {"tags": find(backend, given["resourceArn"])["tags"]}


class _NotFound(exceptions.EKSError):
    TYPE = "NotFoundException"
    STATUS = 404
