# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: collection_version
version_added: 0.1.0
short_description: Tell the version of this collection
description:
  - The version of C(agent_platform.aws) that Ansible runs with. The Jobs of the platform compare it with that of the run that made
    them, since their image brings a collection of its own.
author:
  - agent_platform contributors (@agent-platform)
options: {}
"""

EXAMPLES = r"""
- name: Tell the version
  ansible.builtin.debug:
    msg: "{{ lookup('agent_platform.aws.collection_version') }}"
"""

RETURN = r"""
_raw:
  description: The version.
  type: list
  elements: str
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.agent_platform.aws.plugins.plugin_utils.version import collection_version


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        return [collection_version()]
