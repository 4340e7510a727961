# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine raises. Every message is one sentence or a list of sentences fit for the person who typed the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EngineError(Exception):
    """Something stands in the way of the whole run; the message names the object and the way out."""


class InvalidInput(EngineError):
    """The configuration is wrong. Raised before the first API call."""


class MissingDependency(EngineError):
    """A resource of another tier, at ``address``, is neither live nor planned in this run."""

    def __init__(self, address: str, sentence: str):
        super().__init__(sentence)
        self.address = address


@dataclass(frozen=True)
class Refusal:
    """A change that is not made: of which address, and why, with the way out. ``missing``: what another tier was to have made."""

    address: str
    reason: str
    missing: bool = False

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"


class Refused(EngineError):
    """The plan holds changes that would lose data or take over what is not ours. Nothing was written."""

    def __init__(self, refusals: Sequence[Refusal]):
        super().__init__("Refused, and nothing was changed: " + " | ".join(str(refusal) for refusal in refusals))
        self.refusals = list(refusals)

    @classmethod
    def one(cls, address: str, reason: str) -> Refused:
        return cls([Refusal(address, reason)])


class WaitFailed(EngineError):
    """A resource ended in a failed state, or did not become ready in time."""
