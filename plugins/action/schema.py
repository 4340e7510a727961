# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret of the application's login, by the engine as in every tier, and then the inside of the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.action.tier import ActionModule as TierAction
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema


class ActionModule(TierAction):
    """The module ``schema``."""

    def _beyond(
        self, arguments: Mapping[str, Any], result: dict[str, Any], task_vars: Mapping[str, Any], here: bool
    ) -> dict[str, Any]:
        return schema.go_on(self, self._checked(arguments).validated_parameters, result, task_vars, here, self.callers)
