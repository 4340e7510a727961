"""The AUTH token of the cache: made once, never shown, and replaced so that the secret's current value is good at every moment."""

from __future__ import annotations

import json
from datetime import timedelta

import boto3
import pytest
from moto.elasticache.models import elasticache_backends
from moto.secretsmanager.models import secretsmanager_backends
from support import tiers

ACCOUNT, REGION = "123456789012", "us-east-1"
GROUP, SECRET = "prod-redis", "prod/redis-auth-token"
ADDRESS, SECRET_ADDRESS = "replication_group/redis", "generated_secret/redis-auth-token"
OURS = "Our-own-token-of-24-chars!"


@pytest.fixture
def redis(prepare):
    prepared = prepare("redis")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


def run(prepared, **override):
    return tiers.run(prepared.tier, {**prepared.parameters, **override})


def group():
    return elasticache_backends[ACCOUNT][REGION].replication_groups[GROUP]


def versions():
    """Staging label -> value, as Secrets Manager holds them."""
    held = secretsmanager_backends[ACCOUNT][REGION].secrets[SECRET].versions.values()
    return {label: version["secret_string"] for version in held for label in version["version_stages"]}


def current():
    return versions()["AWSCURRENT"]


def settled():
    """The cache takes the secret's current value and no other, and nothing is left of a rotation."""
    assert group().tokens == (current(),)
    assert set(versions()) <= {"AWSCURRENT", "AWSPREVIOUS"}


def watched(prepared, points=None, **override):
    """Run, and see after every write that the cache takes the current value; keep the account as it is then in ``points``."""

    def look(call):
        assert current() in group().tokens, call
        if points is not None:
            points.append(prepared.aws.snapshot())

    prepared.aws.settings.fault(access="write", when="after", callback=look)
    try:
        return run(prepared, **override)
    finally:
        prepared.aws.settings.clear()


def test_is_made_at_random_and_kept_in_the_secret(redis):
    settled()
    assert len(current()) == 64 and current().isalnum()
    assert current() not in json.dumps(redis.created)
    assert redis.created["resources"][ADDRESS]["auth_secret_arn"] == redis.created["resources"][SECRET_ADDRESS]["arn"]


def test_is_read_by_no_run_that_changes_nothing(redis):
    run(redis)
    assert "GetSecretValue" not in {request.operation for request in redis.aws.requests}


def test_another_marker_makes_another_one(redis):
    before = current()
    planned = tiers.run(redis.tier, {**redis.parameters, "auth_token_rotation": "2"}, check_mode=True)
    assert redis.aws.writes() == []
    result = watched(redis, auth_token_rotation="2")
    assert tiers.changes(planned) == tiers.changes(result) == {(ADDRESS, "update", "auth_token")}
    assert current() != before
    settled()
    assert run(redis, auth_token_rotation="2")["plan"] == []
    assert current() not in json.dumps([planned, result])
    # A marker that comes back asks for a new one too.
    second = current()
    watched(redis, auth_token_rotation="1")
    assert current() not in (before, second)
    settled()


def test_rotation_rotates_then_promotes_then_sets(redis):
    watched(redis, auth_token_rotation="2")
    label = "UpdateSecretVersionStage"
    modify = "ModifyReplicationGroup"
    assert [call.operation for call in redis.aws.writes()] == ["PutSecretValue", modify, label, modify, label, label]


@pytest.mark.parametrize("then", ["2", "3"])
def test_a_run_killed_after_any_write_of_a_rotation_is_finished_by_the_next(redis, then):
    """The next run may ask for yet another one."""
    before = current()
    points = []
    watched(redis, points, auth_token_rotation="2")
    assert len(points) == 6
    for point in points:
        redis.aws.restore(point)
        watched(redis, auth_token_rotation=then)
        assert current() != before
        settled()
        assert run(redis, auth_token_rotation=then)["plan"] == []


def test_a_rotation_begun_by_a_run_that_is_no_longer_wanted_is_finished(redis):
    points = []
    watched(redis, points, auth_token_rotation="2")
    for point in points:
        redis.aws.restore(point)
        watched(redis)
        settled()
        assert run(redis)["plan"] == []


