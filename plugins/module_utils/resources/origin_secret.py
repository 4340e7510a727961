# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret by which the load balancer knows CloudFront: made at random, changed on demand, and compared without being shown.

Facts: Secrets Manager user guide ("Secret versions"): the version before the current one carries AWSPREVIOUS.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..aws.errors import tolerating
from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Observed, Resource, View
from .generated_secret import GeneratedSecret, made_for, store
from .secretsmanager import NOT_FOUND, PREVIOUS, current_value, describe, stages_of

# How a kind that holds the value tells whether it is the secret's.
CURRENT, OTHER = "current", "other"


class OriginSecret(GeneratedSecret):
    """A generated secret with a marker, ``rotation``: a new value is made whenever the marker is another one.

    Without a marker the value stays as it is, by whomever it was set. Of a secret that is about to get another value the attribute
    ``due`` is true, so that a plan lists what has to follow.
    """

    name = "origin_secret"
    fields = (*GeneratedSecret.fields, Field("rotation"))

    def _read(self, context: Context, row: Sequence[Any], resource: Resource | None) -> Observed:
        observed = super()._read(context, row, resource)
        marker = resource.desired.get("rotation") if resource else None
        if marker is not None and not observed.leaving:
            same = made_for(observed.fields["name"], stages_of(describe(context, observed.id) or {}), marker)
            observed.fields["rotation"] = marker if same else OTHER
        observed.attributes["due"] = observed.leaving or not observed.fields["stored"] or observed.fields.get("rotation") == OTHER
        return observed

    def create(self, context: Context, resource: Resource) -> Observed:
        made = super().create(context, resource)
        made.fields["rotation"] = resource.desired.get("rotation")
        return made

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        super().update(context, resource, observed, delta)
        if "rotation" in delta:
            secret = describe(context, observed.id) or {}
            if not made_for(resource.desired["name"], stages_of(secret), delta["rotation"].new):
                store(context, secret, resource.options)


def accepted_values(context: Context, secret: str) -> list[str]:
    """The current value and, where there was one before, that too. ``secret``: its name or ARN."""
    values = [current_value(context, secret), _previous(context, secret)]
    return [value for value in dict.fromkeys(values) if isinstance(value, str)]


def _previous(context: Context, secret: str) -> Any:
    with tolerating(NOT_FOUND):
        answer = context.api.client("secretsmanager").get_secret_value(SecretId=secret, VersionStage=PREVIOUS)
        return answer.get("SecretString")
    return None


def judge_accepted(view: View, values: Iterable[str]) -> str:
    """Whether ``values`` are the secret's current one, and none besides but the one before."""
    arn = _settled(view)
    if arn is None:
        return OTHER
    values = set(values)
    others = values - {current_value(view, arn)}
    if len(others) == len(values) or (others and others != {_previous(view, arn)}):
        return OTHER
    return CURRENT


def judge_sent(view: View, value: str | None) -> str:
    """Whether ``value`` is the secret's current one."""
    arn = _settled(view)
    return CURRENT if arn is not None and value is not None and value == current_value(view, arn) else OTHER


def _settled(view: View) -> str | None:
    """The ARN of the secret; None where there is none, or where it gets another value in this run."""
    secrets = [secret for secret in view.of(OriginSecret.name).values() if not secret.attributes.get("due")]
    return secrets[0].id if secrets else None
