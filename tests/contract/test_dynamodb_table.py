"""Tables as they change: from one mode into the other, index by index, and what may not be deleted."""

from __future__ import annotations

import copy

import boto3
import pytest
from support import tiers
from support.census import census

from contract.cases import dynamodb as data
from local_aws import transitions

ADDRESS = "dynamodb_table/conversations"
TABLE = "prod-conversations"
EXTRA = {"name": "by-creation", "hash_key": "createdAt", "projection": "KEYS_ONLY"}
SECONDS = 0.3


@pytest.fixture
def whole(prepare):
    prepared = prepare("dynamodb")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def dynamodb(whole):
    return boto3.client("dynamodb", region_name=whole.aws.region)


def first(whole, **change):
    """The parameters with the first table changed."""
    tables = copy.deepcopy(data.PARAMS["tables"])
    tables[0].update(change)
    return {**whole.parameters, "tables": tables}


def both_ways(whole, parameters, expected=None):
    """Apply what was planned first, and see that they are the same and that nothing is left to do."""
    planned = tiers.run(whole.tier, parameters, check_mode=True)
    assert tiers.changes(planned) == tiers.changes(tiers.run(whole.tier, parameters))
    assert tiers.run(whole.tier, parameters)["plan"] == []
    if expected is not None:
        assert {field for _address, _action, field in tiers.changes(planned)} == expected


def targets(table=TABLE):
    found = census()["scalable target"]
    return [name for name in found if name.split(" ")[0].split("/")[1] == table]


def units(dynamodb, table=TABLE):
    described = dynamodb.describe_table(TableName=table)["Table"]
    return [
        (item["ProvisionedThroughput"]["ReadCapacityUnits"], item["ProvisionedThroughput"]["WriteCapacityUnits"])
        for item in (described, *described["GlobalSecondaryIndexes"])
    ]


def test_provisioned_and_back_takes_the_scaling_along(whole, dynamodb):
    both_ways(whole, first(whole, billing_mode="PROVISIONED"), {"billing_mode", "scaling"})
    assert len(targets()) == 6
    assert units(dynamodb) == [(5, 5)] * 3
    both_ways(whole, whole.parameters, {"billing_mode", "scaling"})
    assert targets() == []
    assert dynamodb.describe_table(TableName=TABLE)["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_what_the_scaling_set_is_never_reset(whole, dynamodb):
    dynamodb.update_table(TableName="prod-sessions", ProvisionedThroughput={"ReadCapacityUnits": 40, "WriteCapacityUnits": 30})
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    more = {**whole.parameters, "min_read_capacity": 6}
    both_ways(whole, more, {"scaling"})
    assert units(dynamodb, "prod-sessions")[0] == (40, 30)


def test_scaling_that_somebody_left_behind_goes(whole):
    client = boto3.client("application-autoscaling", region_name=whole.aws.region)
    client.register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId=f"table/{TABLE}",
        ScalableDimension="dynamodb:table:ReadCapacityUnits",
        MinCapacity=1,
        MaxCapacity=2,
    )
    both_ways(whole, whole.parameters, {"scaling"})
    assert targets() == []


@pytest.mark.parametrize("mode", ["PAY_PER_REQUEST", "PROVISIONED"])
def test_indexes_come_and_go_one_by_one(whole, dynamodb, mode):
    tiers.run(whole.tier, first(whole, billing_mode=mode))
    kept = data.PARAMS["tables"][0]["indexes"][0]
    both_ways(whole, first(whole, billing_mode=mode, indexes=[kept, EXTRA]))
    described = dynamodb.describe_table(TableName=TABLE)["Table"]
    assert sorted(index["IndexName"] for index in described["GlobalSecondaryIndexes"]) == ["by-created-at", "by-creation"]
    assert len(targets()) == (6 if mode == "PROVISIONED" else 0)
    attributes = data.PARAMS["tables"][0]["attributes"]
    assert {item["AttributeName"]: item["AttributeType"] for item in described["AttributeDefinitions"]} == attributes


def test_new_indexes_stand_before_old_ones_go_unless_there_is_no_room(whole):
    def steps(indexes):
        whole.aws.clear_requests()
        tiers.run(whole.tier, first(whole, indexes=indexes))
        return [call.operation for call in whole.aws.writes()]

    twenty = [{**EXTRA, "name": f"by-creation-{number}"} for number in range(20)]
    assert len(steps(twenty[:19])) == 21
    assert steps(twenty) == ["UpdateTable"]
    client = boto3.client("dynamodb", region_name=whole.aws.region)
    assert steps([*twenty[1:], {**EXTRA, "name": "by-other"}]) == ["UpdateTable", "UpdateTable"]
    assert len(client.describe_table(TableName=TABLE)["Table"]["GlobalSecondaryIndexes"]) == 20


def test_a_changed_key_of_an_index_is_refused_with_the_way_out(whole):
    changed = {**data.PARAMS["tables"][0]["indexes"][0], "range_key": "conversationId"}
    parameters = first(whole, indexes=[changed], attributes={"userId": "S", "conversationId": "S"})
    result = tiers.attempt(whole.tier, parameters)
    assert result["failed"] and ADDRESS in result["msg"]
    assert "index_definitions" in result["msg"] and "make a new one under another name" in result["msg"]
    assert whole.aws.writes() == []


