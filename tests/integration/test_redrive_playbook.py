"""playbooks/redrive.yml as a user runs it: it looks, it replays, it refuses."""

from __future__ import annotations

import json

import pytest
from support import site

DLQ = "dev-ticket-events-dlq"


@pytest.mark.parametrize("scratch", ["dev"], indirect=True)
def test_dead_letters_are_shown_and_sent_back(scratch, tmp_path):
    sqs = scratch.client("sqs")
    dead = sqs.get_queue_url(QueueName=DLQ)["QueueUrl"]
    main = sqs.get_queue_url(QueueName="dev-ticket-events")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody='{"ticket": "hush"}')

    looked = scratch.run("playbooks/redrive.yml")
    assert looked.returncode == 0, looked.stdout[-3000:]
    assert f"{DLQ}: 1 visible, 0 in flight" in looked.stdout and "text, 4 characters" in looked.stdout
    assert "hush" not in looked.stdout and "-e replay=dev-ticket-events" in looked.stdout

    refused = scratch.run("playbooks/redrive.yml", "-e", "replay=tickets", **site.as_json({}))
    assert refused.returncode != 0
    (said,) = site.failures(refused.stdout)["dev-us-east-1"]
    assert said.startswith("replay: 'tickets' is no queue of this deployment") and "ticket-events" in said

    scratch.local.clear_requests()
    checked = scratch.run("playbooks/redrive.yml", "-e", "replay=all", "--check")
    assert checked.returncode == 0 and "nothing was touched" in checked.stdout
    assert [call["operation"] for call in scratch.local.requests() if call["access"] == "write"] == []

    path = tmp_path / "redrive.json"
    done = scratch.run("playbooks/redrive.yml", "-e", "replay=ticket-events", "-e", f"redrive_path={path}")
    assert done.returncode == 0 and "1 moved back to dev-ticket-events by SQS's move task" in done.stdout
    (found,) = json.loads(path.read_text())["queues"]
    assert (found["moved"], found["left"]["visible"]) == (1, 0)
    assert sqs.receive_message(QueueUrl=main)["Messages"][0]["Body"] == '{"ticket": "hush"}'
