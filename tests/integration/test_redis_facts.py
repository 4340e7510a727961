"""What the diagrams and the issue say about the cache, read back with plain boto3."""

from __future__ import annotations

import pytest

PROD_NODES, DEV_NODES = 3, 1


def group_id(platform):
    return f"{platform.environment}-redis"


def group(platform):
    return platform.client("elasticache").describe_replication_groups(ReplicationGroupId=group_id(platform))["ReplicationGroups"][0]


def nodes(platform):
    found = platform.client("elasticache").describe_cache_clusters()["CacheClusters"]
    return [node for node in found if node.get("ReplicationGroupId") == group_id(platform)]


def key_arn(platform, name):
    name = name if platform.environment == "prod" else "shared"
    return platform.client("kms").describe_key(KeyId=f"alias/{platform.environment}/{name}")["KeyMetadata"]["Arn"]


def secret(platform):
    return platform.client("secretsmanager").describe_secret(SecretId=f"{platform.environment}/redis-auth-token")


def is_prod(platform):
    return platform.environment == "prod"


def test_just_the_one_cache_stands(platform):
    found = platform.client("elasticache").describe_replication_groups()["ReplicationGroups"]
    assert [item["ReplicationGroupId"] for item in found] == [group_id(platform)]


def test_three_nodes_in_prod_and_one_in_dev(platform):
    assert len(nodes(platform)) == (PROD_NODES if is_prod(platform) else DEV_NODES)
    assert len(group(platform)["NodeGroups"][0]["NodeGroupMembers"]) == len(nodes(platform))


def test_cluster_mode_is_disabled(platform):
    assert not group(platform)["ClusterEnabled"]
    assert len(group(platform)["NodeGroups"]) == 1


def test_prod_fails_over_to_another_zone(platform):
    expected = "enabled" if is_prod(platform) else "disabled"
    assert (group(platform)["AutomaticFailover"], group(platform)["MultiAZ"]) == (expected, expected)
    assert len({node["PreferredAvailabilityZone"] for node in nodes(platform)}) == len(nodes(platform))


def test_the_nodes_are_graviton(platform):
    assert group(platform)["CacheNodeType"] == ("cache.r7g.large" if is_prod(platform) else "cache.t4g.small")


def test_it_is_redis(platform):
    assert {(node["Engine"], node["EngineVersion"]) for node in nodes(platform)} == {("redis", "7.1.0")}


def test_tls_is_required(platform):
    assert group(platform)["TransitEncryptionEnabled"]
    assert group(platform)["TransitEncryptionMode"] == "required"


def test_the_token_is_asked_for_and_kept_on_the_secrets_key(platform):
    assert group(platform)["AuthTokenEnabled"]
    assert secret(platform)["KmsKeyId"] == key_arn(platform, "secrets")
    assert list(secret(platform)["VersionIdsToStages"].values()) == [["AWSCURRENT"]]


def test_the_token_is_one_that_aws_takes_and_in_no_result(platform):
    token = platform.client("secretsmanager").get_secret_value(SecretId=secret(platform)["ARN"])["SecretString"]
    assert len(token) == 64 and token.isalnum()
    assert token not in repr(platform.first) and token not in repr(platform.second)


def test_other_accounts_are_refused_the_token(platform):
    policy = platform.client("secretsmanager").get_resource_policy(SecretId=secret(platform)["ARN"])["ResourcePolicy"]
    assert "OtherAccounts" in policy


def test_data_is_encrypted_with_the_caches_key(platform):
    assert group(platform)["AtRestEncryptionEnabled"]
    assert group(platform)["KmsKeyId"] == key_arn(platform, "elasticache")


def test_snapshots_are_taken(platform):
    assert group(platform)["SnapshotRetentionLimit"] == (7 if is_prod(platform) else 1)
    assert group(platform)["SnapshotWindow"] == "02:00-03:00"


