"""What the dynamodb tier refuses before any call, and what it declares."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("dynamodb")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
INDEX = {"name": "by-created-at", "hash_key": "userId", "range_key": "createdAt"}
TABLE = {
    "name": "conversations",
    "attributes": {"userId": "S", "conversationId": "S", "createdAt": "S"},
    "hash_key": "userId",
    "range_key": "conversationId",
    "ttl_attribute": "ttl",
    "indexes": [INDEX],
}


def parameters(**override):
    return tiers.with_defaults(TIER, {"tables": [TABLE], "key": "dynamodb", **override})


def table(**override):
    return {"tables": [{**copy.deepcopy(TABLE), **override}]}


def index(**override):
    return table(indexes=[{**INDEX, **override}])


def many(count, **more):
    return table(indexes=[{**INDEX, "name": f"by-created-at-{number}", **more} for number in range(count)])


TWENTY = [f"a{number}" for number in range(20)]
BAD = [
    ({"key": "Data"}, "platform_kms_key_for: the key 'Data' of dynamodb"),
    ({"recovery_days": 0}, "dynamodb_recovery_days: 0 is outside 1 to 35 days"),
    ({"recovery_days": 36}, "dynamodb_recovery_days: 36 is outside 1 to 35 days"),
    ({"target_utilization_percent": 19}, "dynamodb_target_utilization_percent: 19 is outside 20 to 90 percent"),
    ({"target_utilization_percent": 91}, "dynamodb_target_utilization_percent: 91 is outside 20 to 90 percent"),
    ({"scale_in_cooldown_seconds": -1}, "dynamodb_scale_in_cooldown_seconds: -1 is outside 0 to 86400 seconds"),
    ({"min_read_capacity": 0}, "dynamodb_min_read_capacity: 0 is outside 1 to 40000 units"),
    ({"max_write_capacity": 40001}, "dynamodb_max_write_capacity: 40001 is outside 1 to 40000 units"),
    ({"min_read_capacity": 101}, "dynamodb_min_read_capacity: 101 for conversations is more than dynamodb_max_read_capacity (100)"),
    (
        table(min_write_capacity=200),
        "dynamodb_min_write_capacity: 200 for conversations is more than dynamodb_max_write_capacity (100)",
    ),
    (table(max_read_capacity=0), "dynamodb_tables: max_read_capacity 0 of conversations is outside 1 to 40000 units"),
    (table(name="a b"), "dynamodb_tables: the name 'a b' is none that AWS accepts: 3 to 255 letters, digits and _ . -"),
    (table(name=""), "dynamodb_tables: the name '' is none"),
    (table(name="x" * 251), "with prod- before it"),
    ({"tables": [TABLE, TABLE]}, "dynamodb_tables: 'conversations' is there twice"),
    (table(attributes={**TABLE["attributes"], "createdAt": "SS"}), "the type 'SS' of attribute 'createdAt' of conversations"),
    (
        table(attributes={"userId": "S", "conversationId": "S"}),
        "the range_key of index by-created-at 'createdAt' of conversations has no",
    ),
    (table(hash_key="id"), "dynamodb_tables: hash_key 'id' of conversations has no type"),
    (table(attributes={**TABLE["attributes"], "title": "S"}), "attribute 'title' of conversations is part of no key"),
    (
        table(range_key="userId", attributes={"userId": "S", "createdAt": "S"}),
        "hash_key and range_key of conversations are both 'userId'",
    ),
    (index(name="ix"), "the name 'ix' of an index of conversations is none that AWS accepts: 3 to 255"),
    (table(indexes=[INDEX, INDEX]), "conversations has two indexes 'by-created-at'"),
    (many(21), "conversations has 21 indexes: DynamoDB takes at most 20 a table"),
    (index(projection="INCLUDE"), "projected_attributes [] of index by-created-at of conversations: name 1 to 20"),
    (index(projected_attributes=["a"]), "name 1 to 20 where projection is INCLUDE, and none elsewhere"),
    (index(projection="INCLUDE", projected_attributes=[*TWENTY, "b"]), "of index by-created-at of conversations are 21"),
    (many(6, projection="INCLUDE", projected_attributes=TWENTY), "name 120 projected_attributes: DynamoDB takes at most 100"),
    (table(ttl_attribute="userId"), "ttl_attribute 'userId' of conversations is part of its key"),
    (table(ttl_attribute="createdAt"), "ttl_attribute 'createdAt' of conversations is of type S in a key of an index"),
    (table(ttl_attribute=""), "ttl_attribute '' of conversations is outside 1 to 255 bytes"),
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"tables": []},
        {"recovery_days": 1, "target_utilization_percent": 20},
        {"min_read_capacity": 100, "max_read_capacity": 100},
        table(name="x" * 250),
        table(attributes={**TABLE["attributes"], "createdAt": "N"}, ttl_attribute="createdAt"),
        table(ttl_attribute=None, indexes=None, attributes={"userId": "S", "conversationId": "B"}),
        many(20),
        index(projection="INCLUDE", projected_attributes=TWENTY),
    ],
)
def test_good_input_passes(override):
    TIER.check(parameters(**override), "us-east-1")


def declared(**override):
    return Graph(TIER.declare(parameters(**override), PLACE))


def conversations(**override):
    return declared(**override).resources["dynamodb_table/conversations"].desired


def test_a_table_looks_up_its_key_and_no_table_needs_none():
    graph = declared()
    assert [resource.address for resource in graph.managed()] == ["dynamodb_table/conversations"]
    assert [resource.address for resource in graph.looked_up()] == ["kms_key/dynamodb"]
    assert conversations()["kms_key"] == Ref("kms_key/dynamodb", "arn")
    assert declared(tables=[]).resources == {}


def test_keys_carry_the_types_of_their_attributes():
    desired = conversations()
    user = {"name": "userId", "type": "S"}
    assert desired["name"] == "prod-conversations"
    assert desired["key"] == {"hash": user, "range": {"name": "conversationId", "type": "S"}}
    assert desired["index_definitions"] == {
        "by-created-at": {"hash": user, "range": {"name": "createdAt", "type": "S"}, "projection": "ALL", "attributes": []}
    }


def test_on_demand_has_neither_capacity_nor_scaling():
    assert (conversations()["capacity"], conversations()["scaling"]) == (None, {})


def test_provisioned_scales_the_table_and_its_indexes_both_ways():
    desired = conversations(billing_mode="PROVISIONED", min_write_capacity=7)
    assert desired["capacity"] == {"read": 5, "write": 7}
    assert set(desired["scaling"]) == {
        f"{what}:{direction}CapacityUnits" for what in ("table", "index/by-created-at") for direction in ("Read", "Write")
    }
    assert desired["scaling"]["index/by-created-at:WriteCapacityUnits"] == {
        "min": 7,
        "max": 100,
        "utilization_percent": 70,
        "scale_in_cooldown_seconds": 900,
        "scale_out_cooldown_seconds": 0,
    }


def test_a_table_sets_common_values_aside():
    own = table(billing_mode="PROVISIONED", max_read_capacity=9, stream="none", table_class="STANDARD_INFREQUENT_ACCESS")
    desired = conversations(**own)
    assert desired["billing_mode"] == "PROVISIONED"
    assert desired["scaling"]["table:ReadCapacityUnits"]["max"] == 9
    assert (desired["stream"], desired["table_class"]) == ("", "STANDARD_INFREQUENT_ACCESS")


def test_what_is_off_is_said_so():
    desired = conversations(point_in_time_recovery=False, **table(ttl_attribute=None))
    assert (desired["recovery_days"], desired["ttl_attribute"]) == (0, "")
