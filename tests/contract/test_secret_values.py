"""What the one suite cannot tell of secrets: whose a value is, that none is ever shown, deletion and back, replicas."""

from __future__ import annotations

import json

import boto3
import pytest
from support import tiers

OURS, BY_HAND = "secret/openai-api-key", "secret/slack-bot-tokens"
THERE = "eu-west-1"


@pytest.fixture
def secrets(prepare):
    prepared = prepare("secrets")
    prepared.on_whole()
    return prepared


@pytest.fixture
def api(secrets):
    return boto3.client("secretsmanager", region_name="us-east-1")


def operations(prepared):
    return [request.operation for request in prepared.aws.requests]


def run(prepared, **override):
    return tiers.run(prepared.tier, {**prepared.parameters, **override})


def value(api, name):
    return api.get_secret_value(SecretId=f"prod/{name}")["SecretString"]


def versions(api, name):
    return api.describe_secret(SecretId=f"prod/{name}").get("VersionIdsToStages", {})


def test_without_a_value_there_is_no_version_and_none_is_ever_read(secrets, api):
    assert versions(api, "slack-bot-tokens") == {}
    secrets.aws.clear_requests()
    result = run(secrets, values={})
    assert result["plan"] == []
    assert {"GetSecretValue", "BatchGetSecretValue"} & set(operations(secrets)) == set()


def test_a_value_set_by_hand_is_never_overwritten(secrets, api):
    api.put_secret_value(SecretId="prod/slack-bot-tokens", SecretString="by hand")
    assert run(secrets)["plan"] == []
    assert run(secrets, tags={"cost-centre": "42"})["changed"]
    assert value(api, "slack-bot-tokens") == "by hand"


def test_a_value_of_ours_is_written_again_when_somebody_changed_it(secrets, api):
    api.put_secret_value(SecretId="prod/openai-api-key", SecretString="changed by hand")
    planned = tiers.run(secrets.tier, secrets.parameters, check_mode=True)
    (item,) = planned["plan"]
    assert item["fields"] == [{"field": "value", "old": "(sensitive)", "new": "(sensitive)"}]
    assert tiers.changes(run(secrets)) == {(OURS, "update", "value")}
    assert value(api, "openai-api-key") == "sk-contract-1"


def test_a_value_that_leaves_the_configuration_stays(secrets, api):
    assert run(secrets, values={})["plan"] == []
    assert value(api, "openai-api-key") == "sk-contract-1"


def test_a_binary_value_is_another_one(secrets, api):
    api.put_secret_value(SecretId="prod/openai-api-key", SecretBinary=b"sk-contract-1")
    assert tiers.changes(run(secrets)) == {(OURS, "update", "value")}


def test_of_a_mapping_only_the_content_counts(secrets, api):
    pairs = {"client_id": "agent-platform", "client_secret": "geheim-ß"}
    run(secrets, values={"slack-bot-tokens": pairs})
    assert json.loads(value(api, "slack-bot-tokens")) == pairs
    by_hand = json.dumps(dict(reversed(pairs.items())), indent=2)
    api.put_secret_value(SecretId="prod/slack-bot-tokens", SecretString=by_hand)
    assert run(secrets, values={"slack-bot-tokens": pairs})["plan"] == []
    changed = {**pairs, "client_secret": "neu"}
    assert tiers.changes(run(secrets, values={"slack-bot-tokens": changed})) == {(BY_HAND, "update", "value")}


@pytest.mark.parametrize("check_mode", [True, False])
def test_no_result_holds_a_value(prepare, check_mode):
    prepared = prepare("secrets")
    prepared.on_ground()
    for wanted in ("sk-never-seen-1", {"key": "sk-never-seen-2"}):
        result = tiers.run(prepared.tier, {**prepared.parameters, "values": {"openai-api-key": wanted}}, check_mode=check_mode)
        assert result["changed"]
        assert "never-seen" not in json.dumps(result)
        assert "(sensitive)" in json.dumps(result["diff"])


def test_no_error_holds_a_value(secrets):
    secrets.aws.settings.fault(
        service="secretsmanager", operation="PutSecretValue", times=1, code="EncryptionFailure", status=400, message="no key"
    )
    try:
        result = tiers.attempt(secrets.tier, {**secrets.parameters, "values": {"openai-api-key": "sk-never-seen"}})
    finally:
        secrets.aws.settings.clear()
    assert result["failed"] and "EncryptionFailure" in result["msg"] and "policy" in result["msg"]
    assert "never-seen" not in json.dumps(result)


def test_a_deleted_secret_is_restored_with_its_arn_and_its_value(secrets, api):
    api.put_secret_value(SecretId="prod/slack-bot-tokens", SecretString="by hand")
    before = run(secrets)["resources"]
    kept = {name: versions(api, name) for name in ("openai-api-key", "slack-bot-tokens")}
    run(secrets, state="absent")
    assert api.list_secrets()["SecretList"] == []
    planned = tiers.run(secrets.tier, secrets.parameters, check_mode=True)
    assert set(tiers.addresses(planned).values()) == {"update"}
    assert (OURS, "update", "available") in tiers.changes(planned)
    back = run(secrets)
    assert tiers.changes(back) == tiers.changes(planned)
    assert back["resources"] == before
    assert {name: versions(api, name) for name in kept} == kept
    assert value(api, "slack-bot-tokens") == "by hand"
    assert run(secrets)["plan"] == []


