# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listeners of load balancers, and the rule that lets in only what carries the secret header.

Facts: Elastic Load Balancing API reference (CreateListener, CreateRule) and user guide for Application Load Balancers ("Listener
rules": the values of a header are compared without regard to case, and may hold ``*`` and ``?``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...aws.errors import tolerating
from ...aws.tags import address_in, as_list
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Observed, Resource, Stranger, View
from ..origin_secret import CURRENT, OriginSecret, accepted_values, judge_accepted
from .common import CLIENT, ElbKind, inside, tags_of, write_tags

FIXED = "fixed-response"


class Listener(ElbKind):
    """A listener of one of our load balancers. ``refuses_with``: the status of the answer to what no rule takes.

    ``tls_policy`` and ``certificate`` (an ARN) are for HTTPS. It is known by its tags, and by its port to whom it does not belong.
    """

    name = "listener"
    observe_after = ("load_balancer",)
    within = ("load_balancer", "certificate")
    fields = (
        Field("load_balancer", on_change="replace"),
        Field("port"),
        Field("protocol"),
        Field("tls_policy"),
        Field("certificate"),
        Field("refuses_with"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        balancers = [balancer.id for balancer in view.of("load_balancer").values()]
        listed = view.api.map(lambda arn: self._list(view, arn), balancers)
        found = {item["ListenerArn"]: item for items in listed for item in items}
        by_port = {resource.desired["port"]: resource.address for resource in view.resources}
        for arn, tags in tags_of(view, found).items():
            item = found[arn]
            if view.owner.owns_in_tier(tags):
                yield self._observed(address_in(tags, self.name, str(item["Port"])), item, tags)
            elif item["Port"] in by_port:
                yield self._observed(by_port[item["Port"]], item, tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        balancers = [item.id for item in view.of("load_balancer").values() if view.owner.owns(item.tags or {})]
        listed = view.api.map(lambda arn: self._list(view, arn), balancers)
        ports = {item["ListenerArn"]: str(item["Port"]) for items in listed for item in items}
        yield from inside(view, self, ports, "load balancer")

    @staticmethod
    def _list(view: View, load_balancer: str) -> list[dict[str, Any]]:
        with tolerating("NotFound"):
            return view.api.pages(CLIENT, "describe_listeners", "Listeners", LoadBalancerArn=load_balancer)
        return []

    @staticmethod
    def _observed(address: str, item: Mapping[str, Any], tags: dict[str, str] | None) -> Observed:
        actions = item.get("DefaultActions") or []
        refuses = actions[0].get("FixedResponseConfig", {}).get("StatusCode") if [a["Type"] for a in actions] == [FIXED] else None
        return Observed(
            address,
            item["ListenerArn"],
            fields={
                "load_balancer": item["LoadBalancerArn"],
                "port": item["Port"],
                "protocol": item["Protocol"],
                "tls_policy": item.get("SslPolicy"),
                "certificate": next((each["CertificateArn"] for each in item.get("Certificates") or ()), None),
                "refuses_with": refuses,
            },
            attributes={"arn": item["ListenerArn"]},
            tags=tags,
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        (item,) = context.api.client(CLIENT).create_listener(
            LoadBalancerArn=resource.desired["load_balancer"],
            Tags=as_list(resource.desired["tags"]),
            **self._written(resource.desired),
        )["Listeners"]
        return self._observed(resource.address, item, None)

    @staticmethod
    def _written(desired: Mapping[str, Any]) -> dict[str, Any]:
        action = {"Type": FIXED, "FixedResponseConfig": {"StatusCode": desired["refuses_with"], "ContentType": "text/plain"}}
        tls = {}
        if desired["protocol"] == "HTTPS":
            tls = {"SslPolicy": desired["tls_policy"], "Certificates": [{"CertificateArn": desired["certificate"]}]}
        return {"Port": desired["port"], "Protocol": desired["protocol"], "DefaultActions": [action], **tls}

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        if any(name != "tags" for name in delta.changes):
            context.api.client(CLIENT).modify_listener(ListenerArn=observed.id, **self._written(resource.desired))
        if "tags" in delta:
            write_tags(context, observed.id, delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NotFound"):
            context.api.client(CLIENT).delete_listener(ListenerArn=observed.id)


class ListenerRule(ElbKind):
    """A rule that forwards what carries ``header`` with the value of a secret. Option ``secret``: the secret's name.

    The value itself is in no field: ``accepts`` is desired ``current``. It is observed as that when the rule takes the secret's
    current value and no other than the one before, which it goes on taking so that a change of the secret never cuts off requests
    on their way. The target group could be changed in place, but one that is replaced cannot be deleted as long as a rule
    forwards to it, so the rule is replaced with it.
    """

    name = "listener_rule"
    services = (CLIENT, *OriginSecret.services)
    observe_after = ("listener", OriginSecret.name)
    within = ("listener", "target_group", OriginSecret.name)
    fields = (
        Field("listener", on_change="replace"),
        Field("priority"),
        Field("header"),
        Field("target_group", on_change="replace"),
        Field("accepts"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        found = {rule["RuleArn"]: (listener, rule) for listener, rule in self._list(view)}
        by_priority = {str(resource.desired["priority"]): resource.address for resource in view.resources}
        for arn, tags in tags_of(view, found).items():
            listener, rule = found[arn]
            ours = view.owner.owns_in_tier(tags)
            address = address_in(tags, self.name, arn.rsplit("/", 1)[1]) if ours else None
            if address not in by_priority.values():
                # A listener has one rule of a priority, whatever the tags of that one say.
                address = by_priority.get(rule["Priority"], address)
            if address is None:
                continue
            accepts = judge_accepted(view, _header(rule)[1])
            yield self._observed(address, listener, rule, accepts, tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        yield from inside(view, self, {rule["RuleArn"]: rule["Priority"] for _arn, rule in self._list(view)}, "listener")

    @staticmethod
    def _list(view: View) -> Iterator[tuple[str, dict[str, Any]]]:
        for listener in view.of("listener").values():
            with tolerating("NotFound"):
                for rule in view.api.pages(CLIENT, "describe_rules", "Rules", ListenerArn=listener.id):
                    if not rule["IsDefault"]:
                        yield listener.id, rule

    @staticmethod
    def _observed(address: str, listener: str, rule: Mapping[str, Any], accepts: str, tags: dict[str, str] | None) -> Observed:
        targets = [action.get("TargetGroupArn") for action in rule["Actions"]]
        return Observed(
            address,
            rule["RuleArn"],
            fields={
                "listener": listener,
                "priority": int(rule["Priority"]),
                "header": _header(rule)[0],
                "target_group": targets[0] if len(targets) == 1 else None,
                "accepts": accepts,
            },
            attributes={"arn": rule["RuleArn"]},
            tags=tags,
        )

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        (rule,) = context.api.client(CLIENT).create_rule(
            ListenerArn=desired["listener"],
            Priority=desired["priority"],
            Conditions=self._conditions(context, resource),
            Actions=[{"Type": "forward", "TargetGroupArn": desired["target_group"]}],
            Tags=as_list(desired["tags"]),
        )["Rules"]
        return self._observed(resource.address, desired["listener"], rule, CURRENT, None)

    @staticmethod
    def _conditions(context: Context, resource: Resource) -> list[dict[str, Any]]:
        values = accepted_values(context, resource.options["secret"])
        header = {"HttpHeaderName": resource.desired["header"], "Values": values}
        return [{"Field": "http-header", "HttpHeaderConfig": header}]

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client(CLIENT)
        if delta.any("header", "accepts"):
            client.modify_rule(RuleArn=observed.id, Conditions=self._conditions(context, resource))
        if "priority" in delta:
            client.set_rule_priorities(RulePriorities=[{"RuleArn": observed.id, "Priority": delta["priority"].new}])
        if "tags" in delta:
            write_tags(context, observed.id, delta["tags"])

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating("NotFound"):
            context.api.client(CLIENT).delete_rule(RuleArn=observed.id)


def _header(rule: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Name and values of the header that a rule asks for; None for a rule that asks for anything else, or for more."""
    conditions = rule.get("Conditions") or []
    if len(conditions) != 1 or "HttpHeaderConfig" not in conditions[0]:
        return None, []
    return conditions[0]["HttpHeaderConfig"]["HttpHeaderName"], conditions[0]["HttpHeaderConfig"]["Values"]