def test_rotation_waits_for_the_cache(redis):
    redis.aws.settings.transitions = {"replication_group": 0.3}
    run(redis, auth_token_rotation="2")
    settled()


def test_one_of_our_own_takes_the_place_of_the_random_one_and_another_of_that(redis):
    result = watched(redis, auth_token=OURS)
    assert tiers.changes(result) == {(ADDRESS, "update", "auth_token")}
    assert current() == OURS and OURS not in json.dumps(result)
    settled()
    assert run(redis, auth_token=OURS)["plan"] == []
    points = []
    watched(redis, points, auth_token=OURS + "2")
    assert current() == OURS + "2"
    for point in points:
        redis.aws.restore(point)
        watched(redis, auth_token=OURS + "2")
        assert current() == OURS + "2"
        settled()
    # What leaves the configuration stays.
    assert run(redis)["plan"] == []


def test_one_of_our_own_from_the_beginning(prepare):
    prepared = prepare("redis")
    prepared.on_ground()
    result = run(prepared, auth_token=OURS)
    assert current() == OURS and OURS not in json.dumps(result)
    settled()
    assert run(prepared, auth_token=OURS)["plan"] == []


def test_a_secret_changed_by_hand_is_brought_in_line(redis):
    boto3.client("secretsmanager", region_name=REGION).put_secret_value(SecretId=SECRET, SecretString="x" * 20)
    assert tiers.changes(run(redis)) == {(ADDRESS, "update", "auth_token")}
    settled()
    assert run(redis)["plan"] == []


def test_a_secret_deleted_by_hand_comes_back_with_its_value(redis):
    before = current()
    boto3.client("secretsmanager", region_name=REGION).delete_secret(SecretId=SECRET)
    assert (SECRET_ADDRESS, "update", "available") in tiers.changes(run(redis))
    assert current() == before
    settled()
    assert run(redis)["plan"] == []


def test_a_secret_lost_for_good_is_made_anew_and_the_cache_takes_its_value(redis):
    """Also when the run is killed: by then the secret is younger than the cache's token."""
    before = current()
    boto3.client("secretsmanager", region_name=REGION).delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    group().auth_token_last_modified_date -= timedelta(hours=1)
    points = []
    redis.aws.settings.fault(access="write", when="after", callback=lambda call: points.append(redis.aws.snapshot()))
    run(redis)
    redis.aws.settings.clear()
    assert current() != before
    settled()
    assert len(points) == 8
    for point in points:
        redis.aws.restore(point)
        run(redis)
        settled()
        assert run(redis)["plan"] == []


def test_the_cache_comes_back_with_the_token_of_the_restored_secret(redis):
    before = current()
    run(redis, state="absent")
    run(redis)
    assert current() == before
    settled()


def test_the_cache_comes_back_with_a_new_token_when_the_marker_is_another(redis):
    before = current()
    run(redis, state="absent")
    run(redis, auth_token_rotation="2")
    assert current() != before
    settled()
    assert run(redis, auth_token_rotation="2")["plan"] == []


def test_auth_is_turned_on_in_place(prepare):
    prepared = prepare("redis")
    prepared.on_ground()
    run(prepared, auth_enabled=False)
    assert group().tokens == ()
    points = []
    prepared.aws.settings.fault(access="write", when="after", callback=lambda call: points.append(prepared.aws.snapshot()))
    result = run(prepared)
    prepared.aws.settings.clear()
    assert (ADDRESS, "update", "auth_token") in tiers.changes(result)
    settled()
    for point in points:
        prepared.aws.restore(point)
        run(prepared)
        settled()
        assert run(prepared)["plan"] == []


def test_auth_is_not_turned_off(redis):
    result = tiers.attempt(redis.tier, {**redis.parameters, "auth_enabled": False})
    assert result["failed"] and "auth_token: AWS does not take the AUTH token off a cache" in result["msg"]
    assert "redis_auth_enabled: true" in result["msg"]
    assert redis.aws.writes() == []
