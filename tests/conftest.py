"""What every test needs: the checkout under its collection name, and the repository's own packages."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
_AnsibleCollectionFinder(paths=[str(ROOT / ".collections"), *sys.path])._install()

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
