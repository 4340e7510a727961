# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove a deployment flow by flow, by what is read back and, in full mode, by sending something through."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..aws.errors import explain
from ..kubernetes import jobs
from ..reconcile.errors import EngineError, InvalidInput
from ..tool_module import Session, Tool
from . import connections, data_probes, endpoints, event_probes, events, secrets, smoke, stores, way_in, words
from .model import FAILED, OK, SKIPPED, Check, NotExercised, Row
from .world import SERVICES, World

OBSERVE, FULL, SMOKE = "observe", "full", "smoke"
# Where the connections to database and cache are made from.
DIRECT, CLUSTER = "direct", "cluster"
PARTS = (way_in, secrets, stores, connections, data_probes, endpoints, events, event_probes)
ARROWS = ("1", "2", "3", "4a", "4b", "4c", "4d", "4e", "4f", "async")

SPEC: dict[str, dict[str, Any]] = {
    "mode": {"type": "str", "choices": [OBSERVE, FULL, SMOKE], "default": OBSERVE},
    "arrows": {"type": "list", "elements": "str", "default": []},
    "run_in": {"type": "str", "choices": [DIRECT, CLUSTER], "default": DIRECT},
    "connections_only": {"type": "bool", "default": False},
    **jobs.TUNNEL,
    "job": {"type": "dict", "default": {}, "options": jobs.spec("verify")},
    "workloads": {"type": "list", "elements": "dict", "required": True},
    "topics": {"type": "list", "elements": "dict", "required": True},
    "max_receive_count": {"type": "int", "default": 5},
    "tables": {"type": "list", "elements": "dict", "required": True},
    "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "secret_readers": {"type": "list", "elements": "str", "default": ["ext-secrets"], "no_log": False},
    "buckets": {"type": "list", "elements": "str", "required": True},
    "bucket_prefix": {"type": "str", "required": True},
    "refuse_other_keys": {"type": "bool", "default": True, "no_log": False},
    "database": {"type": "str", "required": True},
    "database_secret": {"type": "str", "default": "rds/agent-app", "no_log": False},
    "database_ca": {"type": "path"},
    "cache_ca": {"type": "path"},
    "cache_auth": {"type": "bool", "default": True, "no_log": False},
    "cluster_name": {"type": "str", "required": True},
    "key_for": {"type": "dict", "required": True, "no_log": False},
    "gateway_endpoints": {"type": "list", "elements": "str", "required": True},
    "interface_endpoints": {"type": "list", "elements": "str", "required": True},
    "nat": {"type": "bool", "default": True},
    "pods": {"type": "bool", "default": True},
    "domain": {"type": "str"},
    "origin_subdomain": {"type": "str", "default": "origin"},
    "origin_header": {"type": "str", "default": "X-Origin-Verify"},
    "tls_policy": {"type": "str", "default": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "from_cloudfront": {"type": "bool", "default": True},
    "alb_cidrs": {"type": "list", "elements": "str", "default": []},
    "rate_limit": {"type": "int", "required": True},
    "rule_groups": {"type": "list", "elements": "str", "required": True},
}


def check(params: Mapping[str, Any]) -> None:
    for arrow in params["arrows"]:
        if arrow not in ARROWS:
            raise InvalidInput(f"verify_arrows: {arrow!r} is none of {', '.join(ARROWS)}")
    if in_a_job(params):
        jobs.check("verify", params["job"])


def in_a_job(params: Mapping[str, Any]) -> list[connections.Connecting]:
    """The connections that a Job in the cluster makes."""
    if params["run_in"] != CLUSTER or params["mode"] == SMOKE:
        return []
    return [check for check in connections.CHECKS if not params["arrows"] or check.arrow in params["arrows"]]


def checks(world: World) -> list[Check]:
    """What is to be proved from here: the connections not where a Job does that, and nothing but them where it is that Job."""
    params = world.params
    found = [
        check for part in parts(params) for check in part.checks(world) if not params["arrows"] or check.arrow in params["arrows"]
    ]
    return sorted(found, key=lambda check: ARROWS.index(check.arrow))


def parts(params: Mapping[str, Any]) -> list[Any]:
    if params["mode"] == SMOKE:
        return [smoke]
    if params["connections_only"]:
        return [connections]
    return [part for part in PARTS if part is not connections or params["run_in"] == DIRECT]


def work(session: Session) -> dict[str, Any]:
    world = World(session.api, session.place, {**session.params, "domain": session.params.get("domain") or ""})
    writes = session.params["mode"] == FULL and not session.looks
    began, rows = time.monotonic(), []
    for number, one in enumerate(planned := checks(world), 1):
        session.tell("verify", f"{number} of {len(planned)} flows", time.monotonic() - began)
        rows.append(row(one, writes))
    return result(session.place.as_dict(), session.params["mode"], rows)


def row(check: Check, writes: bool) -> Row:
    if check.writes and not writes:
        why = f"{SKIPPED}: verify_mode is {OBSERVE}, or this is check mode"
        return Row(check.arrow, check.flow, SKIPPED, why, 0.0)
    began = time.monotonic()
    state, how, cause = OK, check.how, ""
    try:
        cause = check.prove() or ""
    except NotExercised as why:
        state, how = SKIPPED, f"{SKIPPED}: {why}"
    except EngineError as error:
        cause = str(error)
    except Exception as error:
        sentence = explain(error, f"look at {check.flow}")
        if sentence is None:
            raise
        cause = sentence
    if cause:
        state = FAILED
    return Row(check.arrow, check.flow, state, how, round(time.monotonic() - began, 3), cause)


def result(place: Mapping[str, str], mode: str, rows: Sequence[Row]) -> dict[str, Any]:
    """``place``: as Place tells it."""
    rows = sorted(rows, key=lambda row: ARROWS.index(row.arrow))
    failed = [row for row in rows if row.state == FAILED]
    found: dict[str, Any] = {
        "changed": False,
        **place,
        "mode": mode,
        "counts": {state: sum(row.state == state for row in rows) for state in (OK, FAILED, SKIPPED)},
        "flows": [row.as_dict() for row in rows],
        "summary": words.lines(place["deployment"], mode, rows),
    }
    if failed:
        first = failed[0]
        more = f", and {len(failed) - 1} more" if failed[1:] else ""
        found.update(failed=True, msg=f"[{first.arrow}] {first.flow}: {first.cause}{more}")
    return found


TOOL = Tool("verify", SPEC, lambda params: SERVICES, check, work)
