"""The database and the cache, with their groups."""

from __future__ import annotations

from typing import Any

from .scene import NoTarget, Scene, Touch, changed, missing, mutation

SUBNETS = ("public", "private")


def strangers_group(at: Scene) -> str:
    """A security group of the VPC that neither database nor cache uses."""
    return at.one([at.id(f"security_group/{name}") for name in ("alb", "endpoints")])


def other_subnets(at: Scene, subnets: list[str]) -> list[str]:
    """``subnets`` and one more of the VPC."""
    more = [one["id"] for name, one in at.all("subnet") if "private" in name and one["id"] not in subnets]
    return [*subnets, at.one(more)]


def modify_db(at: Scene, what: str, **arguments: Any) -> Touch:
    address, db = at.pick("db_instance")
    at.client("rds").modify_db_instance(DBInstanceIdentifier=db["name"], ApplyImmediately=True, **arguments)
    return changed(address, what)


def standing_db(at: Scene) -> dict[str, Any]:
    _address, db = at.pick("db_instance")
    return at.client("rds").describe_db_instances(DBInstanceIdentifier=db["name"])["DBInstances"][0]


@mutation("rds")
def db_backups_kept_shorter(at: Scene) -> Touch:
    days = at.one([day for day in (2, 3, 4, 5) if day != standing_db(at)["BackupRetentionPeriod"]])
    return modify_db(at, f"backups for {days} days", BackupRetentionPeriod=days)


@mutation("rds")
def db_deletion_protection(at: Scene) -> Touch:
    turned = not standing_db(at)["DeletionProtection"]
    return modify_db(at, f"deletion protection {turned}", DeletionProtection=turned)


@mutation("rds")
def db_made_public(at: Scene) -> Touch:
    return modify_db(at, "public", PubliclyAccessible=True)


@mutation("rds")
def db_another_class(at: Scene) -> Touch:
    return modify_db(at, "another class", DBInstanceClass=at.one(["db.r6g.4xlarge", "db.m6g.large"]))


@mutation("rds")
def db_several_zones(at: Scene) -> Touch:
    turned = not standing_db(at)["MultiAZ"]
    return modify_db(at, f"several zones {turned}", MultiAZ=turned)


@mutation("rds")
def db_windows(at: Scene) -> Touch:
    window = at.one(["sun:10:00-sun:10:30", "tue:11:00-tue:12:00"])
    return modify_db(at, "another maintenance window", PreferredMaintenanceWindow=window)


@mutation("rds")
def db_no_iam_authentication(at: Scene) -> Touch:
    turned = not standing_db(at)["IAMDatabaseAuthenticationEnabled"]
    return modify_db(at, f"IAM authentication {turned}", EnableIAMDatabaseAuthentication=turned)


@mutation("rds")
def db_monitored_less(at: Scene) -> Touch:
    db = standing_db(at)
    interval = at.one([one for one in (5, 10, 15, 30, 60) if one != db["MonitoringInterval"]])
    return modify_db(at, f"monitored every {interval} s", MonitoringInterval=interval, MonitoringRoleArn=db["MonitoringRoleArn"])


@mutation("rds")
def db_log_export_off(at: Scene) -> Touch:
    kind = at.one(sorted(standing_db(at)["EnabledCloudwatchLogsExports"]))
    return modify_db(at, f"no log of {kind}", CloudwatchLogsExportConfiguration={"DisableLogTypes": [kind]})


@mutation("rds")
def db_another_security_group(at: Scene) -> Touch:
    return modify_db(at, "another security group", VpcSecurityGroupIds=[strangers_group(at)])


@mutation("rds")
def db_default_parameters(at: Scene) -> Touch:
    return modify_db(at, "the default parameter group", DBParameterGroupName="default.postgres17")


@mutation("rds")
def db_tags_not_copied(at: Scene) -> Touch:
    return modify_db(at, "tags are not copied", CopyTagsToSnapshot=False)


@mutation("rds")
def db_deleted(at: Scene) -> Touch:
    address, db = at.pick("db_instance")
    rds = at.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=db["name"], DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=db["name"], SkipFinalSnapshot=True)
    return missing(address)


@mutation("rds")
def db_parameter_changed(at: Scene) -> Touch:
    address, group = at.pick("db_parameter_group")
    rds, who = at.client("rds"), {"DBParameterGroupName": group["name"]}
    parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": str(at.rng.randint(7000, 9000))}
    rds.modify_db_parameter_group(**who, Parameters=[{**parameter, "ApplyMethod": "immediate"}])
    return changed(address, "a parameter changed")


