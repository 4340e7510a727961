# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flow logs of a VPC into a log group.

Facts: EC2 API reference: nothing of a flow log can be changed but its tags; CreateFlowLogs and DeleteFlowLogs report failures in
their answers; a role that was just made is refused as one that cannot be assumed, under a code that stands for much else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import raise_unsuccessful, says
from ...aws.retry import until
from ...reconcile.delta import Field
from ...reconcile.resource import Context, Observed, Resource
from .common import Ec2Kind


class FlowLog(Ec2Kind):
    name = "flow_log"
    listing = ("describe_flow_logs", "FlowLogs", "FlowLogId", "FlowLogIds")
    filter_parameter = "Filter"
    resource_type = "vpc-flow-log"
    vpc_filter = "resource-id"
    observe_after = ("vpc", "log_group")
    # Two of the same network, kind of traffic and log group are refused.
    place = ("vpc_id", "traffic_type", "log_group")
    within = ("vpc", "log_group", "iam_role")
    fields = (
        Field("vpc_id", on_change="replace"),
        Field("traffic_type", on_change="replace"),
        Field("log_group", on_change="replace"),
        Field("role_arn", on_change="replace"),
        Field("aggregation_interval", on_change="replace"),
    )

    def values(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "vpc_id": item.get("ResourceId"),
            "traffic_type": item.get("TrafficType"),
            "log_group": item.get("LogGroupName"),
            "role_arn": item.get("DeliverLogsPermissionArn"),
            "aggregation_interval": item.get("MaxAggregationInterval"),
        }

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired

        def call() -> dict[str, Any]:
            answer = context.api.client("ec2").create_flow_logs(
                ResourceType="VPC",
                ResourceIds=[desired["vpc_id"]],
                TrafficType=desired["traffic_type"],
                LogDestinationType="cloud-watch-logs",
                LogGroupName=desired["log_group"],
                DeliverLogsPermissionArn=desired["role_arn"],
                MaxAggregationInterval=desired["aggregation_interval"],
                TagSpecifications=self.tagging(resource),
            )
            raise_unsuccessful(answer, "CreateFlowLogs")
            return answer

        answer = until(call, not_yet=lambda error: says(error, "assume given IAM role"))
        made = {field.name: desired[field.name] for field in self.fields}
        return Observed(resource.address, answer["FlowLogIds"][0], fields=made)

    def serves(self, observed: Observed) -> Iterable[str]:
        """A network that is kept goes on being watched."""
        return [observed.fields.get("vpc_id") or ""]

    def remove(self, client: Any, observed: Observed) -> None:
        raise_unsuccessful(client.delete_flow_logs(FlowLogIds=[observed.id]), "DeleteFlowLogs")
