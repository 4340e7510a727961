# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options of the modules that make Jobs in the cluster: the near end of a tunnel to its API."""

    DOCUMENTATION = r"""
options:
  cluster_tunnel_address:
    description:
      - With O(run_in=cluster), where a tunnel to the cluster's API begins on the machine that runs Ansible. Empty for none.
      - The certificate is held to the endpoint's own name all the same.
    type: str
    default: ''
  cluster_tunnel_port:
    description: The port there.
    type: int
    default: 0
"""
