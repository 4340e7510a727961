"""DynamoDB: the backup of a deleted table."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Backup

from local_aws.patches import patch, wrap


@patch
def a_deleted_table_leaves_a_backup() -> None:
    """AWS: of a table with point-in-time recovery that is deleted a system backup stays for 35 days. moto leaves none."""

    @wrap(DynamoDBBackend, "delete_table")
    def delete_table(original: Any, self: Any, name: str) -> Any:
        table = self.get_table(name)
        answer = original(self, name)
        if table.continuous_backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED":
            backup = Backup(self.account_id, self.region_name, f"{table.name}$DeletedTableBackup", table, type_="SYSTEM")
            self.backups[backup.arn] = backup
        return answer


@patch
def backups_show_their_key() -> None:
    """AWS: DescribeBackup shows the encryption of the table in SourceTableFeatureDetails. moto leaves that out."""
    original = Backup.description.fget

    def description(self: Any) -> dict[str, Any]:
        answer = original(self)
        answer["SourceTableFeatureDetails"] = {"SSEDescription": answer["SourceTableDetails"].get("SSEDescription") or {}}
        return answer

    Backup.description = property(description)
