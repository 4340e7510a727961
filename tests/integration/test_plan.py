"""Plan, approve, apply: as a user types it."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from support import site

TIERS = site.tiers_in_order()
SCHEMA = json.loads((site.ROOT / "docs/plan-file.schema.json").read_text())
MESSAGING = ("--tags", "messaging", "-e", "messaging_retention_days=5")


def writes(local):
    return [f"{call['service']}:{call['operation']}" for call in local.requests() if call["access"] == "write"]


def closing(done):
    """What comes after the recap."""
    return [line for line in done.stdout.partition("PLAY RECAP")[2].splitlines()[2:] if line]


def words(done):
    """All output, as one line, since long messages are wrapped."""
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def plan(tmp_path):
    """Returns ``plan(platform, ...)``: makes a plan without a write and answers its path."""

    def make(platform, *arguments, returncode=0):
        path = tmp_path / "plans/plan.json"
        platform.local.clear_requests()
        done = platform.run("playbooks/plan.yml", "-e", f"platform_plan_path={path}", *arguments)
        assert done.returncode == returncode, done.stdout[-3000:] + done.stderr
        assert writes(platform.local) == []
        document = json.loads(path.read_text())
        jsonschema.validate(document, SCHEMA)
        make.done = done
        return path

    return make


def apply(platform, path, *arguments, playbook="site.yml"):
    platform.local.clear_requests()
    return platform.run(playbook, "-e", f"platform_plan={path}", *arguments)


def refused(platform, path, *arguments, playbook="site.yml"):
    done = apply(platform, path, *arguments, playbook=playbook)
    assert done.returncode != 0
    assert writes(platform.local) == []
    return words(done)


def resealed(path, **changed):
    """The plan as if it had been made so."""
    document = {**json.loads(path.read_text()), **changed}
    document["digest"] = plan_file.digest_of(document)
    document["checksum"] = plan_file.checksum_of(document)
    path.write_text(plan_file.as_text(document))
    return path


@pytest.mark.parametrize("empty", ["prod"], indirect=True)
def test_from_an_empty_account_to_just_what_was_planned(empty, plan, deployed):
    first = deployed("prod").first
    deployed.empty()
    path = plan(empty)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = json.loads(path.read_text())
    assert document["tiers"] == TIERS
    assert {action["action"] for action in document["actions"]} == {"create"}
    assert [a["address"] for a in document["actions"]] == [a["address"] for tier in TIERS for a in first[tier]["plan"]]
    told = closing(plan.done)
    assert told[0] == f"Plan of prod-us-east-1 in account 123456789012, us-east-1: {len(document['actions'])} to create"
    assert [line.partition(":")[0] for line in told if line[0].isalpha()][1:-1] == TIERS
    assert "        cidr_block: (known after apply)" not in told
    assert any("(known after apply)" in line for line in told)
    assert told[-1].startswith(f"Written to {path} and {path.with_suffix('.md')}; digest {document['digest'][:12]}")
    assert document["digest"] in path.with_suffix(".md").read_text()

    done = apply(empty, path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert len(writes(empty.local)) > 100
    told = closing(done)
    assert told[0] == f"prod-us-east-1: {len(document['actions'])} created"
    assert [line[6:] for line in told if line.startswith("  + ")] == [action["address"] for action in document["actions"]]

    again = empty.run("site.yml")
    assert again.returncode == 0
    assert closing(again) == []
    # What was done is not to be done any more.
    assert "kms_key/storage: create is in the plan, and is not to be done any more" in refused(empty, path)


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_what_moved_is_named_before_the_first_write(scratch, plan):
    path = plan(scratch, *MESSAGING)
    assert json.loads(path.read_text())["tiers"] == ["messaging"]
    sqs = scratch.client("sqs")
    url = sqs.get_queue_url(QueueName="prod-ticket-events")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "77"})
    sqs.tag_queue(QueueUrl=sqs.get_queue_url(QueueName="prod-action-requests")["QueueUrl"], Tags={"by-hand": "yes"})
    said = refused(scratch, path, *MESSAGING)
    assert "sqs_queue/ticket-events: visibility_timeout_seconds is not in the plan, and would be changed: 77 ->" in said
    assert "sqs_queue/ticket-events: what the plan rests on has changed in the account: visibility_timeout_seconds" in said
    assert "sqs_queue/action-requests: what the plan rests on has changed in the account: tags" in said
    assert "knowledge-updates" not in said.partition("this has moved")[2]
    # The configuration counts as well.
    said = refused(scratch, path, "--tags", "messaging", "-e", "messaging_retention_days=6")
    assert "retention_seconds would become 432000 in the plan, and would become 518400 by now" in said
    # Nor does a tier by itself do what is not in the plan.
    said = refused(scratch, path, *MESSAGING, playbook="playbooks/messaging.yml")
    assert "sqs_queue/ticket-events: visibility_timeout_seconds was not to change in the plan that was approved" in said


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_a_plan_that_does_not_fit_the_run(scratch, plan):
    path = plan(scratch, *MESSAGING)
    # Of other tiers.
    said = refused(scratch, path, "--tags", "kms,messaging", "-e", "messaging_retention_days=5")
    assert "covers messaging, and this run kms, messaging" in said
    said = refused(scratch, path, "-e", "vpc_flow_log_retention_days=30", playbook="playbooks/vpc.yml")
    assert "log_group/vpc-flow-logs: update is not in the plan that was approved" in said
    # Too old, by the site and by the tier alone.
    made = json.loads(path.read_text())["made_at"]
    old = (datetime.now(UTC) - timedelta(hours=3)).strftime(plan_file.TIME)
    resealed(path, made_at=old)
    for playbook in ("site.yml", "playbooks/messaging.yml"):
        said = refused(scratch, path, *MESSAGING, "-e", "platform_plan_max_age=60", playbook=playbook)
        assert "is 3 h 0 min old, and platform_plan_max_age allows 60 minutes" in said
    # Of elsewhere.
    resealed(path, made_at=made, account="210987654321")
    assert "is for account 210987654321, and this is 123456789012" in refused(scratch, path, *MESSAGING)
    said = refused(scratch, path, *MESSAGING, playbook="playbooks/messaging.yml")
    assert "the plan is for account 210987654321, and this is 123456789012" in said
    resealed(path, account="123456789012", deployment="dev-us-east-1")
    assert "is for deployment dev-us-east-1, and this is prod-us-east-1" in refused(scratch, path, *MESSAGING)
    # Changed by hand.
    resealed(path, deployment="prod-us-east-1")
    path.write_text(path.read_text().replace("432000", "345600"))
    assert "was changed after it was written" in refused(scratch, path, *MESSAGING, playbook="playbooks/messaging.yml")


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_one_tier_by_itself_applies_its_part_of_a_plan(scratch, plan):
    path = plan(scratch, *MESSAGING)
    done = apply(scratch, path, *MESSAGING, playbook="playbooks/messaging.yml")
    assert done.returncode == 0, done.stdout
    assert set(writes(scratch.local)) == {"sqs:SetQueueAttributes"}
    assert closing(done)[0] == "prod-us-east-1: 4 updated"


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_a_plan_with_refusals_is_written_and_fails(scratch, plan):
    cidr = ("--tags", "vpc", "-e", "vpc_cidr=10.77.0.0/16")
    path = plan(scratch, *cidr, returncode=2)
    document = json.loads(path.read_text())
    assert document["refusals"]
    told = closing(plan.done)
    assert f"{len(document['refusals'])} refused" in told[0]
    assert any(line.startswith(f"  !   {document['refusals'][0]['address']}: refused: ") for line in told)
    assert "## Refused" in path.with_suffix(".md").read_text()
    assert "has refusals, so it cannot be applied" in refused(scratch, path, *cidr, playbook="playbooks/vpc.yml")


@pytest.mark.parametrize("empty", ["prod"], indirect=True)
def test_by_the_collections_name_for_two_deployments(empty, tmp_path):
    """Without this checkout's ansible.cfg, so without its callbacks: then the task itself tells the plan."""
    inventory = tmp_path / "two"
    shutil.copytree(site.ROOT / "inventories/prod", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    hosts["prod"]["hosts"] = {"prod-us-east-1": {}, "prod-eu-west-1": {"platform_region": "eu-west-1"}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    run = ("agent_platform.aws.plan", "-i", str(inventory), "-e", f"@{site.ROOT}/local_aws/vars.yml", "--tags", "kms")
    env = {**empty.local.env, "ANSIBLE_COLLECTIONS_PATH": str(site.ROOT / ".collections")}
    empty.local.clear_requests()
    done = site.ansible(*run, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert writes(empty.local) == []
    for region in ("us-east-1", "eu-west-1"):
        document = json.loads((tmp_path / f"plans/prod-{region}.json").read_text())
        jsonschema.validate(document, SCHEMA)
        assert (document["region"], document["tiers"], len(document["actions"])) == (region, ["kms"], 7)
        assert f"Plan of prod-{region} in account 123456789012, {region}: 7 to create" in done.stdout
    done = site.ansible(*run, "-e", "platform_plan_path=one.json", env=env, cwd=tmp_path)
    assert done.returncode != 0
    assert "platform_plan_path: two hosts of this run write to one.json; put {{ platform_deployment }} into the name" in words(done)


@pytest.mark.parametrize("platform", ["prod"], indirect=True)
def test_output_for_machines_stays_one_document(platform, tmp_path):
    path = tmp_path / "plan.json"
    arguments = ("playbooks/plan.yml", *MESSAGING, "-e", f"platform_plan_path={path}")
    done = platform.run(*arguments, **site.as_json({}))
    assert done.returncode == 0
    document = json.loads(done.stdout)
    (result,) = document["plays"][-1]["tasks"][-1]["hosts"].values()
    assert result["summary"][0].endswith(": 4 to update")
    assert result["digest"] == json.loads(path.read_text())["digest"]


@pytest.mark.parametrize("platform", ["prod"], indirect=True)
def test_without_a_plan_nothing_is_compared(platform):
    platform.local.clear_requests()
    done = platform.run("playbooks/approve.yml")
    assert done.returncode == 0
    assert platform.local.requests() == []
    assert "agent_platform.aws.kms" not in done.stdout
