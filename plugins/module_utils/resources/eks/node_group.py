# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed node groups of EKS.

Facts: EKS API reference (CreateNodegroup, UpdateNodegroupConfig, UpdateNodegroupVersion) and user guide ("Managed node group update
behavior", "Customize managed nodes with launch templates").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import WaitFailed
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter
from ..ec2.launch_template import normal, settings_of_versions
from . import common

FAILED = ("CREATE_FAILED", "DELETE_FAILED")


class NodeGroup(Kind):
    """A node group. Options: ``force`` (an update evicts pods that resist), ``replace`` (one that works may be made anew).

    Its natural name is its name within the cluster; its id is its ARN, which no later group of the name has.

    ``template`` is what the launch template says in the version that the group uses; ``template_id`` and ``template_version`` are
    where the desired one is found. ``desired_size`` is what the group begins with; from then on it is the cluster autoscaler's.
    """

    name = "eks_nodegroup"
    services = ("eks", "ec2")
    within = ("eks_cluster", "launch_template", "iam_role")
    observe_after = ("eks_cluster",)
    next_step = "mend that (quota, subnet addresses, role, key) and run again"
    waiter = Waiter(
        ready=frozenset({common.ACTIVE}),
        failed=frozenset(FAILED),
        stuck=frozenset({"DEGRADED"}),
        delay=15.0,
        timeout=3600.0,
        # While nodes join.
        patience=300.0,
        later=True,
    )
    fields = (
        Field("cluster", on_change="replace"),
        Field("name", on_change="replace"),
        Field("node_role", on_change="replace"),
        Field("subnets", on_change="replace", unordered=True),
        Field("instance_types", on_change="replace"),
        Field("capacity_type", on_change="replace"),
        Field("ami_type", on_change="replace"),
        Field("template_id", on_change="replace"),
        Field("template", canonical=normal),
        Field("version"),
        Field("labels"),
        Field("taints", unordered=True),
        Field("scaling"),
        Field("desired_size", on_change="keep"),
        Field("max_unavailable_percent"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """The groups of our clusters; one list a cluster, and one description a group."""
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        clusters = common.clusters_of(view)
        lists = view.api.map(
            lambda name: common.unless_gone(lambda: view.api.pages("eks", "list_nodegroups", "nodegroups", clusterName=name)),
            clusters,
        )
        names = [(cluster, group) for cluster, groups in zip(clusters, lists, strict=True) for group in groups or ()]
        items = [item for item in view.api.map(lambda pair: _describe(view, *pair), names) if item]
        templates = settings_of_versions(view, [_template(item) for item in items])
        for item in items:
            tags = item.get("tags") or {}
            if item["nodegroupName"] in wanted or view.owner.owns_in_tier(tags):
                address = wanted.get(item["nodegroupName"]) or address_in(tags, self.name, item["nodegroupName"])
                yield Observed(
                    address,
                    item["nodegroupArn"],
                    _values(item, templates.get(_template(item))),
                    _attributes(item),
                    tags,
                    state=item["status"],
                    leaving=item["status"] == common.DELETING,
                )

    def strangers(self, view: View) -> Iterable[Stranger]:
        known = {(item.attributes["cluster"], item.attributes["name"]) for item in view.of(self.name).values()}
        unknown = [pair for pair in common.parts(view, "list_nodegroups", "nodegroups") if pair not in known]
        items = [item for item in view.api.map(lambda pair: _describe(view, *pair), unknown) if item]
        yield from common.strangers(view, self, [(item["nodegroupName"], item) for item in items], "nodegroupArn")

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("eks")
        request = {
            "clusterName": desired["cluster"],
            "nodegroupName": desired["name"],
            "nodeRole": desired["node_role"],
            "subnets": desired["subnets"],
            "instanceTypes": desired["instance_types"],
            "capacityType": desired["capacity_type"],
            "amiType": desired["ami_type"],
            "launchTemplate": {"id": desired["template_id"], "version": str(desired["template_version"])},
            "version": desired["version"],
            "labels": desired["labels"],
            "taints": desired["taints"],
            "scalingConfig": {
                "minSize": desired["scaling"]["min"],
                "maxSize": desired["scaling"]["max"],
                "desiredSize": desired["desired_size"],
            },
            "updateConfig": {"maxUnavailablePercentage": desired["max_unavailable_percent"]},
            "tags": desired["tags"],
        }
        stub = Observed(resource.address, desired["name"], attributes={name: desired[name] for name in ("name", "cluster")})
        item = common.create(self, context, resource, stub, lambda: client.create_nodegroup(**request))["nodegroup"]
        made = {field.name: desired.get(field.name) for field in self.fields}
        return Observed(resource.address, item["nodegroupArn"], made, _attributes(item))

    def blocks_replace(self, resource: Resource, observed: Observed) -> str | None:
        """All its nodes would go before the first new one comes."""
        if resource.options.get("replace"):
            return None
        return (
            "add a group of another name, apply, then remove this one (aws eks delete-nodegroup), or set eks_replace_node_groups: "
            "true to have all its nodes deleted before the new ones are made"
        )

    def successor(self, resource: Resource, observed: Observed) -> Resource:
        """As many nodes as the autoscaler had, within the new bounds; a group that never worked had none."""
        size, bounds = observed.fields.get("desired_size"), resource.desired["scaling"]
        if observed.broken or size is None:
            return resource
        carried = min(max(size, bounds["min"]), bounds["max"])
        return dataclasses.replace(resource, desired={**resource.desired, "desired_size": carried})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """What holds of the group first, so that the nodes that an update of the version brings have it already."""
        client = context.api.client("eks")
        who = {"clusterName": observed.attributes["cluster"], "nodegroupName": observed.attributes["name"]}

        def change(call: Any, **arguments: Any) -> None:
            common.change(
                context,
                resource.address,
                lambda: call(**who, **arguments),
                who["clusterName"],
                nodegroupName=observed.attributes["name"],
            )

        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        config: dict[str, Any] = {}
        if "scaling" in delta:
            config["scalingConfig"] = self._scaling(context, observed, delta["scaling"].new)
        if "labels" in delta:
            old, new = delta["labels"].old or {}, delta["labels"].new
            config["labels"] = {
                "addOrUpdateLabels": {key: value for key, value in new.items() if old.get(key) != value},
                "removeLabels": sorted(set(old) - set(new)),
            }
        if "taints" in delta:
            old, new = delta["taints"].old or [], delta["taints"].new
            kept = {(taint["key"], taint["effect"]) for taint in new}
            config["taints"] = {
                "addOrUpdateTaints": [taint for taint in new if taint not in old],
                "removeTaints": [taint for taint in old if (taint["key"], taint["effect"]) not in kept],
            }
        if "max_unavailable_percent" in delta:
            config["updateConfig"] = {"maxUnavailablePercentage": delta["max_unavailable_percent"].new}
        if config:
            change(client.update_nodegroup_config, **config)
        version: dict[str, Any] = {}
        if "version" in delta:
            version["version"] = delta["version"].new
        if "template" in delta:
            version["launchTemplate"] = {
                "id": resource.desired["template_id"],
                "version": str(resource.desired["template_version"]),
            }
        if version:
            change(client.update_nodegroup_version, force=bool(resource.options.get("force")), **version)

    @staticmethod
    def _scaling(context: Context, observed: Observed, bounds: Mapping[str, int]) -> dict[str, int]:
        """The new bounds. The desired size goes along only where it would be outside of them: EKS refuses that."""
        item = _describe(context, observed.attributes["cluster"], observed.attributes["name"])
        current = (item or {"scalingConfig": {}})["scalingConfig"].get("desiredSize", bounds["min"])
        within = min(max(current, bounds["min"]), bounds["max"])
        lifted = {} if within == current else {"desiredSize": within}
        return {"minSize": bounds["min"], "maxSize": bounds["max"], **lifted}

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(common.GONE):
            context.api.client("eks").delete_nodegroup(
                clusterName=observed.attributes["cluster"], nodegroupName=observed.attributes["name"]
            )

    def refresh(self, context: Context, observed: Observed) -> str | None:
        item = _describe(context, observed.attributes["cluster"], observed.attributes["name"])
        if item is None:
            return None
        if item["status"] == "DELETE_FAILED":
            raise WaitFailed(
                f"{observed.address} could not be deleted: {common.reasons(item['health']['issues'])}; {self.next_step}"
            )
        return item["status"]

    def reason(self, context: Context, observed: Observed) -> str:
        item = _describe(context, observed.attributes["cluster"], observed.attributes["name"]) or {}
        return common.reasons((item.get("health") or {}).get("issues"))


def _describe(context: Context, cluster: str, name: str) -> dict[str, Any] | None:
    client = context.api.client("eks")
    answer = common.unless_gone(lambda: client.describe_nodegroup(clusterName=cluster, nodegroupName=name))
    return answer["nodegroup"] if answer else None


def _template(item: Mapping[str, Any]) -> tuple[str, str]:
    """Id and version of the launch template that a group uses."""
    template = item.get("launchTemplate") or {}
    return template.get("id", ""), str(template.get("version", ""))


def _values(item: Mapping[str, Any], template: Any) -> dict[str, Any]:
    scaling = item.get("scalingConfig") or {}
    return {
        "cluster": item["clusterName"],
        "name": item["nodegroupName"],
        "node_role": item["nodeRole"],
        "subnets": item.get("subnets") or [],
        "instance_types": item.get("instanceTypes") or [],
        "capacity_type": item.get("capacityType"),
        "ami_type": item.get("amiType"),
        "template_id": _template(item)[0],
        "template": template,
        "version": item.get("version"),
        "labels": item.get("labels") or {},
        "taints": [
            {"key": taint["key"], "value": taint.get("value", ""), "effect": taint["effect"]} for taint in item.get("taints") or ()
        ],
        "scaling": {"min": scaling.get("minSize"), "max": scaling.get("maxSize")},
        "desired_size": scaling.get("desiredSize"),
        "max_unavailable_percent": (item.get("updateConfig") or {}).get("maxUnavailablePercentage"),
    }


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    groups = (item.get("resources") or {}).get("autoScalingGroups") or ()
    return {
        "arn": item["nodegroupArn"],
        "name": item["nodegroupName"],
        "cluster": item["clusterName"],
        "autoscaling_groups": [group["name"] for group in groups],
    }
