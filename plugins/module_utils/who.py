# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls AWS, as a module's result. The module ``identity`` and the action of the same name answer alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .reconcile.errors import EngineError


def who(params: Mapping[str, Any], callers: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Ansible's result. ``callers`` is told of the answer, by the connection's fingerprint."""
    from .aws.api import identify
    from .aws.session import Connection

    try:
        connection = Connection(params)
        caller = identify(connection)
    except EngineError as error:
        return {"failed": True, "changed": False, "msg": str(error)}
    callers[connection.fingerprint] = dataclasses.asdict(caller)
    return {
        "changed": False,
        "account": caller.account,
        "arn": caller.arn,
        "region": connection.region,
        "msg": f"Account {caller.account}, region {connection.region}, as {caller.arn}",
    }


def run_module() -> None:
    """The module's whole ``main``."""
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    module = AnsibleAWSModule(argument_spec={}, supports_check_mode=True)
    result = who(module.params, {})
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
