# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a task can be run inside the controller's process, and its arguments without the controller's types."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def runs_here(action: Any, task_vars: dict[str, Any]) -> bool:
    """On the local connection, with this interpreter, and neither as another user nor in the background."""
    interpreter = task_vars.get("ansible_python_interpreter")
    if interpreter is not None:
        interpreter = action._templar.template(interpreter)
    same = interpreter in (None, "auto", "auto_silent") or os.path.abspath(interpreter) == os.path.abspath(sys.executable)
    become = action._connection.become is not None
    return action._connection.transport == "local" and not become and not action._task.async_val and same


def plain(value: Any) -> Any:
    """Without the controller's tagged types, which nothing outside Ansible needs to know."""
    return json.loads(json.dumps(value, default=str))
