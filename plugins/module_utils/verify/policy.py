# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What policy documents let a principal do, as IAM decides it. Pure: it calls nothing.

Facts: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements"; KMS developer guide, "Key policies in AWS KMS".
Out of its sight are service control policies and session policies: what it allows may still be refused by an organisation.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Who:
    """A role or user by its ``arn``, or an AWS ``service`` (``sns.amazonaws.com``)."""

    arn: str = ""
    service: str = ""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4] if self.arn else ""


@dataclass(frozen=True)
class Request:
    """``context``: condition keys in lower case. What a call does not have is left out of it."""

    who: Who
    action: str
    resource: str
    context: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """``allowed``: by a statement for this very principal; ``delegated``: to the account, whose IAM policies decide.

    ``denied``: the statement that refuses, in words, or None.
    """

    allowed: bool
    delegated: bool
    denied: str | None


def judge(documents: Iterable[tuple[str, Document | None]], request: Request, identity: bool = False) -> Verdict:
    """What named documents say of a request. ``identity``: they are attached to who asks, so their statements name no principal."""
    allowed = delegated = False
    denied = None
    for name, document in documents:
        for statement in statements(document):
            direct = identity or names(statement, request.who)
            account = not identity and names_account(statement, request.who)
            if not (direct or account) or not applies(statement, request):
                continue
            if statement.get("Effect") == "Deny":
                sid = statement.get("Sid")
                denied = denied or (f"statement {sid} of {name}" if sid else f"a statement of {name}")
            elif direct:
                allowed = True
            else:
                delegated = True
    return Verdict(allowed and not denied, delegated and not denied, denied)


def statements(document: Document | None) -> Iterator[Mapping[str, Any]]:
    yield from as_list((document or {}).get("Statement"))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def applies(statement: Mapping[str, Any], request: Request) -> bool:
    """Action, resource and conditions; a trust or key policy may name no resource."""
    if "NotAction" in statement:
        action = not any(like(text, request.action, True) for text in as_list(statement["NotAction"]))
    else:
        action = any(like(text, request.action, True) for text in as_list(statement.get("Action")))
    if "NotResource" in statement:
        resource = not any(like(_filled(text, request), request.resource) for text in as_list(statement["NotResource"]))
    else:
        wanted = as_list(statement.get("Resource", "*"))
        resource = any(like(_filled(text, request), request.resource) for text in wanted)
    return action and resource and holds(statement.get("Condition") or {}, request)


def names(statement: Mapping[str, Any], who: Who) -> bool:
    """Whether the statement is for this very principal, or for everyone."""
    if "NotPrincipal" in statement:
        return not _named(statement["NotPrincipal"], who) and not _account_named(statement["NotPrincipal"], who)
    return _named(statement.get("Principal"), who)


def _named(principal: Any, who: Who) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return False
    users = as_list(principal.get("AWS"))
    if "*" in users or (who.arn and who.arn in users):
        return True
    return bool(who.service) and any(like(text, who.service) for text in as_list(principal.get("Service")))


def names_account(statement: Mapping[str, Any], who: Who) -> bool:
    return "NotPrincipal" not in statement and _account_named(statement.get("Principal"), who)


def _account_named(principal: Any, who: Who) -> bool:
    if not isinstance(principal, Mapping) or not who.arn:
        return False
    partition = who.arn.split(":")[1]
    return any(text in (who.account, f"arn:{partition}:iam::{who.account}:root") for text in as_list(principal.get("AWS")))


