"""Full mode: what is sent through arrives, nothing of it stays, and others' data is left alone, however the run ends."""

from __future__ import annotations

import contextlib
import json

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import data_probes, event_probes
from support import verifying
from support.dead_letters import Clock

from local_aws import redis
from local_aws.cache import CACHE

MARK = "agent-platform-verify"
# One of each: what a probe does to one, it does to all.
ONE = {"topics": [{"name": "ticket-events"}], "buckets": ["user-uploads"]}


@pytest.fixture(autouse=True)
def clock(monkeypatch, site_of):
    return Clock(monkeypatch, data_probes, event_probes)


def one_of_each(site):
    params = verifying.parameters(site.parameters)
    return {**params, **ONE, "tables": params["tables"][:1], "workloads": [], "arrows": ["4c", "4d", "4f", "async"]}


def left(site):
    """Everything of a probe that still stands anywhere, in words."""
    found = []
    for table in ("conversations", "sessions"):
        found += [f"item {item}" for item in boto3.client("dynamodb").scan(TableName=f"{site.environment}-{table}")["Items"]]
    s3 = boto3.client("s3")
    for bucket in s3.list_buckets()["Buckets"]:
        listed = s3.list_object_versions(Bucket=bucket["Name"])
        found += [f"object {item['Key']}" for item in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ()))]
    sqs = boto3.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        if int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"]):
            found.append(f"message in {url}")
    return found


def rows(result, arrow, how="exercised"):
    return [row for row in result["flows"] if row["arrow"] == arrow and row["how"] == how]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_everything_arrives_and_nothing_stays(site_of, environment):
    site = site_of(environment)
    boto3.client("secretsmanager").put_secret_value(SecretId=f"{environment}/openai-api-key", SecretString="not to be seen")
    result = verifying.run(verifying.parameters(site.parameters), mode="full")
    assert verifying.failures(result) == {} and not result["changed"]
    assert {arrow: len(rows(result, arrow)) for arrow in ("4a", "4c", "4d", "4f", "async")} == {
        "4a": 1,
        "4c": 2,
        "4d": 5,
        "4f": 4,
        "async": 4,
    }
    assert all(row["state"] == "ok" for row in result["flows"] if row["how"] == "exercised")
    assert "not to be seen" not in json.dumps(result)
    assert left(site) == []


def test_check_mode_only_observes(site_of):
    site = site_of("dev")
    site.aws.clear_requests()
    result = verifying.run(verifying.parameters(site.parameters), mode="full", check_mode=True)
    assert not result.get("failed") and [call.operation for call in site.aws.writes()] == []


def queue(site, name):
    return boto3.client("sqs").get_queue_url(QueueName=f"{site.environment}-{name}")["QueueUrl"]


PROBED, MOVED = "which a probe would take receives from", "which a replay would move"


@pytest.mark.parametrize(("name", "harm"), [("ticket-events", PROBED), ("ticket-events-dlq", MOVED)])
def test_messages_of_others_are_left_alone(site_of, name, harm):
    site = site_of("dev")
    sqs, url = boto3.client("sqs"), queue(site, name)
    sqs.send_message(QueueUrl=url, MessageBody="somebody's")
    result = verifying.run(one_of_each(site), mode="full")
    assert not result.get("failed")
    (row,) = [row for row in result["flows"] if "poison" in row["flow"]]
    assert row["how"] == f"not exercised: queue dev-{name} holds messages of others, {harm}"
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Body"] == "somebody's" and message["Attributes"]["ApproximateReceiveCount"] == "2"  # this one and one more


def while_published(site, name, callback=lambda: None):
    """Somebody sends a message to the queue while the probe is on its way."""
    sqs, url = boto3.client("sqs"), queue(site, name)

    def send(call):
        sqs.send_message(QueueUrl=url, MessageBody="somebody's")
        callback()

    return site.aws.settings.fault(operation="Publish", nth=1, callback=send)


def receives(site, name):
    """Body and count of receives, this one included, of everything in the queue."""
    got = boto3.client("sqs").receive_message(QueueUrl=queue(site, name), MaxNumberOfMessages=10, AttributeNames=["All"])
    return [(item["Body"], int(item["Attributes"]["ApproximateReceiveCount"])) for item in got.get("Messages", ())]


