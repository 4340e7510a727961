"""The schema tier with a Job in the cluster: made once, waited for, made anew for another database, and its failure told."""

from __future__ import annotations

import json
from unittest import mock

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils import tier_module
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.client import Cluster
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.objects import JOB_OF
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.report import plan_file
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.plugin_utils import jobs
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema as beyond
from support import jobs as support
from support import tiers
from support.database import MIGRATIONS
from support.jobs import FILES, JOBS, PODS, Played, completes, fails
from support.schema import INSTANCE, KEYS, SECRET

from local_aws.in_process import InProcessAws

ADDRESS = "kubernetes_job/schema"
SETTINGS = {
    **{name: option.get("default") for name, option in tiers.load("schema").spec["job"]["options"].items()},
    "image": "registry.example.com/ee:1.0",
}


class Tier:
    """``run``: the tier as its action plugin runs it, with what the cluster then does."""

    def __init__(self, aws, ca):
        self.aws, self.ca = aws, ca
        self.api, self.played = None, None

    def run(self, *steps, log="", check_mode=False, job=(), **more):
        own = {
            "run_in": "cluster",
            "cluster_name": support.CLUSTER,
            "secrets_key": "secrets",
            "ca_bundle": str(self.ca),
            "migrations_path": str(MIGRATIONS),
            "job": {**SETTINGS, **dict(job)},
        }
        params = tiers.with_defaults(tiers.load("schema"), {**own, **more})
        options = RunOptions(check_mode=check_mode, diff_mode=True)
        result = tier_module.run(tiers.load("schema"), params, options)
        self.played = Played(self.api, list(steps), log)
        if not result.get("failed"):
            with self.played.playing():
                result = beyond.go_on(support.action(check_mode), params, result, {}, True, options.callers)
        return json.loads(json.dumps(result))

    def must(self, *steps, **more):
        result = self.run(*steps, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def item(self, result):
        """Of the Job, action and fields; None where there is none."""
        found = [item for item in result["plan"] if item["address"] == ADDRESS]
        return (found[0]["action"], {one["field"]: (one["old"], one["new"]) for one in found[0]["fields"]}) if found else None


def as_approved(planned):
    """What a plan of this lets be done."""
    return plan_file.approved({"actions": [{**item, "tier": "schema", "ground": {}} for item in planned["plan"]]}, "schema", False)


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    ca = tmp_path_factory.mktemp("ca") / "bundle.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n")
    with InProcessAws() as aws:
        keys = tiers.load("kms")
        tiers.run(keys, tiers.with_defaults(keys, {"key_for": dict.fromkeys(KEYS, "secrets")}))
        yield Tier(aws, ca), aws.snapshot()


@pytest.fixture
def bare(account):
    """Without a cluster and without a database."""
    tier, empty = account
    tier.aws.restore(empty)
    tier.api = None
    return tier


@pytest.fixture
def ready(bare):
    """With both, and with what the kubernetes tier makes for the Job."""
    support.make_instance()
    bare.api = support.make_cluster()
    support.make_namespace(bare.api, "schema")
    return bare


def test_it_is_planned_made_waited_for_and_not_made_again(ready):
    planned = ready.must(check_mode=True)
    assert ready.api.items(JOBS) == {} and ready.played.calls == []
    done = ready.must(lambda played, job: played.start(job), completes)
    (name,) = ready.api.items(JOBS)
    assert list(ready.api.items(FILES)) == [name] and name.startswith("schema-")
    assert ready.played.calls == [("present", "ConfigMap"), ("present", "Job")] and ready.played.pauses == 2
    action, fields = ready.item(done)
    assert action == "create" and fields["job"] == (None, name)
    # Only which secret it will be was not known before.
    assert ready.item(planned) == ("create", {**fields, "job": (None, "(known after apply)")})
    for how in ({}, {"check_mode": True}, {"verb": "plan"}, {"verb": "drift"}):
        again = ready.must(**how)
        assert (again["changed"], again["plan"], ready.played.calls) == (False, [], []), how
        assert bool(again.get("warnings")) is (how == {"verb": "drift"})


def test_a_plan_of_what_stands_is_what_the_apply_does(ready):
    ready.must(completes)
    (first,) = ready.api.items(JOBS)
    changed = {"audit_months_ahead": 5}
    planned = ready.must(check_mode=True, **changed)
    done = ready.must(completes, **changed)
    (second,) = ready.api.items(JOBS)
    assert ready.item(planned) == ready.item(done)
    assert ready.item(done)[0] == "update" and ready.item(done)[1]["job"] == (first, second)
    # The one before made room, with its files.
    assert first != second and list(ready.api.items(FILES)) == [second]


