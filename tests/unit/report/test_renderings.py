"""The summary in a terminal and in a pull request."""

from __future__ import annotations

import re

from ansible_collections.agent_platform.aws.plugins.module_utils.report import markdown as markdown_module
from ansible_collections.agent_platform.aws.plugins.module_utils.report.markdown import escaped, markdown
from ansible_collections.agent_platform.aws.plugins.module_utils.report.summary import summarise
from ansible_collections.agent_platform.aws.plugins.module_utils.report.text import lines
from ansible_collections.agent_platform.aws.plugins.module_utils.report.values import short, short_pair, text_of

from .samples import OTHER_POLICY, POLICY, action, change, document, results

OURS = {"agent-platform:deployment": "prod-us-east-1", "agent-platform:address": "a/b"}


def shown(made, **how):
    return lines(summarise(made.items()), "Plan", **how)


class TestText:
    def test_all_there_is_to_tell(self):
        told = shown(results())
        assert told[0] == "Plan: 1 to create, 2 to update, 1 to replace, 1 to delete, 1 refused"
        assert told[1:4] == ["", "kms: 1 to create, 1 to update", "  ~   kms_key/rds"]
        assert "        rotation: 365 -> 180" in told
        assert told[told.index("  +   kms_key/storage") + 1 :][:2] == [
            "        alias: alias/prod/storage",
            "        arn: (known after apply)",
        ]
        assert "  ?   kms_key/old: carries our tags, but is not in the configuration" in told
        assert "        value: (sensitive) -> (sensitive)" in told
        assert "  !   secret/b: refused: it holds | data `and` <more>" in told
        assert "  =   secret/c: kept: it holds data" in told
        assert "  -/+ subnet/a  (AWS cannot change cidr in place)" in told
        assert "  -   subnet/b  (leaves snapshot b-1)" in told

    def test_every_line_is_short(self):
        assert max(map(len, shown(results()))) < 260

    def test_where_there_is_nothing_nothing_is_told(self):
        quiet = {"kms": {"plan": [], "unmanaged": [], "kept": []}}
        assert not summarise(quiet.items())
        assert shown(quiet) == ["Plan: nothing to do"]

    def test_what_was_made_is_an_address(self):
        told = shown(results(), done=True)
        assert told[told.index("  +   kms_key/storage") + 1].startswith("  ?")
        assert told[0].startswith("Plan: 1 created, 2 updated, 1 replaced, 1 deleted")

    def test_ownership_tags_are_told_only_where_they_change(self):
        new = {"t": {"plan": [action("a/b", "create", change("tags", None, {**OURS, "team": "x"}))]}}
        assert shown(new)[-1] == '        tags: {"team": "x"}'
        only_ours = {"t": {"plan": [action("a/b", "create", change("tags", None, OURS))]}}
        assert shown(only_ours)[-1] == "  +   a/b"
        other = {"t": {"plan": [action("a/b", "update", change("tags", {"agent-platform:deployment": "x", "k": "v"}, OURS))]}}
        assert '"agent-platform:deployment": "x"' in shown(other)[-1]
        same = {"t": {"plan": [action("a/b", "update", change("tags", {**OURS, "team": "x"}, {**OURS, "team": "y"}))]}}
        assert shown(same)[-1] == '        tags: {"team": "x"} -> {"team": "y"}'


class TestRuns:
    def test_start_and_await_are_one_tier(self):
        start = {"plan": [action("db/a", "create", change("size", None, 1)), action("db/b", "update", change("x", 1, 2))]}
        end = {"plan": [action("db/a", "update", change("size", 1, 2), change("logs", None, "on")), action("db/c", "create")]}
        (tier,) = summarise([("rds", start), ("rds", end)]).tiers
        assert tier.actions == [
            action("db/a", "create", change("size", None, 2), change("logs", None, "on")),
            action("db/b", "update", change("x", 1, 2)),
            action("db/c", "create"),
        ]

    def test_what_was_only_begun_is_told_until_it_was_awaited(self):
        start = {"plan": [action("db/a", "create")], "awaiting": ["db/a"]}
        assert shown({"rds": start}, done=True)[-1] == "  ... db/a: begun, and not ready yet; the next run goes on from there"
        assert not any("begun" in line for line in lines(summarise([("rds", start), ("rds", {"plan": []})]), "Plan", done=True))

    def test_a_failure_tells_what_was_applied_and_what_not(self):
        failed = {
            "failed": True,
            "msg": "Could not create b/c: no",
            "plan": [action("a/b", "create"), action("b/c", "create"), action("c/d", "create")],
            "applied": ["a/b"],
            "not_applied": ["b/c", "c/d"],
        }
        assert shown({"t": failed}, done=True) == [
            "Plan: 1 created",
            "",
            "t: 1 created",
            "  +   a/b",
            "  !   failed: Could not create b/c: no",
            "  !   b/c: not applied",
            "  !   c/d: not applied",
        ]

    def test_a_refusal_is_told_once(self):
        refused = {"failed": True, "msg": "Refused: a/b: no", "refusals": [{"address": "a/b", "reason": "no"}]}
        assert shown({"t": refused}, done=True)[3:] == ["  !   a/b: refused: no"]