def test_what_comes_meanwhile_comes_back_and_no_poison_follows(site_of, clock):
    site = site_of("dev")
    fault = while_published(site, "ticket-events")
    result = verifying.run({**one_of_each(site), "arrows": ["4f", "async"]}, mode="full")
    site.aws.settings.clear()
    (sent,) = [row for row in result["flows"] if "arrived" in row["flow"]]
    (poison,) = [row for row in result["flows"] if "poison" in row["flow"]]
    assert fault.seen and sent["state"] == "ok"
    assert poison["how"] == f"not exercised: queue dev-ticket-events holds messages of others, {PROBED}"
    clock.pass_by(event_probes.HIDDEN)
    assert receives(site, "ticket-events") == [("somebody's", 2)]  # this one and one more


@pytest.mark.parametrize("arrow", ["4f", "async"])
def test_a_probe_that_is_late_does_not_wear_out_what_came_before_it(site_of, clock, arrow):
    site = site_of("dev")
    sqs, url = boto3.client("sqs"), queue(site, "ticket-events")
    late = 25
    fault = while_published(
        site, "ticket-events", lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": str(late)})
    )
    result = verifying.run({**one_of_each(site), "arrows": [arrow]}, mode="full")
    site.aws.settings.clear()
    (row,) = [row for row in result["flows"] if row["flow"].endswith("consumed") and row["flow"].startswith("ticket-events: ")]
    assert fault.seen and not result.get("failed")
    assert row["how"] == f"not exercised: queue dev-ticket-events holds messages of others, {PROBED}"
    clock.pass_by(event_probes.HIDDEN)
    ((body, count),) = receives(site, "ticket-events")
    assert body == "somebody's" and count - 1 <= 2  # without this one


def test_dead_letters_of_others_that_come_meanwhile_are_not_moved(site_of, clock):
    site = site_of("dev")
    fault = while_published(site, "ticket-events-dlq")
    result = verifying.run({**one_of_each(site), "arrows": ["async"]}, mode="full")
    site.aws.settings.clear()
    (row,) = [row for row in result["flows"] if "poison" in row["flow"]]
    assert fault.seen and row["how"] == f"not exercised: queue dev-ticket-events-dlq holds messages of others, {MOVED}"
    clock.pass_by(event_probes.HIDDEN)
    assert [body for body, _count in receives(site, "ticket-events-dlq")] == ["somebody's"]
    assert receives(site, "ticket-events") == []


def test_a_subscription_that_filters_is_not_tried(site_of):
    site = site_of("dev")
    boto3.client("sns").set_subscription_attributes(
        SubscriptionArn=site.resources["sns_subscription/ticket-events"]["arn"],
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"kind": ["opened"]}),
    )
    result = verifying.run(one_of_each(site), mode="full")
    assert not result.get("failed")
    assert "filters, and a probe is none of what it lets through" in json.dumps(result["flows"]) and left(site) == []


def subscribe_envelopes(site):
    boto3.client("sns").set_subscription_attributes(
        SubscriptionArn=site.resources["sns_subscription/ticket-events"]["arn"],
        AttributeName="RawMessageDelivery",
        AttributeValue="false",
    )


def test_a_probe_is_known_inside_of_an_envelope(site_of):
    site = site_of("dev")
    subscribe_envelopes(site)
    result = verifying.run(one_of_each(site), mode="full")
    assert verifying.failures(result) == {} and left(site) == []


def lose_messages(site):
    key = site.resources["kms_key/shared"]["arn"]
    kms = boto3.client("kms")
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"] = [item for item in policy["Statement"] if item["Sid"] != "ServicesOfThisAccount"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))


def never_dead(site):
    sqs, dead = boto3.client("sqs"), "arn:aws:sqs:us-east-1:123456789012:dev-ticket-events-dlq"
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 900})
    sqs.set_queue_attributes(QueueUrl=queue(site, "ticket-events"), Attributes={"RedrivePolicy": policy})


