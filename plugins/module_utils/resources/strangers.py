# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else may have made what lives among ours: what is left once AWS, controllers, other deployments and other tiers are out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kinds import KINDS
from ..reconcile.ownership import DEPLOYMENT, RESERVED, TIER
from ..reconcile.resource import Kind, Stranger, View

# Tags that controllers in a cluster put on what they make (AWS Load Balancer Controller, the CSI drivers, the VPC CNI, Karpenter,
# EKS itself).
CONTROLLERS = (
    *("elbv2.k8s.aws/", "ingress.k8s.aws/", "service.k8s.aws/", "gateway.k8s.aws/", "kubernetes.io/service-name"),
    *(
        "kubernetes.io/created-for/",
        "ebs.csi.aws.com/",
        "efs.csi.aws.com/",
        "node.k8s.amazonaws.com/",
        "cluster.k8s.amazonaws.com/",
    ),
    *("karpenter.sh/", "karpenter.k8s.aws/", "eks:"),
    # On the endpoint and the security group that GuardDuty's runtime monitoring puts into a VPC.
    "GuardDutyManaged",
)
CLUSTER = "kubernetes.io/cluster/"


@dataclass(frozen=True)
class Candidate:
    """Something in our names or our network. ``tags``: read only if nobody knows it; None: it is gone, or not ours to read."""

    name: str
    id: str
    why: str
    tags: Mapping[str, str] | Callable[[], Mapping[str, str] | None]
    arn: str = ""


def among(view: View, kind: Kind, candidates: Iterable[Candidate]) -> Iterator[Stranger]:
    """Those that neither this deployment nor another one, neither AWS nor a controller made."""
    unknown = [one for one in candidates if not {one.id, one.arn, f"{kind.name}/{one.id}"} & set(view.known)]
    tags = view.api.map(lambda one: one.tags() if callable(one.tags) else one.tags, unknown)
    for one, carried in zip(unknown, tags, strict=True):
        if carried is not None and not is_accounted_for(view, carried):
            yield Stranger(f"{kind.name}/{one.name}", one.id, attributes={"arn": one.arn or None}, tags=dict(carried), why=one.why)


def named_or_inside(
    view: View,
    kind: Kind,
    items: Iterable[Mapping[str, Any]],
    key: str,
    arn: str,
    vpc: str,
    tags_of: Callable[[str], Mapping[str, str] | None],
) -> Iterator[Stranger]:
    """Of what a Describe found, those of our names (under ``key``), or in our networks (by the key ``vpc``; empty: it has none).

    ``arn``: the key of the ARN, by which ``tags_of`` reads the tags.
    """
    vpcs = own_vpcs(view) if vpc else []
    near = [(item, item.get(vpc) in vpcs) for item in items if item[key].startswith(prefixes(view)) or item.get(vpc) in vpcs]
    found = [
        Candidate(
            item[key],
            item[key],
            in_vpc(item[vpc]) if inside else for_its_name(view),
            lambda item=item: tags_of(item[arn]),
            item[arn],
        )
        for item, inside in near
    ]
    yield from among(view, kind, found)


def is_accounted_for(view: View, tags: Mapping[str, str]) -> bool:
    """Another deployment's, or that of a tier, which finds it by its tags; or made by AWS or a controller."""
    if DEPLOYMENT in tags:
        return not view.owner.owns(tags) or tags.get(TIER) in KINDS
    return made_by_others(tags)


def made_by_others(tags: Mapping[str, str]) -> bool:
    """By a service of AWS (Auto Scaling, CloudFormation, ...) or by a controller in a cluster."""
    owned = any(key.startswith(CLUSTER) and value == "owned" for key, value in tags.items())
    return owned or any(key.startswith((*RESERVED, *CONTROLLERS)) for key in tags)


def prefixes(view: View, end: str = "-", begin: str = "") -> tuple[str, ...]:
    """What our names begin with."""
    return tuple(dict.fromkeys(f"{begin}{name}{end}" for name in (view.owner.environment, view.owner.deployment)))


def for_its_name(view: View, end: str = "-", begin: str = "") -> str:
    return f"its name begins with {begin}{view.owner.environment}{end} and it does not carry this deployment's tags"


def own_vpcs(view: View) -> list[str]:
    """Ids of our networks, as far as this tier knows of one."""
    found = {vpc.id for vpc in view.of("vpc").values() if view.owner.owns(vpc.tags or {})}
    for name in ("subnet", "security_group"):
        found |= {item.fields["vpc_id"] for item in view.of(name).values() if item.fields.get("vpc_id")}
    return sorted(found)


def in_vpc(vpc: str) -> str:
    return f"it is in {vpc} and does not carry this deployment's tags"
