# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the cluster beside what shall stand, and what follows: to make, to change, to delete, to hold back, to refuse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ..reconcile.delta import Change, Delta, Field
from ..reconcile.ground import digest
from ..reconcile.plan import Action, Plan
from ..reconcile.resource import Observed, Stranger
from . import compare
from .client import Cluster
from .objects import BY_KIND, DEPLOYMENT, JOB_OF, KINDS, Object, address, is_ours, owned, selector
from .releases import HELM_SELECTOR, NODE_AUTOSCALERS, SLACK, UNINSTALLED, Release, Stuck, observed, seconds, stuck

# Made in every namespace by Kubernetes itself.
EVERYWHERE = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
# What tells of others or is made for them.
SHADOWS = ("Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics")
DEPLOYED = "deployed"


@dataclass
class Survey:
    """``desired``: the objects, marked and in their order. ``ours``: what carries our labels. ``others``: what stands under a
    desired name without them. ``served``: API version -> kinds. ``crowded``: namespace -> what somebody else keeps in it, of
    those that are to go. ``releases`` and ``standing``: the desired releases and those that stand. ``stuck``: those of which the
    last revision is pending; ``busy``: address -> why somebody may be at work on one of them.
    ``notes``: warnings of the plan.
    """

    deployment: str
    desired: Sequence[Object] = ()
    ours: Mapping[str, Object] = field(default_factory=dict)
    others: Mapping[str, Object] = field(default_factory=dict)
    served: Mapping[str, set[str]] = field(default_factory=dict)
    crowded: dict[str, Sequence[str]] = field(default_factory=dict)
    releases: Sequence[Release] = ()
    standing: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    stuck: Mapping[str, Stuck] = field(default_factory=dict)
    busy: Mapping[str, str] = field(default_factory=dict)

    def live(self, item: Object) -> Object | None:
        return self.ours.get(address(item)) or self.others.get(address(item))

    def is_served(self, item: Object) -> bool:
        return item["kind"] in self.served.get(item["apiVersion"], ())

    def will_be_served(self, item: Object) -> bool:
        """Now, or once the releases of the configuration stand."""
        brought_by = BY_KIND[item["kind"]].release
        return self.is_served(item) or bool(brought_by and brought_by in {release.name for release in self.releases})

    def appliable(self) -> list[Object]:
        return [item for item in self.desired if self.will_be_served(item)]

    def missing(self) -> list[Object]:
        return [item for item in self.appliable() if self.live(item) is None]

    def differing(self) -> list[Object]:
        """Of what stands, that of which an apply may change something."""
        return [item for item in self.appliable() if (live := self.live(item)) is not None and not compare.same(item, live)]

    def work(self) -> list[Object]:
        """What is applied, in its order: what is missing and what differs."""
        found = [(item, self.live(item)) for item in self.appliable()]
        return [
            item if live is None else compare.sent(item, live)
            for item, live in found
            if live is None or not compare.same(item, live)
        ]

    def abandoned(self) -> list[Object]:
        """Ours, and not in the configuration any more, from the last that is made to the first."""
        wanted = {address(item) for item in self.desired}
        order = [kind.kind for kind in KINDS]
        gone = [item for where, item in self.ours.items() if where not in wanted]
        return sorted(gone, key=lambda item: (-order.index(item["kind"]), address(item)))

    def deletable(self) -> list[Object]:
        return [item for item in self.abandoned() if not self._keeps(item)]

    def _keeps(self, item: Object) -> str | None:
        within = self.crowded.get(item["metadata"]["name"]) if item["kind"] == "Namespace" else None
        return f"{', '.join(within[:5])} in it {'is' if len(within) == 1 else 'are'} somebody else's" if within else None

    def pending_releases(self) -> list[Release]:
        return [release for release in self.releases if self.release_changes(release)]

    def release_changes(self, release: Release) -> list[dict[str, Any]]:
        """``[{field, old, new}]``; the status only where the last revision did not come about."""
        standing = self.standing.get(release.address)
        wanted: dict[str, Any] = release.fields()
        if standing is None:
            return [{"field": name, "old": None, "new": value} for name, value in wanted.items()]
        if standing["status"] != DEPLOYED:
            wanted["status"] = DEPLOYED
        return [
            {"field": name, "old": standing[name], "new": value} for name, value in wanted.items() if standing.get(name) != value
        ]

    def ended_badly(self, release: Release) -> bool:
        return any(change["field"] == "status" for change in self.release_changes(release)) and release.address in self.standing

    def held_back(self) -> list[str]:
        """A sentence for each API that neither stands nor comes by a release of the configuration."""
        held: dict[tuple[str, str], list[str]] = {}
        for item in self.desired:
            if not self.will_be_served(item):
                held.setdefault((item["apiVersion"], BY_KIND[item["kind"]].release), []).append(address(item))
        return [
            f"held back: {', '.join(addresses)}: the cluster does not know {version}, which the release {release} brings: add it "
            "to kubernetes_helm_releases"
            for (version, release), addresses in held.items()
        ]

    def rivals(self) -> list[str]:
        """A sentence for each controller that sizes the cluster and stands beside the one of the configuration."""
        chosen = [release.name for release in self.releases if release.name in NODE_AUTOSCALERS]
        return [
            f"{where} still stands beside {chosen[0]}, and both would size the cluster: {NODE_AUTOSCALERS[found['chart']]}take it "
            f"away with `helm uninstall {where.rsplit('/', 1)[-1]} -n {where.split('/')[1]}`"
            for where, found in self.standing.items()
            if chosen and found["chart"] in NODE_AUTOSCALERS and found["chart"] not in chosen and found["status"] != UNINSTALLED
        ]

    def refuse_others(self, plan: Plan) -> None:
        """What is not ours is not taken over by an apply."""
        for item in self.appliable():
            other = self.others.get(address(item))
            if other is None:
                continue
            owner = (other["metadata"].get("labels") or {}).get(DEPLOYMENT)
            whose = f"belongs to deployment {owner}" if owner else f"is not labelled as made by deployment {self.deployment}"
            plan.refuse(
                address(item), f"it exists already and {whose}; rename ours, remove it, or hand it over with playbooks/adopt.yml"
            )

    def plan(self, after: Mapping[str, Object]) -> Plan:
        """``after``: address -> what the server made of a differing object, or would make of it."""
        plan = Plan(warnings=[*self.notes, *self.held_back(), *self.rivals()])
        self.refuse_others(plan)
        for item in self.missing():
            plan.actions.append(self._action("create", address(item), compare.changes(None, item)))
        for item in self.differing():
            where = address(item)
            if where in after and where in self.ours and (found := compare.changes(self.ours[where], after[where])):
                plan.actions.append(self._action("update", where, found, self.ours[where]))
        for item in self.abandoned():
            if reason := self._keeps(item):
                plan.kept[address(item)] = reason
            else:
                plan.actions.append(self._action("delete", address(item), [], item))
        for release in self.pending_releases():
            if release.address in self.busy:
                plan.refuse(release.address, self.busy[release.address])
            verb = "update" if release.address in self.standing else "create"
            plan.actions.append(self._action(verb, release.address, self.release_changes(release)))
        return plan

    @staticmethod
    def _action(verb: str, where: str, fields: Iterable[Mapping[str, Any]], live: Object | None = None) -> Action:
        delta = Delta([Change(Field(change["field"]), change["old"], change["new"]) for change in fields])
        return Action(verb, where, observed=Observed(where, live["metadata"].get("uid", where)) if live else None, delta=delta)

    def ground(self, plan: Plan) -> dict[str, dict[str, str]]:
        """What each action rests on, by digests, so that an apply can tell whether the cluster moved since."""
        found = {}
        for action in plan.actions:
            live = self.ours.get(action.address)
            shown = compare.changes(None, live) if live else self.standing.get(action.address)
            found[action.address] = {"id": digest(live["metadata"].get("uid") if live else None), "live": digest(shown)}
        return found

    def resources(self, after: Mapping[str, Object], done: Collection[str] = ()) -> dict[str, Observed]:
        """What stands of the configuration. ``after``: the objects applied since; ``done``: addresses, of releases too."""
        found = {}
        for item in self.desired:
            where = address(item)
            live = after.get(where) or self.ours.get(where)
            if live is not None:
                names = {name: live["metadata"].get(name) for name in ("name", "namespace")}
                found[where] = Observed(where, live["metadata"].get("uid", where), attributes=names)
        for release in self.releases:
            if release.address in self.standing or release.address in done:
                shown = {"name": release.name, "namespace": release.namespace, "version": release.version}
                found[release.address] = Observed(release.address, release.name, attributes=shown)
        return found

    def strangers(self) -> list[Stranger]:
        """What carries our labels without being configured."""
        why = "carries our labels, but is not in the configuration"
        return [Stranger(address(item), item["metadata"]["uid"], why=why, owned=True) for item in self.abandoned()]

    def adoption(self) -> Plan:
        """Our labels for what stands under our names without any deployment's."""
        plan = Plan()
        for item in self.desired:
            other = self.others.get(address(item))
            if other is None:
                continue
            old = other["metadata"].get("labels") or {}
            if owner := old.get(DEPLOYMENT):
                plan.refuse(address(item), f"it belongs to deployment {owner}; let that give it up, or rename ours")
                continue
            new = {**old, **owned(self.deployment)}
            plan.actions.append(self._action("adopt", address(item), [{"field": "tags", "old": old, "new": new}], other))
        return plan


