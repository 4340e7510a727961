# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-ons of EKS, their versions, and which of those EKS recommends.

Facts: EKS API reference (CreateAddon, UpdateAddon, DescribeAddonVersions) and user guide ("Update an Amazon EKS add-on").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError, WaitFailed
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter
from . import common

# GuardDuty's runtime monitoring puts it into every cluster by itself.
GUARDDUTY = "aws-guardduty-agent"


def parsed(configuration: Any) -> Any:
    """Configuration values as EKS answers them (a JSON text, or none) or as they are desired.

    EKS takes YAML too, which is written by other hands alone: that stays the text that it is.
    """
    if not isinstance(configuration, str):
        return configuration
    try:
        return json.loads(configuration) if configuration else {}
    except ValueError:
        return configuration


class Addon(Kind):
    """An add-on. Its natural name is its name within the cluster. What others changed of its settings is overwritten.

    ``first_version`` is what it is made with where its version follows the nodes' (see AddonVersion).
    """

    name = "eks_addon"
    services = ("eks",)
    within = ("eks_cluster", "iam_role")
    observe_after = ("eks_cluster",)
    next_step = "mend that and run again"
    waiter = Waiter(
        ready=frozenset({common.ACTIVE}),
        failed=frozenset({"CREATE_FAILED", "DELETE_FAILED"}),
        stuck=frozenset({"DEGRADED", "UPDATE_FAILED"}),
        delay=10.0,
        timeout=1800.0,
        # While its first replicas start.
        patience=900.0,
    )
    fields = (
        Field("cluster", on_change="replace"),
        Field("addon_name", on_change="replace"),
        Field("first_version", on_change="keep"),
        Field("version"),
        Field("configuration", canonical=parsed),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["addon_name"]: resource.address for resource in view.resources}
        clusters = common.clusters_of(view)
        lists = view.api.map(
            lambda name: common.unless_gone(lambda: view.api.pages("eks", "list_addons", "addons", clusterName=name)), clusters
        )
        names = [(cluster, addon) for cluster, addons in zip(clusters, lists, strict=True) for addon in addons or ()]
        for item in view.api.map(lambda pair: describe(view, *pair), names):
            if item is None:
                continue
            tags = item.get("tags") or {}
            if item["addonName"] in wanted or view.owner.owns_in_tier(tags):
                yield Observed(
                    wanted.get(item["addonName"]) or address_in(tags, self.name, item["addonName"]),
                    item["addonArn"],
                    {
                        "cluster": item["clusterName"],
                        "addon_name": item["addonName"],
                        "version": item["addonVersion"],
                        "configuration": parsed(item.get("configurationValues") or ""),
                    },
                    _attributes(item),
                    tags,
                    state=item["status"],
                    leaving=item["status"] == common.DELETING,
                )

    def strangers(self, view: View) -> Iterable[Stranger]:
        known = {(item.attributes["cluster"], item.attributes["name"]) for item in view.of(self.name).values()}
        unknown = [pair for pair in common.parts(view, "list_addons", "addons") if pair not in known]
        items = [item for item in view.api.map(lambda pair: describe(view, *pair), unknown) if item]
        others = [(item["addonName"], item) for item in items if item["addonName"] != GUARDDUTY]
        yield from common.strangers(view, self, others, "addonArn")

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("eks")
        version = desired.get("version") or desired.get("first_version")
        request = {
            "clusterName": desired["cluster"],
            "addonName": desired["addon_name"],
            "resolveConflicts": "OVERWRITE",
            "configurationValues": _text(desired["configuration"]),
            "tags": desired["tags"],
            **({"addonVersion": version} if version else {}),
        }
        attributes = {"name": desired["addon_name"], "cluster": desired["cluster"]}
        stub = Observed(resource.address, desired["addon_name"], attributes=attributes)
        item = common.create(self, context, resource, stub, lambda: client.create_addon(**request))["addon"]
        made = {field.name: desired.get(field.name) for field in self.fields}
        return Observed(resource.address, item["addonArn"], made, _attributes(item))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        if delta.any("version", "configuration"):
            write(context, resource, observed, delta["version"].new if "version" in delta else None)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(common.GONE):
            context.api.client("eks").delete_addon(
                clusterName=observed.attributes["cluster"], addonName=observed.attributes["name"]
            )

    def refresh(self, context: Context, observed: Observed) -> str | None:
        item = describe(context, observed.attributes["cluster"], observed.attributes["name"])
        if item is None:
            return None
        if item["status"] == "DELETE_FAILED":
            raise WaitFailed(f"{observed.address} could not be deleted: {self.reason(context, observed)}; {self.next_step}")
        return item["status"]

    def reason(self, context: Context, observed: Observed) -> str:
        item = describe(context, observed.attributes["cluster"], observed.attributes["name"]) or {}
        return common.reasons((item.get("health") or {}).get("issues"))


