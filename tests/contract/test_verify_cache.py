"""The rows about Redis, against a real one: as it should be, without AUTH, without TLS, with another token, and out of reach."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import connections, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.world import World

from local_aws import redis as local

pytestmark = pytest.mark.skipif(bool(local.missing()), reason=local.missing())


class Known(World):
    """A world in which the cache's endpoint is known, and the token that its secret holds."""

    def __init__(self, server, token):
        super().__init__(None, SimpleNamespace(environment="prod"), {"cache_auth": True, "cache_ca": str(server.ca)})
        self.server, self.token = server, token

    def cache(self):
        endpoint = {"Address": self.server.address, "Port": self.server.port}
        return {"ReplicationGroupId": "prod-redis", "NodeGroups": [{"PrimaryEndpoint": endpoint}]}


@pytest.fixture
def rows(monkeypatch):
    """Returns ``rows(server, token)``: flow -> row of the two checks."""

    def run(server, token=None):
        world = Known(server, token)
        monkeypatch.setattr(connections, "_secret", lambda world, name, tier: server.token if token is None else token)
        found = [tool.row(check, True) for check in connections.checks(world) if check.arrow == "4e"]
        return {"plain": found[0], "session": found[1]}

    return run


def test_as_it_should_be(rows):
    import redis

    with local.Redis() as server:
        found = rows(server)
        assert {row.state for row in found.values()} == {"ok"} and found["session"].how == "exercised"
        with redis.Redis(**server.login()) as client:
            assert client.keys("*") == []
        assert server.token not in json.dumps([row.as_dict() for row in found.values()])


def test_the_local_one_is_strict():
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    with local.Redis() as server:
        for wrong, error in (
            ({"password": None}, redis.AuthenticationError),
            ({"password": "wrong"}, redis.AuthenticationError),
            ({"ssl": False}, redis.ConnectionError),
            ({"ssl_ca_certs": None}, redis.ConnectionError),
        ):
            once = Retry(NoBackoff(), 0)
            with pytest.raises(error), redis.Redis(**server.login(retry=once, **wrong)) as client:
                client.ping()


def test_without_auth(rows):
    with local.Redis(auth=False) as server:
        found = rows(server, "any-token-at-all")["plain"]
        assert found.cause == "cache prod-redis answers without AUTH: look at its encryption in transit and its AUTH token"


@pytest.mark.parametrize(
    ("auth", "cause"), [(True, "cache prod-redis talks without TLS"), (False, "cache prod-redis answers without TLS")]
)
def test_without_tls(rows, monkeypatch, auth, cause):
    # A server without TLS says nothing to whoever begins with it.
    monkeypatch.setattr(connections, "TIMEOUT", 1)
    with local.Redis(tls=False, auth=auth) as server:
        (server.directory / "ca.crt").touch()
        found = rows(server)
        assert cause in found["plain"].cause and "does not answer over TLS" in found["session"].cause


def test_another_token(rows):
    with local.Redis() as server:
        assert "does not take the token of secret" in rows(server, "another-token")["session"].cause


def test_out_of_reach(rows):
    with local.Redis() as server:
        server.stop()
        found = rows(server)
        assert {row.state for row in found.values()} == {"not exercised"}
        assert all("does not answer from here" in row.how and "an execution node in the VPC" in row.how for row in found.values())
