"""Whether cluster and database can be reached from here, before anything is written."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils import reach
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput

BOTH = {"cluster_name": "prod-agent-platform", "database": "prod-agentdb"}


@pytest.fixture
def listening():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def closed():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused at once
        yield taken.getsockname()[1]


@pytest.fixture
def look(monkeypatch):
    """``look(cluster, database, ...)``: with the ports at which they stand; None for one that does not."""

    def answer(cluster_at, database_at, looks=False, **params):
        endpoint = f"https://127.0.0.1:{cluster_at}/path" if cluster_at else ""
        monkeypatch.setattr(reach.ways_in, "cluster_endpoint", lambda api, name: endpoint)
        monkeypatch.setattr(
            reach.ways_in, "database_endpoint", lambda api, name: ("127.0.0.1", database_at) if database_at else None
        )
        defaults = {name: option["default"] for name, option in reach.SPEC.items()}
        api = SimpleNamespace(together=lambda *calls: [f() for f in calls])
        session = SimpleNamespace(params={**defaults, **params}, api=api, looks=looks)
        reach.check(session.params)
        return reach.work(session)

    return answer


def test_what_answers_is_said(look, listening):
    result = look(listening, listening, **BOTH)
    assert len(result["reached"]) == 2 and "failed" not in result and "warnings" not in result


def test_what_stands_and_is_out_of_reach_fails_in_one_sentence_with_the_ways_out(look, closed):
    message = look(closed, closed, **BOTH)["msg"]
    for part in ("the API of the cluster prod-agent-platform (127.0.0.1", "the database prod-agentdb (127.0.0.1", "refused"):
        assert part in message
    for way in (
        "first (--tags vpc,eks,rds), else run it on an execution node in the VPC",
        "kubernetes_tunnel_address, schema_tunnel_address",
        "eks_public_access_cidrs",
        "schema_run_in: cluster",
        "kubernetes_run_in: none",
        "--skip-tags kubernetes,schema",
    ):
        assert way in message


def test_only_what_is_out_of_reach_is_named(look, listening, closed):
    result = look(listening, closed, **BOTH)
    assert result["failed"] and "API of the cluster" not in result["msg"] and "eks_public_access_cidrs" not in result["msg"]
    result = look(closed, None, cluster_name="prod-agent-platform")
    assert result["failed"] and "database" not in result["msg"].partition("or go without")[0]
    assert "--tags vpc,eks)" in result["msg"]


def test_a_run_that_only_looks_goes_on(look, closed):
    result = look(closed, closed, looks=True, **BOTH)
    (warning,) = result["warnings"]
    assert "failed" not in result and warning == look(closed, closed, **BOTH)["msg"]


def test_a_cluster_that_this_run_may_open_is_only_warned_of(look, closed):
    result = look(closed, None, cluster_name="prod-agent-platform", cluster_lets_in=["203.0.113.0/24"])
    (warning,) = result["warnings"]
    assert "failed" not in result and "the API of the cluster prod-agent-platform (127.0.0.1" in warning
    assert "will be private" not in warning and "eks_public_access_cidrs lets in 203.0.113.0/24" in warning


def test_of_what_does_not_stand_yet_the_configuration_tells(look):
    (warning,) = look(None, None, **BOTH)["warnings"]
    assert "prod-agent-platform and the database prod-agentdb will be private" in warning
    open_one = look(None, None, cluster_name="prod-agent-platform", cluster_lets_in=["203.0.113.0/24"])
    assert "warnings" not in open_one and "failed" not in open_one


def test_by_a_tunnel(look, listening, closed):
    ways = {
        "cluster_tunnel_address": "127.0.0.1",
        "cluster_tunnel_port": listening,
        "database_tunnel_address": "127.0.0.1",
        "database_tunnel_port": listening,
    }
    assert len(look(closed, closed, **BOTH, **ways)["reached"]) == 2
    assert look(closed, closed, **BOTH, **{**ways, "database_tunnel_port": closed})["failed"]
    with pytest.raises(InvalidInput, match="kubernetes_tunnel_address: '' with kubernetes_tunnel_port 1 is half a tunnel"):
        look(closed, closed, **BOTH, cluster_tunnel_port=1)
