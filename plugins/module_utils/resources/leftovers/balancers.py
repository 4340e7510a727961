# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load balancers of both generations and target groups, as the AWS Load Balancer Controller and the cloud provider make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...aws.tags import as_dict
from ...reconcile.resource import Context, Observed, View
from ..elb import common as elb
from .common import LeftoverKind, clusters_of, is_left_by

CLASSIC = "elb"
PROTECTION = "deletion_protection.enabled"


class LoadBalancer(LeftoverKind):
    """An application or network load balancer."""

    name = "leftover_load_balancer"
    services = (*LeftoverKind.services, elb.CLIENT)
    within = ("leftover_target_group", "leftover_security_group")

    def observe(self, view: View) -> Iterable[Observed]:
        clusters = clusters_of(view)
        found = view.api.pages(elb.CLIENT, "describe_load_balancers", "LoadBalancers") if clusters else []
        names = {item["LoadBalancerArn"]: item["LoadBalancerName"] for item in found}
        tags = elb.tags_of(view, names)
        ours = [arn for arn in tags if is_left_by(clusters, tags[arn])]
        for arn, protected in zip(ours, view.api.map(lambda arn: self._protected(view, arn), ours), strict=True):
            yield self.seen(arn, {"name": names[arn], "deletion_protection": protected})

    @staticmethod
    def _protected(view: View, arn: str) -> bool:
        with tolerating("NotFound"):
            answer = view.api.client(elb.CLIENT).describe_load_balancer_attributes(LoadBalancerArn=arn)
            return elb.attributes_of(answer).get(PROTECTION) == "true"
        return False

    def unprotect(self, context: Context, observed: Observed) -> None:
        off = elb.as_attributes({PROTECTION: False})
        with tolerating("NotFound"):
            context.api.client(elb.CLIENT).modify_load_balancer_attributes(LoadBalancerArn=observed.id, Attributes=off)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NotFound"):
            context.api.client(elb.CLIENT).delete_load_balancer(LoadBalancerArn=observed.id)


class ClassicLoadBalancer(LeftoverKind):
    """What the cloud provider makes of a Service where no controller does better."""

    name = "leftover_classic_load_balancer"
    services = (*LeftoverKind.services, CLASSIC)
    within = ("leftover_security_group",)

    def observe(self, view: View) -> Iterable[Observed]:
        clusters = clusters_of(view)
        found = view.api.pages(CLASSIC, "describe_load_balancers", "LoadBalancerDescriptions") if clusters else []
        names = [item["LoadBalancerName"] for item in found]
        batches = [names[start : start + elb.BATCH] for start in range(0, len(names), elb.BATCH)]
        for answer in view.api.map(lambda batch: self._tags(view, batch), batches):
            for item in answer:
                if is_left_by(clusters, as_dict(item.get("Tags"))):
                    yield self.seen(item["LoadBalancerName"])

    def _tags(self, view: View, names: list[str]) -> list[dict[str, Any]]:
        """One that is gone fails the call for all."""
        try:
            return view.api.client(CLASSIC).describe_tags(LoadBalancerNames=names)["TagDescriptions"]
        except Exception as error:
            if not is_code(error, "LoadBalancerNotFound", "AccessPointNotFound"):
                raise
            return [item for name in names for item in self._tags(view, [name])] if len(names) > 1 else []

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """AWS answers the same for one that is gone."""
        context.api.client(CLASSIC).delete_load_balancer(LoadBalancerName=observed.id)


class TargetGroup(LeftoverKind):
    name = "leftover_target_group"
    services = (*LeftoverKind.services, elb.CLIENT)

    def observe(self, view: View) -> Iterable[Observed]:
        clusters = clusters_of(view)
        found = view.api.pages(elb.CLIENT, "describe_target_groups", "TargetGroups") if clusters else []
        for arn, tags in elb.tags_of(view, [item["TargetGroupArn"] for item in found]).items():
            if is_left_by(clusters, tags):
                yield self.seen(arn)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """A load balancer that has just gone holds it for a moment."""

        def call() -> None:
            with tolerating("NotFound"):
                context.api.client(elb.CLIENT).delete_target_group(TargetGroupArn=observed.id)

        until(call, not_yet=lambda error: is_code(error, "ResourceInUse", "ResourceInUseException"))
