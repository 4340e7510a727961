# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAF: web ACLs for CloudFront, each with its logging.

Facts: WAFV2 API reference (CreateWebACL, UpdateWebACL, CheckCapacity, PutLoggingConfiguration) and developer guide. Scope
CLOUDFRONT is answered in us-east-1 alone. UpdateWebACL and PutLoggingConfiguration replace everything, so what is not ours to set
is handed back as it was read; every change takes the lock token of the last read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..aws.errors import is_code, tolerating
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.errors import EngineError
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import Candidate, among, for_its_name, prefixes

REGION = "us-east-1"
CLIENT = f"wafv2@{REGION}"
SCOPE = "CLOUDFRONT"
GONE = "WAFNonexistentItemException"
CHANGED_MEANWHILE = "WAFOptimisticLockException"
PAGE = 100
# Settings of UpdateWebACL that this kind does not manage and that the call would otherwise drop.
HANDED_BACK = (
    *("ApplicationConfig", "AssociationConfig", "CaptchaConfig", "ChallengeConfig", "CustomResponseBodies"),
    *("DataProtectionConfig", "MonetizationConfig", "OnSourceDDoSProtectionConfig", "TokenDomains"),
)


def canonical_rules(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Rules by name as AWS answers them: defaults written out, nothing empty, sets sorted, texts as texts."""
    return {name: _canonical(rule) for name, rule in rules.items()}


def _canonical(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        kept = {key: _canonical(item) for key, item in value.items() if item is not None and item != []}
        if "AggregateKeyType" in kept:
            kept.setdefault("EvaluationWindowSec", 300)
        if "RuleActionOverrides" in kept:
            kept["RuleActionOverrides"] = sorted(kept["RuleActionOverrides"], key=lambda item: item["Name"])
        return kept
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    return value


def as_rules(rules: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rules by name as WAF takes them, in the order in which they are evaluated."""
    return sorted(({"Name": name, **rule} for name, rule in rules.items()), key=lambda rule: rule["Priority"])


def by_name(rules: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {rule["Name"]: {key: value for key, value in rule.items() if key != "Name"} for rule in rules}


class WebAcl(Kind):
    """A web ACL for CloudFront, in us-east-1. Its natural name is its name; the id is AWS's own.

    ``rules``: name -> the rule as the API has it, without the name. ``log_destination`` is the ARN of a log group whose name begins
    with ``aws-waf-logs-``; ``redacted_headers`` stay out of the logs. Option ``max_capacity``: the most units (WCU) that the rules
    may take; WAF is asked before anything is written, whenever they change.
    """

    name = "web_acl"
    services = (CLIENT,)
    irreplaceable = True
    referred = True
    within = ("edge_log_group",)
    fields = (
        Field("name", on_change="replace"),
        Field("description"),
        Field("default_action"),
        Field("rules", canonical=canonical_rules),
        Field("visibility"),
        Field("log_destination"),
        Field("redacted_headers", unordered=True),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        listed, configurations = view.api.together(lambda: self._list(view), lambda: self._logging(view))
        found = [item for item in view.api.map(lambda acl: self._tagged(view, acl, wanted), listed) if item]
        read = [item for item in view.api.map(lambda item: self._read(view, *item, configurations), found) if item]
        if not view.thorough:
            self._check_capacity(view, wanted, {item.fields["name"]: item for item in read})
        return read

    def find(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        for acl in self._list(view):
            if acl["Name"] in wanted:
                yield Observed(wanted[acl["Name"]], acl["Id"], attributes={"arn": acl["ARN"], "name": acl["Name"]})

    def strangers(self, view: View) -> Iterable[Stranger]:
        ours = [acl for acl in self._list(view) if acl["Name"].startswith(prefixes(view))]
        yield from among(
            view,
            self,
            [
                Candidate(acl["Name"], acl["Id"], for_its_name(view), lambda acl=acl: self._tags(view, acl), acl["ARN"])
                for acl in ours
            ],
        )

    @staticmethod
    def _tags(view: View, acl: Mapping[str, Any]) -> dict[str, str] | None:
        with tolerating(GONE):
            answer = view.api.client(CLIENT).list_tags_for_resource(ResourceARN=acl["ARN"], Limit=PAGE)
            return as_dict(answer["TagInfoForResource"].get("TagList"))
        return None

    @staticmethod
    def _list(view: View) -> list[dict[str, Any]]:
        return list(_items(view.api.client(CLIENT).list_web_acls, "WebACLs"))

    @staticmethod
    def _logging(view: View) -> dict[str, dict[str, Any]]:
        """ARN of the web ACL -> its logging configuration."""
        configurations = _items(view.api.client(CLIENT).list_logging_configurations, "LoggingConfigurations")
        return {item["ResourceArn"]: item for item in configurations}

    def _tagged(self, view: View, acl: Mapping[str, Any], wanted: Mapping[str, Resource]) -> tuple[str, Any, dict[str, str]] | None:
        """Address, summary and tags of a web ACL that is desired or ours, else None."""
        tags: dict[str, str] = {}
        with tolerating(GONE):
            answer = view.api.client(CLIENT).list_tags_for_resource(ResourceARN=acl["ARN"], Limit=PAGE)
            tags = as_dict(answer["TagInfoForResource"].get("TagList"))
        if acl["Name"] in wanted:
            return wanted[acl["Name"]].address, acl, tags
        return (address_in(tags, self.name, acl["Id"]), acl, tags) if view.owner.owns_in_tier(tags) else None

    def _read(
        self, view: View, address: str, summary: Mapping[str, Any], tags: dict[str, str], configurations: Mapping[str, Any]
    ) -> Observed | None:
        """None for one that the list still shows after its end."""
        with tolerating(GONE):
            acl = view.api.client(CLIENT).get_web_acl(Name=summary["Name"], Scope=SCOPE, Id=summary["Id"])["WebACL"]
            return Observed(
                address,
                acl["Id"],
                fields={**observed_fields(acl), **observed_logging(configurations.get(acl["ARN"]) or {})},
                attributes={"arn": acl["ARN"], "name": acl["Name"], "capacity": acl.get("Capacity")},
                tags=tags,
            )
        return None

    def _check_capacity(self, view: View, wanted: Mapping[str, Resource], observed: Mapping[str, Observed]) -> None:
        """Ask WAF what the rules weigh, where they are to change. WAF judges the rules themselves, too. Raises EngineError."""
        rules = next(field for field in self.fields if field.name == "rules")
        for name, resource in wanted.items():
            desired, limit = resource.desired.get("rules"), resource.options.get("max_capacity")
            known = observed[name].fields["rules"] if name in observed else None
            if desired is None or limit is None or rules.same(desired, known):
                continue
            try:
                capacity = view.api.client(CLIENT).check_capacity(Scope=SCOPE, Rules=as_rules(desired))["Capacity"]
            except Exception as error:
                error.add_note(f"weigh the rules of {resource.address}")
                raise
            if capacity > limit:
                raise EngineError(
                    f"{resource.address}: its rules weigh {capacity} web ACL capacity units, and waf_max_capacity is {limit}: "
                    "leave out rules or rule groups, or raise it (at most 5000; AWS charges more for requests above 1500)"
                )

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        summary = context.api.client(CLIENT).create_web_acl(
            Name=desired["name"], Scope=SCOPE, Tags=as_list(desired["tags"]), **written_fields(desired)
        )["Summary"]
        made = {name: desired[name] for name in ("name", "description", "default_action", "rules", "visibility")}
        return Observed(
            resource.address,
            summary["Id"],
            fields={**made, "log_destination": None, "redacted_headers": None},
            attributes={"arn": summary["ARN"], "name": desired["name"]},
        )

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, arn = context.api.client(CLIENT), observed.attributes["arn"]
        if delta.any("description", "default_action", "rules", "visibility"):
            self._locked(context, observed, lambda acl, token: self._write(context, resource, acl, token))
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(ResourceARN=arn, Tags=as_list(to_set))
            if to_remove:
                client.untag_resource(ResourceARN=arn, TagKeys=to_remove)
        if delta.any("log_destination", "redacted_headers"):
            self._write_logging(context, resource, arn)

    @staticmethod
    def _write(context: Context, resource: Resource, acl: Mapping[str, Any], token: str) -> None:
        kept = {name: acl[name] for name in HANDED_BACK if acl.get(name)}
        fields = written_fields({**observed_fields(acl), **_set(resource.desired)})
        context.api.client(CLIENT).update_web_acl(
            Name=acl["Name"], Scope=SCOPE, Id=acl["Id"], LockToken=token, **{**kept, **fields}
        )

    @staticmethod
    def _write_logging(context: Context, resource: Resource, arn: str) -> None:
        client, known = context.api.client(CLIENT), {}
        with tolerating(GONE):
            known = client.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
        logging = {**observed_logging(known), **_set(resource.desired)}
        configuration: dict[str, Any] = {
            "ResourceArn": arn,
            "LogDestinationConfigs": [logging["log_destination"]],
            "RedactedFields": [{"SingleHeader": {"Name": name}} for name in sorted(logging["redacted_headers"] or ())],
        }
        if known.get("LoggingFilter"):
            configuration["LoggingFilter"] = known["LoggingFilter"]
        client.put_logging_configuration(LoggingConfiguration=configuration)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Its logging configuration goes with it. AWS refuses while a distribution uses it."""

        def remove(acl: Mapping[str, Any], token: str) -> None:
            context.api.client(CLIENT).delete_web_acl(Name=acl["Name"], Scope=SCOPE, Id=acl["Id"], LockToken=token)

        with tolerating(GONE):
            self._locked(context, observed, remove)

    @staticmethod
    def _locked(context: Context, observed: Observed, change: Callable[[Mapping[str, Any], str], None]) -> None:
        """``change`` with the web ACL as it is now and its lock token; once more when somebody else was faster."""

        def attempt() -> None:
            name = observed.attributes["name"]
            answer = context.api.client(CLIENT).get_web_acl(Name=name, Scope=SCOPE, Id=observed.id)
            change(answer["WebACL"], answer["LockToken"])

        try:
            attempt()
        except Exception as error:
            if not is_code(error, CHANGED_MEANWHILE):
                raise
            attempt()


def observed_fields(acl: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a web ACL as GetWebACL answers it, without its logging."""
    visibility = acl["VisibilityConfig"]
    return {
        "name": acl["Name"],
        "description": acl.get("Description", ""),
        "default_action": "block" if "Block" in acl["DefaultAction"] else "allow",
        "rules": by_name(acl.get("Rules") or ()),
        "visibility": {
            "metric_name": visibility["MetricName"],
            "metrics": visibility["CloudWatchMetricsEnabled"],
            "sampled_requests": visibility["SampledRequestsEnabled"],
        },
    }


def observed_logging(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a logging configuration. What else than headers is redacted is shown by its name in the API, ``(UriPath)``."""
    if not configuration:
        return {"log_destination": None, "redacted_headers": None}
    redacted = configuration.get("RedactedFields") or ()
    return {
        "log_destination": next((arn.removesuffix(":*") for arn in configuration["LogDestinationConfigs"]), None),
        "redacted_headers": [
            part["SingleHeader"]["Name"].lower() if "SingleHeader" in part else f"({', '.join(part)})" for part in redacted
        ],
    }


def written_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of CreateWebACL and UpdateWebACL for the fields."""
    arguments: dict[str, Any] = {
        "DefaultAction": {values["default_action"].capitalize(): {}},
        "Rules": as_rules(values["rules"]),
        "VisibilityConfig": visibility_config(**values["visibility"]),
    }
    return {**arguments, "Description": values["description"]} if values["description"] else arguments


def visibility_config(metric_name: str, metrics: bool = True, sampled_requests: bool = False) -> dict[str, Any]:
    return {"SampledRequestsEnabled": sampled_requests, "CloudWatchMetricsEnabled": metrics, "MetricName": metric_name}


def _set(desired: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration sets; the rest is left as it is."""
    return {name: value for name, value in desired.items() if value is not None}


def _items(operation: Callable[..., Mapping[str, Any]], key: str) -> Iterator[dict[str, Any]]:
    """All that a List operation of this scope answers: botocore has no paginators for WAF, which marks even the last page."""
    more: dict[str, str] = {}
    while True:
        answer = operation(Scope=SCOPE, Limit=PAGE, **more)
        items = answer.get(key) or []
        yield from items
        if len(items) < PAGE or not answer.get("NextMarker"):
            return
        more = {"NextMarker": answer["NextMarker"]}
