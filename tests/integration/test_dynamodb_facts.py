"""What the diagrams and the issue say about tables, read back with plain boto3; and items in them."""

from __future__ import annotations

import time

import pytest

NAMES = ("conversations", "sessions")
each = pytest.mark.parametrize("name", NAMES)
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
PROVISIONED = ("playbooks/dynamodb.yml", "-e", "dynamodb_billing_mode=PROVISIONED")


def table_name(platform, name):
    return f"{platform.environment}-{name}"


def table(platform, name):
    return platform.client("dynamodb").describe_table(TableName=table_name(platform, name))["Table"]


def key_of(described):
    return [(part["AttributeName"], part["KeyType"]) for part in described["KeySchema"]]


def index(platform, name):
    (only,) = table(platform, name)["GlobalSecondaryIndexes"]
    return only


def ttl(platform, name):
    answer = platform.client("dynamodb").describe_time_to_live(TableName=table_name(platform, name))
    return answer["TimeToLiveDescription"]


def recovery(platform, name):
    answer = platform.client("dynamodb").describe_continuous_backups(TableName=table_name(platform, name))
    return answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]


def targets(platform):
    found = platform.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="dynamodb")
    return {(item["ResourceId"], item["ScalableDimension"]): item for item in found["ScalableTargets"]}


def policies(platform):
    found = platform.client("application-autoscaling").describe_scaling_policies(ServiceNamespace="dynamodb")
    return {
        (item["ResourceId"], item["ScalableDimension"]): item["TargetTrackingScalingPolicyConfiguration"]
        for item in found["ScalingPolicies"]
    }


def everything_that_scales(platform):
    found = set()
    for name, by in (("conversations", "by-created-at"), ("sessions", "by-user")):
        for direction in ("Read", "Write"):
            resource = f"table/{table_name(platform, name)}"
            found.add((resource, f"dynamodb:table:{direction}CapacityUnits"))
            found.add((f"{resource}/index/{by}", f"dynamodb:index:{direction}CapacityUnits"))
    return found


def test_just_the_two_tables_stand(platform):
    found = platform.client("dynamodb").list_tables()["TableNames"]
    assert sorted(found) == [table_name(platform, name) for name in NAMES]


def test_conversations_are_by_user_and_conversation(platform):
    assert key_of(table(platform, "conversations")) == [("userId", "HASH"), ("conversationId", "RANGE")]


def test_sessions_are_by_session(platform):
    assert key_of(table(platform, "sessions")) == [("sessionId", "HASH")]


def test_conversations_have_an_index_by_creation(platform):
    assert key_of(index(platform, "conversations")) == [("userId", "HASH"), ("createdAt", "RANGE")]
    assert index(platform, "conversations")["Projection"]["ProjectionType"] == "ALL"


def test_sessions_have_an_index_by_user(platform):
    assert key_of(index(platform, "sessions")) == [("userId", "HASH")]


@pytest.mark.parametrize(("name", "attribute"), [("conversations", "ttl"), ("sessions", "expiresAt")])
def test_items_expire(platform, name, attribute):
    assert ttl(platform, name) == {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}


@each
def test_is_on_demand(platform, name):
    assert table(platform, name)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_nothing_scales_on_demand(platform):
    assert (targets(platform), policies(platform)) == ({}, {})


@each
def test_is_encrypted_with_its_key(platform, name):
    alias = f"alias/{platform.environment}/{'dynamodb' if platform.is_prod else 'shared'}"
    arn = platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    described = table(platform, name)["SSEDescription"]
    assert (described["SSEType"], described["KMSMasterKeyArn"]) == ("KMS", arn)


