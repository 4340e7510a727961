"""SQS and SNS as AWS has them."""

from __future__ import annotations

import json
import threading
import time

import pytest

ACCOUNT = "123456789012"


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def sns(client):
    return client("sns")


def attributes(sqs, url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def queue(sqs, name, **values):
    url = sqs.create_queue(QueueName=name, Attributes=values)["QueueUrl"]
    return url, attributes(sqs, url)["QueueArn"]


def admit(sqs, url, arn, topic):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, deny]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def receive(sqs, url, **more):
    return [message["Body"] for message in sqs.receive_message(QueueUrl=url, **more).get("Messages", [])]


# --- queues


def test_attributes_are_read_back(sqs):
    dead, dead_arn = queue(sqs, "dead", MessageRetentionPeriod="1209600")
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [f"arn:aws:sqs:us-east-1:{ACCOUNT}:main"]})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allow})
    assert json.loads(attributes(sqs, dead)["RedriveAllowPolicy"]) == json.loads(allow)
    wanted = {
        "VisibilityTimeout": "180",
        "MessageRetentionPeriod": "604800",
        "ReceiveMessageWaitTimeSeconds": "20",
        "KmsMasterKeyId": "alias/prod/sns-sqs",
        "KmsDataKeyReusePeriodSeconds": "300",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 5}),
        "Policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x", "Effect": "Deny"}]}),
    }
    main, _ = queue(sqs, "main", **wanted)
    shown = attributes(sqs, main)
    assert {name: shown[name] for name in wanted} == wanted
    assert shown["SqsManagedSseEnabled"] == "false"
    assert shown["CreatedTimestamp"].isdigit()
    sqs.set_queue_attributes(QueueUrl=main, Attributes={"VisibilityTimeout": "30"})
    assert {name: attributes(sqs, main)[name] for name in wanted} == {**wanted, "VisibilityTimeout": "30"}
    sqs.set_queue_attributes(QueueUrl=main, Attributes={"Policy": "", "RedrivePolicy": "", "KmsMasterKeyId": ""})
    assert not {"Policy", "RedrivePolicy", "KmsMasterKeyId"} & set(attributes(sqs, main))
    assert sqs.create_queue(QueueName="main", Attributes={"VisibilityTimeout": "30"})["QueueUrl"] == main


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("InvalidAttributeValue", {"VisibilityTimeout": "43201"}),
        ("InvalidAttributeValue", {"MessageRetentionPeriod": "59"}),
        ("InvalidAttributeValue", {"ReceiveMessageWaitTimeSeconds": "21"}),
        ("InvalidAttributeValue", {"Policy": "{"}),
        ("InvalidParameterValue", {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:1:x"}'}),
    ],
)
def test_bad_attributes(sqs, refused, code, values):
    url, _ = queue(sqs, "main")
    refused(code, sqs.set_queue_attributes, QueueUrl=url, Attributes=values)
    refused(code, sqs.create_queue, QueueName="other", Attributes=values)


def test_a_dead_letter_queue_must_admit_its_sources(sqs, refused):
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [f"arn:aws:sqs:us-east-1:{ACCOUNT}:main"]})
    _, dead = queue(sqs, "dead", RedriveAllowPolicy=allow)
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})}
    queue(sqs, "main", **redrive)
    refused("InvalidParameterValue", sqs.create_queue, QueueName="other", Attributes=redrive)


