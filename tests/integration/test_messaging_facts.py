"""What the diagrams and the issue say about topics and queues, read back with plain boto3; and messages on their way."""

from __future__ import annotations

import json

import pytest

NAMES = ("ticket-events", "notification-requests", "knowledge-updates", "action-requests")
DAY = 86400
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
each = pytest.mark.parametrize("name", NAMES)


def topic_arn(platform, name):
    return f"arn:aws:sns:{platform.region}:{platform.account_id}:{platform.environment}-{name}"


def queue_arn(platform, name):
    return f"arn:aws:sqs:{platform.region}:{platform.account_id}:{platform.environment}-{name}"


def topic(platform, name):
    return platform.client("sns").get_topic_attributes(TopicArn=topic_arn(platform, name))["Attributes"]


def queue_url(platform, name):
    return platform.client("sqs").get_queue_url(QueueName=f"{platform.environment}-{name}")["QueueUrl"]


def queue(platform, name):
    answer = platform.client("sqs").get_queue_attributes(QueueUrl=queue_url(platform, name), AttributeNames=["All"])
    return answer["Attributes"]


def subscriptions(platform, name):
    return platform.client("sns").list_subscriptions_by_topic(TopicArn=topic_arn(platform, name))["Subscriptions"]


def subscription(platform, name):
    (only,) = subscriptions(platform, name)
    return platform.client("sns").get_subscription_attributes(SubscriptionArn=only["SubscriptionArn"])["Attributes"]


def key_arn(platform):
    alias = f"alias/{platform.environment}/{'sns-sqs' if platform.is_prod else 'shared'}"
    return platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]


def statements(attributes):
    return json.loads(attributes["Policy"])["Statement"]


