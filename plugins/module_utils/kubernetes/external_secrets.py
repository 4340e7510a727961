# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets that pods read, fetched from Secrets Manager by External Secrets.

Facts: external-secrets.io, "AWS Secrets Manager" (without ``auth`` the store uses the operator's own identity, here its pod
identity) and "ExternalSecret".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .objects import Object, make

STORE = "aws-secrets-manager"
DATABASE, REDIS = "database", "redis"


def external_secrets(params: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterable[Object]:
    """A Kubernetes Secret for each: the whole value under ``value``; those of the database by the names in it."""
    provider = {"aws": {"service": "SecretsManager", "region": facts["region"]}}
    yield make("SecretStore", STORE, params["namespace"], {"spec": {"provider": provider}})
    for name in params["api_secrets"]:
        yield _secret(params, name, _whole(_full(facts, name)))
    if params["redis_secret"]:
        yield _secret(params, REDIS, _whole(_full(facts, params["redis_secret"])))
    if params["database_secret"]:
        # {"username": ..., "password": ..., ...}: each becomes a key of its own.
        yield _secret(params, DATABASE, {"dataFrom": [{"extract": {"key": _full(facts, params["database_secret"])}}]})


def names(params: Mapping[str, Any]) -> list[str]:
    """The Kubernetes Secrets that come of it."""
    made = [REDIS] * bool(params["redis_secret"]) + [DATABASE] * bool(params["database_secret"])
    return [*params["api_secrets"], *made]


def _full(facts: Mapping[str, Any], name: str) -> str:
    return f"{facts['environment']}/{name}"


def _whole(key: str) -> dict[str, Any]:
    return {"data": [{"secretKey": "value", "remoteRef": {"key": key}}]}


def _secret(params: Mapping[str, Any], name: str, source: Mapping[str, Any]) -> Object:
    spec = {
        "refreshInterval": params["secret_refresh"],
        "secretStoreRef": {"kind": "SecretStore", "name": STORE},
        "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
        **source,
    }
    return make("ExternalSecret", name, params["namespace"], {"spec": spec})
