"""ElastiCache as AWS has it."""

from __future__ import annotations

import pytest

from local_aws import transitions

KIND = "replication_group"
GROUP = {
    "ReplicationGroupId": "cache",
    "ReplicationGroupDescription": "a cache",
    "CacheNodeType": "cache.t4g.small",
    "Engine": "redis",
    "EngineVersion": "7.1",
    "CacheSubnetGroupName": "cache",
}
TLS = {"TransitEncryptionEnabled": True}
NAMED = {"ReplicationGroupId": "cache"}
OLD, NEW, THIRD = "an-old-token-of-ours", "a-new-token-of-ours!", "a-third-token-of-ours"


@pytest.fixture
def elasticache(client):
    return client("elasticache")


@pytest.fixture
def subnets(client):
    return [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"]][:3]


@pytest.fixture
def make(elasticache, subnets):
    """`make(**more)`: a replication group of one node, with its subnet group."""

    def made(**more):
        elasticache.create_cache_subnet_group(CacheSubnetGroupName="cache", CacheSubnetGroupDescription="x", SubnetIds=subnets[:2])
        return elasticache.create_replication_group(**{**GROUP, **more})["ReplicationGroup"]

    return made


def group(elasticache):
    return elasticache.describe_replication_groups(**NAMED)["ReplicationGroups"][0]


def test_a_group_is_made_changed_and_deleted_in_time(aws, elasticache, make, refused):
    aws.settings.transitions = {KIND: 30}
    made = make()
    assert (made["Status"], made["NodeGroups"]) == ("creating", [])
    change = {**NAMED, "CacheNodeType": "cache.t4g.medium"}
    refused("InvalidReplicationGroupState", elasticache.modify_replication_group, **change)
    refused("InvalidReplicationGroupState", elasticache.list_tags_for_resource, ResourceName=made["ARN"])
    refused("InvalidReplicationGroupState", elasticache.delete_replication_group, **NAMED)
    transitions.skip(30)
    assert group(elasticache)["Status"] == "available"
    assert elasticache.modify_replication_group(**change)["ReplicationGroup"]["Status"] == "modifying"
    refused("InvalidReplicationGroupState", elasticache.modify_replication_group, **change)
    transitions.skip(30)
    assert group(elasticache)["CacheNodeType"] == "cache.t4g.medium"
    assert elasticache.delete_replication_group(**NAMED)["ReplicationGroup"]["Status"] == "deleting"
    refused("ReplicationGroupAlreadyExists", elasticache.create_replication_group, **GROUP)
    refused("CacheSubnetGroupInUse", elasticache.delete_cache_subnet_group, CacheSubnetGroupName="cache")
    transitions.skip(30)
    refused("ReplicationGroupNotFoundFault", elasticache.describe_replication_groups, **NAMED)
    refused("ReplicationGroupNotFoundFault", elasticache.list_tags_for_resource, ResourceName=made["ARN"])
    elasticache.delete_cache_subnet_group(CacheSubnetGroupName="cache")


def test_a_creation_fails_when_told_and_an_event_says_why(aws, elasticache, make):
    aws.settings.transitions, aws.settings.failures = {KIND: 30}, {KIND: "no capacity"}
    make()
    source = {"SourceIdentifier": "cache", "SourceType": "replication-group"}
    assert elasticache.describe_events(**source)["Events"] == []
    transitions.skip(30)
    assert group(elasticache)["Status"] == "create-failed"
    assert [event["Message"] for event in elasticache.describe_events(**source)["Events"]] == ["no capacity"]


def test_nodes_and_their_settings_are_shown(elasticache, make):
    make(NumCacheClusters=3, AutomaticFailoverEnabled=True, MultiAZEnabled=True, SecurityGroupIds=["sg-1"])
    shown = group(elasticache)
    assert shown["MemberClusters"] == ["cache-001", "cache-002", "cache-003"]
    roles = [member["CurrentRole"] for member in shown["NodeGroups"][0]["NodeGroupMembers"]]
    assert roles == ["primary", "replica", "replica"]
    nodes = elasticache.describe_cache_clusters()["CacheClusters"]
    assert [node["CacheClusterId"] for node in nodes] == shown["MemberClusters"]
    assert len({node["PreferredAvailabilityZone"] for node in nodes}) == 2
    (node,) = elasticache.describe_cache_clusters(CacheClusterId="cache-002")["CacheClusters"]
    assert (node["EngineVersion"], node["CacheSubnetGroupName"]) == ("7.1.0", "cache")
    assert node["SecurityGroups"] == [{"SecurityGroupId": "sg-1", "Status": "active"}]
    assert node["CacheParameterGroup"]["CacheParameterGroupName"] == "default.redis7"


BAD = [
    ({"ReplicationGroupId": "a" * 41}, "InvalidParameterValue"),
    ({"ReplicationGroupId": "a--b"}, "InvalidParameterValue"),
    ({"AutomaticFailoverEnabled": True}, "InvalidParameterCombination"),
    ({"MultiAZEnabled": True, "NumCacheClusters": 2}, "InvalidParameterCombination"),
    ({"NumCacheClusters": 7}, "InvalidParameterValue"),
    ({"AuthToken": OLD}, "InvalidParameterCombination"),
    ({**TLS, "AuthToken": "short"}, "InvalidParameterValue"),
    ({**TLS, "AuthToken": "has@an@at@in@it@too"}, "InvalidParameterValue"),
    ({**TLS, "TransitEncryptionMode": "preferred", "AuthToken": OLD}, "InvalidParameterCombination"),
    ({**TLS, "TransitEncryptionMode": "required", "EngineVersion": "6.2"}, "InvalidParameterCombination"),
    ({"SnapshotWindow": "2-3"}, "InvalidParameterValue"),
    ({"PreferredMaintenanceWindow": "2-3"}, "InvalidParameterValue"),
    ({"CacheParameterGroupName": "none"}, "CacheParameterGroupNotFound"),
    ({"CacheSubnetGroupName": "none"}, "CacheSubnetGroupNotFoundFault"),
]


@pytest.mark.parametrize(("more", "code"), BAD)
def test_what_excludes_one_another_is_refused(make, refused, more, code):
    refused(code, make, **more)


def test_a_parameter_group_fits_the_engine(elasticache, make, refused):
    for family in ("redis7", "valkey8"):
        elasticache.create_cache_parameter_group(CacheParameterGroupName=family, CacheParameterGroupFamily=family, Description="x")
    make(CacheParameterGroupName="redis7")
    upgrade = {**NAMED, "Engine": "valkey", "EngineVersion": "8.0"}
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **upgrade)
    elasticache.modify_replication_group(**upgrade, CacheParameterGroupName="valkey8")
    assert group(elasticache)["Engine"] == "valkey"
    back = {**NAMED, "Engine": "redis", "EngineVersion": "7.1", "CacheParameterGroupName": "redis7"}
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **back)
    older = {**NAMED, "EngineVersion": "7.2"}
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **older)
    refused("InvalidCacheParameterGroupState", elasticache.delete_cache_parameter_group, CacheParameterGroupName="valkey8")
    elasticache.delete_cache_parameter_group(CacheParameterGroupName="redis7")