def test_another_view_is_another_stream(whole):
    before = tiers.run(whole.tier, whole.parameters)["resources"][ADDRESS]["stream_arn"]
    changed = tiers.run(whole.tier, first(whole, stream="OLD_IMAGE"))["resources"][ADDRESS]["stream_arn"]
    assert before and changed and before != changed
    assert not tiers.run(whole.tier, first(whole, stream="none"))["resources"][ADDRESS].get("stream_arn")


def test_a_second_change_of_the_time_to_live_waits_for_its_hour(whole, dynamodb):
    whole.aws.settings.transitions = {"time_to_live": 3600}
    transitions.skip(3600)
    parameters = first(whole, ttl_attribute="expiresAt")
    result = tiers.attempt(whole.tier, parameters)
    assert result["failed"] and f"{ADDRESS}: AWS changes the time to live of a table once an hour" in result["msg"]
    transitions.skip(3600)
    assert not dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"].get("AttributeName")
    assert tiers.addresses(tiers.run(whole.tier, parameters)) == {ADDRESS: "update"}
    assert tiers.run(whole.tier, parameters)["plan"] == []


def test_every_change_is_awaited(prepare):
    """With tables that take their time, from nothing to provisioned with other indexes and down again."""
    prepared = prepare("dynamodb")
    prepared.on_ground()
    prepared.aws.settings.transitions = {"dynamodb_table": SECONDS}
    try:
        tiers.run(prepared.tier, prepared.parameters)
        both_ways(
            prepared, first(prepared, billing_mode="PROVISIONED", stream="KEYS_ONLY", table_class="STANDARD_INFREQUENT_ACCESS")
        )
        tiers.run(prepared.tier, {**prepared.parameters, "state": "absent"})
        assert census()["table"] == []
    finally:
        prepared.aws.settings.clear()


def test_a_table_of_the_same_name_that_is_going_is_waited_for(whole, dynamodb):
    whole.aws.settings.transitions = {"dynamodb_table": SECONDS}
    dynamodb.delete_table(TableName=TABLE)
    assert tiers.addresses(tiers.run(whole.tier, whole.parameters)) == {ADDRESS: "create"}


def snapshots_after_writes(whole):
    """What the account is after each write from now on: filled as they come."""
    states = []
    whole.aws.settings.fault(access="write", when="after", callback=lambda call: states.append(whole.aws.snapshot()))
    return states


def test_a_run_killed_in_the_middle_of_a_switch_is_finished_by_the_next(whole):
    """After each write, from on demand to provisioned with another index, and back."""
    there = first(whole, billing_mode="PROVISIONED", indexes=[EXTRA], attributes=data.PARAMS["tables"][0]["attributes"])
    for start, end in ((whole.parameters, there), (there, whole.parameters)):
        tiers.run(whole.tier, start)
        states = snapshots_after_writes(whole)
        tiers.run(whole.tier, end)
        whole.aws.settings.clear()
        standing = census()
        after = whole.aws.snapshot()
        assert len(states) > 5
        for state in states:
            whole.aws.restore(state)
            tiers.run(whole.tier, end)
            assert tiers.run(whole.tier, end)["plan"] == []
            assert census() == standing
        whole.aws.restore(after)


class TestDeletion:
    def absent(self, whole, **more):
        return tiers.attempt(whole.tier, {**whole.parameters, "state": "absent", **more})

    def test_a_protected_table_is_refused(self, whole):
        tiers.run(whole.tier, {**whole.parameters, "deletion_protection": True})
        whole.aws.clear_requests()
        result = self.absent(whole, destroy_data=True)
        assert result["failed"] and "set dynamodb_deletion_protection: false and apply that first" in result["msg"]
        assert whole.aws.writes() == []

    def test_a_table_with_items_needs_to_be_told_twice(self, whole, dynamodb):
        dynamodb.put_item(TableName=TABLE, Item={"userId": {"S": "u"}, "conversationId": {"S": "c"}})
        whole.aws.clear_requests()
        result = self.absent(whole)
        assert result["failed"] and f"{TABLE} holds items; set dynamodb_destroy_data: true" in result["msg"]
        assert whole.aws.writes() == []
        assert not self.absent(whole, destroy_data=True).get("failed")
        assert (census()["table"], census()["scalable target"]) == ([], [])

    def test_one_that_left_the_configuration_is_kept_and_says_how_to_delete_it(self, whole, dynamodb):
        dynamodb.put_item(TableName=TABLE, Item={"userId": {"S": "u"}, "conversationId": {"S": "c"}})
        fewer = {**whole.parameters, "tables": whole.parameters["tables"][1:]}
        result = tiers.run(whole.tier, fewer)
        assert (result["plan"], result["unmanaged"]) == ([], [ADDRESS])
        result = self.absent(whole, tables=fewer["tables"], destroy_data=True)
        assert "it is not in dynamodb_tables any more: put it there again" in result["msg"]
