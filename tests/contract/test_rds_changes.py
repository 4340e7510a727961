"""The database as it changes: what is resized, upgraded, rebooted or refused, what it takes its time for, and how it ends."""

from __future__ import annotations

import json

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.rds import instance as module
from support import tiers

from local_aws import transitions

ADDRESS = "db_instance/agentdb"
NAME = "prod-agentdb"
HOUR = 3600


@pytest.fixture
def whole(prepare):
    prepared = prepare("rds")
    prepared.on_whole()
    yield prepared
    prepared.aws.settings.clear()


@pytest.fixture
def rds(whole):
    return boto3.client("rds", region_name=whole.aws.region)


def database(rds, name=NAME):
    return rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def both_ways(whole, change, fields):
    """Apply what was planned first, see that it is just ``fields`` of the database, and that nothing is left to do."""
    parameters = {**whole.parameters, **change}
    planned = tiers.run(whole.tier, parameters, check_mode=True)
    assert tiers.changes(planned) == {(ADDRESS, "update", field) for field in fields}
    whole.aws.clear_requests()
    assert tiers.changes(tiers.run(whole.tier, parameters)) == tiers.changes(planned)
    assert tiers.run(whole.tier, parameters)["plan"] == []


def operations(whole):
    return [call.operation for call in whole.aws.writes()]


def refused(whole, change, *sentences):
    whole.aws.clear_requests()
    for check_mode in (True, False):
        result = tiers.attempt(whole.tier, {**whole.parameters, **change}, check_mode=check_mode)
        assert result["failed"], result
        for sentence in sentences:
            assert sentence in result["msg"]
    assert whole.aws.writes() == []


def test_everything_is_made_in_one_call_each(whole):
    whole.on_ground()
    tiers.run(whole.tier, whole.parameters)
    assert sorted(operations(whole)) == [
        "CreateDBInstance",
        "CreateDBParameterGroup",
        "CreateDBSubnetGroup",
        "CreateLogGroup",
        "CreateLogGroup",
        "CreateRole",
        "ModifyDBParameterGroup",
        "PutRetentionPolicy",
        "PutRetentionPolicy",
        "PutRolePolicy",
    ]


def test_storage_is_enlarged_in_place(whole, rds):
    made = database(rds)["DbiResourceId"]
    both_ways(whole, {"allocated_storage": 500}, {"allocated_storage"})
    assert (database(rds)["AllocatedStorage"], database(rds)["DbiResourceId"]) == (500, made)
    assert operations(whole) == ["ModifyDBInstance"]


def test_storage_that_grew_by_itself_is_no_drift(whole, rds):
    grown = {"AllocatedStorage": 700, "Iops": 12000, "StorageThroughput": 500}
    rds.modify_db_instance(DBInstanceIdentifier=NAME, ApplyImmediately=True, **grown)
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    both_ways(whole, {"iops": 16000}, {"iops"})
    assert (database(rds)["AllocatedStorage"], database(rds)["Iops"]) == (700, 16000)
    refused(whole, {"max_allocated_storage": 500}, "has 700 GiB and cannot shrink", "rds_max_allocated_storage is 500")


UNSET = {"iops": 0, "storage_throughput": 0}


def storage(rds):
    found = database(rds)
    return found["StorageType"], found["AllocatedStorage"], found["Iops"], found["StorageThroughput"]


def test_storage_grows_past_the_size_from_which_it_has_performance_of_its_own(whole, rds):
    """Neither operations nor throughput are set: they get AWS's least, and are named with each growth."""
    tiers.run(whole.tier, {**whole.parameters, "state": "absent", "final_snapshot": False})
    small = {**UNSET, "allocated_storage": 100}
    tiers.run(whole.tier, {**whole.parameters, **small})
    assert storage(rds) == ("gp3", 100, 3000, 125)
    both_ways(whole, {**small, "allocated_storage": 200}, {"allocated_storage"})
    assert storage(rds) == ("gp3", 200, 3000, 125)
    for size in (400, 500):
        both_ways(whole, {**UNSET, "allocated_storage": size}, {"allocated_storage"})
        assert storage(rds) == ("gp3", size, 12000, 500)


