# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns a resource: the tags that stand in for a state file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PREFIX = "agent-platform:"
DEPLOYMENT = PREFIX + "deployment"
ENVIRONMENT = PREFIX + "environment"
TIER = PREFIX + "tier"
ADDRESS = PREFIX + "address"
# AWS's own tags can be neither set nor removed by a caller.
RESERVED = ("aws:",)


@dataclass(frozen=True)
class Owner:
    """One tier of one deployment (environment x account x region): what it tags, and what it recognises as its own.

    ``tags``: the user's, on every resource. ``ignored_prefixes``: tags that other actors (controllers in the cluster,
    for example) put on our resources; they are left alone unless the configuration itself sets them.
    """

    deployment: str
    environment: str
    tier: str
    tags: Mapping[str, str] = field(default_factory=dict)
    ignored_prefixes: tuple[str, ...] = ()

    def tags_for(self, address: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Every tag that the resource at ``address`` carries. Ours win over the user's."""
        return {
            **self.tags,
            **(extra or {}),
            DEPLOYMENT: self.deployment,
            ENVIRONMENT: self.environment,
            TIER: self.tier,
            ADDRESS: address,
        }

    def owns(self, tags: Mapping[str, str]) -> bool:
        """True when this deployment made the resource, in whichever tier."""
        return tags.get(DEPLOYMENT) == self.deployment

    def owns_in_tier(self, tags: Mapping[str, str]) -> bool:
        return self.owns(tags) and tags.get(TIER) == self.tier

    def address_of(self, tags: Mapping[str, str]) -> str | None:
        return tags.get(ADDRESS)

    def comparable(self, observed: Mapping[str, str], desired: Mapping[str, str]) -> dict[str, str]:
        """The observed tags that count in a comparison with ``desired``."""
        ignored = RESERVED + tuple(self.ignored_prefixes)
        return {key: value for key, value in observed.items() if key in desired or not key.startswith(ignored)}