def like(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """IAM's wildcards: ``*`` for any characters, ``?`` for one."""
    expression = "".join(".*" if part == "*" else "." if part == "?" else re.escape(part) for part in str(pattern))
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None


def _filled(text: str, request: Request) -> str:
    """Policy variables, as far as the request knows them; an unknown one matches nothing."""

    def value(match: re.Match[str]) -> str:
        name = match[1].split(",")[0].strip().lower()
        found = request.context.get(name)
        return found if isinstance(found, str) else {"*": "*", "?": "?", "$": "$"}.get(match[1], "\0")

    return re.sub(r"\$\{([^}]*)\}", value, str(text))


def holds(condition: Mapping[str, Mapping[str, Any]], request: Request) -> bool:
    """Whether all conditions hold. A key that the request does not have fails an operator, and satisfies a negated one."""
    return all(
        _test(operator, request.context.get(key.lower()), [_filled(value, request) for value in as_list(wanted)])
        for operator, tests in condition.items()
        for key, wanted in tests.items()
    )


def _test(operator: str, actual: str | list[str] | None, wanted: list[str]) -> bool:
    quantifier, name = operator.rpartition(":")[::2]
    if name == "Null":
        return (actual is None) == (wanted[0].lower() == "true")
    optional, name = name.endswith("IfExists"), name.removesuffix("IfExists")
    if actual is None:
        return optional or "Not" in name or quantifier == "ForAllValues"
    values = [actual] if isinstance(actual, str) else list(actual)
    results = [_compare(name, value, wanted) for value in values]
    return all(results) if quantifier == "ForAllValues" else any(results)


def _compare(name: str, actual: str, wanted: list[str]) -> bool:
    negated = "Not" in name
    plain = name.replace("Not", "")
    if plain == "Bool":
        found = any(actual.lower() == value.lower() for value in wanted)
    elif plain.startswith(("Numeric", "Date")):
        found = any(_ordered(plain, actual, value) for value in wanted)
    elif plain == "IpAddress":
        found = any(ipaddress.ip_address(actual) in ipaddress.ip_network(value, strict=False) for value in wanted)
    elif plain == "StringEqualsIgnoreCase":
        found = any(actual.lower() == value.lower() for value in wanted)
    elif plain.startswith("Arn") or plain == "StringLike":
        found = any(like(value, actual) for value in wanted)
    else:
        found = actual in wanted
    return found != negated


def _ordered(name: str, actual: str, wanted: str) -> bool:
    one, other = (float(actual), float(wanted)) if name.startswith("Numeric") else (actual, wanted)
    return {
        "Equals": one == other,
        "LessThan": one < other,
        "LessThanEquals": one <= other,
        "GreaterThan": one > other,
        "GreaterThanEquals": one >= other,
    }[name.removeprefix("Numeric").removeprefix("Date")]


@dataclass(frozen=True)
class Role:
    """``policies``: what is attached, name -> document. ``boundary``: the most that it may, or None.

    ``session``: condition keys of the sessions in which it is used, in lower case.
    """

    name: str
    arn: str
    policies: Mapping[str, Document]
    trust: Document
    boundary: Document | None = None
    session: Mapping[str, str] = field(default_factory=dict)

    def asks(self, action: str, resource: str, context: Mapping[str, str]) -> Request:
        return Request(Who(self.arn), action, resource, {**self.session, **context, "aws:principalarn": self.arn})


def refused(role: Role, action: str, resource: str, context: Mapping[str, str], owner: str, policy: Document | None) -> str | None:
    """Why a role of the account may not, in words; None where it may. ``policy``: the resource's own, of ``owner`` (in words)."""
    request = role.asks(action, resource, context)
    theirs = judge([(f"the policy of {owner}", policy)], request)
    ours, limit = _of_role(role, request)
    return (
        (f"{theirs.denied} denies {action} to role {role.name}" if theirs.denied else None)
        or (f"{ours.denied} denies {action} on {owner}" if ours.denied else None)
        or limit
        or (None if ours.allowed or theirs.allowed else f"no policy of role {role.name} allows {action} on {owner}")
    )


def refused_key(role: Role, action: str, key: str, context: Mapping[str, str], owner: str, policy: Document | None) -> str | None:
    """Likewise for a KMS key, whose policy has to let the role in, by itself or by leaving it to IAM."""
    request = role.asks(action, key, context)
    theirs = judge([(f"the policy of {owner}", policy)], request)
    ours, limit = _of_role(role, request)
    for verdict in (theirs, ours):
        if verdict.denied:
            return f"{verdict.denied} denies {action} to role {role.name}"
    if theirs.allowed:
        return limit
    if not theirs.delegated:
        return f"the policy of {owner} neither allows {action} to role {role.name} nor leaves it to IAM"
    return limit or (None if ours.allowed else f"no policy of role {role.name} allows {action} on {owner}")


def _of_role(role: Role, request: Request) -> tuple[Verdict, str | None]:
    ours = judge([(f"policy {name} of role {role.name}", document) for name, document in role.policies.items()], request, True)
    if role.boundary is None:
        return ours, None
    limit = judge([(f"the permissions boundary of role {role.name}", role.boundary)], request, True)
    return ours, None if limit.allowed else f"the permissions boundary of role {role.name} does not allow {request.action}"


def refused_service(
    service: str, action: str, resource: str, context: Mapping[str, str], owner: str, policy: Document | None
) -> str | None:
    """Why a resource's policy does not let an AWS service; None where it does."""
    verdict = judge([(f"the policy of {owner}", policy)], Request(Who(service=service), action, resource, context))
    if verdict.denied:
        return f"{verdict.denied} denies {action} to {service}"
    return None if verdict.allowed else f"the policy of {owner} does not let {service} use {action}"


def everyone_refused(action: str, resource: str, context: Mapping[str, str], who: Who, policy: Document | None) -> bool:
    """Whether a resource's policy denies such a request whoever makes it."""
    return judge([("it", policy)], Request(who, action, resource, context)).denied is not None