def test_unreceived_messages_go_to_the_dead_letter_queue_and_back(sqs, aws):
    dead, dead_arn = queue(sqs, "dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    main, _arn = queue(sqs, "main", RedrivePolicy=redrive)
    sqs.delete_queue(QueueUrl=dead)
    queue(sqs, "dead")
    sqs.send_message(QueueUrl=main, MessageBody="hello")
    for _ in range(2):
        assert receive(sqs, main, VisibilityTimeout=0) == ["hello"]
    assert receive(sqs, main) == []
    assert attributes(sqs, dead)["ApproximateNumberOfMessages"] == "1"
    sqs.start_message_move_task(SourceArn=dead_arn)
    task = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert receive(sqs, main) == ["hello"]
    assert [item["access"] for item in (request.as_dict() for request in aws.requests[-1:])] == ["write"]


def test_a_move_takes_its_time_and_is_one_at_a_time(sqs, aws, refused):
    dead, dead_arn = queue(sqs, "dead")
    _main, arn = queue(sqs, "main", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}))
    other, other_arn = queue(sqs, "other")
    for number in range(100):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    task = {"SourceArn": dead_arn, "DestinationArn": other_arn, "MaxNumberOfMessagesPerSecond": 1}
    refused("InvalidParameterValue", sqs.start_message_move_task, SourceArn=arn)
    refused("ResourceNotFoundException", sqs.start_message_move_task, **{**task, "DestinationArn": other_arn + "-gone"})
    handle = sqs.start_message_move_task(**task)["TaskHandle"]
    refused("InvalidParameterValue", sqs.start_message_move_task, **task)
    aws.skip(10)
    (shown,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert shown["Status"] == "RUNNING" and shown["TaskHandle"] == handle and shown["ApproximateNumberOfMessagesToMove"] == 100
    assert 10 <= shown["ApproximateNumberOfMessagesMoved"] < 100
    sqs.cancel_message_move_task(TaskHandle=handle)
    refused("ResourceNotFoundException", sqs.cancel_message_move_task, TaskHandle=handle)
    aws.skip(1000)
    (shown,) = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
    assert shown["Status"] == "CANCELLED" and "TaskHandle" not in shown
    counts = [int(attributes(sqs, url)["ApproximateNumberOfMessages"]) for url in (dead, other)]
    assert sum(counts) == 100 and counts[1] == shown["ApproximateNumberOfMessagesMoved"]
    sqs.start_message_move_task(**task)
    sqs.delete_queue(QueueUrl=other)
    latest = sqs.list_message_move_tasks(SourceArn=dead_arn, MaxResults=10)["Results"]
    assert [item["Status"] for item in latest] == ["FAILED", "CANCELLED"] and "NonExistentQueue" in latest[0]["FailureReason"]


def test_moves_are_not_offered_when_asked(aws, sqs, refused):
    _dead, arn = queue(sqs, "dead")
    aws.settings.message_moves = False
    for call in (sqs.start_message_move_task, sqs.list_message_move_tasks):
        refused("AWS.SimpleQueueService.UnsupportedOperation", call, SourceArn=arn)


def test_names_rest_after_deletion_when_asked(aws, sqs, refused):
    url, _ = queue(sqs, "main")
    sqs.delete_queue(QueueUrl=url)
    queue(sqs, "main")
    aws.settings.queue_deleted_recently_seconds = 60
    sqs.delete_queue(QueueUrl=url)
    refused("AWS.SimpleQueueService.QueueDeletedRecently", sqs.create_queue, QueueName="main")
    aws.skip(60)
    queue(sqs, "main")


def test_a_long_poll_lets_others_in(sqs):
    url, _ = queue(sqs, "main")
    received = []
    reader = threading.Thread(target=lambda: received.extend(receive(sqs, url, WaitTimeSeconds=10)))
    reader.start()
    time.sleep(0.2)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    reader.join(10)
    assert received == ["hello"]


# --- topics and subscriptions


def test_topic_attributes(sns, refused):
    given = {"KmsMasterKeyId": "alias/x", "SignatureVersion": "2"}
    tags = [{"Key": "a", "Value": "b"}]
    topic = sns.create_topic(Name="topic", Attributes=given, Tags=tags)["TopicArn"]
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert {name: shown[name] for name in given} == given
    assert "DeliveryPolicy" not in shown
    assert sns.create_topic(Name="topic", Attributes=given, Tags=tags)["TopicArn"] == topic
    refused("InvalidParameter", sns.create_topic, Name="topic", Tags=[{"Key": "a", "Value": "c"}])
    refused("InvalidParameter", sns.create_topic, Name="topic", Attributes={"KmsMasterKeyId": "alias/y"})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "x"}]})
    for name, value in {"SignatureVersion": "1", "KmsMasterKeyId": "alias/z", "Policy": policy}.items():
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
        now = sns.get_topic_attributes(TopicArn=topic)["Attributes"][name]
        assert now == value or json.loads(now) == json.loads(value)
    refused("InvalidParameter", sns.set_topic_attributes, TopicArn=topic, AttributeName="Policy", AttributeValue="{")


