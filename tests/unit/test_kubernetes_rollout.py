"""Whether what was applied runs, why not, and how long that is waited for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.action import kubernetes as action
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import rollout
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.rollout import Unready
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.survey import Survey
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.plan import Action, Plan
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Outcome
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from support.kubernetes import parameters


def deployment(replicas=2, generation=3, **status):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "agent", "namespace": "agents", "generation": generation},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "agent"}}},
        "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, **status},
    }


def secret(*conditions):
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "redis", "namespace": "agents"},
        "spec": {},
        "status": {"conditions": list(conditions)},
    }


def pod(name="agent-1", **status):
    return {"metadata": {"name": name}, "status": {"phase": "Pending", **status}}


def waiting(reason, message=""):
    return {"containerStatuses": [{"name": "agent", "state": {"waiting": {"reason": reason, "message": message}}}]}


def look(item, *pods):
    return rollout.unready([item], lambda _item: list(pods))


@pytest.mark.parametrize(
    "item",
    [
        deployment(),
        deployment(replicas=0) | {"status": {"observedGeneration": 3}},
        secret({"type": "Ready", "status": "True", "reason": "SecretSynced"}),
    ],
    ids=["all", "scaled to none", "fetched"],
)
def test_what_came_about_is_not_named(item):
    assert look(item) == []


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (deployment(generation=4), "its rollout has not begun"),
        (deployment(availableReplicas=1), "1 of 2 pods are available"),
        (deployment(updatedReplicas=1), "1 of 2 pods are available"),
        (deployment() | {"status": {}}, "its rollout has not begun"),
    ],
)
def test_how_far_a_rollout_is(item, state):
    (found,) = look(item)
    assert (found.address, found.state) == ("deployment/agents/agent", state)
    assert "kubectl -n agents get pods -l app=agent" in found.sentence


def test_pods_of_before_that_are_still_there_are_waited_for():
    item = deployment()
    item["status"]["replicas"] = 3
    (found,) = look(item)
    assert found.state == "1 pods of before are still there"


@pytest.mark.parametrize(
    ("pods", "reason", "parts"),
    [
        (
            [pod(**waiting("ImagePullBackOff", "Back-off pulling image x"))],
            "ImagePullBackOff",
            ("container agent waits with ImagePullBackOff (Back-off pulling image x)", "kubectl -n agents describe pod agent-1"),
        ),
        (
            [pod(**waiting("CrashLoopBackOff"))],
            "CrashLoopBackOff",
            ("kubectl -n agents logs --previous agent-1",),
        ),
        ([pod(**waiting("ContainerCreating"))], "ContainerCreating", ("while a volume or a secret is missing",)),
        (
            [pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}])],
            "Unschedulable",
            ("no node takes it: Unschedulable (0/3 nodes)",),
        ),
        ([pod(phase="Running", conditions=[{"type": "Ready", "status": "False"}])], "NotReady", ("health check",)),
        ([pod(phase="Running"), pod("agent-2", **waiting("ErrImagePull"))], "ErrImagePull", ("agent-2",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_why_is_said_by_a_pod(pods, reason, parts):
    (found,) = look(deployment(availableReplicas=0), *pods)
    assert found.reason == reason and all(part in found.sentence for part in parts), found.sentence


def test_or_by_the_deployment_where_there_is_no_pod():
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    (found,) = look(deployment(availableReplicas=0, conditions=[failed]))
    assert "FailedCreate (exceeded quota)" in found.sentence and "describe deployment agent" in found.sentence


def test_a_secret_that_is_not_fetched():
    failed = {"type": "Ready", "status": "False", "reason": "SecretSyncedError", "message": "no such secret"}
    (found,) = look(secret(failed))
    assert found.sentence == (
        "external_secret/agents/redis: its secret is not fetched: SecretSyncedError (no such secret); see kubectl -n agents "
        "describe externalsecret redis"
    )
    (found,) = look(secret())
    assert "External Secrets has not looked at it" in found.sentence


class Clock:
    """Passes by being slept."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def waits(looks, seconds=600):
    """(what is left, seconds that passed). ``looks(now)``: what is unready then."""
    clock, told = Clock(), []
    left = rollout.wait(lambda: looks(clock.now), seconds, lambda *what: told.append(what), clock, clock.sleep)
    return left, clock.now, told


def unready(reason=""):
    return Unready("deployment/agents/agent", "0 of 2 pods are available", reason, "")


def test_it_waits_until_all_is_ready_and_tells_meanwhile():
    left, passed, told = waits(lambda now: [unready("ImagePullBackOff")] if now < 100 else [])
    assert left == [] and 100 <= passed <= 105 and told[0] == ("deployment/agents/agent", "ImagePullBackOff", 0.0)


def test_it_ends_with_its_time():
    left, passed, _told = waits(lambda now: [unready()], seconds=60)
    assert left == [unready()] and 60 <= passed < 61


def test_what_needs_a_hand_is_given_up_before():
    left, passed, _told = waits(lambda now: [unready("ImagePullBackOff")])
    assert left and rollout.PATIENCE <= passed <= rollout.PATIENCE + rollout.MOST
    _left, passed, _told = waits(lambda now: [unready("ImagePullBackOff" if now % 100 < 90 else "")])
    assert passed >= 600, "as long as it goes on, it is waited for"
    reasons = ("ErrImagePull", "ImagePullBackOff")
    left, passed, _told = waits(lambda now: [unready(reasons[int(now / 20) % 2])])
    assert left and rollout.PATIENCE <= passed <= rollout.PATIENCE + rollout.MOST, "the kubelet says the one and the other in turn"
    mixed = [unready("ImagePullBackOff"), Unready("deployment/agents/events", "0 of 1 pods are available", "", "")]
    assert waits(lambda now: mixed)[1] >= 600


