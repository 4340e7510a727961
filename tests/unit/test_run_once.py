"""What a run does once: keeping bytecode, asking for the caller, checking a role's arguments."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils import tool_module
from ansible_collections.agent_platform.aws.plugins.module_utils.aws import api, session
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.module_utils.tool_module import Tool
from ansible_collections.agent_platform.aws.plugins.module_utils.who import who
from ansible_collections.agent_platform.aws.plugins.plugin_utils import bytecode, role_arguments, run_memory
from support import tiers

ROOT = tiers.ROOT
OURS = "ansible_collections.agent_platform.aws.plugins.module_utils"


def test_a_module_of_ours_is_loaded_with_its_bytecode():
    spec = bytecode.Compiled().find_spec(f"{OURS}.kinds", [str(ROOT / "plugins/module_utils")])
    assert isinstance(spec.loader, SourceFileLoader)
    assert spec.origin == str(ROOT / "plugins/module_utils/kinds.py")
    assert spec.cached.endswith(".pyc")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (f"{OURS}.aws", "plugins/module_utils"),
        (f"{OURS}.no_such_module", "plugins/module_utils"),
        ("ansible_collections.community.general.plugins.module_utils.kinds", "plugins/module_utils"),
        ("json", "plugins/module_utils"),
    ],
)
def test_packages_what_is_not_there_and_others_are_left_to_ansible(name, folder):
    assert bytecode.Compiled().find_spec(name, [str(ROOT / folder)]) is None


def test_it_is_installed_once(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    bytecode.keep()
    bytecode.keep()
    assert [type(finder) for finder in sys.meta_path].count(bytecode.Compiled) == 1
    assert isinstance(sys.meta_path[0], bytecode.Compiled)


@pytest.fixture
def credentials(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "first-secret")
    return monkeypatch


def fingerprint(**params):
    return session.Connection({"region": "us-east-1", "validate_certs": True, **params}).fingerprint


@pytest.mark.parametrize(
    ("variable", "value"),
    [("AWS_ACCESS_KEY_ID", "AKIAOTHER"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ROLE_ARN", "other")],
)
def test_another_caller_has_another_fingerprint(credentials, variable, value):
    before = fingerprint()
    assert fingerprint() == before
    credentials.setenv(variable, value)
    assert fingerprint() != before


def test_parameters_count_like_the_environment(credentials):
    assert fingerprint(region="eu-west-1") != fingerprint()
    assert fingerprint(access_key="AKIAOTHER", secret_key="x") != fingerprint()


def test_no_secret_is_in_a_fingerprint(credentials):
    before = fingerprint()
    credentials.setenv("AWS_SECRET_ACCESS_KEY", "second-secret")
    assert fingerprint() == before


def test_who_tells_the_run(credentials, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.agent_platform.aws.plugins.module_utils.aws.api.identify",
        lambda connection: api.Caller("123456789012", "arn:aws:iam::123456789012:user/x"),
    )
    callers = {}
    answer = who({"region": "us-east-1", "validate_certs": True}, callers)
    assert answer["msg"] == "Account 123456789012, region us-east-1, as arn:aws:iam::123456789012:user/x"
    assert callers == {fingerprint(): {"account": "123456789012", "arn": "arn:aws:iam::123456789012:user/x"}}


def test_who_cannot_be_told_in_one_sentence(credentials, monkeypatch):
    def refuse(connection):
        raise EngineError("Could not learn the caller's identity: no.")

    monkeypatch.setattr("ansible_collections.agent_platform.aws.plugins.module_utils.aws.api.identify", refuse)
    callers = {}
    answer = who({"region": "us-east-1", "validate_certs": True}, callers)
    assert answer == {"failed": True, "changed": False, "msg": "Could not learn the caller's identity: no."}
    assert callers == {}


def test_a_tool_asks_who_calls_only_where_the_run_does_not_know(credentials, monkeypatch):
    asked = []

    def identify(connection):
        asked.append(connection)
        return api.Caller("123456789012", "arn:aws:iam::123456789012:user/x")

    monkeypatch.setattr(api, "identify", identify)
    tool = Tool("look", {}, lambda params: (), lambda params: None, lambda session: session.place.as_dict())
    params, options = {"environment": "dev", "region": "us-east-1", "validate_certs": True}, RunOptions()
    answers = [tool_module.run(tool, params, options) for _time in range(2)]
    assert len(asked) == 1 and answers[0] == answers[1] and answers[0]["account"] == "123456789012", answers
    assert list(options.callers) == [fingerprint()]


def test_a_client_is_made_when_it_is_asked_for_and_only_what_the_tier_names(credentials):
    connection = session.Connection({"region": "us-east-1", "validate_certs": True})
    access = api.Api(connection, ("sqs", "sns"), api.Caller("123456789012", "arn"))
    assert access._clients == {}
    assert access.client("sqs") is access.client("sqs")
    assert access.has("sns") and not access.has("ec2")
    with pytest.raises(KeyError):
        access.client("ec2")
    access.close()


@pytest.mark.parametrize(("part", "told"), [("wrote", {"standing", "place"}), ("check", set(Overlay().as_dict()))])
def test_what_a_tier_that_writes_tells_the_next_one(monkeypatch, tmp_path, part, told):
    """What it keeps, such as the key of a last snapshot, is its own affair there."""
    monkeypatch.setattr(run_memory.C, "DEFAULT_LOCAL_TMP", str(tmp_path))
    memory = run_memory.RunMemory("host")
    memory.plan(part, Overlay({"held": {"key": "db_instance/main"}, "standing": {"kms_key/rds": {"id": "1"}}}).as_dict())
    memory.save()
    assert set(run_memory.RunMemory("host").planned(part)) == told


TEMPLAR = SimpleNamespace(template=lambda value: value)


def role(name="agent_platform.aws.messaging", folder="messaging"):
    return SimpleNamespace(get_name=lambda: name, get_role_path=lambda: str(ROOT / "roles" / folder))


def test_wrong_arguments_of_a_role_are_named_in_ansibles_words():
    said = role_arguments.problems(role(), "messaging", {"messaging_tracing": [], "messaging_topics": "x"}, TEMPLAR)
    assert said.startswith("Validation of arguments failed:\n")
    assert "messaging_topics" in said


def test_right_arguments_of_a_role():
    assert role_arguments.problems(role(), "messaging", {"messaging_retention_days": "4"}, TEMPLAR) == ""


def test_a_task_in_somebody_elses_role_has_no_arguments_of_ours():
    assert role_arguments.problems(role("their.own.role", "none"), "messaging", {"messaging_topics": "x"}, TEMPLAR) == ""
    assert role_arguments.problems(None, "messaging", {"messaging_topics": "x"}, TEMPLAR) == ""