def test_subscription_attributes(sns, sqs, refused):
    topic = sns.create_topic(Name="topic")["TopicArn"]
    _, arn = queue(sqs, "main")
    wanted = {
        "RawMessageDelivery": "true",
        "FilterPolicy": json.dumps({"kind": ["a"]}),
        "FilterPolicyScope": "MessageBody",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn}),
    }

    def subscribe(**values):
        return {"TopicArn": topic, "Protocol": "sqs", "Endpoint": arn, "Attributes": values}

    subscription = sns.subscribe(**subscribe(**wanted))["SubscriptionArn"]
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert {name: shown[name] for name in wanted} == wanted
    assert sns.subscribe(**subscribe(**wanted))["SubscriptionArn"] == subscription
    assert sns.subscribe(**subscribe())["SubscriptionArn"] == subscription
    refused("InvalidParameter", sns.subscribe, **subscribe(RawMessageDelivery="false"))
    sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName="RawMessageDelivery", AttributeValue="false")
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert shown["RawMessageDelivery"] == "false"


@pytest.fixture
def wired(sns, sqs):
    topic = sns.create_topic(Name="topic")["TopicArn"]
    url, arn = queue(sqs, "main")
    raw = {"RawMessageDelivery": "true"}
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)["SubscriptionArn"]
    return topic, url, arn, subscription


def test_delivery_needs_the_queue_policy(sns, sqs, wired):
    topic, url, arn, subscription = wired
    sns.publish(TopicArn=topic, Message="lost")
    assert receive(sqs, url) == []
    admit(sqs, url, arn, f"{topic}-of-another")
    sns.publish(TopicArn=topic, Message="lost")
    assert receive(sqs, url) == []
    admit(sqs, url, arn, topic)
    sns.publish(TopicArn=topic, Message="hello")
    assert receive(sqs, url) == ["hello"]
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=json.dumps({"kind": ["a"]})
    )
    sns.publish(TopicArn=topic, Message="filtered")
    wanted = {"kind": {"DataType": "String", "StringValue": "a"}}
    sns.publish(TopicArn=topic, Message="wanted", MessageAttributes=wanted)
    assert receive(sqs, url, MaxNumberOfMessages=10) == ["wanted"]


def test_what_cannot_be_delivered_goes_to_the_subscription_s_queue(sns, sqs, wired):
    topic, _url, _arn, subscription = wired
    dead, dead_arn = queue(sqs, "dead")
    admit(sqs, dead, dead_arn, topic)
    redrive = json.dumps({"deadLetterTargetArn": dead_arn})
    sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName="RedrivePolicy", AttributeValue=redrive)
    sns.publish(TopicArn=topic, Message="hello")
    assert receive(sqs, dead) == ["hello"]


def test_delivery_needs_the_key_policy(client, sns, sqs, wired):
    topic, url, arn, _subscription = wired
    admit(sqs, url, arn, topic)
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/queues", TargetKeyId=key)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/queues"})
    sns.publish(TopicArn=topic, Message="lost")
    assert receive(sqs, url) == []
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    kms.put_key_policy(KeyId=key, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    sns.publish(TopicArn=topic, Message="hello")
    assert receive(sqs, url) == ["hello"]
