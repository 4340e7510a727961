"""``docs/benchmark.md`` and its chart, and the same for the terminal, from the results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import chart, report

INTRO = """# What a run costs

<!-- Written by `make bench`; to change the words, change benchmarks/pages.py. -->

```sh
make bench                          # everything: some hours, most of them stock's
make bench WHAT=part RUNS=3         # one table; WHAT: part site tiers growth scaling
make bench WHAT=part SUBJECTS="ours floor" LATENCY=80
```

One emulator stands behind a proxy that counts connections and adds latency to each request, and twice that to each new
connection. Subjects take turns; each run begins on an account put back to what its scenario is about. CPU seconds
include all child processes; *peak MB* is the biggest single process. Figures are medians. Wall times move with the
machine's load, call counts are exact: compare ratios. [benchmark.json](benchmark.json) has every run.
"""

# Runs of each, for a median that one disturbed run does not move.
ENOUGH = 5

TITLES = {
    "part": "The part that stock modules can express",
    "site": "The whole site",
    "tiers": "Each tier alone, no change",
    "growth": "Growth",
    "scaling": "Several deployments at once",
}

WORDS = {
    "part": """Network, keys, secrets, buckets, tables, topics and queues of prod, as one list (`benchmarks/part.json`) has
them. After a fresh run of each, the account is read and compared by kind and address.

- **ours**: `site.yml --tags` with the six tiers, preflight and validation included. The run reads for all of them in one
  pass, and those with something to do, and what refers to them, read again in their turn: a fresh run has these reads too.
- **stock**: `benchmarks/stock/site.yml`, a task for each kind with modules of amazon.aws and community.aws. It makes no
  flow log and leaves out the settings that its head lists, as no module has them. Its modules sleep for fixed times
  after some changes; a second line is without these sleeps, which are the light part of a bar.
  It is not idempotent: every run reports the NAT gateways as changed and writes their tags again.
- **terraform**: `benchmarks/terraform`; *no change* is its `plan`.
- **floor**: `benchmarks/floor.py`, plain boto3 with threads, only the calls that are needed.
- **empty playbook**: what Ansible itself costs.""",
    "site": """All tiers of `inventories/prod`, the cluster's inside included; what is in the database is left alone. The field
that is changed is how long one bucket keeps old versions.""",
    "tiers": "`site.yml --tags TIER`, preflight included.",
    "growth": """One tier with so many things in it. A topic has two queues and a subscription. The JSON has the calls by operation.

A run lists each kind in pages, whatever their number. What AWS has no bulk form for is asked of each thing that the
configuration names: of a key 4 reads, of a bucket 9, of a table 4, of a secret 2, of a topic 2 and of its subscription 1,
of a queue 2, of a log group 2, of a web ACL 2, of a node group or add-on 1 each and the versions that it may have, of a
certificate 2, and the tags of what RDS, ElastiCache and log delivery keep. `tests/integration/test_call_counts.py` has
every operation with its exact number, for each tier and for the whole site.""",
    "scaling": """The whole site for each of several environments in four regions, each with its own credentials, on as many
forks. *All MB*: the processes together, with shared pages counted once. [scaling.md](scaling.md) tells how it goes on
beyond one machine.""",
}


def write(content: Mapping[str, Any], results: Path) -> None:
    """The page and the chart beside the JSON."""
    results.with_suffix(".svg").write_text(chart.svg(_panels(content)))
    text = [INTRO, _figure(results), _targets(content, report.markdown)]
    for what, title in TITLES.items():
        found = report.sections(content["runs"], what)
        if found:
            text += [f"## {title}\n", WORDS[what] + "\n", _about(content, what)]
            text += [f"**{name}**\n\n{_table(content, what, rows, report.markdown)}\n" for name, rows in found]
    results.with_suffix(".md").write_text("\n".join(part for part in text if part))


def terminal(content: Mapping[str, Any], what: Iterable[str]) -> str:
    text = []
    for one in what:
        for name, rows in report.sections(content["runs"], one):
            text.append(f"\n{TITLES[one]}: {name}\n{_table(content, one, rows, report.table)}")
        text += [f"\n{line}" for line in content["about"].get(one, {}).get("skipped", [])]
    return "\n".join([*text, "\n" + _targets(content, report.table)])


def _table(content: Mapping[str, Any], what: str, rows: list[list[str]], form: Any) -> str:
    if what != "scaling":
        return form(rows, report.HEADER)
    together = {row["subject"]: f"{row['sum_pss_mb']:.0f}" for row in report.medians(content["runs"]) if row["what"] == what}
    return form([[*row, together[row[0]]] for row in rows], (*report.HEADER, "all MB"))


def _targets(content: Mapping[str, Any], form: Any) -> str:
    return form(report.target_rows(report.targets(content["runs"])), report.TARGETS) + "\n"


def _figure(results: Path) -> str:
    return f"![Wall seconds of the part]({results.with_suffix('.svg').name})\n"


def _about(content: Mapping[str, Any], what: str) -> str:
    about = content["about"].get(what, {})
    named = ("python", "ansible-core", "boto3", "moto")
    line = ", ".join(f"{name} {about[name]}" for name in named if name in about)
    lines = [f"Measured with {about.get('cores')} cores, {about.get('system')}, {line}."]
    lines += [f"{skipped[0].upper()}{skipped[1:]}." for skipped in about.get("skipped", [])]
    fewest = min(row["runs"] for row in report.medians(content["runs"]) if row["what"] == what)
    if fewest < ENOUGH:
        lines.append(f"The column *runs* has less than {ENOUGH} for some: take what they say for a first look, not for a verdict.")
    return "\n".join(lines) + "\n"


def _panels(content: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The part, farthest latency, by scenario; else whatever was measured first."""
    rows = report.medians(content["runs"])
    part = [row for row in rows if row["what"] == "part"] or rows[:8]
    farthest = max((row["latency_ms"] for row in part), default=0)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in part:
        if row["latency_ms"] == farthest:
            title = f"Wall seconds, {report.SCENARIOS.get(row['scenario'], row['scenario'])}, {farthest:g} ms a request"
            found.setdefault(title, []).append(row)
    return list(found.items())
