"""Patches to RDS: the states that an instance goes through, its events, and its end."""

from __future__ import annotations

from typing import Any

from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.rds.exceptions import InvalidParameterCombination, RDSClientError
from moto.rds.models import DBInstance, Event, RDSBackend

from local_aws.patches import patch, replace, wrap
from local_aws.transitions import failure, now, settled

KIND = "db_instance"
STORAGE = "db_storage"
# In which a change is taken.
CHANGEABLE = ("available", "storage-optimization", "storage-full", "incompatible-parameters", "incompatible-option-group")
WITHOUT_SNAPSHOT = ("failed", "incompatible-network", "incompatible-restore")
STATES = (*CHANGEABLE, *WITHOUT_SNAPSHOT, "inaccessible-encryption-credentials", "restore-error", "insufficient-capacity")


def busy(message: str) -> RDSClientError:
    return RDSClientError("InvalidDBInstanceState", message)


def event(database: Any, category: str, message: str) -> None:
    told = Event.__new__(Event)
    told.source_identifier, told.source_type, told.source_arn = database.resource_id, "db-instance", database.arn
    told.message, told.event_categories, told.date = message, [category], utcnow()
    database.backend.events.append(told)


def begin(database: Any, phase: str) -> None:
    """It is in this state until the transition is over, and after it in the one that a failure (if set) names."""
    database.phase, database.phase_since = phase, now()
    reason = failure(KIND)
    state = next((state for state in STATES if reason and reason.startswith(state)), "failed" if reason else None)
    database.ended_in = state
    if reason:
        event(database, "failure", reason.removeprefix(f"{state}: "))


@patch
def instance_states() -> None:
    """AWS: an instance is creating (without an endpoint), then available; modifying after a change; deleting, then gone; until
    it is available it takes no change (InvalidDBInstanceState). Each has a resource id of its own. moto: available and gone at
    once, with one resource id for all."""
    DBInstance.phase, DBInstance.phase_since, DBInstance.ended_in = "", 0.0, None
    DBInstance.storage_since = float("-inf")

    def get_status(self: Any) -> str:
        if self.phase and not settled(KIND, self.phase_since):
            return self.phase
        if self.ended_in:
            return self.ended_in
        if self.final_status == "available" and not settled(STORAGE, self.storage_since):
            return "storage-optimization"
        return self.final_status

    def set_status(self: Any, status: str) -> None:
        self.final_status = status

    DBInstance.status = property(get_status, set_status)
    endpoint = DBInstance.endpoint
    DBInstance.endpoint = property(lambda self: None if self.status == "creating" else endpoint.fget(self))

    @wrap(DBInstance, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.dbi_resource_id = "db-" + mock_random.get_random_string(length=26).upper()

    def swept(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        for name, database in list(self.databases.items()):
            if database.phase == "deleting" and settled(KIND, database.phase_since):
                del self.databases[name]
        return original(self, *args, **kwargs)

    @wrap(RDSBackend, "create_db_instance")
    def create_db_instance(original: Any, self: Any, db_kwargs: Any) -> Any:
        database = original(self, db_kwargs)
        begin(database, "creating")
        return database

    for operation in ("create_db_instance", "describe_db_instances", "delete_db_parameter_group", "delete_subnet_group"):
        wrap(RDSBackend, operation)(swept)


@patch
def final_snapshots() -> None:
    """AWS wants either a name for the last snapshot or the word that none is to be made (InvalidParameterCombination), and
    takes none of an instance that is being made or failed (InvalidDBInstanceState). moto deletes without either."""

    @wrap(RDSBackend, "delete_db_instance")
    def delete_db_instance(
        original: Any,
        self: Any,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> Any:
        name, last = db_instance_identifier, final_db_snapshot_identifier
        database = self.databases.get(name)
        if database and database.phase == "deleting":
            raise busy(f"Instance {name} is already being deleted.")
        if bool(last) == bool(skip_final_snapshot):
            raise InvalidParameterCombination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                if not last
                else "FinalDBSnapshotIdentifier cannot be specified when deleting without a snapshot"
            )
        if database and last and database.status not in CHANGEABLE:
            raise busy(f"Cannot create a snapshot because the database instance {name} is not currently in the available state.")
        database = original(self, name, last, skip_final_snapshot, delete_automated_backups)
        database.phase, database.phase_since = "deleting", now()
        if not settled(KIND, database.phase_since):
            self.databases[name] = database
        return database


@patch
def what_an_instance_uses_stays() -> None:
    """AWS deletes no subnet group (InvalidDBSubnetGroupStateFault) and no parameter group (InvalidDBParameterGroupState) that
    an instance uses, and changes the subnets of a group in place. moto deletes both from under it, and a subnet group by
    changing it."""

    @wrap(RDSBackend, "delete_subnet_group")
    def delete_subnet_group(original: Any, self: Any, subnet_name: str) -> Any:
        for database in self.databases.values():
            if database._db_subnet_group_name == subnet_name:
                raise RDSClientError(
                    "InvalidDBSubnetGroupStateFault",
                    f"Cannot delete the subnet group '{subnet_name}' because at least one database instance: "
                    f"{database.resource_id} is still using it.",
                )
        return original(self, subnet_name)

    @wrap(RDSBackend, "delete_db_parameter_group")
    def delete_db_parameter_group(original: Any, self: Any, db_parameter_group_name: str) -> Any:
        if any(database.db_parameter_group_name == db_parameter_group_name for database in self.databases.values()):
            raise RDSClientError(
                "InvalidDBParameterGroupState", "One or more database instances are still members of this parameter group"
            )
        return original(self, db_parameter_group_name)

    @wrap(RDSBackend, "create_subnet_group")
    def create_subnet_group(original: Any, self: Any, subnet_name: str, description: str, subnets: Any, tags: Any) -> Any:
        if subnet_name in self.subnet_groups:
            raise RDSClientError("DBSubnetGroupAlreadyExists", f"The DB subnet group {subnet_name} already exists.")
        _covers(subnets)
        return original(self, subnet_name, description, subnets, tags)

    @replace(RDSBackend, "modify_db_subnet_group")
    def modify_db_subnet_group(self: Any, subnet_name: str, description: str | None, subnets: Any) -> Any:
        group = self.describe_db_subnet_groups(subnet_name)[0]
        _covers(subnets)
        group.subnets = subnets
        group.description = description or group.description
        return group


def _covers(subnets: Any) -> None:
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise RDSClientError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs.",
        )
