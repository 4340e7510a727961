# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible's own task for a role's argument specification checks, without a task of its own.

Our playbooks import the roles with ``rolespec_validate: false``, and the role's one task checks the specification when it first
runs: a task less for each tier and play, also for the tiers that the tags leave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

COLLECTION = "agent_platform.aws."


def problems(role: Any, tier: str, task_vars: Mapping[str, Any], templar: Any) -> str:
    """What is wrong with the variables of ``tier``'s role, in Ansible's words; empty where nothing is.

    ``role``: the task's, or None. A task in anything but the tier's own role has no variables to be checked.
    """
    if role is None or role.get_name() != COLLECTION + tier:
        return ""
    text = (Path(role.get_role_path()) / "meta/argument_specs.yml").read_text(encoding="utf-8")
    options = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["argument_specs"]["main"]["options"]
    given = templar.template({name: task_vars[name] for name in options if name in task_vars})
    checked = ArgumentSpecValidator(options).validate(given, validate_role_argument_spec=True)
    if not checked.error_messages:
        return ""
    return remove_values("\n".join(["Validation of arguments failed:", *checked.error_messages]), checked._no_log_values)