class AddonVersion(Kind):
    """The version of an add-on that nodes need to start: made before them, it is updated after them.

    It is made and deleted with its add-on, whose name is its own.
    """

    name = "eks_addon_version"
    services = ("eks",)
    tagged = False
    implicit = True
    observe_after = ("eks_addon",)
    fields = (Field("version"),)

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["addon_name"]: resource.address for resource in view.resources}
        for addon in view.of("eks_addon").values():
            name = addon.attributes["name"]
            if name in wanted:
                attributes = {"name": name, "cluster": addon.attributes["cluster"]}
                yield Observed(wanted[name], name, {"version": addon.fields["version"]}, attributes)

    def create(self, context: Context, resource: Resource) -> Observed:
        """The add-on is there by now."""
        cluster, name = resource.desired["cluster"], resource.desired["addon_name"]
        item = describe(context, cluster, name)
        if item is None:
            raise EngineError(f"{resource.address}: {cluster} has no add-on {name} any more: run again")
        return Observed(resource.address, name, {"version": item["addonVersion"]}, {"name": name, "cluster": cluster})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        write(context, resource, observed, delta["version"].new)


class AddonRelease(Kind):
    """The version that EKS recommends of an add-on for a version of Kubernetes. It is only ever looked up."""

    name = "eks_addon_release"
    services = ("eks",)
    tagged = False

    def observe(self, view: View) -> Iterable[Observed]:
        for resource, version in zip(
            view.resources, view.api.map(lambda one: self._default(view, one), view.resources), strict=True
        ):
            yield Observed(resource.address, version, attributes={"version": version})

    @staticmethod
    def _default(view: View, resource: Resource) -> str:
        name, kubernetes = resource.desired["addon_name"], resource.desired["kubernetes_version"]
        addons = view.api.pages("eks", "describe_addon_versions", "addons", addonName=name, kubernetesVersion=kubernetes)
        for addon in addons:
            for version in addon["addonVersions"]:
                for fit in version.get("compatibilities") or ():
                    if fit.get("defaultVersion") and fit.get("clusterVersion") == kubernetes:
                        return version["addonVersion"]
        raise EngineError(
            f"eks_addons: EKS has no {name} for Kubernetes {kubernetes}: check the add-on's name and eks_version, or give the "
            "add-on a version of your own choice"
        )


def describe(context: Context, cluster: str, name: str) -> dict[str, Any] | None:
    client = context.api.client("eks")
    answer = common.unless_gone(lambda: client.describe_addon(clusterName=cluster, addonName=name))
    return answer["addon"] if answer else None


def write(context: Context, resource: Resource, observed: Observed, version: str | None) -> None:
    """UpdateAddon with the whole configuration: EKS would take back what is left out."""
    who = {"clusterName": observed.attributes["cluster"], "addonName": observed.attributes["name"]}
    request = {
        **who,
        "resolveConflicts": "OVERWRITE",
        "configurationValues": _text(resource.desired["configuration"]),
        **({"addonVersion": version} if version else {}),
    }
    client = context.api.client("eks")
    common.change(
        context, resource.address, lambda: client.update_addon(**request), who["clusterName"], addonName=observed.attributes["name"]
    )


def _text(configuration: Any) -> str:
    return json.dumps(parsed(configuration), sort_keys=True)


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"arn": item["addonArn"], "name": item["addonName"], "cluster": item["clusterName"], "version": item["addonVersion"]}