@mutation("rds")
def db_parameters_reset(at: Scene) -> Touch:
    address, group = at.pick("db_parameter_group")
    at.client("rds").reset_db_parameter_group(DBParameterGroupName=group["name"], ResetAllParameters=True)
    return changed(address, "parameters reset")


@mutation("rds")
def db_subnet_group_more(at: Scene) -> Touch:
    address, group = at.pick("db_subnet_group")
    rds, who = at.client("rds"), {"DBSubnetGroupName": group["name"]}
    standing = rds.describe_db_subnet_groups(**who)["DBSubnetGroups"][0]
    subnets = [one["SubnetIdentifier"] for one in standing["Subnets"]]
    rds.modify_db_subnet_group(**who, SubnetIds=other_subnets(at, subnets))
    return changed(address, "another subnet in it")


def modify_cache(at: Scene, what: str, **arguments: Any) -> Touch:
    address, cache = at.pick("replication_group")
    at.client("elasticache").modify_replication_group(ReplicationGroupId=cache["name"], ApplyImmediately=True, **arguments)
    return changed(address, what)


@mutation("redis")
def cache_snapshots_kept(at: Scene) -> Touch:
    days = at.rng.randint(20, 35)
    return modify_cache(at, f"snapshots for {days} days", SnapshotRetentionLimit=days)


@mutation("redis")
def cache_window(at: Scene) -> Touch:
    window = at.one(["sun:10:00-sun:11:00", "tue:11:00-tue:12:00"])
    return modify_cache(at, "another maintenance window", PreferredMaintenanceWindow=window)


@mutation("redis")
def cache_another_type(at: Scene) -> Touch:
    return modify_cache(at, "another node type", CacheNodeType=at.one(["cache.r6g.xlarge", "cache.m6g.large"]))


@mutation("redis")
def cache_description(at: Scene) -> Touch:
    return modify_cache(at, "another description", ReplicationGroupDescription=at.word())


@mutation("redis")
def cache_another_security_group(at: Scene) -> Touch:
    return modify_cache(at, "another security group", SecurityGroupIds=[strangers_group(at)])


@mutation("redis")
def cache_log_off(at: Scene) -> Touch:
    kind = at.one(["engine-log", "slow-log"])
    return modify_cache(at, f"no {kind}", LogDeliveryConfigurations=[{"LogType": kind, "Enabled": False}])


@mutation("redis")
def cache_minor_upgrades(at: Scene) -> Touch:
    _address, cache = at.pick("replication_group")
    client = at.client("elasticache")
    standing = client.describe_replication_groups(ReplicationGroupId=cache["name"])["ReplicationGroups"][0]
    if "AutoMinorVersionUpgrade" not in standing:
        raise NoTarget("it does not tell")
    turned = not standing["AutoMinorVersionUpgrade"]
    return modify_cache(at, f"minor upgrades {turned}", AutoMinorVersionUpgrade=turned)


@mutation("redis", only="prod")
def cache_in_one_zone(at: Scene) -> Touch:
    return modify_cache(at, "no failover", AutomaticFailoverEnabled=False, MultiAZEnabled=False)


@mutation("redis")
def cache_deleted(at: Scene) -> Touch:
    address, cache = at.pick("replication_group")
    at.client("elasticache").delete_replication_group(ReplicationGroupId=cache["name"])
    return missing(address)


@mutation("redis")
def cache_parameter_changed(at: Scene) -> Touch:
    address, group = at.pick("cache_parameter_group")
    at.client("elasticache").modify_cache_parameter_group(
        CacheParameterGroupName=group["name"],
        ParameterNameValues=[
            {"ParameterName": "maxmemory-policy", "ParameterValue": at.one(["allkeys-random", "volatile-random"])}
        ],
    )
    return changed(address, "a parameter changed")


@mutation("redis")
def cache_subnet_group_more(at: Scene) -> Touch:
    address, group = at.pick("cache_subnet_group")
    client, who = at.client("elasticache"), {"CacheSubnetGroupName": group["name"]}
    standing = client.describe_cache_subnet_groups(**who)["CacheSubnetGroups"][0]
    subnets = [one["SubnetIdentifier"] for one in standing["Subnets"]]
    client.modify_cache_subnet_group(**who, SubnetIds=other_subnets(at, subnets))
    return changed(address, "another subnet in it")
