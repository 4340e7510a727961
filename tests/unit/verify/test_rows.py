"""A check becomes a row, whatever happens in it; rows become a table; every arrow is in the page that lists them."""

from __future__ import annotations

import re

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import tool, words
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.model import (
    CONFIGURATION,
    EXERCISED,
    Check,
    NotExercised,
    Row,
)
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.world import Missing
from botocore.exceptions import ClientError
from support.tiers import ROOT


def raising(error):
    def prove():
        raise error

    return prove


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed: kms:GetKeyPolicy"}}, "GetKeyPolicy")


@pytest.mark.parametrize(
    ("prove", "state", "how", "cause"),
    [
        (lambda: None, "ok", CONFIGURATION, ""),
        (lambda: "rule 100 denies it", "failed", CONFIGURATION, "rule 100 denies it"),
        (raising(NotExercised("nobody is there")), "not exercised", "not exercised: nobody is there", ""),
        (
            raising(Missing("there is no queue x: apply the messaging tier")),
            "failed",
            CONFIGURATION,
            "there is no queue x: apply the",
        ),
        (
            raising(DENIED),
            "failed",
            CONFIGURATION,
            "Could not look at a flow: AccessDenied: not allowed: kms:GetKeyPolicy. Way out:",
        ),
    ],
)
def test_a_row(prove, state, how, cause):
    row = tool.row(Check("4a", "a flow", prove), writes=False)
    assert (row.arrow, row.flow, row.state, row.how) == ("4a", "a flow", state, how)
    assert row.cause.startswith(cause) and bool(row.cause) == bool(cause)


def test_a_fault_of_ours_is_none_of_the_deployment():
    with pytest.raises(ZeroDivisionError):
        tool.row(Check("1", "a flow", lambda: 1 / 0), writes=True)


def test_what_writes_waits_for_full_mode():
    check = Check("4c", "a flow", lambda: "written", EXERCISED, writes=True)
    assert tool.row(check, writes=False).how == "not exercised: verify_mode is observe, or this is check mode"
    assert tool.row(check, writes=True).cause == "written"


def test_the_table():
    rows = [
        Row("1", "short", "ok", CONFIGURATION, 0.5),
        Row("async", "a longer one", "failed", EXERCISED, 12.25, "look at it"),
        Row("3", "x", "not exercised", "not exercised: why", 0.0),
    ]
    assert words.lines("prod-us-east-1", "full", rows) == [
        "Flows of prod-us-east-1 (full): 1 ok, 1 failed, 1 not exercised",
        "",
        "  [1]     short         ok       0.50 s  from configuration",
        "  [async] a longer one  FAILED  12.25 s  exercised",
        "          look at it",
        "  [3]     x             -        0.00 s  not exercised: why",
    ]


def test_every_arrow_is_in_the_page():
    table = re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", (ROOT / "docs/verify.md").read_text(), re.MULTILINE)
    listed = {arrow.strip() for cell in table for arrow in cell.split(",")} - {"Arrow", "---"}
    assert listed == set(tool.ARROWS)
