"""The schema tier on a real PostgreSQL: what it plans is what it does, whoever changed something by hand and whoever was cut
off."""

from __future__ import annotations

import json
import shutil
import socket
import time

import boto3
import psycopg
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.resources import generated_secret
from support import schema as support
from support.database import MIGRATIONS
from support.schema import INSTANCE, inside
from support.tiers import addresses, changes

ALL = {
    "database/agentdb",
    "database_role/agent_migrate",
    "database_role/agent_app",
    "database_role/agent_app_clone",
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
    "ALTER ROLE agent_app_clone NOLOGIN": ("database_role/agent_app_clone", "login"),
    "ALTER ROLE agent_app_clone NOINHERIT": ("database_role/agent_app_clone", "member_of"),
    "REVOKE agent_app FROM agent_app_clone": ("database_role/agent_app_clone", "member_of"),
    "GRANT agent_app TO agent_app_clone WITH ADMIN OPTION": ("database_role/agent_app_clone", "member_of"),
    "GRANT DELETE ON agent.users TO agent_app_clone": ("database_role/agent_app_clone", "privileges"),
    "GRANT SELECT ON agent.users TO agent_app WITH GRANT OPTION": ("database_role/agent_app", "privileges"),
    "GRANT DELETE, SELECT ON agent.agents TO agent_readonly WITH GRANT OPTION": ("database_role/agent_readonly", "privileges"),
    "GRANT USAGE ON SCHEMA agent TO agent_app WITH GRANT OPTION": ("database_role/agent_app", "privileges"),
    "GRANT SELECT (email) ON agent.users TO agent_app WITH GRANT OPTION": ("database_role/agent_app", "privileges"),
    "GRANT CONNECT ON DATABASE agentdb TO agent_app WITH GRANT OPTION": ("database_role/agent_app", "privileges"),
    "GRANT UPDATE (result) ON agent.audit_log TO agent_app": ("database_role/agent_app", "privileges"),
    "GRANT SELECT (email), INSERT (org_id) ON agent.users TO PUBLIC": ("database_schema/agent", "public_privileges"),
    "GRANT EXECUTE ON FUNCTION agent.audit_log_make_partition(date) TO agent_app": ("database_role/agent_app", "privileges"),
    "GRANT EXECUTE ON FUNCTION agent.audit_log_refuse() TO PUBLIC": ("database_schema/agent", "public_privileges"),
    "CREATE SEQUENCE agent.by_hand; GRANT USAGE, UPDATE ON SEQUENCE agent.by_hand TO agent_app_clone": (
        "database_role/agent_app_clone",
        "privileges",
    ),
    'CREATE FUNCTION agent."By hand"(a int, b timestamptz[]) RETURNS int LANGUAGE sql RETURN 1': (
        "database_schema/agent",
        "public_privileges",
    ),
    "GRANT pg_read_all_data TO agent_app": ("database_role/agent_app", "member_of"),
    "GRANT agent_migrate TO agent_readonly": ("database_role/agent_readonly", "member_of"),
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
        if statement == "ALTER ROLE agent_app NOLOGIN":
            expected.add((address, "update", "password"))
        assert changes(whole.must(verb="drift")) == expected, statement
        done = whole.must()
        assert changes(done) == expected, statement
        assert whole.must(verb="drift")["plan"] == [], statement
    assert lets_in(whole, whole.login())


@pytest.fixture
def iam(whole):
    """As RDS is set up: of whoever is a member of rds_iam it takes no password, and asks by PAM, which here knows nobody."""
    file, superuser = whole.server.directory / "data/pg_hba.conf", ("rdsadmin", whole.server.superuser_password)
    before = file.read_text()
    with whole.connect(*superuser) as connection:
        file.write_text(f"hostssl all +rds_iam 127.0.0.0/8 pam\n{before}")
        if connection.execute("SELECT FROM pg_hba_file_rules WHERE error IS NOT NULL").fetchone():
            file.write_text(before)
            pytest.skip("not tried: this PostgreSQL was built without PAM")
        connection.execute("CREATE ROLE rds_iam")
        connection.execute("SELECT pg_reload_conf()")
    yield whole
    file.write_text(before)
    with whole.connect(*superuser) as connection:
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE rds_iam")


def test_a_login_of_which_rds_takes_no_password_any_more_is_drift_and_is_set_right(iam):
    with iam.as_master() as master:
        master.execute("GRANT rds_iam TO agent_app")
    give_up = time.monotonic() + 30
    with pytest.raises(psycopg.OperationalError, match="PAM authentication failed"):
        while time.monotonic() < give_up:
            iam.as_application().close()
            time.sleep(0.1)
    versions = iam.stages()
    expected = {("database_role/agent_app", "update", field) for field in ("member_of", "password")}
    assert changes(iam.must(verb="drift")) == changes(iam.must()) == expected
    assert iam.must(verb="drift")["plan"] == []
    assert lets_in(iam, iam.login()) and iam.stages() == versions


def test_what_was_passed_on_goes_with_the_right_to_pass_it_on(whole):
    with whole.as_master() as master:
        master.execute("SET ROLE agent_migrate")
        master.execute("GRANT INSERT ON agent.users TO agent_app WITH GRANT OPTION")
    with whole.as_application() as app:
        app.execute("GRANT INSERT ON users TO agent_readonly")
    expected = {(f"database_role/{role}", "update", "privileges") for role in ("agent_app", "agent_readonly")}
    assert changes(whole.must(verb="drift")) == changes(whole.must()) == expected
    assert whole.must(verb="drift")["plan"] == []
    with whole.as_application() as app:
        app.execute("INSERT INTO users (email, org_id) VALUES ('a@example.com', gen_random_uuid())")


def test_who_was_granted_a_role_of_ours_stays_and_so_does_what_an_extension_brings(whole):
    with whole.as_master() as master:
        master.execute("DROP ROLE IF EXISTS alice")
        master.execute("CREATE ROLE alice LOGIN PASSWORD 'of alice' IN ROLE agent_readonly")
        if master.execute("SELECT FROM pg_available_extensions WHERE name = 'citext'").fetchone():
            master.execute("CREATE EXTENSION citext SCHEMA agent")
    assert whole.must(verb="drift")["plan"] == []
    assert whole.must(password_rotation="2")["changed"]
    with whole.connect("alice", "of alice") as reader:
        assert reader.execute("SELECT count(*) FROM agent.users").fetchone() == (0,)


def test_columns_sequences_and_functions_can_be_granted(whole, tmp_path):
    """Everybody's right to execute a new function is taken away, so that it has to be."""
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations/0006_numbers.sql").write_text(
        "CREATE SEQUENCE numbers;\n"
        "CREATE FUNCTION half(number bigint, less integer) RETURNS bigint LANGUAGE sql RETURN number / 2 - less;\n"
        "CREATE FUNCTION hidden() RETURNS int LANGUAGE sql RETURN 1;\n"
    )
    grants = {role: dict(objects) for role, objects in support.DEFAULTS["schema_grants"].items()}
    grants["agent_app"] |= {"sequence numbers": ["USAGE"], "function half(bigint, integer)": ["EXECUTE"]}
    grants["agent_readonly"] = {"users.id": ["SELECT"]}
    more = {"migrations_path": str(tmp_path / "migrations"), "grants": grants}
    assert addresses(whole.must(**more)) == {
        "migration/0006_numbers": "create",
        "database_role/agent_app": "update",
        "database_role/agent_readonly": "update",
    }
    assert whole.must(**more)["plan"] == []
    with whole.as_application() as app:
        assert app.execute("SELECT half(nextval('numbers') + 9, 1)").fetchone() == (4,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT hidden()")
    with whole.as_master() as master:
        master.execute("CREATE ROLE bob LOGIN PASSWORD 'of bob' IN ROLE agent_readonly")
    with whole.connect("bob", "of bob") as reader:
        assert reader.execute("SELECT id FROM agent.users").fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT email FROM agent.users")


def test_a_table_may_be_called_as_what_it_is_in(whole, tmp_path):
    shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (tmp_path / "migrations/0006_names.sql").write_text("CREATE TABLE database (id int);\nCREATE TABLE schema (id int);\n")
    grants = {role: dict(objects) for role, objects in support.DEFAULTS["schema_grants"].items()}
    grants["agent_app"] |= {"database": ["SELECT"], "schema": ["INSERT"], "schema.id": ["SELECT"]}
    more = {"migrations_path": str(tmp_path / "migrations"), "grants": grants}
    assert changes(whole.must(**more)) == {
        ("migration/0006_names", "create", "checksum"),
        ("database_role/agent_app", "update", "privileges"),
    }
    assert whole.must(**more)["plan"] == []
    with whole.as_master() as master:
        master.execute("SET ROLE agent_migrate")
        master.execute("GRANT DELETE ON agent.database, agent.schema TO agent_readonly")
    assert changes(whole.must(**more)) == {("database_role/agent_readonly", "update", "privileges")}
    assert whole.must(verb="drift", **more)["plan"] == []
    with whole.as_application() as app:
        app.execute("INSERT INTO schema SELECT id FROM database")


def test_what_only_somebody_else_can_take_away_is_told(whole):
    """The master user's own function in the schema: the schema's owner may not change who executes it."""
    with whole.as_master() as master:
        master.execute("CREATE FUNCTION agent.theirs() RETURNS int LANGUAGE sql RETURN 1")
    assert changes(whole.must(verb="drift")) == {("database_schema/agent", "update", "public_privileges")}
    result = whole.run()
    assert result["failed"] and "PUBLIC may still EXECUTE on function theirs(): somebody else than agent_migrate" in result["msg"]
    with whole.as_master() as master:
        master.execute("DROP FUNCTION agent.theirs()")
    assert whole.must()["plan"] == []


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


APP, CLONE = "agent_app", "agent_app_clone"


def test_another_word_gives_the_other_login_a_new_password_and_the_one_in_use_stays_good(whole):
    logins = [whole.login()]
    for word, user in (("2", CLONE), ("3", APP), ("4", CLONE)):
        planned = whole.must(verb="plan", password_rotation=word)
        done = whole.must(password_rotation=word)
        assert changes(planned) == changes(done) == {(f"database_role/{user}", "update", "password")}
        logins.append(whole.login())
        assert logins[-1]["username"] == user
        # The one before goes on until the next rotation, and no longer.
        assert [lets_in(whole, login) for login in logins] == [False] * (len(logins) - 2) + [True, True]
        assert set(whole.stages()) == {"AWSCURRENT", "AWSPREVIOUS"}
        assert whole.login(VersionId=whole.stages()["AWSPREVIOUS"]) == logins[-2]
        assert whole.must(password_rotation=word)["plan"] == []
    assert len({login["password"] for login in logins}) == len(logins)


def test_new_connections_with_the_secret_of_before_the_rotation_work_after_it(whole):
    """As those of a pod whose file is not fetched anew yet."""
    with whole.as_application() as open_before:
        before = whole.login()
        whole.must(password_rotation="2")
        for login in (before, whole.login()):
            with whole.connect(login["username"], login["password"]) as connection:
                connection.execute(
                    "INSERT INTO users (email, org_id) VALUES (%s, gen_random_uuid())", (f"{login['username']}@x.org",)
                )
        assert open_before.execute("SELECT count(*) FROM users").fetchone() == (2,)


def test_both_logins_may_the_same_and_the_audit_log_only_grows_for_both(whole):
    first = whole.login()
    whole.must(password_rotation="2")
    for login in (first, whole.login()):
        with whole.connect(login["username"], login["password"]) as connection:
            connection.execute("INSERT INTO audit_log (action, result) VALUES ('signed in', 'allowed')")
            assert connection.execute("SELECT count(*) FROM audit_log").fetchone()[0] >= 1
            for statement in (
                "UPDATE audit_log SET result = 'x'",
                "DELETE FROM audit_log",
                "TRUNCATE audit_log",
                "DELETE FROM users",
                "CREATE TABLE mine ()",
                "CREATE TEMPORARY TABLE mine ()",
                "SET ROLE agent_migrate",
                "ALTER TABLE audit_log DISABLE TRIGGER USER",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
    with whole.as_master() as master:
        owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = ANY(%s)"
        assert master.execute(owned, ([APP, CLONE],)).fetchone() == (0,)


def as_it_was(running):
    """A database from before there were two logins, whose secret was rotated as it was then: the same user, another password."""
    with running.as_master() as master:
        master.execute("DROP ROLE agent_app_clone")
        master.execute("ALTER ROLE agent_app PASSWORD 'of then'")
    boto3.client("secretsmanager").put_secret_value(
        SecretId=support.SECRET,
        SecretString=json.dumps({"username": APP, "password": "of then"}),
        ClientRequestToken=generated_secret.version_id(support.SECRET, "2", running.stages()["AWSCURRENT"]),
    )


def test_a_database_with_one_login_gets_the_other_and_nobody_is_cut_off(whole):
    as_it_was(whole)
    old = whole.login()
    with whole.as_application() as open_before:
        done = whole.must(password_rotation="2")
        assert {(item["address"], item["action"]) for item in done["plan"]} == {(f"database_role/{CLONE}", "create")}
        assert whole.login() == old and lets_in(whole, old)
        assert whole.must(password_rotation="2")["plan"] == []
        whole.must(password_rotation="3")
        assert whole.login()["username"] == CLONE
        assert lets_in(whole, old) and lets_in(whole, whole.login())
        assert open_before.execute("SELECT count(*) FROM users").fetchone() == (0,)


def test_a_database_with_one_login_is_rotated_at_once_too(whole):
    as_it_was(whole)
    old = whole.login()
    planned = whole.must(verb="plan", password_rotation="3")
    done = whole.must(password_rotation="3")
    assert changes(planned) == changes(done)
    assert addresses(done) == {f"database_role/{CLONE}": "create"}
    assert whole.login()["username"] == CLONE
    assert lets_in(whole, old) and lets_in(whole, whole.login())
    assert whole.must(password_rotation="3")["plan"] == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_the_first_rotation_of_a_database_with_one_login_can_be_cut_off_at_any_step(whole, write, when):
    def die(_call):
        raise CutOff

    as_it_was(whole)
    old = whole.login()
    whole.aws.settings.fault(access="write", nth=write, when=when, callback=die)
    with pytest.raises(CutOff):
        whole.run(password_rotation="3")
    whole.aws.settings.clear()
    assert lets_in(whole, old) and lets_in(whole, whole.login())
    whole.must(password_rotation="3")
    assert lets_in(whole, old) and lets_in(whole, whole.login()) and whole.login()["username"] == CLONE
    assert whole.must(password_rotation="3")["plan"] == []


def test_a_rotation_that_was_begun_with_one_login_is_finished(whole):
    """Cut off between its first two steps, before there were two logins: it was of the login in use."""
    as_it_was(whole)
    boto3.client("secretsmanager").put_secret_value(
        SecretId=support.SECRET,
        SecretString=json.dumps({"username": APP, "password": "begun then"}),
        ClientRequestToken=generated_secret.version_id(support.SECRET, "3", whole.stages()["AWSCURRENT"]),
        VersionStages=["AWSPENDING"],
    )
    whole.must(password_rotation="3")
    assert whole.login() == {"username": APP, "password": "begun then"} and lets_in(whole, whole.login())
    assert whole.must(password_rotation="3")["plan"] == []


def test_a_rotation_that_is_cut_off_at_any_step_is_finished_by_the_next_run(whole):
    """Before and after each of its three writes of AWS, between which the database is written."""

    def die(_call):
        raise CutOff

    word = 1
    for write in (1, 2, 3):
        for when in ("before", "after"):
            word += 1
            before = whole.login()
            whole.aws.settings.fault(access="write", nth=write, when=when, callback=die)
            with pytest.raises(CutOff):
                whole.run(password_rotation=str(word))
            whole.aws.settings.clear()
            # Whoever has the secret of before or of now gets in, whatever was done of it.
            used = {whole.login()["username"], before["username"]}
            assert lets_in(whole, before) and lets_in(whole, whole.login()), (write, when)
            planned = whole.must(verb="plan", password_rotation=str(word))
            assert changes(planned) <= {(f"database_role/{CLONE if before['username'] == APP else APP}", "update", "password")}
            whole.must(password_rotation=str(word))
            assert lets_in(whole, before) and lets_in(whole, whole.login())
            assert used | {whole.login()["username"]} == {APP, CLONE}
            assert "AWSPENDING" not in whole.stages()
            assert whole.must(password_rotation=str(word))["plan"] == []


def test_a_rotation_that_the_database_does_not_take_leaves_the_old_password_good(whole, monkeypatch):
    def broken(module, arguments):
        raise CutOff

    with monkeypatch.context() as patched, pytest.raises(CutOff):
        patched.setattr(support, "execute", broken)
        whole.run(password_rotation="2")
    assert lets_in(whole, whole.login()) and "AWSPENDING" in whole.stages()
    assert changes(whole.must(verb="drift", password_rotation="2")) == {("database_role/agent_app_clone", "update", "password")}
    whole.must(password_rotation="2")
    assert lets_in(whole, whole.login()) and "AWSPENDING" not in whole.stages()


def test_a_secret_that_holds_something_else_is_told(whole):
    old = whole.login()
    boto3.client("secretsmanager").put_secret_value(SecretId=support.SECRET, SecretString="typed in by hand")
    result = whole.run()
    # A value that was not made for the marker is replaced, and not for the login that pods may use still.
    assert not result.get("failed") and changes(result) == {("database_role/agent_app_clone", "update", "password")}
    assert lets_in(whole, whole.login()) and lets_in(whole, old)


def test_a_secret_of_somebody_else_is_told(whole):
    boto3.client("secretsmanager").put_secret_value(
        SecretId=support.SECRET,
        SecretString=json.dumps({"username": "agentadmin", "password": "x"}),
        ClientRequestToken=generated_secret.version_id(support.SECRET, "2", whole.stages()["AWSCURRENT"]),
    )
    result = whole.run(password_rotation="2")
    assert result["failed"] and "its secret is of the user 'agentadmin'" in result["msg"]
    whole.must(password_rotation="3")
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
    assert changes(others[1]) == {("database_role/agent_app_clone", "update", "password")}
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
    assert roles(whole) == {"agent_app", "agent_app_clone", "agent_migrate", "agent_readonly"}
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
