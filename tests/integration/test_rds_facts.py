"""What the diagrams and the issue say about the database, read back with plain boto3."""

from __future__ import annotations

import pytest

both = pytest.mark.parametrize("scratch", ["dev", "prod"], indirect=True)


def database(platform):
    name = f"{platform.environment}-agentdb"
    return platform.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def key(platform, name):
    alias = f"alias/{platform.environment}/{name if platform.is_prod else 'shared'}"
    return platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]


def parameters(platform):
    (group,) = database(platform)["DBParameterGroups"]
    assert group["ParameterApplyStatus"] == "in-sync"
    name = group["DBParameterGroupName"]
    items = platform.client("rds").describe_db_parameters(DBParameterGroupName=name)["Parameters"]
    return {item["ParameterName"]: item["ParameterValue"] for item in items if "ParameterValue" in item}


def secret(platform):
    arn = database(platform)["MasterUserSecret"]["SecretArn"]
    return platform.client("secretsmanager").describe_secret(SecretId=arn)


def test_just_one_database_stands(platform):
    found = platform.client("rds").describe_db_instances()["DBInstances"]
    assert [item["DBInstanceIdentifier"] for item in found] == [f"{platform.environment}-agentdb"]
    assert found[0]["DBInstanceStatus"] == "available"


def test_is_postgresql_on_5432(platform):
    found = database(platform)
    assert (found["Engine"], found["EngineVersion"].split(".")[0], found["Endpoint"]["Port"]) == ("postgres", "17", 5432)


def test_the_database_is_agentdb(platform):
    assert database(platform)["DBName"] == "agentdb"


def test_prod_has_a_standby_and_dev_has_none(platform):
    assert database(platform)["MultiAZ"] is platform.is_prod


def test_runs_on_graviton(platform):
    assert database(platform)["DBInstanceClass"] == ("db.r6g.large" if platform.is_prod else "db.t4g.medium")


def test_is_encrypted_with_its_key(platform):
    found = database(platform)
    assert (found["StorageEncrypted"], found["KmsKeyId"]) == (True, key(platform, "rds"))


def test_gp3_storage_grows_to_a_maximum(platform):
    found = database(platform)
    sizes = (100, 1000) if platform.is_prod else (20, 100)
    assert (found["StorageType"], found["AllocatedStorage"], found["MaxAllocatedStorage"]) == ("gp3", *sizes)


def test_backups_reach_back_30_days(platform):
    found = database(platform)
    assert (found["BackupRetentionPeriod"], found["PreferredBackupWindow"]) == (30, "03:00-04:00")
    assert found["CopyTagsToSnapshot"] is True


def test_nobody_connects_without_tls(platform):
    assert parameters(platform)["rds.force_ssl"] == "1"


def test_its_log_tells_of_connections_and_slow_statements(platform):
    found = parameters(platform)
    assert {found["log_connections"], found["log_disconnections"]} == {"1"}
    assert (found["log_min_duration_statement"], found["log_statement"]) == ("1000", "ddl")


def test_the_parameter_group_is_of_its_version(platform):
    name = database(platform)["DBParameterGroups"][0]["DBParameterGroupName"]
    (group,) = platform.client("rds").describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"]
    assert (name, group["DBParameterGroupFamily"]) == (f"{platform.environment}-agentdb-postgres17", "postgres17")


def test_the_password_is_rdss_own_on_the_secrets_key(platform):
    found = database(platform)["MasterUserSecret"]
    assert found["KmsKeyId"] == key(platform, "secrets")
    assert secret(platform)["KmsKeyId"] == key(platform, "secrets")
    assert secret(platform)["OwningService"] == "rds"


def test_the_password_is_rotated(platform):
    found = secret(platform)
    assert (found["RotationEnabled"], found["RotationRules"]) == (True, {"AutomaticallyAfterDays": 7})


def test_is_in_the_database_subnets(platform):
    group = database(platform)["DBSubnetGroup"]
    names = {"Name": "tag:agent-platform:address", "Values": ["subnet/database-*"]}
    mine = {"Name": "tag:agent-platform:deployment", "Values": [platform.deployment]}
    expected = {item["SubnetId"] for item in platform.client("ec2").describe_subnets(Filters=[names, mine])["Subnets"]}
    assert {subnet["SubnetIdentifier"] for subnet in group["Subnets"]} == expected
    assert len(expected) == 3
    assert len({subnet["SubnetAvailabilityZone"]["Name"] for subnet in group["Subnets"]}) == 3


