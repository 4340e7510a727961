"""The schema tier on a real PostgreSQL: what it plans is what it does, whoever changed something by hand and whoever was cut
off."""

from __future__ import annotations

import json
import shutil
import socket

import boto3
import psycopg
import pytest
from support import schema as support
from support.database import MIGRATIONS
from support.schema import INSTANCE, inside
from support.tiers import addresses, changes

ALL = {
    "database/agentdb",
    "database_role/agent_migrate",
    "database_role/agent_app",
    "database_role/agent_readonly",
    "database_schema/agent",
    "migration/0001_users",
    "migration/0002_agents",
    "migration/0003_knowledge_base",
    "migration/0004_workflows",
    "migration/0005_audit_log",
    "audit_partitions/audit_log_*",
}
SECRET = "generated_secret/rds/agent-app"


class CutOff(BaseException):
    """The run ends here, past whatever would catch an error."""


@pytest.fixture(scope="module")
def account(postgres):
    with inside(postgres) as running:
        empty = running.aws.snapshot()
        yield running, empty


@pytest.fixture
def bare(account):
    """An account without a database."""
    running, empty = account
    running.aws.restore(empty)
    running.aws.settings.clear()
    running.aws.clear_requests()
    return running


@pytest.fixture
def fresh(bare):
    """With a database that nobody has been in."""
    bare.make_instance()
    bare.aws.clear_requests()
    return bare


@pytest.fixture
def whole(fresh):
    """Set up."""
    fresh.must()
    fresh.aws.clear_requests()
    return fresh