def take_other_keys(site):
    boto3.client("s3").delete_bucket_policy(Bucket=site.resources["s3_bucket/user-uploads"]["id"])


def other_default_key(site):
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": boto3.client("kms").create_key()["KeyMetadata"]["Arn"]}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    boto3.client("s3").put_bucket_encryption(
        Bucket=site.resources["s3_bucket/user-uploads"]["id"], ServerSideEncryptionConfiguration=rules
    )


def no_index(site):
    update = [{"Delete": {"IndexName": "by-created-at"}}]
    boto3.client("dynamodb").update_table(TableName="dev-conversations", GlobalSecondaryIndexUpdates=update)


@pytest.mark.parametrize(
    ("broken", "flow", "cause"),
    [
        (lose_messages, "[4f] ticket-events: published", "did not arrive in queue dev-ticket-events within 30 s"),
        (never_dead, "[async] ticket-events: poison", "queue dev-ticket-events gives a message out more than 5 times"),
        (take_other_keys, "[4d] bucket user-uploads: put", "took it, an object under another key (AES256)"),
        (other_default_key, "[4d] bucket user-uploads: put", "and not by key alias/dev/shared"),
        (no_index, "[4c] table conversations: put", "by-created-at"),
    ],
)
def test_what_does_not_go_through_is_named_and_cleaned_up(site_of, broken, flow, cause):
    site = site_of("dev")
    broken(site)
    failures = verifying.failures(verifying.run(one_of_each(site), mode="full"))
    found = [text for name, text in failures.items() if name.startswith(flow)]
    assert found and cause in found[0], failures
    assert left(site) == []


class Killed(BaseException):
    """What ends a run: a signal (once), or a SIGKILL (each further call dies too)."""


@pytest.mark.parametrize("arrow", ["4c", "4d", "4f", "async"])
def test_interrupted_it_cleans_up_and_killed_the_next_run_does(site_of, clock, arrow):
    """At every write of it."""
    site = site_of("dev")
    params = {**one_of_each(site), "arrows": [arrow]}
    site.aws.clear_requests()
    assert not verifying.run(params, mode="full").get("failed")
    count, points = len(site.aws.writes()), 0
    assert left(site) == [] and count >= 2

    def die(call):
        raise Killed

    # Killed before the next write is killed after this one.
    for when, killed in (("before", True), ("after", False)):
        for nth in range(1, count + 1):
            site.aws.restore(site.full)
            site.aws.settings.fault(access="write", nth=nth, when=when, callback=die)
            if killed:
                site.aws.settings.fault(access="write", nth=nth + 1, times=1000, callback=die)
            with contextlib.suppress(Killed):
                verifying.run(params, mode="full")
            site.aws.settings.clear()
            if killed or left(site):
                # What the dead run had received comes back by itself; of an interrupted deletion the answer is lost.
                clock.pass_by(120)
                assert not verifying.run(params, mode="full").get("failed"), (when, nth)
            assert left(site) == [], (when, nth)
            points += 1
    assert points == 2 * count


@pytest.mark.skipif(bool(redis.missing()), reason=redis.missing())
def test_a_cache_within_reach_is_tried(site_of):
    site = site_of("dev")
    CACHE.start()
    try:
        params = {**verifying.parameters(site.parameters), "arrows": ["4e"], "cache_ca": str(CACHE.server.ca)}
        result = verifying.run(params, mode="full")
        assert verifying.failures(result) == {} and {row["flow"] for row in rows(result, "4e")} == {
            "Redis refuses what has no TLS or no AUTH",
            "Redis keeps a session key for 24 hours",
        }
        # Without its token nothing is written there, so for looking on the first is enough.
        assert [row["flow"] for row in rows(verifying.run(params), "4e")] == ["Redis refuses what has no TLS or no AUTH"]
        boto3.client("secretsmanager").put_secret_value(SecretId="dev/redis-auth-token", SecretString="another-token")
        failures = verifying.failures(verifying.run(params, mode="full"))
        assert "does not take the token of secret dev/redis-auth-token" in failures["[4e] Redis keeps a session key for 24 hours"]
    finally:
        CACHE.stop()