def test_a_run_that_is_cut_off_leaves_what_it_planned_to_do(ready):
    """The one before stands until the next has ended well, so that what was approved is approved still."""
    ready.must(completes)
    (first,) = ready.api.items(JOBS)
    changed = {"audit_months_ahead": 5}
    planned = ready.must(check_mode=True, **changed)

    def cut_off(_played, _job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ready.run(cut_off, **changed)
    assert ready.item(ready.must(check_mode=True, **changed)) == ready.item(planned)
    done = ready.must(completes, approved=as_approved(planned), **changed)
    (second,) = ready.api.items(JOBS)
    assert ready.item(done)[1]["job"] == (first, second) and list(ready.api.items(FILES)) == [second]


def test_one_that_ended_well_is_done_though_the_one_before_cannot_be_taken_away(ready, monkeypatch):
    ready.must(completes)

    def refuses(*_given):
        raise EngineError("could not delete it")

    monkeypatch.setattr(jobs.Jobs, "_remove", refuses)
    ready.must(completes, audit_months_ahead=5)
    assert len(ready.api.items(JOBS)) == 2
    monkeypatch.undo()
    ready.must(completes, audit_months_ahead=6)
    assert len(ready.api.items(JOBS)) == len(ready.api.items(FILES)) == 1


def test_one_that_ended_well_before_another_failed_is_not_believed(ready, monkeypatch):
    """The other may have done a part of what it was to do."""
    ready.must(completes)
    (first,) = ready.api.items(JOBS)
    assert ready.run(fails, audit_months_ahead=5)["failed"]
    (second,) = set(ready.api.items(JOBS)) - {first}
    hours = {first: "2026-11-01T10:00:00Z", second: "2026-11-01T11:00:00Z"}
    monkeypatch.setattr(jobs.jobs, "made", lambda item: hours.get(item["metadata"]["name"], ""))
    action, fields = ready.item(ready.must(completes))
    assert action == "update" and fields["job"] == (first, first) and list(ready.api.items(JOBS)) == [first]


def test_a_new_database_gets_a_new_job(ready):
    ready.must(completes)
    (first,) = ready.api.items(JOBS)
    boto3.client("rds").delete_db_instance(DBInstanceIdentifier=INSTANCE, SkipFinalSnapshot=True)
    support.make_instance()
    assert ready.item(ready.must(completes))[1]["job"][0] == first


def test_a_secret_that_was_made_anew_gets_a_new_job(ready):
    ready.must(completes)
    boto3.client("secretsmanager").delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    assert ready.item(ready.must(completes)) is not None


def test_another_word_has_it_run_again(ready):
    ready.must(completes)
    assert ready.item(ready.must(completes, job={"again": "restored"})) is not None
    assert ready.item(ready.must(job={"again": "restored"})) is None


def test_a_value_of_the_secret_that_nobody_here_made_has_it_run_again(ready):
    ready.must(completes)
    (name,) = ready.api.items(JOBS)
    boto3.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString='{"username": "agent_app", "password": "x"}')
    action, fields = ready.item(ready.must(check_mode=True))
    assert action == "update" and fields["job"] == (name, name) and fields["password"] == ("due for rotation", "current")
    ready.must(completes)
    assert ("absent", "Job") in ready.played.calls


def test_its_failure_is_told_and_the_next_run_makes_it_anew(ready):
    log = 'fatal: [localhost]: FAILED! => {"msg": "migration/0002_agents: relation exists."}\nPLAY RECAP ***\n'
    result = ready.run(fails, log=log)
    (name,) = ready.api.items(JOBS)
    assert (
        result["failed"]
        and f"{ADDRESS}: {name} failed (BackoffLimitExceeded): migration/0002_agents: relation exists. See kubectl" in result["msg"]
    )
    assert ADDRESS in result["not_applied"] and result["applied"] == ["generated_secret/rds/agent-app"]
    assert ready.item(ready.must(check_mode=True))[0] == "create"
    ready.must(completes)
    assert ready.played.calls[0] == ("absent", "Job") and list(ready.api.items(JOBS)) == [name]


def test_what_holds_its_pod_up_is_told_though_the_pod_is_gone(ready):
    def pulls(played, job):
        waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
        played.start(job, containerStatuses=[{"name": "schema", "state": {"waiting": waiting}}])

    def late(played, job):
        played.api.call("DELETE", f"{PODS}/{job}-x")
        played.end(job, "Failed", "DeadlineExceeded")

    result = ready.run(pulls, late)
    assert (
        "failed (DeadlineExceeded): ImagePullBackOff: no such image. See kubectl -n platform-jobs describe job/schema-"
        in result["msg"]
    )


def test_what_its_pod_wrote_last_is_told_though_the_pod_is_gone(ready):
    def runs(played, job):
        played.start(job, phase="Running")
        played.log = "PLAY [Set up] ***\nTASK [Apply the migrations] ***\n"

    def waits(_played, _job):
        """It is looked at."""

    def late(played, job):
        played.api.call("DELETE", f"{PODS}/{job}-x")
        played.end(job, "Failed", "DeadlineExceeded")

    result = ready.run(runs, waits, late)
    assert "failed (DeadlineExceeded): its pod wrote last: TASK [Apply the migrations] ***. See kubectl" in result["msg"]