def test_parameters_are_set_and_reset(elasticache, refused):
    named = {"CacheParameterGroupName": "ours"}
    refused("CacheParameterGroupNotFound", elasticache.describe_cache_parameters, **named)
    bad = {**named, "CacheParameterGroupFamily": "redis99", "Description": "x"}
    refused("InvalidParameterValue", elasticache.create_cache_parameter_group, **bad)
    made = {**bad, "CacheParameterGroupFamily": "redis7", "Tags": [{"Key": "a", "Value": "b"}]}
    arn = elasticache.create_cache_parameter_group(**made)["CacheParameterGroup"]["ARN"]
    refused("CacheParameterGroupAlreadyExists", elasticache.create_cache_parameter_group, **made)
    assert elasticache.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "a", "Value": "b"}]
    item = {"ParameterName": "timeout", "ParameterValue": "5"}
    elasticache.modify_cache_parameter_group(**named, ParameterNameValues=[item])

    def user():
        found = elasticache.describe_cache_parameters(**named, Source="user")["Parameters"]
        return {parameter["ParameterName"]: parameter["ParameterValue"] for parameter in found}

    assert user() == {"timeout": "5"}
    unknown = [{"ParameterName": "nonsense", "ParameterValue": "5"}]
    refused("InvalidParameterValue", elasticache.modify_cache_parameter_group, **named, ParameterNameValues=unknown)
    refused("InvalidParameterValue", elasticache.modify_cache_parameter_group, **named, ParameterNameValues=[item] * 21)
    elasticache.reset_cache_parameter_group(**named, ParameterNameValues=[item])
    assert user() == {}
    default = {"ParameterName": "maxmemory-policy", "ParameterValue": "volatile-lru"}
    elasticache.modify_cache_parameter_group(**named, ParameterNameValues=[default])
    assert user() == {}
    system = elasticache.describe_cache_parameters(**named, Source="system")["Parameters"]
    assert {**default, "Source": "system", "IsModifiable": True} in system


