# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of kubernetes.core's modules against the cluster that the eks tier made.

What authenticates (the cluster's certificate, kubernetes.core's notes about the API) lies in a directory of Ansible's own for the
run, and is removed with the access.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cluster_way import Way


@dataclass(frozen=True)
class Access:
    """``arguments``: of every module of kubernetes.core. ``folder``: for whatever they write. ``token()``: a new one."""

    folder: Path
    arguments: Mapping[str, str]
    token: Callable[[], str]


@contextmanager
def access(way: Way) -> Iterator[Access]:
    with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP, prefix="kubernetes-") as folder:
        authority = Path(folder) / "ca.crt"
        authority.write_bytes(base64.b64decode(way.authority))
        yield Access(Path(folder), {"host": way.endpoint, "ca_cert": str(authority)}, way.token)


def call(
    action: Any,
    variables: Mapping[str, Any],
    entered: Access,
    name: str,
    arguments: Mapping[str, Any],
    check_mode: bool = False,
) -> dict[str, Any]:
    """Run another collection's module with the access, and its temporary files where they are removed. ``variables``: the task's.

    What it is given goes to it by a pipe, and into no file. The token is a new one, since the module before may have taken as
    long as a token is good for.
    """
    action._connection.set_option("pipelining", True)
    before, environment = action._task.check_mode, action._task.environment
    action._task.check_mode = check_mode
    action._task.environment = [
        *(environment or []),
        {"TMPDIR": str(entered.folder), "HELM_CACHE_HOME": str(entered.folder / "helm")},
    ]
    try:
        given = {**entered.arguments, "api_key": entered.token(), **arguments}
        return action._execute_module(module_name=name, module_args=given, task_vars=variables)
    finally:
        action._task.check_mode, action._task.environment = before, environment
