# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a run that changes nothing: its first tier looks at all of them at once, and those in which nothing is to be done are
done. One that has something to do reads again in its turn, and so does each that refers to what is its.

Which tiers there will be, and with which arguments, the run knows from their validation, which comes before. Arguments that hold a
secret are not kept, so such a tier is looked at alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions, Tier
from ansible_collections.agent_platform.aws.plugins.module_utils.together import idle_tiers
from ansible_collections.agent_platform.aws.plugins.plugin_utils.here import HereOrThere
from ansible_collections.agent_platform.aws.plugins.plugin_utils.run_memory import RunMemory, fingerprint

# Verbs of a tier's turn. What a run awaits, it has begun.
VERBS = ("apply", "start", "plan")
# Seconds for which what was read is believed: a run of many hosts takes each task to all of them before the next.
FRESH = 300.0
# Of a tier's arguments, those that are the same for all that are looked at together, besides the connection's.
PLACE = ("environment", "deployment")
# Not the user's, but the turn's.
OWN = ("verb", "planned")
Prepared = tuple[Tier, Mapping[str, Any]]


class Ahead:
    """What a run's tiers find by looking together. ``tier``: the name; ``arguments``: of its task; ``environment``: of its task."""

    def __init__(self, memory: RunMemory, tier: str, arguments: Mapping[str, Any], environment: Mapping[str, str]):
        self.memory = memory
        self.tier = tier
        self.arguments = {name: value for name, value in arguments.items() if name not in OWN}
        self.environment = fingerprint(environment)
        self.planned = dict(arguments.get("planned") or {})

    def announce(self) -> None:
        """Note that the tier will have its turn. What was found before is not believed any more."""
        self.memory.announce(self.tier, {"arguments": self.arguments, "environment": self.environment})

    def find(self, prepared: Callable[[str, Mapping[str, Any]], Prepared], options: RunOptions) -> dict[str, Any] | None:
        """The tier's result when nothing is to be done; None: it has to look for itself.

        ``prepared(name, arguments)``: a tier and its parameters, made of its arguments.
        """
        if not self._may_be_idle(self.arguments) or not self._is_as_announced():
            return None
        if self.memory.idle is None:
            self._look(prepared, options)
        idle = (self.memory.idle or {}).get(self.tier)
        if idle is None or time.monotonic() - idle["at"] > FRESH:
            return None
        standing = {**self.planned.get("standing", {}), **idle["standing"]}
        return {**idle["result"], "planned": {**self.planned, "standing": standing, "place": idle["result"]["place"]}}

    def _look(self, prepared: Callable[[str, Mapping[str, Any]], Prepared], options: RunOptions) -> None:
        at = time.monotonic()
        announced = list(self.memory.announced)
        together = [
            prepared(name, {**self.memory.announced[name]["arguments"], "verb": VERBS[0]})
            for name in announced[announced.index(self.tier) :]
            if self._is_with_us(self.memory.announced[name])
        ]
        if len(together) > 1:
            self.memory.found_idle(at, idle_tiers(together, options, Overlay(self.planned)))

    def _is_as_announced(self) -> bool:
        announced = self.memory.announced.get(self.tier)
        return announced == {"arguments": self.arguments, "environment": self.environment}

    def _is_with_us(self, announced: Mapping[str, Any]) -> bool:
        arguments = announced["arguments"]
        same = all(arguments.get(name) == self.arguments.get(name) for name in PLACE)
        same = same and HereOrThere.connection(arguments) == HereOrThere.connection(self.arguments)
        return same and announced["environment"] == self.environment and self._may_be_idle(arguments)

    @staticmethod
    def _may_be_idle(arguments: Mapping[str, Any]) -> bool:
        """What is approved, pruned or taken down is for the tier's own turn."""
        return not (arguments.get("plan_file") or arguments.get("prune")) and arguments.get("state", "present") == "present"
