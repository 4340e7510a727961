"""RDS as AWS has it."""

from __future__ import annotations

import json

import pytest

NAME = "things"


@pytest.fixture
def rds(client):
    return client("rds")


@pytest.fixture
def subnets(client):
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for number, zone in enumerate("aab")
    ]


@pytest.fixture
def key(client):
    return client("kms").create_key()["KeyMetadata"]["Arn"]


def create(rds, **more):
    arguments = {"DBInstanceClass": "db.r6g.large", "Engine": "postgres", "EngineVersion": "17", "StorageType": "gp3"}
    arguments |= {"AllocatedStorage": 100, "MasterUsername": "boss", "ManageMasterUserPassword": True, **more}
    return rds.create_db_instance(DBInstanceIdentifier=NAME, **arguments)["DBInstance"]


def change(rds, immediately=True, **arguments):
    return rds.modify_db_instance(DBInstanceIdentifier=NAME, ApplyImmediately=immediately, **arguments)["DBInstance"]


def read(rds):
    return rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]


def test_an_instance_takes_its_time(aws, rds, refused):
    aws.settings.transitions = {"db_instance": 30}
    made = create(rds)
    assert (made["DBInstanceStatus"], made.get("Endpoint")) == ("creating", None)
    refused("InvalidDBInstanceState", change, rds=rds, MultiAZ=True)
    refused("InvalidDBInstanceState", rds.delete_db_instance, DBInstanceIdentifier=NAME, FinalDBSnapshotIdentifier="last")
    aws.skip(30)
    assert (read(rds)["DBInstanceStatus"], read(rds)["Endpoint"]["Port"]) == ("available", 5432)
    change(rds, MultiAZ=True)
    assert (read(rds)["DBInstanceStatus"], read(rds)["MultiAZ"]) == ("modifying", False)
    assert read(rds)["PendingModifiedValues"] == {"MultiAZ": True}
    aws.skip(30)
    assert (read(rds)["DBInstanceStatus"], read(rds)["MultiAZ"]) == ("available", True)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert read(rds)["DBInstanceStatus"] == "deleting"
    refused("InvalidDBInstanceState", rds.delete_db_instance, DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    aws.skip(30)
    refused("DBInstanceNotFound", rds.describe_db_instances, DBInstanceIdentifier=NAME)


@pytest.mark.parametrize(
    ("reason", "state", "message"),
    [("no room", "failed", "no room"), ("storage-full: no space", "storage-full", "no space")],
)
def test_a_creation_ends_in_a_failed_state_with_an_event(aws, rds, reason, state, message):
    aws.settings.failures = {"db_instance": reason}
    create(rds)
    assert read(rds)["DBInstanceStatus"] == state
    events = rds.describe_events(SourceIdentifier=NAME, SourceType="db-instance")["Events"]
    assert [event["Message"] for event in events if event["EventCategories"] == ["failure"]] == [message]
    if state == "storage-full":
        aws.settings.clear()
        change(rds, AllocatedStorage=200)
        assert read(rds)["DBInstanceStatus"] == "available"


def test_two_instances_are_two(rds):
    first = create(rds)["DbiResourceId"]
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert create(rds)["DbiResourceId"] != first


def test_a_deletion_says_what_becomes_of_the_data(rds, refused):
    create(rds)
    refused("InvalidParameterCombination", rds.delete_db_instance, DBInstanceIdentifier=NAME)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, FinalDBSnapshotIdentifier="last")
    create(rds)
    refused("DBSnapshotAlreadyExists", rds.delete_db_instance, DBInstanceIdentifier=NAME, FinalDBSnapshotIdentifier="last")
    assert read(rds)["DBInstanceStatus"] == "available"


def test_what_is_scheduled_waits_and_can_be_called_off(rds):
    create(rds)
    change(rds, immediately=False, DBInstanceClass="db.r6g.xlarge", BackupRetentionPeriod=9)
    assert (read(rds)["DBInstanceClass"], read(rds)["BackupRetentionPeriod"]) == ("db.r6g.large", 9)
    assert read(rds)["PendingModifiedValues"] == {"DBInstanceClass": "db.r6g.xlarge"}
    change(rds, immediately=False, DBInstanceClass="db.r6g.large")
    assert not read(rds).get("PendingModifiedValues")
    change(rds, immediately=False, DBInstanceClass="db.r6g.xlarge")
    change(rds, MultiAZ=True)
    assert (read(rds)["DBInstanceClass"], read(rds)["MultiAZ"]) == ("db.r6g.xlarge", True)


