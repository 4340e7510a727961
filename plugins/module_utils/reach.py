# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what the last tiers work with, the cluster's API and the database, can be reached from this machine.

What stands is tried: a connection that is closed again. Of what does not stand yet only the configuration can be read: that it will
be private, and so is reached by nobody outside the network.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .aws.reading import ways_in
from .reconcile.errors import InvalidInput
from .tool_module import Session, Tool

CONNECTED_WITHIN = 3.0  # seconds
SPEC: dict[str, dict[str, Any]] = {
    "cluster_name": {"type": "str", "default": ""},
    "cluster_lets_in": {"type": "list", "elements": "str", "default": []},
    "cluster_tunnel_address": {"type": "str", "default": ""},
    "cluster_tunnel_port": {"type": "int", "default": 0},
    "database": {"type": "str", "default": ""},
    "database_tunnel_address": {"type": "str", "default": ""},
    "database_tunnel_port": {"type": "int", "default": 0},
}
# What makes the way to each. A run of these tiers alone does not come here.
MAKERS = {"cluster": "eks", "database": "rds"}
WITHOUT = "go without: kubernetes_run_in: none, schema_run_in: none, --skip-tags kubernetes,schema"


def check(params: Mapping[str, Any]) -> None:
    for target, role in (("cluster", "kubernetes"), ("database", "schema")):
        address, port = params[f"{target}_tunnel_address"], params[f"{target}_tunnel_port"]
        if bool(address) != bool(port):
            raise InvalidInput(
                f"{role}_tunnel_address: {address!r} with {role}_tunnel_port {port} is half a tunnel: set both, or neither"
            )


def work(session: Session) -> dict[str, Any]:
    """Fails where something stands and is out of reach, unless this run may let somebody in, or only looks and so shows what the
    other tiers would do; warns of that, and of what will be private."""
    params, api = session.params, session.api
    cluster, database = params["cluster_name"], params["database"]
    endpoint, server = api.together(
        lambda: ways_in.cluster_endpoint(api, cluster) if cluster else "",
        lambda: ways_in.database_endpoint(api, database) if database else None,
    )
    reached, cut_off, silent, to_come = [], [], [], []
    if cluster:
        name = f"the API of the cluster {cluster}"
        url = urlsplit(endpoint)
        way = _way(params, "cluster", (str(url.hostname), url.port or 443) if endpoint else None)
        if way is None:
            to_come += [] if params["cluster_lets_in"] else [name]
        elif why := problem(way):
            (silent if params["cluster_lets_in"] else cut_off).append(f"{name} ({way[0]}:{way[1]}: {why})")
        else:
            reached.append(name)
    if database:
        name = f"the database {database}"
        way = _way(params, "database", server)
        if way is None:
            to_come.append(name)
        elif why := problem(way):
            cut_off.append(f"{name} ({way[0]}:{way[1]}: {why})")
        else:
            reached.append(name)
    result = {"changed": False, "reached": reached, "msg": _listed(reached) + " can be reached" if reached else "nothing to reach"}
    warnings = []
    if to_come:
        warnings.append(
            f"{_listed(to_come)} will be private, and what works in {_them(to_come)} will end this run at its last tiers unless "
            f"this machine is let into the network by then: {_ways(to_come)}"
        )
    if silent:
        warnings.append(
            f"{_listed(silent)} does not answer this machine, although eks_public_access_cidrs lets in "
            f"{', '.join(params['cluster_lets_in'])}, and what works in it will end this run at its last tiers unless the eks tier "
            f"opens it to this machine before: {_ways(silent)}"
        )
    message = ""
    if cut_off:
        makers = ",".join(maker for target, maker in MAKERS.items() if any(_is(target, name) for name in cut_off))
        message = (
            f"{_listed(cut_off)} cannot be reached from this machine, as is meant where they are private: where the way there is "
            f"broken, let the tiers that make it mend it first (--tags vpc,{makers}), else {_ways(cut_off)}"
        )
    if message and session.looks:
        warnings.append(message)
    if warnings:
        result["warnings"] = warnings
    return {**result, "failed": True, "msg": message} if message and not session.looks else result


def problem(way: tuple[str, int]) -> str:
    """Why no connection comes about; empty where one does."""
    try:
        socket.create_connection(way, CONNECTED_WITHIN).close()
    except OSError as error:
        return f"no answer within {CONNECTED_WITHIN:.0f} s" if isinstance(error, TimeoutError) else (error.strerror or str(error))
    return ""


def _way(params: Mapping[str, Any], target: str, endpoint: tuple[str, int] | None) -> tuple[str, int] | None:
    """Where to connect to; None where nothing stands. Without the thing itself its tunnel leads nowhere."""
    if endpoint is None or not params[f"{target}_tunnel_address"]:
        return endpoint
    return params[f"{target}_tunnel_address"], params[f"{target}_tunnel_port"]


def _listed(names: list[str]) -> str:
    return " and ".join(names)


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _is(target: str, name: str) -> bool:
    return name.startswith("the API" if target == "cluster" else "the database")


def _ways(names: list[str]) -> str:
    of_cluster, of_database = (any(_is(target, name) for name in names) for target in ("cluster", "database"))
    tunnels = [f"{role}_tunnel_address" for role, wanted in (("kubernetes", of_cluster), ("schema", of_database)) if wanted]
    ways = [
        "run it on an execution node in the VPC",
        f"through an SSM tunnel ({', '.join(tunnels)})",
        *["with this machine's address in eks_public_access_cidrs"] * of_cluster,
        *["with the database set up by a Job in the cluster (schema_run_in: cluster)"] * of_database,
    ]
    return f"{', '.join(ways)}, or {WITHOUT}"


TOOL = Tool("reach", SPEC, lambda params: ways_in.SERVICES, check, work)
