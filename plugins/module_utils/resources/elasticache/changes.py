# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ElastiCache: the changes of a standing replication group, one after another, each awaited.

Facts: a group that is being modified takes no other change (InvalidReplicationGroupState). Multi-AZ rests on automatic
failover, and that on a replica. TLS is turned on by way of the mode ``preferred``, which takes no AUTH token. Another major
version, and Valkey instead of Redis, needs a parameter group of its family in the same call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...aws.errors import is_code
from ...aws.retry import until
from ...reconcile.delta import Delta
from ...reconcile.resource import Context, Kind, Observed, Resource
from . import auth_token
from .common import BUSY, SERVICE, write_tags
from .shapes import NO_TLS, NO_TOPIC, OPTIONAL_TLS, log_requests

# Field -> argument of ModifyReplicationGroup: what may be changed together.
TOGETHER = {
    "description": "ReplicationGroupDescription",
    "security_groups": "SecurityGroupIds",
    "parameter_group": "CacheParameterGroupName",
    "snapshot_retention_days": "SnapshotRetentionLimit",
    "snapshot_window": "SnapshotWindow",
    "maintenance_window": "PreferredMaintenanceWindow",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
}


class Changes:
    """What an update of one group is made of."""

    def __init__(self, kind: Kind, context: Context, resource: Resource, observed: Observed):
        self.kind, self.context, self.observed = kind, context, observed
        self.desired, self.options = resource.desired, resource.options
        self.client = context.api.client(SERVICE)

    def make(self, delta: Delta) -> None:
        if "tags" in delta:
            write_tags(self.context, self.observed.attributes["arn"], delta["tags"])
        self._engine(delta)
        self._settings(delta)
        if "node_type" in delta:
            self._modify(CacheNodeType=delta["node_type"].new)
        self._nodes(delta)
        if "transit_encryption" in delta:
            self._tls(delta["transit_encryption"].old, delta["transit_encryption"].new)
        if "auth_token" in delta:
            arn = self.desired["auth_secret"]
            auth_token.bring(self.context, arn, self.options["token"], delta["auth_token"].old, self._token_date, self._write_token)
            self.observed.attributes["auth_secret_arn"] = arn

    def _modify(self, **arguments: Any) -> None:
        name = self.observed.id
        self._call(lambda: self.client.modify_replication_group(ReplicationGroupId=name, ApplyImmediately=True, **arguments))

    def _call(self, call: Callable[[], Any]) -> None:
        """Between two looks AWS may begin something of its own, a snapshot say; so each attempt waits first."""

        def attempt() -> None:
            self._wait()
            call()

        until(attempt, not_yet=lambda error: is_code(error, BUSY))
        self._wait()

    def _wait(self) -> None:
        self.kind.wait_ready(self.context, self.observed)

    def _engine(self, delta: Delta) -> None:
        if not delta.any("engine", "version"):
            return
        arguments = {"EngineVersion": self.desired["version"], "CacheParameterGroupName": self.desired["parameter_group"]}
        if "engine" in delta:
            arguments["Engine"] = delta["engine"].new
        self._modify(**arguments)

    def _settings(self, delta: Delta) -> None:
        arguments = {argument: delta[field].new for field, argument in TOGETHER.items() if field in delta}
        if delta.any("engine", "version"):
            arguments.pop("CacheParameterGroupName", None)
        if "notification_topic" in delta:
            topic = delta["notification_topic"].new
            arguments["NotificationTopicStatus"] = "inactive" if topic == NO_TOPIC else "active"
            if topic != NO_TOPIC:
                arguments["NotificationTopicArn"] = topic
        if "logs" in delta:
            arguments["LogDeliveryConfigurations"] = log_requests(delta["logs"].old or (), delta["logs"].new)
        if arguments:
            self._modify(**arguments)

    def _nodes(self, delta: Delta) -> None:
        """What rests on replicas goes before them and comes after them."""
        switches = {"automatic_failover": "AutomaticFailoverEnabled", "multi_az": "MultiAZEnabled"}
        changed = {argument: delta[field].new for field, argument in switches.items() if field in delta}
        off = {argument: value for argument, value in changed.items() if not value}
        on = {argument: value for argument, value in changed.items() if value}
        if off:
            self._modify(**off)
        if "nodes" in delta:
            more = delta["nodes"].new > (delta["nodes"].old or 0)
            call = self.client.increase_replica_count if more else self.client.decrease_replica_count
            count = delta["nodes"].new - 1
            self._call(lambda: call(ReplicationGroupId=self.observed.id, NewReplicaCount=count, ApplyImmediately=True))
        if on:
            self._modify(**on)

    def _tls(self, old: str, new: str) -> None:
        if old == NO_TLS and new == "required":
            self._modify(TransitEncryptionEnabled=True, TransitEncryptionMode=OPTIONAL_TLS)
        self._modify(TransitEncryptionEnabled=True, TransitEncryptionMode=new)

    def _token_date(self) -> Any:
        answer = self.client.describe_replication_groups(ReplicationGroupId=self.observed.id)
        return answer["ReplicationGroups"][0].get("AuthTokenLastModifiedDate")

    def _write_token(self, token: str, strategy: str) -> None:
        self._modify(AuthToken=token, AuthTokenUpdateStrategy=strategy)