def test_one_that_is_killed_for_its_memory_says_so_and_how_far_it_came(ready):
    def killed(played, job):
        state = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        played.start(job, phase="Failed", containerStatuses=[{"name": "schema", "state": state}])
        played.end(job, "Failed", "BackoffLimitExceeded")

    result = ready.run(killed, log="TASK [Apply the migrations] ***\n")
    assert "OOMKilled; its pod wrote last: TASK [Apply the migrations]" in result["msg"]


def silent(monkeypatch, times):
    """So many reads of the cluster fail from now on."""
    get, left = Cluster.get, [times]

    def read(self, path, **query):
        if left[0]:
            left[0] -= 1
            raise EngineError("could not read it of the cluster: Connection reset by peer")
        return get(self, path, **query)

    monkeypatch.setattr(Cluster, "get", read)


def test_a_cluster_that_gives_no_answer_for_a_moment_is_waited_for(ready, monkeypatch):
    def nothing(_played, _job):
        """It runs on."""

    ready.must(lambda _played, _job: silent(monkeypatch, 3), nothing, nothing, completes)
    assert ready.played.pauses == 4


def test_a_cluster_that_gives_no_answer_any_more_is_told(ready, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", -1.0)
    result = ready.run(lambda _played, _job: silent(monkeypatch, 1))
    assert result["failed"] and "nobody could tell how it stands: could not read it of the cluster" in result["msg"]
    ready.must(completes)
    assert ("absent", "Job") not in ready.played.calls


def test_one_that_does_not_end_is_given_up_and_the_next_run_waits_on(ready, monkeypatch):
    monkeypatch.setattr(jobs, "SLACK", -float("inf"))
    result = ready.run()
    assert result["failed"] and "did not end in its 900 s: there is no pod of it to ask" in result["msg"]
    monkeypatch.undo()
    ready.must(completes)
    assert ("absent", "Job") not in ready.played.calls


def test_one_that_is_taken_away_meanwhile_is_told(ready):
    result = ready.run(lambda played, job: played.api.call("DELETE", f"{JOBS}/{job}"))
    assert result["failed"] and "was taken away while it was waited for: run again" in result["msg"]


def test_without_its_service_account_the_tier_to_run_first_is_named(ready):
    ready.api.call("DELETE", f"{support.ACCOUNTS}/schema")
    result = ready.run()
    assert (
        result["failed"]
        and "no service account schema in the namespace platform-jobs: run the kubernetes tier first" in result["msg"]
    )
    assert ready.api.items(JOBS) == {} and ready.played.calls == []


def test_jobs_of_others_stay(ready):
    """Of another deployment, and of another kind."""
    other = {"spec": {"template": {"spec": {"containers": [{"name": "x", "image": "x:1"}], "restartPolicy": "Never"}}}}
    for name, kind, deployment in (("theirs", "schema", "prod-eu-west-1"), ("proof", "verify", "prod-us-east-1")):
        labels = {"app.kubernetes.io/name": kind, "app.kubernetes.io/managed-by": "agent-platform", JOB_OF: deployment}
        ready.api.create(
            JOBS,
            {
                "metadata": {"name": name, "labels": labels},
                **other,
                "status": {"conditions": [{"type": "Complete", "status": "True"}]},
            },
        )
    ready.must(completes)
    ready.must(completes, audit_months_ahead=5)
    assert {"theirs", "proof"} < set(ready.api.items(JOBS)) and len(ready.api.items(JOBS)) == 3


@pytest.mark.parametrize("how", [{"verb": "plan"}, {"verb": "drift"}])
def test_without_a_cluster_and_without_a_run_that_makes_one_it_is_a_refusal(bare, how):
    result = bare.must(**how)
    (refusal,) = result["refusals"]
    assert "prod-agent-platform" in refusal["reason"] and "schema_run_in: none" in refusal["reason"]


def test_without_a_cluster_an_apply_names_the_tier_to_run_first(bare):
    result = bare.run()
    assert result["failed"] and "run the eks tier" in result["msg"]


def test_in_a_run_that_is_to_make_both_everything_is_planned(bare):
    planned = {f"eks_cluster/{support.CLUSTER}": {"name": support.CLUSTER}, "db_instance/agentdb": {}}
    result = bare.must(verb="plan", planned={"planned": planned})
    assert bare.item(result) == (
        "create",
        {"job": (None, "(known after apply)"), "image": (None, SETTINGS["image"]), "migrations": (None, 5)},
    )


def test_a_cluster_out_of_reach_says_the_ways_out(ready):
    with mock.patch("socket.create_connection", side_effect=OSError(110, "Connection timed out")):
        result = ready.run(verb="plan")
    (refusal,) = result["refusals"]
    assert "cannot be reached from here (Connection timed out)" in refusal["reason"] and "execution node" in refusal["reason"]


def test_one_that_was_not_approved_is_not_made(ready):
    result = ready.run(approved={"generated_secret/rds/agent-app": {"action": "create", "fields": {}, "ground": {}}})
    assert result["failed"] and ready.api.items(JOBS) == {}