def test_a_restored_secret_gets_the_value_of_today(secrets, api):
    run(secrets, state="absent")
    run(secrets, values={"openai-api-key": "sk-of-today"})
    assert value(api, "openai-api-key") == "sk-of-today"


@pytest.mark.parametrize(("override", "days"), [({}, 30), ({"recovery_window_days": 7}, 7)])
def test_deletion_has_a_window(secrets, api, override, days):
    run(secrets, state="absent", **override)
    for secret in api.list_secrets(IncludePlannedDeletion=True)["SecretList"]:
        waited = secret["DeletedDate"] - secret["LastChangedDate"]
        assert days - 1 <= waited.total_seconds() / 86400 <= days + 1


def test_deletion_for_good_only_when_told(secrets, api):
    run(secrets, state="absent", delete_without_recovery=True)
    assert api.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
    assert set(tiers.addresses(run(secrets)).values()) == {"create"}


def test_a_deleted_secret_of_somebody_else_is_not_taken(prepare, api):
    prepared = prepare("secrets")
    prepared.on_ground()
    api.create_secret(Name="prod/openai-api-key")
    api.delete_secret(SecretId="prod/openai-api-key")
    result = tiers.attempt(prepared.tier, prepared.parameters)
    assert result["failed"] and "is not tagged as made by deployment" in result["msg"]
    assert [call for call in prepared.aws.writes() if call.operation not in ("CreateSecret", "DeleteSecret")] == []


def test_replicas_come_and_go_and_do_not_stand_in_the_way_of_a_deletion(secrets, api):
    there = boto3.client("secretsmanager", region_name=THERE)
    replicas = [{"region": THERE}, {"region": "eu-central-1"}]
    assert {field for _, _, field in tiers.changes(run(secrets, replicas=replicas))} == {"replicas"}
    assert run(secrets, replicas=list(reversed(replicas)))["plan"] == []
    assert there.get_secret_value(SecretId="prod/openai-api-key")["SecretString"] == "sk-contract-1"
    run(secrets, replicas=replicas[1:])
    assert there.list_secrets()["SecretList"] == []
    run(secrets, replicas=replicas[1:], state="absent")
    assert api.list_secrets()["SecretList"] == []
    run(secrets, replicas=replicas)
    assert len(there.list_secrets()["SecretList"]) == 2
    run(secrets)
    assert there.list_secrets()["SecretList"] == []


def test_a_replica_that_fails_is_named_with_its_reason_and_tried_again(secrets):
    there = boto3.client("secretsmanager", region_name=THERE)
    there.create_secret(Name="prod/openai-api-key")
    replicas = [{"region": THERE}]
    result = tiers.attempt(secrets.tier, {**secrets.parameters, "replicas": replicas})
    assert result["failed"]
    assert f"{OURS}: the replica in {THERE} failed" in result["msg"] and "already exists" in result["msg"]
    assert BY_HAND in result["applied"]
    there.delete_secret(SecretId="prod/openai-api-key", ForceDeleteWithoutRecovery=True)
    assert tiers.changes(run(secrets, replicas=replicas)) == {(OURS, "update", "replicas")}
    assert run(secrets, replicas=replicas)["plan"] == []


def test_what_left_the_configuration_is_kept_and_listed(secrets, api):
    result = run(secrets, entries=secrets.parameters["entries"][:1])
    assert (result["plan"], result["unmanaged"]) == ([], [BY_HAND])
    assert len(api.list_secrets()["SecretList"]) == 2
    run(secrets, entries=[], values={}, state="absent")
    assert api.list_secrets()["SecretList"] == []


def test_a_run_killed_after_any_of_its_writes_is_finished_by_the_next(prepare, api):
    """With what prod leaves out: values and replicas. No value is written twice."""
    prepared = prepare("secrets")
    prepared.on_ground()
    points = []
    override = {"values": {"openai-api-key": "sk-1", "slack-bot-tokens": {"bot": "xoxb"}}, "replicas": [{"region": THERE}]}
    prepared.aws.settings.fault(access="write", when="after", callback=lambda call: points.append(prepared.aws.snapshot()))
    try:
        run(prepared, **override)
    finally:
        prepared.aws.settings.clear()
    assert len(points) == 2 * len(["CreateSecret", "PutResourcePolicy", "PutSecretValue", "ReplicateSecretToRegions"])
    for state in points:
        prepared.aws.restore(state)
        run(prepared, **override)
        assert run(prepared, **override)["plan"] == []
        assert [len(versions(api, name)) for name in ("openai-api-key", "slack-bot-tokens")] == [1, 1]
        assert sorted(item["Name"] for item in api.list_secrets()["SecretList"]) == ["prod/openai-api-key", "prod/slack-bot-tokens"]
