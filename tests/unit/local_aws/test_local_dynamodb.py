"""DynamoDB and Application Auto Scaling as AWS has them."""

from __future__ import annotations

import pytest

from local_aws import transitions

UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
TARGET = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/things",
    "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}


def policy(percent=70.0):
    metric = {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}
    tracking = {"TargetValue": percent, "PredefinedMetricSpecification": metric}
    return {
        **TARGET,
        "PolicyName": "reads",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }


def index(name, attribute="kind", **more):
    return {
        "IndexName": name,
        "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        **more,
    }


KIND = {"AttributeName": "kind", "AttributeType": "S"}
ID = {"AttributeName": "id", "AttributeType": "S"}


@pytest.fixture
def dynamodb(client):
    return client("dynamodb")


@pytest.fixture
def scaling(client):
    return client("application-autoscaling")


@pytest.fixture
def table(dynamodb):
    """`table()` describes it, `table(...)` changes it."""
    dynamodb.create_table(
        TableName="things",
        AttributeDefinitions=[ID],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def call(**change):
        if change:
            return dynamodb.update_table(TableName="things", **change)["TableDescription"]
        return dynamodb.describe_table(TableName="things")["Table"]

    return call


def add(table, *names, **more):
    table(AttributeDefinitions=[ID, KIND], GlobalSecondaryIndexUpdates=[{"Create": index(name, **more)} for name in names])


def test_tables_have_ids(dynamodb):
    made = [
        dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[ID],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )["TableDescription"]["TableId"]
        for name in ("first", "second")
    ]
    shown = [dynamodb.describe_table(TableName=name)["Table"]["TableId"] for name in ("first", "second")]
    assert shown == made
    assert len(set(made)) == 2


def test_one_kind_of_change_a_call(table, refused):
    refused("ValidationException", table, TableClass="STANDARD", DeletionProtectionEnabled=True)
    refused("LimitExceededException", lambda: add(table, "one", "two"))
    refused("ValidationException", table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "none"}}])
    refused("ValidationException", table, GlobalSecondaryIndexUpdates=[{"Create": index("one")}])


def test_definitions_are_those_of_keys(table):
    add(table, "one")
    assert table()["AttributeDefinitions"] == [ID, KIND]
    table(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "one"}}])
    assert table()["AttributeDefinitions"] == [ID]


def test_provisioned_wants_units_for_everything(table, refused):
    add(table, "one")
    refused("ValidationException", table, BillingMode="PROVISIONED")
    refused("ValidationException", table, BillingMode="PROVISIONED", ProvisionedThroughput=UNITS)
    update = [{"Update": {"IndexName": "one", "ProvisionedThroughput": UNITS}}]
    table(BillingMode="PROVISIONED", ProvisionedThroughput=UNITS, GlobalSecondaryIndexUpdates=update)
    assert table()["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    refused("ValidationException", lambda: add(table, "two"))
    add(table, "two", ProvisionedThroughput=UNITS)
    table(BillingMode="PAY_PER_REQUEST")
    assert table()["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


def test_key_and_class_are_changed(table):
    table(SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "arn:aws:kms:us-east-1:123456789012:key/k"})
    assert table()["SSEDescription"]["KMSMasterKeyArn"].endswith("key/k")
    table(TableClass="STANDARD_INFREQUENT_ACCESS")
    assert table()["TableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}


def test_a_stream_ends_and_another_begins(table, refused):
    on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    first = table(StreamSpecification=on)["LatestStreamArn"]
    refused("ValidationException", table, StreamSpecification=on)
    table(StreamSpecification={"StreamEnabled": False})
    assert "StreamSpecification" not in table()
    assert table(StreamSpecification=on)["LatestStreamArn"] != first


def test_tags_are_set_anew(table, dynamodb, refused):
    arn = table()["TableArn"]
    for value in ("one", "two"):
        dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "number", "Value": value}])
    assert dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "number", "Value": "two"}]
    refused("ResourceNotFoundException", dynamodb.untag_resource, ResourceArn=arn + "x", TagKeys=["number"])


def test_time_to_live_changes_seldom(table, dynamodb, aws, refused):
    aws.settings.transitions = {"time_to_live": 3600}

    def change(enabled, attribute="ttl"):
        specification = {"Enabled": enabled, "AttributeName": attribute}
        dynamodb.update_time_to_live(TableName="things", TimeToLiveSpecification=specification)

    def described():
        return dynamodb.describe_time_to_live(TableName="things")["TimeToLiveDescription"]

    refused("ValidationException", change, enabled=False)
    change(True)
    assert described() == {"TimeToLiveStatus": "ENABLING", "AttributeName": "ttl"}
    assert "multiple times" in refused("ValidationException", change, enabled=False)
    transitions.skip(3600)
    refused("ValidationException", change, enabled=True)
    refused("ValidationException", change, enabled=False, attribute="other")
    change(False)
    assert described() == {"TimeToLiveStatus": "DISABLING"}


def test_a_table_takes_its_time(dynamodb, aws, refused, request):
    aws.settings.transitions = {"dynamodb_table": 60}
    table = request.getfixturevalue("table")
    recovery = {"PointInTimeRecoveryEnabled": True}
    assert table()["TableStatus"] == "CREATING"
    refused("ResourceInUseException", table, DeletionProtectionEnabled=True)
    refused(
        "ContinuousBackupsUnavailableException",
        dynamodb.update_continuous_backups,
        TableName="things",
        PointInTimeRecoverySpecification=recovery,
    )
    transitions.skip(60)
    add(table, "one")
    assert (table()["TableStatus"], table()["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("UPDATING", "CREATING")
    refused("ResourceInUseException", dynamodb.delete_table, TableName="things")
    transitions.skip(60)
    assert (table()["TableStatus"], table()["GlobalSecondaryIndexes"][0]["IndexStatus"]) == ("ACTIVE", "ACTIVE")
    dynamodb.delete_table(TableName="things")
    assert table()["TableStatus"] == "DELETING"
    transitions.skip(60)
    assert dynamodb.list_tables()["TableNames"] == []
    refused("ResourceNotFoundException", dynamodb.describe_table, TableName="things")


def test_a_target_needs_its_table_and_bounds(table, scaling, refused):
    refused("ValidationException", scaling.register_scalable_target, **TARGET)
    refused("ValidationException", scaling.register_scalable_target, **TARGET, MinCapacity=3, MaxCapacity=2)
    other = {**TARGET, "ResourceId": "table/others"}
    refused("ValidationException", scaling.register_scalable_target, **other, MinCapacity=1, MaxCapacity=2)
    index = {**TARGET, "ResourceId": "table/things/index/none", "ScalableDimension": "dynamodb:index:ReadCapacityUnits"}
    refused("ValidationException", scaling.register_scalable_target, **index, MinCapacity=1, MaxCapacity=2)


def test_policies_come_and_go_with_their_target(table, scaling, client, refused):
    refused("ObjectNotFoundException", scaling.put_scaling_policy, **policy())
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    arns = {scaling.put_scaling_policy(**policy(percent))["PolicyARN"] for percent in (70.0, 50.0)}
    assert len(arns) == 1
    alarms = client("cloudwatch").describe_alarms
    assert len(alarms()["MetricAlarms"]) == 4
    scaling.deregister_scalable_target(**TARGET)
    assert scaling.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"] == []
    assert alarms()["MetricAlarms"] == []
    refused("ObjectNotFoundException", scaling.deregister_scalable_target, **TARGET)
    refused("ObjectNotFoundException", scaling.delete_scaling_policy, **TARGET, PolicyName="reads")
