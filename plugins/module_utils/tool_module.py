# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the modules that are no tiers: those that look at what stands, or work with what is in it.

Such a module is a ``Tool`` and a call of ``run_module``; its action plugin calls ``run`` with the same Tool inside the controller's
process, so that progress is shown while it waits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .reconcile.errors import EngineError
from .reconcile.ownership import Owner
from .tier_module import NO_ACCOUNT, Place, RunOptions, check_common, deployment_of

COMMON = {
    "environment": {"type": "str", "required": True},
    "deployment": {"type": "str"},
    "path": {"type": "str"},
}


@dataclass
class Session:
    """What a tool works with. ``looks``: it may write nothing, neither to the account nor to its messages."""

    params: Mapping[str, Any]
    place: Place
    api: Any
    looks: bool
    tell: Callable[[str, str, float], None]

    def owner(self, tier: str) -> Owner:
        return Owner(self.place.deployment, self.place.environment, tier, {}, ())


@dataclass(frozen=True)
class Tool:
    """``services``: the clients it needs. ``check``: raises InvalidInput before the first call. ``work``: the result."""

    name: str
    spec: Mapping[str, Mapping[str, Any]]
    services: Callable[[Mapping[str, Any]], Iterable[str]]
    check: Callable[[Mapping[str, Any]], None]
    work: Callable[[Session], dict[str, Any]]

    def argument_spec(self) -> dict[str, Any]:
        return {**{name: dict(option) for name, option in {**COMMON, **self.spec}.items()}}


def run(tool: Tool, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    """Run with validated ``params``; Ansible's result dictionary, with ``failed`` and ``msg`` when it failed."""
    from .aws.errors import explain

    try:
        return _run(tool, params, options)
    except EngineError as error:
        return {"failed": True, "changed": False, "msg": str(error)}
    except Exception as error:
        sentence = explain(error, f"go on with {tool.name}")
        if sentence is None:
            raise
        return {"failed": True, "changed": False, "msg": sentence}


def _run(tool: Tool, params: Mapping[str, Any], options: RunOptions) -> dict[str, Any]:
    from .aws.api import Api, Caller
    from .aws.session import Connection

    connection = Connection(params)
    deployment = deployment_of(params, connection.region)
    check_common(params, deployment)
    tool.check(params)
    place = Place(params["environment"], deployment, connection.region, NO_ACCOUNT, connection.partition)
    caller = options.callers.get(connection.fingerprint)
    api = Api(connection, tool.services(params), Caller(**caller) if caller else None)
    try:
        options.callers[connection.fingerprint] = dataclasses.asdict(api.caller)
        place = dataclasses.replace(place, account_id=api.account_id, caller_arn=api.caller_arn)
        return tool.work(Session(params, place, api, options.check_mode, options.progress))
    finally:
        api.close()


def run_module(tool: Tool) -> None:
    """The module's whole ``main``."""
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    module = AnsibleAWSModule(argument_spec=tool.argument_spec(), supports_check_mode=True)
    result = run(tool, module.params, RunOptions(check_mode=module.check_mode, diff_mode=module._diff))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
