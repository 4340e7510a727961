# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache: replication groups of one node group (cluster mode disabled), Redis OSS or Valkey.

Facts: ElastiCache API reference (CreateReplicationGroup, ModifyReplicationGroup, IncreaseReplicaCount, DescribeCacheClusters) and
user guide ("Minimizing downtime with Multi-AZ", "In-transit encryption", "Log delivery", "Version management"). What a group and
its nodes have in common is shown on the nodes only: engine version, parameter group, subnet group, security groups, maintenance
window, topic. Tags are not shown while a group is being made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.errors import Refused
from ...reconcile.resource import Context, Kind, Left, Observed, Resource, Stranger, View
from ...reconcile.waiter import Waiter, wait_ready
from ..final import final_name
from ..generated_secret import GeneratedSecret
from . import auth_token
from .changes import Changes
from .common import BUSY, GONE, SERVICE, ours, strangers
from .shapes import (
    NO_TLS,
    NO_TOPIC,
    log_requests,
    member_fields,
    own_fields,
    same_key,
    same_once_seen,
    same_version,
    ways_back,
)

AVAILABLE, FAILED, DELETING = "available", "create-failed", "deleting"
EXISTS = "ReplicationGroupAlreadyExists"
# DescribeEvents goes back 14 days.
EVENT_MINUTES = 14 * 24 * 60


