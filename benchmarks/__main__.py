"""Measure, and write ``docs/benchmark.md``, ``.json`` and ``.svg``:  make bench [WHAT="part site"] [RUNS=5] [LATENCY="0 80"]

    part      the part of the platform that stock modules can express: ours, stock, the floor, Terraform
    site      the whole platform, ours alone
    tiers     each tier alone without a change
    growth    10, 100 and 1,000 topics, buckets and tables
    scaling   1, 4 and 16 deployments at once, and 16 sliced over two processes

Subjects take turns, so that a busy machine disturbs all alike. What is measured anew replaces what the JSON had of it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import growth, pages, report, scaling
from benchmarks.measure import ROOT, Bench, Failed
from benchmarks.subjects import Subject, empty, floor, ours_part, ours_site, ours_tier, stock, terraform

WHAT = ("part", "site", "tiers", "growth", "scaling")
# What stock modules cannot make: see benchmarks/stock/site.yml.
NOT_STOCK = {"flow log"}
RESULTS = ROOT / "docs/benchmark.json"


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


Made = dict[str, dict[str, list[str]]]


def alternate(
    bench: Bench, what: str, subjects: Sequence[Subject], latencies: Sequence[float], runs: int, made: Made | None = None
) -> Iterator[dict[str, Any]]:
    """Every scenario of every subject, ``runs`` times, subject by subject; each on the state that its scenario is about.

    ``made``: is told what stands after the first run of each subject that makes something.
    """
    standing: dict[str, str] = {}
    for latency in latencies:
        for number in range(runs):
            for subject in subjects:
                for scenario in subject.commands:
                    _put(bench, subject, scenario, standing)
                    cost = subject.run(bench, scenario, latency)
                    if scenario == "fresh" and subject.name not in standing:
                        standing[subject.name] = bench.aws.snapshot()
                        if made is not None:
                            made[subject.name] = bench.ask()
                    about = {"what": what, "subject": subject.name, "scenario": scenario, "latency_ms": latency, "n": number}
                    yield {**about, **cost.as_dict()}


def _put(bench: Bench, subject: Subject, scenario: str, standing: Mapping[str, str]) -> None:
    """The account as the scenario finds it: empty, or as the subject's own first run left it."""
    bench.aws.reset()
    if scenario in ("same", "one field") and subject.name in standing:
        bench.aws.restore(standing[subject.name])


def compare(made: Made) -> dict[str, dict[str, int]]:
    """How many of each kind stand after each subject. Raises Failed when it is not the same, but for what stock cannot make."""
    first = made.get("ours") or next(iter(made.values()))
    for name, standing in made.items():
        kinds = sorted(kind for kind in first if standing[kind] != first[kind] and not (name == "stock" and kind in NOT_STOCK))
        if kinds:
            details = "; ".join(f"{kind}: {standing[kind]} instead of {first[kind]}" for kind in kinds)
            raise Failed(f"{name} does not make what ours makes: {details}")
    return {name: {kind: len(items) for kind, items in standing.items() if items} for name, standing in made.items()}


def part_subjects(wanted: Sequence[str]) -> tuple[list[Subject], list[str]]:
    """Those of the part, and a line about each that is skipped."""
    found: list[Subject | str] = [ours_part(), floor(), empty(), stock(), terraform()]
    skipped = [one for one in found if isinstance(one, str)]
    subjects = [one for one in found if isinstance(one, Subject) and (not wanted or one.name in wanted)]
    return subjects, skipped


def tiers() -> list[str]:
    text = (ROOT / "playbooks/tasks/tiers.yml").read_text()
    return [line.split("agent_platform.aws.")[1].strip() for line in text.splitlines() if "name: agent_platform.aws." in line]


def tiers_alone(bench: Bench, latency: float, runs: int) -> Iterator[dict[str, Any]]:
    """Each tier without a change, in an account where the whole site stands."""
    bench.aws.reset()
    ours_site().run(bench, "fresh", 0)
    standing = bench.aws.snapshot()
    for number in range(runs):
        for name in tiers():
            bench.aws.restore(standing)
            cost = ours_tier(name).run(bench, "same", latency)
            yield {"what": "tiers", "subject": name, "scenario": "same", "latency_ms": latency, "n": number, **cost.as_dict()}


