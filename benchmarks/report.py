"""From runs to medians, ratios and tables, for the terminal and for ``docs/benchmark.md``."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MEASURED = ("wall", "cpu", "reads", "writes", "connections", "rss_mb", "sleeps", "sum_rss_mb", "sum_pss_mb")
SCENARIOS = {
    "fresh": "from nothing",
    "same": "no change",
    "plan": "plan on an empty account",
    "one field": "one field changed",
}


def medians(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each (what, subject, scenario, latency), in the order in which they appear, with the number of its runs."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    rows = []
    for (what, subject, scenario, latency), found in groups.items():
        row = {"what": what, "subject": subject, "scenario": scenario, "latency_ms": latency, "runs": len(found)}
        row.update({name: statistics.median(run.get(name, 0) for run in found) for name in MEASURED})
        rows.append(row)
    return rows


def key(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(run[name] for name in ("what", "subject", "scenario", "latency_ms"))


def find(rows: Iterable[Mapping[str, Any]], **wanted: Any) -> Mapping[str, Any] | None:
    """The first row with these values."""
    return next((row for row in rows if all(row[name] == value for name, value in wanted.items())), None)


def ratio(rows: Sequence[Mapping[str, Any]], measured: str, above: str, below: str, **where: Any) -> float | None:
    """How many times more of ``measured`` the subject ``above`` takes than ``below``; None where one was not measured."""
    first, second = find(rows, subject=above, **where), find(rows, subject=below, **where)
    return first[measured] / second[measured] if first and second and second[measured] else None


def paired(runs: Iterable[Mapping[str, Any]], measured: str, above: str, below: str, **where: Any) -> float | None:
    """The median of the ratios of runs that were made one after the other, which a busy machine disturbs less than a ratio of
    medians; None where there is no such pair."""
    found: dict[int, dict[str, float]] = {}
    for run in runs:
        if run["subject"] in (above, below) and all(run[name] == value for name, value in where.items()):
            found.setdefault(run["n"], {})[run["subject"]] = run[measured]
    ratios = [pair[above] / pair[below] for pair in found.values() if len(pair) == 2 and pair[below]]
    return statistics.median(ratios) if ratios else None


def targets(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the project asks of itself, and what was measured: ``name``, ``goal``, ``measured`` (None: not measured), ``met``."""
    rows = medians(runs)
    far = {"what": "part", "latency_ms": 80}
    same, fresh = {**far, "scenario": "same"}, {**far, "scenario": "fresh"}
    found = [
        _at_least("no change, against stock, CPU", 20, paired(runs, "cpu", "stock", "ours", **same)),
        _at_least("no change, against stock, wall", 20, paired(runs, "wall", "stock", "ours", **same)),
        _at_least("from nothing, against stock, CPU", 12, paired(runs, "cpu", "stock", "ours", **fresh)),
        _at_least("from nothing, against stock, wall without its fixed sleeps", 12, _without_sleeps(rows, fresh)),
        _at_most("no change, against the floor, wall above an empty playbook", 2, _above_empty(rows, same)),
        _at_most("no change, against the floor, calls", 1.1, ratio(rows, "reads", "ours", "floor", **same)),
        _at_most("no change, against terraform plan, wall", 0.5, paired(runs, "wall", "ours", "terraform", **same)),
        _at_most("from nothing, against terraform apply, wall", 0.5, paired(runs, "wall", "ours", "terraform", **fresh)),
    ]
    site = [row["rss_mb"] for row in rows if row["what"] == "site"]
    return [*found, _at_most("peak memory of one process, whole site, MB", 200, max(site) if site else None)]


def _at_least(name: str, goal: float, measured: float | None) -> dict[str, Any]:
    return {"name": name, "goal": f"at least {goal:g}", "measured": measured, "met": measured is not None and measured >= goal}


def _at_most(name: str, goal: float, measured: float | None) -> dict[str, Any]:
    return {"name": name, "goal": f"at most {goal:g}", "measured": measured, "met": measured is not None and measured <= goal}


def _without_sleeps(rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> float | None:
    stock, ours = find(rows, subject="stock", **where), find(rows, subject="ours", **where)
    return (stock["wall"] - stock["sleeps"]) / ours["wall"] if stock and ours else None


def _above_empty(rows: Sequence[Mapping[str, Any]], where: Mapping[str, Any]) -> float | None:
    ours, nothing, floor = (find(rows, subject=name, **where) for name in ("ours", "empty playbook", "floor"))
    return (ours["wall"] - nothing["wall"]) / floor["wall"] if ours and nothing and floor else None


def table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Plain columns for a terminal: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [header, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


HEADER = ("", "runs", "wall s", "CPU s", "reads", "writes", "connections", "peak MB")


def cells(row: Mapping[str, Any]) -> list[str]:
    """A row of medians for either table."""
    name = row["subject"] + (f", without {row['sleeps']:g} s of fixed sleeps" if row.get("awake") else "")
    wall = row["wall"] - row["sleeps"] if row.get("awake") else row["wall"]
    counts = [f"{row[one]:.0f}" for one in ("reads", "writes", "connections")]
    return [name, str(row["runs"]), f"{wall:.1f}", f"{row['cpu']:.1f}", *counts, f"{row['rss_mb']:.0f}"]


def sections(runs: Sequence[Mapping[str, Any]], what: str) -> list[tuple[str, list[list[str]]]]:
    """(title, rows) of what was measured, by latency and scenario; stock a second time without its sleeps."""
    rows = [row for row in medians(runs) if row["what"] == what]
    found: dict[str, list[list[str]]] = {}
    for row in rows:
        title = f"{SCENARIOS.get(row['scenario'], row['scenario'])}, {row['latency_ms']:g} ms a request"
        found.setdefault(title, []).append(cells(row))
        if row["sleeps"]:
            found[title].append(cells({**row, "awake": True}))
    return list(found.items())


def target_rows(found: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    def state(one: Mapping[str, Any]) -> str:
        return "not measured" if one["measured"] is None else "yes" if one["met"] else "no"

    return [[one["name"], one["goal"], "" if one["measured"] is None else f"{one['measured']:.2f}", state(one)] for one in found]


TARGETS = ("", "goal", "measured", "met")
