#!/usr/bin/env python3
"""Run the Molecule scenarios side by side: two Molecules, each with half of the scenarios and a local AWS of its own.

    molecule.py [SCENARIO ...]            all by default

Exits with 1 when a scenario failed.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path

import together
import yaml

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = ROOT / "extensions" / "molecule"
CACHE = ROOT / ".cache" / "molecule"
PROCESSES = 2


def weight(scenario: str) -> int:
    """About how long it takes: as many tiers as it brings up."""
    content = yaml.safe_load((SCENARIOS / scenario / "molecule.yml").read_text())
    return 2 + len(content["provisioner"]["inventory"]["group_vars"]["all"].get("molecule_requires", []))


def shares(scenarios: list[str]) -> list[list[str]]:
    """The scenarios in as many parts as there are processes, which take about as long as each other."""
    parts: list[list[str]] = [[] for _ in range(PROCESSES)]
    for scenario in sorted(scenarios, key=weight, reverse=True):
        min(parts, key=lambda part: sum(map(weight, part))).append(scenario)
    return [part for part in parts if part]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(number: int, scenarios: list[str]) -> tuple[list[str], dict[str, str]]:
    """With what it adds to the environment. Its directory is new, so that nothing of a run that was cut off counts as done."""
    home = CACHE / str(number)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    named = [argument for scenario in scenarios for argument in ("--scenario-name", scenario)]
    return [str(Path(sys.executable).parent / "molecule"), "test", *named], {
        "AWS_ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL") or f"http://127.0.0.1:{free_port()}",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(home),
        "MOLECULE_LOCAL_AWS": f"molecule-{number}",
    }


def main() -> int:
    known = sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml") if path.parent.name != "default")
    asked = sys.argv[1:] or known
    if unknown := sorted(set(asked) - set(known)):
        raise SystemExit(f"no scenario {', '.join(unknown)}: there are {', '.join(known)}")
    parts = shares(asked)
    print("\n".join(f"    {', '.join(part)}" for part in parts), flush=True)
    return 0 if together.run(command(number, part) for number, part in enumerate(parts)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
