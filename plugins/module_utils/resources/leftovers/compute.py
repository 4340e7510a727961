# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances, interfaces and volumes that controllers made: Karpenter, the VPC CNI, the EBS CSI driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import as_dict, owned_filter, specification
from ...reconcile.resource import Context, Left, Observed, Resource, View
from ...reconcile.waiter import Waiter, wait_ready
from ..final import final_name
from .common import IN_A_GROUP, NODE, Ec2Leftover, clusters_in, our_vpcs

GOING = ("shutting-down", "terminated")


class Instance(Ec2Leftover):
    """A node that no node group has. Its volumes are free once it is gone, and so are its interfaces."""

    name = "leftover_instance"
    listing = ("describe_instances", "Reservations")
    within = ("leftover_interface", "leftover_volume", "leftover_security_group", "iam_role")
    waiter = Waiter(ready=frozenset({"running"}), gone=frozenset({"terminated"}), delay=10.0, timeout=900.0)

    def observe(self, view: View) -> Iterable[Observed]:
        for item, tags in self.marked(view):
            state = item["State"]["Name"]
            if state != "terminated" and IN_A_GROUP not in tags:
                yield self.seen(item["InstanceId"], state=state, leaving=state in GOING)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("InvalidInstanceID.NotFound"):
            context.api.client("ec2").terminate_instances(InstanceIds=[observed.id])

    def refresh(self, context: Context, observed: Observed) -> str | None:
        with tolerating("InvalidInstanceID.NotFound"):
            found = context.api.pages("ec2", "describe_instances", "Reservations", InstanceIds=[observed.id])
            return next((one["State"]["Name"] for item in found for one in item["Instances"]), None)
        return None


class Interface(Ec2Leftover):
    """An interface that is attached to nothing any more. Those that AWS manages are AWS's to delete."""

    name = "leftover_interface"
    listing = ("describe_network_interfaces", "NetworkInterfaces")
    within = ("leftover_security_group",)

    def observe(self, view: View) -> Iterable[Observed]:
        for item, _tags in self.marked(view):
            if item["Status"] == "available" and not item.get("RequesterManaged"):
                yield self.seen(item["NetworkInterfaceId"])

    def is_ours(self, view: View, item: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
        """Made by a VPC CNI that named no cluster, in our VPC."""
        return NODE in tags and not clusters_in(tags) and item["VpcId"] in our_vpcs(view)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("InvalidNetworkInterfaceID.NotFound"):
            context.api.client("ec2").delete_network_interface(NetworkInterfaceId=observed.id)


class Volume(Ec2Leftover):
    """A volume of a claim. It holds data: it goes only where data may, and leaves a snapshot that carries our tags."""

    name = "leftover_volume"
    listing = ("describe_volumes", "Volumes")
    stateful = True
    waiter = Waiter(ready=frozenset({"available"}), gone=frozenset({"deleted"}), delay=5.0, timeout=600.0)
    completed = Waiter(ready=frozenset({"completed"}), failed=frozenset({"error"}), delay=15.0, timeout=7200.0)

    def observe(self, view: View) -> Iterable[Observed]:
        for item, _tags in self.marked(view):
            # A root volume goes with its instance.
            lasting = not any(link.get("DeleteOnTermination") for link in item.get("Attachments") or ())
            if lasting and item["State"] not in ("deleted", "error"):
                kms_key = {"kms_key": item["KmsKeyId"]} if item.get("KmsKeyId") else {}
                yield self.seen(item["VolumeId"], attributes=kms_key, state=item["State"], leaving=item["State"] == "deleting")

    def leaves(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> Left | None:
        observed.attributes["final_snapshot"] = final_name(f"{context.owner.environment}-{observed.id}")
        return _left(observed.attributes["final_snapshot"], observed.attributes.get("kms_key"))

    def left_before(self, context: Context, resources: Sequence[Resource]) -> Iterable[Left]:
        call = {"OwnerIds": ["self"], "Filters": owned_filter(context.owner)}
        for item in context.api.pages("ec2", "describe_snapshots", "Snapshots", **call):
            yield _left(as_dict(item.get("Tags")).get("Name") or item["SnapshotId"], item.get("KmsKeyId"))

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Not before the snapshot is complete: until then it reads from the volume."""
        client = context.api.client("ec2")
        with tolerating("InvalidVolume.NotFound"):
            wait_ready(
                self.waiter,
                observed.address,
                lambda: self.refresh(context, observed),
                context.progress,
                lambda state: f"{observed.id} is still attached",
            )
            tags = context.owner.tags_for(observed.address, {"Name": observed.attributes["final_snapshot"]})
            snapshot = client.create_snapshot(
                VolumeId=observed.id,
                Description=f"The last of {observed.id}, of {context.owner.deployment}",
                TagSpecifications=specification("snapshot", tags),
            )["SnapshotId"]
            wait_ready(
                self.completed,
                f"{observed.address}'s snapshot",
                lambda: client.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"],
                context.progress,
                lambda state: f"the snapshot {snapshot} of {observed.id} ended in state {state}, and the volume was not deleted",
            )
            client.delete_volume(VolumeId=observed.id)

    def refresh(self, context: Context, observed: Observed) -> str | None:
        with tolerating("InvalidVolume.NotFound"):
            found = context.api.client("ec2").describe_volumes(VolumeIds=[observed.id])["Volumes"]
            return found[0]["State"] if found else None
        return None


def _left(name: str, kms_key: str | None) -> Left:
    return Left(f"volume snapshot {name}", (kms_key,) if kms_key else ())