def test_a_subnet_group_changes(elasticache, subnets, refused):
    named = {"CacheSubnetGroupName": "Ours"}
    missing = {**named, "CacheSubnetGroupDescription": "x", "SubnetIds": ["subnet-00000000"]}
    refused("InvalidSubnet", elasticache.create_cache_subnet_group, **missing)
    elasticache.create_cache_subnet_group(**{**missing, "SubnetIds": subnets[:1]})
    elasticache.modify_cache_subnet_group(**named, SubnetIds=subnets, CacheSubnetGroupDescription="y")
    (found,) = elasticache.describe_cache_subnet_groups(CacheSubnetGroupName="ours")["CacheSubnetGroups"]
    assert [item["SubnetIdentifier"] for item in found["Subnets"]] == subnets
    assert found["CacheSubnetGroupDescription"] == "y"
    assert all(item["SubnetAvailabilityZone"]["Name"].startswith("us-east-1") for item in found["Subnets"])
    elasticache.delete_cache_subnet_group(**named)
    refused("CacheSubnetGroupNotFoundFault", elasticache.delete_cache_subnet_group, **named)


def test_replicas_come_and_go(elasticache, make, refused):
    make(NumCacheClusters=2, AutomaticFailoverEnabled=True)
    now = {**NAMED, "ApplyImmediately": True}
    elasticache.increase_replica_count(**now, NewReplicaCount=3)
    assert len(group(elasticache)["MemberClusters"]) == 4
    refused("InvalidParameterValue", elasticache.increase_replica_count, **now, NewReplicaCount=2)
    elasticache.decrease_replica_count(**now, NewReplicaCount=1)
    refused("InvalidParameterCombination", elasticache.decrease_replica_count, **now, NewReplicaCount=0)
    elasticache.modify_replication_group(**NAMED, AutomaticFailoverEnabled=False)
    elasticache.decrease_replica_count(**now, NewReplicaCount=0)
    assert group(elasticache)["MemberClusters"] == ["cache-001"]
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **NAMED, AutomaticFailoverEnabled=True)


def test_a_token_is_rotated_and_then_set(aws, elasticache, make, refused):
    make(**TLS, AuthToken=OLD)
    before = group(elasticache)["AuthTokenLastModifiedDate"]

    def write(token, strategy):
        return elasticache.modify_replication_group(**NAMED, AuthToken=token, AuthTokenUpdateStrategy=strategy)

    refused("InvalidParameterCombination", write, token=NEW, strategy="SET")
    refused("InvalidParameterValue", write, token="short", strategy="ROTATE")
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **NAMED, AuthTokenUpdateStrategy="SET")
    aws.settings.transitions = {KIND: 30}
    transitions.skip(30)
    assert write(NEW, "ROTATE")["ReplicationGroup"]["PendingModifiedValues"] == {"AuthTokenStatus": "ROTATING"}
    transitions.skip(30)
    assert group(elasticache)["PendingModifiedValues"] == {}
    assert group(elasticache)["AuthTokenLastModifiedDate"] > before
    assert write(NEW, "SET")["ReplicationGroup"]["PendingModifiedValues"] == {"AuthTokenStatus": "SETTING"}
    transitions.skip(30)
    refused("InvalidParameterCombination", write, token=OLD, strategy="SET")


def test_only_the_two_latest_tokens_are_good(elasticache, make, refused):
    make(**TLS, AuthToken=OLD)
    for token in (NEW, THIRD):
        elasticache.modify_replication_group(**NAMED, AuthToken=token, AuthTokenUpdateStrategy="ROTATE")
    call = {**NAMED, "AuthTokenUpdateStrategy": "SET"}
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **call, AuthToken=OLD)
    elasticache.modify_replication_group(**call, AuthToken=NEW)