def test_performance_that_somebody_else_set_stays_when_the_storage_grows(whole, rds):
    theirs = {"AllocatedStorage": 400, "Iops": 20000, "StorageThroughput": 1000}
    rds.modify_db_instance(DBInstanceIdentifier=NAME, ApplyImmediately=True, **theirs)
    assert tiers.run(whole.tier, {**whole.parameters, **UNSET})["plan"] == []
    both_ways(whole, {**UNSET, "allocated_storage": 500}, {"allocated_storage"})
    assert storage(rds) == ("gp3", 500, 20000, 1000)


def test_storage_grows_by_a_tenth_at_least(whole):
    sentence = f"{ADDRESS}: rds_allocated_storage: the storage of {NAME} has 400 GiB"
    for size in (401, 439):
        refused(whole, {"allocated_storage": size}, sentence, f"and {size} is less: set it to 440 or more, or to 400")
    both_ways(whole, {"allocated_storage": 440}, {"allocated_storage"})


def test_a_second_change_of_the_storage_waits_for_its_hours(whole, rds):
    whole.aws.settings.transitions = {"db_storage": 6 * HOUR}
    both_ways(whole, {"allocated_storage": 500}, {"allocated_storage"})
    assert database(rds)["DBInstanceStatus"] == "storage-optimization"
    result = tiers.attempt(whole.tier, {**whole.parameters, "allocated_storage": 600})
    assert result["failed"] and f"{ADDRESS}: AWS changes the storage of a database once in six hours" in result["msg"]
    both_ways(whole, {"allocated_storage": 500, "multi_az": False}, {"multi_az"})
    whole.aws.skip(6 * HOUR)
    both_ways(whole, {"allocated_storage": 600, "multi_az": False}, {"allocated_storage"})


def test_storage_may_be_told_to_grow_no_more(whole, rds):
    both_ways(whole, {"max_allocated_storage": 0}, {"max_allocated_storage"})
    assert not database(rds).get("MaxAllocatedStorage")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"instance_class": "db.r6g.2xlarge"}, {"instance_class"}),
        ({"backup_retention_days": 7}, {"backup_retention_days"}),
        ({"insights_mode": "advanced"}, {"insights_mode"}),
        ({"log_exports": ["postgresql"]}, {"log_exports"}),
        ({"engine_version": "17.6"}, {"engine_version"}),
        ({"instance_class": "db.r6g.2xlarge", "backup_retention_days": 7}, {"instance_class", "backup_retention_days"}),
    ],
    ids=lambda value: " and ".join(sorted(value)),
)
def test_a_change_is_one_call(whole, rds, change, fields):
    made = database(rds)["DbiResourceId"]
    both_ways(whole, change, fields)
    assert operations(whole) == ["ModifyDBInstance"]
    assert database(rds)["DbiResourceId"] == made


def test_force_ssl_is_flipped_without_a_reboot_and_other_parameters_wait_for_one(whole, rds):
    group = "db_parameter_group/agentdb-postgres17"
    off = {**whole.parameters, "force_ssl": False}
    result = tiers.run(whole.tier, off)
    assert tiers.changes(result) == {(group, "update", "parameters")}
    assert "waiting_for_reboot" not in result["resources"][group]
    assert tiers.run(whole.tier, off)["resources"][ADDRESS]["waiting_for_reboot"] is False
    static = {**whole.parameters, "parameters": {"max_connections": 200}}
    result = tiers.run(whole.tier, static)
    assert result["resources"][group]["waiting_for_reboot"] == ["max_connections"]
    again = tiers.run(whole.tier, static)
    assert (again["plan"], again["resources"][ADDRESS]["waiting_for_reboot"]) == ([], True)
    assert "RebootDBInstance" not in operations(whole)
    found = rds.describe_db_parameters(DBParameterGroupName="prod-agentdb-postgres17", Source="user")["Parameters"]
    # TLS enforced is the default of this family, which AWS does not call set.
    assert {item["ParameterName"]: item["ParameterValue"] for item in found} == {"max_connections": "200"}