@each
def test_streams_tell_of_old_and_new(platform, name):
    assert table(platform, name)["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table(platform, name)["LatestStreamArn"]


@each
def test_point_in_time_recovery_is_prods(platform, name):
    described = recovery(platform, name)
    assert described["PointInTimeRecoveryStatus"] == ("ENABLED" if platform.is_prod else "DISABLED")
    assert described.get("RecoveryPeriodInDays") == (35 if platform.is_prod else None)


@each
def test_deletion_protection_is_prods(platform, name):
    assert table(platform, name)["DeletionProtectionEnabled"] is platform.is_prod


@each
def test_is_of_the_standard_class(platform, name):
    assert table(platform, name)["TableClassSummary"]["TableClass"] == "STANDARD"


@each
def test_carries_the_ownership_tags(platform, name):
    tags = platform.client("dynamodb").list_tags_of_resource(ResourceArn=table(platform, name)["TableArn"])["Tags"]
    found = {tag["Key"]: tag["Value"] for tag in tags}
    assert found["agent-platform:deployment"] == platform.deployment
    assert found["agent-platform:address"] == f"dynamodb_table/{name}"


def test_a_protected_table_cannot_be_deleted(scratch):
    client = scratch.client("dynamodb")
    with pytest.raises(client.exceptions.ClientError, match="rotect"):
        client.delete_table(TableName="prod-conversations")


@both
def test_a_users_conversations_are_listed_by_their_creation(scratch):
    client = scratch.client("dynamodb")
    expires = str(int(time.time()) + 3600)
    for conversation, created in (("b", "2026-02-01T10:00:00Z"), ("a", "2026-02-02T10:00:00Z")):
        item = {
            "userId": {"S": "u1"},
            "conversationId": {"S": conversation},
            "createdAt": {"S": created},
            "ttl": {"N": expires},
        }
        client.put_item(TableName=table_name(scratch, "conversations"), Item=item)
    found = client.query(
        TableName=table_name(scratch, "conversations"),
        IndexName="by-created-at",
        KeyConditionExpression="userId = :user",
        ExpressionAttributeValues={":user": {"S": "u1"}},
        ScanIndexForward=False,
    )["Items"]
    assert [item["conversationId"]["S"] for item in found] == ["a", "b"]


@both
def test_a_conversation_is_kept_with_its_messages_and_the_agent_it_is_with(scratch):
    client, name = scratch.client("dynamodb"), table_name(scratch, "conversations")
    key = {"userId": {"S": "u1"}, "conversationId": {"S": "c1"}}
    messages = [{"M": {"role": {"S": role}, "text": {"S": "Grüße"}}} for role in ("user", "assistant")]
    item = {
        **key,
        "createdAt": {"S": "2026-02-01T10:00:00Z"},
        "updated_at": {"S": "2026-02-01T10:00:05Z"},
        "messages": {"L": messages},
        "context": {"M": {"agentId": {"S": "a1"}}},
        "ttl": {"N": str(int(time.time()) + 3600)},
    }
    client.put_item(TableName=name, Item=item)
    assert client.get_item(TableName=name, Key=key)["Item"] == item


@both
def test_a_session_is_kept_with_its_metadata_and_found_by_its_user(scratch):
    client, name = scratch.client("dynamodb"), table_name(scratch, "sessions")
    item = {
        "sessionId": {"S": "s1"},
        "userId": {"S": "u1"},
        "createdAt": {"S": "2026-02-01T10:00:00Z"},
        "expiresAt": {"N": str(int(time.time()) + 3600)},
        "metadata": {"M": {"device": {"S": "phone"}}},
    }
    client.put_item(TableName=name, Item=item)
    assert client.get_item(TableName=name, Key={"sessionId": {"S": "s1"}})["Item"] == item
    wanted = {"KeyConditionExpression": "userId = :user", "ExpressionAttributeValues": {":user": {"S": "u1"}}}
    assert client.query(TableName=name, IndexName="by-user", **wanted)["Items"] == [item]


@both
def test_provisioned_tables_and_indexes_track_70_percent(scratch):
    result = scratch.results(*PROVISIONED)["dynamodb"]
    assert {item["action"] for item in result["plan"]} == {"update"}
    assert set(targets(scratch)) == everything_that_scales(scratch)
    found = policies(scratch)
    assert set(found) == everything_that_scales(scratch)
    assert {item["TargetValue"] for item in found.values()} == {70.0}
    assert {item["ScaleInCooldown"] for item in found.values()} == {900}
    assert {item["ScaleOutCooldown"] for item in found.values()} == {0}
    for (_resource, dimension), item in found.items():
        direction = "Read" if "Read" in dimension else "Write"
        metric = item["PredefinedMetricSpecification"]["PredefinedMetricType"]
        assert metric == f"DynamoDB{direction}CapacityUtilization"


@both
def test_the_mode_changes_there_and_back_without_losing_items(scratch):
    client = scratch.client("dynamodb")
    client.put_item(TableName=table_name(scratch, "sessions"), Item={"sessionId": {"S": "s"}})
    created = table(scratch, "sessions")["CreationDateTime"]
    scratch.results(*PROVISIONED)
    assert not scratch.results(*PROVISIONED)["dynamodb"]["changed"]
    assert scratch.results("playbooks/dynamodb.yml")["dynamodb"]["changed"]
    assert (targets(scratch), policies(scratch)) == ({}, {})
    assert not scratch.results("playbooks/dynamodb.yml")["dynamodb"]["changed"]
    assert table(scratch, "sessions")["CreationDateTime"] == created
    assert client.scan(TableName=table_name(scratch, "sessions"))["Count"] == 1


def test_absent_refuses_protected_tables(scratch):
    done = scratch.run("playbooks/dynamodb.yml", "-e", "dynamodb_state=absent", "-e", "dynamodb_destroy_data=true")
    assert done.returncode != 0
    assert "dynamodb_deletion_protection" in done.stdout + done.stderr
    assert len(scratch.client("dynamodb").list_tables()["TableNames"]) == 2


def test_a_changed_key_is_refused_before_anything_is_touched(scratch, tmp_path):
    other = tmp_path / "other.yml"
    other.write_text("dynamodb_tables: [{name: sessions, attributes: {id: S}, hash_key: id}]\ndynamodb_stream: none\n")
    scratch.local.clear_requests()
    done = scratch.run("playbooks/dynamodb.yml", "-e", f"@{other}")
    assert done.returncode != 0
    assert "dynamodb_table/sessions" in done.stdout + done.stderr
    assert [call for call in scratch.local.requests() if call["access"] == "write"] == []
