"""Looking into dead letters and sending them back, on the queues that the messaging tier makes."""

from __future__ import annotations

import contextlib
import json

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.redrive import by_messages, masking
from support.dead_letters import TOPIC, Clock, fill, held, run, url

DLQ = f"{TOPIC}-dlq"
WAYS = ("task", "messages")
BATCH = 10
# So many that a task of one a second runs as long as a slow machine takes to look at it.
MANY = 40


@pytest.fixture
def queues(prepare):
    prepared = prepare("messaging")
    prepared.on_whole()
    prepared.aws.settings.clear()
    yield prepared.aws
    prepared.aws.settings.clear()


@pytest.fixture
def clock(queues, monkeypatch):
    return Clock(monkeypatch)


def kinds(bodies):
    return sorted((body, f"kind-{number}") for number, body in enumerate(bodies))


def use(aws, way):
    """The service offers its move task, or does not; the tool finds out."""
    aws.settings.message_moves = way == "task"


def row(result):
    (found,) = [item for item in result["queues"] if item["queue"] == f"prod-{TOPIC}"]
    return found


def test_a_look_shows_shapes_and_gives_everything_back(queues, clock):
    fill(5)
    clock.pass_by(7200)
    result = run()
    assert not result.get("failed") and result["changed"] is False
    found = row(result)
    assert (found["visible"], found["in_flight"], len(found["sample"])) == (5, 0, 3)
    assert 7200 <= found["oldest_seconds"] < 7300
    assert found["sample"][0]["body"] == {
        "ticket": "number",
        "text": "text, 8 characters",
        "tags": ["text, 1 characters", "... 2 items"],
    }
    assert found["sample"][0]["attributes"] == {"kind": "String, 6 characters"}
    assert "secret" not in json.dumps(result) and "kind-" not in json.dumps(result)
    assert len(run(sample=10)["queues"][1]["sample"]) == 5  # all visible again, without any time passing
    assert len(held(DLQ)) == 5


def test_bodies_are_shown_where_that_is_asked_for(queues, clock):
    (body,) = fill(1)
    assert row(run(show_bodies=True))["sample"][0]["body"] == body


def test_a_look_that_breaks_gives_back_what_it_holds(queues, clock, monkeypatch):
    fill(2)
    monkeypatch.setattr(masking, "masked", lambda body: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run()
    monkeypatch.undo()
    Clock(monkeypatch)
    assert row(run())["visible"] == 2


@pytest.mark.parametrize("way", WAYS)
def test_check_mode_writes_nothing(queues, clock, way):
    use(queues, way)
    fill(3)
    queues.clear_requests()
    for params in ({}, {"replay": "all"}, {"cancel": "all"}):
        result = run(check_mode=True, **params)
        assert not result.get("failed") and not result["changed"] and row(result)["visible"] == 3
    assert [call.operation for call in queues.writes()] == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [TOPIC, f"prod-{TOPIC}", f"prod-{DLQ}", "all"])
def test_everything_goes_back_whole(queues, clock, way, name):
    use(queues, way)
    bodies = fill(25)
    result = run(replay=name, rate=0)
    found = row(result)
    assert not result.get("failed") and result["changed"]
    assert (found["moved"], found["way"], found["left"]["visible"]) == (25, way, 0)
    assert held(TOPIC) == kinds(bodies) and held(DLQ) == []
    again = run(replay=name)
    assert not again["changed"] and row(again)["moved"] == 0


def test_a_limit_is_kept_and_leaves_sqs_own_move_aside(queues, clock):
    fill(25)
    result = run(replay=TOPIC, limit=12, rate=0)
    assert (row(result)["moved"], row(result)["way"]) == (12, "messages")
    assert (len(held(TOPIC)), len(held(DLQ))) == (12, 13)


@pytest.mark.parametrize("rate", [1, 4, 50])
def test_a_rate_is_kept_by_messages(queues, clock, rate):
    fill(12)
    begin = clock.monotonic()
    run(replay=TOPIC, rate=rate, way="messages")
    size = min(BATCH, rate)
    last = 12 % size or size  # the last batch is not waited for
    assert clock.monotonic() - begin >= (12 - last) / rate
    assert sum(clock.pauses) <= (12 - last) / rate + 0.5


def test_a_rate_is_kept_by_a_task_and_progress_is_told(queues, clock):
    fill(12)
    begin = clock.monotonic()
    result = run(replay=TOPIC, rate=2)
    assert row(result)["moved"] == 12
    assert 6 <= clock.monotonic() - begin < 60


def test_a_task_is_followed_no_longer_than_one_waits(queues, clock):
    fill(MANY)
    found = row(run(replay=TOPIC, rate=1, wait_seconds=4))
    assert found["still_moving"] and 0 < found["moved"] < MANY
    clock.pass_by(60)
    found = row(run(replay=TOPIC, rate=1))
    assert not found["still_moving"] and len(held(TOPIC)) == MANY


