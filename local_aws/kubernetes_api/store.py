"""The objects of one cluster. They live on the emulated cluster itself, so that they go with it and into its snapshots."""

from __future__ import annotations

import copy
import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from local_aws.kubernetes_api.controllers import settle
from local_aws.kubernetes_api.defaults import Invalid, Object, check_change, complete, identify
from local_aws.kubernetes_api.kinds import BUILT_IN, Served, custom

FIRST = ("default", "kube-node-lease", "kube-public", "kube-system")
# What a client cannot set.
SERVERS = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class Failure(Exception):
    """An answer of the kind Status: code, reason, message."""

    def __init__(self, code: int, reason: str, message: str):
        super().__init__(message)
        self.code, self.reason = code, reason


class Store:
    """Reads and writes the objects of ``cluster``; the caller holds the lock."""

    def __init__(self, cluster: Any):
        if not hasattr(cluster, "kubernetes"):
            cluster.kubernetes = {"objects": {}, "version": 1, "logs": {}, "rollouts": {}}
            self.state = cluster.kubernetes
            namespaces = next(kind for kind in BUILT_IN if kind.kind == "Namespace")
            for name in FIRST:
                self.create(namespaces, None, {"metadata": {"name": name}}, False)
        self.state = cluster.kubernetes

    @property
    def objects(self) -> dict[tuple[str, str, str, str], Object]:
        """By group, plural, namespace and name."""
        return self.state["objects"]

    @property
    def logs(self) -> dict[str, str]:
        """What the pods that came to an end had said, by their uid."""
        return self.state["logs"]

    def kinds(self) -> list[Served]:
        """All that are served now."""
        definitions = [
            item for (group, plural, _, _), item in self.objects.items() if plural == "customresourcedefinitions" and group
        ]
        return [*BUILT_IN, *(kind for definition in definitions for kind in custom(definition))]

    def groups(self) -> dict[str, list[str]]:
        """Group -> its versions; those of aggregated APIs too, of which no kind is known here."""
        found: dict[str, list[str]] = {}
        services = [item["spec"] for (_, plural, _, _), item in self.objects.items() if plural == "apiservices"]
        pairs = [(kind.group, kind.version) for kind in self.kinds()]
        for group, version in [*pairs, *((spec["group"], spec["version"]) for spec in services)]:
            if version not in found.setdefault(group, []):
                found[group].append(version)
        return found

    def find(self, kind: Served, namespace: str | None, name: str) -> Object:
        """Raises Failure."""
        settle(self, kind)
        try:
            return self.objects[kind.group, kind.plural, namespace or "", name]
        except KeyError:
            of = f".{kind.group}" if kind.group else ""
            raise Failure(404, "NotFound", f'{kind.plural}{of} "{name}" not found') from None

    def list(self, kind: Served, namespace: str | None, selector: str) -> list[Object]:
        settle(self, kind)
        found = sorted(
            (key, item)
            for key, item in self.objects.items()
            if key[:2] == (kind.group, kind.plural) and namespace in (None, key[2])
        )
        return [item for _key, item in found if matches(selector, item["metadata"].get("labels") or {})]

    def create(self, kind: Served, namespace: str | None, body: Object, dry: bool) -> Object:
        name = (body.get("metadata") or {}).get("name") or ""
        if (kind.group, kind.plural, namespace or "", name) in self.objects:
            raise Failure(409, "AlreadyExists", f'{kind.plural} "{name}" already exists')
        if kind.namespaced:
            self.find(next(one for one in BUILT_IN if one.kind == "Namespace"), None, namespace or "")
        item = self._completed(kind, namespace, body)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        item["metadata"].update(uid=str(uuid.uuid4()), creationTimestamp=now, **({"generation": 1} if "spec" in item else {}))
        identify(item)
        return self._kept(kind, item, dry)

    def patch(self, kind: Served, namespace: str | None, name: str, change: Object, dry: bool) -> Object:
        """A JSON merge patch (RFC 7386)."""
        return self.replace(kind, namespace, name, merged(self.find(kind, namespace, name), change), dry)

    def replace(self, kind: Served, namespace: str | None, name: str, body: Object, dry: bool) -> Object:
        old = self.find(kind, namespace, name)
        given = body["metadata"].get("resourceVersion")
        if given and given != old["metadata"]["resourceVersion"]:
            raise Failure(409, "Conflict", f'the object "{name}" has been modified; apply your changes to the latest version')
        item = self._completed(kind, namespace, body)
        # A status is the controllers' to write.
        if not kind.custom and "status" in old:
            item["status"] = old["status"]
        try:
            check_change(old, item)
        except Invalid as error:
            raise Failure(422, "Invalid", f'{kind.kind} "{name}" is invalid: {error}') from error
        item["metadata"].update({key: old["metadata"][key] for key in SERVERS if key in old["metadata"]})
        if item == old:
            return old
        if "generation" in old["metadata"] and item.get("spec") != old.get("spec"):
            item["metadata"]["generation"] = old["metadata"]["generation"] + 1
        return self._kept(kind, item, dry)

    def delete(self, kind: Served, namespace: str | None, name: str, dry: bool, policy: str = "") -> Object:
        """A namespace goes with all that is in it, a definition with all of its kinds, an owner with what it owns, at once.

        ``policy``: the propagation policy, which for Jobs alone is Orphan where none is given.
        """
        item = self.find(kind, namespace, name)
        if dry:
            return item
        del self.objects[kind.group, kind.plural, namespace or "", name]
        orphan = (policy or ("Orphan" if kind.kind == "Job" else "Background")) == "Orphan"
        for key in [key for key in self.objects if self._within(kind, item, key)]:
            del self.objects[key]
        for key, owned in [pair for pair in self.objects.items() if self._owned(item, pair[1])]:
            if orphan:
                self.objects[key] = {**owned, "metadata": {**owned["metadata"], "ownerReferences": []}}
            else:
                del self.objects[key]
        return item

    def tell(self, kind: Served, item: Object, status: Object) -> None:
        """Write the status of an object, as its controller does. Nothing that was answered before changes under its reader."""
        metadata = item["metadata"]
        key = (kind.group, kind.plural, metadata.get("namespace") or "", metadata["name"])
        if key in self.objects and self.objects[key].get("status") != status:
            self._kept(kind, {**self.objects[key], "status": status, "metadata": dict(self.objects[key]["metadata"])}, False)

    def warn(self, item: Object, reason: str, message: str) -> None:
        """An event about an object: one for each reason, which counts."""
        kind = next(one for one in BUILT_IN if one.kind == "Event")
        metadata = item["metadata"]
        name = f"{metadata['name']}.{metadata['uid'].replace('-', '')[:16]}.{reason.lower()}"
        about = {"kind": item["kind"], "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
        body = {"involvedObject": about, "type": "Warning", "reason": reason, "message": message, "metadata": {"name": name}}
        if (kind.group, kind.plural, metadata["namespace"], name) not in self.objects:
            self.create(kind, metadata["namespace"], body, False)

    @staticmethod
    def _owned(owner: Object, item: Object) -> bool:
        uid = owner["metadata"].get("uid")
        return any(one["uid"] == uid for one in item["metadata"].get("ownerReferences") or ())

    @staticmethod
    def _within(kind: Served, item: Object, key: tuple[str, str, str, str]) -> bool:
        if kind.kind == "Namespace":
            return key[2] == item["metadata"]["name"]
        if kind.kind == "CustomResourceDefinition":
            return key[:2] == (item["spec"]["group"], item["spec"]["names"]["plural"])
        return False

    def _completed(self, kind: Served, namespace: str | None, body: Object) -> Object:
        for field, wanted in (("apiVersion", kind.api_version), ("kind", kind.kind)):
            if body.setdefault(field, wanted) != wanted:
                raise Failure(400, "BadRequest", f"{field} {body[field]!r} is not that of {kind.plural}: {wanted}")
        metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in SERVERS}
        if metadata.setdefault("namespace", namespace) != namespace:
            raise Failure(400, "BadRequest", "the namespace of the object does not match that of the request")
        if not kind.namespaced:
            del metadata["namespace"]
        try:
            return complete({**body, "metadata": metadata})
        except Invalid as error:
            raise Failure(422, "Invalid", f'{kind.kind} "{metadata.get("name")}" is invalid: {error}') from error
        except (KeyError, TypeError, AttributeError) as error:
            raise Failure(422, "Invalid", f'{kind.kind} "{metadata.get("name")}" is invalid: {error!r}') from error

    def _kept(self, kind: Served, item: Object, dry: bool) -> Object:
        item["metadata"]["resourceVersion"] = str(self.state["version"] + 1)
        if not dry:
            self.state["version"] += 1
            metadata = item["metadata"]
            self.objects[kind.group, kind.plural, metadata.get("namespace") or "", metadata["name"]] = item
        return item


def merged(old: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = copy.deepcopy(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def matches(selector: str, labels: dict[str, str]) -> bool:
    """A label selector of equalities and existences, comma-separated."""
    return all(_met(term, labels) for term in _terms(selector))


def _terms(selector: str) -> Iterator[str]:
    yield from (term.strip() for term in selector.split(",") if term.strip())


def _met(term: str, labels: dict[str, str]) -> bool:
    if "!=" in term:
        key, _, value = term.partition("!=")
        return labels.get(key) != value
    if "=" in term:
        key, _, value = term.replace("==", "=").partition("=")
        return labels.get(key) == value
    return term.removeprefix("!") not in labels if term.startswith("!") else term in labels
