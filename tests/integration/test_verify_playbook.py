"""playbooks/verify.yml as a user runs it: a table, a JSON file, an exit code."""

from __future__ import annotations

import json

import pytest
from support import site, verifying


def run(platform, *arguments, **env):
    return platform.run("playbooks/verify.yml", *arguments, **env)


@pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
def test_a_whole_deployment_passes_and_a_broken_one_is_named(scratch, tmp_path):
    scratch.local.clear_requests()
    path = tmp_path / "verify.json"
    done = run(scratch, "-e", f"verify_path={path}", **site.as_json({}))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    mode = "observe" if scratch.is_prod else "full"
    found = json.loads(path.read_text())
    assert (found["mode"], found["deployment"], found["counts"]["failed"]) == (mode, scratch.deployment, 0)
    assert {row["how"].partition(":")[0] for row in found["flows"]} == (
        {"from configuration", "not exercised"} | (set() if scratch.is_prod else {"exercised"})
    )
    if scratch.is_prod:
        assert [call["operation"] for call in scratch.local.requests() if call["access"] == "write"] == []
    # The role gives the module what the tests of the evaluation give it.
    given = site.results(done.stdout)["verify"]["invocation"]["module_args"]
    for name, value in verifying.parameters(site.parameters(scratch.environment)).items():
        shown = sorted(given[name]) if name == "buckets" else given[name]
        assert (shown or None) == (value or None) or name in ("mode", "path", "job", "workloads", "topics", "tables"), name
    assert [item["name"] for item in given["workloads"]] == ["agent", "consumers"]

    sns = scratch.client("sns")
    sns.unsubscribe(SubscriptionArn=scratch.first["messaging"]["resources"]["sns_subscription/ticket-events"]["arn"])
    broken = run(scratch, "-e", "verify_mode=observe")
    assert broken.returncode != 0
    assert (
        f"topic {scratch.environment}-ticket-events has no subscription for queue {scratch.environment}-ticket-events"
        in broken.stdout
    )
    assert f"Flows of {scratch.deployment} (observe)" in broken.stdout and "FAILED" in broken.stdout


@pytest.mark.parametrize("scratch", ["dev"], indirect=True)
def test_the_smoke_test_says_what_an_endpoint_of_ones_own_keeps_it_from(scratch, tmp_path):
    """Of the arrows that stay on this machine. It refuses an arrow that there is not."""
    path = tmp_path / "smoke.json"
    given = json.dumps({"verify_arrows": ["4c", "4d", "4f"], "verify_path": str(path)})
    done = scratch.run("playbooks/smoke.yml", "-e", given, **site.as_json({}))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(path.read_text())
    assert (found["mode"], found["counts"]["ok"], found["counts"]["failed"]) == ("smoke", 0, 0)
    assert {row["arrow"] for row in found["flows"]} == {"4c", "4d", "4f"}
    assert all(f"is {scratch.local.url} by configuration, and not AWS's" in row["how"] for row in found["flows"])

    done = run(scratch, "-e", '{"verify_arrows": ["9"]}', **site.as_json({}))
    assert done.returncode != 0
    (said,) = site.failures(done.stdout)["dev-us-east-1"]
    assert said.startswith("verify_arrows: '9' is none of 1, 2, 3, 4a")
