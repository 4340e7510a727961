"""What the redis tier refuses before any call, and what it declares."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("redis")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
REQUIRED = {
    "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
    "cluster_name": "prod-agent-platform",
    "key": "elasticache",
    "secrets_key": "secrets",
    "log_key": "storage",
}
VALKEY = {"engine": "valkey", "engine_version": "8.0"}
GOOD_TOKEN = "Abcdefgh12345678!&#$^<>-"


def parameters(**override):
    return tiers.with_defaults(TIER, {**REQUIRED, **override})


def declared(**override):
    params = parameters(**override)
    TIER.check(params, "us-east-1")
    return {resource.address: resource for resource in TIER.declare(params, PLACE)}


BAD = [
    ({"key": "Cache"}, "platform_kms_key_for: the key 'Cache' of elasticache"),
    ({"secrets_key": ""}, "platform_kms_key_for: the key '' of secretsmanager"),
    ({"log_key": "a/b"}, "platform_kms_key_for: the key 'a/b' of logs"),
    ({"zones": ["us-east-1a"]}, "redis_zones: 1 zones are less than the 2"),
    ({"zones": ["us-east-1a", "eu-west-1b"]}, "redis_zones: 'eu-west-1b' is no availability zone of us-east-1"),
    ({"zones": ["us-east-1a", "us-east-1a"]}, "redis_zones: ['us-east-1a', 'us-east-1a'] names a zone twice"),
    ({"nodes": 0}, "redis_nodes: 0 is outside 1 to 6 nodes"),
    ({"nodes": 7}, "redis_nodes: 7 is outside 1 to 6 nodes"),
    ({"nodes": 1}, "redis_automatic_failover: true with redis_nodes: 1"),
    ({"automatic_failover": False}, "redis_multi_az: true with redis_automatic_failover: false"),
    ({"node_type": "r7g.large"}, "redis_node_type: 'r7g.large' is not the name of a node type"),
    ({"node_type": "cache.r7g"}, "redis_node_type: 'cache.r7g' is not the name of a node type"),
    ({"node_type": "cache.r6gd.xlarge"}, "redis_node_type: 'cache.r6gd.xlarge' keeps data on disks"),
    ({"engine_version": "7"}, "redis_engine_version: '7' is no version of redis"),
    ({"engine_version": "7.x"}, "redis_engine_version: '7.x' is no version of redis"),
    ({"engine_version": "7.1.0"}, "redis_engine_version: '7.1.0' is no version of redis"),
    ({"engine_version": "latest"}, "redis_engine_version: 'latest' is no version of redis"),
    ({"engine_version": "6.2"}, "redis_engine_version: '6.2' is no version of redis that can be used here"),
    ({"engine_version": "6.2"}, "quoted, from 7.0 on, of a major version 7"),
    ({"engine_version": "5.0"}, "redis_engine_version: '5.0' is no version of redis"),
    ({"engine_version": "8.0"}, "redis_engine_version: '8.0' is no version of redis"),
    ({"engine": "valkey"}, "redis_engine_version: '7.1' is no version of valkey that can be used here"),
    ({"engine": "valkey", "engine_version": "10.0"}, "of a major version 7 or 8 or 9"),
    ({"transit_encryption": "disabled"}, "redis_transit_encryption: disabled with redis_auth_enabled: true"),
    ({"transit_encryption": "preferred"}, "redis_transit_encryption: preferred with redis_auth_enabled: true"),
    ({"transit_encryption": "preferred", "auth_token": GOOD_TOKEN}, "every connection is over TLS, so use required"),
    ({"auth_token": GOOD_TOKEN, "auth_enabled": False}, "redis_auth_token: it is set with redis_auth_enabled: false"),
    ({"auth_token_rotation": ""}, "redis_auth_token_rotation: '' is empty"),
    ({"snapshot_retention_days": -1}, "redis_snapshot_retention_days: -1 is outside 0 to 35 days"),
    ({"snapshot_retention_days": 36}, "redis_snapshot_retention_days: 36 is outside 0 to 35 days"),
    ({"snapshot_window": "02:00"}, "redis_snapshot_window: '02:00' is no window of an hour"),
    ({"snapshot_window": "02:00-02:30"}, "redis_snapshot_window: '02:00-02:30' is no window of an hour"),
    ({"snapshot_window": "24:00-25:00"}, "redis_snapshot_window: '24:00-25:00' is no window of an hour"),
    ({"maintenance_window": "04:00-05:00"}, "redis_maintenance_window: '04:00-05:00' is no window"),
    ({"maintenance_window": "sun:04:00-sun:04:30"}, "redis_maintenance_window: 'sun:04:00-sun:04:30' is no window"),
    ({"maintenance_window": "sun:04:00-tue:04:30"}, "redis_maintenance_window: 'sun:04:00-tue:04:30' is no window"),
    ({"maintenance_window": "Sun:04:00-Sun:05:00"}, "redis_maintenance_window: 'Sun:04:00-Sun:05:00' is no window"),
    ({"log_retention_days": 15}, "redis_log_retention_days: 15 is none of 1, 3, 5"),
    ({"logs": ["slow-log", "slow-log"]}, "redis_logs: ['slow-log', 'slow-log'] names a log twice"),
    ({"recovery_window_days": 6}, "redis_recovery_window_days: 6 is outside 7 to 30 days"),
    ({"notification_topic_arn": "alerts"}, "redis_notification_topic_arn: 'alerts' is not the ARN of a standard SNS topic"),
    ({"notification_topic_arn": "arn:aws:sns:eu-west-1:123456789012:a"}, "is not the ARN of a standard SNS topic in us-east-1"),
    (
        {"parameters": {"cluster-enabled": "yes"}},
        "redis_parameters: 'cluster-enabled' is no parameter of a cache of one node group",
    ),
    ({"parameters": {"Timeout": "1"}}, "redis_parameters: 'Timeout' is no parameter"),
    ({"parameters": {"activedefrag": True}}, "redis_parameters: the value True of activedefrag is neither text nor number"),
    ({"parameters": {"maxmemory-policy": "lru"}}, "redis_parameters: maxmemory-policy 'lru' is none of volatile-lru"),
]
BAD_TOKENS = [
    "",
    "short-token-123",
    "x" * 129,
    "has a space in it 12",
    'double"quote"12345',
    "at@at@at@at@at@at@",
    "slash/slash/slash",
    "ä" * 20,
]


@pytest.mark.parametrize(("override", "sentence"), BAD)
def test_bad_input_is_refused_in_one_sentence(override, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("token", BAD_TOKENS)
def test_a_token_that_aws_would_refuse_is_refused_and_not_shown(token):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(auth_token=token), "us-east-1")
    assert f"of {len(token)} characters: use 16 to 128 letters" in str(caught.value)
    assert not token or token not in str(caught.value)


GOOD = [
    {},
    VALKEY,
    {"engine_version": "7.0"},
    {"engine": "valkey", "engine_version": "7.2"},
    {"auth_token": GOOD_TOKEN},
    {"auth_token": "x" * 128},
    {"transit_encryption": "preferred", "auth_enabled": False},
    {"transit_encryption": "disabled", "auth_enabled": False},
    {"nodes": 1, "automatic_failover": False, "multi_az": False},
    {"nodes": 6, "node_type": "cache.m7g.16xlarge"},
    {"node_type": "cache.t4g.micro"},
    {"snapshot_window": "23:30-00:30"},
    {"maintenance_window": "sat:23:00-sun:01:00"},
    {"parameters": {"maxmemory-policy": "noeviction", "timeout": 5}},
    {"notification_topic_arn": "arn:aws:sns:us-east-1:123456789012:prod-alerts"},
    {"logs": []},
]


@pytest.mark.parametrize("override", GOOD)
def test_good_input_makes_a_graph(override):
    Graph(declared(**override).values())


def test_the_cache_comes_after_the_cluster():
    assert declared()["replication_group/redis"].after == ("eks_cluster/prod-agent-platform",)
    alone = declared(cluster_name="")
    assert alone["replication_group/redis"].after == ()
    assert not any(address.startswith("eks_cluster/") for address in alone)


def test_one_key_for_everything_is_looked_up_once():
    keys = [address for address in declared(key="shared", secrets_key="shared", log_key="shared") if address.startswith("kms_key/")]
    assert keys == ["kms_key/shared"]


@pytest.mark.parametrize(
    ("override", "name", "family"),
    [
        ({}, "prod-redis-redis7", "redis7"),
        ({"engine_version": "7.0"}, "prod-redis-redis7", "redis7"),
        (VALKEY, "prod-redis-valkey8", "valkey8"),
        ({"engine": "valkey", "engine_version": "7.2"}, "prod-redis-valkey7", "valkey7"),
    ],
)
def test_each_family_has_a_parameter_group_of_its_own(override, name, family):
    resources = declared(**override)
    (group,) = [item for address, item in resources.items() if address.startswith("cache_parameter_group/")]
    assert (group.desired["name"], group.desired["family"]) == (name, family)
    assert resources["replication_group/redis"].desired["parameter_group"] == Ref(group.address, "name")


def test_parameters_are_texts():
    group = declared(parameters={"timeout": 300, "lfu-decay-time": 2})["cache_parameter_group/redis-redis7"]
    assert group.desired["parameters"] == {"timeout": "300", "lfu-decay-time": "2"}


def test_no_token_is_declared_as_a_value():
    resources = declared(auth_token=GOOD_TOKEN)
    assert all(GOOD_TOKEN not in repr(resource.desired) for resource in resources.values())


def test_the_longest_environment_fits():
    place = Place("a23456789-123456", "x", "us-east-1", "123456789012", "aws")
    (group,) = [item for item in TIER.declare(parameters(), place) if item.address == "replication_group/redis"]
    assert len(group.desired["group_id"]) <= 40
