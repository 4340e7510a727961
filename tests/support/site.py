"""What the inventories and the roles give each tier, learned from Ansible itself."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
# What is asked before any tier runs.
BEFORE = ("agent_platform.aws.identity", "agent_platform.aws.reach")
# The tier whose resources are none of AWS: no module by itself runs it.
IN_THE_CLUSTER = "kubernetes"
CONNECTION = ("access_key", "secret_key", "session_token", "profile", "endpoint_url", "planned", "verb")


def tiers_in_order() -> list[str]:
    """The tiers as ``playbooks/site.yml`` runs them."""
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    names = [play["ansible.builtin.import_playbook"].removesuffix(".yml") for play in plays]
    return [name for name in names if (ROOT / f"plugins/modules/{name}.py").exists()]


def ansible(*arguments: str, env: dict[str, str], timeout: float = 300, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """``ansible-playbook`` of the running environment. Output is captured; the return code is the caller's to judge."""
    program = str(Path(sys.executable).parent / "ansible-playbook")
    command = [program, *arguments]
    return subprocess.run(command, env={**os.environ, **env}, cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False)


def results(output: str) -> dict[str, dict[str, Any]]:
    """Tier -> result of its task, out of the output of a run with ``as_json``; what its awaiting did belongs to it."""
    plays = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]["plays"]
    found = {}
    for play, task in ((one, task) for one in plays for task in one["tasks"]):
        for result in task["hosts"].values():
            action = result.get("action", "")
            if "plan" in result or (action.startswith("agent_platform.aws.") and action not in BEFORE):
                tier = task["task"]["name"].split(" : ")[0].rsplit(".", 1)[-1]
                awaiting = play["play"]["name"].startswith("Await")
                found[tier] = _joined(found[tier], result) if awaiting and tier in found else result
    return found


def failures(output: str) -> dict[str, list[str]]:
    """Host -> the messages of its tasks that failed, likewise."""
    plays = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]["plays"]
    found: dict[str, list[str]] = {}
    for task in (task for play in plays for task in play["tasks"]):
        for host, result in task["hosts"].items():
            if result.get("failed"):
                found.setdefault(host, []).append(str(result["msg"]))
    return found


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """What ``start`` did and what ``await`` did after it."""
    if second.get("failed"):
        return second
    joined = {**first, "changed": first["changed"] or second["changed"]}
    for name in ("plan", "diff"):
        if name in first:
            joined[name] = first[name] + second.get(name, [])
    joined["resources"] = {**first["resources"], **second["resources"]}
    return joined


def roles_in(path: str) -> list[tuple[str, list[str]]]:
    """(tier, tags) of the tiers' roles in a playbook's last play, or in a file of tasks, in their order."""
    *_before, last = content = yaml.safe_load((ROOT / path).read_text())
    if "hosts" in last:
        content = [*({"role": item} for item in last.get("roles", [])), *last.get("tasks", [])]
    found = []
    for item in content:
        if "ansible.builtin.import_tasks" in item:
            found += roles_in(f"playbooks/{item['ansible.builtin.import_tasks']}")
        role = item.get("role") or {**item.get("ansible.builtin.import_role", {}), "tags": item.get("tags", [])}
        name = role.get("role") or role.get("name", "")
        if name.startswith("agent_platform.aws.") and not role.get("tasks_from"):
            found.append((name.rsplit(".", 1)[1], role.get("tags", [])))
    return found


def as_json(env: dict[str, str]) -> dict[str, str]:
    """``env`` so that the run prints one JSON document."""
    return {**env, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}


@functools.cache
def parameters(environment: str, *more: str) -> dict[str, dict[str, Any]]:
    """Tier (of those that are of AWS) -> the module's parameters in ``inventories/<environment>``, in the order of the site.

    ``more``: Ansible's arguments.
    """
    env = as_json({"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    inventory = ("-i", f"inventories/{environment}", "-e", "@local_aws/vars.yml")
    done = ansible("playbooks/validate.yml", *inventory, *more, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    of_aws = {tier: result for tier, result in results(done.stdout).items() if tier != IN_THE_CLUSTER}
    found = {tier: result["invocation"]["module_args"] for tier, result in of_aws.items()}
    return {tier: {name: args[name] for name in args if name not in CONNECTION} | {"verb": "apply"} for tier, args in found.items()}
