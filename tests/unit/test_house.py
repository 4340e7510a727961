"""The rules of the house that a reader relies on: who imports whom, where check mode is read, what is complete."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.agent_platform.aws.plugins.action import tier
from ansible_collections.agent_platform.aws.plugins.module_utils.kinds import KINDS
from support import site, tiers

ROOT = tiers.ROOT
UTILS = ROOT / "plugins/module_utils"
PYTHON = sorted((ROOT / "plugins").rglob("*.py"))
# Of the product's own words; the emulator's name stands in two pieces so that this file passes its own search.
EMULATORS = re.compile("mo" + "to|mini" + "stack|local" + "stack|local_" + "aws", re.IGNORECASE)


# Of the site's verbs.
ALL_TIERS = "tasks/tiers.yml"
OF_ALL_TIERS = dict.fromkeys(("validate", "plan", "drift", "adopt"), ALL_TIERS) | {"tasks/approve": "tiers.yml"}


def imports(path: Path) -> set[str]:
    """The modules that ``path`` imports, relative ones as ``..aws.tags``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found


def test_the_engine_knows_no_aws():
    for path in (UTILS / "reconcile").glob("*.py"):
        foreign = {
            name for name in imports(path) if name.startswith("..") or name.split(".")[0] in ("boto3", "botocore", "ansible")
        }
        assert not foreign, path.name


def test_only_the_aws_layer_imports_the_sdk():
    allowed = UTILS / "aws"
    users = {path for path in PYTHON if {name.split(".")[0] for name in imports(path)} & {"boto3", "botocore"}}
    assert {path for path in users if allowed not in path.parents} == set()


def test_check_mode_decides_in_one_place():
    branches = [
        (path.name, node.lineno)
        for path in UTILS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.If, ast.IfExp, ast.While)) and "check_mode" in ast.dump(node.test)
    ]
    assert [name for name, _line in branches] == ["reconciler.py"]


@pytest.mark.parametrize("folder", ["plugins", "roles", "playbooks", "inventories"])
def test_the_product_does_not_know_of_emulators(folder):
    texts = [
        path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix in (".py", ".yml", ".yaml", ".j2", ".md")
    ]
    assert texts
    assert [str(path.relative_to(ROOT)) for path in texts if EMULATORS.search(path.read_text())] == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_files_hold_one_thing(path):
    assert len(path.read_text().splitlines()) <= 420


@pytest.mark.parametrize("name", tiers.tier_names())
class TestCompleteness:
    def test_has_a_contract_case(self, name):
        assert (ROOT / f"tests/contract/cases/{name}.py").exists()

    def test_has_an_integration_test(self, name):
        assert (ROOT / f"tests/integration/test_{name}_facts.py").exists()

    def test_has_a_molecule_scenario(self, name):
        for file in ("molecule.yml", "verify.yml"):
            assert (ROOT / f"extensions/molecule/{name}/{file}").exists()

    def test_verify_does_not_use_our_own_code(self, name):
        assert "agent_platform.aws" not in (ROOT / f"extensions/molecule/{name}/verify.yml").read_text()

    def test_has_a_role_a_playbook_and_a_place_in_the_site(self, name):
        assert (ROOT / f"roles/{name}/README.md").exists()
        assert (ROOT / f"playbooks/{name}.yml").exists()
        plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
        assert f"{name}.yml" in [play["ansible.builtin.import_playbook"] for play in plays]
        assert (name, [name]) in site.roles_in(f"playbooks/{ALL_TIERS}")

    def test_is_in_the_action_group_and_routed_to_the_engine(self, name):
        runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
        assert name in runtime["action_groups"]["aws"]
        plugin = runtime["plugin_routing"]["modules"][name]["action_plugin"].removeprefix("agent_platform.aws.")
        assert issubclass(importlib.import_module(f"{tiers.ACTIONS}{plugin}").ActionModule, tier.ActionModule)

    def test_examples_pass_the_argument_spec(self, name):
        module = importlib.import_module(tiers.MODULES + name)
        tasks = yaml.safe_load(module.EXAMPLES)
        assert tasks
        for task in tasks:
            arguments = task[f"agent_platform.aws.{name}"]
            spec = {**tiers.load(name).argument_spec(), "region": {"type": "str"}}
            checked = ArgumentSpecValidator(spec).validate(arguments)
            assert not checked.error_messages, checked.error_messages
            tiers.load(name).check(checked.validated_parameters, arguments.get("region", "us-east-1"))

    def test_the_role_passes_every_argument_of_the_module(self, name):
        (task,) = yaml.safe_load((ROOT / f"roles/{name}/tasks/main.yml").read_text())
        assert task["environment"] == "{{ platform_aws_environment }}"
        assert set(task[f"agent_platform.aws.{name}"]) == (
            set(tiers.load(name).argument_spec()) - {"planned", "approved", "approved_for"}
        ) | {"region"}


