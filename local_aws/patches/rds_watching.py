"""Patches to RDS: the managed secret, insights, and the log groups that RDS makes."""

from __future__ import annotations

import json
from typing import Any

from moto.logs.models import logs_backends
from moto.moto_api._internal import mock_random
from moto.rds.exceptions import InvalidParameterCombination
from moto.rds.models import DBInstance, MasterUserSecret, RDSBackend
from moto.secretsmanager.models import FakeSecret

from local_aws.patches import patch, replace, wrap

ROTATION_DAYS = 7
ADVANCED_DAYS = 465
INSIGHTS = ("database_insights_mode", "enable_performance_insights", "performance_insights_retention_period")


@patch
def managed_secrets() -> None:
    """AWS makes a random password of the instance's user, rotates it every seven days, shows that in DescribeSecret, and never
    changes the secret's key. moto has the same password for all, of `admin`, and shows no rotation."""

    @replace(MasterUserSecret, "_generate_secret_string")
    def generate(self: Any) -> str:
        password = mock_random.get_random_string(length=28, include_digits=True)
        return json.dumps({"username": self.resource.master_username, "password": password})

    @wrap(MasterUserSecret, "__init__")
    def init(original: Any, self: Any, resource: Any, kms_key_id: str | None) -> None:
        original(self, resource, kms_key_id)
        self.secret.rotation_requested = self.secret.rotation_enabled = True
        self.secret.auto_rotate_after_days = ROTATION_DAYS

    @wrap(FakeSecret, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        shown = original(self)
        if self.owning_service:
            shown.pop("RotationLambdaARN", None)
        return shown

    @wrap(RDSBackend, "modify_db_instance")
    def modify_db_instance(original: Any, self: Any, db_instance_identifier: str, db_kwargs: Any) -> Any:
        database = self.describe_db_instances(db_instance_identifier)[0]
        if db_kwargs.get("master_user_secret_kms_key_id") and getattr(database, "master_user_secret", None):
            raise InvalidParameterCombination(
                "You can't specify MasterUserSecretKmsKeyId for an instance whose password is already managed in Secrets Manager"
            )
        return original(self, db_instance_identifier, db_kwargs)


@patch
def insights() -> None:
    """AWS shows the mode of Database Insights, and the key and the retention of Performance Insights, whose key never changes; the
    advanced mode needs 465 days (InvalidParameterCombination). moto shows none of them."""
    DBInstance.database_insights_mode = "standard"
    DBInstance.performance_insights_enabled = False
    DBInstance.performance_insights_kms_key_id = None
    DBInstance.performance_insights_retention_period = None

    @wrap(DBInstance, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        take(self, kwargs)

    @wrap(RDSBackend, "modify_db_instance")
    def modify_db_instance(original: Any, self: Any, db_instance_identifier: str, db_kwargs: Any) -> Any:
        database = self.describe_db_instances(db_instance_identifier)[0]
        take(database, db_kwargs)
        for name in ("performance_insights_kms_key_id", *INSIGHTS):
            db_kwargs.pop(name, None)
        return original(self, db_instance_identifier, db_kwargs)

    def take(database: Any, arguments: Any) -> None:
        enabled = arguments.get("enable_performance_insights", database.performance_insights_enabled)
        days = arguments.get("performance_insights_retention_period", database.performance_insights_retention_period or 7)
        mode = arguments.get("database_insights_mode") or database.database_insights_mode
        key, standing = arguments.get("performance_insights_kms_key_id"), database.performance_insights_kms_key_id
        if mode == "advanced" and (not enabled or days < ADVANCED_DAYS):
            raise InvalidParameterCombination(
                "To enable the Advanced mode of Database Insights, enable Performance Insights and set a retention of "
                f"{ADVANCED_DAYS} days."
            )
        if key and standing and key != standing:
            raise InvalidParameterCombination("You can't change the Performance Insights KMS key of the instance")
        database.database_insights_mode, database.performance_insights_enabled = mode, bool(enabled)
        database.performance_insights_retention_period = days if enabled else None
        database.performance_insights_kms_key_id = (key or standing) if enabled else standing


@patch
def log_groups() -> None:
    """AWS makes the log group of each exported log that has none, without a key and without a retention. moto makes none."""

    def make(database: Any) -> None:
        backend = logs_backends[database.account_id][database.region]
        for kind in database.enabled_cloudwatch_logs_exports:
            name = f"/aws/rds/instance/{database.resource_id}/{kind}"
            if name not in backend.groups:
                backend.create_log_group(name, {})

    @wrap(RDSBackend, "create_db_instance")
    def create_db_instance(original: Any, self: Any, db_kwargs: Any) -> Any:
        database = original(self, db_kwargs)
        make(database)
        return database

    @wrap(RDSBackend, "modify_db_instance")
    def modify_db_instance(original: Any, self: Any, db_instance_identifier: str, db_kwargs: Any) -> Any:
        database = original(self, db_instance_identifier, db_kwargs)
        make(database)
        return database


@patch
def monitoring_ends() -> None:
    """AWS forgets the role of enhanced monitoring when the interval becomes 0. moto keeps it."""

    @wrap(DBInstance, "update")
    def update(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if not self.monitoring_interval:
            self.monitoring_role_arn = None