def test_the_parameter_group_is_ours(platform):
    names = {node["CacheParameterGroup"]["CacheParameterGroupName"] for node in nodes(platform)}
    assert names == {f"{platform.environment}-redis-redis7"}
    elasticache = platform.client("elasticache")
    # AWS calls set only what differs from its default, as this does not.
    found = elasticache.describe_cache_parameters(CacheParameterGroupName=names.pop())["Parameters"]
    assert {item["ParameterName"]: item["ParameterValue"] for item in found}["maxmemory-policy"] == "volatile-lru"
    assert not [item for item in found if item["Source"] == "user"]


@pytest.mark.parametrize("log", ["slow-log", "engine-log"])
def test_logs_go_to_encrypted_log_groups(platform, log):
    by_type = {item["LogType"]: item for item in group(platform)["LogDeliveryConfigurations"]}
    name = by_type[log]["DestinationDetails"]["CloudWatchLogsDetails"]["LogGroup"]
    assert name == f"/aws/elasticache/{group_id(platform)}/{log}"
    assert (by_type[log]["LogFormat"], by_type[log]["Status"]) == ("json", "active")
    (found,) = platform.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert found["kmsKeyId"] == key_arn(platform, "storage")
    assert found["retentionInDays"] == (90 if is_prod(platform) else 14)


def test_it_stands_in_the_database_subnets(platform):
    name = {node["CacheSubnetGroupName"] for node in nodes(platform)}.pop()
    (found,) = platform.client("elasticache").describe_cache_subnet_groups(CacheSubnetGroupName=name)["CacheSubnetGroups"]
    wanted = [{"Name": "tag:Name", "Values": [f"{platform.environment}-database-*"]}]
    subnets = platform.client("ec2").describe_subnets(Filters=wanted)["Subnets"]
    assert {item["SubnetIdentifier"] for item in found["Subnets"]} == {item["SubnetId"] for item in subnets}
    assert len(subnets) == 3


def test_only_the_workers_reach_6379(platform):
    ids = {item["SecurityGroupId"] for node in nodes(platform) for item in node["SecurityGroups"]}
    ec2 = platform.client("ec2")
    (found,) = ec2.describe_security_groups(GroupIds=sorted(ids))["SecurityGroups"]
    (rule,) = found["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (6379, 6379, "tcp")
    assert not rule.get("IpRanges") and not rule.get("Ipv6Ranges") and not rule.get("PrefixListIds")
    (source,) = rule["UserIdGroupPairs"]
    (workers,) = ec2.describe_security_groups(GroupIds=[source["GroupId"]])["SecurityGroups"]
    assert {tag["Key"]: tag["Value"] for tag in workers["Tags"]}["agent-platform:address"] == "security_group/workers"


def test_it_answers_on_6379(platform):
    endpoints = group(platform)["NodeGroups"][0]
    assert (endpoints["PrimaryEndpoint"]["Port"], endpoints["ReaderEndpoint"]["Port"]) == (6379, 6379)
    resource = platform.second["redis"]["resources"]["replication_group/redis"]
    assert resource["primary_endpoint"] == endpoints["PrimaryEndpoint"]["Address"]
    assert resource["reader_endpoint"] == endpoints["ReaderEndpoint"]["Address"]


def test_maintenance_has_its_hour_and_minor_versions_come_by_themselves(platform):
    assert {node["PreferredMaintenanceWindow"] for node in nodes(platform)} == {"sun:04:00-sun:05:00"}
    assert group(platform)["AutoMinorVersionUpgrade"]


def test_everything_is_tagged(platform):
    elasticache = platform.client("elasticache")
    arns = [
        group(platform)["ARN"],
        elasticache.describe_cache_subnet_groups()["CacheSubnetGroups"][0]["ARN"],
        elasticache.describe_cache_parameter_groups()["CacheParameterGroups"][0]["ARN"],
    ]
    for arn in arns:
        tags = {tag["Key"]: tag["Value"] for tag in elasticache.list_tags_for_resource(ResourceName=arn)["TagList"]}
        assert tags["agent-platform:environment"] == platform.environment
        assert tags["agent-platform:tier"] == "redis"