def test_storage_never_shrinks_grows_by_a_tenth_and_rests(aws, rds, refused):
    create(rds)
    aws.settings.transitions = {"db_storage": 600}
    refused("InvalidParameterCombination", change, rds=rds, AllocatedStorage=99)
    refused("InvalidParameterCombination", change, rds=rds, AllocatedStorage=109)
    change(rds, AllocatedStorage=110)
    assert (read(rds)["AllocatedStorage"], read(rds)["DBInstanceStatus"]) == (110, "storage-optimization")
    assert "previous storage change" in refused("InvalidParameterCombination", change, rds=rds, AllocatedStorage=500)
    aws.skip(600)
    refused("InvalidParameterCombination", change, rds=rds, Iops=12000)
    assert (read(rds)["Iops"], read(rds)["StorageThroughput"]) == (3000, 125)
    refused("InvalidParameterCombination", change, rds=rds, AllocatedStorage=400)
    refused("InvalidParameterCombination", change, rds=rds, AllocatedStorage=400, Iops=12000)
    change(rds, AllocatedStorage=400, Iops=12000, StorageThroughput=500)
    assert (read(rds)["Iops"], read(rds)["StorageThroughput"]) == (12000, 500)


def test_versions_are_those_that_there_are(rds, refused):
    refused("InvalidParameterCombination", create, rds=rds, EngineVersion="99")
    made = create(rds, EngineVersion="16")["EngineVersion"]
    (found,) = rds.describe_db_engine_versions(Engine="postgres", EngineVersion=made)["DBEngineVersions"]
    targets = [target["EngineVersion"] for target in found["ValidUpgradeTarget"]]
    assert targets and not [target for target in targets if target.startswith("15.")]
    refused("InvalidParameterCombination", change, rds=rds, EngineVersion="15")
    refused("InvalidParameterCombination", change, rds=rds, EngineVersion="17")
    change(rds, EngineVersion="17", AllowMajorVersionUpgrade=True)
    assert read(rds)["EngineVersion"].startswith("17.")


def test_a_subnet_group_keeps_standing_when_changed_and_while_used(rds, subnets, refused):
    rds.create_db_subnet_group(DBSubnetGroupName="some", DBSubnetGroupDescription="d", SubnetIds=subnets[1:])
    one_zone = {"DBSubnetGroupName": "few", "DBSubnetGroupDescription": "d", "SubnetIds": subnets[:2]}
    refused("DBSubnetGroupDoesNotCoverEnoughAZs", rds.create_db_subnet_group, **one_zone)
    create(rds, DBSubnetGroupName="some")
    rds.modify_db_subnet_group(DBSubnetGroupName="some", SubnetIds=subnets)
    (group,) = rds.describe_db_subnet_groups(DBSubnetGroupName="some")["DBSubnetGroups"]
    assert len(group["Subnets"]) == 3
    refused("InvalidDBSubnetGroupStateFault", rds.delete_db_subnet_group, DBSubnetGroupName="some")