def refuses_plain_http(attributes, action):
    return any(
        item["Effect"] == "Deny"
        and item["Principal"] in ("*", {"AWS": "*"})
        and item["Action"] == action
        and item["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for item in statements(attributes)
    )


def test_the_four_topics_stand(platform):
    found = {item["TopicArn"] for item in platform.client("sns").list_topics()["Topics"]}
    assert {topic_arn(platform, name) for name in NAMES} <= found


def test_each_topic_has_its_queue_and_dead_letter_queue(platform):
    urls = platform.client("sqs").list_queues(QueueNamePrefix=f"{platform.environment}-")["QueueUrls"]
    found = {url.rsplit("/", 1)[1] for url in urls}
    assert {f"{platform.environment}-{name}{suffix}" for name in NAMES for suffix in ("", "-dlq")} <= found


@each
def test_its_queue_is_the_topics_only_subscriber(platform, name):
    (only,) = subscriptions(platform, name)
    assert (only["Protocol"], only["Endpoint"]) == ("sqs", queue_arn(platform, name))


@each
def test_messages_are_delivered_raw_and_unfiltered(platform, name):
    found = subscription(platform, name)
    assert found["RawMessageDelivery"] == "true"
    assert json.loads(found.get("FilterPolicy") or "{}") == {}


@each
def test_topic_is_encrypted_with_the_messages_key(platform, name):
    assert topic(platform, name)["KmsMasterKeyId"] == key_arn(platform)


@each
@pytest.mark.parametrize("suffix", ["", "-dlq"])
def test_queue_is_encrypted_with_the_messages_key(platform, name, suffix):
    found = queue(platform, name + suffix)
    assert (found["KmsMasterKeyId"], found["KmsDataKeyReusePeriodSeconds"]) == (key_arn(platform), "300")


def test_topics_may_use_the_key(platform):
    policy = platform.client("kms").get_key_policy(KeyId=key_arn(platform), PolicyName="default")["Policy"]
    assert any(
        "sns.amazonaws.com" in item["Principal"].get("Service", [])
        and item["Condition"]["StringEquals"]["aws:SourceAccount"] == platform.account_id
        and {"kms:Decrypt", "kms:GenerateDataKey*"} <= set(item["Action"])
        for item in json.loads(policy)["Statement"]
    )


@each
def test_only_this_account_publishes(platform, name):
    allowed = [item["Principal"] for item in statements(topic(platform, name)) if item["Effect"] == "Allow"]
    assert allowed == [{"AWS": f"arn:aws:iam::{platform.account_id}:root"}]


@each
def test_only_its_own_topic_sends_to_a_queue(platform, name):
    (allowed,) = [item for item in statements(queue(platform, name)) if item["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "sns.amazonaws.com"}
    assert allowed["Action"] == "sqs:SendMessage"
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": topic_arn(platform, name)}}


@each
def test_topic_and_queues_take_tls_only(platform, name):
    assert refuses_plain_http(topic(platform, name), "sns:Publish")
    assert refuses_plain_http(queue(platform, name), "sqs:*")
    assert refuses_plain_http(queue(platform, f"{name}-dlq"), "sqs:*")


@each
def test_a_message_goes_to_the_dead_letter_queue_after_5_receives(platform, name):
    redrive = json.loads(queue(platform, name)["RedrivePolicy"])
    assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (queue_arn(platform, f"{name}-dlq"), 5)


@each
def test_a_dead_letter_queue_takes_from_its_own_queue_only(platform, name):
    allowed = json.loads(queue(platform, f"{name}-dlq")["RedriveAllowPolicy"])
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [queue_arn(platform, name)]}


@each
def test_messages_are_kept_7_days_in_prod_and_1_in_dev(platform, name):
    assert int(queue(platform, name)["MessageRetentionPeriod"]) == (7 if platform.is_prod else 1) * DAY


@each
def test_dead_letters_are_kept_14_days(platform, name):
    assert int(queue(platform, f"{name}-dlq")["MessageRetentionPeriod"]) == 14 * DAY


@each
def test_receives_wait_20_seconds(platform, name):
    assert queue(platform, name)["ReceiveMessageWaitTimeSeconds"] == "20"


@each
def test_a_message_stays_hidden_for_six_times_its_consumers_timeout(platform, name):
    assert int(queue(platform, name)["VisibilityTimeout"]) >= 6 * 30


@each
def test_what_cannot_be_delivered_is_kept(platform, name):
    redrive = json.loads(subscription(platform, name)["RedrivePolicy"])
    assert redrive["deadLetterTargetArn"] == queue_arn(platform, f"{name}-dlq")


@each
def test_topic_and_queues_are_standard_ones_without_a_limit_of_throughput(platform, name):
    found = [topic(platform, name), queue(platform, name), queue(platform, f"{name}-dlq")]
    assert {attributes.get("FifoTopic", attributes.get("FifoQueue", "false")) for attributes in found} == {"false"}
    assert "throttlePolicy" not in subscription(platform, name).get("DeliveryPolicy", "")


@each
def test_notifications_are_signed_with_sha256(platform, name):
    assert topic(platform, name)["SignatureVersion"] == "2"


@each
def test_topic_and_queues_carry_their_address(platform, name):
    sns, sqs = platform.client("sns"), platform.client("sqs")
    tags = sns.list_tags_for_resource(ResourceArn=topic_arn(platform, name))["Tags"]
    found = [{tag["Key"]: tag["Value"] for tag in tags}]
    found += [sqs.list_queue_tags(QueueUrl=queue_url(platform, name + suffix))["Tags"] for suffix in ("", "-dlq")]
    addresses = [f"sns_topic/{name}", f"sqs_queue/{name}", f"sqs_queue/{name}-dlq"]
    assert [item["agent-platform:address"] for item in found] == addresses
    assert {item["agent-platform:environment"] for item in found} == {platform.environment}


def receive(platform, name):
    """The next message, None when there is none."""
    answer = platform.client("sqs").receive_message(QueueUrl=queue_url(platform, name), WaitTimeSeconds=1)
    return next(iter(answer.get("Messages", [])), None)


@both
def test_a_published_message_arrives_as_it_is_and_unhandled_five_times_is_a_dead_letter(scratch):
    sqs = scratch.client("sqs")
    for name in NAMES:
        body = json.dumps({"about": name, "text": "Grüße"}, ensure_ascii=False)
        scratch.client("sns").publish(TopicArn=topic_arn(scratch, name), Message=body)
        url = queue_url(scratch, name)
        for _ in range(5):
            message = receive(scratch, name)
            assert message["Body"] == body
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        assert receive(scratch, name) is None
        assert receive(scratch, f"{name}-dlq")["Body"] == body
        for queue_name in (name, f"{name}-dlq"):
            sqs.purge_queue(QueueUrl=queue_url(scratch, queue_name))


@both
def test_a_message_that_was_handled_is_no_dead_letter(scratch):
    name = NAMES[0]
    scratch.client("sns").publish(TopicArn=topic_arn(scratch, name), Message="handled")
    message = receive(scratch, name)
    scratch.client("sqs").delete_message(QueueUrl=queue_url(scratch, name), ReceiptHandle=message["ReceiptHandle"])
    assert receive(scratch, name) is None
    assert receive(scratch, f"{name}-dlq") is None
