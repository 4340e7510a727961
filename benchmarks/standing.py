"""What stands in the emulator, by kind and by the address in its tags: ``{kind: [address, ...]}`` as JSON. A process of its own."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.census import census

if __name__ == "__main__":
    print(json.dumps(census(functools.cache(boto3.client))))
