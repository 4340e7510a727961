# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eks tier: the cluster, its nodes, its add-ons, and what runs in it may do."""

from __future__ import annotations

from ..reconcile.resource import Resource
from ..resources.eks.cluster import Cluster
from ..tier_module import Place


def looked_up(place: Place, name: str) -> Resource:
    """The cluster as another tier refers to it: ``Ref("eks_cluster/<name>", "cluster_security_group_id")``, or ``after`` it."""
    return Resource(Cluster(), name, {"name": name}, provider="eks")
