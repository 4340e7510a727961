"""Patches to RDS: what a change of an instance does, when, and what AWS refuses."""

from __future__ import annotations

from typing import Any

from moto.rds.exceptions import InvalidParameterCombination
from moto.rds.models import DBInstance, RDSBackend

from local_aws.patches import patch, replace, wrap
from local_aws.patches.rds_states import CHANGEABLE, KIND, STORAGE, begin, busy
from local_aws.transitions import now, settled

# What waits for the maintenance window unless it is applied immediately: argument -> key of PendingModifiedValues.
DEFERRED = {
    "db_instance_class": "DBInstanceClass",
    "allocated_storage": "AllocatedStorage",
    "storage_type": "StorageType",
    "iops": "Iops",
    "storage_throughput": "StorageThroughput",
    "multi_az": "MultiAZ",
    "engine_version": "EngineVersion",
    "port": "Port",
    "ca_certificate_identifier": "CACertificateIdentifier",
}
VOLUME = ("allocated_storage", "iops", "storage_throughput", "storage_type")
STRIPED = 400
# Major -> minor versions of PostgreSQL, the last one the default.
VERSIONS = {
    "13": (18, 20),
    "14": (15, 17),
    "15": (10, 12),
    "16": (6, 8, 10),
    "17": (2, 4, 6),
    "18": (1,),
}


def versions() -> list[str]:
    return [f"{major}.{minor}" for major, minors in VERSIONS.items() for minor in minors]


def full_version(text: str) -> str:
    """The version that RDS takes for a major one alone."""
    if text in VERSIONS:
        return f"{text}.{VERSIONS[text][-1]}"
    if text not in versions():
        raise InvalidParameterCombination(f"Cannot find version {text} for postgres")
    return text


def targets(version: str) -> list[str]:
    """To which one may upgrade: newer minor versions, and the newest of each higher major one."""
    major, minor = (int(part) for part in version.split("."))
    same = [f"{major}.{other}" for other in VERSIONS[str(major)] if other > minor]
    return same + [full_version(other) for other in VERSIONS if int(other) > major]


@patch
def engine_versions() -> None:
    """AWS takes a major version of PostgreSQL for its default minor one, refuses unknown ones (InvalidParameterCombination),
    and tells by DescribeDBEngineVersions which there are and what each upgrades to. moto takes any and has no such
    operation."""
    from moto.core.responses import ActionResult
    from moto.rds.responses import RDSResponse

    @wrap(RDSBackend, "create_db_instance")
    def create_db_instance(original: Any, self: Any, db_kwargs: Any) -> Any:
        if db_kwargs.get("engine") == "postgres" and db_kwargs.get("engine_version"):
            db_kwargs["engine_version"] = full_version(db_kwargs["engine_version"])
            _check_family(self, db_kwargs.get("db_parameter_group_name"), db_kwargs["engine_version"])
        return original(self, db_kwargs)

    def describe_db_engine_versions(self: Any) -> Any:
        wanted = self.params.get("EngineVersion")
        found = [
            {
                "Engine": "postgres",
                "EngineVersion": version,
                "MajorEngineVersion": version.split(".")[0],
                "DBParameterGroupFamily": "postgres" + version.split(".")[0],
                "ValidUpgradeTarget": [
                    {
                        "Engine": "postgres",
                        "EngineVersion": target,
                        "IsMajorVersionUpgrade": target.split(".")[0] != version.split(".")[0],
                    }
                    for target in targets(version)
                ],
            }
            for version in versions()
            if self.params.get("Engine") in (None, "postgres") and wanted in (None, version, version.split(".")[0])
        ]
        return ActionResult({"DBEngineVersions": found})

    RDSResponse.describe_db_engine_versions = describe_db_engine_versions