def test_parameters_that_equal_the_default_are_no_drift(whole):
    """AWS tells of them as it does of those that nobody set."""
    parameters = {**whole.parameters, "parameters": {"autovacuum": 1, "log_checkpoints": 0}}
    tiers.run(whole.tier, parameters)
    whole.aws.clear_requests()
    assert tiers.run(whole.tier, parameters)["plan"] == []
    assert operations(whole) == []
    back = {**whole.parameters, "parameters": {"autovacuum": 1, "log_checkpoints": 1}}
    assert tiers.changes(tiers.run(whole.tier, back)) == {("db_parameter_group/agentdb-postgres17", "update", "parameters")}
    assert tiers.run(whole.tier, back)["plan"] == []
    assert tiers.run(whole.tier, {**whole.parameters, "parameters": {}})["plan"] == []


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"log_everything": 1}, "rds_parameters: 'log_everything' is no parameter of postgres17"),
        ({"wal_level": "logical"}, "rds_parameters: 'wal_level' of postgres17 cannot be changed"),
        ({"log_connections": 2}, "rds_parameters: '2' for log_connections is not among what postgres17 takes: 0,1"),
        ({"work_mem": 1}, "rds_parameters: '1' for work_mem is not among what postgres17 takes: 64-2147483647"),
    ],
)
def test_parameters_that_the_engine_does_not_take_are_refused(whole, parameters, sentence):
    refused(whole, {"parameters": parameters}, sentence)
    whole.on_ground()
    refused(whole, {"parameters": parameters}, sentence)


def test_a_formula_is_for_aws_to_judge(whole):
    parameters = {**whole.parameters, "parameters": {"max_connections": "LEAST({DBInstanceClassMemory/9531392},300)"}}
    tiers.run(whole.tier, parameters)
    assert tiers.run(whole.tier, parameters)["plan"] == []


def test_minor_versions_that_aws_took_stay(whole, rds):
    rds.modify_db_instance(DBInstanceIdentifier=NAME, EngineVersion="17.6", ApplyImmediately=True)
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    for version in ("17", "17.6"):
        assert tiers.run(whole.tier, {**whole.parameters, "engine_version": version})["plan"] == []


def test_versions_out_of_reach_are_refused(whole):
    refused(whole, {"engine_version": "16"}, "rds_engine_version: prod-agentdb runs 17.4", "does not bring a database back to 16")
    refused(whole, {"engine_version": "18"}, "a major upgrade", "rds_allow_major_upgrade: true")
    refused(whole, {"engine_version": "17.5"}, "from which RDS does not upgrade to 17.5: use one of 17.6, 18.1")
    whole.on_ground()
    refused(whole, {"engine_version": "19"}, "rds_engine_version: RDS has no postgres 19 in us-east-1")


def test_a_major_upgrade_that_is_allowed_takes_its_own_parameter_group(whole, rds):
    parameters = {**whole.parameters, "engine_version": "18", "allow_major_upgrade": True}
    planned = tiers.run(whole.tier, parameters, check_mode=True)
    assert tiers.addresses(planned) == {ADDRESS: "update", "db_parameter_group/agentdb-postgres18": "create"}
    assert tiers.changes(tiers.run(whole.tier, parameters)) == tiers.changes(planned)
    assert database(rds)["EngineVersion"] == "18.1"
    again = tiers.run(whole.tier, parameters)
    assert (again["plan"], again["unmanaged"]) == ([], ["db_parameter_group/agentdb-postgres17"])
    assert again["resources"][ADDRESS]["waiting_for_reboot"] is True


def test_changes_may_wait_for_the_maintenance_window(whole, rds):
    later = {"instance_class": "db.r6g.2xlarge", "apply_immediately": False}
    both_ways(whole, later, {"instance_class"})
    assert database(rds)["DBInstanceClass"] == "db.r6g.large"
    result = tiers.run(whole.tier, {**whole.parameters, **later})
    assert result["resources"][ADDRESS]["scheduled"] == ["instance_class"]
    # What was scheduled is called off when it is wanted no more, and made when it may be made at once.
    both_ways(whole, {}, {"instance_class"})
    assert not database(rds).get("PendingModifiedValues")
    tiers.run(whole.tier, {**whole.parameters, **later})
    both_ways(whole, {"instance_class": "db.r6g.2xlarge"}, {"instance_class"})
    assert database(rds)["DBInstanceClass"] == "db.r6g.2xlarge"