def test_a_running_task_of_somebody_else_is_followed_and_not_begun_twice(queues, clock):
    fill(MANY)
    sqs = boto3.client("sqs")
    arn = sqs.get_queue_attributes(QueueUrl=url(DLQ), AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)
    queues.clear_requests()
    assert "a move task: " in "\n".join(run()["summary"])
    found = row(run(replay=TOPIC))
    assert found["others"] and found["moved"] == MANY and held(DLQ) == []
    assert [call.operation for call in queues.requests if call.operation == "StartMessageMoveTask"] == []


def test_an_earlier_task_is_not_taken_for_the_one_that_the_list_does_not_show_yet(queues, clock, monkeypatch):
    fill(2)
    assert row(run(replay=TOPIC))["moved"] == 2
    fill(5)
    moves, start, behind = by_messages.Messages.moves, by_messages.Messages.start_move, []

    def starting(self, arn, target, rate):
        behind.extend([moves(self, arn)] * 2)
        return start(self, arn, target, rate)

    monkeypatch.setattr(by_messages.Messages, "start_move", starting)
    monkeypatch.setattr(by_messages.Messages, "moves", lambda self, arn: behind.pop() if behind else moves(self, arn))
    assert row(run(replay=TOPIC))["moved"] == 5 and behind == []


def test_by_messages_does_not_get_in_the_way_of_a_running_task(queues, clock):
    fill(MANY)
    run(replay=TOPIC, rate=1, wait_seconds=0)
    result = run(replay=TOPIC, limit=2)
    assert result["failed"] and "a move task is running" in result["msg"] and f"-e cancel=prod-{TOPIC}" in result["msg"]


def test_a_task_is_cancelled(queues, clock):
    fill(MANY)
    run(replay=TOPIC, rate=1, wait_seconds=3)
    assert run(cancel=TOPIC)["queues"][0]["cancelled"]
    clock.pass_by(60)
    assert 0 < len(held(DLQ)) < MANY and len(held(TOPIC)) + len(held(DLQ)) == MANY
    assert not run(cancel=TOPIC)["changed"]


def test_a_task_that_fails_says_why(queues, clock):
    fill(MANY)
    run(replay=TOPIC, rate=1, wait_seconds=0)
    moving = url(TOPIC)
    fault = queues.settings.fault(
        operation="ListMessageMoveTasks", nth=1, callback=lambda call: boto3.client("sqs").delete_queue(QueueUrl=moving)
    )
    result = run(replay=TOPIC, rate=1)
    assert fault.seen and result["failed"] and "NonExistentQueue" in result["msg"] and len(held(DLQ)) == MANY


def test_what_the_queue_does_not_take_stays(queues, clock, monkeypatch):
    use(queues, "messages")
    bodies = fill(12)
    send = by_messages.Messages.send

    def refusing(self, target, part):
        """The service takes the batch, all but what is refused."""
        good = [message for message in part if '"ticket": 3' not in message["Body"]]
        assert not send(self, target, good)
        return {number: "InternalError: not now" for number, message in enumerate(part) if message not in good}

    monkeypatch.setattr(by_messages.Messages, "send", refusing)
    result = run(replay=TOPIC, rate=0)
    found = row(result)
    assert result["failed"] and list(found["failed"].values()) == ["InternalError: not now"] and found["moved"] == 11
    assert held(DLQ) == [(bodies[3], "kind-3")] and found["left"] == {"visible": 1, "in_flight": 0, "delayed": 0}


def test_what_cannot_be_deleted_is_said_to_be_in_both(queues, clock, monkeypatch):
    use(queues, "messages")
    fill(12)
    monkeypatch.setattr(by_messages.Messages, "delete", lambda self, source, part: {0: "InternalError: not now"})
    result = run(replay=TOPIC, rate=0)
    assert result["failed"] and "could not be deleted" in result["msg"]
    assert row(result)["moved"] == BATCH  # it ends there


def test_large_messages_go_in_calls_that_sqs_takes():
    attributes = {"kind": {"DataType": "String", "StringValue": "k"}}
    batch = [{"MessageId": str(n), "Body": "x" * 100_000, "MessageAttributes": attributes} for n in range(7)]
    parts = list(by_messages._parts(batch))
    assert [len(part) for part in parts] == [2, 2, 2, 1] and [message for part in parts for message in part] == batch


