# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web ACL tier: the rules that stand before everything else, and a log of what they did, in us-east-1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources.logs import EdgeLogGroup
from ..resources.waf import REGION, WebAcl, visibility_config
from ..tier_module import Place
from . import checks, kms

NAME = re.compile(r"^[A-Za-z0-9_-]{1,128}$")
# What metrics of WAF are called by WAF itself.
RESERVED = ("All", "Default_Action")
HEADER = re.compile(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")
# As WAF sees a path once it is decoded and normalised.
PATH = re.compile(r"^/(?!.*(//|/\.))[A-Za-z0-9._~!$&'()*+,;=:@/-]{1,199}$")
KEY_ARN = re.compile(rf"^arn:aws:kms:{REGION}:\d{{12}}:key/[a-z0-9-]+$")
WINDOWS = (60, 120, 300, 600)
ENFORCE, COUNT = "enforce", "count"
RULE_ACTIONS = ("allow", "block", "captcha", "challenge", "count")
RATE_LIMIT, LARGE_BODIES = "rate-limit", "large-bodies"
# Its rule against bodies over 8 KiB, and the label that the rule adds (developer guide, "Core rule set managed rule group").
COMMON = "AWSManagedRulesCommonRuleSet"
BODY_RULE = "SizeRestrictions_BODY"
BODY_LABEL = "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body"
MOST_CAPACITY = 5000
STATEMENTS = (
    *(
        "AndStatement",
        "AsnMatchStatement",
        "ByteMatchStatement",
        "GeoMatchStatement",
        "IPSetReferenceStatement",
        "LabelMatchStatement",
    ),
    *("ManagedRuleGroupStatement", "NotStatement", "OrStatement", "RateBasedStatement", "RegexMatchStatement"),
    *("RegexPatternSetReferenceStatement", "RuleGroupReferenceStatement", "SizeConstraintStatement", "SqliMatchStatement"),
    "XssMatchStatement",
)
GROUPS = ("ManagedRuleGroupStatement", "RuleGroupReferenceStatement")
RULE_KEYS = (
    *("Action", "CaptchaConfig", "ChallengeConfig", "Name", "OverrideAction", "Priority", "RuleLabels", "Statement"),
    "VisibilityConfig",
)

GROUP_SPEC = {
    "name": {"type": "str", "required": True},
    "group": {"type": "str", "required": True},
    "vendor": {"type": "str", "default": "AWS"},
    "version": {"type": "str"},
    "priority": {"type": "int", "required": True},
    "action": {"type": "str", "default": ENFORCE},
    "rule_actions": {"type": "dict"},
}
SPEC = {
    "rate_limit": {"type": "int", "default": 2000},
    "rate_limit_window_seconds": {"type": "int", "default": 300},
    "rate_limit_action": {"type": "str", "choices": ["block", "count"], "default": "block"},
    "rate_limit_priority": {"type": "int", "default": 10},
    "managed_rule_groups": {"type": "list", "elements": "dict", "required": True, "options": GROUP_SPEC},
    "upload_paths": {"type": "list", "elements": "str", "default": []},
    "large_bodies_priority": {"type": "int", "default": 50},
    "custom_rules": {"type": "list", "elements": "dict", "default": []},
    "default_action": {"type": "str", "choices": ["allow", "block"], "default": "allow"},
    "sampled_requests": {"type": "bool", "default": False},
    "max_capacity": {"type": "int", "default": 1500},
    "log_key": {"type": "str", "required": True, "no_log": False},
    "log_key_arn": {"type": "str", "no_log": False},
    "log_retention_days": {"type": "int", "default": 90},
    "log_redacted_headers": {"type": "list", "elements": "str", "default": ["authorization"]},
}


def check(params: Mapping[str, Any], region: str) -> None:
    if region.startswith(("cn-", "us-gov-", "us-iso", "eusc-")):
        raise InvalidInput(
            f"platform_region: {region} belongs to a partition without {REGION}, where CloudFront takes its web ACL from"
        )
    checks.within("waf_rate_limit", params["rate_limit"], 10, 2_000_000_000, "requests")
    checks.within("waf_max_capacity", params["max_capacity"], 1, MOST_CAPACITY, "web ACL capacity units")
    if params["rate_limit_window_seconds"] not in WINDOWS:
        raise InvalidInput(f"waf_rate_limit_window_seconds: {params['rate_limit_window_seconds']} is none of {_listed(WINDOWS)}")
    checks.retention("waf_log_retention_days", params["log_retention_days"])
    _check_logging(params)
    for group in params["managed_rule_groups"]:
        _check_group(group)
    for path in params["upload_paths"]:
        if not PATH.match(path):
            raise InvalidInput(
                f"waf_upload_paths: {path!r} is not the beginning of a path: use / and 1 to 199 letters, digits and - . _ ~ / and "
                "the like, without // or a segment that begins with a dot"
            )
    for rule in params["custom_rules"]:
        _check_custom(rule)
    _check_uploads(params)
    _check_unique(params)


def _listed(values: tuple[Any, ...]) -> str:
    return ", ".join(map(str, values))


def _check_logging(params: Mapping[str, Any]) -> None:
    if not kms.KEY_NAME.match(params["log_key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['log_key']!r} of logs cannot be in an alias: lower-case letters, "
            "digits, _ and -"
        )
    if params.get("log_key_arn") and not KEY_ARN.match(params["log_key_arn"]):
        raise InvalidInput(
            f"waf_log_key_arn: {params['log_key_arn']!r} is not the ARN of a key in {REGION}, where the log group stands: "
            f"use one such as arn:aws:kms:{REGION}:<account>:key/<id>"
        )
    headers = params["log_redacted_headers"]
    for name in headers:
        if not HEADER.match(name):
            raise InvalidInput(f"waf_log_redacted_headers: {name!r} is not the name of a header: 1 to 64 letters, digits, - and _")
    if len({name.lower() for name in headers}) != len(headers) or len(headers) > 100:
        raise InvalidInput(f"waf_log_redacted_headers: {_listed(tuple(headers))}: name each header once, and at most 100")


def _check_group(group: Mapping[str, Any]) -> None:
    name = group["name"]
    what = f"waf_managed_rule_groups: {name}:"
    for option in ("group", "vendor"):
        if group.get(option) is not None and not re.match(r"^[\w -]{1,128}$", group[option]):
            raise InvalidInput(f"{what} {option} {group[option]!r} is none that AWS accepts: 1 to 128 letters, digits, _ and -")
    if (group.get("action") or ENFORCE) not in (ENFORCE, COUNT):
        raise InvalidInput(f"{what} action {group['action']!r} is none of {ENFORCE}, {COUNT}")
    for rule, action in (group.get("rule_actions") or {}).items():
        if action not in RULE_ACTIONS:
            raise InvalidInput(f"{what} the action {action!r} of its rule {rule} is none of {_listed(RULE_ACTIONS)}")


def _check_custom(rule: Mapping[str, Any]) -> None:
    name = rule.get("Name")
    what = f"waf_custom_rules: {name}:"
    if not isinstance(name, str):
        raise InvalidInput(f"waf_custom_rules: {dict(rule)!r} has no Name: write rules as the API has them")
    unknown = sorted(set(rule) - set(RULE_KEYS))
    if unknown:
        raise InvalidInput(f"{what} {unknown[0]!r} is not part of a rule: one of {_listed(RULE_KEYS)}")
    statement = rule.get("Statement")
    kinds = list(statement) if isinstance(statement, Mapping) else []
    if len(kinds) != 1 or kinds[0] not in STATEMENTS:
        raise InvalidInput(f"{what} Statement is {statement!r}, not one of {_listed(STATEMENTS)} with its settings")
    action, other = ("OverrideAction", "Action") if kinds[0] in GROUPS else ("Action", "OverrideAction")
    if other in rule or not isinstance(rule.get(action), Mapping) or len(rule[action]) != 1:
        raise InvalidInput(
            f"{what} a rule with {kinds[0]} has {action}, a mapping of one action such as Count to its settings, and no {other}"
        )


def _check_uploads(params: Mapping[str, Any]) -> None:
    for group in _common(params):
        override = (group.get("rule_actions") or {}).get(BODY_RULE, COUNT)
        if override != COUNT:
            raise InvalidInput(
                f"waf_managed_rule_groups: {group['name']}: {BODY_RULE} is set to {override!r}, but waf_upload_paths needs it to "
                "count only: leave it out, or let waf_upload_paths be empty"
            )
        if group["priority"] >= params["large_bodies_priority"]:
            raise InvalidInput(
                f"waf_large_bodies_priority: {params['large_bodies_priority']} must come after {group['name']} "
                f"({group['priority']}), whose label it reads: use {group['priority'] + 1} or more"
            )


def _check_unique(params: Mapping[str, Any]) -> None:
    names: dict[str, str] = {}
    priorities: dict[int, str] = {}
    for variable, name, priority in _placed(params):
        if not NAME.match(name) or name in RESERVED:
            raise InvalidInput(
                f"{variable}: the name {name!r} is none that a rule and its metric can have: 1 to 128 letters, digits, _ and -, "
                f"and neither {' nor '.join(RESERVED)}"
            )
        if name in names:
            raise InvalidInput(f"{variable}: the name {name!r} is taken by a rule of {names[name]}: use each name once")
        if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= 2**31 - 1:
            raise InvalidInput(f"{variable}: priority {priority!r} of {name} is not a number of 0 to {2**31 - 1}")
        if priority in priorities:
            other = priorities[priority]
            raise InvalidInput(
                f"{variable}: priority {priority} of {name} is taken by {other} ({names[other]}): use each number once, 0 or more"
            )
        names[name], priorities[priority] = variable, name


def _placed(params: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Variable, name and priority of each rule."""
    yield "waf_rate_limit_priority", RATE_LIMIT, params["rate_limit_priority"]
    for group in params["managed_rule_groups"]:
        yield "waf_managed_rule_groups", group["name"], group["priority"]
    if _common(params):
        yield "waf_large_bodies_priority", LARGE_BODIES, params["large_bodies_priority"]
    for rule in params["custom_rules"]:
        yield "waf_custom_rules", rule["Name"], rule.get("Priority")


def _common(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The common rule set, where its body rule has to let uploads through."""
    groups = params["managed_rule_groups"] if params["upload_paths"] else ()
    return [group for group in groups if group["group"] == COMMON and (group.get("vendor") or "AWS") == "AWS"]


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    keys, key = _log_key(params, place)
    name = f"{place.deployment}-edge"
    log_group = Resource(
        EdgeLogGroup(),
        "waf",
        {
            "log_group_name": f"aws-waf-logs-{place.deployment}",
            "kms_key": key,
            "retention_days": params["log_retention_days"],
        },
    )
    acl = Resource(
        WebAcl(),
        "edge",
        {
            "name": name,
            "description": f"{place.deployment}: guards the edge of the platform",
            "default_action": params["default_action"],
            "rules": rules(params),
            "visibility": {"metric_name": name, "metrics": True, "sampled_requests": params["sampled_requests"]},
            "log_destination": Ref(log_group.address, "arn"),
            "redacted_headers": sorted(header.lower() for header in params["log_redacted_headers"]),
        },
        options={"max_capacity": params["max_capacity"]},
    )
    return [*keys, log_group, acl]


def looked_up(place: Place) -> Resource:
    """The web ACL as another tier refers to it: ``Ref("web_acl/edge", "arn")``."""
    return Resource(WebAcl(), "edge", {"name": f"{place.deployment}-edge"}, provider="waf")


def _log_key(params: Mapping[str, Any], place: Place) -> tuple[list[Resource], Any]:
    """The key to look up, if any, and what the log group says of it: a log group takes only keys of its own region."""
    if params.get("log_key_arn"):
        return [], params["log_key_arn"]
    if place.region != REGION:
        return [], None
    return [kms.looked_up(place, params["log_key"])], Ref(f"kms_key/{params['log_key']}", "arn")


def rules(params: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> rule, as the API has it without the name."""
    sampled = params["sampled_requests"]
    statement = {
        "RateBasedStatement": {
            "Limit": params["rate_limit"],
            "EvaluationWindowSec": params["rate_limit_window_seconds"],
            "AggregateKeyType": "IP",
        }
    }
    found = {RATE_LIMIT: _rule(params["rate_limit_priority"], statement, Action=_action(params["rate_limit_action"]))}
    counted = _common(params)
    for group in params["managed_rule_groups"]:
        found[group["name"]] = _group_rule(group, {BODY_RULE: COUNT} if group in counted else {})
    for group in counted[:1]:
        action = "count" if group.get("action") == COUNT else "block"
        found[LARGE_BODIES] = _rule(params["large_bodies_priority"], _large_bodies(params["upload_paths"]), Action=_action(action))
    for rule in params["custom_rules"]:
        found[rule["Name"]] = {key: value for key, value in rule.items() if key != "Name"}
    return {name: {"VisibilityConfig": visibility_config(name, sampled_requests=sampled), **rule} for name, rule in found.items()}


def _rule(priority: int, statement: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"Priority": priority, "Statement": statement, **more}


def _action(name: str) -> dict[str, Any]:
    return {name.capitalize(): {}}


def _group_rule(group: Mapping[str, Any], more: Mapping[str, str]) -> dict[str, Any]:
    statement: dict[str, Any] = {"VendorName": group.get("vendor") or "AWS", "Name": group["group"]}
    if group.get("version"):
        statement["Version"] = group["version"]
    actions = {**(group.get("rule_actions") or {}), **more}
    if actions:
        statement["RuleActionOverrides"] = [
            {"Name": rule, "ActionToUse": _action(action)} for rule, action in sorted(actions.items())
        ]
    override = {"Count": {}} if group.get("action") == COUNT else {"None": {}}
    return _rule(group["priority"], {"ManagedRuleGroupStatement": statement}, OverrideAction=override)


def _large_bodies(paths: list[str]) -> dict[str, Any]:
    """What the common set found too large, unless it goes to one of ``paths``, which no encoding and no ``..`` can feign."""
    beginnings = [
        {
            "ByteMatchStatement": {
                "SearchString": path,
                "FieldToMatch": {"UriPath": {}},
                "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}, {"Priority": 1, "Type": "NORMALIZE_PATH"}],
                "PositionalConstraint": "STARTS_WITH",
            }
        }
        for path in paths
    ]
    upload = beginnings[0] if len(beginnings) == 1 else {"OrStatement": {"Statements": beginnings}}
    labelled = {"LabelMatchStatement": {"Scope": "LABEL", "Key": BODY_LABEL}}
    return {"AndStatement": {"Statements": [labelled, {"NotStatement": {"Statement": upload}}]}}
