"""How the cost of one tier grows with the number of things in it: exact call counts, and times where that many are quickly made."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.measure import Bench
from benchmarks.subjects import OURS, WORK

SIZES = (10, 100, 1000)
# Beyond this only the calls are counted: the emulator, not what is measured, takes the time.
TIMED = 100


def topics(count: int) -> dict[str, Any]:
    """Each with its queue and its dead-letter queue."""
    return {"messaging_topics": [{"name": f"topic-{n:04}"} for n in range(count)]}


def buckets(count: int) -> dict[str, Any]:
    """Besides those of the platform, which are a few."""
    return {"s3_additional_buckets": {f"bucket-{n:04}": {} for n in range(count)}}


def tables(count: int) -> dict[str, Any]:
    made = [{"name": f"table-{n:04}", "attributes": {"id": "S"}, "hash_key": "id"} for n in range(count)]
    return {"dynamodb_tables": made}


KINDS: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "topics": ("messaging", topics),
    "buckets": ("s3", buckets),
    "tables": ("dynamodb", tables),
}


def measure(bench: Bench, latency_ms: float, runs: int, sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Runs, each with the operations that it called: from nothing once, no change once without latency and ``runs`` times with."""
    bench.aws.reset()
    bench.cost([*OURS, "--tags", "kms"])
    keys = bench.aws.snapshot()
    WORK.mkdir(parents=True, exist_ok=True)
    for name, (tier, variables) in KINDS.items():
        for size in sizes:
            bench.aws.restore(keys)
            values = WORK / "growth.json"
            values.write_text(json.dumps(variables(size)))
            command = [*OURS, "--tags", tier, "-e", f"@{values}"]

            run = functools.partial(_run, bench, command, name, size)
            yield run("fresh", 0, 0)
            yield run("same", 0, 0)
            if size <= TIMED:
                for number in range(runs):
                    yield run("same", latency_ms, number)


def _run(bench: Any, command: list[str], name: str, size: int, scenario: str, latency: float, number: int) -> dict[str, Any]:
    cost = bench.cost(command, latency)
    about = {"what": "growth", "subject": f"{size} {name}", "scenario": scenario, "latency_ms": latency, "n": number}
    return {**about, "size": size, **cost.as_dict()}
