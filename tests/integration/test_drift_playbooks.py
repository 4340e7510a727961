"""Drift and adoption as people run them."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.parametrize("scratch", ["dev"], indirect=True)


def drift(platform, tmp_path, *arguments):
    """The exit code, the document and the output."""
    path = tmp_path / "drift.json"
    platform.local.clear_requests()
    done = platform.run("playbooks/drift.yml", "-e", f"platform_drift_path={path}", *arguments)
    writes = [call for call in platform.local.requests() if call["access"] == "write"]
    assert writes == []
    return done, json.loads(path.read_text())


def test_a_clean_deployment_has_none(scratch, tmp_path):
    done, document = drift(scratch, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert not document["drift"] and "Drift of dev-us-east-1: none" in done.stdout


def test_one_of_each_kind_is_told_and_fails_the_run(scratch, tmp_path):
    topic = next(one["TopicArn"] for one in scratch.client("sns").list_topics()["Topics"] if "ticket" in one["TopicArn"])
    scratch.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="by hand")
    queue = next(url for url in scratch.client("sqs").list_queues()["QueueUrls"] if "ticket" in url)
    scratch.client("sqs").delete_queue(QueueUrl=queue)
    scratch.client("sqs").create_queue(QueueName="dev-by-hand")
    # A lookup of another tier's must not hide anything.
    aliases = scratch.client("kms").list_aliases()["Aliases"]
    alias = next(one for one in aliases if one["AliasName"].startswith("alias/dev/"))
    scratch.client("kms").delete_alias(AliasName=alias["AliasName"])
    scratch.client("kms").schedule_key_deletion(KeyId=alias["TargetKeyId"], PendingWindowInDays=7)
    done, document = drift(scratch, tmp_path)
    assert done.returncode != 0
    changed = {item["address"]: item for item in document["changed"]}
    topic_change = changed["sns_topic/" + topic.rsplit(":dev-", 1)[1]]
    assert [change["field"] for change in topic_change["fields"]] == ["display_name"]
    missing = {item["address"] for item in document["missing"]}
    assert "sqs_queue/" + queue.rsplit("/dev-", 1)[1] in missing
    assert [item["address"] for item in document["unmanaged"]] == ["sqs_queue/dev-by-hand"]
    assert "kms_key/" + alias["AliasName"].removeprefix("alias/dev/") in {*changed, *missing}
    assert document["errors"] == []
    assert "by hand -> " in done.stdout and "unmanaged  sqs_queue/dev-by-hand" in done.stdout


def test_adoption_shows_first_and_tags_after_confirmation(scratch):
    sqs = scratch.client("sqs")
    queue = next(url for url in sqs.list_queues()["QueueUrls"] if "ticket" in url)
    sqs.untag_queue(QueueUrl=queue, TagKeys=list(sqs.list_queue_tags(QueueUrl=queue)["Tags"]))
    sqs.tag_queue(QueueUrl=queue, Tags={"team": "support"})
    address = "sqs_queue/" + queue.rsplit("/dev-", 1)[1]

    scratch.local.clear_requests()
    looked = scratch.run("playbooks/adopt.yml")
    assert looked.returncode == 0, looked.stdout[-2000:]
    assert f"{address} (arn:aws:sqs:" in looked.stdout and "team=support" in looked.stdout
    assert [call for call in scratch.local.requests() if call["access"] == "write"] == []

    done = scratch.run("playbooks/adopt.yml", "-e", "confirm=dev-us-east-1")
    assert done.returncode == 0, done.stdout[-2000:]
    assert [call["operation"] for call in scratch.local.requests() if call["access"] == "write"] == ["TagQueue"]
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"]["team"] == "support"
    assert scratch.run("playbooks/messaging.yml").returncode == 0


def test_a_prune_of_no_kind_stops_before_the_first_call(scratch):
    scratch.local.clear_requests()
    done = scratch.run("playbooks/validate.yml", "-e", '{"platform_prune": ["instance/i-1"]}')
    assert done.returncode != 0 and "platform_prune" in done.stdout
    assert scratch.local.requests() == []
