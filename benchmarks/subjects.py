"""Who is measured: how each makes the part, or the site, and how it looks at it when nothing is to be changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import part
from benchmarks.measure import BIN, ROOT, Bench, Cost

TERRAFORM = ROOT / "benchmarks/terraform"
WORK = ROOT / ".cache/benchmarks"
STOCK_CONFIG = str(ROOT / "benchmarks/stock/ansible.cfg")
OURS = (str(BIN / "ansible-playbook"), "site.yml", "-i", "inventories/prod", "-e", "@local_aws/vars.yml")
IMPLIED_MIRRORS = (Path.home() / ".terraform.d/plugins", Path("/usr/share/terraform/plugins"))
# Something small that a later run finds different: how long the old versions of one bucket are kept.
ONE_FIELD = ("-e", "s3_knowledge_documents_noncurrent_days=60")


@dataclass
class Subject:
    """``commands``: scenario -> command. ``prepare(bench, scenario)`` runs before each measured run, unmeasured; ``after`` fills in
    what only the subject knows. ``env``: for the commands."""

    name: str
    commands: dict[str, Sequence[str]]
    env: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Bench, str], None] = lambda bench, scenario: None
    arguments: Callable[[Bench], Sequence[str]] = lambda bench: ()
    after: Callable[[Cost], None] = lambda cost: None

    def run(self, bench: Bench, scenario: str, latency_ms: float) -> Cost:
        self.prepare(bench, scenario)
        command = [*self.commands[scenario], *self.arguments(bench)]
        cost = bench.cost(command, latency_ms, self.env)
        self.after(cost)
        return cost


def ours_site() -> Subject:
    """The whole platform."""
    return Subject(
        "ours, whole site",
        {"fresh": OURS, "same": OURS, "plan": [*OURS, "--check"], "one field": [*OURS, *ONE_FIELD]},
    )


def ours_tier(name: str) -> Subject:
    return Subject(f"ours, {name} alone", {"same": [*OURS, "--tags", name]})


def ours_part() -> Subject:
    """The tiers of the part, as a user runs some of the tiers."""
    command = [*OURS, "--tags", ",".join(part.TIERS)]
    return Subject("ours", {"fresh": command, "same": command})


def empty() -> Subject:
    """A playbook that does nothing, of an Ansible that loads nothing of ours."""
    command = [str(BIN / "ansible-playbook"), "benchmarks/empty.yml", "-i", "inventories/prod"]
    return Subject("empty playbook", {"same": command}, {"ANSIBLE_CONFIG": STOCK_CONFIG})


def floor() -> Subject:
    program = [sys.executable, "benchmarks/floor.py"]
    return Subject("floor", {"fresh": [*program, "fresh"], "same": [*program, "same"]})


def stock() -> Subject:
    sleeps = WORK / "sleeps"
    command = [str(BIN / "ansible-playbook"), "benchmarks/stock/site.yml"]

    def prepare(_bench: Bench, _scenario: str) -> None:
        WORK.mkdir(parents=True, exist_ok=True)
        sleeps.write_text("")

    def after(cost: Cost) -> None:
        cost.sleeps = sum(float(line.split()[0]) for line in sleeps.read_text().splitlines())

    env = {
        "ANSIBLE_CONFIG": STOCK_CONFIG,
        "BENCH_SLEEPS": str(sleeps),
        "PYTHONPATH": str(ROOT / "benchmarks/stock"),
    }
    # In AWS the id is a constant of the region. No module tells it; in the emulator it differs from account to account.
    return Subject("stock", {"fresh": command, "same": command}, env, prepare, _prefix_list, after)


def _prefix_list(bench: Bench) -> list[str]:
    return ["-e", "prefix_list=" + bench.ask("--prefix-list")]


def terraform() -> Subject | str:
    """Terraform, or the sentence that says why not."""
    program = shutil.which("terraform")
    if not program:
        return "terraform: skipped, it is not on the PATH"
    folder = WORK / "terraform"
    standing = WORK / "terraform.tfstate"
    if not (folder / ".terraform").exists():
        if not _mirrored():
            return "terraform: skipped, no mirror of the AWS provider is on this machine"
        shutil.copytree(TERRAFORM, folder, dirs_exist_ok=True)
        subprocess.run([program, "init", "-input=false"], cwd=folder, capture_output=True, check=True, timeout=300)
    chdir = [program, f"-chdir={folder}"]
    more = ["-input=false", "-no-color", f"-var=part={part.FILE}"]

    def prepare(_bench: Bench, scenario: str) -> None:
        state = folder / "terraform.tfstate"
        state.unlink(missing_ok=True)
        if scenario == "same":
            shutil.copy(standing, state)

    def after(_cost: Cost) -> None:
        shutil.copy(folder / "terraform.tfstate", standing)

    commands = {"fresh": [*chdir, "apply", "-auto-approve", *more], "same": [*chdir, "plan", *more]}

    def arguments(bench: Bench) -> list[str]:
        return [f"-var=endpoint={bench.proxy.url}"]

    return Subject("terraform", commands, {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}, prepare, arguments, after)


def _mirrored() -> bool:
    """Whether Terraform finds its providers without asking its registry: nothing is fetched for a measurement."""
    config = Path(os.environ.get("TF_CLI_CONFIG_FILE", Path.home() / ".terraformrc"))
    named = config.is_file() and "_mirror" in config.read_text()
    return named or any((folder / "registry.terraform.io").is_dir() for folder in IMPLIED_MIRRORS)
