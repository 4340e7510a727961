# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the kubernetes tier stands on: the place, the facts of the other tiers, and the way into the cluster."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..aws.api import opened
from ..aws.errors import explain
from ..aws.session import Connection
from ..kubernetes import releases
from ..kubernetes.objects import KINDS, Object
from ..kubernetes.survey import Survey
from ..reconcile.errors import MissingDependency, Refusal
from ..reconcile.overlay import Overlay
from ..reconcile.ownership import Owner
from ..reconcile.plan import Plan
from ..reconcile.reconciler import Reconciler
from ..reconcile.resource import Context
from ..reconcile.unknown import UNKNOWN, shown
from ..tier_module import NO_ACCOUNT, WRITING, Place, check_approved_place, check_common, check_confirmations, deployment_of
from . import kubernetes as tier
from .cluster_way import Way, tunnel_of


@dataclass
class Ground:
    """``facts``: of the other tiers, in which what is to be made yet is Unknown. ``missing``: refuses what nobody will make."""

    params: Mapping[str, Any]
    connection: Connection
    place: Place
    overlay: Overlay
    facts: dict[str, Any]
    missing: Plan

    @property
    def gone(self) -> bool:
        return self.params["state"] == "absent"

    def desired(self, custom_metrics: bool) -> list[Object]:
        """``custom_metrics``: whether the cluster serves metrics of pods."""
        facts = shown({**self.facts, "custom_metrics": custom_metrics})
        return [] if self.gone else tier.render(self.params, facts, self.place.deployment)

    def notes(self) -> list[str]:
        return [] if self.gone else tier.notes(self.params)

    def releases(self) -> list[releases.Release]:
        return [] if self.gone else releases.desired(self.params["helm_releases"], shown(self.facts))

    def way(self) -> Way:
        tunnel = tunnel_of(self.params["tunnel_address"], self.params["tunnel_port"])
        return Way(
            self.connection, self.params["cluster_name"], self.facts["endpoint"], self.facts["certificate_authority"], tunnel
        )

    def survey_of_nothing(self) -> Survey:
        """For a cluster that this run is to make: it will have Kubernetes's own kinds and nothing else."""
        served: dict[str, set[str]] = {}
        for kind in KINDS:
            if not kind.release:
                served.setdefault(kind.api_version, set()).add(kind.kind)
        return Survey(self.place.deployment, self.desired(False), served=served, releases=self.releases(), notes=self.notes())

    def for_the_run(self) -> dict[str, Any]:
        return {"planned": self.overlay.as_dict(), "place": self.place.as_dict()}


def learn(params: Mapping[str, Any], callers: dict[str, dict[str, str]]) -> Ground | None:
    """None where there is nothing to ask of a cluster. ``callers``: as RunOptions has them. Raises EngineError."""
    connection = Connection(params)
    deployment = deployment_of(params, connection.region)
    check_common(params, deployment)
    check_confirmations(params, deployment)
    tier.check({**params, "deployment": deployment}, connection.region)
    place = Place(params["environment"], deployment, connection.region, NO_ACCOUNT, connection.partition)
    if params["run_in"] == tier.NOWHERE:
        return None
    overlay = Overlay(params.get("planned"))
    resources, wanted = tier.lookups(params, place)
    if params["verb"] == "validate":
        unknown = {name: [UNKNOWN] if isinstance(value, list) else UNKNOWN for name, value in wanted.items()} | {
            "queues": dict.fromkeys(wanted["queues"], UNKNOWN)
        }
        Ground(params, connection, place, overlay, {**tier.named(params, place), **unknown}, Plan()).survey_of_nothing()
        return None
    if params["verb"] == "destroy":
        return None
    owner = Owner(deployment, params["environment"], "kubernetes", params.get("tags") or {}, ())
    api = opened(connection, tier.TIER.services(), callers)
    try:
        place = dataclasses.replace(place, account_id=api.account_id, caller_arn=api.caller_arn)
        check_approved_place(params.get("approved_for"), place)
        engine = Reconciler(Context(api, owner), (), True, overlay, explain)
        resources, wanted = tier.lookups(params, place)
        facts, missing = engine.look_up(resources, wanted)
    except MissingDependency as error:
        if params["state"] == "absent":
            return None
        if params["verb"] in WRITING:
            raise
        facts, missing = {}, Plan(refusals=[Refusal(error.address, str(error), missing=True)])
    finally:
        api.close()
    return Ground(params, connection, place, overlay, {**tier.named(params, place), **facts}, missing)
