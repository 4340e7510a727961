"""``docs/facts.md``: what it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {"1", "2", "3", "6", "8"}
CODE = re.compile(r"`([^`]+)`")


def rows() -> list[tuple[str, str, str, str]]:
    """(section, fact, variable, test) of every row."""
    found, section = [], ""
    for line in (ROOT / "docs/facts.md").read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ").split(".")[0]
        elif line.startswith("| ") and line != "| Fact | Variable | Test |":
            fact, variable, test = (cell.strip() for cell in line.strip("|").split("|"))
            found.append((section, fact, variable, test))
    return found


def variables() -> set[str]:
    return {name for path in ROOT.glob("roles/*/defaults/main.yml") for name in yaml.safe_load(path.read_text())}


def proofs() -> set[str]:
    """``path::name`` of the tests of facts."""
    return {
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in ROOT.glob("tests/integration/test_*_facts.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_section_has_its_facts_and_none_stands_twice():
    facts = [row[:2] for row in rows()]
    assert {section for section, _fact in facts} == SECTIONS
    assert [fact for fact in facts if facts.count(fact) > 1] == []


def test_a_row_names_variables_of_roles_or_says_that_there_is_none():
    known = variables()
    for _section, fact, variable, _test in rows():
        named = CODE.findall(variable)
        assert named or variable.startswith("— "), fact
        assert set(named) <= known, fact


def test_a_row_names_a_test():
    known = proofs()
    for _section, fact, _variable, test in rows():
        named = CODE.findall(test)
        assert named, fact
        assert set(named) <= known, fact


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/integration/test_*_facts.py")), ids=lambda path: path.stem)
def test_every_file_of_facts_is_in_the_table(path):
    assert any(f"{path.name}::" in test for *_, test in rows())
