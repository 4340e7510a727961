"""The rows about PostgreSQL, against a real one: as it should be, without TLS, another password or authority, out of reach."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import connections, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.world import World

local = pytest.importorskip("local_aws.postgres")
pytestmark = pytest.mark.skipif(bool(local.missing()), reason=local.missing())
USER, PASSWORD = "agent_app", "not-to-be-seen"


class Known(World):
    """A world in which the database's endpoint is known."""

    def __init__(self, server, bundle):
        params = {"database_ca": bundle, "database_secret": "rds/agent-app"}
        super().__init__(None, SimpleNamespace(environment="prod"), params)
        self.server = server

    def database(self):
        endpoint = {"Address": self.server.address, "Port": self.server.port}
        return {"DBInstanceIdentifier": "prod-agentdb", "Endpoint": endpoint, "DBName": "agentdb"}


@pytest.fixture
def rows(monkeypatch):
    """Returns ``rows(server, password, bundle)``: the two checks' rows."""

    def run(server, password=PASSWORD, bundle=None):
        login = json.dumps({"username": USER, "password": password})
        monkeypatch.setattr(connections, "_secret", lambda world, name, tier: login)
        world = Known(server, str(server.ca) if bundle is None else bundle)
        found = [tool.row(check, True) for check in connections.checks(world) if check.arrow == "4b"]
        assert PASSWORD not in json.dumps([row.as_dict() for row in found])
        return {"plain": found[0], "tls": found[1]}

    return run


def test_as_it_should_be(rows, tmp_path):
    with local.Postgres() as server:
        server.make_master(USER, PASSWORD, "agentdb")
        found = rows(server)
        assert {row.state for row in found.values()} == {"ok"} and found["plain"].how == found["tls"].how == "exercised"
        assert "does not let the user of secret rds/agent-app in over TLS" in rows(server, "another")["tls"].cause
        assert "verify_database_ca is empty" in rows(server, bundle="")["tls"].how
        with local.Postgres() as other:
            assert "certificate verify failed" in rows(server, bundle=str(other.ca))["tls"].cause
        server.stop()
        assert {row.state for row in rows(server, bundle="x").values()} == {"not exercised"}


def test_without_tls(rows, monkeypatch):
    monkeypatch.setattr(local, "HBA", local.HBA.replace("hostssl", "host"))
    with local.Postgres() as server:
        server.make_master(USER, PASSWORD, "agentdb")
        assert "database prod-agentdb asks for a password without TLS: look at rds.force_ssl" in rows(server)["plain"].cause
