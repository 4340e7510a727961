# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Last snapshots: how they are called."""

from __future__ import annotations

import time


def final_name(identity: str) -> str:
    """Of the time, so that no later one of the same thing clashes with it."""
    return f"{identity}-final-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
