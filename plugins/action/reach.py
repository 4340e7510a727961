# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, inside the controller's process where that can be."""

from __future__ import annotations

from ansible_collections.agent_platform.aws.plugins.plugin_utils.tool_action import ToolAction


class ActionModule(ToolAction):
    """Whether cluster and database can be reached."""
