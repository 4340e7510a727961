# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: roles with their policies, keys, secrets."""

from __future__ import annotations

from typing import Any

from ..api import Api
from ..errors import tolerating
from ..policies import parse

SERVICES = ("iam", "kms", "secretsmanager")


def roles(api: Api, prefix: str) -> list[dict[str, Any]]:
    """Roles whose name begins with ``prefix``: ``name``, ``arn``, ``trust``, ``policies`` (name -> document), ``boundary``."""
    client = api.client("iam")
    found = [role for role in api.pages("iam", "list_roles", "Roles") if role["RoleName"].startswith(prefix)]

    def whole(role: dict[str, Any]) -> dict[str, Any]:
        name = role["RoleName"]
        policies: dict[str, Any] = {}
        for policy in api.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
            policies[policy] = parse(client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
        for policy in api.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
            policies[policy["PolicyName"]] = _managed(client, policy["PolicyArn"])
        boundary = (client.get_role(RoleName=name)["Role"].get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
        return {
            "name": name,
            "arn": role["Arn"],
            "trust": parse(role["AssumeRolePolicyDocument"]),
            "policies": policies,
            "boundary": _managed(client, boundary) if boundary else None,
        }

    return api.map(whole, found)


def _managed(client: Any, arn: str) -> Any:
    version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return parse(client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def key(api: Api, alias: str) -> dict[str, Any] | None:
    """The key behind an alias: ``arn``, ``state``, ``policy``."""
    client = api.client("kms")
    with tolerating("NotFoundException"):
        found = client.describe_key(KeyId=alias)["KeyMetadata"]
        policy = parse(client.get_key_policy(KeyId=found["KeyId"], PolicyName="default")["Policy"])
        return {"arn": found["Arn"], "state": found["KeyState"], "policy": policy}
    return None


def secret(api: Api, name: str) -> dict[str, Any] | None:
    """A secret without its value: ``arn``, ``key`` (None: AWS's own), ``deleted``, ``policy``, ``has_value``."""
    client = api.client("secretsmanager")
    with tolerating("ResourceNotFoundException"):
        found = client.describe_secret(SecretId=name)
        deleted = "DeletedDate" in found
        policy = None if deleted else parse(client.get_resource_policy(SecretId=name).get("ResourcePolicy"))
        return {
            "arn": found["ARN"],
            "key": found.get("KmsKeyId"),
            "deleted": deleted,
            "policy": policy,
            "has_value": any("AWSCURRENT" in stages for stages in (found.get("VersionIdsToStages") or {}).values()),
        }
    return None


def secret_value(api: Api, name: str) -> str:
    """The value, which is to go nowhere else."""
    answer = api.client("secretsmanager").get_secret_value(SecretId=name)
    return str(answer.get("SecretString") or "")