def roles(running):
    with running.as_master() as master:
        return {name for (name,) in master.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'agent\\_%'").fetchall()}


def lets_in(running, login):
    try:
        running.connect(login["username"], login["password"]).close()
    except psycopg.OperationalError:
        return False
    return True


# --- plan and apply


@pytest.mark.parametrize("how", [{"verb": "plan"}, {"verb": "drift"}, {"check_mode": True}], ids=str)
def test_before_there_is_a_database_everything_is_planned_and_nothing_written(bare, how):
    planned = bare.must(**how)
    assert addresses(planned) == dict.fromkeys([SECRET, *ALL], "create")
    (partitions,) = [item for item in planned["plan"] if item["address"].startswith("audit_partitions/")]
    assert partitions["fields"] == [{"field": "months", "old": None, "new": "(known after apply)"}]
    assert bare.aws.writes() == [] and bare.calls == []


def test_without_a_database_an_apply_names_the_tier_to_run_first(bare):
    result = bare.run()
    assert result["failed"] and result["msg"].endswith("prod-agentdb does not exist or is still being made: run the rds tier first")
    assert result["not_applied"] == []


def test_a_plan_writes_nothing_and_is_what_the_apply_then_does_and_a_second_one_does_nothing(fresh):
    planned = fresh.must(verb="plan")
    assert set(addresses(planned)) == {SECRET, *ALL} and fresh.calls == []
    assert fresh.aws.writes() == [] and roles(fresh) == set()
    first = fresh.must()
    assert first["changed"] and changes(first) == changes(planned)
    assert [item["after_header"] for item in first["diff"]] == [f"{item['address']} ({item['action']})" for item in first["plan"]]
    fresh.aws.clear_requests()
    for how in ({}, {"check_mode": True}, {"verb": "plan"}, {"verb": "drift"}):
        second = fresh.must(**how)
        assert (second["changed"], second["plan"], fresh.calls) == (False, [], []), how
    assert fresh.aws.writes() == []


def test_no_password_is_in_a_result(fresh):
    told = json.dumps([fresh.must(verb="plan"), fresh.must(), fresh.must(password_rotation="2")])
    item = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"][0]
    versions = fresh.stages()
    logins = [fresh.login(), fresh.login(VersionId=versions["AWSPREVIOUS"]), fresh.login(item["MasterUserSecret"]["SecretArn"])]
    assert not [login for login in logins if login["password"] in told]
    log = fresh.server.log.read_text()
    assert not [login for login in logins[:2] if login["password"] in log]


def test_a_database_that_rds_has_not_made_is_made(fresh):
    planned = fresh.must(verb="plan", database="other")
    assert addresses(planned)["database/other"] == "create"
    done = fresh.must(database="other")
    assert set(addresses(done)) == set(addresses(planned))
    assert fresh.must(database="other")["plan"] == []


def test_validate_asks_nobody_and_finds_what_cannot_be(bare, tmp_path):
    assert bare.must(verb="validate")["plan"] == []
    (tmp_path / "0002_b.sql").write_text("SELECT 1")
    refused = bare.run(verb="validate", migrations_path=str(tmp_path))
    assert refused["failed"] and refused["msg"].startswith("migration/0002_b: the number 0001 is missing")
    refused = bare.run(verb="validate", ca_bundle=str(tmp_path / "none.pem"))
    assert refused["failed"] and refused["msg"].startswith("schema_ca_bundle: ")
    assert bare.aws.requests == []


# --- by hand


BY_HAND = {
    "GRANT DELETE ON agent.users TO agent_app": ("database_role/agent_app", "privileges"),
    "GRANT UPDATE ON agent.audit_log TO agent_readonly": ("database_role/agent_readonly", "privileges"),
    "REVOKE INSERT ON agent.audit_log FROM agent_app": ("database_role/agent_app", "privileges"),
    "GRANT SELECT ON agent.users TO PUBLIC": ("database_schema/agent", "public_privileges"),
    "ALTER ROLE agent_app CREATEDB": ("database_role/agent_app", "attributes"),
    "ALTER ROLE agent_app NOLOGIN": ("database_role/agent_app", "login"),
    "ALTER ROLE agent_readonly LOGIN": ("database_role/agent_readonly", "login"),
    "ALTER ROLE agent_app PASSWORD 'by hand'": ("database_role/agent_app", "password"),
    "ALTER ROLE agent_app RESET search_path": ("database_role/agent_app", "search_path"),
    "GRANT CONNECT ON DATABASE agentdb TO PUBLIC": ("database/agentdb", "public_privileges"),
}


def test_what_is_changed_by_hand_is_drift_and_is_set_right(whole):
    """One after another on one database: each is found alone, since the one before was set right."""
    for statement, (address, field) in BY_HAND.items():
        with whole.as_master() as master:
            if "agent." in statement:
                master.execute("SET ROLE agent_migrate")
            master.execute(statement)
        expected = {(address, "update", field)}
        if statement.endswith("NOLOGIN"):
            expected.add((address, "update", "password"))
        assert changes(whole.must(verb="drift")) == expected, statement
        done = whole.must()
        assert changes(done) == expected, statement
        assert whole.must(verb="drift")["plan"] == [], statement
    assert lets_in(whole, whole.login())


def test_a_changed_migration_is_refused_by_name_in_plan_and_apply(whole, tmp_path):
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    file = tmp_path / "migrations/0002_agents.sql"
    file.write_text(file.read_text() + "-- more\n")
    changed = {"migrations_path": str(tmp_path / "migrations")}
    planned = whole.must(verb="plan", **changed)
    assert [item["address"] for item in planned["refusals"]] == ["migration/0002_agents"]
    result = whole.run(**changed)
    assert result["failed"] and "migration/0002_agents: it was applied and its file was changed since" in result["msg"]


def test_a_new_migration_and_its_grants_are_one_more_run(whole, tmp_path):
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations/0006_notes.sql").write_text("CREATE TABLE notes (id uuid PRIMARY KEY);\n")
    defaults = support.DEFAULTS["schema_grants"]
    grants = {**defaults, "agent_readonly": {**defaults["agent_readonly"], "notes": ["SELECT"]}}
    more = {"migrations_path": str(tmp_path / "migrations"), "grants": grants}
    assert addresses(whole.must(**more)) == {"migration/0006_notes": "create", "database_role/agent_readonly": "update"}
    assert whole.must(**more)["plan"] == []


def test_what_was_approved_is_done_and_nothing_else(fresh):
    approved = {
        item["address"]: {"action": item["action"], "fields": {one["field"]: one["new"] for one in item["fields"]}, "ground": {}}
        for item in fresh.must(verb="plan")["plan"]
    }
    less = {address: item for address, item in approved.items() if address != "migration/0003_knowledge_base"}
    result = fresh.run(approved=less)
    assert result["failed"]
    assert result["msg"].startswith("migration/0003_knowledge_base: create is not in the plan that was approved")
    assert roles(fresh) == set()
    assert fresh.must(approved=approved)["changed"]


# --- cut off


def test_a_run_that_is_cut_off_after_each_call_goes_on_from_there(fresh, monkeypatch):
    """Every run but the last makes one call more than nothing and is cut off before the next."""
    done = []

    def once(module, arguments):
        if done:
            raise CutOff
        done.append(module)
        return support_execute(module, arguments)

    support_execute = support.execute
    monkeypatch.setattr(support, "execute", once)
    runs = 0
    while True:
        done.clear()
        runs += 1
        assert runs < 30
        try:
            last = fresh.must()
            break
        except CutOff:
            continue
    assert runs > 8 and last["plan"]
    monkeypatch.setattr(support, "execute", support_execute)
    assert fresh.must()["plan"] == []
    assert lets_in(fresh, fresh.login())


def test_two_runs_at_once_say_who_has_the_lock(fresh):
    from ansible_collections.agent_platform.aws.plugins.module_utils.schema import migrations

    with fresh.as_master() as other, migrations.locked(other, "agent", 1):
        result = fresh.run(lock_timeout_seconds=0)
    assert result["failed"] and "user agentadmin" in result["msg"] and "is changing it" in result["msg"]
    assert result["applied"] == [SECRET] and set(result["not_applied"]) == set()
    assert fresh.must()["changed"]


# --- the password


def test_another_word_makes_another_password(whole):
    old = whole.login()
    done = whole.must(password_rotation="2")
    assert changes(done) == {("database_role/agent_app", "update", "password")}
    new = whole.login()
    assert new["password"] != old["password"]
    assert (lets_in(whole, new), lets_in(whole, old)) == (True, False)
    assert set(whole.stages()) == {"AWSCURRENT", "AWSPREVIOUS"}
    assert whole.login(VersionId=whole.stages()["AWSPREVIOUS"]) == old
    assert whole.must(password_rotation="2")["plan"] == []


def test_a_rotation_that_is_cut_off_at_any_step_is_finished_by_the_next_run(whole):
    """Before and after each of its three writes of AWS, between which the database is written."""

    def die(_call):
        raise CutOff

    word = 1
    for write in (1, 2, 3):
        for when in ("before", "after"):
            word += 1
            whole.aws.settings.fault(access="write", nth=write, when=when, callback=die)
            with pytest.raises(CutOff):
                whole.run(password_rotation=str(word))
            whole.aws.settings.clear()
            good = [stage for stage, version in whole.stages().items() if lets_in(whole, whole.login(VersionId=version))]
            assert "AWSCURRENT" in good or (write, when) == (2, "before"), (write, when)
            assert good, (write, when)
            whole.must(password_rotation=str(word))
            assert lets_in(whole, whole.login())
            assert "AWSPENDING" not in whole.stages()
            assert whole.must(password_rotation=str(word))["plan"] == []


def test_a_rotation_that_the_database_does_not_take_leaves_the_old_password_good(whole, monkeypatch):
    def broken(module, arguments):
        raise CutOff

    with monkeypatch.context() as patched, pytest.raises(CutOff):
        patched.setattr(support, "execute", broken)
        whole.run(password_rotation="2")
    assert lets_in(whole, whole.login()) and "AWSPENDING" in whole.stages()
    assert changes(whole.must(verb="drift", password_rotation="2")) == {("database_role/agent_app", "update", "password")}
    whole.must(password_rotation="2")
    assert lets_in(whole, whole.login()) and "AWSPENDING" not in whole.stages()


def test_a_secret_that_holds_something_else_is_told(whole):
    boto3.client("secretsmanager").put_secret_value(SecretId=support.SECRET, SecretString="typed in by hand")
    result = whole.run()
    # A value that was not made for the marker is replaced.
    assert not result.get("failed") and changes(result) == {("database_role/agent_app", "update", "password")}
    assert lets_in(whole, whole.login())


def test_what_another_run_did_while_this_one_waited_is_not_done_again(whole, monkeypatch):
    from contextlib import contextmanager

    from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema as beyond

    lock, others = beyond.migrations.locked, []

    @contextmanager
    def behind_another(*arguments):
        if not others:
            others.append("runs")
            others.append(whole.must(password_rotation="2"))
        with lock(*arguments):
            yield

    monkeypatch.setattr(beyond.migrations, "locked", behind_another)
    old = whole.login()
    result = whole.must(password_rotation="2")
    assert changes(others[1]) == {("database_role/agent_app", "update", "password")}
    assert (result["changed"], result["plan"]) == (False, [])
    assert lets_in(whole, whole.login())
    assert whole.login(VersionId=whole.stages()["AWSPREVIOUS"]) == old


# --- the way there, and what is not done


def test_a_database_that_cannot_be_reached_is_told_with_the_ways_out(fresh):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = {"tunnel_address": "127.0.0.1", "tunnel_port": unused.getsockname()[1]}
        ways = ("execution node in the VPC", "schema_tunnel_address", "schema_run_in: cluster", "schema_run_in: none")
        for verb in ("plan", "drift"):
            result = fresh.must(verb=verb, **nowhere)
            (refusal,) = result["refusals"]
            assert refusal["address"] == "database/agentdb" and all(way in refusal["reason"] for way in ways)
            assert addresses(result) == {SECRET: "create"}, "what is of AWS is planned all the same"
        for how in ({}, {"check_mode": True}):
            result = fresh.run(**how, **nowhere)
            assert result["failed"]
            assert all(way in result["msg"] for way in ways)


def test_the_near_end_of_a_tunnel_is_connected_to_and_the_certificate_is_held_to_the_databases_name(fresh, monkeypatch):
    from local_aws.database import DATABASE

    server = DATABASE.server
    assert fresh.must(verb="plan", tunnel_address=server.address, tunnel_port=server.port)["plan"]
    monkeypatch.setattr(DATABASE, "server", None)
    result = fresh.run(tunnel_address=server.address, tunnel_port=server.port)
    assert result["failed"] and "its certificate is another host's than prod-agentdb." in result["msg"]


def test_nothing_of_it_is_looked_at_where_it_is_to_be_left_alone(fresh):
    result = fresh.must(run_in="none")
    assert set(addresses(result)) == {SECRET}
    assert {call.service for call in fresh.aws.requests} == {"sts", "kms", "secretsmanager"}


def test_what_is_in_the_database_stays_until_the_database_goes(whole):
    looked = whole.must(verb="destroy")
    assert {item["address"] for item in looked["kept"]} >= {"database/agentdb"}
    gone = whole.must(state="absent")
    assert addresses(gone) == {SECRET: "delete"}
    assert roles(whole) == {"agent_app", "agent_migrate", "agent_readonly"}
    back = whole.must()
    assert SECRET in addresses(back)
    assert lets_in(whole, whole.login())


def test_what_postgresql_refuses_in_the_middle_is_told_with_what_was_done(fresh, tmp_path):
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations/0006_broken.sql").write_text("CREATE TABLE users ();\n")
    result = fresh.run(migrations_path=str(tmp_path / "migrations"))
    assert result["failed"] and "migration/0006_broken: PostgreSQL refused it" in result["msg"]
    assert "Running again goes on from here" in result["msg"]
    assert {SECRET, "migration/0001_users", "migration/0005_audit_log"} <= set(result["applied"])
    assert "migration/0006_broken" in result["not_applied"]
    (tmp_path / "migrations/0006_broken.sql").write_text("CREATE TABLE more ();\n")
    assert "migration/0006_broken" in addresses(fresh.must(migrations_path=str(tmp_path / "migrations")))
    assert fresh.must(migrations_path=str(tmp_path / "migrations"))["plan"] == []


def test_an_audit_log_that_somebody_reads_for_long_is_told_and_nothing_is_half_done(fresh, monkeypatch):
    from ansible_collections.agent_platform.aws.plugins.module_utils.schema import migrations

    fresh.must(audit_months_ahead=0)
    monkeypatch.setattr(migrations, "PATIENCE", "200ms")
    with fresh.as_application() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM audit_log")
        result = fresh.run(audit_months_ahead=2)
    assert result["failed"] and "PostgreSQL refused to go on: canceling statement due to lock timeout" in result["msg"]
    assert result["applied"] == [] and result["not_applied"] == ["audit_partitions/audit_log_*"]
    assert addresses(fresh.must(audit_months_ahead=2)) == {"audit_partitions/audit_log_*": "update"}