def test_subnets_of_another_zone_are_added(whole, rds):
    vpc = tiers.load("vpc")
    from contract.cases import vpc as data

    zones = [*data.PARAMS["availability_zones"], {"zone": "us-east-1c", "index": 2}]
    tiers.run(vpc, tiers.with_defaults(vpc, {**data.PARAMS, "availability_zones": zones}))
    parameters = {**whole.parameters, "zones": [*whole.parameters["zones"], "us-east-1c"]}
    assert tiers.changes(tiers.run(whole.tier, parameters)) == {("db_subnet_group/agentdb", "update", "subnets")}
    assert len(rds.describe_db_subnet_groups()["DBSubnetGroups"][0]["Subnets"]) == 3
    assert tiers.run(whole.tier, parameters)["plan"] == []


@pytest.mark.parametrize(
    "change", [{"database": "other"}, {"master_username": "other"}, {"key": "storage"}, {"password_key": "rds"}]
)
def test_what_would_take_another_database_is_refused(whole, change):
    refused(whole, change, ADDRESS, "make a new one under another name and move over")


def test_the_password_is_in_no_result_and_no_call(whole):
    whole.on_ground()
    result = tiers.run(whole.tier, whole.parameters)
    secret = boto3.client("secretsmanager", region_name=whole.aws.region)
    arn = result["resources"][ADDRESS]["master_secret_arn"]
    value = json.loads(secret.get_secret_value(SecretId=arn)["SecretString"])
    assert value["username"] == "agentadmin"
    assert value["password"] not in json.dumps(result)
    assert "GetSecretValue" not in [call.operation for call in whole.aws.requests[:-1]]


def test_it_is_waited_for_when_the_tier_runs_alone(whole):
    whole.on_ground()
    whole.aws.settings.transitions = {"db_instance": 60}
    result = tiers.run(whole.tier, whole.parameters)
    assert result["resources"][ADDRESS]["endpoint"]
    changed = {**whole.parameters, "instance_class": "db.r6g.2xlarge", "multi_az": False}
    tiers.run(whole.tier, changed)
    assert tiers.run(whole.tier, changed)["plan"] == []
    whole.aws.clear_requests()
    tiers.run(whole.tier, {**changed, "state": "absent"})
    assert operations(whole)[0] == "DeleteDBInstance"


def test_start_leaves_it_and_await_finishes_it_without_a_change(whole, rds):
    whole.on_ground()
    whole.aws.settings.transitions = {"db_instance": 60}
    begun = tiers.run(whole.tier, {**whole.parameters, "verb": "start"})
    assert begun["awaiting"] == [ADDRESS]
    assert "endpoint" not in begun["resources"][ADDRESS]
    whole.aws.clear_requests()
    finished = tiers.run(whole.tier, {**whole.parameters, "verb": "await"})
    assert (finished["plan"], whole.aws.writes()) == ([], [])
    assert finished["resources"][ADDRESS]["endpoint"]
    changed = {**whole.parameters, "instance_class": "db.r6g.2xlarge"}
    assert tiers.run(whole.tier, {**changed, "verb": "start"})["awaiting"] == [ADDRESS]
    whole.aws.clear_requests()
    assert tiers.run(whole.tier, {**changed, "verb": "await"})["plan"] == []
    assert (whole.aws.writes(), database(rds)["DBInstanceClass"]) == ([], "db.r6g.2xlarge")


def test_a_change_waits_for_a_backup(whole, rds, monkeypatch):
    from moto.rds.models import DBInstance

    standing = DBInstance.status
    until = transitions.now() + 30
    busy = property(lambda self: "backing-up" if transitions.now() < until else standing.fget(self), standing.fset)
    monkeypatch.setattr(DBInstance, "status", busy)
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []
    both_ways(whole, {"multi_az": False}, {"multi_az"})


@pytest.mark.parametrize(
    ("state", "reason"),
    [("failed", "no capacity in the zone"), ("incompatible-network", "incompatible-network: the subnet has no free address")],
)
def test_a_creation_that_fails_says_why_and_what_to_do(whole, state, reason):
    whole.on_ground()
    whole.aws.settings.failures = {"db_instance": reason}
    text = reason.removeprefix(f"{state}: ")
    first = tiers.attempt(whole.tier, whole.parameters)
    assert first["failed"] and f"{ADDRESS} ended in state {state}: {text}; look at its events" in first["msg"]
    whole.aws.settings.clear()
    whole.aws.clear_requests()
    again = tiers.attempt(whole.tier, whole.parameters)
    assert again["failed"] and state in again["msg"] and text in again["msg"]
    assert whole.aws.writes() == []
    gone = tiers.attempt(whole.tier, {**whole.parameters, "state": "absent"})
    assert gone["failed"] and "rds_final_snapshot: false" in gone["msg"]
    tiers.run(whole.tier, {**whole.parameters, "state": "absent", "final_snapshot": False})
    assert tiers.run(whole.tier, whole.parameters)["resources"][ADDRESS]["endpoint"]