def test_groups_ids_and_traces_are_kept():
    from ansible_collections.agent_platform.aws.plugins.module_utils.aws.messages import _entry

    system = {"MessageGroupId": "g", "MessageDeduplicationId": "d", "AWSTraceHeader": "Root=1", "SentTimestamp": "1"}
    entry = _entry(4, {"Body": "b", "Attributes": system, "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"x"}}})
    assert entry == {
        "Id": "4",
        "MessageBody": "b",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "d",
        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
        "MessageAttributes": {"n": {"DataType": "Binary", "BinaryValue": b"x"}},
    }


def test_a_young_message_of_a_fifo_queue_stays(queues, clock):
    """Within five minutes a FIFO queue would take it for a repetition, and drop it."""
    sqs = boto3.client("sqs")
    tags = sqs.list_queue_tags(QueueUrl=url(TOPIC))["Tags"]
    fifo = {"FifoQueue": "true"}
    dead = sqs.create_queue(QueueName="prod-line-dlq.fifo", Attributes=fifo, tags=tags)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    sqs.create_queue(QueueName="prod-line.fifo", Attributes={**fifo, "RedrivePolicy": policy}, tags=tags)
    for number in range(3):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number), MessageGroupId="g", MessageDeduplicationId=str(number))
    result = run(replay="prod-line.fifo", way="messages", rate=0)
    assert result["failed"] and "younger than 300 s" in result["msg"] and result["queues"][0]["left"]["visible"] == 3
    clock.pass_by(301)
    assert run(replay="prod-line.fifo", way="messages", rate=0)["queues"][0]["moved"] == 3
    found = sqs.receive_message(QueueUrl=url("line.fifo"), MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    assert [(item["Body"], item["Attributes"]["MessageDeduplicationId"]) for item in found] == [("0", "0"), ("1", "1"), ("2", "2")]


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {"replay": "ticket-event"},
            "replay: 'ticket-event' is no queue of this deployment that has a dead-letter queue: name one of",
        ),
        ({"replay": "x"}, "action-requests, ticket-events, or all"),
        ({"queues": ["x"]}, "redrive_queues: 'x' is no queue"),
        ({"cancel": "x"}, "cancel: 'x' is no queue"),
        ({"rate": 501}, "redrive_rate: 501 is outside 0 to 500 messages a second"),
        ({"limit": -1}, "redrive_limit: -1 is outside"),
        ({"sample": 11}, "redrive_sample: 11 is outside 0 to 10"),
        ({"way": "task", "limit": 3}, "redrive_limit: 3 does not go with redrive_way: task"),
        ({"replay": "all", "cancel": "all"}, "give one of the two"),
        ({"environment": "staging"}, "staging-us-east-1 has no queue with a dead-letter queue in us-east-1"),
    ],
)
def test_bad_input_is_refused_before_any_write(queues, clock, params, sentence):
    fill(1)
    queues.clear_requests()
    result = run(**params)
    assert result["failed"] and sentence in result["msg"]
    assert queues.writes() == []


def test_a_queue_that_lost_its_redrive_policy_gets_its_letters_back(queues, clock):
    bodies = fill(3)
    boto3.client("sqs").set_queue_attributes(QueueUrl=url(TOPIC), Attributes={"RedrivePolicy": ""})
    assert row(run(replay=TOPIC))["way"] == "messages" and held(TOPIC) == kinds(bodies)


def test_a_dead_letter_queue_of_two_queues_is_not_replayed(queues, clock):
    fill(1)
    sqs = boto3.client("sqs")
    dead = sqs.get_queue_attributes(QueueUrl=url(DLQ), AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=url(DLQ), Attributes={"RedriveAllowPolicy": ""})
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 3})
    sqs.set_queue_attributes(QueueUrl=url("action-requests"), Attributes={"RedrivePolicy": policy})
    result = run(replay=TOPIC)
    assert result["failed"] and f"prod-{DLQ} is the dead-letter queue of prod-action-requests and prod-{TOPIC}" in result["msg"]
    assert len(held(DLQ)) == 1 and not run().get("failed")


def test_a_way_that_is_not_offered_is_named(queues, clock):
    use(queues, "messages")
    fill(1)
    result = run(replay=TOPIC, way="task")
    assert result["failed"] and "SQS offers no move tasks here" in result["msg"] and len(held(DLQ)) == 1


class Killed(BaseException):
    """What a SIGKILL leaves: nothing that cleans up runs to its end, since each further call dies too."""


def killing(aws, nth, when):
    """Every call from the nth on dies, before or after it has reached AWS."""
    dead = []

    def die(call):
        dead.append(call)
        raise Killed

    aws.settings.fault(service="sqs", nth=nth, when=when, callback=die)
    aws.settings.fault(service="sqs", nth=nth + 1, times=1000, callback=die)
    return dead


@pytest.mark.parametrize("way", WAYS)
def test_killed_before_and_after_every_call_nothing_is_lost(queues, clock, way):
    """25 messages. Each is in a queue afterwards, twice at most those of one batch, and the next run finishes."""
    bodies = fill(25)
    full, points, doubles = queues.snapshot(), 0, 0
    for when in ("before", "after"):
        for nth in range(1, 100):
            queues.restore(full)
            use(queues, way)
            dead = killing(queues, nth, when)
            with contextlib.suppress(Killed):
                run(replay=TOPIC, rate=0 if way == "messages" else 9)
            queues.settings.clear()
            use(queues, way)
            if not dead:
                break
            points += 1
            between = held(TOPIC) + held(DLQ)
            assert set(between) == set(kinds(bodies)), (when, nth)
            assert len(between) - 25 <= BATCH, (when, nth)
            result = run(replay=TOPIC, rate=0)
            assert not result.get("failed"), (when, nth, result)
            assert held(DLQ) == [] and set(held(TOPIC)) == set(kinds(bodies)), (when, nth)
            doubled = len(held(TOPIC)) - 25
            assert doubled <= BATCH, (when, nth)
            doubles = max(doubles, doubled)
    assert points >= (20 if way == "messages" else 10)
    assert doubles == (BATCH if way == "messages" else 0)  # the bound is reached, so it is the bound
