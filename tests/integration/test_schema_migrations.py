"""Migrations on a real PostgreSQL: once each, in order, whole or not at all, whoever else runs and whoever is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect, migrations
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.migrations import Applied, Locked, Migration, MigrationError
from support import database as support
from support.database import MIGRATIONS, SCHEMA, Database

NAMES = ["0001_users", "0002_agents", "0003_knowledge_base", "0004_workflows", "0005_audit_log"]
PATIENCE = 60.0


@pytest.fixture
def database(postgres):
    return Database.make(postgres)


@pytest.fixture
def files():
    return migrations.load(MIGRATIONS)


def written(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (directory / f"{name.lstrip('_')}.sql").write_text(text)
    return directory


def eventually(what, seconds: float = PATIENCE):
    give_up = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < give_up, what
        time.sleep(0.05)
    return answer


def test_an_empty_database_gets_all_in_their_order(database, files):
    assert database.migrate(files) == NAMES
    assert database.applied() == NAMES
    rows = database.rows("SELECT checksum, applied_by, applied_at <= now(), duration >= '0' FROM schema_migrations ORDER BY name")
    assert rows == [(file.checksum, database.master, True, True) for file in files]


def test_a_full_one_gets_nothing(database, files):
    database.migrate(files)
    before = database.rows("SELECT * FROM schema_migrations ORDER BY name")
    assert database.migrate(files) == []
    assert database.rows("SELECT * FROM schema_migrations ORDER BY name") == before


def test_a_half_migrated_one_gets_the_rest(database, files):
    database.migrate(files[:2])
    assert database.migrate(files) == NAMES[2:]
    assert database.applied() == NAMES


def test_everything_belongs_to_the_owner_and_nothing_to_the_master(database, files):
    database.migrate(files)
    owners = database.rows(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s",
        SCHEMA,
    )
    assert owners == [(database.owner,)]


def test_a_migration_that_was_applied_and_changed_is_refused_by_its_name_and_nothing_is_applied(database, files):
    database.migrate(files[:2])
    changed = [files[0], Migration(files[1].name, files[1].sql + "-- and more\n"), *files[2:]]
    with pytest.raises(MigrationError, match="migration/0002_agents: it was applied and its file was changed since"):
        database.migrate(changed)
    assert database.applied() == NAMES[:2]


def test_how_lines_end_is_no_change(database, files):
    database.migrate(files)
    assert database.migrate([Migration(file.name, file.sql.replace("\n", "\r\n")) for file in files]) == []


@pytest.mark.parametrize(
    ("names", "applied", "refused"),
    [
        (["0001_a", "0003_c"], [], "migration/0003_c: the number 0002 is missing"),
        (["0001_a", "0001_b"], [], "migration/0001_b: the number 0002 is missing or stands twice"),
        (["0002_b"], [], "migration/0002_b: the number 0001 is missing"),
        (["0001_A"], [], "migration/0001_A: the name is not of the form"),
        (["one"], [], "migration/one: the name is not of the form"),
        (["0001_a"], ["0001_a", "0002_b"], "migration/0002_b: it was applied and its file is gone"),
        (["0001_a", "0002_b"], ["0002_b"], "migration/0001_a: it was not applied, and 0002, which comes after it, was"),
    ],
)
def test_gaps_and_what_is_gone_are_refused_by_name(names, applied, refused):
    with pytest.raises(MigrationError) as error:
        files = migrations.checked([Migration(name, "SELECT 1") for name in names])
        migrations.pending(files, [Applied(name, Migration(name, "SELECT 1").checksum) for name in applied])
    assert refused in str(error.value)


@pytest.mark.parametrize(
    "text", ["COMMIT;", "CREATE TABLE t ();\n  rollback ;", "begin transaction;\nSELECT 1;", "START TRANSACTION;"]
)
def test_a_migration_that_ends_its_transaction_is_refused(text):
    with pytest.raises(MigrationError, match="it begins or ends a transaction"):
        migrations.checked([Migration("0001_a", text)])


def test_the_body_of_a_function_is_no_transaction():
    body = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    RETURN 1;\nEND;\n$$;"
    assert migrations.checked([Migration("0001_a", body)])


def test_one_that_fails_leaves_nothing_and_the_next_run_goes_on(database):
    first, broken = Migration("0001_a", "CREATE TABLE a ()"), Migration("0002_b", "CREATE TABLE b (); SELECT 1 / 0")
    with pytest.raises(
        MigrationError, match="migration/0002_b: PostgreSQL refused it, and nothing of it was kept: division by zero"
    ):
        database.migrate([first, broken])
    assert database.applied() == ["0001_a"]
    assert database.rows("SELECT to_regclass('b')") == [(None,)]
    assert database.migrate([first, Migration("0002_b", "CREATE TABLE b ()")]) == ["0002_b"]


def test_of_two_runners_the_second_waits_and_finds_nothing_to_do(database):
    slow = [Migration(f"000{number}_t", f"CREATE TABLE t{number} (); SELECT pg_sleep(0.3)") for number in (1, 2, 3)]
    done = []
    runners = [threading.Thread(target=lambda: done.append(database.migrate(slow))) for _ in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(PATIENCE)
    assert sorted(done) == [[], ["0001_t", "0002_t", "0003_t"]]
    assert database.applied() == ["0001_t", "0002_t", "0003_t"]


def test_a_runner_that_may_not_wait_says_who_holds_the_lock(database, files):
    with connect.connect(database.target("somebody else's run"), database.master, database.password) as other:
        with migrations.locked(other, SCHEMA, 1), pytest.raises(Locked) as error:
            database.migrate(files, seconds=0)
        assert f"somebody else's run (user {database.master}, from 127.0.0.1, process {other.info.backend_pid}" in str(error.value)
        assert "schema_lock_timeout_seconds" in str(error.value)
        assert database.migrate(files, seconds=0) == NAMES


def test_the_lock_of_one_schema_is_not_that_of_another():
    assert migrations.lock_key("agent") != migrations.lock_key("other")
    assert -(2**63) <= migrations.lock_key("agent") < 2**63


def test_a_runner_killed_inside_a_migration_leaves_nothing_half_and_the_next_converges(database, tmp_path):
    """The killed one sleeps within its second migration; whoever has another name does not."""
    directory = written(
        tmp_path,
        _0001_a="CREATE TABLE a ();",
        _0002_b="CREATE TABLE b ();\n"
        "SELECT pg_sleep(CASE WHEN current_setting('application_name') = 'to be killed' THEN 600 ELSE 0 END);",
        _0003_c="CREATE TABLE c ();",
    )
    server = database.server
    place = (server.address, str(server.port), str(server.ca), database.name, database.master, database.password, database.owner)
    runner = subprocess.Popen([sys.executable, support.__file__, *place, str(directory), "to be killed"])
    sleeping = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'to be killed' AND wait_event = 'PgSleep' AND datname = %s"
    )

    def asleep():
        with database.connect() as connection:
            return connection.execute(sleeping, (database.name,)).fetchall()

    try:
        eventually(lambda: runner.poll() is None and asleep())
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    # The server notices that nobody is there any more, though the statement would go on for long.
    assert database.migrate(migrations.load(directory), seconds=PATIENCE) == ["0002_b", "0003_c"]
    assert database.applied() == ["0001_a", "0002_b", "0003_c"]
    assert asleep() == []
    assert database.migrate(migrations.load(directory)) == []


# --- the way in


def test_nobody_gets_in_without_tls(database):
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(**database.server.login(database.master, database.password, database.name, sslmode="disable"))


def test_another_host_than_the_certificate_names_is_refused(database):
    target = database.target(host="agentdb.example.com", address=database.server.address)
    with pytest.raises(connect.Unreachable, match=r"its certificate is another host's than agentdb\.example\.com"):
        connect.connect(target, database.master, database.password)


def test_a_certificate_of_another_authority_is_refused(database, tmp_path):
    from local_aws.postgres import certificates

    other = tmp_path / "other.pem"
    other.write_bytes(certificates("127.0.0.1")[0])
    with pytest.raises(connect.Unreachable, match="signed by no authority in schema_ca_bundle"):
        connect.connect(database.target(ca_bundle=str(other)), database.master, database.password)


def test_a_wrong_password_is_told_and_not_shown(database):
    with pytest.raises(connect.Unreachable, match="the password in its secret is not the one of the database") as error:
        connect.connect(database.target(), database.master, "never-seen-anywhere")
    assert "never-seen-anywhere" not in str(error.value)


def test_where_nobody_answers_the_ways_out_are_named(database):
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        target = database.target(port=unused.getsockname()[1])
        with pytest.raises(connect.Unreachable) as error:
            connect.reach(target)
    assert all(way in str(error.value) for way in ("execution node in the VPC", "schema_tunnel_address", "schema_run_in: cluster"))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "bundle.pem"
    if content:
        path.write_text(content)
    with pytest.raises(Exception, match=r"schema_ca_bundle: .*bundle\.pem.* (cannot be read|holds no certificate)"):
        connect.check_bundle(str(path))


def test_a_password_is_set_by_its_verifier_and_stands_in_no_log(database):
    with database.connect() as connection:
        role = f"app_of_{database.name}"
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{connect.verifier('never-seen-in-the-log')}'")
    assert connect.lets_in(database.target(), role, "never-seen-in-the-log")
    assert not connect.lets_in(database.target(), role, "another")
    log = database.server.log.read_text()
    assert f"CREATE ROLE {role} LOGIN PASSWORD" in log
    assert "never-seen-in-the-log" not in log


# --- the module by itself


def module(database, check_mode=False, **more):
    from support.schema import execute

    given = {
        "login_host": database.server.address,
        "login_port": database.server.port,
        "login_user": database.master,
        "login_password": database.password,
        "ca_cert": str(database.server.ca),
        "database": database.name,
        "schema": SCHEMA,
        "owner": database.owner,
        "directory": str(MIGRATIONS),
        "_ansible_check_mode": check_mode,
    }
    return execute("agent_platform.aws.schema_migrations", {**given, **more})


def test_the_module_lists_what_it_would_apply_applies_it_and_then_nothing(database):
    planned = module(database, check_mode=True)
    assert (planned["changed"], [item["name"] for item in planned["pending"]]) == (True, NAMES)
    assert database.rows("SELECT to_regclass('schema_migrations'), to_regclass('users')") == [(None, None)]
    done = module(database)
    assert (done["pending"], done["applied"]) == (planned["pending"], [])
    assert done["diff"]["after"].split() == NAMES
    for check_mode in (True, False):
        again = module(database, check_mode=check_mode)
        assert (again["changed"], again["pending"], again["applied"]) == (False, [], NAMES)


def test_the_module_refuses_by_name_and_says_what_it_lacks(database, tmp_path):
    from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError

    module(database)
    with pytest.raises(EngineError, match=r"migration/0001_users: it was applied and its file was changed since"):
        module(database, check_mode=True, directory=str(written(tmp_path, _0001_users="SELECT 1")))
    with pytest.raises(EngineError, match=r"schema agent: PostgreSQL refused: permission denied to set role"):
        module(database, owner="pg_read_all_data")
    with pytest.raises(EngineError, match=r"ca_cert: .* cannot be read"):
        module(database, ca_cert=str(tmp_path / "none"))
