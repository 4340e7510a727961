# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all kinds of Elastic Load Balancing share: tags, which it reads for twenty at a time, and attributes, which are texts.

Facts: Elastic Load Balancing API reference (DescribeTags, ModifyLoadBalancerAttributes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import is_code
from ...aws.tags import as_dict, as_list, written
from ...reconcile.delta import Change
from ...reconcile.resource import Context, Kind, Stranger, View
from ..strangers import Candidate, among, for_its_name, in_vpc, own_vpcs, prefixes

CLIENT = "elbv2"
# The most that DescribeTags takes.
BATCH = 20


class ElbKind(Kind):
    services = (CLIENT,)


def strangers(view: View, kind: Kind, items: Iterable[Mapping[str, Any]], name: str, arn: str) -> Iterator[Stranger]:
    """Those of our names or in our networks."""
    vpcs = own_vpcs(view)
    near = [item for item in items if item[name].startswith(prefixes(view)) or item.get("VpcId") in vpcs]
    unknown = [item for item in near if item[arn] not in view.known]
    tags = tags_of(view, [item[arn] for item in unknown])
    yield from among(
        view,
        kind,
        [
            Candidate(
                item[name], item[arn], in_vpc(item["VpcId"]) if item.get("VpcId") in vpcs else for_its_name(view), tags[item[arn]]
            )
            for item in unknown
            if item[arn] in tags
        ],
    )


def inside(view: View, kind: Kind, items: Mapping[str, str], within: str) -> Iterator[Stranger]:
    """Of parts of ours (ARN -> name), those of others; ``within``: of what they are parts."""
    tags = tags_of(view, [arn for arn in items if arn not in view.known])
    why = f"it is a part of a {within} of this deployment and does not carry its tags"
    yield from among(view, kind, [Candidate(items[arn], arn, why, tags[arn]) for arn in tags])


def tags_of(context: Context, arns: Iterable[str]) -> dict[str, dict[str, str]]:
    """ARN -> tags, of those that still stand."""
    arns = list(arns)
    batches = [arns[start : start + BATCH] for start in range(0, len(arns), BATCH)]
    answers = context.api.map(lambda batch: _tags(context.api.client(CLIENT), batch), batches)
    return {arn: tags for answer in answers for arn, tags in answer.items()}


def _tags(client: Any, arns: list[str]) -> dict[str, dict[str, str]]:
    """One that is gone fails the call for all."""
    try:
        answer = client.describe_tags(ResourceArns=arns)["TagDescriptions"]
    except Exception as error:
        if not is_code(error, "NotFound"):
            raise
        if len(arns) == 1:
            return {}
        return {arn: tags for one in arns for arn, tags in _tags(client, [one]).items()}
    return {item["ResourceArn"]: as_dict(item.get("Tags")) for item in answer}


def write_tags(context: Context, arn: str, change: Change) -> None:
    client = context.api.client(CLIENT)
    to_set, to_remove = written(change)
    if to_set:
        client.add_tags(ResourceArns=[arn], Tags=as_list(to_set))
    if to_remove:
        client.remove_tags(ResourceArns=[arn], TagKeys=to_remove)


def attributes_of(answer: Mapping[str, Any]) -> dict[str, str]:
    return {item["Key"]: item.get("Value", "") for item in answer["Attributes"]}


def as_attributes(values: Mapping[str, Any]) -> list[dict[str, str]]:
    """As the API takes them: texts, and truth as ``true`` and ``false``."""
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
    return as_list(texts)
