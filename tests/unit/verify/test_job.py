"""The connections of a verification by a Job: what it is given, and what becomes of what it says."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import kubernetes_validate
import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Unreachable
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import connections, tool
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.model import Row
from ansible_collections.agent_platform.aws.plugins.plugin_utils import verify_job
from support import verifying

PLACE = {"deployment": "prod-us-east-1", "environment": "prod", "region": "us-east-1", "account": "123456789012"}
ELSEWHERE = Row("1", "the distribution asks the web ACL", "ok", "from configuration", 0.1)
FLOWS = [check.flow for check in connections.CHECKS]


def log(*rows):
    encoded = base64.b64encode(json.dumps([row.as_dict() for row in rows]).encode()).decode()
    return f'ok: [localhost] => {{\n    "msg": "{verify_job.MARK}{encoded}"\n}}\n\nPLAY RECAP ***\n'


def test_its_objects_are_what_kubernetes_takes_and_hold_no_file_of_here(tmp_path):
    (tmp_path / "rds.pem").write_text("of RDS")
    config, job = verify_job.objects(
        verifying.for_a_job(database_ca=str(tmp_path / "rds.pem"), path="x.json"), "prod-us-east-1", "us-east-1"
    )
    for definition in (config, job):
        kubernetes_validate.validate(definition, kubernetes_validate.latest_version(), strict=True)
    (play,) = yaml.safe_load(config["data"]["run.yml"])
    given = play["tasks"][0]["agent_platform.aws.verify"]
    assert (given["database_ca"], config["data"]["rds-ca.pem"]) == ("/verify/rds-ca.pem", "of RDS")
    assert given["connections_only"] is True and not {"path", "run_in", "job", "cache_ca"} & set(given)
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "verify"
    assert job["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"] == "verify"


def test_the_pod_proves_the_connections_and_the_rest_is_proved_here():
    def parts(**params):
        return tool.parts({"mode": "observe", "connections_only": False, "run_in": "direct", **params})

    rest = [part for part in tool.PARTS if part is not connections]
    assert parts() == list(tool.PARTS)
    assert parts(connections_only=True) == [connections] and parts(run_in="cluster") == rest


def test_rows_come_back_through_a_log():
    rows = [Row("4b", FLOWS[0], "ok", "exercised", 0.2), Row("4e", FLOWS[2], "failed", "exercised", 0.1, "cache prod-redis talks")]
    assert verify_job.rows_in("noise\n" + log(*rows)) == rows
    with pytest.raises(EngineError, match="no rows in what its pod wrote"):
        verify_job.rows_in("noise\n")


class Run:
    """``verify_job.add`` with a Job that says, or raises, something."""

    def __init__(self, monkeypatch, said):
        self.said, self.made = said, 0
        monkeypatch.setattr(
            verify_job.cluster_way, "find", lambda *_given: (SimpleNamespace(connection=SimpleNamespace(region="us-east-1")), {})
        )
        monkeypatch.setattr(verify_job, "Jobs", lambda *_given: self)

    def run(self, _tell):
        self.made += 1
        if isinstance(self.said, Exception):
            raise self.said
        return self.said

    def __call__(self, check_mode=False, here=True, **more):
        action = SimpleNamespace(_task=SimpleNamespace(check_mode=check_mode), progress=None)
        before = {**tool.result(PLACE, "observe", [ELSEWHERE]), "invocation": {}}
        return verify_job.add(action, {}, verifying.for_a_job(**more), before, here, {})


def test_its_rows_join_the_table_and_a_failure_among_them_fails_the_run(monkeypatch):
    good = [Row(check.arrow, check.flow, "ok", "exercised", 0.2) for check in connections.CHECKS]
    result = Run(monkeypatch, log(*good))()
    assert [row["arrow"] for row in result["flows"]] == ["1", "4b", "4b", "4e", "4e"] and not result.get("failed")
    assert (result["counts"], result["deployment"]) == ({"ok": 5, "failed": 0, "not exercised": 0}, "prod-us-east-1")
    bad = Run(monkeypatch, log(Row("4b", FLOWS[0], "failed", "exercised", 0.2, "database prod-agentdb lets in without TLS")))()
    assert bad["failed"] and bad["msg"] == f"[4b] {FLOWS[0]}: database prod-agentdb lets in without TLS"


def test_a_cluster_out_of_reach_proves_nothing_and_a_job_that_fails_is_a_failure(monkeypatch):
    result = Run(monkeypatch, Unreachable("the API of the cluster cannot be reached from here"))()
    assert not result.get("failed") and result["counts"]["not exercised"] == 4
    assert {row["how"] for row in result["flows"][1:]} == {"not exercised: the API of the cluster cannot be reached from here"}
    result = Run(monkeypatch, EngineError("kubernetes_job/verify: it failed"))()
    assert (
        result["failed"] and result["counts"]["failed"] == 4 and result["flows"][1]["cause"] == "kubernetes_job/verify: it failed"
    )


@pytest.mark.parametrize(
    ("how", "rows"),
    [({"check_mode": True}, 4), ({"here": False}, 4), ({"arrows": ["1"]}, 0), ({"arrows": ["4e"]}, 2)],
    ids=str,
)
def test_where_no_job_is_to_be_made_none_is(monkeypatch, how, rows):
    run = Run(monkeypatch, log(*(Row("4e", flow, "ok", "exercised", 0.2) for flow in FLOWS[2:])))
    assert len(run(**how)["flows"]) == 1 + rows
    assert run.made == (1 if how == {"arrows": ["4e"]} else 0)


def test_without_an_image_it_is_refused_before_anything_is_looked_at():
    with pytest.raises(InvalidInput, match="verify_job: image is empty"):
        tool.check(verifying.for_a_job(job={"image": ""}))
    with pytest.raises(InvalidInput, match="verify_job: image is empty"):
        tool.check(verifying.for_a_job(job={"image": ""}, arrows=["1", "4e"]))


@pytest.mark.parametrize("how", [{"mode": "smoke"}, {"arrows": ["1", "4a"]}, {"run_in": "direct"}], ids=str)
def test_where_no_job_is_made_none_needs_an_image(how):
    tool.check(verifying.for_a_job(job={"image": ""}, **how))


@pytest.mark.parametrize(("inside", "state"), [(True, "failed"), (False, "not exercised")])
def test_what_does_not_answer_in_the_cluster_is_a_failure_there_alone(monkeypatch, inside, state):
    monkeypatch.setattr(connections, "unreachable", lambda _host, _port: "Connection timed out")
    found = {"DBInstanceIdentifier": "prod-agentdb", "Endpoint": {"Address": "db.example.com", "Port": 5432}}
    world = SimpleNamespace(params={"connections_only": inside}, database=lambda: found, unreachable={})
    row = tool.row(connections.checks(world)[0], True)
    assert row.state == state and "db.example.com:5432 does not answer" in row.how + row.cause