def test_only_the_workers_reach_it(platform):
    (group,) = database(platform)["VpcSecurityGroups"]
    ec2 = platform.client("ec2")
    (found,) = ec2.describe_security_groups(GroupIds=[group["VpcSecurityGroupId"]])["SecurityGroups"]
    (rule,) = found["IpPermissions"]
    (peer,) = rule["UserIdGroupPairs"]
    (workers,) = ec2.describe_security_groups(GroupIds=[peer["GroupId"]])["SecurityGroups"]
    assert (found["GroupName"], workers["GroupName"]) == (f"{platform.environment}-rds", f"{platform.environment}-workers")
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == ("tcp", 5432, 5432, [])
    assert found["IpPermissionsEgress"] == []


def test_is_not_public(platform):
    assert database(platform)["PubliclyAccessible"] is False


def test_enhanced_monitoring_has_its_role(platform):
    found = database(platform)
    name = f"{platform.deployment}-rds-monitoring"
    assert (found["MonitoringInterval"], found["MonitoringRoleArn"].split("/")[-1]) == (60, name)
    role = platform.client("iam").get_role(RoleName=name)["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "monitoring.rds.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": platform.account_id}


def test_database_insights_are_on_and_encrypted(platform):
    found = database(platform)
    assert (found["DatabaseInsightsMode"], found["PerformanceInsightsEnabled"]) == ("standard", True)
    assert (found["PerformanceInsightsRetentionPeriod"], found["PerformanceInsightsKMSKeyId"]) == (7, key(platform, "rds"))


@pytest.mark.parametrize("kind", ["postgresql", "upgrade"])
def test_logs_are_exported_encrypted_and_kept(platform, kind):
    found = database(platform)
    assert kind in found["EnabledCloudwatchLogsExports"]
    name = f"/aws/rds/instance/{found['DBInstanceIdentifier']}/{kind}"
    (group,) = platform.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert (group["kmsKeyId"], group["retentionInDays"]) == (key(platform, "storage"), 90 if platform.is_prod else 14)


def test_deletion_protection_is_prods(platform):
    assert database(platform)["DeletionProtection"] is platform.is_prod


def test_takes_minor_versions_by_itself_in_its_window(platform):
    found = database(platform)
    assert (found["AutoMinorVersionUpgrade"], found["PreferredMaintenanceWindow"]) == (True, "sun:05:00-sun:06:00")


def test_has_no_replica(platform):
    assert database(platform)["ReadReplicaDBInstanceIdentifiers"] == []


def test_its_certificate_is_of_the_configured_authority(platform):
    assert database(platform)["CACertificateIdentifier"] == "rds-ca-rsa2048-g1"


def test_carries_the_ownership_tags(platform):
    tags = {tag["Key"]: tag["Value"] for tag in database(platform)["TagList"]}
    assert tags["agent-platform:deployment"] == platform.deployment
    assert tags["agent-platform:address"] == "db_instance/agentdb"


def test_result_says_where_it_and_its_secret_are(platform):
    result = platform.first["rds"]["resources"]["db_instance/agentdb"]
    found = database(platform)
    assert (result["endpoint"], result["port"]) == (found["Endpoint"]["Address"], 5432)
    assert result["master_secret_arn"] == found["MasterUserSecret"]["SecretArn"]


def test_absent_refuses_a_protected_database(scratch):
    done = scratch.run("playbooks/rds.yml", "-e", "rds_state=absent")
    assert done.returncode != 0
    assert "rds_deletion_protection" in done.stdout + done.stderr
    assert database(scratch)["DBInstanceStatus"] == "available"


def test_prod_leaves_a_snapshot_and_comes_back(scratch):
    scratch.results("playbooks/rds.yml", "-e", "rds_deletion_protection=false")
    scratch.results("playbooks/rds.yml", "-e", "rds_state=absent")
    (snapshot,) = scratch.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("prod-agentdb-final-")
    scratch.results("playbooks/rds.yml")
    assert not scratch.results("playbooks/rds.yml")["rds"]["changed"]


def test_another_database_name_is_refused_before_anything_is_touched(scratch):
    scratch.local.clear_requests()
    done = scratch.run("playbooks/rds.yml", "-e", "rds_database=other", "-e", "rds_instance_class=db.r6g.xlarge")
    assert done.returncode != 0
    assert "db_instance/agentdb" in done.stdout + done.stderr
    assert [call for call in scratch.local.requests() if call["access"] == "write"] == []
