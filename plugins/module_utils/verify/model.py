# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a verification is made of: checks, each of an arrow of the data flow diagrams, and their rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

EXERCISED, CONFIGURATION = "exercised", "from configuration"
OK, FAILED, SKIPPED = "ok", "failed", "not exercised"


class NotExercised(Exception):
    """Why a flow could not be tried, in words. It says nothing about whether it works."""


@dataclass(frozen=True)
class Check:
    """``arrow``: of section 5 of the diagrams (``4f``). ``flow``: what goes from where to where, in words.

    ``prove``: the likely cause where it does not, as a sentence that names what to look at; None where it works. It may raise
    NotExercised. ``writes``: it puts probe data somewhere, so it runs in full mode alone.
    """

    arrow: str
    flow: str
    prove: Callable[[], str | None]
    how: str = CONFIGURATION
    writes: bool = False


@dataclass(frozen=True)
class Row:
    """``how``: ``exercised``, ``from configuration`` or ``not exercised: why``. ``cause``: of a failure."""

    arrow: str
    flow: str
    state: str
    how: str
    seconds: float
    cause: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
