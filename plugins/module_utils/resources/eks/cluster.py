# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EKS clusters.

Facts: EKS API reference (CreateCluster, UpdateClusterConfig, UpdateClusterVersion, AssociateEncryptionConfig) and user guide
("Update existing cluster to new Kubernetes version", "Cluster API server endpoint", "Encrypt Kubernetes secrets with KMS").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import EngineError, InvalidInput
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ...reconcile.unknown import UNKNOWN
from ...reconcile.waiter import Waiter
from ..strangers import Candidate, among, for_its_name, prefixes
from . import common

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
# States in which others can rest on it.
RUNNING = (common.ACTIVE, "UPDATING")
LEFTOVERS = tuple(
    f"leftover_{what}"
    for what in ("instance", "load_balancer", "classic_load_balancer", "target_group", "interface", "security_group", "volume")
)
WAY_OUT = {
    "FAILED": "delete it (aws eks delete-cluster; it holds nothing yet) and run the eks tier",
    common.DELETING: "wait until it is gone and run the eks tier",
}
VERSION = re.compile(r"^1\.(\d{1,3})$")


def same_where_any(desired: Any, observed: Any) -> bool:
    """A key can be given to a cluster without one, and never be changed or taken away."""
    return observed is None or desired == observed


class Cluster(Kind):
    """A cluster. Its natural name is its name.

    ``encryption_key`` is the ARN of the key that encrypts its secrets; ``secrets_encrypted`` is true where there is one.
    """

    name = "eks_cluster"
    services = ("eks",)
    irreplaceable = True
    referred = True
    protection = "eks_deletion_protection"
    # Log groups would come back by themselves, and without its roles a cluster cannot take down what it made.
    # What controllers made they would make again.
    within = ("log_group", "iam_role", "iam_oidc_provider", *LEFTOVERS)
    next_step = "delete it (aws eks delete-cluster; it holds nothing yet), mend the reason, and run again"
    waiter = Waiter(ready=frozenset({common.ACTIVE}), failed=frozenset({"FAILED"}), delay=15.0, timeout=1800.0)
    fields = (
        Field("name", on_change="replace"),
        Field("role_arn", on_change="replace"),
        Field("service_cidr", on_change="replace"),
        Field("authentication_mode", on_change="replace"),
        Field("encryption_key", on_change="replace", equal=same_where_any),
        Field("secrets_encrypted"),
        Field("version"),
        Field("subnets", unordered=True),
        Field("security_groups", unordered=True),
        Field("private_endpoint"),
        Field("public_endpoint"),
        Field("public_cidrs", unordered=True),
        Field("log_types", unordered=True),
        Field("support_type"),
        Field("deletion_protection"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """All clusters of the region are read: there are few, and the list has no tags.

        Raises InvalidInput for a version that the cluster cannot be brought to in one step.
        """
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        names = view.api.pages("eks", "list_clusters", "clusters")
        for item in view.api.map(lambda name: self._describe(view, name), names):
            if item is None:
                continue
            name, tags = item["name"], item.get("tags") or {}
            if name in wanted and not view.thorough:
                check_step(name, item["version"], wanted[name].desired.get("version"))
            if name in wanted or view.owner.owns_in_tier(tags):
                address = wanted[name].address if name in wanted else address_in(tags, self.name, name)
                yield self._observed(address, item)

    def strangers(self, view: View) -> Iterable[Stranger]:
        names = [name for name in view.api.pages("eks", "list_clusters", "clusters") if name.startswith(prefixes(view))]
        yield from among(
            view, self, [Candidate(name, name, for_its_name(view), lambda name=name: self._tags(view, name)) for name in names]
        )

    def _tags(self, view: View, name: str) -> dict[str, str] | None:
        item = self._describe(view, name)
        return None if item is None else item.get("tags") or {}

    def find(self, view: View) -> Iterable[Observed]:
        """Raises EngineError for a cluster that is there and that nothing can rest on."""
        for resource in view.resources:
            item = self._describe(view, resource.desired["name"])
            if item and item["status"] not in RUNNING:
                raise EngineError(
                    f"{resource.address}: the cluster {item['name']} is in state {item['status']}: "
                    + WAY_OUT.get(item["status"], "run the eks tier, which waits for it, or run again later")
                )
            if item:
                yield self._observed(resource.address, item)

    @staticmethod
    def _describe(context: Context, name: str) -> dict[str, Any] | None:
        answer = common.unless_gone(lambda: context.api.client("eks").describe_cluster(name=name))
        return answer["cluster"] if answer else None

    def _observed(self, address: str, item: Mapping[str, Any]) -> Observed:
        return Observed(
            address,
            item["name"],
            _values(item),
            _attributes(item),
            item.get("tags") or {},
            state=item["status"],
            leaving=item["status"] == common.DELETING,
        )

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["name"]
        return {"id": name, "name": name, "arn": context.api.arn("eks", f"cluster/{name}"), "version": resource.desired["version"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client("eks")
        network = {"kubernetesNetworkConfig": {"serviceIpv4Cidr": desired["service_cidr"]}} if desired.get("service_cidr") else {}
        encryption = {"encryptionConfig": _encryption(desired["encryption_key"])} if desired.get("encryption_key") else {}
        request = {
            "name": desired["name"],
            "version": desired["version"],
            "roleArn": desired["role_arn"],
            "resourcesVpcConfig": {
                "subnetIds": desired["subnets"],
                "securityGroupIds": desired.get("security_groups") or [],
                **_endpoints(desired),
            },
            "logging": _logging(desired["log_types"]),
            "accessConfig": {
                "authenticationMode": desired["authentication_mode"],
                "bootstrapClusterCreatorAdminPermissions": False,
            },
            # The network add-ons are EKS's, not copies that nobody updates.
            "bootstrapSelfManagedAddons": False,
            "upgradePolicy": {"supportType": desired["support_type"]},
            "deletionProtection": desired["deletion_protection"],
            "tags": desired["tags"],
            **network,
            **encryption,
        }

        stub = Observed(resource.address, desired["name"])
        item = common.create(self, context, resource, stub, lambda: client.create_cluster(**request))["cluster"]
        made = {field.name: desired.get(field.name) for field in self.fields}
        return Observed(resource.address, desired["name"], made, _attributes(item))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        """One update after another, each awaited; the version last, with everything else as it is to be."""
        desired, client, name = resource.desired, context.api.client("eks"), observed.id

        def configure(**arguments: Any) -> None:
            call = {"name": name, **arguments}
            common.change(context, resource.address, lambda: client.update_cluster_config(**call), name)

        if "tags" in delta:
            common.write_tags(context, observed.attributes["arn"], delta["tags"])
        if "deletion_protection" in delta:
            configure(deletionProtection=delta["deletion_protection"].new)
        if "log_types" in delta:
            configure(logging=_logging(delta["log_types"].new))
        if delta.any("private_endpoint", "public_endpoint", "public_cidrs"):
            configure(resourcesVpcConfig=_endpoints(desired))
        if delta.any("subnets", "security_groups"):
            groups = desired.get("security_groups")
            more = {} if groups is None else {"securityGroupIds": groups}
            configure(resourcesVpcConfig={"subnetIds": desired["subnets"], **more})
        if "support_type" in delta:
            configure(upgradePolicy={"supportType": delta["support_type"].new})
        if "secrets_encrypted" in delta:
            config = {"clusterName": name, "encryptionConfig": _encryption(desired["encryption_key"])}
            common.change(context, resource.address, lambda: client.associate_encryption_config(**config), name)
        if "version" in delta:
            version = {"name": name, "version": delta["version"].new}
            common.change(context, resource.address, lambda: client.update_cluster_version(**version), name)
            observed.attributes["version"] = version["version"]

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(common.GONE):
            context.api.client("eks").delete_cluster(name=observed.id)

    def refresh(self, context: Context, observed: Observed) -> str | None:
        """A new cluster learns its endpoint and its security group while it is made."""
        item = self._describe(context, observed.id)
        if item is None:
            return None
        observed.attributes.update(_attributes(item))
        return item["status"]

    def reason(self, context: Context, observed: Observed) -> str:
        item = self._describe(context, observed.id) or {}
        return common.reasons((item.get("health") or {}).get("issues"))

    def unprotect(self, context: Context, observed: Observed) -> None:
        call = {"name": observed.id, "deletionProtection": False}
        with tolerating(common.GONE):
            common.change(context, observed.address, lambda: context.api.client("eks").update_cluster_config(**call), observed.id)


def check_step(name: str, standing: str, wanted: str | None) -> None:
    """Kubernetes goes up, one minor at a time; nodes and add-ons follow each step."""
    old, new = VERSION.match(standing), VERSION.match(wanted or standing)
    if not old or not new:
        return
    step = int(new[1]) - int(old[1])
    if step < 0:
        raise InvalidInput(
            f"eks_version: {wanted} is below {standing}, which {name} has: EKS takes no cluster back, so set {standing} or higher"
        )
    if step > 1:
        raise InvalidInput(
            f"eks_version: {wanted} is {step} minors above {standing}, which {name} has, and EKS takes one at a time: set "
            f"1.{int(old[1]) + 1}, apply it (nodes and add-ons follow), and go on from there"
        )


def _endpoints(desired: Mapping[str, Any]) -> dict[str, Any]:
    """Public ranges only where there is a public endpoint: EKS refuses them elsewhere."""
    cidrs = {"publicAccessCidrs": desired["public_cidrs"]} if desired["public_endpoint"] else {}
    return {"endpointPrivateAccess": desired["private_endpoint"], "endpointPublicAccess": desired["public_endpoint"], **cidrs}


def _logging(types: Iterable[str]) -> dict[str, Any]:
    """Every type is told: one that is not named stays as it is."""
    on = sorted(types)
    off = sorted(set(LOG_TYPES) - set(on))
    return {"clusterLogging": [{"types": names, "enabled": enabled} for names, enabled in ((on, True), (off, False)) if names]}


def _encryption(key: str) -> list[dict[str, Any]]:
    return [{"resources": ["secrets"], "provider": {"keyArn": key}}]


def _values(item: Mapping[str, Any]) -> dict[str, Any]:
    network = item["resourcesVpcConfig"]
    keys = [config["provider"]["keyArn"] for config in item.get("encryptionConfig") or () if "secrets" in config["resources"]]
    logs = (item.get("logging") or {}).get("clusterLogging") or ()
    public = network.get("endpointPublicAccess", False)
    return {
        "name": item["name"],
        "role_arn": item["roleArn"],
        "service_cidr": (item.get("kubernetesNetworkConfig") or {}).get("serviceIpv4Cidr"),
        "authentication_mode": (item.get("accessConfig") or {}).get("authenticationMode"),
        "encryption_key": keys[0] if keys else None,
        "secrets_encrypted": bool(keys),
        "version": item["version"],
        "subnets": network.get("subnetIds") or [],
        "security_groups": network.get("securityGroupIds") or [],
        "private_endpoint": network.get("endpointPrivateAccess", False),
        "public_endpoint": public,
        # EKS goes on showing 0.0.0.0/0 for an endpoint that is not public.
        "public_cidrs": (network.get("publicAccessCidrs") or []) if public else [],
        "log_types": sorted({kind for entry in logs if entry.get("enabled") for kind in entry.get("types") or ()}),
        "support_type": (item.get("upgradePolicy") or {}).get("supportType"),
        "deletion_protection": item.get("deletionProtection", False),
    }


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    """A cluster that is still being made has no endpoint, no issuer and no group yet."""
    known = {
        "arn": item.get("arn"),
        "name": item["name"],
        "version": item.get("version"),
        "endpoint": item.get("endpoint"),
        "certificate_authority": (item.get("certificateAuthority") or {}).get("data"),
        "cluster_security_group_id": (item.get("resourcesVpcConfig") or {}).get("clusterSecurityGroupId"),
        "oidc_issuer": ((item.get("identity") or {}).get("oidc") or {}).get("issuer"),
    }
    return {name: UNKNOWN if value is None else value for name, value in known.items()}
