# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager: secrets whose value is made here once, at random, and passes through nothing but the call that stores it.

Facts: Secrets Manager API reference (CreateSecret, PutSecretValue) and user guide ("Secret versions"): whoever stores a version
chooses its id (ClientRequestToken, 32 to 64 characters); the version before the current one carries AWSPREVIOUS.
"""

from __future__ import annotations

import json
import secrets
import string
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..reconcile.delta import Delta, Field
from ..reconcile.resource import Context, Observed, Resource, Stranger, View
from .secretsmanager import CURRENT, PREVIOUS, Secret, describe, stages_of

LENGTH = 64
ALPHABET = string.ascii_letters + string.digits
VERSIONS = uuid.UUID("6f1b1c0e-8c2c-5a0b-9a1f-2b6f0c6f7e55")


class GeneratedSecret(Secret):
    """A secret that is made with a random value, in the call that makes it. The value is never compared and never overwritten.

    ``stored`` is desired true. It is false where there is no current value, and an update of it makes one.
    Options, besides those of a secret: ``length`` (64), ``alphabet`` (letters and digits), and ``rotation``, a marker that goes
    into the version's id, so that DescribeSecret tells for which marker the current value was made (``made_for``); ``value`` is
    stored instead of a random one; with ``username`` both are stored, as the JSON object that RDS keeps too.
    A kind that needs the value reads it by ``secretsmanager.current_value`` within its own calls: so no value is ever in a
    declaration, a plan or a result.
    """

    name = "generated_secret"
    fields = (*(field for field in Secret.fields if field.name not in ("value", "replicas")), Field("stored"))

    def strangers(self, view: View) -> Iterable[Stranger]:
        """They are secrets like others, for which the secrets tier looks."""
        return ()

    def first_value(self, resource: Resource) -> dict[str, str]:
        version = version_id(resource.desired["name"], resource.options.get("rotation"))
        return {"SecretString": new_value(resource.options), "ClientRequestToken": version}

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        super().update(context, resource, observed, delta)
        if "stored" in delta:
            secret = describe(context, observed.id) or {}
            # Of a deleted secret it could not be told before.
            if CURRENT not in stages_of(secret):
                store(context, secret, resource.options)


def new_value(options: Mapping[str, Any]) -> str:
    if options.get("value"):
        return options["value"]
    alphabet = options.get("alphabet") or ALPHABET
    value = "".join(secrets.choice(alphabet) for _index in range(options.get("length") or LENGTH))
    return json.dumps({"username": options["username"], "password": value}) if options.get("username") else value


def version_id(name: str, marker: Any, after: str | None = None) -> str:
    """The id of the version that is made for ``marker`` while the version ``after`` is current."""
    return str(uuid.uuid5(VERSIONS, f"{name}\n{marker}\n{after or ''}"))


def made_for(name: str, stages: Mapping[str, str], marker: Any) -> bool:
    """Whether the current value of the secret ``name``, with these staging labels, was made for ``marker``.

    The version before goes into the id, so that a marker that comes back asks for a new value as well.
    """
    return stages.get(CURRENT) in {version_id(name, marker, after) for after in (None, stages.get(PREVIOUS))}


def store(context: Context, secret: Mapping[str, Any], options: Mapping[str, Any], stages: Sequence[str] = (CURRENT,)) -> None:
    """Store a new value for the marker in ``options`` under the staging labels; ``secret`` is an answer of DescribeSecret."""
    version = version_id(secret["Name"], options.get("rotation"), stages_of(secret).get(CURRENT))
    context.api.client("secretsmanager").put_secret_value(
        SecretId=secret["ARN"], ClientRequestToken=version, SecretString=new_value(options), VersionStages=list(stages)
    )
