"""What the schema tier refuses before any call, and what it declares."""

from __future__ import annotations

import re

import psycopg
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect, desired
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.desired import Desired, compare, grants
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.look import Seen
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("schema")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
REQUIRED = {
    "secrets_key": "secrets",
    "ca_bundle": "/etc/ssl/rds.pem",
    "migrations_path": "/migrations",
    "cluster_name": "prod-agent-platform",
}
JOB = {
    "image": "registry/ee:1",
    "namespace": "platform-jobs",
    "service_account": "schema",
    "timeout_seconds": 900,
    "node_selector": {},
    "tolerations": [],
    "secret_environment": {},
    "again": "",
}


def parameters(**override):
    return tiers.with_defaults(TIER, {**REQUIRED, **override})


BAD = [
    ({"secrets_key": ""}, "platform_kms_key_for: the key '' of secretsmanager"),
    ({"recovery_window_days": 6}, "schema_recovery_window_days: 6 is outside 7 to 30 days"),
    ({"password_rotation": ""}, "schema_password_rotation: '' is empty"),
    ({"database": "Agent"}, "schema_database: 'Agent' cannot be used"),
    ({"database": "rdsadmin"}, "schema_database: 'rdsadmin' cannot be used"),
    ({"name": "public"}, "schema_name: 'public' cannot be used"),
    ({"name": "a" * 64}, "schema_name: 'aaa"),
    ({"owner_role": "pg_owner"}, "schema_owner_role: 'pg_owner' cannot be used"),
    ({"app_role": 'a"b'}, "schema_app_role: 'a\"b' cannot be used"),
    ({"app_role": "agent_migrate"}, "schema_app_role: 'agent_migrate' is schema_owner_role too"),
    ({"app_role": "a" * 58}, "schema_app_role: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' is too long"),
    ({"owner_role": "agent_app_clone"}, "schema_owner_role: 'agent_app_clone' is the other login of schema_app_role"),
    ({"grants": {"agent_app_clone": {}}}, "schema_grants: 'agent_app_clone' is the other login of schema_app_role"),
    ({"grants": {"agent_migrate": {}}}, "schema_grants: 'agent_migrate' is no role that can be granted something"),
    ({"grants": {"agent_app": ["users"]}}, "schema_grants: what agent_app gets is no mapping of tables"),
    ({"grants": {"agent_app": {"users": ["READ"]}}}, "schema_grants: ['READ'] of agent_app on users is no list of"),
    ({"grants": {"agent_app": {"users": "SELECT"}}}, "schema_grants: 'SELECT' of agent_app on users is no list of"),
    (
        {"grants": {"agent_app": {"audit_log": ["INSERT", "UPDATE"]}}},
        "schema_grants: UPDATE of agent_app on audit_log: that table only grows",
    ),
    (
        {"grants": {"agent_app": {"the database": ["SELECT"]}}},
        "schema_grants: 'the database' of agent_app names nothing in the schema",
    ),
    ({"grants": {"agent_app": {"function f(int": ["EXECUTE"]}}}, "schema_grants: 'function f(int' of agent_app names nothing"),
    (
        {"grants": {"agent_app": {"function f(int); DROP": ["EXECUTE"]}}},
        "schema_grants: 'function f(int); DROP' of agent_app names",
    ),
    ({"grants": {"agent_app": {"users.email": ["DELETE"]}}}, "schema_grants: ['DELETE'] of agent_app on users.email is no list of"),
    ({"grants": {"agent_app": {"sequence s": ["INSERT"]}}}, "schema_grants: ['INSERT'] of agent_app on sequence s is no list of"),
    (
        {"grants": {"agent_app": {"audit_log.result": ["UPDATE"]}}},
        "schema_grants: UPDATE of agent_app on audit_log.result: that table only grows",
    ),
    ({"audit_months_ahead": 61}, "schema_audit_months_ahead: 61 is outside 0 to 60 months"),
    ({"lock_timeout_seconds": -1}, "schema_lock_timeout_seconds: -1 is outside 0 to 3600 seconds"),
    ({"tunnel_address": "127.0.0.1"}, "schema_tunnel_address: '127.0.0.1' with schema_tunnel_port 0 is half a tunnel"),
    ({"tunnel_port": 15432}, "schema_tunnel_address: '' with schema_tunnel_port 15432 is half a tunnel"),
    ({"ca_bundle": ""}, "schema_ca_bundle: '' names no file"),
    ({"migrations_path": ""}, "schema_migrations_path: '' names no file"),
    ({"run_in": "cluster", "job": {**JOB, "image": ""}}, "schema_job: image is empty"),
    ({"run_in": "cluster", "job": {**JOB, "timeout_seconds": 5}}, "schema_job: timeout_seconds 5 is outside 60 to 86400"),
    (
        {"run_in": "cluster", "job": {**JOB, "secret_environment": {"X": "value"}}},
        "schema_job: secret_environment.X is no reference",
    ),
    ({"run_in": "cluster", "job": JOB, "cluster_name": ""}, "platform_cluster_name: '' names no cluster"),
]


