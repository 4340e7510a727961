"""Several deployments at once: on the forks of one process, and sliced over two processes that know nothing of each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.measure import BIN, Bench, Failed, run
from benchmarks.subjects import WORK

SIZES = (1, 4, 16)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
SLICES = 2


def inventory(count: int) -> dict[str, Any]:
    """``count`` deployments: environments in regions, each with credentials of its own."""
    hosts = {}
    for number in range(count):
        environment, region = f"bench{number // len(REGIONS)}", REGIONS[number % len(REGIONS)]
        hosts[f"{environment}-{region}"] = {
            "platform_environment": environment,
            "platform_region": region,
            "platform_domain": f"{environment}-{region}.example.com",
            "platform_aws_environment": {
                "AWS_ACCESS_KEY_ID": f"bench-{number}",
                "AWS_SECRET_ACCESS_KEY": f"bench-{number}",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
        }
    shared = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cloudfront_manage_zone": True,
        # Nothing runs in the emulator's clusters, and no database answers.
        "kubernetes_helm_releases": [],
        "schema_run_in": "none",
    }
    return {"all": {"hosts": hosts, "vars": shared}}


def slices(hosts: list[str], count: int = SLICES) -> list[list[str]]:
    """The hosts of each job slice, dealt out one by one as a controller does."""
    return [hosts[number::count] for number in range(count)]


def command(count: int, limit: list[str] | None = None) -> list[str]:
    """A run of ``count`` deployments, or of those among them that ``limit`` names."""
    WORK.mkdir(parents=True, exist_ok=True)
    file = WORK / f"deployments-{count}.json"
    file.write_text(json.dumps(inventory(count)))
    found = [str(BIN / "ansible-playbook"), "site.yml", "-i", str(file), "--forks", str(count)]
    return [*found, "--limit", ",".join(limit)] if limit else found


def measure(bench: Bench, latency_ms: float, sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Runs of each size, from nothing and without a change; then the largest, sliced.

    Raises Failed when slicing makes other things.
    """
    for count in sizes:
        bench.aws.reset()
        for scenario in ("fresh", "same"):
            cost = bench.cost(command(count), latency_ms, sample=True)
            yield _run(f"{count} deployments", scenario, latency_ms, cost.as_dict())
    if count < SLICES:
        return
    whole = bench.ask("--regions", *REGIONS)
    bench.aws.reset()
    bench.proxy.latency = latency_ms / 1000
    limits = slices(list(inventory(count)["all"]["hosts"]))
    with ThreadPoolExecutor(len(limits)) as pool:
        costs = list(pool.map(lambda limit: run(command(count, limit), bench.env(), sample=True), limits))
    bench.proxy.latency = 0
    for number, cost in enumerate(costs):
        yield _run(f"slice {number + 1} of {len(limits)} of {count} deployments", "fresh", latency_ms, cost.as_dict())
    sliced = bench.ask("--regions", *REGIONS)
    if sliced != whole:
        differing = [
            f"{region} {kind}" for region in whole for kind in whole[region] if whole[region][kind] != sliced[region][kind]
        ]
        raise Failed("slices of the deployments made other things than one run of them all: " + ", ".join(differing))


def _run(subject: str, scenario: str, latency_ms: float, cost: dict[str, Any]) -> dict[str, Any]:
    return {"what": "scaling", "subject": subject, "scenario": scenario, "latency_ms": latency_ms, "n": 0, **cost}