def test_tls_goes_by_way_of_preferred(elasticache, make, refused):
    make()
    on = {**NAMED, "TransitEncryptionEnabled": True}
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **on, TransitEncryptionMode="required")
    for mode in ("preferred", "required"):
        elasticache.modify_replication_group(**on, TransitEncryptionMode=mode)
        assert group(elasticache)["TransitEncryptionMode"] == mode
        if mode == "preferred":
            refused("InvalidParameterCombination", elasticache.modify_replication_group, **NAMED, AuthToken=OLD)
    elasticache.modify_replication_group(**NAMED, AuthToken=OLD)
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **on, TransitEncryptionMode="preferred")
    refused("InvalidParameterCombination", elasticache.modify_replication_group, **NAMED, TransitEncryptionEnabled=False)


def test_settings_change(elasticache, make):
    make()
    topic = "arn:aws:sns:us-east-1:123456789012:cache"
    elasticache.modify_replication_group(
        **NAMED,
        SnapshotWindow="22:00-23:00",
        SnapshotRetentionLimit=4,
        PreferredMaintenanceWindow="mon:01:00-mon:02:00",
        NotificationTopicArn=topic,
        SecurityGroupIds=["sg-2"],
        AutoMinorVersionUpgrade=False,
    )
    shown, (node,) = group(elasticache), elasticache.describe_cache_clusters()["CacheClusters"]
    assert (shown["SnapshotWindow"], shown["SnapshotRetentionLimit"]) == ("22:00-23:00", 4)
    assert shown["AutoMinorVersionUpgrade"] is False
    assert node["PreferredMaintenanceWindow"] == "mon:01:00-mon:02:00"
    assert node["NotificationConfiguration"] == {"TopicArn": topic, "TopicStatus": "active"}
    assert node["SecurityGroups"][0]["SecurityGroupId"] == "sg-2"


def test_a_log_needs_its_log_group(client, elasticache, make):
    def delivery(name, **more):
        destination = {"DestinationType": "cloudwatch-logs", "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": name}}}
        return {"LogType": "slow-log", "LogFormat": "json", **destination, **more}

    client("logs").create_log_group(logGroupName="there")
    make(LogDeliveryConfigurations=[delivery("there")])
    assert group(elasticache)["LogDeliveryConfigurations"][0]["Status"] == "active"
    elasticache.modify_replication_group(**NAMED, LogDeliveryConfigurations=[delivery("missing")])
    assert group(elasticache)["LogDeliveryConfigurations"][0]["Status"] == "error"
    elasticache.modify_replication_group(**NAMED, LogDeliveryConfigurations=[{"LogType": "slow-log", "Enabled": False}])
    assert group(elasticache)["LogDeliveryConfigurations"] == []


def test_the_last_snapshot_is_taken(elasticache, make, refused):
    make()
    elasticache.create_snapshot(SnapshotName="taken", **NAMED)
    refused("SnapshotAlreadyExistsFault", elasticache.delete_replication_group, **NAMED, FinalSnapshotIdentifier="taken")
    elasticache.delete_replication_group(**NAMED, FinalSnapshotIdentifier="last")
    assert {item["SnapshotName"] for item in elasticache.describe_snapshots()["Snapshots"]} == {"taken", "last"}


def test_it_survives_being_copied(aws, elasticache, make):
    make(NumCacheClusters=2, **TLS, AuthToken=OLD)
    copy = aws.snapshot()
    elasticache.delete_replication_group(**NAMED)
    aws.restore(copy)
    assert group(elasticache)["Status"] == "available" and group(elasticache)["AuthTokenEnabled"]


def test_the_current_secret_follows_its_label(client):
    secrets = client("secretsmanager")
    first = secrets.create_secret(Name="token", SecretString="one")["VersionId"]
    second = secrets.put_secret_value(SecretId="token", SecretString="two", VersionStages=["AWSPENDING"])["VersionId"]
    assert secrets.get_secret_value(SecretId="token")["SecretString"] == "one"
    secrets.update_secret_version_stage(
        SecretId="token", VersionStage="AWSCURRENT", MoveToVersionId=second, RemoveFromVersionId=first
    )
    assert secrets.get_secret_value(SecretId="token")["SecretString"] == "two"