def machine() -> dict[str, Any]:
    """What the figures depend on; nothing that names a machine."""
    packages = {name: version(name) for name in ("ansible-core", "boto3", "moto")}
    return {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version(), **packages}


class Results:
    """The JSON file: runs by what was measured."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"runs": [], "about": {}}

    def replace(self, what: str, runs: list[dict[str, Any]], **about: Any) -> None:
        self.content["runs"] = [run for run in self.content["runs"] if run["what"] != what] + runs
        self.content["about"][what] = {**machine(), **about}
        self.content["summary"] = report.medians(self.content["runs"])
        self.content["targets"] = report.targets(self.content["runs"])
        self.write()

    def write(self) -> None:
        runs = ",\n  ".join(json.dumps(run, sort_keys=True) for run in self.content["runs"])
        rest = {name: value for name, value in self.content.items() if name != "runs"}
        text = json.dumps(rest, indent=1, sort_keys=True)
        self.file.write_text(text[:-2] + f',\n "runs": [\n  {runs}\n ]\n}}\n')


def measured(runs: Iterator[dict[str, Any]], keep: Callable[[list[dict[str, Any]]], None]) -> list[dict[str, Any]]:
    """All of them, with a line about each as it ends. ``keep`` gets those so far: hours of measuring may be cut off."""
    found: list[dict[str, Any]] = []
    for run in runs:
        say(
            f"{run['subject']}, {report.SCENARIOS[run['scenario']]}, {run['latency_ms']:g} ms: {run['wall']:.1f} s wall, "
            f"{run['cpu']:.1f} s CPU, {run['reads']} reads, {run['writes']} writes, {run['connections']} connections, "
            f"{run['rss_mb']:.0f} MB"
        )
        found.append(run)
        keep(found)
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--what", nargs="+", choices=WHAT, default=list(WHAT))
    parser.add_argument("--runs", type=int, default=5, help="of each, alternating")
    parser.add_argument("--latency", type=float, nargs="+", default=[0.0, 80.0], metavar="MS", help="added to each request")
    parser.add_argument("--subjects", nargs="+", default=[], help="of the part; default: all")
    parser.add_argument("--sizes", type=int, nargs="+", help="of growth or scaling")
    parser.add_argument("--pages-only", action="store_true", help="write the page and the chart from the JSON")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the JSON file; page and chart go beside it")
    return parser.parse_args()


def main() -> int:
    options = parse()
    results = Results(options.results)
    if not options.pages_only:
        with Bench() as bench:
            for what in options.what:
                say(f"== {what}")
                MEASURES[what](bench, options, results)
    pages.write(results.content, options.results)
    print(pages.terminal(results.content, options.what))
    return 0


def _part(bench: Bench, options: argparse.Namespace, results: Results) -> None:
    subjects, skipped = part_subjects(options.subjects)
    for line in skipped:
        say(line)
    made: Made = {}
    runs = measured(
        alternate(bench, "part", subjects, options.latency, options.runs, made),
        lambda runs: results.replace("part", runs, skipped=skipped),
    )
    counted = compare(made)
    say("all make the same: " + ", ".join(f"{name} {sum(kinds.values())}" for name, kinds in counted.items()))
    results.replace("part", runs, made=counted, skipped=skipped)


def _site(bench: Bench, options: argparse.Namespace, results: Results) -> None:
    measured(alternate(bench, "site", [ours_site()], options.latency, options.runs), partial(results.replace, "site"))


def _tiers(bench: Bench, options: argparse.Namespace, results: Results) -> None:
    measured(tiers_alone(bench, max(options.latency), options.runs), partial(results.replace, "tiers"))


def _growth(bench: Bench, options: argparse.Namespace, results: Results) -> None:
    sizes = tuple(options.sizes or growth.SIZES)
    measured(growth.measure(bench, max(options.latency), options.runs, sizes), partial(results.replace, "growth"))


def _scaling(bench: Bench, options: argparse.Namespace, results: Results) -> None:
    sizes = tuple(options.sizes or scaling.SIZES)
    measured(scaling.measure(bench, max(options.latency), sizes), partial(results.replace, "scaling"))


MEASURES: dict[str, Callable[[Bench, argparse.Namespace, Results], None]] = {
    "part": _part,
    "site": _site,
    "tiers": _tiers,
    "growth": _growth,
    "scaling": _scaling,
}


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except Failed as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
