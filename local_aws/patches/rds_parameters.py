"""Patches to RDS: parameter groups of PostgreSQL, with some of the parameters that there are."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import DBParameterGroupNotFoundError, InvalidParameterCombination, InvalidParameterValue, RDSClientError
from moto.rds.models import DBInstance, DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from local_aws.patches import patch, wrap

BOOLEAN = ("boolean", "0,1")
DURATION = ("integer", "-1-2147483647")
# Name -> apply type, data type, allowed values, default.
PARAMETERS: dict[str, tuple[str, str, str, str | None]] = {
    "autovacuum": ("dynamic", *BOOLEAN, "1"),
    "autovacuum_max_workers": ("static", "integer", "1-262143", None),
    "deadlock_timeout": ("dynamic", "integer", "1-2147483647", None),
    "effective_cache_size": ("dynamic", "integer", "1-2147483647", "{DBInstanceClassMemory/16384}"),
    "idle_in_transaction_session_timeout": ("dynamic", "integer", "0-2147483647", "86400000"),
    "log_autovacuum_min_duration": ("dynamic", *DURATION, "10000"),
    "log_checkpoints": ("dynamic", *BOOLEAN, "1"),
    "log_connections": ("dynamic", *BOOLEAN, None),
    "log_disconnections": ("dynamic", *BOOLEAN, None),
    "log_duration": ("dynamic", *BOOLEAN, None),
    "log_error_verbosity": ("dynamic", "string", "terse,default,verbose", None),
    "log_lock_waits": ("dynamic", *BOOLEAN, None),
    "log_min_duration_statement": ("dynamic", *DURATION, None),
    "log_min_messages": ("dynamic", "string", "debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic", None),
    "log_statement": ("dynamic", "string", "none,ddl,mod,all", None),
    "log_temp_files": ("dynamic", *DURATION, None),
    "maintenance_work_mem": ("dynamic", "integer", "1024-2147483647", None),
    "max_connections": ("static", "integer", "6-262143", "LEAST({DBInstanceClassMemory/9531392},5000)"),
    "max_wal_senders": ("static", "integer", "5-262143", None),
    "max_worker_processes": ("static", "integer", "0-262143", None),
    "pg_stat_statements.track": ("dynamic", "string", "none,top,all", None),
    "pgaudit.log": ("dynamic", "list", "ddl,function,misc,read,role,write,none,all", None),
    "random_page_cost": ("dynamic", "float", "0-1.79769e+308", None),
    "rds.force_ssl": ("dynamic", *BOOLEAN, "1"),
    "rds.log_retention_period": ("dynamic", "integer", "1440-10080", "4320"),
    "rds.logical_replication": ("static", *BOOLEAN, "0"),
    "shared_buffers": ("static", "integer", "16-1073741823", "{DBInstanceClassMemory/32768}"),
    "shared_preload_libraries": ("static", "list", "auto_explain,pg_cron,pg_stat_statements,pgaudit", "pg_stat_statements"),
    "statement_timeout": ("dynamic", "integer", "0-2147483647", None),
    "track_activity_query_size": ("static", "integer", "100-1048576", "4096"),
    "wal_level": ("static", "string", "minimal,replica,logical", None),
    "work_mem": ("dynamic", "integer", "64-2147483647", None),
}
FIXED = ("wal_level",)
FORCED_FROM = 15  # the first family that enforces TLS by default
MOST = 20


def described(name: str, family: str) -> dict[str, Any]:
    apply_type, data_type, allowed, default = PARAMETERS[name]
    if name == "rds.force_ssl" and int(family.removeprefix("postgres")) < FORCED_FROM:
        default = "0"
    return {
        "ParameterName": name,
        "Source": "system" if default else "engine-default",
        "ApplyType": apply_type,
        "DataType": data_type,
        "AllowedValues": allowed,
        "IsModifiable": name not in FIXED,
        "ApplyMethod": "pending-reboot",
        **({"ParameterValue": default} if default else {}),
    }


def _is_postgres(group: Any) -> bool:
    return (group.family or "").startswith("postgres")


def _check(items: Any) -> None:
    if len(items) > MOST:
        raise InvalidParameterValue(f"Only {MOST} parameters can be changed in one call")
    for item in items:
        name = item["ParameterName"]
        if name not in PARAMETERS:
            raise InvalidParameterValue(f"Could not find parameter with name: {name}")
        if name in FIXED:
            raise InvalidParameterValue(f"The parameter {name} cannot be modified.")
        if PARAMETERS[name][0] == "static" and item.get("ApplyMethod") != "pending-reboot":
            raise InvalidParameterCombination("cannot use immediate apply method for static parameter")


@patch
def parameters_of_postgresql() -> None:
    """AWS lists every parameter of a group with its source (user only where the value is not the default), type and value, and of a
    family by DescribeEngineDefaultParameters; takes 20 at a time, known and modifiable ones alone, static ones for the next
    reboot only; and sets them back by ResetDBParameterGroup. moto lists what was set, takes anything, and has neither
    operation."""

    @wrap(RDSResponse, "describe_db_parameters")
    def describe_db_parameters(original: Any, self: Any) -> Any:
        groups = self.backend.describe_db_parameter_groups({"db_parameter_group_name": self.params["DBParameterGroupName"]})
        if not groups or not _is_postgres(groups[0]):
            return original(self)
        found = {name: described(name, groups[0].family) for name in PARAMETERS}
        for name, item in groups[0].parameters.items():
            default = found[name].get("ParameterValue")
            if item.get("ParameterValue") != default:
                found[name] = {**found[name], **item, "Source": "user"}
        source = self.params.get("Source")
        return ActionResult({"Parameters": [item for item in found.values() if source in (None, item["Source"])]})

    def describe_engine_default_parameters(self: Any) -> Any:
        family = self.params["DBParameterGroupFamily"]
        if not family.startswith("postgres"):
            raise InvalidParameterValue(f"DBParameterGroupFamily {family} cannot be found")
        items = [described(name, family) for name in PARAMETERS]
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": items}})

    RDSResponse.describe_engine_default_parameters = describe_engine_default_parameters

    @wrap(RDSBackend, "modify_db_parameter_group")
    def modify_db_parameter_group(
        original: Any, self: Any, db_parameter_group_name: str, db_parameter_group_parameters: Any
    ) -> Any:
        items = list(db_parameter_group_parameters)
        group = self.db_parameter_groups.get(db_parameter_group_name)
        if group is not None and _is_postgres(group):
            _check(items)
            _told(self, group, items)
        return original(self, db_parameter_group_name, items)

    def reset_db_parameter_group(self: Any) -> Any:
        name = self.params["DBParameterGroupName"]
        if name not in self.backend.db_parameter_groups:
            raise DBParameterGroupNotFoundError(name)
        group = self.backend.db_parameter_groups[name]
        items = [item.original_dict() for item in self.params.get("Parameters", [])]
        if self.params.get("ResetAllParameters", True) == bool(items):
            raise InvalidParameterCombination("Either all parameters are reset, or those that are named")
        _check(items)
        _told(self.backend, group, items)
        for key in [item["ParameterName"] for item in items] or list(group.parameters):
            group.parameters.pop(key, None)
        return ActionResult({"DBParameterGroupName": name})

    RDSResponse.reset_db_parameter_group = reset_db_parameter_group


def _told(backend: Any, group: Any, items: Any) -> None:
    """Instances that use the group take its static parameters with their next reboot."""
    if any(PARAMETERS[item["ParameterName"]][0] == "static" for item in items):
        for database in backend.databases.values():
            if database.db_parameter_group_name == group.name:
                database.parameter_status = "pending-reboot"


@patch
def parameters_wait_for_a_reboot() -> None:
    """AWS shows an instance's parameter group as pending-reboot while static parameters, or another group, wait for one; and
    RebootDBInstance ends that. moto calls it in-sync always."""
    DBInstance.parameter_status = "in-sync"

    def statuses(self: Any) -> list[dict[str, str]]:
        return [
            {"DBParameterGroupName": group.name, "ParameterApplyStatus": self.parameter_status}
            for group in self.db_parameter_groups()
        ]

    DBInstance.db_parameter_group_status_list = property(statuses)
    DBInstance.default_db_parameter_group_details = _default_group

    @wrap(RDSBackend, "reboot_db_instance")
    def reboot_db_instance(original: Any, self: Any, db_instance_identifier: str) -> Any:
        database = original(self, db_instance_identifier)
        database.parameter_status = "in-sync"
        return database

    @wrap(RDSBackend, "modify_db_instance")
    def modify_db_instance(original: Any, self: Any, db_instance_identifier: str, db_kwargs: Any) -> Any:
        standing = self.describe_db_instances(db_instance_identifier)[0]
        before, wanted = standing.db_parameter_group_name, db_kwargs.get("db_parameter_group_name") or ""
        if wanted.startswith("default.") and wanted not in self.db_parameter_groups:
            family = wanted.removeprefix("default.")
            self.db_parameter_groups[wanted] = DBParameterGroup(self, wanted, f"Default parameter group for {family}", family)
        database = original(self, db_instance_identifier, db_kwargs)
        if database.db_parameter_group_name != before:
            database.parameter_status = "pending-reboot"
        return database

    @wrap(DBParameterGroup, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.name != self.name.lower():
            raise RDSClientError("InvalidParameterValue", "DBParameterGroupName is kept in lower case")


def _default_group(self: Any) -> tuple[str, str]:
    """Families of PostgreSQL are named by the major version alone from 10 on."""
    parts = str(self.engine_version).split(".")
    major = parts[0] if self.engine == "postgres" and int(parts[0]) >= 10 else ".".join(parts[:-1])
    return f"{self.engine.lower()}{major}", f"default.{self.engine.lower()}{major}"
