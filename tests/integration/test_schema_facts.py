"""What the diagrams say of PostgreSQL, read back from a real one by those who use it. AWS itself is an emulator in this process."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from support.schema import inside
from support.tiers import ROOT

TABLES = {
    "users": {"id": "uuid", "email": "text", "org_id": "uuid"},
    "agents": {"id": "uuid", "name": "text", "type": "text", "config": "jsonb"},
    "knowledge_base": {"id": "uuid", "name": "text", "storage_key": "text", "chunk_count": "integer"},
    "workflows": {"id": "uuid", "name": "text", "steps": "jsonb"},
    "audit_log": {"id": "uuid", "user_id": "uuid", "action": "text", "timestamp": "timestamp with time zone", "result": "text"},
}
README = ROOT / "roles/schema/README.md"
DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture(scope="module")
def agentdb(postgres):
    with inside(postgres) as running:
        running.make_instance()
        running.must()
        yield running


@pytest.fixture
def app(agentdb):
    """The application, by the login that its secret holds; what it writes is rolled back."""
    with agentdb.as_application() as connection, connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def reader(agentdb):
    """A person who was granted ``agent_readonly``."""
    with agentdb.as_master() as master:
        master.execute("DROP ROLE IF EXISTS alice")
        master.execute("CREATE ROLE alice LOGIN PASSWORD 'of alice' IN ROLE agent_readonly")
    with agentdb.connect("alice", "of alice") as connection:
        connection.execute("SET search_path = agent")
        yield connection


def columns(connection, table):
    """Name -> (type, whether it may be null)."""
    rows = connection.execute(
        "SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_schema = 'agent' AND "
        "table_name = %s",
        (table,),
    )
    return {name: (kind, nullable) for name, kind, nullable in rows.fetchall()}


def keys(connection, table, kind):
    rows = connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = %s ORDER BY 1",
        (table, kind),
    )
    return [text for (text,) in rows.fetchall()]


def refused(connection, statement, *values, by=DENIED):
    with pytest.raises(by), connection.transaction():
        connection.execute(statement, values or None)


def user(connection, email=None):
    email = email or f"{uuid.uuid4()}@example.com"
    return connection.execute("INSERT INTO users (email, org_id) VALUES (%s, %s) RETURNING id", (email, uuid.uuid4())).fetchone()[0]


def entry(connection, when="now()", **values):
    names = ", ".join(["action", "result", '"timestamp"', *values])
    row = ["signed in", "allowed", *values.values()]
    places = ", ".join(["%s", "%s", when, *["%s"] * len(values)])
    return connection.execute(
        f"INSERT INTO audit_log ({names}) VALUES ({places}) RETURNING id, tableoid::regclass::text", row
    ).fetchone()


def test_agentdb_holds_just_the_tables_of_the_diagrams(app):
    rows = app.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = 'agent' AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations'"
    )
    assert {name for (name,) in rows.fetchall()} == set(TABLES)
    assert app.info.dbname == "agentdb"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_attributes_of_the_diagrams_and_no_others(app, table):
    found = columns(app, table)
    assert {name: kind for name, (kind, _nullable) in found.items()} == TABLES[table]
    assert [name for name, (_kind, nullable) in found.items() if nullable] == (["user_id"] if table == "audit_log" else [])
    assert keys(app, table, "p") == ['PRIMARY KEY (id, "timestamp")' if table == "audit_log" else "PRIMARY KEY (id)"]


def test_a_user_has_an_id_an_address_and_an_organisation(app):
    one = user(app, "Ann@example.com")
    assert app.execute("SELECT email, org_id IS NOT NULL FROM users WHERE id = %s", (one,)).fetchone() == ("Ann@example.com", True)
    refused(
        app, "INSERT INTO users (email, org_id) VALUES ('ann@EXAMPLE.com', gen_random_uuid())", by=psycopg.errors.UniqueViolation
    )
    refused(app, "INSERT INTO users (email, org_id) VALUES ('no address', gen_random_uuid())", by=psycopg.errors.CheckViolation)


def test_an_agent_has_a_name_a_type_and_a_configuration(app):
    made = app.execute(
        "INSERT INTO agents (name, type, config) VALUES ('helper', 'chat', '{\"model\": \"x\"}') RETURNING id, config"
    ).fetchone()
    assert (made[0].version, made[1]) == (4, {"model": "x"})
    assert app.execute('SELECT name FROM agents WHERE config @> \'{"model": "x"}\'').fetchone() == ("helper",)
    refused(app, "INSERT INTO agents (name, type, config) VALUES ('helper', 'chat', '[]')", by=psycopg.errors.CheckViolation)


def test_a_document_of_the_knowledge_base_has_its_key_in_s3_and_its_chunks(app):
    insert = "INSERT INTO knowledge_base (name, storage_key) VALUES ('manual', %s) RETURNING chunk_count"
    assert app.execute(insert, ("docs/manual.pdf",)).fetchone() == (0,)
    refused(app, insert, "docs/manual.pdf", by=psycopg.errors.UniqueViolation)
    refused(app, insert, "é" * 513, by=psycopg.errors.CheckViolation)
    refused(app, "UPDATE knowledge_base SET chunk_count = -1", by=psycopg.errors.CheckViolation)


def test_a_workflow_has_a_name_and_steps(app):
    steps = app.execute("INSERT INTO workflows (name, steps) VALUES ('triage', '[{\"do\": \"ask\"}]') RETURNING steps").fetchone()[
        0
    ]
    assert steps == [{"do": "ask"}]
    refused(app, "INSERT INTO workflows (name, steps) VALUES ('triage', '{}')", by=psycopg.errors.CheckViolation)


def test_the_audit_log_tells_who_did_what_when_and_how_it_ended(app):
    who = user(app)
    entry(app, user_id=who)
    found = app.execute(
        "SELECT user_id, action, result, now() - \"timestamp\" < interval '1 minute' FROM audit_log WHERE user_id = %s", (who,)
    )
    assert found.fetchall() == [(who, "signed in", "allowed", True)]
    assert keys(app, "audit_log", "f") == ["FOREIGN KEY (user_id) REFERENCES users(id)"]
    refused(
        app,
        "INSERT INTO audit_log (user_id, action, result) VALUES (gen_random_uuid(), 'a', 'b')",
        by=psycopg.errors.ForeignKeyViolation,
    )


def test_what_is_looked_for_has_an_index(app):
    rows = app.execute(
        "SELECT tablename || ' ' || regexp_replace(indexdef, '^.* USING ', '') FROM pg_indexes WHERE schemaname = 'agent'"
    )
    found = {text for (text,) in rows.fetchall()}
    assert {
        "users btree (lower(email))",
        "users btree (org_id)",
        "agents btree (type)",
        "knowledge_base btree (name)",
        "knowledge_base btree (storage_key)",
        "workflows btree (name)",
        'audit_log btree (user_id, "timestamp")',
        'audit_log btree ("timestamp")',
    } <= found


def test_the_audit_log_has_a_partition_for_this_month_and_the_next_three(app):
    rows = app.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'audit_log'::regclass AND relkind "
        "= 'r'"
    )
    expected = app.execute(
        "SELECT to_char(timezone('UTC', now()) + n * interval '1 month', '\"audit_log_\"YYYY_MM') FROM generate_series(0, 3) n"
    )
    assert {name for (name,) in rows.fetchall()} == {name for (name,) in expected.fetchall()} | {"audit_log_default"}
    assert entry(app)[1] == app.execute("SELECT to_char(timezone('UTC', now()), '\"audit_log_\"YYYY_MM')").fetchone()[0]


def test_an_entry_of_a_month_without_a_partition_is_kept_and_moves_when_there_is_one(agentdb):
    with agentdb.as_master() as master, master.transaction(force_rollback=True):
        for statement in ("SET LOCAL ROLE agent_migrate", "SET LOCAL search_path = agent"):
            master.execute(statement)
        made, part = entry(master, when="timestamptz '2031-05-31 23:59:59.999999+00'")
        other, _part = entry(master, when="timestamptz '2031-06-01 00:00:00+00'")
        assert part == "audit_log_default"
        assert master.execute("SELECT audit_log_make_partition('2031-05-17')").fetchone() == ("audit_log_2031_05",)
        rows = master.execute(
            'SELECT id, tableoid::regclass::text FROM audit_log WHERE "timestamp" > \'2031-01-01\' ORDER BY "timestamp"'
        )
        assert rows.fetchall() == [(made, "audit_log_2031_05"), (other, "audit_log_default")]
        assert master.execute("SELECT audit_log_make_partition('2031-05-01')").fetchone() == (None,)
        assert entry(master, when="timestamptz '2031-05-01 00:00:00+00'")[1] == "audit_log_2031_05"
        refused(master, "DELETE FROM audit_log_2031_05")
        refused(master, "TRUNCATE audit_log_2031_05")
        refused(master, "DELETE FROM audit_log_default")


@pytest.mark.parametrize("statement", ["UPDATE {} SET result = 'denied'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_audit_log_only_grows_even_for_its_owner(agentdb, statement):
    with agentdb.as_master() as master, master.transaction(force_rollback=True):
        for setting in ("SET LOCAL ROLE agent_migrate", "SET LOCAL search_path = agent"):
            master.execute(setting)
        part = entry(master)[1]
        for table in ("audit_log", part):
            with pytest.raises(DENIED, match="the audit log is append-only"), master.transaction():
                master.execute(statement.format(table))
        assert master.execute("SELECT count(*) FROM audit_log").fetchone()[0] >= 1


@pytest.mark.parametrize("table", TABLES)
def test_the_application_reads_and_writes_its_tables_and_no_more(app, table):
    app.execute(f"SELECT * FROM {table}")
    if table == "audit_log":
        refused(app, "UPDATE audit_log SET result = 'x'")
    else:
        app.execute(f"UPDATE {table} SET id = id")
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}", f"ALTER TABLE {table} ADD x int"):
        refused(app, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine ()",
        "CREATE TEMPORARY TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE TABLE public.mine ()",
        "CREATE FUNCTION agent.mine() RETURNS int LANGUAGE sql RETURN 1",
        "SET ROLE agent_migrate",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE agent_app CREATEDB",
        "ALTER ROLE agent_app_clone CREATEDB",
        "ALTER ROLE agent_app_clone PASSWORD 'mine'",
        "GRANT agent_app TO agent_readonly",
        "SELECT * FROM schema_migrations",
        "DELETE FROM audit_log_default",
        "SELECT audit_log_make_partition(current_date)",
        "ALTER TABLE audit_log DISABLE TRIGGER USER",
    ],
)
def test_the_application_defines_nothing(agentdb, statement):
    with agentdb.as_application() as connection, pytest.raises(DENIED):
        connection.execute(statement)


def test_a_reader_reads_and_does_nothing_else(reader):
    for table in TABLES:
        reader.execute(f"SELECT * FROM {table}")
        for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            refused(reader, statement)
    refused(reader, "INSERT INTO users (email, org_id) VALUES ('b@example.com', gen_random_uuid())")
    refused(reader, "CREATE TABLE agent.mine ()")


def test_nobody_signs_in_as_the_owner_or_as_readonly(agentdb):
    with agentdb.as_master() as master:
        rows = master.execute("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'agent\\_%'").fetchall()
    assert dict(rows) == {"agent_app": True, "agent_app_clone": True, "agent_migrate": False, "agent_readonly": False}


def test_who_was_granted_nothing_does_not_connect(agentdb):
    with agentdb.as_master() as master:
        master.execute("DROP ROLE IF EXISTS stranger")
        master.execute("CREATE ROLE stranger LOGIN PASSWORD 'of a stranger'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        agentdb.connect("stranger", "of a stranger")


@pytest.mark.parametrize(
    ("table", "column", "says"),
    [
        ("users", "id", ["DynamoDB", "userId", "sessions", "S3", "{path}/user/"]),
        ("agents", "id", ["DynamoDB", "context.agentId"]),
        ("knowledge_base", "storage_key", ["S3", "knowledge-documents"]),
    ],
)
def test_what_lies_elsewhere_is_said_at_the_column_and_in_the_roles_readme(app, table, column, says):
    text = app.execute(
        "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s", (table, column)
    ).fetchone()[0]
    row = next(line for line in README.read_text().splitlines() if line.startswith(f"| `{table}` |"))
    assert all(word in text and word in row for word in says)


def test_the_applications_login_is_in_its_secret_on_the_secrets_key(agentdb):
    import boto3

    login = agentdb.login()
    assert (login["username"], len(login["password"])) == ("agent_app", 64)
    secret = boto3.client("secretsmanager").describe_secret(SecretId="prod/rds/agent-app")
    assert secret["KmsKeyId"] == boto3.client("kms").describe_key(KeyId="alias/prod/secrets")["KeyMetadata"]["Arn"]
    tags = {tag["Key"]: tag["Value"] for tag in secret["Tags"]}
    assert tags["agent-platform:address"] == "generated_secret/rds/agent-app"


def test_every_connection_is_over_tls(app, agentdb):
    assert app.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True, "TLSv1.3")
    login = agentdb.login()
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(**agentdb.server.login(login["username"], login["password"], "agentdb", sslmode="disable"))
