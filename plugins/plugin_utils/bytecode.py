# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading a collection's Python files as Python loads any file: with their bytecode kept in ``__pycache__``.

Ansible's own way compiles each of them anew in every run, a third of a second for what a tier stands on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

KEPT = ("ansible_collections.agent_platform.aws.plugins.", "ansible_collections.amazon.aws.plugins.module_utils.")


class Compiled(MetaPathFinder):
    """Finds the plain modules of ``KEPT``. Packages, and what Ansible redirects, are left to Ansible."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not fullname.startswith(KEPT):
            return None
        name = fullname.rpartition(".")[2] + ".py"
        found = (file for file in (os.path.join(folder, name) for folder in path or ()) if os.path.isfile(file))
        return next((spec_from_file_location(fullname, file) for file in found), None)


def keep() -> None:
    """From now on, in this process and those forked from it."""
    if not any(isinstance(finder, Compiled) for finder in sys.meta_path):
        sys.meta_path.insert(0, Compiled())
