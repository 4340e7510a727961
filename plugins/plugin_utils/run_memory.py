# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of one run tell each other about one host. Only the controller has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import WRITING, Idle

# The part of the run that writes, and what of a tier's overlay goes on from one of its tiers to the next.
WROTE = "wrote"
STANDING = ("standing", "place")
# Of a tier's result, what a report is made of.
KEPT = (
    "changed",
    "failed",
    "msg",
    "plan",
    "refusals",
    "kept",
    "unmanaged",
    "strangers",
    "ground",
    "applied",
    "not_applied",
    "awaiting",
)


def part_of(verb: str, check_mode: bool) -> str | None:
    """The part of the run whose tiers tell each other what they planned or kept; None where each asks the account."""
    if verb in WRITING:
        return "check" if check_mode else None
    return f"{verb} in check mode" if check_mode else verb


class RunMemory:
    """By the part of the run: what was planned, kept or found so far, and each tier's result; and which tiers are finished.

    It lies in Ansible's temporary directory of the run, which the run makes for itself and removes at its end. A part is a name
    such as ``plan``: plays with different purposes in one run know nothing of each other.
    ``save`` keeps what was noted since; ``approve`` does so by itself.
    ``callers``: fingerprint of a connection -> its caller, as far as the run has asked. ``announced``, ``idle``: see ``ahead``.
    ``place``: deployment, environment, region and account, once a tier has learned them. ``approved``: the checksum of the
    plan that this run has found to be still right.
    """

    def __init__(self, host: str):
        name = hashlib.sha256(host.encode()).hexdigest()
        self.path = Path(C.DEFAULT_LOCAL_TMP) / f"agent_platform_{name}.json"
        self.content: dict[str, Any] = {
            "planned": {},
            "results": {},
            "finished": [],
            "checked": [],
            "callers": {},
            "announced": {},
            "idle": None,
            "begun": None,
            "place": None,
            "approved": None,
        }
        if self.path.exists():
            self.content = json.loads(self.path.read_text())

    @property
    def place(self) -> dict[str, str] | None:
        return self.content["place"]

    @property
    def approved(self) -> str | None:
        return self.content["approved"]

    def planned(self, part: str) -> dict[str, Any] | None:
        """The overlay of this part of the run so far."""
        return self.content["planned"].get(part)

    def results(self, part: str) -> dict[str, dict[str, Any]]:
        """Tier -> its result, in the order in which they ran."""
        return self.content["results"].get(part, {})

    def is_finished(self, tier: str) -> bool:
        return tier in self.content["finished"]

    def is_checked(self, tier: str, arguments: Mapping[str, Any]) -> bool:
        """Whether the variables of the tier's role, of which ``arguments`` are made, were found to be well-formed."""
        return [tier, fingerprint(_settings(arguments))] in self.content["checked"]

    @property
    def callers(self) -> dict[str, dict[str, str]]:
        return self.content["callers"]

    @property
    def announced(self) -> dict[str, dict[str, Any]]:
        """Tier -> arguments and environment, in the order in which they were validated."""
        return self.content["announced"]

    def announce(self, tier: str, turn: Mapping[str, Any]) -> None:
        """``turn``: its arguments and environment. A new validation is the beginning of a new pass."""
        self.content["idle"] = None
        self.announced[tier] = dict(turn)

    @property
    def begun(self) -> str | None:
        """The tier that is at work, or was when it was cut off."""
        return self.content["begun"]

    def begin(self, tier: str) -> None:
        self.content["begun"] = tier
        self.save()

    def end(self) -> None:
        self.content["begun"] = None

    @property
    def idle(self) -> dict[str, dict[str, Any]] | None:
        """Tier -> ``at``, ``result``, ``standing`` and ``rests_on`` of what was looked at together; None as long as nothing was."""
        return self.content["idle"]

    def found_idle(self, at: float, found: Mapping[str, Idle]) -> None:
        """``at``: when the reading began, in seconds of the machine's monotonic clock, which all processes share."""
        self.content["idle"] = {tier: {"at": at, **vars(idle)} for tier, idle in found.items()}

    def forget_idle(self, tier: str) -> None:
        """What the tier keeps is not, or will not be, as it was found, so nothing is known of those that refer to it; nor is it
        looked at together any more."""
        found = (self.idle or {}).items()
        self.content["idle"] = {name: idle for name, idle in found if name != tier and tier not in idle["rests_on"]}

    def check(self, tier: str, arguments: Mapping[str, Any]) -> None:
        self.content["checked"].append([tier, fingerprint(_settings(arguments))])

    def approve(self, checksum: str) -> None:
        self.content["approved"] = checksum
        self.save()

    def stands_at(self, place: Mapping[str, str]) -> None:
        self.content["place"] = dict(place)

    def plan(self, part: str, planned: Mapping[str, Any] | None) -> None:
        """Where tiers write, the next one is only told what stands: it sees for itself what was made, and what is kept."""
        if planned:
            told = STANDING if part == WROTE else tuple(planned)
            self.content["planned"][part] = {name: planned[name] for name in told}

    def remember(self, part: str, tier: str, result: Mapping[str, Any]) -> None:
        self.content["results"].setdefault(part, {})[tier] = {name: result[name] for name in KEPT if name in result}

    def note(self, tier: str, finished: bool) -> None:
        others = [name for name in self.content["finished"] if name != tier]
        self.content["finished"] = [*others, tier] if finished else others

    def save(self) -> None:
        self.path.write_text(json.dumps(self.content))


def _settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "verb"}


def fingerprint(values: Mapping[str, Any]) -> int:
    """The same for the same values in all forks of one run, whose secret it is salted with: some are secret."""
    return hash(json.dumps(dict(values), sort_keys=True, default=str))
