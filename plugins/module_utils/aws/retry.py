# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking again, where AWS shows or accepts what is new only after a while and no error code says so (else: SETTLING in session)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds; IAM's own guide speaks of "seconds" for a new role to be known everywhere.
DELAYS = (1, 2, 3, 5, 5, 5, 8, 8)


def until(
    call: Callable[[], Any],
    done: Callable[[Any], bool] = lambda answer: True,
    not_yet: Callable[[Exception], bool] = lambda error: False,
    sleep: Callable[[float], None] | None = None,
) -> Any:
    """The first answer of ``call`` that is ``done``, or its last one; an error that is ``not_yet`` final is tried again too."""
    for delay in DELAYS:
        try:
            answer = call()
        except Exception as error:
            if not not_yet(error):
                raise
        else:
            if done(answer):
                return answer
        (sleep or time.sleep)(delay)
    return call()