def gather(cluster: Cluster, ground: Any) -> Survey:
    """Read all that is needed. ``ground``: what is desired, for a cluster that serves custom metrics or none."""
    desired, deployment, wanted = ground.desired(cluster.has_custom_metrics()), ground.place.deployment, ground.releases()
    served = cluster.served(kind.api_version for kind in KINDS)
    known = [kind for kind in KINDS if kind.kind in served[kind.api_version]]
    ours = {address(item): item for item in cluster.listed(known, selector(deployment)) if is_ours(item, deployment)}
    rest = [item for item in desired if address(item) not in ours and item["kind"] in served[item["apiVersion"]]]
    noted = cluster.secrets(HELM_SELECTOR) if wanted else []
    pending = stuck(noted)
    survey = Survey(
        deployment,
        desired,
        ours,
        {address(item): item for item in cluster.found(rest)},
        served,
        releases=wanted,
        standing=observed(noted),
        stuck=pending,
        busy=at_work(pending, ground.params["helm_timeout"], datetime.now(UTC)),
        notes=ground.notes(),
    )
    for item in survey.abandoned():
        if item["kind"] == "Namespace":
            name = item["metadata"]["name"]
            survey.crowded[name] = [
                f"{one['kind']} {one['metadata']['name']}" for one in cluster.contents(name) if belongs_to_others(one, deployment)
            ]
    return survey


def at_work(pending: Mapping[str, Stuck], timeout: str, now: datetime) -> dict[str, str]:
    """Address -> why it is left alone, of those that are not pending for longer than Helm would work on them."""
    longest = seconds(timeout) + SLACK
    return {
        where: f"its status is {one.status} since {one.age(now):.0f} s, so that Helm may be at work on it; it is taken for left "
        f"behind after {longest:.0f} s (kubernetes_helm_timeout and a minute): run again then, or after the other run has ended"
        for where, one in pending.items()
        if one.age(now) <= longest
    }


def belongs_to_others(item: Object, deployment: str) -> bool:
    """Of what is in a namespace that is to go: not ours, not made by Kubernetes, and not a part of something else."""
    metadata = item["metadata"]
    of_a_job = (metadata.get("labels") or {}).get(JOB_OF) == deployment
    if is_ours(item, deployment) or of_a_job or metadata.get("ownerReferences") or item["kind"] in SHADOWS:
        return False
    return (item["kind"], metadata["name"]) not in EVERYWHERE
