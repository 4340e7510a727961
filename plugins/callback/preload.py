# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: preload
type: aggregate
version_added: 0.1.0
short_description: Load once what every tier needs
description:
  - Ansible forks a process for each task. What the controller has loaded by then, such as boto3 and the engine, each of them has at
    once, instead of loading it again, which is most of the time of a task that changes nothing.
  - It also keeps the bytecode of the collection's Python files, which Ansible would compile anew, in C(__pycache__).
  - Without it a run does the same, more slowly.
author:
  - agent_platform contributors (@agent-platform)
requirements:
  - enabled in C(ansible.cfg), as C(callbacks_enabled = agent_platform.aws.preload)
"""

import gc
import importlib
from pathlib import Path

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import action_loader, filter_loader, test_loader
from ansible_collections.agent_platform.aws.plugins.plugin_utils import bytecode

ACTIONS = ("agent_platform.aws.tier", "agent_platform.aws.identity", "ansible.builtin.normal")
TIERS = "ansible_collections.agent_platform.aws.plugins.modules."


class CallbackModule(CallbackBase):
    """Loads the tiers and what they stand on when a playbook starts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "agent_platform.aws.preload"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display=None, options=None):
        super().__init__(display=display, options=options)
        bytecode.keep()

    def v2_playbook_on_start(self, playbook):
        try:
            session = importlib.import_module("ansible_collections.agent_platform.aws.plugins.module_utils.aws.session")
        except ImportError:
            return  # No boto3 here: a task that needs it says so.
        session.load()
        for module in sorted((Path(__file__).parent.parent / "modules").glob("*.py")):
            importlib.import_module(TIERS + module.stem)
        for action in ACTIONS:
            action_loader.get(action, class_only=True)
        # One of each loads all of Ansible's own, which the roles' expressions use.
        filter_loader.get("ansible.builtin.combine")
        test_loader.get("ansible.builtin.mapping")
        # What is here to stay: no collection of garbage in a forked process looks at it, which would copy its pages.
        gc.freeze()