class ReplicationGroup(Kind):
    """A cache: a primary node and its replicas. Its natural name is its id.

    ``nodes`` counts the primary. ``transit_encryption`` is required, preferred or disabled (the first two need Redis 7.0.5 or
    Valkey, and preferred takes no token); ``auth_token`` is desired "current" where there is one (see ``auth_token``), and
    ``auth_secret`` the ARN of the secret that holds it. ``logs`` is a list of ``{type, log_group, format}``;
    ``notification_topic`` empty: nobody is told.
    Options: ``final_snapshot`` (default true), ``token``: ``{address, rotation, value, length, alphabet}`` of its secret.
    """

    name = "replication_group"
    services = (SERVICE, *GeneratedSecret.services)
    stateful = True
    within = ("cache_subnet_group", "cache_parameter_group", "generated_secret", "log_group")
    observe_after = ("generated_secret",)
    waiter = Waiter(ready=frozenset({AVAILABLE}), failed=frozenset({FAILED}), delay=15.0, timeout=3600.0, later=True)
    next_step = (
        "it never held data: mend the reason (DescribeEvents tells it), delete the replication group (the redis tier with state "
        "absent does) and run again"
    )
    fields = (
        Field("group_id", on_change="replace"),
        Field("description"),
        Field("engine"),
        Field("version", equal=same_version),
        Field("node_type"),
        Field("nodes"),
        Field("automatic_failover"),
        Field("multi_az"),
        Field("port", on_change="replace", equal=same_once_seen),
        Field("subnet_group", on_change="replace", equal=same_once_seen),
        Field("security_groups", equal=same_once_seen),
        Field("parameter_group", equal=same_once_seen),
        Field("kms_key", on_change="replace", equal=same_key),
        Field("transit_encryption"),
        Field("auth_secret", on_change="keep"),
        Field("auth_token"),
        Field("snapshot_retention_days"),
        Field("snapshot_window"),
        Field("maintenance_window", equal=same_once_seen),
        Field("auto_minor_version_upgrade"),
        Field("notification_topic", equal=same_once_seen),
        Field("logs", unordered=True),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """All groups, all nodes, and the tags of each group that may be ours."""
        found = view.api.pages(SERVICE, "describe_replication_groups", "ReplicationGroups")
        mine = list(ours(view, self.name, found, "ReplicationGroupId", "group_id"))
        wanted = {resource.address: resource for resource in view.resources}
        nodes: dict[str, Any] = {}
        for node in view.api.pages(SERVICE, "describe_cache_clusters", "CacheClusters") if mine else ():
            nodes.setdefault(node.get("ReplicationGroupId"), node)
        secrets = view.of("generated_secret")
        for address, item, tags in mine:
            observed = self._observed(view, address, item, nodes.get(item["ReplicationGroupId"]), tags, wanted.get(address))
            resource = wanted.get(address)
            if resource:
                token = resource.options.get("token") or {}
                secret = secrets.get(token.get("address", ""))
                observed.fields["auth_token"] = auth_token.state(view, item, secret, token)
                observed.attributes["auth_secret_arn"] = secret.id if secret else None
                if not view.thorough and not observed.leaving and (reasons := ways_back(resource, observed.fields)):
                    raise Refused(reasons)
            yield observed

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Groups of our names, and nodes of none of ours that are called so or are in one of our networks."""
        groups, nodes, subnets = view.api.together(
            lambda: view.api.pages(SERVICE, "describe_replication_groups", "ReplicationGroups"),
            lambda: view.api.pages(SERVICE, "describe_cache_clusters", "CacheClusters"),
            lambda: view.api.pages(SERVICE, "describe_cache_subnet_groups", "CacheSubnetGroups"),
        )
        vpcs = {group["CacheSubnetGroupName"]: group["VpcId"] for group in subnets}
        found: dict[str, dict[str, Any]] = {group["ReplicationGroupId"]: dict(group) for group in groups}
        for node in nodes:
            group = found.setdefault(node.get("ReplicationGroupId") or node["CacheClusterId"], dict(node))
            group["VpcId"] = vpcs.get(node.get("CacheSubnetGroupName"))
        named = [{**item, "Name": name} for name, item in found.items()]
        yield from strangers(view, self, named, "Name", "VpcId")

    def _observed(
        self,
        view: View,
        address: str,
        item: Mapping[str, Any],
        node: Mapping[str, Any] | None,
        tags: dict[str, str] | None,
        resource: Resource | None,
    ) -> Observed:
        """Ours is also a group whose tags AWS does not show now, if it is described as ours are."""
        state, name = item["Status"], item["ReplicationGroupId"]
        if tags is None and item.get("Description", "").startswith(f"{view.owner.deployment}: "):
            tags = view.owner.tags_for(address, resource.tags if resource else None)
        fields = {**own_fields(item), "port": endpoints(item)["port"]}
        if node:
            fields.update(member_fields(node))
        attributes = {"name": name, "arn": item["ARN"], **endpoints(item)}
        leaving = state == DELETING
        return Observed(address, name, fields, attributes, tags or {}, state=state, leaving=leaving)

    def find(self, view: View) -> Iterable[Observed]:
        standing = {
            item["ReplicationGroupId"]: item for item in view.api.pages(SERVICE, "describe_replication_groups", "ReplicationGroups")
        }
        for resource in view.resources:
            item = standing.get(resource.desired["group_id"])
            if item and item["Status"] != DELETING:
                name = item["ReplicationGroupId"]
                yield Observed(resource.address, name, {"group_id": name}, {"name": name, "arn": item["ARN"], **endpoints(item)})

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["group_id"]
        arn = context.api.arn(SERVICE, f"replicationgroup:{name}")
        return {"id": name, "name": name, "arn": arn, "port": resource.desired["port"]}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired, client = resource.desired, context.api.client(SERVICE)
        request = self._request(context, resource)
        try:
            item = client.create_replication_group(**request)["ReplicationGroup"]
        except Exception as error:
            gone = Observed(resource.address, desired["group_id"])
            if not is_code(error, EXISTS) or self.refresh(context, gone) not in (DELETING, None):
                raise
            # One of the same name is on its way out.
            self.wait_gone(context, gone)
            item = client.create_replication_group(**request)["ReplicationGroup"]
        made = {field.name: desired.get(field.name) for field in self.fields}
        attributes = {"name": desired["group_id"], "arn": item["ARN"], "auth_secret_arn": desired.get("auth_secret")}
        return Observed(resource.address, desired["group_id"], made, {**attributes, **endpoints(item)}, state=item["Status"])

    @staticmethod
    def _request(context: Context, resource: Resource) -> dict[str, Any]:
        """Everything at once: a group that is being made takes no change for a quarter of an hour."""
        desired, token = resource.desired, resource.options.get("token")
        request: dict[str, Any] = {
            "ReplicationGroupId": desired["group_id"],
            "ReplicationGroupDescription": desired["description"],
            "Engine": desired["engine"],
            "EngineVersion": desired["version"],
            "CacheNodeType": desired["node_type"],
            "NumCacheClusters": desired["nodes"],
            "AutomaticFailoverEnabled": desired["automatic_failover"],
            "MultiAZEnabled": desired["multi_az"],
            "Port": desired["port"],
            "CacheSubnetGroupName": desired["subnet_group"],
            "SecurityGroupIds": desired["security_groups"],
            "CacheParameterGroupName": desired["parameter_group"],
            "AtRestEncryptionEnabled": True,
            "KmsKeyId": desired["kms_key"],
            "TransitEncryptionEnabled": desired["transit_encryption"] != NO_TLS,
            "SnapshotRetentionLimit": desired["snapshot_retention_days"],
            "PreferredMaintenanceWindow": desired["maintenance_window"],
            "AutoMinorVersionUpgrade": desired["auto_minor_version_upgrade"],
            "LogDeliveryConfigurations": log_requests([], desired["logs"]),
            "Tags": as_list(desired["tags"]),
        }
        if desired["transit_encryption"] != NO_TLS:
            request["TransitEncryptionMode"] = desired["transit_encryption"]
        if desired.get("snapshot_window"):
            request["SnapshotWindow"] = desired["snapshot_window"]
        if desired["notification_topic"] != NO_TOPIC:
            request["NotificationTopicArn"] = desired["notification_topic"]
        if token:
            request["AuthToken"] = auth_token.for_new_group(context, desired["auth_secret"], token)
        return request

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        Changes(self, context, resource, observed).make(delta)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """With the snapshot that ``leaves`` named, if it did and there is something to keep."""
        client = context.api.client(SERVICE)
        state = self.refresh(context, observed)
        if state not in (AVAILABLE, FAILED, DELETING, None):
            ends = Waiter(ready=frozenset({AVAILABLE, FAILED}), delay=self.waiter.delay, timeout=self.waiter.timeout)
            wait_ready(ends, observed.address, lambda: self.refresh(context, observed), context.progress, str)
            state = self.refresh(context, observed)
        how: dict[str, Any] = {}
        if state == AVAILABLE and "final_snapshot" in observed.attributes:
            how["FinalSnapshotIdentifier"] = observed.attributes["final_snapshot"]
        if state in (AVAILABLE, FAILED):
            with tolerating(*GONE):
                until(
                    lambda: client.delete_replication_group(ReplicationGroupId=observed.id, **how),
                    not_yet=lambda error: is_code(error, BUSY),
                )

    def leaves(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Left | None:
        """A last snapshot; one that could not be made has nothing to keep."""
        if not options.get("final_snapshot", True) or observed.state == FAILED:
            return None
        observed.attributes["final_snapshot"] = final_name(observed.id)
        return Left(f"cache snapshot {observed.attributes['final_snapshot']}", _key(observed.fields.get("kms_key")))

    def left_before(self, context: Context, resources: Sequence[Resource]) -> Iterable[Left]:
        """All that the account has: they carry no tags of ours, and the cache's entry may have left the configuration."""
        for item in context.api.pages(SERVICE, "describe_snapshots", "Snapshots", SnapshotSource="user"):
            if item.get("KmsKeyId"):
                yield Left(f"cache snapshot {item['SnapshotName']}", _key(item.get("KmsKeyId")))

    def refresh(self, context: Context, observed: Observed) -> str | None:
        item = describe(context, observed.id)
        if item is None:
            return None
        observed.attributes.update(endpoints(item))
        return item["Status"]

    def reason(self, context: Context, observed: Observed) -> str:
        events = context.api.pages(
            SERVICE,
            "describe_events",
            "Events",
            SourceIdentifier=observed.id,
            SourceType="replication-group",
            Duration=EVENT_MINUTES,
        )
        latest = max(events, key=lambda event: event["Date"], default={})
        return latest.get("Message", "")


def _key(key: str | None) -> tuple[str, ...]:
    return (key,) if key else ()


def describe(context: Context, name: str) -> dict[str, Any] | None:
    """DescribeReplicationGroups of one; None when there is none."""
    with tolerating(*GONE):
        answer = context.api.client(SERVICE).describe_replication_groups(ReplicationGroupId=name)
        return answer["ReplicationGroups"][0]
    return None


def endpoints(item: Mapping[str, Any]) -> dict[str, Any]:
    """Where to connect: to the primary for writing, to any replica for reading. None until the group is made."""
    group = next(iter(item.get("NodeGroups") or ()), {})
    primary, reader = group.get("PrimaryEndpoint") or {}, group.get("ReaderEndpoint") or {}
    return {
        "primary_endpoint": primary.get("Address"),
        "reader_endpoint": reader.get("Address"),
        "port": primary.get("Port"),
    }
