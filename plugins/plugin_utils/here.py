# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a module's work inside the controller's process, where that is the same as sending the module.

That saves packing a module, starting an interpreter and importing boto3 once more for each task. Ansible forks a worker for every
task and host, so nothing is shared between deployments and the environment set here ends with the task. Everywhere
else (another connection, become, async, another interpreter) the module of the same name is sent there as usual.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.plugins.action import ActionBase


class HereOrThere(ActionBase):
    """An action that can do its module's work itself."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def is_here(self, task_vars: Mapping[str, Any]) -> bool:
        """Whether the module would run in this very environment, so that it need not be sent."""
        interpreter = task_vars.get("ansible_python_interpreter")
        if interpreter is not None:
            interpreter = self._templar.template(interpreter)
        same = interpreter in (None, "auto", "auto_silent") or os.path.abspath(interpreter) == os.path.abspath(sys.executable)
        become = self._connection.become is not None
        return self._connection.transport == "local" and not become and not self._task.async_val and same

    def there(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Send the module."""
        return self._execute_module(
            module_name=self._task.resolved_action or self._task.action,
            module_args=arguments,
            task_vars=task_vars,
            wrap_async=self._task.async_val,
        )

    def take_environment(self) -> dict[str, str]:
        """The task's ``environment`` becomes that of this process, and is answered."""
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        taken = plain(environment)
        os.environ.update(taken)
        return taken

    @staticmethod
    def validated(arguments: Mapping[str, Any], spec: Mapping[str, Any]) -> ValidationResult:
        """``arguments`` as the module would check them: by its own ``spec`` and amazon.aws's."""
        return ArgumentSpecValidator(_whole(spec)).validate(arguments)

    @staticmethod
    def holds_secret(arguments: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
        """Whether one of the ``arguments`` is a secret, or may have one inside. What the environment has is none of them."""
        return any(_secret(option) and _given(arguments, name, option) for name, option in _whole(spec).items())

    @staticmethod
    def connection(arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Of the ``arguments`` those of every module of AWS: where it is, and who calls."""
        return {one: value for name, option in _whole({}).items() for one, value in _given(arguments, name, option).items()}

    @property
    def name(self) -> str:
        """The module's name without its collection's."""
        return (self._task.resolved_action or self._task.action).rsplit(".", 1)[-1]


def _whole(spec: Mapping[str, Any]) -> dict[str, Any]:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec

    return {**aws_argument_spec(), **spec}


def _given(arguments: Mapping[str, Any], name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """What is given of an option, by whichever of its names."""
    return {one: arguments[one] for one in (name, *option.get("aliases", ())) if arguments.get(one)}


def _secret(option: Mapping[str, Any]) -> bool:
    return bool(option.get("no_log")) or any(_secret(inner) for inner in option.get("options", {}).values())


def plain(value: Any) -> Any:
    """Without the controller's tagged types, which nothing outside Ansible needs to know."""
    return json.loads(json.dumps(value, default=str))
