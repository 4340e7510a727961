# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into the cluster that the eks tier made, for whatever has something to do inside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..aws.api import opened
from ..aws.eks_token import token
from ..aws.errors import explain
from ..aws.session import Connection
from ..kubernetes.client import Cluster
from ..reconcile.overlay import Overlay
from ..reconcile.ownership import Owner
from ..reconcile.reconciler import Reconciler
from ..reconcile.reference import Ref
from ..reconcile.resource import Context, Resource
from ..reconcile.unknown import contains_unknown
from ..tier_module import NO_ACCOUNT, Place, deployment_of
from . import eks


@dataclass(frozen=True)
class Way:
    """``connection``: whose caller goes in. ``endpoint`` and ``authority``: as EKS describes them, Unknown for a cluster that this
    run is to make. ``tunnel``: address and port of its near end, where there is one."""

    connection: Connection
    name: str
    endpoint: Any
    authority: Any
    tunnel: tuple[str, int] | None = None

    @property
    def is_known(self) -> bool:
        return not contains_unknown([self.endpoint, self.authority])

    def token(self) -> str:
        """A new one, good for minutes."""
        return token(self.connection, self.name)

    def cluster(self) -> Cluster:
        return Cluster(self.name, self.endpoint, self.authority, self.token(), self.tunnel)


def tunnel_of(address: str | None, port: int | None) -> tuple[str, int] | None:
    """Of two variables that are both given or neither."""
    return (address, port) if address and port else None


def find(
    params: Mapping[str, Any],
    callers: dict[str, dict[str, str]],
    tier: str,
    others: Callable[[Place], tuple[list[Resource], dict[str, Any]]] = lambda place: ([], {}),
) -> tuple[Way, dict[str, Any]]:
    """The way to ``cluster_name``, through the tunnel that ``cluster_tunnel_address`` and ``cluster_tunnel_port`` name if they do;
    and what ``others`` asks for besides: resources to look up, and facts with references to them.

    ``callers``: as RunOptions has them. Raises MissingDependency for what neither stands nor is to be made by this run, and
    EngineError for a cluster that nothing can rest on.
    """
    connection = Connection(params)
    deployment = deployment_of(params, connection.region)
    place = Place(params["environment"], deployment, connection.region, NO_ACCOUNT, connection.partition)
    cluster = eks.looked_up(place, params["cluster_name"])
    resources, wanted = others(place)
    resources = [cluster, *resources]
    api = opened(connection, {service for resource in resources for service in resource.kind.services}, callers)
    try:
        place = dataclasses.replace(place, account_id=api.account_id, caller_arn=api.caller_arn)
        owner = Owner(deployment, place.environment, tier, {}, ())
        engine = Reconciler(Context(api, owner), (), True, Overlay(params.get("planned")), explain)
        own = {name: Ref(cluster.address, name) for name in ("endpoint", "certificate_authority")}
        facts, _missing = engine.look_up(resources, {"way": own, "others": wanted})
    finally:
        api.close()
    tunnel = tunnel_of(params["cluster_tunnel_address"], params["cluster_tunnel_port"])
    way = Way(connection, params["cluster_name"], facts["way"]["endpoint"], facts["way"]["certificate_authority"], tunnel)
    return way, facts["others"]