@pytest.mark.parametrize(("override", "message"), BAD, ids=str)
def test_what_cannot_be_is_refused(override, message):
    with pytest.raises(InvalidInput, match=f"^{re.escape(message)}"):
        TIER.check(parameters(**override), "us-east-1")


@pytest.mark.parametrize(
    "override",
    [
        {},
        {"run_in": "none", "ca_bundle": "", "migrations_path": ""},
        {"run_in": "cluster", "job": {**JOB, "secret_environment": {"TOKEN": {"name": "aws", "key": "token"}}}},
        {"tunnel_address": "127.0.0.1", "tunnel_port": 15432},
        {"grants": {"agent_app": {"users.email": ["SELECT"], "sequence s_1": ["USAGE"], "function f()": ["EXECUTE"]}}},
        {"grants": {"agent_app": {"function f(timestamp with time zone, agent.mood[])": ["EXECUTE"]}}},
    ],
    ids=str,
)
def test_what_can_be_is_not(override):
    TIER.check(parameters(**override), "us-east-1")


def test_the_secret_is_declared_with_the_key_and_names_the_user():
    resources = {resource.address: resource for resource in TIER.declare(parameters(app_role="app"), PLACE)}
    Graph(list(resources.values()))
    secret = resources["generated_secret/rds/agent-app"]
    assert secret.desired["name"] == "prod/rds/agent-app"
    assert secret.desired["kms_key"] == Ref("kms_key/secrets", "arn")
    assert secret.options["username"] == "app"


# --- what is missing


def wanted(**more):
    return Desired(
        **{
            "database": "agentdb",
            "schema": "agent",
            "owner": "owner",
            "application": "app",
            "roles": {"owner": False, "app": True, "app_clone": True},
            "grants": {"app": {"users": ["SELECT", "INSERT"], "agents": ["INSERT", "SELECT"], "logs": ["SELECT"]}},
            "migrations": [],
            **more,
        }
    )


@pytest.mark.parametrize(
    ("now", "ahead", "months"),
    [
        ((2026, 11), 0, ["2026_11"]),
        ((2026, 11), 3, ["2026_11", "2026_12", "2027_01", "2027_02"]),
        ((2026, 12), 1, ["2026_12", "2027_01"]),
    ],
)
def test_partitions_are_this_months_and_those_ahead(now, ahead, months):
    assert wanted(months_ahead=ahead).months(now) == months


def test_without_an_audit_log_there_are_no_partitions():
    without = wanted(partitioned=False)
    assert without.months((2026, 11)) == []
    assert not [item for item in compare(without, None) if item.address.startswith("audit_partitions")]


def test_grants_are_as_few_as_say_it_all():
    seen = Seen(privileges={"PUBLIC": {"the database": ["CONNECT"]}, "app": {"logs": ["SELECT", "UPDATE"]}})
    missing, extra = grants(wanted(), seen)
    assert missing == [
        {"kind": "database", "objects": ["the database"], "roles": ["app"], "privileges": ["CONNECT"]},
        {"kind": "schema", "objects": ["the schema"], "roles": ["app"], "privileges": ["USAGE"]},
        {"kind": "table", "objects": ["users", "agents"], "roles": ["app"], "privileges": ["INSERT", "SELECT"]},
    ]
    assert extra == [
        {"kind": "database", "objects": ["the database"], "roles": ["PUBLIC"], "privileges": ["CONNECT"]},
        {"kind": "table", "objects": ["logs"], "roles": ["app"], "privileges": ["UPDATE"]},
    ]


def test_what_a_run_that_was_cut_off_left_is_an_update():
    seen = Seen(
        database=True, roles={"owner": {"login": False, "attributes": [], "search_path": "agent", "member_of": []}}, now=(2026, 11)
    )
    seen.privileges = {"PUBLIC": {"the database": ["CONNECT", "TEMPORARY"]}}
    items = {item.address: item for item in compare(wanted(), seen, desired.Password("app", desired.LOST))}
    assert items["database/agentdb"].action == "update"
    assert items["database_role/owner"].fields == {"held_by_master": (False, True)}
    assert items["database_role/app"].action == "create"


@pytest.mark.parametrize("words", ["password authentication failed for user", "PAM authentication failed for user"])
def test_who_is_refused_by_password_or_because_rds_asks_iam_is_not_let_in(monkeypatch, words):
    def refuse(**_arguments):
        raise psycopg.OperationalError(f'connection failed: FATAL:  {words} "agent_app"')

    monkeypatch.setattr(psycopg, "connect", refuse)
    target = connect.Target("db", 5432, "agentdb", "ca.pem")
    assert connect.lets_in(target, "agent_app", "x") is False
    # Who sets the database up has no other way in.
    with pytest.raises(connect.Unreachable, match=r"refused agentadmin: .*run again"):
        connect.connect(target, "agentadmin", "x")
