"""Patches to WAF."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.wafv2.exceptions import WAFNonexistentItemException, WAFOptimisticLockException, WAFv2ClientError
from moto.wafv2.models import GLOBAL_REGION, FakeRule, FakeWebACL, WAFV2Backend, wafv2_backends
from moto.wafv2.responses import WAFV2Response

from local_aws.patches import patch, replace, wrap

MOST_CAPACITY = 5000
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
GROUPS = {
    "AWSManagedRulesACFPRuleSet": 50,
    "AWSManagedRulesATPRuleSet": 50,
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
    "AWSManagedRulesAntiDDoSRuleSet": 50,
    "AWSManagedRulesBotControlRuleSet": 50,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesPHPRuleSet": 100,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200,
    "AWSManagedRulesWordPressRuleSet": 100,
}
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-match.html
BASE = {
    "AsnMatchStatement": 1,
    "GeoMatchStatement": 1,
    "IPSetReferenceStatement": 1,
    "LabelMatchStatement": 1,
    "RegexMatchStatement": 3,
    "RegexPatternSetReferenceStatement": 25,
    "SizeConstraintStatement": 1,
    "XssMatchStatement": 40,
}


@patch
def capacity() -> None:
    """AWS answers CheckCapacity from its published table of web ACL capacity units, keeps the sum as the web ACL's Capacity and
    refuses more than 5000 (WAFLimitsExceededException). moto has no CheckCapacity, and every web ACL weighs 3."""

    @replace(WAFV2Response, "check_capacity")
    def check_capacity(self: Any) -> Any:
        body = json.loads(self.body)
        _check_scope(self, body)
        _check_rules(body["Rules"])
        return 200, {}, json.dumps({"Capacity": weigh(body["Rules"])})

    @wrap(FakeWebACL, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        return {**original(self), "Capacity": weigh(rule.to_dict() for rule in self.rules)}


@patch
def rules_are_checked() -> None:
    """AWS refuses two rules of one name or priority, an unknown managed rule group, a rate limit under 10 and a wrong evaluation
    window (WAFInvalidParameterException), and scope CLOUDFRONT outside us-east-1. moto stores anything anywhere."""
    for operation in ("create_web_acl", "update_web_acl"):

        @wrap(WAFV2Response, operation)
        def checked(original: Any, self: Any) -> Any:
            body = json.loads(self.body)
            _check_scope(self, body)
            _check_rules(body.get("Rules") or [])
            if weigh(body.get("Rules") or []) > MOST_CAPACITY:
                raise WAFv2ClientError("WAFLimitsExceededException", "The web ACL exceeds the maximum capacity units.")
            return original(self)

    for operation in ("get_web_acl", "delete_web_acl", "list_web_ac_ls", "list_logging_configurations"):

        @wrap(WAFV2Response, operation)
        def in_scope(original: Any, self: Any) -> Any:
            _check_scope(self, json.loads(self.body))
            return original(self)


@patch
def updates_replace_everything() -> None:
    """AWS replaces all settings of a web ACL by those of UpdateWebACL. moto keeps what is left out, and
    all rules when none are given."""

    @replace(WAFV2Backend, "update_web_acl")
    def update_web_acl(self: Any, name: str, _id: str, *settings: Any) -> str:
        default_action, rules, description, visibility, token, bodies, captcha, challenge, domains, association = settings
        acl = self.get_web_acl(None, name, _id)
        if acl.lock_token != token:
            raise WAFOptimisticLockException()
        acl.default_action, acl.visibility_config, acl.description = default_action, visibility, description or ""
        acl.rules = [FakeRule(**{_snake(key): value for key, value in rule.items()}) for rule in rules or []]
        acl.custom_response_bodies, acl.captcha_config, acl.challenge_config = bodies, captcha, challenge
        acl.token_domains, acl.association_config = domains, association
        acl.lock_token = acl._generate_lock_token()
        return acl.lock_token


@patch
def names_are_taken_once() -> None:
    """AWS calls a second web ACL of one name WAFDuplicateItemException, and omits an empty Description. moto calls it
    WafV2DuplicateItem."""

    @wrap(WAFV2Backend, "create_web_acl")
    def create_web_acl(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if self._is_duplicate_name(name):
            raise WAFv2ClientError("WAFDuplicateItemException", "A web ACL of that name exists already.")
        return original(self, name, *args, **kwargs)

    @wrap(FakeWebACL, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        return {key: value for key, value in original(self).items() if key != "Description" or value}


@patch
def web_acls_in_use_stay() -> None:
    """AWS does not delete a web ACL that a distribution or another resource uses (WAFAssociatedItemException), and drops the
    logging configuration of one that it deletes. moto deletes it and keeps the logging configuration."""

    @wrap(WAFV2Backend, "delete_web_acl")
    def delete_web_acl(original: Any, self: Any, name: str, scope: str, _id: str, lock_token: str) -> None:
        arn = next((acl.arn for acl in self.wacls.values() if (acl.name, acl.id) == (name, _id)), None)
        if arn and (self.wacls[arn].associated_resources or arn in _used_by_distributions(self.account_id)):
            raise WAFv2ClientError("WAFAssociatedItemException", "The web ACL is associated with another resource.")
        original(self, name, scope, _id, lock_token)
        for backend in _both(self.account_id, self.region_name):
            backend.logging_configurations.pop(arn, None)


@patch
def logging() -> None:
    """AWS logs a web ACL that stands, to a destination of its region whose name begins with aws-waf-logs-
    (WAFInvalidParameterException otherwise), and lists the configurations of scope CLOUDFRONT. moto takes
    anything, and that list is always empty."""

    @wrap(WAFV2Backend, "put_logging_configuration")
    def put_logging_configuration(original: Any, self: Any, arn: str, destinations: list[str], *args: Any) -> Any:
        if not any(arn in backend.wacls for backend in _both(self.account_id, self.region_name)):
            raise WAFNonexistentItemException()
        for destination in destinations:
            parts = destination.split(":")
            if parts[3] not in ("", arn.split(":")[3]) or not parts[-1].split("/")[-1].startswith("aws-waf-logs-"):
                raise _invalid(f"The ARN isn't valid: {destination}")
        return original(self, arn, destinations, *args)

    @replace(WAFV2Response, "list_logging_configurations")
    def list_logging_configurations(self: Any) -> str:
        body = json.loads(self.body)
        _check_scope(self, body)
        prefix = "global/" if body["Scope"] == "CLOUDFRONT" else "regional/"
        known = self.wafv2_backend.logging_configurations.items()
        found = [_shown(item) for arn, item in sorted(known) if arn.split(":")[5].startswith(prefix)]
        start, limit = int(body.get("NextMarker") or 0), int(body.get("Limit") or 100)
        answer: dict[str, Any] = {"LoggingConfigurations": found[start : start + limit]}
        if start + limit < len(found):
            answer["NextMarker"] = str(start + limit)
        return json.dumps(answer)


def weigh(rules: Iterable[Mapping[str, Any]]) -> int:
    """Web ACL capacity units of rules, as AWS publishes them."""
    return sum(_weight(rule["Statement"]) for rule in rules)


def _weight(statement: Mapping[str, Any]) -> int:
    ((kind, settings),) = statement.items()
    if kind in ("AndStatement", "OrStatement"):
        return sum(map(_weight, settings["Statements"]))
    if kind == "NotStatement":
        return _weight(settings["Statement"])
    if kind == "ManagedRuleGroupStatement":
        return GROUPS[settings["Name"]]
    if kind == "RateBasedStatement":
        inner = settings.get("ScopeDownStatement")
        return 2 + 30 * len(settings.get("CustomKeys") or []) + (_weight(inner) if inner else 0)
    if kind == "ByteMatchStatement":
        base = 10 if settings["PositionalConstraint"].startswith("CONTAINS") else 2
    elif kind == "SqliMatchStatement":
        base = 30 if settings.get("SensitivityLevel") == "HIGH" else 20
    else:
        base = BASE.get(kind, 1)
    field = settings.get("FieldToMatch") or {}
    base = 2 * base if "JsonBody" in field else base + 10 * ("AllQueryArguments" in field)
    return base + 10 * sum(item["Type"] != "NONE" for item in settings.get("TextTransformations") or ())


def _check_rules(rules: list[Mapping[str, Any]]) -> None:
    for key in ("Name", "Priority"):
        values = [rule[key] for rule in rules]
        if len(set(values)) != len(values):
            raise _invalid(f"Two rules have the same {key}: {values}")
    for kind, settings in _statements(rule["Statement"] for rule in rules):
        if kind == "ManagedRuleGroupStatement" and (settings["VendorName"], settings["Name"] in GROUPS) != ("AWS", True):
            raise _invalid(f"The managed rule group {settings['VendorName']} {settings['Name']} does not exist")
        if kind == "RateBasedStatement":
            if not 10 <= settings["Limit"] <= 2_000_000_000:
                raise _invalid(f"Limit {settings['Limit']} is outside 10 to 2000000000")
            if settings.get("EvaluationWindowSec", 300) not in (60, 120, 300, 600):
                raise _invalid(f"EvaluationWindowSec {settings['EvaluationWindowSec']} is none of 60, 120, 300, 600")


def _statements(statements: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for statement in statements:
        if len(statement) != 1:
            raise _invalid(f"A statement has one kind, not {len(statement)}")
        ((kind, settings),) = statement.items()
        yield kind, settings
        inner = [settings[key] for key in ("Statement", "ScopeDownStatement") if settings.get(key)]
        yield from _statements([*settings.get("Statements", ()), *inner])


def _check_scope(response: Any, body: Mapping[str, Any]) -> None:
    if body.get("Scope") == "CLOUDFRONT" and response.region not in ("us-east-1", GLOBAL_REGION):
        raise _invalid("The scope is not valid in this region: CLOUDFRONT needs us-east-1")


def _both(account: str, region: str) -> list[Any]:
    """moto keeps global web ACLs apart, and their logging with the region that was asked."""
    return [wafv2_backends[account][name] for name in dict.fromkeys((GLOBAL_REGION, "us-east-1", region))]


def _used_by_distributions(account: str) -> set[str]:
    cloudfront = sys.modules.get("moto.cloudfront.models")
    if not cloudfront:
        return set()
    return {item.config["WebACLId"] for item in cloudfront.cloudfront_backends[account]["aws"].distributions.values()}


def _shown(configuration: Any) -> dict[str, Any]:
    known = {key: value for key, value in configuration.to_dict().items() if value is not None}
    return {**known, "LogType": "WAF_LOGS", "LogScope": "CUSTOMER"}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _invalid(text: str) -> WAFv2ClientError:
    return WAFv2ClientError("WAFInvalidParameterException", text)
