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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible import constants as C
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.cluster_way import Way

APPLY = "kubernetes.core.k8s"


@dataclass(frozen=True)
class Access:
    """The way in for the modules of kubernetes.core. ``folder``: for whatever they write. ``authority``: a file in it."""

    way: Way
    folder: Path
    authority: str

    @property
    def environment(self) -> dict[str, str]:
        own = {"TMPDIR": str(self.folder), "HELM_CACHE_HOME": str(self.folder / "helm")}
        return {**own, "HELM_KUBETLS_SERVER_NAME": self._name} if self.way.tunnel else own

    def arguments(self, module: str) -> dict[str, Any]:
        """With a new token. Through a tunnel the certificate is held to the endpoint's name, for which the module ``k8s`` has no
        option of its own, but takes what a kubeconfig would hold. It goes to it by the pipe, as all the rest."""
        if self.way.tunnel and module == APPLY:
            cluster = {"server": self._server, "tls-server-name": self._name, "certificate-authority": self.authority}
            return {
                "kubeconfig": {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [{"name": "here", "cluster": cluster}],
                    "users": [{"name": "here", "user": {"token": self.way.token()}}],
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
                }
            }
        return {"host": self._server, "ca_cert": self.authority, "api_key": self.way.token()}

    @property
    def _name(self) -> str:
        return str(urlsplit(self.way.endpoint).hostname)

    @property
    def _server(self) -> str:
        if not self.way.tunnel:
            return str(self.way.endpoint)
        address, port = self.way.tunnel
        return f"https://{address}:{port}{urlsplit(self.way.endpoint).path}"


@contextmanager
def access(way: Way) -> Iterator[Access]:
    with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP, prefix="kubernetes-") as folder:
        authority = Path(folder) / "ca.crt"
        authority.write_bytes(base64.b64decode(way.authority))
        yield Access(way, Path(folder), str(authority))


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
    action._task.environment = [*(environment or []), entered.environment]
    try:
        given = {**entered.arguments(name), **arguments}
        return action._execute_module(module_name=name, module_args=given, task_vars=variables)
    finally:
        action._task.check_mode, action._task.environment = before, environment
