"""What stands in the emulator, by kind and by the address in its tags: ``{kind: [address, ...]}`` as JSON. A process of its own.

With ``--regions NAME ...``: that of each region. With ``--prefix-list``: the id of the prefix list that the part's rules refer to.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

import boto3

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

# The tests' own count, which knows nothing of our code.
from support.census import census

PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"

# Where what is asked about is, whatever region is asked for: here the web ACLs of CloudFront.
HOMES = {"wafv2": "us-east-1"}


def answer() -> Any:
    if sys.argv[1:] == ["--prefix-list"]:
        found = boto3.client("ec2").describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [PREFIX_LIST]}])
        return found["PrefixLists"][0]["PrefixListId"]
    if sys.argv[1:2] == ["--regions"]:
        return {region: _census(region) for region in sys.argv[2:]}
    return _census()


def _census(region: str | None = None) -> dict[str, list[str]]:
    @functools.cache
    def client(service: str) -> Any:
        return boto3.client(service, region_name=HOMES.get(service, region))

    return census(client)


if __name__ == "__main__":
    print(json.dumps(answer()))
