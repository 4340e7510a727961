"""Memberships of the database's roles, and what else a PostgreSQL as new as RDS's knows otherwise than one before 16: there each
is its grantor's, and the master user has no more of a role than it was given."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import connect
from support.schema import inside
from support.tiers import changes

APP, CLONE, READONLY, OWNER = "agent_app", "agent_app_clone", "agent_readonly", "agent_migrate"


@pytest.fixture(scope="module")
def whole(new_postgres):
    """Set up, on a server without TLS."""
    with pytest.MonkeyPatch.context() as patched, inside(new_postgres) as running:
        patched.setattr(connect, "TLS", "disable")
        running.make_instance()
        running.must()
        assert running.must(verb="drift")["plan"] == []
        yield running


@pytest.fixture
def superuser(whole):
    """RDS's own, and by it another administrator."""
    with whole.connect("rdsadmin", whole.server.superuser_password) as connection:
        yield connection


def member_of(*names):
    return {(f"database_role/{name}", "update", "member_of") for name in names}


def run(connection, *statements):
    for statement in statements:
        connection.execute(statement)


def set_right(whole, expected):
    assert changes(whole.must(verb="drift")) == expected
    assert changes(whole.must()) == expected
    assert whole.must(verb="drift")["plan"] == []
    whole.as_application().close()


def test_it_is_as_new_as_rds_is_and_its_master_user_is_no_superuser(whole):
    with whole.as_master() as master:
        assert master.info.server_version >= 160000
        assert master.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone() == (
            False,
            True,
        )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("GRANT agent_app TO agent_app_clone WITH ADMIN OPTION", member_of(CLONE)),
        ("GRANT agent_app TO agent_app_clone WITH INHERIT FALSE", member_of(CLONE)),
        ("REVOKE agent_app FROM agent_app_clone", member_of(CLONE)),
        ("GRANT agent_migrate TO agent_readonly", member_of(READONLY)),
        ("SET ROLE agent_migrate; GRANT DELETE ON agent.users TO agent_app", {(f"database_role/{APP}", "update", "privileges")}),
        (
            "SET ROLE agent_migrate; GRANT SELECT ON agent.users TO PUBLIC",
            {("database_schema/agent", "update", "public_privileges")},
        ),
        ("GRANT CONNECT ON DATABASE agentdb TO PUBLIC", {("database/agentdb", "update", "public_privileges")}),
    ],
)
def test_what_is_changed_by_hand_is_drift_and_is_set_right(whole, statement, expected):
    with whole.as_master() as master:
        master.execute(statement)
    set_right(whole, expected)


def test_a_membership_that_was_passed_on_goes_with_what_came_of_it(whole, superuser):
    run(superuser, "CREATE ROLE carol")
    with whole.as_master() as master:
        run(master, "GRANT agent_app TO agent_app_clone WITH ADMIN OPTION")
    run(
        superuser,
        "SET ROLE agent_app_clone",
        "GRANT agent_app TO carol",
        "GRANT agent_app TO agent_readonly",
        "RESET ROLE",
    )
    set_right(whole, member_of(CLONE, READONLY))
    assert superuser.execute("SELECT pg_has_role('carol', 'agent_app', 'MEMBER')").fetchone() == (False,)
    run(superuser, "DROP ROLE carol")


def test_what_somebody_else_granted_stops_nothing_and_is_told_at_the_end(whole, superuser):
    run(superuser, "CREATE ROLE dora CREATEROLE", "GRANT agent_app TO dora WITH ADMIN OPTION", "SET ROLE dora")
    run(superuser, "GRANT agent_app TO agent_readonly", "GRANT agent_app TO agent_app_clone WITH ADMIN OPTION", "RESET ROLE")
    with whole.as_master() as master:
        run(master, "SET ROLE agent_migrate", "GRANT DELETE ON agent.users TO agent_app")
    expected = member_of(CLONE, READONLY) | {(f"database_role/{APP}", "update", "privileges")}
    assert changes(whole.must(verb="drift")) == expected
    result = whole.run()
    assert result["failed"]
    for told in (
        "database_role/agent_readonly: it is still a member of agent_app, which dora granted (permission denied to revoke",
        "database_role/agent_app_clone: it is still a member of agent_app with admin option, which dora granted",
        "have whoever may change it",
    ):
        assert told in result["msg"]
    # All else is done, and the clone may do what it could.
    assert changes(whole.must(verb="drift")) == member_of(CLONE, READONLY)
    held = superuser.execute(
        "SELECT FROM pg_auth_members WHERE pg_get_userbyid(member) = 'agent_app_clone' AND pg_get_userbyid(grantor) = 'agentadmin'"
    )
    assert held.fetchone() is not None
    run(superuser, "DROP OWNED BY dora", "REVOKE agent_app FROM dora CASCADE", "DROP ROLE dora")
    assert whole.must()["plan"] == []


def test_a_login_that_such_a_membership_keeps_out_is_told_with_it_and_stops_nothing(whole, superuser, monkeypatch):
    run(superuser, "CREATE ROLE rds_iam", "GRANT rds_iam TO agent_app")
    with whole.as_master() as master:
        run(master, "SET ROLE agent_migrate", "GRANT DELETE ON agent.users TO agent_readonly")
    with monkeypatch.context() as patched:
        # This server knows no PAM, by which RDS refuses a member of rds_iam.
        patched.setattr(connect, "lets_in", lambda *_arguments: False)
        result = whole.run()
        assert result["failed"] and "the database did not take its new password" in result["msg"]
        assert "database_role/agent_app: it is still a member of rds_iam, which rdsadmin granted" in result["msg"]
    assert changes(whole.must(verb="drift")) == member_of(APP)
    run(superuser, "DROP ROLE rds_iam")
    assert whole.must()["plan"] == []


def test_what_a_role_granted_that_the_master_user_may_act_for_is_taken_away(whole, superuser):
    run(superuser, "CREATE ROLE elsa CREATEROLE", "GRANT agent_app TO elsa WITH ADMIN OPTION", "GRANT elsa TO agentadmin")
    run(superuser, "SET ROLE elsa", "GRANT agent_app TO agent_readonly", "RESET ROLE")
    set_right(whole, member_of(READONLY))
    run(superuser, "DROP ROLE elsa")


def test_a_role_that_is_not_the_master_users_to_grant_is_told(whole, superuser):
    with whole.as_master() as master:
        run(master, "REVOKE agent_app FROM agent_app_clone")
    run(superuser, "REVOKE agent_app FROM agentadmin CASCADE")
    result = whole.run()
    assert result["failed"] and "database_role/agent_app_clone: it is no member of agent_app (permission denied" in result["msg"]
    run(superuser, "GRANT agent_app TO agentadmin WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
    set_right(whole, member_of(CLONE))