class TestValues:
    def test_words_stand_as_they_are_and_all_else_as_json(self):
        assert [text_of(v) for v in ("a b", "", " a", None, True, 5, ["x"], {"a": 1})] == [
            *("a b", '""', '" a"', "(none)", "true", "5", '["x"]', '{"a": 1}')
        ]

    def test_no_control_character_reaches_a_terminal(self):
        assert text_of("a\x1b[31m\nb\x9bc") == "a\\u001b[31m\\nb\\u009bc"

    def test_long_ones_are_cut(self):
        assert short("x" * 300, 10) == "x" * 10 + "... (300 characters)"

    def test_what_differs_stays_in_sight(self):
        old, new = short_pair(POLICY, OTHER_POLICY)
        assert old != new
        assert "Allow" in old
        assert "Deny" in new
        assert max(len(old), len(new)) < 150


class TestMarkdown:
    def page(self, made):
        return markdown(summarise(made.items()), document(made))

    def test_all_there_is_to_tell(self):
        page = self.page(results())
        assert "| kms | 1 | 1 |  |  |" in page
        assert "| **all** | 1 | 2 | 1 | 1 |" in page
        assert "| update | kms_key/rds | rotation: `365` → `180`<br>policy: see below |" in page
        assert "arn: `(known after apply)`" in page
        assert "value: `(sensitive)` → `(sensitive)`" in page
        assert "<details><summary>policy of kms_key/rds</summary>" in page
        assert '"Effect": "Deny"' in page
        assert "| secrets | secret/b | it holds &#124; data &#96;and&#96; &#60;more&#62; |" in page
        assert "AWS cannot change cidr in place<br>cidr" in page
        assert "leaves snapshot b-1" in page
        assert "- kms_key/old" in page
        assert f"Digest `{document(results())['digest']}`" in page

    def test_nothing_to_do(self):
        assert "Nothing to do." in self.page({})

    def test_every_row_of_a_table_has_its_cells(self):
        made = {"t": {"plan": [action("a|b/`c`", "update", change("f|", "a|b", "`x`"), change("g", "<b>", "*y*"))]}}
        page = self.page(made)
        (row,) = [line for line in page.splitlines() if line.startswith("| update")]
        assert row.count("|") == 4
        assert "a&#124;b/&#96;c&#96;" in row
        assert "`<b>` → `*y*`" in row

    def test_a_value_cannot_end_its_block(self):
        made = {"t": {"plan": [action("a/b", "update", change("f", "x", "```\n</details>\n````"))]}}
        page = self.page(made)
        fence = re.findall(r"^(`+)json$", page, re.MULTILINE)
        assert set(fence) == {"`````"}
        assert page.count("`````") == 4

    def test_text_is_escaped(self):
        assert escaped("a_b *c* _d_ [e](f) <g> h|i #1 @you\nj") == (
            "a_b &#42;c&#42; &#95;d&#95; &#91;e&#93;(f) &#60;g&#62; h&#124;i &#35;1 &#64;you j"
        )

    def test_a_page_fits_a_pull_request(self):
        big = {"t": {"plan": [action(f"a/{n}", "create", change("f", None, POLICY), change("g", None, n)) for n in range(300)]}}
        page = self.page(big)
        assert len(page) <= markdown_module.LONGEST
        assert "| create | a/299 | f<br>g: `299` |" in page
        assert "they are in the JSON file" in page
        huge = {"t": {"plan": [action(f"a/{n}", "update", change("f", OTHER_POLICY, POLICY)) for n in range(1000)]}}
        assert "| update | a/999 |  |" in self.page(huge)
        endless = {"t": {"plan": [action(f"a/{n}", "update", change("f", 1, 2)) for n in range(9000)]}}
        page = self.page(endless)
        assert len(page) <= markdown_module.LONGEST
        assert page.endswith("The rest is in the JSON file.\n")
