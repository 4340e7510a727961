"""The cache as it changes: its nodes, its engine, its TLS; what is refused; failed states; the last snapshot."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.elasticache import replication_group
from support import tiers

from local_aws import transitions

GROUP, ADDRESS = "prod-redis", "replication_group/redis"
SINGLE = {"nodes": 1, "automatic_failover": False, "multi_az": False}
VALKEY = {"engine": "valkey", "engine_version": "8.0"}


@pytest.fixture
def redis(prepare):
    prepared = prepare("redis")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def ground(prepare):
    prepared = prepare("redis")
    prepared.on_ground()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def api():
    return boto3.client("elasticache", region_name="us-east-1")


def run(prepared, check_mode=False, **override):
    return tiers.run(prepared.tier, {**prepared.parameters, **override}, check_mode=check_mode)


def attempt(prepared, **override):
    return tiers.attempt(prepared.tier, {**prepared.parameters, **override})


def both_ways(prepared, fields, **override):
    """Apply what was planned first, see that just these fields change in place, and that nothing is left to do."""
    prepared.aws.clear_requests()
    planned = run(prepared, check_mode=True, **override)
    assert prepared.aws.writes() == []
    done = run(prepared, **override)
    assert tiers.changes(planned) == tiers.changes(done) == {(ADDRESS, "update", field) for field in fields}
    assert run(prepared, **override)["plan"] == []


def group(api):
    (found,) = api.describe_replication_groups(ReplicationGroupId=GROUP)["ReplicationGroups"]
    return found


def node(api):
    return api.describe_cache_clusters(CacheClusterId=f"{GROUP}-001")["CacheClusters"][0]


def test_a_replica_is_added_and_removed_in_place(redis, api):
    both_ways(redis, {"nodes"}, nodes=4)
    assert len(group(api)["MemberClusters"]) == 4
    both_ways(redis, {"nodes"}, nodes=2)
    assert len(group(api)["MemberClusters"]) == 2


def test_a_single_node_becomes_three_over_the_zones_and_one_again(ground, api):
    run(ground, **SINGLE)
    both_ways(ground, SINGLE)
    found = group(api)
    assert (found["AutomaticFailover"], found["MultiAZ"], len(found["MemberClusters"])) == ("enabled", "enabled", 3)
    both_ways(ground, SINGLE, **SINGLE)
    assert group(api)["AutomaticFailover"] == "disabled"


def test_the_node_type_changes_in_place(redis, api):
    both_ways(redis, {"node_type"}, node_type="cache.r7g.xlarge")
    assert group(api)["CacheNodeType"] == "cache.r7g.xlarge"


def test_the_retention_changes_in_place(redis, api):
    both_ways(redis, {"snapshot_retention_days"}, snapshot_retention_days=30)
    assert group(api)["SnapshotRetentionLimit"] == 30


def test_snapshots_are_turned_off(redis, api):
    both_ways(redis, {"snapshot_retention_days"}, snapshot_retention_days=0)
    assert group(api)["SnapshotRetentionLimit"] == 0


def test_tls_goes_from_required_to_preferred_and_back_without_auth(ground, api):
    run(ground, auth_enabled=False)
    both_ways(ground, {"transit_encryption"}, transit_encryption="preferred", auth_enabled=False)
    assert group(api)["TransitEncryptionMode"] == "preferred"
    both_ways(ground, {"transit_encryption"}, auth_enabled=False)
    assert group(api)["TransitEncryptionMode"] == "required"


def test_tls_that_was_optional_is_required_before_the_token_comes(ground, api):
    run(ground, transit_encryption="preferred", auth_enabled=False)
    assert {(ADDRESS, "update", "transit_encryption"), (ADDRESS, "update", "auth_token")} <= tiers.changes(run(ground))
    assert group(api)["TransitEncryptionMode"] == "required" and group(api)["AuthTokenEnabled"]
    assert run(ground)["plan"] == []


def test_optional_tls_with_auth_is_refused_before_anything_is_touched(redis):
    redis.aws.clear_requests()
    result = attempt(redis, transit_encryption="preferred")
    assert result["failed"] and "redis_transit_encryption: preferred with redis_auth_enabled: true" in result["msg"]
    assert redis.aws.writes() == []


def test_tls_is_turned_on_by_way_of_preferred(ground, api):
    plain = {"transit_encryption": "disabled", "auth_enabled": False}
    run(ground, **plain)
    assert not group(api)["TransitEncryptionEnabled"]
    result = run(ground)
    assert {(ADDRESS, "update", "transit_encryption"), (ADDRESS, "update", "auth_token")} <= tiers.changes(result)
    assert group(api)["TransitEncryptionMode"] == "required" and group(api)["AuthTokenEnabled"]
    assert run(ground)["plan"] == []


def test_redis_becomes_valkey_in_place_with_a_parameter_group_of_its_family(redis, api):
    planned = run(redis, check_mode=True, **VALKEY)
    done = run(redis, **VALKEY)
    assert tiers.changes(planned) == tiers.changes(done)
    assert tiers.addresses(done) == {ADDRESS: "update", "cache_parameter_group/redis-valkey8": "create"}
    assert (group(api)["Engine"], node(api)["EngineVersion"]) == ("valkey", "8.0.1")
    assert node(api)["CacheParameterGroup"]["CacheParameterGroupName"] == "prod-redis-valkey8"
    again = run(redis, **VALKEY)
    assert (again["plan"], again["unmanaged"]) == ([], ["cache_parameter_group/redis-redis7"])
    run(redis, state="absent", **VALKEY)
    assert api.describe_cache_parameter_groups()["CacheParameterGroups"] == []


def test_a_later_version_within_the_major_is_upgraded_to_and_what_aws_moved_on_to_is_left(ground, api):
    run(ground, engine_version="7.0")
    both_ways(ground, {"version"})
    assert node(api)["EngineVersion"] == "7.1.0"
    assert run(ground, engine_version="7.0")["plan"] == []


WAYS_BACK = [
    (VALKEY, {}, "engine: valkey -> redis", "redis_engine: valkey"),
    (VALKEY, {**VALKEY, "engine_version": "7.2"}, "version: 8.0.1 -> 7.2", "redis_engine_version to at least 8.0.1"),
    (
        {},
        {"transit_encryption": "disabled", "auth_enabled": False},
        "transit_encryption: required -> disabled",
        "redis_transit_encryption: required again",
    ),
]


@pytest.mark.parametrize(("before", "after", "what", "way_out"), WAYS_BACK)
def test_what_aws_does_in_one_direction_only_is_refused_in_the_other(ground, before, after, what, way_out):
    run(ground, **before)
    ground.aws.clear_requests()
    for check_mode in (True, False):
        result = tiers.attempt(ground.tier, {**ground.parameters, **after, "tags": {"a": "b"}}, check_mode=check_mode)
        assert result["failed"] and what in result["msg"] and way_out in result["msg"]
    assert ground.aws.writes() == []


def test_it_can_be_taken_down_whatever_the_configuration_says(ground, api):
    run(ground, **VALKEY)
    run(ground, state="absent")
    assert api.describe_replication_groups()["ReplicationGroups"] == []


def test_everything_is_set_in_the_one_call_that_makes_it(ground):
    run(ground)
    operations = [request.operation for request in ground.aws.writes()]
    assert operations.count("CreateReplicationGroup") == 1
    assert "ModifyReplicationGroup" not in operations


def test_started_and_awaited_later(ground):
    ground.aws.settings.transitions = {"replication_group": 600}
    begun = run(ground, verb="start")
    assert begun["awaiting"] == [ADDRESS] and "primary_endpoint" not in begun["resources"][ADDRESS]
    # A run that was killed has only this to go on: no tags, and no endpoints yet.
    again = run(ground, verb="start")
    assert (again["plan"], again["awaiting"]) == ([], [ADDRESS])
    transitions.skip(600)
    finished = run(ground, verb="await")
    assert finished["plan"] == []
    endpoint = finished["resources"][ADDRESS]
    assert endpoint["primary_endpoint"].startswith("master.") and endpoint["reader_endpoint"].startswith("replica.")
    assert endpoint["port"] == 6379


def test_one_that_is_still_made_is_waited_for_and_then_changed(ground, api):
    ground.aws.settings.transitions = {"replication_group": 0.4}
    run(ground, verb="start", **SINGLE)
    run(ground)
    assert len(group(api)["MemberClusters"]) == 3
    assert run(ground)["plan"] == []


def test_endpoints_are_in_the_result(redis):
    resource = run(redis)["resources"][ADDRESS]
    assert (resource["port"], resource["id"]) == (6379, GROUP)
    assert GROUP in resource["primary_endpoint"] and GROUP in resource["reader_endpoint"]


def test_a_creation_that_fails_is_named_with_its_reason_and_what_to_do(ground):
    ground.aws.settings.failures = {"replication_group": "Not enough capacity of cache.r7g.large in us-east-1a."}
    result = attempt(ground)
    assert result["failed"]
    for part in (f"{ADDRESS} ended in state create-failed: Not enough capacity", "delete the replication group"):
        assert part in result["msg"]
    ground.aws.settings.clear()
    again = attempt(ground)
    assert again["failed"] and "create-failed" in again["msg"] and "run again" in again["msg"]
    assert not run(ground, state="absent").get("failed")
    assert run(ground)["changed"]
    assert run(ground)["plan"] == []


@pytest.mark.parametrize(("final", "count"), [(True, 1), (False, 0)])
def test_the_last_snapshot_stays_and_its_name_is_never_taken(redis, api, monkeypatch, final, count):
    for number in (1, 2):
        monkeypatch.setattr(replication_group, "final_name", lambda name, at=number: f"{name}-final-2026010100000{at}")
        run(redis, state="absent", final_snapshot=final)
        names = [snapshot["SnapshotName"] for snapshot in api.describe_snapshots()["Snapshots"]]
        assert len(names) == count * number
        assert all(name.startswith(f"{GROUP}-final-20") for name in names)
        if number == 1:
            run(redis)


def test_deletion_waits_for_a_change_under_way(redis, api):
    redis.aws.settings.transitions = {"replication_group": 0.4}
    transitions.skip(0.4)
    api.modify_replication_group(ReplicationGroupId=GROUP, CacheNodeType="cache.r7g.xlarge", ApplyImmediately=True)
    run(redis, state="absent")
    assert api.describe_replication_groups()["ReplicationGroups"] == []


def test_comes_back_while_the_old_one_is_still_going(redis, api):
    redis.aws.settings.transitions = {"replication_group": 0.4}
    transitions.skip(0.4)
    api.delete_replication_group(ReplicationGroupId=GROUP)
    assert run(redis)["changed"]
    assert group(api)["Status"] == "available"


def test_parameters_change_and_go_back_to_those_of_aws(redis, api):
    def values():
        found = api.describe_cache_parameters(CacheParameterGroupName="prod-redis-redis7", Source="user")["Parameters"]
        return {item["ParameterName"]: item["ParameterValue"] for item in found}

    # The policy of these parameters is AWS's own, which it does not call set.
    assert values() == {"timeout": "300"}
    assert run(redis)["plan"] == []
    run(redis, parameters={"maxmemory-policy": "allkeys-lru"})
    assert values() == {"maxmemory-policy": "allkeys-lru"}
    assert run(redis, parameters={"maxmemory-policy": "allkeys-lru"})["plan"] == []
    run(redis)
    assert values() == {"timeout": "300"}
    assert run(redis)["plan"] == []
    run(redis, parameters={})
    assert values() == {}
    assert run(redis, parameters={})["plan"] == []


def test_a_log_that_could_not_be_delivered_is_turned_on_again(redis, api):
    logs = boto3.client("logs", region_name="us-east-1")
    logs.delete_log_group(logGroupName=f"/aws/elasticache/{GROUP}/slow-log")
    configuration = {
        "LogType": "slow-log",
        "DestinationType": "cloudwatch-logs",
        "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": f"/aws/elasticache/{GROUP}/slow-log"}},
        "LogFormat": "json",
    }
    api.modify_replication_group(ReplicationGroupId=GROUP, LogDeliveryConfigurations=[configuration])
    assert {item["Status"] for item in group(api)["LogDeliveryConfigurations"]} == {"active", "error"}
    assert (ADDRESS, "update", "logs") in tiers.changes(run(redis))
    assert {item["Status"] for item in group(api)["LogDeliveryConfigurations"]} == {"active"}


def test_the_cluster_has_to_be_there(ground):
    result = attempt(ground, cluster_name="prod-agent-platform")
    assert result["failed"] and "needs eks_cluster/prod-agent-platform" in result["msg"] and "--tags eks" in result["msg"]


def test_a_cache_of_somebody_else_is_not_taken(ground, api):
    api.create_replication_group(ReplicationGroupId=GROUP, ReplicationGroupDescription="theirs", CacheNodeType="cache.t4g.small")
    ground.aws.clear_requests()
    result = attempt(ground)
    assert result["failed"] and "is not tagged as made by deployment" in result["msg"]
    assert ground.aws.writes() == []