@pytest.mark.parametrize("name", tiers.tool_names())
class TestTools:
    def test_has_a_role_a_playbook_an_action_and_a_page(self, name):
        for path in (f"roles/{name}/README.md", f"playbooks/{name}.yml", f"plugins/action/{name}.py", f"docs/{name}.md"):
            assert (ROOT / path).exists()

    def test_the_role_passes_every_argument_of_the_module(self, name):
        (task,) = yaml.safe_load((ROOT / f"roles/{name}/tasks/main.yml").read_text())
        assert task["environment"] == "{{ platform_aws_environment }}"
        assert set(task[f"agent_platform.aws.{name}"]) == set(tiers.tool(name).argument_spec()) | {"region"}

    def test_examples_pass_the_argument_spec(self, name):
        module = importlib.import_module(tiers.MODULES + name)
        spec = {**tiers.tool(name).argument_spec(), "region": {"type": "str"}}
        for task in yaml.safe_load(module.EXAMPLES):
            arguments = {
                key: [] if str(value).startswith("{{") else value for key, value in task[f"agent_platform.aws.{name}"].items()
            }
            arguments = {key: {} if spec[key].get("type") == "dict" else value for key, value in arguments.items()}
            checked = ArgumentSpecValidator(spec).validate(arguments)
            assert not checked.error_messages, checked.error_messages
            tiers.tool(name).check(checked.validated_parameters)


def test_defaults_of_the_group_reach_the_question_who_calls():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert set(runtime["action_groups"]["aws"]) == {*KINDS, *tiers.tool_names(), "identity", "reach"}
    assert set(runtime["plugin_routing"]["modules"]) == set(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_tier_is_routed_to_an_action_of_the_engine(name):
    plugin = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["plugin_routing"]["modules"][name]["action_plugin"]
    action = importlib.import_module(tiers.ACTIONS + plugin.removeprefix("agent_platform.aws.")).ActionModule
    assert issubclass(action, tier.ActionModule)


def test_all_tiers_are_listed_in_the_order_of_the_site_and_for_a_destroy_in_the_other():
    order = site.tiers_in_order()
    assert [name for name, _tags in site.roles_in(f"playbooks/{ALL_TIERS}")] == order
    # What is in the cluster goes with it.
    last_first = [name for name in reversed(order) if name != site.IN_THE_CLUSTER]
    assert [name for name, _tags in site.roles_in("playbooks/tasks/tiers_last_first.yml")] == last_first


@pytest.mark.parametrize("playbook", OF_ALL_TIERS)
def test_a_playbook_of_all_tiers_takes_them_from_the_list(playbook):
    assert f"ansible.builtin.import_tasks: {OF_ALL_TIERS[playbook]}\n" in (ROOT / f"playbooks/{playbook}.yml").read_text()


def test_a_run_with_a_plan_goes_on_only_when_it_is_still_the_same():
    (play,) = yaml.safe_load((ROOT / "playbooks/approve.yml").read_text())
    (task,) = play["tasks"]
    assert play["any_errors_fatal"] is True and task["ansible.builtin.include_tasks"] == "tasks/approve.yml"
    assert yaml.safe_load((ROOT / "playbooks/tasks/approve.yml").read_text())[-1]["agent_platform.aws.report"]["what"] == "approve"


def test_what_other_tiers_look_up_says_so():
    """Else a run would look it up again and again."""
    looked_up = {kind.name: kind for name in tiers.tier_names() for kind in tiers.load(name).looks_up}
    own = {kind.name for name in tiers.tier_names() for kind in tiers.load(name).kinds}
    assert {name for name, kind in looked_up.items() if kind.referred} == set(looked_up) & own


@pytest.mark.parametrize("role", sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/defaults/main.yml")))
def test_defaults_and_argument_specs_have_the_same_keys(role):
    defaults = yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text())
    checked_by = "preflight" if role == "platform" else role
    specs = yaml.safe_load((ROOT / f"roles/{checked_by}/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert set(defaults) == set(specs)
    assert all(name.startswith(f"{role}_") for name in defaults)
    assert all("default" not in option for option in specs.values())


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_inventory_holds_only_what_differs(environment):
    shared = {}
    for defaults in (ROOT / "roles").glob("*/defaults/main.yml"):
        shared.update(yaml.safe_load(defaults.read_text()))
    for path in (ROOT / f"inventories/{environment}/group_vars").rglob("*.yml"):
        for name, value in (yaml.safe_load(path.read_text()) or {}).items():
            assert name in shared, f"{path.name}: no role has a variable {name}"
            assert value != shared[name], f"{path.name}: {name} is the role's default"


def test_no_group_vars_that_shadow_each_other():
    assert not list((ROOT / "playbooks").rglob("group_vars"))
    assert not list((ROOT / "inventories").glob("*/group_vars/all*"))
