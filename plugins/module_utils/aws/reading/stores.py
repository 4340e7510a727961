# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where data is kept, as RDS, ElastiCache, DynamoDB and S3 answer it."""

from __future__ import annotations

from typing import Any

from ..api import Api
from ..errors import tolerating
from ..policies import parse

SERVICES = ("rds", "elasticache", "dynamodb", "s3")


def database(api: Api, name: str) -> dict[str, Any] | None:
    """The instance, and as ``Parameters`` the values of its parameter group (name -> value; None: its engine's default)."""
    client = api.client("rds")
    with tolerating("DBInstanceNotFound", "DBInstanceNotFoundFault"):
        found = client.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        group = found["DBParameterGroups"][0]["DBParameterGroupName"]
        listed = api.pages("rds", "describe_db_parameters", "Parameters", DBParameterGroupName=group)
        return {**found, "Parameters": {item["ParameterName"]: item.get("ParameterValue") for item in listed}}
    return None


def cache(api: Api, name: str) -> dict[str, Any] | None:
    """The replication group, as ``Groups`` the security groups of its nodes and as ``Subnets`` those that they may stand in."""
    client = api.client("elasticache")
    with tolerating("ReplicationGroupNotFoundFault"):
        found = client.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
        groups: set[str] = set()
        subnets: set[str] = set()
        for member in found.get("MemberClusters") or ():
            node = client.describe_cache_clusters(CacheClusterId=member)["CacheClusters"][0]
            groups.update(item["SecurityGroupId"] for item in node.get("SecurityGroups") or ())
            if not subnets:
                answer = client.describe_cache_subnet_groups(CacheSubnetGroupName=node["CacheSubnetGroupName"])
                subnets.update(item["SubnetIdentifier"] for item in answer["CacheSubnetGroups"][0]["Subnets"])
        return {**found, "Groups": sorted(groups), "Subnets": sorted(subnets)}
    return None


def table(api: Api, name: str) -> dict[str, Any] | None:
    """The table, and as ``Ttl`` its time to live (``TimeToLiveStatus``, ``AttributeName``)."""
    client = api.client("dynamodb")
    with tolerating("ResourceNotFoundException"):
        found = client.describe_table(TableName=name)["Table"]
        return {**found, "Ttl": client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]}
    return None


def bucket(api: Api, name: str) -> dict[str, Any] | None:
    """``policy``, ``block`` (public access), ``encryption`` (of its first rule), ``lock`` (whether objects can be locked)."""
    client = api.client("s3")
    found: dict[str, Any] = {"policy": None, "block": {}, "encryption": {}, "lock": False}
    with tolerating("404", "NoSuchBucket"):
        client.head_bucket(Bucket=name)
        with tolerating("NoSuchBucketPolicy"):
            found["policy"] = parse(client.get_bucket_policy(Bucket=name)["Policy"])
        with tolerating("NoSuchPublicAccessBlockConfiguration"):
            found["block"] = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        found["encryption"] = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
        with tolerating("ObjectLockConfigurationNotFoundError"):
            lock = client.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
            found["lock"] = lock.get("ObjectLockEnabled") == "Enabled"
        return found
    return None
