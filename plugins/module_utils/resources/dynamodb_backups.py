# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that outlive their table, and the keys without which nobody can read them."""

from __future__ import annotations

from collections.abc import Iterator

from ..aws.errors import tolerating
from ..reconcile.resource import Context, Left, Observed

LAST_BACKUP = "$DeletedTableBackup"


def last_of(observed: Observed) -> Left | None:
    """DynamoDB makes a last backup of a table that has point-in-time recovery, and keeps it for 35 days without a charge."""
    if not observed.fields.get("recovery_days"):
        return None
    needs = tuple(filter(None, [observed.fields.get("kms_key")]))
    return Left(f"backup {observed.id}{LAST_BACKUP}", needs, "which DynamoDB keeps for 35 days")


def standing(context: Context) -> Iterator[Left]:
    """Every backup of the account: they carry no tags of ours, and the table's entry may have left the configuration. One that
    needs no key of ours holds nothing of ours."""
    found = context.api.pages("dynamodb", "list_backups", "BackupSummaries", BackupType="ALL")
    standing_ones = [backup for backup in found if backup.get("BackupStatus") != "DELETED"]
    for backup, key in zip(
        standing_ones, context.api.map(lambda backup: _key(context, backup["BackupArn"]), standing_ones), strict=True
    ):
        if key:
            yield Left(f"backup {backup['BackupName']}", (key,))


def _key(context: Context, arn: str) -> str | None:
    with tolerating("BackupNotFoundException"):
        details = context.api.client("dynamodb").describe_backup(BackupArn=arn)["BackupDescription"]
        return ((details.get("SourceTableFeatureDetails") or {}).get("SSEDescription") or {}).get("KMSMasterKeyArn")
    return None
