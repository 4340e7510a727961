# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A verification as a table, for people."""

from __future__ import annotations

from collections.abc import Sequence

from .model import FAILED, OK, SKIPPED, Row

SIGNS = {OK: "ok", FAILED: "FAILED", SKIPPED: "-"}


def lines(deployment: str, mode: str, rows: Sequence[Row]) -> list[str]:
    counted = {state: sum(row.state == state for row in rows) for state in (OK, FAILED, SKIPPED)}
    title = f"Flows of {deployment} ({mode}): {counted[OK]} ok, {counted[FAILED]} failed, {counted[SKIPPED]} not exercised"
    width = max((len(row.flow) for row in rows), default=0)
    shown = [title, ""]
    for row in rows:
        shown.append(f"  {'[' + row.arrow + ']':<8}{row.flow:<{width}}  {SIGNS[row.state]:<7}{row.seconds:6.2f} s  {row.how}")
        if row.cause:
            shown.append(f"          {row.cause}")
    return shown
