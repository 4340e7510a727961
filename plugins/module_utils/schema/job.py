# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Job that sets up the database's inside is given: the role's variables, the migrations, and RDS's certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..kubernetes import jobs
from .migrations import Migration

KIND = "schema"
MOUNT = jobs.mount(KIND)
BUNDLE = "rds-ca.pem"
PLAY = {"name": "Set up the inside of the database", "roles": [{"role": "agent_platform.aws.schema"}]}


def manifests(
    settings: Mapping[str, Any],
    variables: Mapping[str, Any],
    migrations: Sequence[Migration],
    bundle: str,
    ground: Mapping[str, str],
    deployment: str,
    version: str,
) -> list[dict[str, Any]]:
    """[ConfigMap, Job]. ``variables``: the roles', which hold no secret. ``bundle``: text of the certificates. ``ground`` and
    ``version``: as ``jobs.manifests`` takes them."""
    given = {
        **variables,
        "schema_run_in": "direct",
        "schema_migrations_path": MOUNT,
        "schema_ca_bundle": f"{MOUNT}/{BUNDLE}",
    }
    files = {BUNDLE: bundle, **{f"{migration.name}.sql": migration.sql for migration in migrations}}
    return jobs.manifests(KIND, settings, PLAY, given, files, ground, deployment, version)
