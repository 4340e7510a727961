# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch Logs: log groups.

Facts: CloudWatch Logs API reference. DescribeLogGroups shows no tags and takes one prefix, so what is owned and no longer desired
is found by the tagging API; an ARN ends in ``:*`` except where a group is tagged; a group without a retention keeps its events
for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from ..aws.errors import says, tolerating
from ..aws.retry import until
from ..aws.tags import address_in, owned_arns, written
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import Candidate, among

NOT_FOUND = "ResourceNotFoundException"
# What AWS accepts (PutRetentionPolicy).
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


class LogGroup(Kind):
    """Its natural name is ``log_group_name``. ``region``: that of the clients in ``services``; None is the deployment's."""

    name = "log_group"
    services = ("logs", "resourcegroupstaggingapi")
    region: ClassVar[str | None] = None
    stateful = True
    fields = (Field("log_group_name", on_change="replace"), Field("kms_key"), Field("retention_days"))

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["log_group_name"]: resource for resource in view.resources}
        arns, *standing = view.api.together(
            lambda: owned_arns(view, "logs:log-group", self.services[1]),
            *(
                lambda resource=resource: self._find(view, resource.desired["log_group_name"], resource)
                for resource in wanted.values()
            ),
        )
        others = [name for arn in arns if (name := arn.split(":log-group:")[1]) not in wanted]
        found = [item for item in (*standing, *view.api.map(lambda name: self._find(view, name, None), others)) if item]
        for item, tags in zip(found, view.api.map(lambda item: self._tags(view, item), found), strict=True):
            item.tags = tags
            if item.id not in wanted:
                item.address = address_in(tags, self.name, item.id)
            yield item

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Those beside ours, where no service of AWS puts any by itself, as it does under ``/aws/``."""
        ours = {name for resource in view.resources if (name := _beginning(resource.desired["log_group_name"], view))}
        answers = view.api.map(
            lambda name: view.api.pages(self.services[0], "describe_log_groups", "logGroups", logGroupNamePrefix=name), sorted(ours)
        )
        names = [group["logGroupName"] for groups in answers for group in groups]
        found = [Observed(f"{self.name}/{name}", name, attributes={"arn": self.arn(view, name)}) for name in names]
        why = f"its name begins with {' or '.join(sorted(ours))} and it does not carry this deployment's tags"
        yield from among(
            view,
            self,
            [Candidate(item.id, item.id, why, lambda item=item: self._tags(view, item), item.attributes["arn"]) for item in found],
        )

    def _find(self, view: View, name: str, resource: Resource | None) -> Observed | None:
        """The prefix of a name finds longer names too."""
        for group in view.api.pages(self.services[0], "describe_log_groups", "logGroups", logGroupNamePrefix=name):
            if group["logGroupName"] == name:
                return Observed(
                    resource.address if resource else f"{self.name}/{name}",
                    name,
                    fields={
                        "log_group_name": name,
                        "kms_key": group.get("kmsKeyId"),
                        "retention_days": group.get("retentionInDays"),
                    },
                    attributes={"name": name, "arn": self.arn(view, name)},
                )
        return None

    def _tags(self, view: View, item: Observed) -> dict[str, str]:
        with tolerating(NOT_FOUND):
            return view.api.client(self.services[0]).list_tags_for_resource(resourceArn=item.attributes["arn"]).get("tags") or {}
        return {}

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name = resource.desired["log_group_name"]
        return {"id": name, "name": name, "arn": self.arn(context, name)}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        key = {"kmsKeyId": desired["kms_key"]} if desired.get("kms_key") else {}

        def call() -> None:
            client = context.api.client(self.services[0])
            client.create_log_group(logGroupName=desired["log_group_name"], tags=desired["tags"], **key)

        # CloudWatch Logs may not know yet a key that was made, or a policy that was changed, a moment ago.
        until(call, not_yet=lambda error: says(error, "KMS key"))
        return Observed(
            resource.address,
            desired["log_group_name"],
            fields={"log_group_name": desired["log_group_name"], "kms_key": desired.get("kms_key"), "retention_days": None},
            attributes={"name": desired["log_group_name"], "arn": self.arn(context, desired["log_group_name"])},
        )

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client(self.services[0])
        if "kms_key" in delta:
            client.associate_kms_key(logGroupName=observed.id, kmsKeyId=delta["kms_key"].new)
        if "retention_days" in delta:
            client.put_retention_policy(logGroupName=observed.id, retentionInDays=delta["retention_days"].new)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(resourceArn=observed.attributes["arn"], tags=to_set)
            if to_remove:
                client.untag_resource(resourceArn=observed.attributes["arn"], tagKeys=to_remove)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(NOT_FOUND):
            context.api.client(self.services[0]).delete_log_group(logGroupName=observed.id)

    def arn(self, context: Context, name: str) -> str:
        return context.api.arn("logs", f"log-group:{name}", region=self.region)


def _beginning(name: str, view: View) -> str:
    """Up to where the deployment's name ends in that of a log group; empty under ``/aws/``."""
    at = name.find(view.owner.deployment)
    return "" if at < 0 or name.startswith("/aws/") else name[: at + len(view.owner.deployment)]


class EdgeLogGroup(LogGroup):
    """A log group of what stands in us-east-1 whatever the deployment's region: CloudFront and its web ACL."""

    name = "edge_log_group"
    services = ("logs@us-east-1", "resourcegroupstaggingapi@us-east-1")
    region = "us-east-1"
