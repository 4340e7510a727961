# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log group of a cluster's control plane.

EKS writes for some minutes after a cluster's end, and makes a group anew for that if it is gone: without key, end and tags.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...reconcile.resource import Observed, View
from ..logs import LogGroup


class ClusterLogGroup(LogGroup):
    """For a destroy ours is also one as EKS makes it, under the name that the configuration gives it, unless a stranger's cluster
    stands."""

    observe_after = ("eks_cluster",)
    aftermath = True

    def observe(self, view: View) -> Iterable[Observed]:
        strangers = {f"/aws/eks/{c.id}/cluster" for c in view.of("eks_cluster").values() if not view.owner.owns(c.tags or {})}
        names = {resource.desired["log_group_name"] for resource in view.resources} - strangers
        for observed in super().observe(view):
            bare = not observed.tags and not any(observed.fields.get(name) for name in ("kms_key", "retention_days"))
            observed.remade = view.destroys and bare and observed.id in names
            yield observed
