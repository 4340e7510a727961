"""Policy documents, as far as the local AWS evaluates them: statements, conditions, what a service may do."""

from __future__ import annotations

import fnmatch
import json
from typing import Any


def as_list(value: Any) -> list[Any]:
    """What a policy writes as one value or as a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]


def statements(document: bytes | str | None) -> list[dict[str, Any]]:
    """The statements of a policy document, [] for none. ValueError or AttributeError for what is no document."""
    return as_list(json.loads(document).get("Statement")) if document else []


def condition_holds(condition: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    """Whether all of a statement's conditions hold for a call with these keys (lower case).

    A key that the call does not have fails a positive operator and satisfies a negated one, as in IAM.
    """
    return all(
        _test(name.rsplit(":", 1)[-1], context.get(key.lower()), [str(value) for value in as_list(wanted)])
        for name, tests in condition.items()
        for key, wanted in tests.items()
    )


def _test(operator: str, actual: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return (actual is None) == (wanted[0].lower() == "true")
    optional = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    negated = "Not" in operator
    if actual is None:
        return optional or negated
    if operator == "Bool":
        return actual.lower() in [value.lower() for value in wanted]
    if operator.startswith("Numeric"):
        return any(_compare(operator.removeprefix("Numeric"), float(actual), float(value)) for value in wanted)
    if operator.endswith("IgnoreCase"):
        actual, wanted = actual.lower(), [value.lower() for value in wanted]
    pattern = "Like" in operator or operator.startswith("Arn")
    found = any(fnmatch.fnmatchcase(actual, value) if pattern else actual == value for value in wanted)
    return found != negated


def _compare(operator: str, actual: float, wanted: float) -> bool:
    return {
        "Equals": actual == wanted,
        "NotEquals": actual != wanted,
        "LessThan": actual < wanted,
        "LessThanEquals": actual <= wanted,
        "GreaterThan": actual > wanted,
        "GreaterThanEquals": actual >= wanted,
    }.get(operator, False)


def service_may(document: bytes | str | None, service: str, action: str, resource: str, context: dict[str, str]) -> bool:
    """Whether a resource's policy lets an AWS service (`sns.amazonaws.com`) do something with the resource.

    A Deny that applies wins; without an Allow the answer is no. Conditions are held against `context` (lower case).
    """
    allowed = False
    for item in statements(document):
        principal = item.get("Principal")
        everyone = principal == "*" or (isinstance(principal, dict) and "*" in as_list(principal.get("AWS")))
        named = isinstance(principal, dict) and service in as_list(principal.get("Service"))
        applies = (
            (everyone or named)
            and any(fnmatch.fnmatchcase(action.lower(), text.lower()) for text in as_list(item.get("Action")))
            and any(fnmatch.fnmatchcase(resource, text) for text in as_list(item.get("Resource")))
            and condition_holds(item.get("Condition") or {}, context)
        )
        if applies and item.get("Effect") == "Deny":
            return False
        allowed = allowed or (applies and item.get("Effect") == "Allow")
    return allowed


def key_lets(account: str, region: str, key_id: str, service: str, context: dict[str, str]) -> bool:
    """Whether a customer key exists, is enabled, and its policy lets a service encrypt and decrypt with it."""
    from moto.kms.models import kms_backends

    backend = kms_backends[account][region]
    try:
        key = backend.keys.get(backend.any_id_to_key_id(key_id))
    except Exception:  # an alias that nobody made
        key = None
    if key is None or key.key_state != "Enabled":
        return False
    needed = ("kms:Decrypt", "kms:GenerateDataKey")
    return all(service_may(key.policy, service, action, key.arn, context) for action in needed)
