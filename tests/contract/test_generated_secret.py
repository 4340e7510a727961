"""Secrets whose value is made at random: once, in the call that makes them, and seen nowhere. Through a tier of one such secret."""

from __future__ import annotations

import json

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.resources import generated_secret, secretsmanager
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.generated_secret import GeneratedSecret
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.kms import Key
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Tier
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import kms
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.secrets import generated
from support import tiers

NAME, ADDRESS = "prod/header", "generated_secret/header"


def tier(**options):
    def declare(params, place):
        return [kms.looked_up(place, "secrets"), generated(place, "header", "what it is for", "secrets", options)]

    return Tier("cloudfront", {}, (GeneratedSecret(),), declare, lambda params, region: None, looks_up=(Key(),))


@pytest.fixture
def ground(prepare):
    prepared = prepare("secrets")
    prepared.on_ground()
    return prepared.aws


@pytest.fixture
def api(ground):
    return boto3.client("secretsmanager", region_name="us-east-1")


def run(wanted, check_mode=False, **override):
    return tiers.run(wanted, tiers.with_defaults(wanted, override), check_mode=check_mode)


def value(api):
    return api.get_secret_value(SecretId=NAME)["SecretString"]


def test_is_made_with_a_random_value_in_one_call_and_never_again(ground, api):
    planned = run(tier(), check_mode=True)
    assert ground.writes() == []
    result = run(tier())
    assert tiers.changes(result) == tiers.changes(planned)
    assert [request.operation for request in ground.writes()] == ["CreateSecret", "PutResourcePolicy"]
    made = value(api)
    assert len(made) == 64 and made.isalnum()
    ground.clear_requests()
    assert run(tier(length=32))["plan"] == []
    assert "GetSecretValue" not in {request.operation for request in ground.requests}
    assert value(api) == made
    assert made not in json.dumps([planned, result])


def test_length_and_alphabet_are_options(api):
    run(tier(length=20, alphabet="ab"))
    assert len(value(api)) == 20 and set(value(api)) <= {"a", "b"}


def test_a_value_of_ours_takes_the_place_of_a_random_one(api):
    run(tier(value="of ours"))
    assert value(api) == "of ours"


def test_no_two_are_alike():
    assert len({generated_secret.new_value({}) for _ in range(100)}) == 100


def test_a_value_set_by_hand_stays(api):
    run(tier())
    api.put_secret_value(SecretId=NAME, SecretString="by hand")
    assert run(tier())["plan"] == []
    assert value(api) == "by hand"


def test_comes_back_with_its_value(api):
    run(tier())
    made = value(api)
    run(tier(), state="absent")
    result = run(tier())
    assert (ADDRESS, "update", "available") in tiers.changes(result)
    assert value(api) == made
    assert run(tier())["plan"] == []


def test_gets_a_value_where_it_has_none(ground, api):
    run(tier())
    tags = api.describe_secret(SecretId=NAME)["Tags"]
    api.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
    api.create_secret(Name=NAME, Tags=tags)
    assert (ADDRESS, "update", "stored") in tiers.changes(run(tier()))
    assert len(value(api)) == 64
    assert run(tier())["plan"] == []


def test_a_run_killed_after_any_write_is_finished_by_the_next_with_the_same_value(ground, api):
    points = []
    ground.settings.fault(access="write", when="after", callback=lambda call: points.append(ground.snapshot()))
    try:
        run(tier())
    finally:
        ground.settings.clear()
    made = value(api)
    assert len(points) == 2
    for point in points:
        ground.restore(point)
        run(tier())
        assert value(api) == made
        assert run(tier())["plan"] == []


def test_the_version_tells_for_which_marker_it_was_made(api):
    run(tier(rotation=1))

    def told():
        stages = secretsmanager.stages_of(api.describe_secret(SecretId=NAME))
        return [marker for marker in (1, 2) if generated_secret.made_for(NAME, stages, marker)]

    class Context:
        class api:
            client = staticmethod(lambda service: api)

    assert told() == [1]
    values = {value(api)}
    for marker in (2, 1, 2):
        generated_secret.store(Context, api.describe_secret(SecretId=NAME), {"rotation": marker})
        assert told() == [marker]
        values.add(value(api))
    assert len(values) == 4
    api.put_secret_value(SecretId=NAME, SecretString="by hand")
    assert told() == []
