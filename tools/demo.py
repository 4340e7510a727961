#!/usr/bin/env python3
"""Bring up a deployment on a local AWS from nothing, run again to show that nothing changes, prove its flows, tell what stands.

    demo.py [--environment dev] [--keep]

Exits with 1, and says why, when a run fails, when the second run changes something, when a flow does not work, or when something
that should stand does not.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import background_aws  # noqa: E402 the tools and local_aws are found by the line above
import standing  # noqa: E402
from step import run, say  # noqa: E402

from local_aws import postgres, redis  # noqa: E402
from local_aws.launch import LocalAws  # noqa: E402

BIN = Path(sys.executable).parent
REGION = "us-east-1"


class Failed(Exception):
    """The demo cannot go on; the message says why."""


def real_servers() -> list[str]:
    """The options of the local AWS for what is installed on this machine."""
    found = []
    for option, server in {"--database": postgres, "--cache": redis}.items():
        if why := server.missing():
            say(f"    {why}; its flows are told to be not exercised")
        else:
            found.append(option)
    return found


def playbook(environment: str, name: str = "site.yml", *more: str) -> list[str]:
    return ["ansible-playbook", name, "-i", f"inventories/{environment}", "-e", "@local_aws/vars.yml", *more]


def variables(aws: Mapping[str, str]) -> dict[str, str]:
    """The environment of every command: ours, without whatever points at a real account."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"}
    colour = {"ANSIBLE_FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    return {
        **ours,
        **colour,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "PATH": f"{BIN}{os.pathsep}{ours.get('PATH', '')}",
        **aws,
    }


def changes(output: str) -> int:
    """The sum of `changed=` in the recap. Raises Failed when there is no recap."""
    counts = re.findall(r"\bchanged=(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", output))
    if not counts:
        raise Failed("ansible-playbook ended without a recap: no host was reached")
    return sum(map(int, counts))


def deploy(name: str, environment: str, aws: Mapping[str, str]) -> int:
    """Run the site once; return how many tasks changed something."""
    say("    $ " + " ".join(playbook(environment)))
    status, output = run(name, playbook(environment), variables(aws))
    if status:
        raise Failed(f"{name} failed; its last lines are above")
    return changes(output)


def prove(environment: str, aws: Mapping[str, str]) -> None:
    """Send something through each flow, and see that it arrives."""
    command = playbook(environment, "playbooks/verify.yml", "-e", "verify_mode=full")
    say("    $ " + " ".join(command))
    if run("proof that the flows work", command, variables(aws))[0]:
        raise Failed("a flow does not work; the table above names it, and the likely cause")


def show(environment: str, url: str, kept: bool, real: Mapping[str, str]) -> None:
    say(f"\nWhat stands now in {environment}-{REGION}, read back with plain boto3:\n")
    missing = False
    for row in standing.rows(environment, url, REGION):
        say(f"  {row.group:<10} {'' if row.count is None else row.count:>4}  {row.text}")
        missing |= row.count == 0
    if missing:
        raise Failed("what counts 0 above should stand and does not")
    subnets = "boto3.client('ec2').describe_subnets()['Subnets']"
    look = (
        f""".venv/bin/python -c "import boto3; print(*[(s['CidrBlock'], s['AvailabilityZone']) for s in {subnets}], sep='\\n')\""""
    )
    deploy_again = " ".join([".venv/bin/" + playbook(environment)[0], *playbook(environment)[1:]])
    port = url.rpartition(":")[2] if kept else "4566"
    export = (
        f"    export AWS_ENDPOINT_URL=http://127.0.0.1:{port} AWS_ACCESS_KEY_ID=testing "
        f"AWS_SECRET_ACCESS_KEY=testing AWS_DEFAULT_REGION={REGION}"
    )
    say("\nLook further")
    if kept:
        say("  The local AWS still runs; it ends when nobody calls it for half an hour, or by: make demo-stop")
        say(export)
        for name, value in real.items():
            say(f"    export {name}={value}")
    else:
        say(f"  The local AWS ends with this demo; make demo ENV={environment} KEEP=1 keeps it. Or start your own,")
        say("  in a terminal of its own:")
        say(f"    .venv/bin/python -m local_aws --port {port}")
        say("  and deploy to it from another:")
        say(export)
        say(f"    {deploy_again}")
    say("  Then ask it anything, with boto3 or the aws command line:")
    say(f"    {look}")
    say("    aws sqs list-queues")
    say("  See what a change would do before it is done (try another CIDR or retention in inventories/):")
    say(f"    {deploy_again} --check --diff")
    say("\nA real account")
    say("  Leave AWS_ENDPOINT_URL and local_aws/vars.yml away, log in as usual (AWS_PROFILE, SSO, a role), plan first, then apply:")
    say(f"    .venv/bin/ansible-playbook site.yml -i inventories/{environment} --check --diff")
    say(f"    .venv/bin/ansible-playbook site.yml -i inventories/{environment}")
    say("  docs/real-account.md lists what to look at there.\n")


def demo(environment: str, keep: bool) -> None:
    """Raises Failed."""
    if not (ROOT / "inventories" / environment).is_dir():
        there = ", ".join(sorted(path.name for path in (ROOT / "inventories").iterdir()))
        raise Failed(f"there is no inventories/{environment}: ENV is one of {there}")
    began = time.monotonic()
    say("==> local AWS: starting, an empty account on this machine")
    options = real_servers()
    local = LocalAws(*options)
    if keep:
        background_aws.stop("demo")
        local.attach(background_aws.start("demo", None, *options))
    else:
        local.start()
    say(f"<== local AWS: {local.url}")
    try:
        if not deploy("first run, from an empty account", environment, local.env):
            raise Failed("the first run changed nothing: was the account empty?")
        if again := deploy("second run, which must change nothing", environment, local.env):
            raise Failed(f"the second run reports changed={again}: it must be 0")
        prove(environment, local.env)
        show(environment, local.url, keep, local.real)
    finally:
        local.stop()
    seconds = time.monotonic() - began
    say(f"Demo of {environment}: all well, the second run changed nothing and the flows work; {seconds:.0f} s in all.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", default="dev", help="a directory of inventories/")
    parser.add_argument("--keep", action="store_true", help="leave the local AWS running")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    try:
        demo(arguments.environment, arguments.keep)
    except (Failed, RuntimeError) as problem:
        say(f"\nDemo FAILED: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
