"""No secret is seen in the life of a deployment: plan, apply, drift, destroy, at their loudest, and what they leave behind."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

MARK = "never-seen-anywhere"
GIVEN = {
    "secrets_values": {
        "openai-api-key": f"sk-{MARK}-openai",
        "anthropic-api-key": f"sk-{MARK}-anthropic",
        "servicenow-oauth": {"client_id": f"{MARK}-client", "client_secret": f'{MARK}-"quoted"-secret'},
        "slack-bot-tokens": f"xoxb-{MARK}-slack",
    },
    "redis_auth_token": f"{MARK}-auth-token-of-the-cache",
}
LOUD = ("-vvv", "--diff")


@pytest.fixture
def vault(tmp_path):
    """The arguments that give GIVEN out of an encrypted file."""
    place = tmp_path / "vault"
    place.mkdir()
    (place / "password").write_text("of the vault")
    (place / "values.yml").write_text(json.dumps(GIVEN))
    keys = ["--vault-password-file", str(place / "password")]
    program = str(Path(sys.executable).parent / "ansible-vault")
    subprocess.run([program, "encrypt", *keys, str(place / "values.yml")], check=True, capture_output=True)
    return ["-e", f"@{place / 'values.yml'}", *keys]


@pytest.fixture
def home(tmp_path):
    """Where everything goes that a run writes: its home, its temporary folders, its log and its working directory's files."""
    place = tmp_path / "home"
    place.mkdir()
    return place


def run(platform, home, *arguments):
    names = {"HOME": home, "TMPDIR": home, "ANSIBLE_LOCAL_TEMP": home / "local", "ANSIBLE_REMOTE_TEMP": home / "remote"}
    env = {name: str(path) for name, path in names.items()}
    done = platform.run(*arguments, *LOUD, **env, ANSIBLE_LOG_PATH=str(home / "ansible.log"))
    (home / f"output-{len(list(home.glob('output-*')))}").write_text(done.stdout + done.stderr)
    return done


def stored(platform):
    """The strings of every secret that stands: given, generated, and the database's own."""
    api = platform.client("secretsmanager")
    found = []
    for item in api.list_secrets()["SecretList"]:
        if item.get("SecretVersionsToStages"):
            text = api.get_secret_value(SecretId=item["ARN"])["SecretString"]
            try:
                inner = json.loads(text)
            except ValueError:
                inner = None
            found += [str(value) for value in inner.values()] if isinstance(inner, dict) else [text]
    return [text for text in found if len(text) >= 12]


def forms(secret):
    """The ways in which a value may stand in a text."""
    raw = secret.encode()
    yield raw
    yield json.dumps(secret)[1:-1].encode()
    yield urllib.parse.quote(secret).encode()
    yield base64.b64encode(raw)
    yield from (hashlib.new(name, raw).hexdigest().encode() for name in ("md5", "sha1", "sha256"))


def leaks(secrets, *places):
    """(file, secret) for each that is seen."""
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    wanted = [(secret, form) for secret in secrets for form in set(forms(secret))]
    return [(str(path), secret) for path in files for secret, form in wanted if form in path.read_bytes()]


def test_the_search_would_find_a_value(tmp_path):
    (tmp_path / "a").write_text(json.dumps({"header": 'a "quoted" secret'}))
    (tmp_path / "b").write_bytes(base64.b64encode(b"another secret"))
    assert len(leaks(['a "quoted" secret', "another secret", "a third"], tmp_path)) == 2


def test_no_secret_from_plan_to_destroy(empty, vault, home):
    plan = home / "plan.json"
    deployment = ("-e", f"platform_deployment={empty.deployment}")
    planned = run(empty, home, "playbooks/plan.yml", "-e", f"platform_plan_path={plan}", *vault)
    assert planned.returncode == 0, planned.stdout[-3000:] + planned.stderr[-3000:]
    assert "(sensitive)" in planned.stdout + planned.stderr
    applied = run(empty, home, "site.yml", "-e", f"platform_plan={plan}", *vault)
    assert applied.returncode == 0, applied.stdout[-3000:] + applied.stderr[-3000:]
    secrets = stored(empty)
    assert sum(MARK in secret for secret in secrets) == 6
    # The origin's header and the database's password besides.
    assert len(secrets) >= 8
    assert empty.client("sqs").get_queue_url(QueueName="prod-ticket-events")
    drifted = run(empty, home, "playbooks/drift.yml", *vault)
    assert drifted.returncode == 0, drifted.stdout[-3000:] + drifted.stderr[-3000:]
    # A value that was changed by hand is a difference, of which nobody sees either side.
    by_hand = "changed-by-hand-and-never-seen"
    empty.client("secretsmanager").put_secret_value(SecretId="prod/openai-api-key", SecretString=by_hand)
    changed = run(empty, home, "playbooks/drift.yml", *vault)
    assert changed.returncode != 0
    confirm = ("confirm", "destroy_data")
    sure = [part for name in confirm for part in ("-e", f"{name}={empty.deployment}")]
    destroyed = run(empty, home, "playbooks/destroy.yml", *sure, "-e", "lift_deletion_protection=true", *vault, *deployment)
    assert destroyed.returncode == 0, destroyed.stdout[-3000:] + destroyed.stderr[-3000:]
    assert (home / "ansible.log").exists() and plan.exists()
    assert leaks({*secrets, by_hand}, home) == []
