"""The callback that ends a run with what it did."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible import constants
from ansible_collections.agent_platform.aws.plugins.callback.summary import CallbackModule

from .samples import action, change


class Screen:
    def __init__(self):
        self.said = []
        self.verbosity = 0

    def display(self, text, **how):
        self.said.append((text, how))


class Run:
    """A run as its callback sees it."""

    def __init__(self):
        self.screen = Screen()
        self.callback = CallbackModule(display=self.screen)

    def task(self, name, result, failed=False, host="prod", check_mode=False, verb="apply"):
        task = SimpleNamespace(action=name, resolved_action=f"agent_platform.aws.{name}", check_mode=check_mode)
        if verb:
            result = {"invocation": {"module_args": {"verb": verb}}, **result}
        told = SimpleNamespace(_task=task, _host=SimpleNamespace(get_name=lambda: host), _result=result)
        if failed:
            self.callback.v2_runner_on_failed(told)
        else:
            self.callback.v2_runner_on_ok(told)

    def end(self):
        self.callback.v2_playbook_on_stats(None)
        assert all(how == {} for _text, how in self.screen.said)
        return [text.splitlines() for text, _how in self.screen.said]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", "default", raising=False)
    return Run()


MADE = {"plan": [action("a/b", "create", change("x", None, 1))], "unmanaged": []}
NOTHING = {"plan": [], "unmanaged": [], "kept": []}


def test_what_was_done_by_host(run):
    run.task("kms", MADE)
    run.task("kms", {"plan": [action("a/c", "update", change("x", 1, 2))]}, host="dev")
    assert run.end() == [
        ["dev: 1 updated", "", "kms: 1 updated", "  ~   a/c", "        x: 1 -> 2"],
        ["prod: 1 created", "", "kms: 1 created", "  +   a/b"],
    ]


def test_nothing_where_nothing_changed(run):
    run.task("kms", NOTHING)
    run.task("kms", NOTHING, verb=None)
    assert run.end() == []


def test_start_and_await_are_told_as_one(run):
    run.task("rds", MADE, verb="start")
    run.task("rds", {"plan": [action("a/b", "update", change("x", 1, 2))]}, verb="await")
    assert run.end() == [["prod: 1 created", "", "rds: 1 created", "  +   a/b"]]


def test_check_mode_says_so(run):
    run.task("kms", MADE, check_mode=True)
    assert run.end()[0][0] == "prod (check mode, nothing was changed): 1 to create"
    assert "        x: 1" in run.end()[0]


def test_a_failure_although_the_flag_was_taken_away(run):
    failed = {"msg": "Could not create a/c", "plan": MADE["plan"], "applied": [], "not_applied": ["a/b"]}
    run.task("kms", failed, failed=True)
    assert run.end()[0][2:] == ["kms: no changes", "  !   failed: Could not create a/c", "  !   a/b: not applied"]


def test_what_is_unmanaged_is_told_although_nothing_changed(run):
    run.task("kms", {**NOTHING, "unmanaged": ["a/z"]})
    assert run.end()[0][3] == "  ?   a/z: carries our tags, but is not in the configuration"


@pytest.mark.parametrize("verb", ["plan", "drift", "validate"])
def test_other_verbs_are_left_to_their_report(run, verb):
    run.task("kms", MADE, verb=verb)
    assert run.end() == []


@pytest.mark.parametrize("verb", ["destroy", "adopt"])
def test_what_was_confirmed_is_told_where_its_report_was_not_reached(run, verb):
    run.task("kms", MADE, verb=verb, check_mode=True)
    assert run.end() == []
    run.task("kms", MADE, verb=verb)
    assert run.end() != []


def test_a_report_is_shown_instead(run):
    run.task("kms", MADE, verb="plan")
    run.task("report", {"summary": ["Plan of prod", "more"], "msg": "3 refused"}, failed=True, verb=None)
    assert run.end() == [["Plan of prod", "more"]]


def test_what_no_log_hides_stays_hidden(run):
    run.task("kms", {"censored": "the output has been hidden", "changed": True}, verb=None)
    assert run.end() == []


def test_other_tasks_are_none_of_its_business(run):
    task = SimpleNamespace(action="debug", resolved_action="ansible.builtin.debug")
    run.callback.v2_runner_on_ok(SimpleNamespace(_task=task, _host=None, _result=MADE))
    assert run.end() == []


def test_each_pass_of_a_loop_counts(run):
    other = {"plan": [action("a/c", "create")], "invocation": {"module_args": {"verb": "apply"}}}
    run.task("kms", {"results": [MADE, other, {**NOTHING, "failed": True, "msg": "no"}]})
    assert run.end()[0] == ["prod: 2 created", "", "kms: 2 created", "  +   a/b", "  +   a/c", "  !   failed: no"]


@pytest.mark.parametrize("name", ["ansible.posix.json", "ansible.posix.jsonl", "json"])
def test_output_for_machines_stays_one_document(run, monkeypatch, name):
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", name, raising=False)
    run.task("kms", MADE)
    assert run.end() == []
