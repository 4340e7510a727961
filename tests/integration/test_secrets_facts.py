"""What the diagrams and the issue say about secrets, read back with plain boto3; and that no value is ever seen anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import site

NAMES = ("anthropic-api-key", "openai-api-key", "servicenow-oauth", "slack-bot-tokens")
MARK = "never-seen"
GIVEN = {
    "openai-api-key": f"sk-{MARK}-openai",
    "servicenow-oauth": {"client_id": f"{MARK}-id", "client_secret": f'{MARK}-"quoted"-secret'},
}
both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)
each = pytest.mark.parametrize("name", NAMES)


def full(platform, name):
    return f"{platform.environment}/{name}"


def described(platform, name):
    return platform.client("secretsmanager").describe_secret(SecretId=full(platform, name))


def stored(platform, name):
    return platform.client("secretsmanager").get_secret_value(SecretId=full(platform, name))["SecretString"]


def statements(platform, name):
    policy = platform.client("secretsmanager").get_resource_policy(SecretId=full(platform, name))["ResourcePolicy"]
    return {item["Sid"]: item for item in json.loads(policy)["Statement"]}


def test_the_four_secrets_stand(platform):
    found = {item["Name"] for item in platform.client("secretsmanager").list_secrets()["SecretList"]}
    assert {full(platform, name) for name in NAMES} <= found


@each
def test_secret_is_encrypted_with_the_secrets_key(platform, name):
    alias = f"alias/{platform.environment}/{'secrets' if platform.is_prod else 'shared'}"
    key = platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    assert described(platform, name)["KmsKeyId"] == key


@each
def test_secret_waits_for_its_value_without_a_version(platform, name):
    assert described(platform, name).get("VersionIdsToStages", {}) == {}


@each
def test_other_accounts_are_refused(platform, name):
    found = statements(platform, name)
    assert [item["Effect"] for item in found.values()] == ["Deny"] * 3
    for sid, condition in (("OtherAccounts", "aws:PrincipalAccount"), ("ServicesForOtherAccounts", "aws:SourceAccount")):
        assert (found[sid]["Principal"], found[sid]["Action"]) == ("*", "secretsmanager:*")
        assert found[sid]["Condition"]["StringNotEquals"] == {condition: platform.account_id}


@each
def test_secret_goes_over_tls_only(platform, name):
    found = statements(platform, name)["TlsOnly"]
    assert (found["Effect"], found["Action"]) == ("Deny", "secretsmanager:*")
    assert found["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_secrets_are_reached_through_the_vpcs_endpoint(platform):
    mine = [{"Name": "tag:agent-platform:environment", "Values": [platform.environment]}]
    endpoints = platform.client("ec2").describe_vpc_endpoints(Filters=mine)["VpcEndpoints"]
    (endpoint,) = [item for item in endpoints if item["ServiceName"].endswith(".secretsmanager")]
    assert (endpoint["VpcEndpointType"], endpoint["PrivateDnsEnabled"]) == ("Interface", True)


@each
def test_secret_has_no_replica(platform, name):
    assert described(platform, name).get("ReplicationStatus", []) == []


@each
def test_secret_carries_its_address(platform, name):
    tags = {tag["Key"]: tag["Value"] for tag in described(platform, name)["Tags"]}
    assert tags["agent-platform:address"] == f"secret/{name}"
    assert tags["agent-platform:deployment"] == platform.deployment
    assert tags["agent-platform:environment"] == platform.environment


@both
def test_a_deleted_secret_waits_30_days_in_prod_and_7_in_dev_and_is_restored(scratch):
    api = scratch.client("secretsmanager")
    api.put_secret_value(SecretId=full(scratch, NAMES[0]), SecretString="by hand")
    scratch.results("playbooks/secrets.yml", "-e", "secrets_state=absent")
    for name in NAMES:
        found = described(scratch, name)
        waiting = (found["DeletedDate"] - found["LastChangedDate"]).total_seconds() / 86400
        assert abs(waiting - (30 if scratch.is_prod else 7)) < 0.1
    back = scratch.results("playbooks/secrets.yml")["secrets"]
    assert {item["action"] for item in back["plan"]} == {"update"}
    assert stored(scratch, NAMES[0]) == "by hand"
    assert not scratch.results("playbooks/secrets.yml")["secrets"]["changed"]


@pytest.fixture
def vault(tmp_path):
    """The arguments that give GIVEN out of an encrypted file."""
    (tmp_path / "password").write_text("of the vault")
    (tmp_path / "values.yml").write_text(json.dumps({"secrets_values": GIVEN}))
    keys = ["--vault-password-file", str(tmp_path / "password")]
    program = str(Path(sys.executable).parent / "ansible-vault")
    subprocess.run([program, "encrypt", *keys, str(tmp_path / "values.yml")], check=True, capture_output=True)
    assert MARK not in (tmp_path / "values.yml").read_text()
    return ["-e", f"@{tmp_path / 'values.yml'}", *keys]


@both
def test_values_of_the_vault_are_kept_and_those_by_hand_left(scratch, vault):
    api = scratch.client("secretsmanager")
    by_hand = full(scratch, "slack-bot-tokens")
    api.put_secret_value(SecretId=by_hand, SecretString="by hand")
    first = scratch.results("playbooks/secrets.yml", *vault)["secrets"]
    values = [(item["address"], item["action"], field) for item in first["plan"] for field in item["fields"]]
    hidden = {"field": "value", "old": None, "new": "(sensitive)"}
    assert values == [(f"secret/{name}", "update", hidden) for name in sorted(GIVEN)]
    assert stored(scratch, "openai-api-key") == GIVEN["openai-api-key"]
    assert json.loads(stored(scratch, "servicenow-oauth")) == GIVEN["servicenow-oauth"]
    assert not scratch.results("playbooks/secrets.yml", *vault)["secrets"]["changed"]
    assert not scratch.results("playbooks/secrets.yml")["secrets"]["changed"]
    assert api.get_secret_value(SecretId=by_hand)["SecretString"] == "by hand"


def seen(folder):
    """Files that hold a value."""
    found = [path for path in folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    return [str(path) for path in found]


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in-process", "as-a-module"])
@pytest.mark.parametrize("arguments", [["--check", "--diff"], ["--diff"], ["-e", "secrets_recovery_window_days=99"]], ids=" ".join)
def test_no_value_in_any_output_log_or_file(scratch, vault, tmp_path, elsewhere, arguments):
    """With everything that a run says at its loudest, and everything that it leaves under its home and temporary directories."""
    playbooks, more = ["playbooks/validate.yml", "playbooks/secrets.yml", "playbooks/s3.yml"], []
    if elsewhere:
        playbooks = ["playbooks/secrets.yml"]
        other = tmp_path / "python"
        other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        other.chmod(0o755)
        more = ["-e", f"ansible_python_interpreter={other}"]
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": home, "TMPDIR": home, "ANSIBLE_LOCAL_TEMP": home / "local", "ANSIBLE_REMOTE_TEMP": home / "remote"}
    env = {**{name: str(path) for name, path in places.items()}, "ANSIBLE_LOG_PATH": str(home / "ansible.log")}
    done = scratch.run(*playbooks, "-vvv", *arguments, *vault, *more, **env)
    said = done.stdout + done.stderr
    assert (done.returncode == 0) == (arguments[0] != "-e"), said[-3000:]
    assert ("(sensitive)" in said) == (arguments[0] != "-e")
    assert MARK not in said
    assert (home / "ansible.log").exists()
    assert seen(home) == []
    if arguments == ["--diff"]:
        assert stored(scratch, "openai-api-key") == GIVEN["openai-api-key"]


def test_a_value_that_is_part_of_names_does_not_disturb_the_tiers_after_it(empty):
    """Ansible hides it wherever it stands, but not from the tiers."""
    given = json.dumps({"secrets_values": {"servicenow-oauth": {"instance": "prod", "key": "us-east-1"}}})
    done = empty.run("site.yml", "--check", "-e", given, **site.as_json({}))
    assert done.returncode == 0, done.stdout[-3000:]
