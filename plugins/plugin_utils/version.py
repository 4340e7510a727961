# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of this collection runs."""

from __future__ import annotations

import json
from pathlib import Path

import yaml


def collection_version() -> str:
    """An installed collection has a manifest, a checkout has not."""
    root = Path(__file__).resolve().parents[2]
    if (root / "MANIFEST.json").exists():
        return json.loads((root / "MANIFEST.json").read_text())["collection_info"]["version"]
    return str(yaml.safe_load((root / "galaxy.yml").read_text())["version"])
