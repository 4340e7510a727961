# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries our tags, of any kind, and is known to no tier.

Facts: Resource Groups Tagging API reference (GetResources) and its list of supported services. It answers for one region; what is
global is in us-east-1, but for IAM roles, which it does not know, and which the tiers walk. It lists what was deleted for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..aws.errors import code_of
from ..aws.tags import as_dict
from ..kinds import KINDS
from ..reconcile.ownership import ADDRESS, DEPLOYMENT, TIER
from ..reconcile.resource import Kind, Stranger, View
from .strangers import made_by_others

CLIENT = "resourcegroupstaggingapi"
EDGE = "us-east-1"
# What services make of ours, and give our tags: copies that outlive it on purpose, ...
COPIES = ("snapshot", "cluster-snapshot", "auto-backup", "recovery-point", "backup")
# ... and what it consists of. Type -> the kinds of what it is a part of.
PARTS = {
    "ec2:instance": ("eks_nodegroup", "launch_template"),
    "ec2:volume": ("eks_nodegroup", "launch_template"),
    "ec2:network-interface": ("eks_nodegroup", "launch_template", "vpc_endpoint", "nat_gateway"),
    "elasticache:cluster": ("replication_group",),
}
# Words in the codes of what does not exist.
GONE = ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")


class Tagged(Kind):
    """Each tier asks for what is tagged as its own, the first one also for what is tagged as no tier's."""

    name = "tagged"
    services = (CLIENT, f"{CLIENT}@{EDGE}")

    def strangers(self, view: View) -> Iterable[Stranger]:
        clients = [CLIENT] if view.api.region == EDGE else [CLIENT, f"{CLIENT}@{EDGE}"]
        answers = view.api.map(lambda client: self._list(view, client), clients)
        unknown = {arn: tags for found in answers for arn, tags in found.items() if not self._is_known(view, arn, tags)}
        standing = view.api.map(lambda arn: is_there(view, arn), unknown)
        for arn, there in zip(unknown, standing, strict=True):
            if there:
                why = "it carries this deployment's tags, and no tier has such a resource"
                yield Stranger(f"{type_of(arn)}/{name_of(arn)}", arn, tags=unknown[arn], why=why)

    @staticmethod
    def _list(view: View, client: str) -> dict[str, dict[str, str]]:
        owner, first = view.owner, next(iter(KINDS))
        filters = [{"Key": DEPLOYMENT, "Values": [owner.deployment]}]
        if owner.tier != first:
            filters.append({"Key": TIER, "Values": [owner.tier]})
        found = view.api.pages(client, "get_resources", "ResourceTagMappingList", TagFilters=filters)
        tagged = {item["ResourceARN"]: as_dict(item.get("Tags")) for item in found}
        return {arn: tags for arn, tags in tagged.items() if tags.get(TIER) == owner.tier or tags.get(TIER) not in KINDS}

    @staticmethod
    def _is_known(view: View, arn: str, tags: Mapping[str, str]) -> bool:
        kind = tags.get(ADDRESS, "").split("/", 1)[0]
        part = kind in PARTS.get(type_of(arn), ())
        copy = type_of(arn).split(":", 1)[-1] in COPIES
        return part or copy or made_by_others(tags) or any(name in view.known for name in names_in(arn))


def type_of(arn: str) -> str:
    """``service:type``, or the service alone where its ARNs have no type: as the Resource Groups Tagging API calls it."""
    service, rest = arn.split(":", 5)[2], arn.split(":", 5)[5]
    cut = min((rest.find(mark) for mark in "/:" if mark in rest), default=-1)
    return f"{service}:{rest[:cut]}" if cut > 0 else service


def name_of(arn: str) -> str:
    rest = arn.split(":", 5)[5]
    kind = type_of(arn).partition(":")[2]
    return rest[len(kind) + 1 :] if kind else rest


def names_in(arn: str) -> tuple[str, ...]:
    """What a resource of this ARN may be known as."""
    return arn, arn.removesuffix(":*"), arn.split(":", 5)[5], name_of(arn)


def is_there(view: View, arn: str) -> bool:
    """Asked of the service itself, where the tier has a client of it."""
    look = LOOKS.get(arn.split(":", 5)[2])
    if look is None or not view.api.has(look[0]):
        return True
    client, call = look
    try:
        return call(view.api.client(client), arn)
    except Exception as error:
        if any(word in (code_of(error) or "") for word in GONE):
            return False
        raise


def _tags_of_ec2(client: Any, arn: str) -> bool:
    return bool(client.describe_tags(Filters=[{"Name": "resource-id", "Values": [name_of(arn)]}])["Tags"])


def _secret(client: Any, arn: str) -> bool:
    return "DeletedDate" not in client.describe_secret(SecretId=arn)


def _key(client: Any, arn: str) -> bool:
    return client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] != "PendingDeletion"


# Service in an ARN -> the client to ask and how. Any answer says that it is there, unless the call says otherwise.
LOOKS: dict[str, tuple[str, Callable[[Any, str], bool]]] = {
    "ec2": ("ec2", _tags_of_ec2),
    "sqs": ("sqs", lambda client, arn: bool(client.get_queue_url(QueueName=name_of(arn)))),
    "sns": ("sns", lambda client, arn: bool(client.get_topic_attributes(TopicArn=arn))),
    "dynamodb": ("dynamodb", lambda client, arn: bool(client.list_tags_of_resource(ResourceArn=arn))),
    "secretsmanager": ("secretsmanager", _secret),
    "kms": ("kms", _key),
    "rds": ("rds", lambda client, arn: bool(client.list_tags_for_resource(ResourceName=arn))),
    "elasticache": ("elasticache", lambda client, arn: bool(client.list_tags_for_resource(ResourceName=arn))),
    "s3": ("s3", lambda client, arn: bool(client.get_bucket_tagging(Bucket=name_of(arn)))),
    "eks": ("eks", lambda client, arn: bool(client.list_tags_for_resource(resourceArn=arn))),
    "elasticloadbalancing": ("elbv2", lambda client, arn: bool(client.describe_tags(ResourceArns=[arn]))),
    "logs": ("logs", lambda client, arn: bool(client.list_tags_for_resource(resourceArn=arn.removesuffix(":*")))),
}
