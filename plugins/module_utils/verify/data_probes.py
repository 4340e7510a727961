# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrows 4c and 4d by doing: an item through a table and its indexes, an object through a bucket.

Whatever a probe puts somewhere carries the mark of all probes, the run and an end, and goes in the end, also when the run is
interrupted. What a killed run left, the next one removes first.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..aws.probing import MARK, PREFIX, Bucket, Table
from .model import EXERCISED, Check, NotExercised
from .world import World

# Seconds after which DynamoDB may remove an item by itself.
LIFE = 3600
# For how long an index may be behind its table, and the pause between two looks.
PATIENCE, PAUSE = 20.0, 0.5
OTHER_KEY = "00000000-0000-0000-0000-000000000000"


def checks(world: World) -> list[Check]:
    run = uuid.uuid4().hex
    return [
        *(
            Check("4c", f"table {table['name']}: put, query by each index, expire", _table(world, table, run), EXERCISED, True)
            for table in world.params["tables"]
        ),
        *(
            Check(
                "4d", f"bucket {name}: put and get with its key, refused with another", _bucket(world, name, run), EXERCISED, True
            )
            for name in world.params["buckets"]
        ),
    ]


def item(table: Mapping[str, Any], run: str, now: float) -> dict[str, dict[str, str]]:
    """An item with a value for each key of the table and its indexes. What can be asked for by the mark alone, has it.

    The hash key of a table without a range key has to be the run's own.
    """
    kinds = table["attributes"]
    made: dict[str, dict[str, str]] = {}

    def fill(attribute: str, text: str) -> None:
        kind = kinds.get(attribute, "S")
        made.setdefault(attribute, {"N": str(int(now))} if kind == "N" else {kind: text})

    ranged = table.get("range_key")
    fill(table["hash_key"], MARK if ranged else f"{MARK}-{run}")
    if ranged:
        fill(ranged, run)
    for index in table.get("indexes") or ():
        fill(index["hash_key"], MARK)
        if index.get("range_key"):
            fill(index["range_key"], datetime.fromtimestamp(now, UTC).isoformat())
    if table.get("ttl_attribute"):
        made[table["ttl_attribute"]] = {"N": str(int(now) + LIFE)}
    made["probe"] = {"S": run}
    return made


def _table(world: World, wanted: Mapping[str, Any], run: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        name = world.table(wanted["name"])["TableName"]
        table, put = Table(world.api, name), item(wanted, run, time.time())
        key = {part: put[part] for part in _key_names(wanted)}
        _remove_leftovers(table, wanted, run)
        try:
            table.put(put)
            found = table.get(key)
            if found != put:
                return (
                    f"table {name} answers {'nothing' if found is None else 'something else'} for an item that was just put there"
                )
            for index in wanted.get("indexes") or ():
                if not _appears(table, index, put):
                    return f"index {index['name']} of table {name} does not show an item {PATIENCE:.0f} s after it was put there"
        finally:
            table.delete(key)
        return None if table.get(key) is None else f"table {name} keeps an item that was deleted"

    return prove


def _key_names(table: Mapping[str, Any]) -> list[str]:
    return [table[part] for part in ("hash_key", "range_key") if table.get(part)]


def _appears(table: Table, index: Mapping[str, Any], put: Mapping[str, Any]) -> bool:
    end = time.monotonic() + PATIENCE
    while True:
        found = table.query(index["hash_key"], put[index["hash_key"]], index["name"])
        if any(all(one.get(key) == put[key] for key in _key_names(index)) for one in found):
            return True
        if time.monotonic() >= end:
            return False
        time.sleep(PAUSE)


def _remove_leftovers(table: Table, wanted: Mapping[str, Any], run: str) -> None:
    """By the table's own key, or an index's, that all probes have in common; where there is none, items expire."""
    places = [(wanted["hash_key"], None)] if wanted.get("range_key") else []
    places += [(index["hash_key"], index["name"]) for index in wanted.get("indexes") or ()]
    for attribute, index in places[:1]:
        for left in table.query(attribute, {"S": MARK}, index):
            if left.get("probe", {}).get("S") != run:
                table.delete({part: left[part] for part in _key_names(wanted)})


def _bucket(world: World, purpose: str, run: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        stands, name = world.bucket(purpose), world.bucket_name(purpose)
        if stands["lock"]:
            raise NotExercised(f"{name} locks what is put there, a probe as well")
        if stands["encryption"].get("SSEAlgorithm") != "aws:kms":
            raise NotExercised(f"{name} is for AWS's log delivery, and under no key of ours")
        bucket, key = Bucket(world.api, name), f"{PREFIX}{run}"
        bucket.remove(keep=run)
        try:
            return _through(world, bucket, key, run.encode())
        finally:
            bucket.remove()

    return prove


def _through(world: World, bucket: Bucket, key: str, body: bytes) -> str | None:
    ours = world.key("s3")
    used = bucket.put(key, body)
    if used["algorithm"] != "aws:kms" or used["key"] not in (ours["arn"], ours["arn"].rsplit("/", 1)[1]):
        return f"bucket {bucket.name} encrypts an object by {used['key'] or used['algorithm']} and not by {ours['owner']}"
    if bucket.get(key) != body:
        return f"bucket {bucket.name} answers something else than what was put there"
    if world.params["refuse_other_keys"]:
        other = world.place.arn("kms", f"key/{OTHER_KEY}")
        for algorithm, kms_key in (("AES256", None), ("aws:kms", other)):
            if happened := bucket.refuses(key, algorithm, kms_key):
                what = f"under another key ({algorithm})"
                return f"bucket {bucket.name} {happened}, an object {what}: look at its policy's refusals of other keys"
    return None