LOST = "could not read /apis of the cluster prod-agent-platform: Connection reset by peer"


def lost():
    raise EngineError(LOST)


def test_a_look_that_fails_is_repeated():
    left, passed, _told = waits(lambda now: lost() if now % 100 > 45 else [unready()] if now < 300 else [])
    assert left == [] and 300 <= passed < 320


@pytest.mark.parametrize(("seconds", "ends"), [(600, 10 + rollout.SILENCE), (30, 30)])
def test_but_not_for_ever(seconds, ends):
    clock = Clock()

    def looks():
        return lost() if clock.now >= 10 else [unready()]

    with pytest.raises(EngineError, match="Connection reset"):
        rollout.wait(looks, seconds, lambda *what: None, clock, clock.sleep)
    assert ends <= clock.now <= ends + 2 * rollout.MOST


PARAMS = {"rollout_timeout_seconds": 60, "verb": "apply"}


class TestInTheTier:
    @staticmethod
    def rolled_out(survey, outcome, monkeypatch, looks=None, **params):
        """``looks``: what each look at the cluster finds; none is allowed where there are none."""
        answers = iter(looks or ())

        def answer(_self):
            return next(answers)

        monkeypatch.setattr(rollout.Rollouts, "look", answer)
        monkeypatch.setattr(rollout.time, "sleep", lambda seconds: None)
        ground = SimpleNamespace(way=lambda: SimpleNamespace(cluster=None), place=SimpleNamespace(deployment="prod-us-east-1"))
        return action._rolled_out({**PARAMS, **params}, RunOptions(), ground, survey, outcome)

    @staticmethod
    def survey(item):
        return Survey("prod-us-east-1", [item], {"deployment/agents/agent": item}, served={"apps/v1": {"Deployment"}})

    def test_without_a_change_nothing_more_is_asked(self, monkeypatch):
        assert self.rolled_out(self.survey(deployment()), Outcome(Plan()), monkeypatch) == []

    def test_after_a_change_it_is_looked_once(self, monkeypatch):
        changed = Outcome(Plan(actions=[Action("update", "deployment/agents/agent")]))
        assert self.rolled_out(self.survey(deployment(availableReplicas=0)), changed, monkeypatch, [[]]) == []

    def test_a_run_that_starts_leaves_it_to_a_later_one(self, monkeypatch):
        changed = Outcome(Plan(actions=[Action("update", "deployment/agents/agent")]))
        assert self.rolled_out(self.survey(deployment()), changed, monkeypatch, [[unready()]], verb="start") == []
        assert changed.awaiting == ["deployment/agents/agent"]

    def test_it_is_switched_off_by_no_time(self, monkeypatch):
        survey = self.survey(deployment(availableReplicas=0))
        assert self.rolled_out(survey, Outcome(Plan()), monkeypatch, rollout_timeout_seconds=0) == []

    @pytest.mark.parametrize("verb", ["start", "apply"])
    def test_a_look_that_fails_leaves_it_to_the_next(self, verb, monkeypatch):
        changed = Outcome(Plan(actions=[Action("update", "deployment/agents/agent")]))
        looks = iter([lost, list])
        monkeypatch.setattr(rollout.Rollouts, "look", lambda _self: next(looks)())
        ground = SimpleNamespace(way=lambda: SimpleNamespace(cluster=None), place=SimpleNamespace(deployment="prod-us-east-1"))
        params = {**PARAMS, "verb": verb}
        assert action._rolled_out(params, RunOptions(), ground, self.survey(deployment()), changed) == []
        assert changed.awaiting == (["deployment/agents/agent"] if verb == "start" else [])

    @pytest.mark.parametrize("required", [True, False])
    def test_what_was_applied_stays_said_where_nothing_can_be_seen_any_more(self, required, monkeypatch):
        clock = Clock()
        monkeypatch.setattr(rollout.Rollouts, "look", lambda _self: lost())
        monkeypatch.setattr(rollout.wait, "__defaults__", (clock, clock.sleep))
        ground = SimpleNamespace(
            missing=Plan(),
            facts={"endpoint": "https://127.0.0.1"},
            place=SimpleNamespace(deployment="prod-us-east-1"),
            way=lambda: SimpleNamespace(cluster=None),
            for_the_run=dict,
        )
        monkeypatch.setattr(action, "learn", lambda params, callers: ground)
        outcome = Outcome(Plan(actions=[Action("update", "deployment/agents/agent")]), applied=["deployment/agents/agent"])
        plugin = action.ActionModule.__new__(action.ActionModule)
        plugin._connection = SimpleNamespace(transport="local")
        plugin._at_the_cluster = lambda *given: (outcome, self.survey(deployment()))
        params = parameters("prod", validate_certs=True, verb="apply", rollout_required=required)
        result = plugin._perform(plugin._tier(), params, RunOptions())
        assert result["changed"] and [item["address"] for item in result["plan"]] == ["deployment/agents/agent"]
        said = result["msg"] if required else result["warnings"][0]
        assert bool(result.get("failed")) is required and LOST in said and "everything is applied" in said
        assert not required or result["applied"] == ["deployment/agents/agent"]
