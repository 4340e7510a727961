# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that outlive their table, and the keys without which nobody can read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..aws.errors import tolerating
from ..reconcile.resource import Context, Left, Observed

LAST_BACKUP = "$DeletedTableBackup"


def last_of(observed: Observed) -> Left | None:
    """DynamoDB makes a last backup of a table that has point-in-time recovery, and keeps it for 35 days without a charge."""
    if not observed.fields.get("recovery_days"):
        return None
    needs = tuple(filter(None, [observed.fields.get("kms_key")]))
    return Left(f"backup {observed.id}{LAST_BACKUP}", needs, "which DynamoDB keeps for 35 days")


def standing(context: Context, tables: Iterable[str]) -> Iterator[Left]:
    """Backups of tables of these names, made by DynamoDB or by a person; they carry no tags of ours."""
    client = context.api.client("dynamodb")
    for backup in (item for found in context.api.map(lambda name: _backups(context, name), tables) for item in found):
        with tolerating("BackupNotFoundException"):
            details = client.describe_backup(BackupArn=backup["BackupArn"])["BackupDescription"]
            key = ((details.get("SourceTableFeatureDetails") or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
            yield Left(f"backup {backup['BackupName']}", tuple(filter(None, [key])))


def _backups(context: Context, table: str) -> list[dict[str, Any]]:
    """Those that still stand."""
    found = context.api.pages("dynamodb", "list_backups", "BackupSummaries", TableName=table, BackupType="ALL")
    return [backup for backup in found if backup.get("BackupStatus") != "DELETED"]
