# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: access entries for people and pipelines, pod identity associations for what runs in the cluster.

Facts: EKS API reference and user guide ("Grant IAM users access to Kubernetes with EKS access entries", "EKS Pod Identity").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ..iam_others import identity, principal_of
from . import common

# The type of the entries of people and pipelines.
STANDARD = "STANDARD"


def _not_known_yet(error: Exception) -> bool:
    """EKS hears of a new role only after seconds."""
    return is_code(error, "InvalidParameterException", "InvalidRequestException") and "role" in str(error).lower()


class AccessEntry(Kind):
    """What an IAM role or user may do in the cluster. ``policies``: ``policy`` (an ARN) and ``namespaces``, none for all of them.

    ``first_principal`` is whom it is made for where it then stays theirs, whoever is desired later.
    Where the principal is known only during the run, it is found by its tags, or by being the caller's.
    """

    name = "eks_access_entry"
    services = ("eks",)
    within = ("eks_cluster",)
    observe_after = ("eks_cluster",)
    fields = (
        Field("cluster", on_change="replace"),
        Field("principal", on_change="replace"),
        Field("first_principal", on_change="keep"),
        Field("groups", unordered=True),
        Field("policies", unordered=True),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """EKS's own entries, for the nodes, are among those that it lists; they carry none of our tags."""
        wanted = {
            resource.desired["principal"]: resource.address
            for resource in view.resources
            if isinstance(resource.desired.get("principal"), str)
        }
        clusters = common.clusters_of(view)
        lists = view.api.map(
            lambda name: common.unless_gone(
                lambda: view.api.pages("eks", "list_access_entries", "accessEntries", clusterName=name)
            ),
            clusters,
        )
        names = [
            {"clusterName": name, "principalArn": one} for name, ones in zip(clusters, lists, strict=True) for one in ones or ()
        ]
        client = view.api.client("eks")
        entries = view.api.map(lambda who: common.unless_gone(lambda: client.describe_access_entry(**who)), names)
        wanted = {**self._callers(view, [(answer or {"accessEntry": {}})["accessEntry"] for answer in entries]), **wanted}
        ours = []
        for who, answer in zip(names, entries, strict=True):
            tags = (answer or {"accessEntry": {}})["accessEntry"].get("tags") or {}
            if answer and (who["principalArn"] in wanted or view.owner.owns_in_tier(tags)):
                ours.append((who, answer["accessEntry"], tags))
        policies = view.api.map(lambda one: self._policies(view, one[0]), ours)
        for (who, item, tags), attached in zip(ours, policies, strict=True):
            principal = who["principalArn"]
            yield Observed(
                wanted.get(principal) or address_in(tags, self.name, principal),
                item["accessEntryArn"],
                {
                    "cluster": item["clusterName"],
                    "principal": principal,
                    "groups": item.get("kubernetesGroups") or [],
                    "policies": attached,
                },
                _attributes(item),
                tags,
            )

    def _callers(self, view: View, entries: list[Mapping[str, Any]]) -> dict[str, str]:
        """The caller's principal -> the address of the entry that is made for whoever comes first, where no tags find that.

        Not in a destroy, where what no tags find goes with the cluster, and not of a caller who can have none: the look-up of
        the caller says so where that matters.
        """
        if (view.thorough and view.destroys) or identity(view.api.caller_arn)[0] not in ("role", "user"):
            return {}
        tags = [item.get("tags") or {} for item in entries]
        known = {view.owner.address_of(each) for each in tags if view.owner.owns_in_tier(each)}
        missing = [
            resource.address
            for resource in view.resources
            if resource.desired.get("principal") is None and resource.address not in known
        ]
        return {principal_of(view, view.api.caller_arn): missing[0]} if missing and entries else {}

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Without the entries that EKS makes: for nodes, which are of other types, and for its own service-linked role."""
        known = {(item.attributes["cluster"], item.attributes["principal"]) for item in view.of(self.name).values()}
        unknown = [
            pair
            for pair in common.parts(view, "list_access_entries", "accessEntries")
            if pair not in known and "/aws-service-role/" not in pair[1]
        ]
        client = view.api.client("eks")

        def read(pair: tuple[str, str]) -> Any:
            return common.unless_gone(lambda: client.describe_access_entry(clusterName=pair[0], principalArn=pair[1]))

        entries = [answer["accessEntry"] for answer in view.api.map(read, unknown) if answer]
        people = [(item["principalArn"], item) for item in entries if item.get("type", STANDARD) == STANDARD]
        yield from common.strangers(view, self, people, "accessEntryArn")

    @staticmethod
    def _policies(view: View, who: Mapping[str, str]) -> list[dict[str, Any]]:
        attached = common.unless_gone(
            lambda: view.api.pages("eks", "list_associated_access_policies", "associatedAccessPolicies", **who)
        )
        return [
            {"policy": one["policyArn"], "namespaces": sorted(one["accessScope"].get("namespaces") or ())} for one in attached or ()
        ]

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("eks")
        principal = desired.get("principal") or desired["first_principal"]
        request = {
            "clusterName": desired["cluster"],
            "principalArn": principal,
            "kubernetesGroups": desired["groups"],
            "type": STANDARD,
            "tags": desired["tags"],
        }
        item = until(lambda: client.create_access_entry(**request), not_yet=_not_known_yet)["accessEntry"]
        return Observed(
            resource.address,
            item["accessEntryArn"],
            {"cluster": desired["cluster"], "principal": principal, "groups": desired["groups"], "policies": []},
            _attributes(item),
        )

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client("eks")
        who = {"clusterName": observed.attributes["cluster"], "principalArn": observed.attributes["principal"]}
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        if "groups" in delta:
            client.update_access_entry(**who, kubernetesGroups=delta["groups"].new)
        if "policies" in delta:
            old, new = delta["policies"].old or [], delta["policies"].new
            for one in new:
                if one not in old:
                    scope = {"type": "namespace", "namespaces": one["namespaces"]} if one["namespaces"] else {"type": "cluster"}
                    client.associate_access_policy(**who, policyArn=one["policy"], accessScope=scope)
            for arn in sorted({one["policy"] for one in old} - {one["policy"] for one in new}):
                with tolerating(common.GONE):
                    client.disassociate_access_policy(**who, policyArn=arn)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(common.GONE):
            who = {"clusterName": observed.attributes["cluster"], "principalArn": observed.attributes["principal"]}
            context.api.client("eks").delete_access_entry(**who)


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": item["accessEntryArn"], "principal": item["principalArn"], "cluster": item["clusterName"]}


class PodIdentity(Kind):
    """The role of a service account in the cluster. Natural names are its namespace and its name."""

    name = "eks_pod_identity"
    services = ("eks",)
    within = ("eks_cluster", "iam_role")
    observe_after = ("eks_cluster",)
    fields = (
        Field("cluster", on_change="replace"),
        Field("namespace", on_change="replace"),
        Field("service_account", on_change="replace"),
        Field("role_arn"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {
            (resource.desired["namespace"], resource.desired["service_account"]): resource.address for resource in view.resources
        }
        clusters = common.clusters_of(view)
        lists = view.api.map(
            lambda name: common.unless_gone(
                lambda: view.api.pages("eks", "list_pod_identity_associations", "associations", clusterName=name)
            ),
            clusters,
        )
        names = [
            {"clusterName": name, "associationId": one["associationId"]}
            for name, ones in zip(clusters, lists, strict=True)
            for one in ones or ()
        ]
        client = view.api.client("eks")
        for answer in view.api.map(lambda who: common.unless_gone(lambda: client.describe_pod_identity_association(**who)), names):
            if answer is None:
                continue
            item = answer["association"]
            tags, account = item.get("tags") or {}, (item["namespace"], item["serviceAccount"])
            if account in wanted or view.owner.owns_in_tier(tags):
                yield self._observed(wanted.get(account) or address_in(tags, self.name, item["associationId"]), item, tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        listed = common.parts(view, "list_pod_identity_associations", "associations")
        unknown = [
            (cluster, one["associationId"]) for cluster, one in listed if f"{self.name}/{one['associationId']}" not in view.known
        ]
        client = view.api.client("eks")

        def read(pair: tuple[str, str]) -> Any:
            return common.unless_gone(lambda: client.describe_pod_identity_association(clusterName=pair[0], associationId=pair[1]))

        items = [answer["association"] for answer in view.api.map(read, unknown) if answer]
        named = [(f"{item['namespace']}-{item['serviceAccount']}", item) for item in items]
        yield from common.strangers(view, self, named, "associationArn")

    @staticmethod
    def _observed(address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        values = {
            "cluster": item["clusterName"],
            "namespace": item["namespace"],
            "service_account": item["serviceAccount"],
            "role_arn": item["roleArn"],
        }
        return Observed(
            address, item["associationId"], values, {"arn": item["associationArn"], "cluster": item["clusterName"]}, tags
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("eks")
        request = {
            "clusterName": desired["cluster"],
            "namespace": desired["namespace"],
            "serviceAccount": desired["service_account"],
            "roleArn": desired["role_arn"],
            "tags": desired["tags"],
        }
        answer = until(lambda: client.create_pod_identity_association(**request), not_yet=_not_known_yet)
        return self._observed(resource.address, answer["association"], None)

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client("eks")
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        if "role_arn" in delta:
            request = {
                "clusterName": observed.attributes["cluster"],
                "associationId": observed.id,
                "roleArn": delta["role_arn"].new,
            }
            until(lambda: client.update_pod_identity_association(**request), not_yet=_not_known_yet)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(common.GONE):
            who = {"clusterName": observed.attributes["cluster"], "associationId": observed.id}
            context.api.client("eks").delete_pod_identity_association(**who)
