# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster's API and a database answer."""

from __future__ import annotations

from ..api import Api
from ..errors import tolerating

SERVICES = ("eks", "rds")


def cluster_endpoint(api: Api, name: str) -> str:
    """Its URL; empty while there is none."""
    with tolerating("ResourceNotFoundException"):
        return api.client("eks").describe_cluster(name=name)["cluster"].get("endpoint") or ""
    return ""


def database_endpoint(api: Api, name: str) -> tuple[str, int] | None:
    """Host and port; None while there are none."""
    with tolerating("DBInstanceNotFound", "DBInstanceNotFoundFault"):
        for instance in api.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]:
            endpoint = instance.get("Endpoint") or {}
            if endpoint.get("Address"):
                return endpoint["Address"], endpoint["Port"]
    return None