@patch
def pending_changes() -> None:
    """AWS: a change waits for the maintenance window (PendingModifiedValues) unless it is applied immediately, or the instance
    is modifying meanwhile; setting what stands calls a pending change off; an immediate change takes all pending ones along.
    moto applies everything at once, whatever ApplyImmediately says."""
    DBInstance.waiting = {}
    DBInstance.pending_modified_values = property(lambda self: {DEFERRED[name]: value for name, value in self.waiting.items()})

    def settle(database: Any) -> None:
        if database.phase == "modifying" and settled(KIND, database.phase_since):
            database.phase = ""
            apply(database, database.waiting)

    def apply(database: Any, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(database, name, value)
        if "allocated_storage" in changes or "storage_type" in changes:
            database.set_baseline()
        database.waiting = {}

    @wrap(RDSBackend, "describe_db_instances")
    def describe_db_instances(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        for database in self.databases.values():
            settle(database)
        return original(self, *args, **kwargs)

    @wrap(RDSBackend, "modify_db_instance")
    def modify_db_instance(original: Any, self: Any, db_instance_identifier: str, db_kwargs: Any) -> Any:
        database = self.describe_db_instances(db_instance_identifier)[0]
        if database.status not in CHANGEABLE:
            raise busy(f"Database instance is not in available state: {db_instance_identifier} is {database.status}.")
        if "db_port_number" in db_kwargs:
            db_kwargs["port"] = db_kwargs.pop("db_port_number")
        immediately = bool(db_kwargs.get("apply_immediately"))
        changes = {name: db_kwargs[name] for name in DEFERRED if name in db_kwargs}
        check(self, database, db_kwargs, changes)
        for name in changes:
            del db_kwargs[name]
        original(self, db_instance_identifier, db_kwargs)
        waiting = {**database.waiting, **changes}
        waiting = {name: value for name, value in waiting.items() if getattr(database, name) != value}
        volume = any(name in waiting for name in VOLUME)
        database.waiting = waiting
        if immediately:
            begin(database, "modifying")
            if volume:
                database.storage_since = now()
            if settled(KIND, database.phase_since):
                settle(database)
        return database

    def check(backend: Any, database: Any, arguments: Any, changes: dict[str, Any]) -> None:
        size = changes.get("allocated_storage", database.allocated_storage)
        if size < database.allocated_storage:
            raise InvalidParameterCombination(f"Requested storage size ({size}) cannot be less than the current one")
        if database.allocated_storage < size < -(-database.allocated_storage * 11 // 10):
            raise InvalidParameterCombination(
                f"Invalid storage size: {size} is less than ten percent more than the current one ({database.allocated_storage})"
            )
        if any(getattr(database, name) != changes[name] for name in VOLUME if name in changes):
            if not settled(STORAGE, database.storage_since):
                raise InvalidParameterCombination(
                    "You can't currently modify the storage of this DB instance because the previous storage change is being "
                    "optimized."
                )
            _check_performance(changes, size)
            _check_striped(database, changes, size)
        if "engine_version" in changes and database.engine == "postgres":
            changes["engine_version"] = _upgrade(database.engine_version, changes["engine_version"], arguments)
        group = arguments.get("db_parameter_group_name")
        _check_family(backend, group, changes.get("engine_version", database.engine_version))


@patch
def storage_performance() -> None:
    """AWS: gp3 has 3000 operations and 125 MiB a second below 400 GiB, where neither can be set (InvalidParameterCombination), and
    12000 and 500 from there on, where a change of the storage names the size, the operations and the throughput together; a
    growth is by a tenth at least. moto takes anything and shows what was asked for."""

    @replace(DBInstance, "set_baseline")
    def set_baseline(self: Any) -> None:
        if self.storage_type == "gp3":
            large = self.allocated_storage >= STRIPED
            self.iops = max(int(self.iops or 0), 12000) if large else 3000
            self.storage_throughput = max(self.storage_throughput or 0, 500) if large else 125

    @wrap(DBInstance, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("storage_type") == "gp3":
            _check_performance(kwargs, kwargs.get("allocated_storage") or 0)
        original(self, *args, **kwargs)
        if self.db_cluster_identifier is None:
            self.set_baseline()


def _check_performance(arguments: Any, size: int) -> None:
    if size < STRIPED and (arguments.get("iops") or arguments.get("storage_throughput")):
        raise InvalidParameterCombination(
            "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400."
        )


def _check_striped(database: Any, changes: Any, size: int) -> None:
    gp3 = changes.get("storage_type", database.storage_type) == "gp3"
    if gp3 and size >= STRIPED and not {"allocated_storage", "iops", "storage_throughput"} <= set(changes):
        raise InvalidParameterCombination(
            "You must specify both the storage size and iops when modifying the storage size or iops on a DB instance that has "
            "iops, and the storage throughput with them."
        )


def _upgrade(old: str, text: str, arguments: Any) -> str:
    if text == old.split(".")[0]:
        return old
    new = full_version(text)
    if new == old:
        return new
    if new not in targets(old):
        raise InvalidParameterCombination(f"Cannot upgrade postgres from {old} to {new}")
    if new.split(".")[0] != old.split(".")[0] and not arguments.get("allow_major_version_upgrade"):
        raise InvalidParameterCombination(
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
        )
    return new


def _check_family(backend: Any, group: str | None, version: str) -> None:
    if group and group in backend.db_parameter_groups:
        family, needed = backend.db_parameter_groups[group].family, "postgres" + version.split(".")[0]
        if family.startswith("postgres") and family != needed:
            raise InvalidParameterCombination(
                f"The parameter group {group} with DBParameterGroupFamily {family} can't be used for this instance. "
                f"Please use a parameter group with DBParameterGroupFamily {needed}."
            )