def test_parameters_have_types_and_take_effect_in_their_time(rds, refused):
    group = {"DBParameterGroupName": "tuned"}
    rds.create_db_parameter_group(**group, DBParameterGroupFamily="postgres17", Description="d")
    create(rds, **group)

    def item(name, value, method="immediate"):
        return {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}

    refused("InvalidParameterValue", rds.modify_db_parameter_group, **group, Parameters=[item("nothing", "1")])
    static = [item("max_connections", "50")]
    refused("InvalidParameterCombination", rds.modify_db_parameter_group, **group, Parameters=static)
    rds.modify_db_parameter_group(**group, Parameters=[item("log_connections", "1")])
    assert read(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    rds.modify_db_parameter_group(**group, Parameters=[item("max_connections", "50", "pending-reboot")])
    assert read(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    rds.reboot_db_instance(DBInstanceIdentifier=NAME)
    assert read(rds)["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    reset = [{"ParameterName": "max_connections", "ApplyMethod": "pending-reboot"}]
    rds.reset_db_parameter_group(**group, ResetAllParameters=False, Parameters=reset)
    mine = rds.describe_db_parameters(**group, Source="user")["Parameters"]
    assert [(found["ParameterName"], found["ParameterValue"]) for found in mine] == [("log_connections", "1")]
    defaults = rds.describe_engine_default_parameters(DBParameterGroupFamily="postgres17")["EngineDefaults"]["Parameters"]
    assert {found["ApplyType"] for found in defaults} == {"static", "dynamic"}
    assert len(rds.describe_db_parameters(**group)["Parameters"]) == len(defaults)
    rds.modify_db_parameter_group(**group, Parameters=[item("rds.force_ssl", "1"), item("autovacuum", "0")])
    shown = {found["ParameterName"]: found for found in rds.describe_db_parameters(**group)["Parameters"]}
    assert (shown["rds.force_ssl"]["Source"], shown["rds.force_ssl"]["ParameterValue"]) == ("system", "1")
    assert (shown["autovacuum"]["Source"], shown["log_statement"]["Source"]) == ("user", "engine-default")
    refused("InvalidDBParameterGroupState", rds.delete_db_parameter_group, **group)


def test_a_parameter_group_of_another_version_is_refused(rds, refused):
    rds.create_db_parameter_group(DBParameterGroupName="old", DBParameterGroupFamily="postgres16", Description="d")
    refused("InvalidParameterCombination", create, rds=rds, DBParameterGroupName="old")


def test_the_managed_secret_is_random_rotated_and_on_its_key(rds, client, key, refused):
    values = set()
    for _round in range(2):
        made = create(rds, MasterUserSecretKmsKeyId=key)["MasterUserSecret"]
        described = client("secretsmanager").describe_secret(SecretId=made["SecretArn"])
        assert (described["KmsKeyId"], described["RotationEnabled"]) == (key, True)
        assert described["RotationRules"] == {"AutomaticallyAfterDays": 7}
        value = json.loads(client("secretsmanager").get_secret_value(SecretId=made["SecretArn"])["SecretString"])
        assert value["username"] == "boss"
        values.add(value["password"])
        refused("InvalidParameterCombination", change, rds=rds, MasterUserSecretKmsKeyId=key)
        rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    assert len(values) == 2


def test_insights_are_shown_and_their_key_stays(rds, key, refused):
    create(rds, EnablePerformanceInsights=True, PerformanceInsightsKMSKeyId=key)
    found = read(rds)
    assert (found["DatabaseInsightsMode"], found["PerformanceInsightsRetentionPeriod"]) == ("standard", 7)
    refused("InvalidParameterCombination", change, rds=rds, DatabaseInsightsMode="advanced")
    other = key.rpartition("/")[0] + "/00000000-0000-0000-0000-000000000000"
    refused("InvalidParameterCombination", change, rds=rds, PerformanceInsightsKMSKeyId=other)
    change(rds, DatabaseInsightsMode="advanced", EnablePerformanceInsights=True, PerformanceInsightsRetentionPeriod=465)
    assert (read(rds)["DatabaseInsightsMode"], read(rds)["PerformanceInsightsKMSKeyId"]) == ("advanced", key)


def test_exported_logs_have_groups(rds, client):
    create(rds, EnableCloudwatchLogsExports=["postgresql"])
    change(rds, CloudwatchLogsExportConfiguration={"EnableLogTypes": ["upgrade"]})
    found = client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/rds/instance/{NAME}/")["logGroups"]
    assert [(group["logGroupName"].split("/")[-1], group.get("kmsKeyId")) for group in found] == [
        ("postgresql", None),
        ("upgrade", None),
    ]


def test_monitoring_ends_with_its_role(rds):
    create(rds, MonitoringInterval=60, MonitoringRoleArn="arn:aws:iam::123456789012:role/watcher")
    change(rds, MonitoringInterval=0)
    assert (read(rds)["MonitoringInterval"], read(rds).get("MonitoringRoleArn")) == (0, None)
