"""The kubernetes tier where the cluster, or Helm, is out of reach, and where it is to leave the cluster alone."""

from __future__ import annotations

import base64
import socket
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.action import kubernetes as action
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import client
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.plan import Plan
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import VERBS, RunOptions, nothing_done
from support.kubernetes import parameters

from local_aws.kubernetes_api import authority


def perform(transport="local", **changed):
    """What a task with prod's variables answers, by the action plugin in this process."""
    plugin = action.ActionModule.__new__(action.ActionModule)
    plugin._connection = SimpleNamespace(transport=transport)
    params = parameters("prod", **{"validate_certs": True, **changed})
    return plugin._perform(plugin._tier(), params, RunOptions())


@pytest.mark.parametrize("timeout", ["15m", "14m1s", "1h", "600", "0s", "soon", ""])
def test_helm_is_given_no_longer_than_its_token_is_good_for(timeout):
    result = perform(verb="validate", run_in="none", helm_timeout=timeout)
    assert result["failed"] and result["msg"].startswith(f"kubernetes_helm_timeout: {timeout!r} is no duration of at most 14m")


@pytest.mark.parametrize("timeout", ["14m", "13m59s", "90s"])
def test_up_to_that_it_is_taken(timeout):
    assert perform(verb="validate", run_in="none", helm_timeout=timeout) == nothing_done()


@pytest.mark.parametrize("transport", ["local", "ssh"])
@pytest.mark.parametrize("verb", VERBS)
def test_the_inside_is_left_alone_where_it_is_to_be(verb, transport):
    assert perform(transport, verb=verb, run_in="none", helm_binary="/nowhere/helm") == nothing_done()


def test_what_is_left_alone_is_checked_all_the_same():
    result = perform(verb="validate", run_in="none", namespace="nowhere")
    assert result["failed"] and result["msg"].startswith("kubernetes_namespace: 'nowhere'")


def test_releases_without_helm_are_refused_before_anything_is_made():
    result = perform(verb="validate", helm_binary="/nowhere/helm")
    assert result["failed"] and "/nowhere/helm is no program here" in result["msg"]
    ways = ("kubernetes_helm_binary", "kubernetes_helm_releases: []", "kubernetes_run_in: none")
    assert all(way in result["msg"] for way in ways)


@pytest.mark.parametrize(
    "changed",
    [
        {"helm_binary": sys.executable},
        {"helm_binary": "/nowhere/helm", "helm_releases": []},
        {"helm_binary": "/nowhere/helm", "state": "absent"},
    ],
    ids=str,
)
def test_helm_is_asked_for_only_where_it_is_needed(changed):
    assert perform(verb="validate", **changed) == nothing_done()


@pytest.fixture
def out_of_reach(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: refused at once
        endpoint = f"https://127.0.0.1:{taken.getsockname()[1]}"
        certificate = base64.b64encode(authority.make("127.0.0.1")[0].encode()).decode()
        cluster = client.Cluster("prod-agent-platform", endpoint, certificate, "token")
        place = {"planned": {}, "place": {"deployment": "prod-us-east-1"}}
        ground = SimpleNamespace(
            missing=Plan(),
            facts={"endpoint": endpoint},
            way=lambda: SimpleNamespace(cluster=lambda: cluster),
            for_the_run=lambda: dict(place),
        )
        monkeypatch.setattr(action, "learn", lambda params, callers: ground)
        yield place


@pytest.mark.parametrize("confirm", [None, "prod-us-east-1"])
@pytest.mark.parametrize("verb", ["plan", "drift", "adopt"])
def test_a_cluster_out_of_reach_is_a_refusal_beside_what_the_other_tiers_found(out_of_reach, verb, confirm):
    result = perform(verb=verb, confirm=confirm)
    assert not result.get("failed") and result["plan"] == [] and result["place"] == out_of_reach["place"]
    (refusal,) = result["refusals"]
    assert refusal["address"] == "cluster_api/prod-agent-platform"
    ways = ("execution node", "eks_public_access_cidrs", "kubernetes_run_in: none", "--skip-tags kubernetes,schema")
    assert "cannot be reached" in refusal["reason"] and all(way in refusal["reason"] for way in ways)


def test_a_cluster_out_of_reach_fails_what_would_write(out_of_reach):
    result = perform(verb="apply")
    assert result["failed"] and "cannot be reached" in result["msg"] and "kubernetes_run_in: none" in result["msg"]


@pytest.mark.parametrize(
    "changed", [{"tunnel_address": "127.0.0.1"}, {"tunnel_port": 8443}, {"rollout_timeout_seconds": 9000}], ids=str
)
def test_half_a_tunnel_and_a_wait_of_hours_are_refused(changed):
    (name,) = changed
    result = perform(verb="validate", run_in="none", **changed)
    assert result["failed"] and "kubernetes_" + name.replace("port", "address") in result["msg"].partition(":")[0]
