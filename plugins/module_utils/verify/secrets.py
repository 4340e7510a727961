# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrow 4a: pods read the API keys, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..aws.reading import access
from . import policy
from .model import EXERCISED, Check, NotExercised
from .world import World

READ = "secretsmanager:GetSecretValue"


def checks(world: World) -> list[Check]:
    names = world.params["secrets"]
    return [
        *(Check("4a", f"secret {name}: its readers, and no other role", _readers(world, name)) for name in names),
        *(Check("4a", f"secret {name} has a value", _value(world, name), EXERCISED, writes=True) for name in names),
    ]


def _readers(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        secret = world.secret(name)
        if secret["deleted"]:
            return f"secret {secret['name']} is marked as deleted: apply the secrets tier, which restores it"
        if cause := world.under_another_key(f"secret {secret['name']}", secret["key"], "secretsmanager"):
            return cause
        wanted = {f"eks-{item['name']}" for item in world.params["workloads"] if name in (item.get("secrets") or ())}
        for workload in sorted(wanted):
            if cause := _refused(world, world.role(workload.removeprefix("eks-")), name):
                return cause
        allowed = wanted | {f"eks-{reader}" for reader in world.params["secret_readers"]}
        return _others(world, name, (role for short, role in world.roles.items() if short not in allowed))

    return prove


def _refused(world: World, role: policy.Role, name: str) -> str | None:
    secret = world.secret(name)
    owner = f"secret {secret['name']}"
    cause = policy.refused(role, READ, secret["arn"], world.context(), owner, secret["policy"])
    return cause or world.refused_by_key(role, "secretsmanager", "secretsmanager", "kms:Decrypt")


def _others(world: World, name: str, roles: Iterable[policy.Role]) -> str | None:
    for role in roles:
        if _refused(world, role, name) is None:
            return (
                f"role {role.name} can read secret {world.secret(name)['name']} too, by its own policies or by the secret's: it is "
                f"none of its readers"
            )
    return None


def _value(world: World, name: str) -> Callable[[], str | None]:
    """Read by whoever runs this. Nothing is written, but the value passes through here, so it is not for looking on."""

    def prove() -> str | None:
        secret = world.secret(name)
        if not secret["has_value"]:
            raise NotExercised(f"{secret['name']} holds no value yet: set it by hand or by secrets_values")
        return None if access.secret_value(world.api, secret["name"]) else f"the value of secret {secret['name']} is empty"

    return prove
