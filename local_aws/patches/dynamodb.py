"""Patches to DynamoDB."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.exceptions import (
    ERROR_TYPE_PREFIX,
    DynamodbException,
    MockValidationException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler, DynamoResult
from moto.moto_api._internal import mock_random as random

from local_aws.patches import patch, replace, wrap
from local_aws.transitions import now, settled

TABLE = "dynamodb_table"
TTL = "time_to_live"
# What one UpdateTable changes at most one of, with what belongs to it.
CHANGES = (
    {"BillingMode", "ProvisionedThroughput", "GlobalSecondaryIndexUpdates", "AttributeDefinitions"},
    {"StreamSpecification"},
    {"SSESpecification"},
    {"TableClass"},
    {"DeletionProtectionEnabled"},
)
NO_UNITS = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0, "NumberOfDecreasesToday": 0}


def _limit(message: str) -> DynamodbException:
    return DynamodbException(ERROR_TYPE_PREFIX + "LimitExceededException", message)


@patch
def tables_have_ids() -> None:
    """AWS shows the TableId that each table gets when it is made. moto shows none."""

    @wrap(Table, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.table_id = str(random.uuid4())

    @wrap(Table, "describe")
    def describe(original: Any, self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = original(self, *args, **kwargs)
        for described in answer.values():
            described["TableId"] = self.table_id
        return answer


@patch
def table_states() -> None:
    """AWS: a table is CREATING, then ACTIVE; UPDATING (and a new index CREATING) after each change; DELETING, then gone; until
    it is ACTIVE it takes no change (ResourceInUseException). moto: ACTIVE and gone at once."""
    Table.status = "CREATING"
    Table.status_since = 0.0

    @wrap(Table, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.status, self.status_since = "CREATING", now()

    @wrap(Table, "describe")
    def describe(original: Any, self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = original(self, *args, **kwargs)
        (described,) = answer.values()
        described["TableStatus"] = status(self)
        if status(self) != "ACTIVE":
            fresh = getattr(self, "fresh_indexes", set())
            for index in described["GlobalSecondaryIndexes"]:
                if index["IndexName"] in fresh or status(self) == "CREATING":
                    index["IndexStatus"] = "CREATING"
        return answer

    def sweep(backend: Any) -> None:
        for name, table in list(backend.tables.items()):
            if table.status == "DELETING" and settled(TABLE, table.status_since):
                del backend.tables[name]

    def swept(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        sweep(self)
        return original(self, *args, **kwargs)

    for name in ("create_table", "list_tables", "get_table", "list_tags_of_resource"):
        wrap(DynamoDBBackend, name)(swept)

    @wrap(DynamoDBBackend, "delete_table")
    def delete_table(original: Any, self: Any, name: str) -> Any:
        table = self.get_table(name)
        if status(table) != "ACTIVE":
            raise ResourceInUseException(f"Table is being changed: {table.name} is {status(table)}")
        original(self, name)
        table.status, table.status_since = "DELETING", now()
        if not settled(TABLE, table.status_since):
            self.tables[table.name] = table
        return table


def status(table: Any) -> str:
    return "ACTIVE" if table.status != "DELETING" and settled(TABLE, table.status_since) else table.status


@patch
def one_change_at_a_time() -> None:
    """AWS takes one kind of change a call of UpdateTable (ValidationException), makes or deletes one index a call
    (LimitExceededException), wants a throughput for the table and each index that become provisioned, drops them on demand, and
    keeps the definitions of just the attributes that are in a key. moto takes anything, and fails on an unknown index."""

    @wrap(DynamoHandler, "update_table")
    def update_table(original: Any, self: Any) -> Any:
        body, table = self.body, self.dynamodb_backend.get_table(self.body["TableName"])
        if status(table) != "ACTIVE":
            raise ResourceInUseException(
                f"Attempt to change a resource which is still in use: Table is {status(table)}: {table.name}"
            )
        kinds = [kind for kind in CHANGES if kind & set(body)]
        if len(kinds) != 1:
            raise MockValidationException(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
                "SSESpecification or ReplicaUpdates is required"
                if not kinds
                else "Only one kind of change is allowed in one UpdateTable"
            )
        steps = body.get("GlobalSecondaryIndexUpdates") or []
        check_indexes(table, body, steps)
        check_throughput(table, body, steps)
        original(self)
        if body.get("BillingMode") == "PAY_PER_REQUEST":
            table.throughput = dict(NO_UNITS)
            for index in table.global_indexes:
                index.throughput = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
        keys = set(table.attribute_keys)
        table.attr = [definition for definition in table.attr if definition["AttributeName"] in keys]
        table.fresh_indexes = {step["Create"]["IndexName"] for step in steps if "Create" in step}
        table.status, table.status_since = "UPDATING", now()
        return DynamoResult(table.describe())

    def check_indexes(table: Any, body: dict[str, Any], steps: list[dict[str, Any]]) -> None:
        standing = {index.name for index in table.global_indexes}
        defined = {item["AttributeName"] for item in body.get("AttributeDefinitions") or table.attr}
        if sum("Create" in step or "Delete" in step for step in steps) > 1:
            raise _limit("Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
        for step in steps:
            ((verb, index),) = step.items()
            if (verb == "Create") == (index["IndexName"] in standing):
                raise MockValidationException(f"Index {index['IndexName']} does not fit {verb}: the table's are {sorted(standing)}")
            missing = {key["AttributeName"] for key in index.get("KeySchema", ())} - defined
            if missing:
                raise MockValidationException(
                    "One or more parameter values were invalid: Some index key attributes are not defined in "
                    f"AttributeDefinitions. Keys: {sorted(missing)}"
                )

    def check_throughput(table: Any, body: dict[str, Any], steps: list[dict[str, Any]]) -> None:
        mode = body.get("BillingMode") or table.billing_mode
        given = {
            name: "ProvisionedThroughput" in index for step in steps for index in step.values() for name in [index["IndexName"]]
        }
        if mode != "PROVISIONED":
            if "ProvisionedThroughput" in body or any(given.values()):
                raise MockValidationException("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified on demand")
            return
        turned = table.billing_mode != "PROVISIONED"
        if turned and "ProvisionedThroughput" not in body:
            raise MockValidationException("ReadCapacityUnits and WriteCapacityUnits must both be specified when PROVISIONED")
        needed = {index.name for index in table.global_indexes} if turned else set()
        needed |= {step["Create"]["IndexName"] for step in steps if "Create" in step}
        lacking = sorted(name for name in needed if not given.get(name))
        if lacking:
            raise MockValidationException(f"ProvisionedThroughput must be specified for index: {', '.join(lacking)}")


@patch
def encryption_and_class() -> None:
    """AWS changes a table's key and class by UpdateTable and shows the class. moto ignores both there, and the class at
    creation too."""
    Table.table_class = None

    @wrap(DynamoHandler, "create_table")
    def create_table(original: Any, self: Any) -> Any:
        original(self)
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        table.table_class = self.body.get("TableClass")
        return DynamoResult(table.describe())

    @wrap(DynamoHandler, "update_table")
    def update_table(original: Any, self: Any) -> Any:
        original(self)
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        table.table_class = self.body.get("TableClass") or table.table_class
        table.sse_specification = self.body.get("SSESpecification") or table.sse_specification
        return DynamoResult(table.describe())

    @wrap(Table, "describe")
    def describe(original: Any, self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = original(self, *args, **kwargs)
        (described,) = answer.values()
        if self.table_class:
            described["TableClassSummary"] = {"TableClass": self.table_class}
        return answer


@patch
def streams_can_be_turned_on_again() -> None:
    """AWS makes another stream for a table whose stream was turned off, and refuses a second one while one runs
    (ValidationException). moto refuses for ever, with another code."""

    @replace(DynamoDBBackend, "update_table_streams")
    def update_table_streams(self: Any, table: Any, stream_specification: dict[str, Any]) -> None:
        running = (table.stream_specification or {}).get("StreamEnabled", False)
        if running == bool(stream_specification.get("StreamEnabled")):
            raise MockValidationException(f"Table {'already has an enabled' if running else 'has no'} stream: {table.name}")
        table.set_stream_specification(stream_specification)


@patch
def tags_are_set_by_key() -> None:
    """AWS sets a tag's value anew by TagResource and refuses what does not exist (ResourceNotFoundException). moto adds the tag a
    second time, and does nothing."""

    def find(backend: Any, arn: str) -> Any:
        for table in backend.tables.values():
            if table.table_arn == arn:
                return table
        raise ResourceNotFoundException()

    @replace(DynamoDBBackend, "tag_resource")
    def tag_resource(self: Any, arn: str, tags: dict[str, str]) -> None:
        table = find(self, arn)
        merged = {tag["Key"]: tag["Value"] for tag in table.tags} | tags
        table.tags = [{"Key": key, "Value": value} for key, value in merged.items()]

    @wrap(DynamoDBBackend, "untag_resource")
    def untag_resource(original: Any, self: Any, arn: str, tag_keys: list[str]) -> None:
        find(self, arn)
        original(self, arn, tag_keys)


@patch
def time_to_live() -> None:
    """AWS refuses (ValidationException) to turn the time to live on twice or off twice, for another attribute than the one that it
    is on for, and within an hour of the last change; it shows the attribute only while it is on. moto takes everything. How
    long the change takes is the transition `time_to_live`."""
    Table.ttl_since = float("-inf")

    @wrap(DynamoDBBackend, "update_time_to_live")
    def update_time_to_live(original: Any, self: Any, table_name: str, ttl_spec: dict[str, Any]) -> None:
        table = self.get_table(table_name)
        if status(table) != "ACTIVE":
            raise ResourceInUseException(f"Table is {status(table)}: {table.name}")
        if not settled(TTL, table.ttl_since):
            raise MockValidationException("Time to live has been modified multiple times within a fixed interval")
        enabled = table.ttl["TimeToLiveStatus"] == "ENABLED"
        if enabled == ttl_spec["Enabled"]:
            raise MockValidationException(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
        if enabled and table.ttl["AttributeName"] != ttl_spec["AttributeName"]:
            raise MockValidationException(f"TimeToLive is active on a different AttributeName: {table.ttl['AttributeName']}")
        original(self, table_name, ttl_spec)
        if not ttl_spec["Enabled"]:
            del table.ttl["AttributeName"]
        table.ttl_since = now()

    @wrap(DynamoDBBackend, "describe_time_to_live")
    def describe_time_to_live(original: Any, self: Any, table_name: str) -> dict[str, Any]:
        described = dict(original(self, table_name))
        if not settled(TTL, self.get_table(table_name).ttl_since):
            described["TimeToLiveStatus"] = described["TimeToLiveStatus"].removesuffix("ED") + "ING"
        return described

    @wrap(DynamoDBBackend, "update_continuous_backups")
    def update_continuous_backups(original: Any, self: Any, table_name: str, point_in_time_spec: dict[str, Any]) -> Any:
        if table_name in self.tables and status(self.tables[table_name]) == "CREATING":
            code = ERROR_TYPE_PREFIX + "ContinuousBackupsUnavailableException"
            raise DynamodbException(code, f"Backups are being enabled for the table: {table_name}. Please retry later")
        return original(self, table_name, point_in_time_spec)