def test_a_full_storage_is_mended_by_more(whole, rds):
    whole.aws.settings.failures = {"db_instance": "storage-full: no space left"}
    result = tiers.attempt(whole.tier, {**whole.parameters, "multi_az": False})
    assert result["failed"] and "ended in state storage-full: no space left" in result["msg"]
    whole.aws.settings.clear()
    stuck = tiers.attempt(whole.tier, {**whole.parameters, "multi_az": False})
    assert stuck["failed"] and "storage-full" in stuck["msg"]
    both_ways(whole, {"multi_az": False, "allocated_storage": 600}, {"allocated_storage"})


def test_absent_refuses_a_protected_database_until_told_otherwise(whole, rds):
    tiers.run(whole.tier, {**whole.parameters, "deletion_protection": True})
    refused(whole, {"state": "absent"}, ADDRESS, "set rds_deletion_protection: false and apply that first")
    tiers.run(whole.tier, whole.parameters)
    tiers.run(whole.tier, {**whole.parameters, "state": "absent"})
    assert rds.describe_db_instances()["DBInstances"] == []


def test_final_snapshots_do_not_clash_and_everything_else_goes(whole, rds, monkeypatch):
    taken = iter(["20260101000000", "20260102000000"])
    monkeypatch.setattr(module, "final_name", lambda identity: f"{identity}-final-{next(taken)}")
    secrets = boto3.client("secretsmanager", region_name=whole.aws.region)
    arns = set()
    for _round in range(2):
        arns.add(tiers.run(whole.tier, whole.parameters)["resources"][ADDRESS]["master_secret_arn"])
        tiers.run(whole.tier, {**whole.parameters, "state": "absent"})
    snapshots = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    names = sorted(item["DBSnapshotIdentifier"] for item in snapshots)
    assert names == [f"{NAME}-final-20260101000000", f"{NAME}-final-20260102000000"]
    tags = {tag["Key"]: tag["Value"] for tag in snapshots[0]["TagList"]}
    assert tags["agent-platform:address"] == ADDRESS
    assert len(arns) == 2
    assert not [item for item in secrets.list_secrets()["SecretList"] if item["Name"].startswith("rds!")]
    assert rds.describe_db_subnet_groups()["DBSubnetGroups"] == []
    logs = boto3.client("logs", region_name=whole.aws.region)
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"] == []


def test_without_a_final_snapshot_none_is_left(whole, rds):
    tiers.run(whole.tier, {**whole.parameters, "state": "absent", "final_snapshot": False})
    assert rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []


def test_an_absent_that_was_cut_off_waits_for_what_is_being_deleted(whole, rds):
    whole.aws.settings.transitions = {"db_instance": 60}
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    whole.aws.clear_requests()
    tiers.run(whole.tier, {**whole.parameters, "state": "absent"})
    assert "DeleteDBInstance" not in operations(whole)
    assert rds.describe_db_subnet_groups()["DBSubnetGroups"] == []


def test_one_that_is_being_deleted_is_waited_for_before_another_is_made(whole, rds):
    before = database(rds)["DbiResourceId"]
    whole.aws.settings.transitions = {"db_instance": 60}
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert tiers.addresses(tiers.run(whole.tier, whole.parameters)) == {ADDRESS: "create"}
    assert database(rds)["DbiResourceId"] != before


def test_what_left_the_configuration_stays_and_is_named(whole):
    result = tiers.run(whole.tier, {**whole.parameters, "name": "otherdb", "final_snapshot": False})
    assert ADDRESS in result["unmanaged"]
    assert {"db_parameter_group/agentdb-postgres17", "db_subnet_group/agentdb"} <= set(result["unmanaged"])


def test_the_cluster_comes_first(whole):
    result = tiers.attempt(whole.tier, {**whole.parameters, "cluster_name": "prod-agent-platform"})
    assert (
        result["failed"] and "needs eks_cluster/prod-agent-platform" in result["msg"] and "run the eks tier first" in result["msg"]
    )
