# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrows 4b to 4e: pods reach PostgreSQL, DynamoDB, S3 and Redis, encrypted, and each only as it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..tiers.eks_roles import TABLE_ACTIONS
from . import policy, reach
from .model import Check, NotExercised
from .world import World

OTHER_KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
# Beginnings of the states in which an instance takes connections.
ANSWERING = ("available", "backing-up", "configuring", "modifying", "resetting-master", "storage-optimization")
# The engine's own default of rds.force_ssl is on from this version of PostgreSQL.
FORCED_FROM = 15


def checks(world: World) -> list[Check]:
    params = world.params
    return [
        Check("4b", "pods reach PostgreSQL", lambda: to_database(world)),
        Check("4b", "PostgreSQL takes TLS alone", lambda: database_tls(world.database())),
        *(Check("4c", f"table {table['name']}: keys, index and time to live", _table(world, table)) for table in params["tables"]),
        *(
            Check("4c", f"table {table['name']}: its users may use it", _table_users(world, table["name"]))
            for table in params["tables"]
            if _users(world, "tables")(table["name"])
        ),
        *(Check("4d", f"bucket {name} refuses plain HTTP and other keys", _bucket(world, name)) for name in params["buckets"]),
        *(
            Check("4d", f"bucket {name}: its users may use it", _bucket_users(world, name))
            for name in params["buckets"]
            if _users(world, "read_buckets", "write_buckets")(name)
        ),
        Check("4e", "pods reach Redis", lambda: to_cache(world)),
        Check("4e", "Redis takes TLS and AUTH alone", lambda: cache_tls(world)),
    ]


def to_database(world: World) -> str | None:
    found = world.database()
    name = found["DBInstanceIdentifier"]
    if not found["DBInstanceStatus"].startswith(ANSWERING):
        return f"database {name} is {found['DBInstanceStatus']}"
    if found["PubliclyAccessible"]:
        return f"database {name} is publicly accessible"
    subnets = tuple(item["SubnetIdentifier"] for item in found["DBSubnetGroup"]["Subnets"])
    groups = tuple(item["VpcSecurityGroupId"] for item in found["VpcSecurityGroups"])
    return reach.way(world.network, world.workers, reach.Side(f"database {name}", subnets, groups), found["Endpoint"]["Port"])


def database_tls(found: Mapping[str, Any]) -> str | None:
    group = found["DBParameterGroups"][0]
    value = found["Parameters"].get("rds.force_ssl")
    if value is None:
        value = "1" if int(found["EngineVersion"].split(".")[0]) >= FORCED_FROM else "0"
    if value not in ("1", "true", "on"):
        return f"parameter rds.force_ssl of group {group['DBParameterGroupName']} is {value}, so PostgreSQL talks without TLS too"
    if group["ParameterApplyStatus"] not in ("in-sync", "applying"):
        name = found["DBInstanceIdentifier"]
        return f"database {name} has not taken its parameters ({group['ParameterApplyStatus']}): reboot it"
    return None


def _schema(found: Mapping[str, Any]) -> tuple[str | None, str | None]:
    keys = {item["KeyType"]: item["AttributeName"] for item in found["KeySchema"]}
    return keys.get("HASH"), keys.get("RANGE")


def _table(world: World, wanted: Mapping[str, Any]) -> Callable[[], str | None]:
    return lambda: table(world.table(wanted["name"]), wanted)


def table(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    name = found["TableName"]
    if found["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return f"table {name} is {found['TableStatus']}"
    if _schema(found) != (wanted["hash_key"], wanted.get("range_key")):
        return f"the key of table {name} is {_schema(found)} and not {(wanted['hash_key'], wanted.get('range_key'))}"
    indexes = {item["IndexName"]: item for item in found.get("GlobalSecondaryIndexes") or ()}
    for index in wanted.get("indexes") or ():
        stands = indexes.get(index["name"])
        if stands is None:
            return f"table {name} has no index {index['name']}, by which it is queried"
        if stands["IndexStatus"] not in ("ACTIVE", "UPDATING") or _schema(stands) != (index["hash_key"], index.get("range_key")):
            return f"index {index['name']} of table {name} is {stands['IndexStatus']} with the key {_schema(stands)}"
    attribute, status = wanted.get("ttl_attribute"), found["Ttl"].get("TimeToLiveStatus")
    if attribute and (status not in ("ENABLED", "ENABLING") or found["Ttl"].get("AttributeName", attribute) != attribute):
        return f"the time to live of table {name} is {status} and not on for {attribute}, so nothing expires"
    return None


def _users(world: World, *lists: str) -> Callable[[str], list[str]]:
    return lambda name: [item["name"] for item in world.params["workloads"] if any(name in (item.get(one) or ()) for one in lists)]


def _table_users(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        found = world.table(name)
        key = (found.get("SSEDescription") or {}).get("KMSMasterKeyArn")
        if cause := world.under_another_key(f"table {found['TableName']}", key, "dynamodb"):
            return cause
        for user in _users(world, "tables")(name):
            role = world.role(user)
            for index in found.get("GlobalSecondaryIndexes") or ():
                arn = f"{found['TableArn']}/index/{index['IndexName']}"
                owner = f"index {index['IndexName']} of table {found['TableName']}"
                if cause := policy.refused(role, "dynamodb:Query", arn, world.context(), owner, None):
                    return cause
            for action in TABLE_ACTIONS:
                if cause := policy.refused(role, action, found["TableArn"], world.context(), f"table {found['TableName']}", None):
                    return cause
            if cause := world.refused_by_key(role, "dynamodb", "dynamodb", "kms:Decrypt"):
                return cause
        return None

    return prove


def _bucket(world: World, purpose: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        found, name = world.bucket(purpose), world.bucket_name(purpose)
        who = policy.Who(world.role(world.params["workloads"][0]["name"]).arn) if world.params["workloads"] else policy.Who()
        arn = world.place.arn("s3", f"{name}/probe", region="", account="")
        return bucket(found, name, arn, who, world.context(), world.params["refuse_other_keys"])

    return prove


def bucket(
    found: Mapping[str, Any], name: str, arn: str, who: policy.Who, context: Mapping[str, str], refuse_other_keys: bool
) -> str | None:
    """``found``: policy, block, encryption. ``arn``: of an object in it. ``context``: of a call over TLS."""
    document = found["policy"]
    plain = {**context, "aws:securetransport": "false"}
    for action in ("s3:GetObject", "s3:PutObject"):
        if not policy.everyone_refused(action, arn, plain, who, document):
            return f"the policy of bucket {name} does not refuse {action} over plain HTTP"
        if policy.everyone_refused(action, arn, context, who, document):
            return f"the policy of bucket {name} refuses {action} over TLS, too"
    if not all(
        found["block"].get(key) for key in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    ):
        return f"the public access block of bucket {name} is not complete"
    if found["encryption"].get("SSEAlgorithm") == "aws:kms" and refuse_other_keys:
        header = "s3:x-amz-server-side-encryption"
        other = {**context, header: "aws:kms", f"{header}-aws-kms-key-id": OTHER_KEY}
        if not policy.everyone_refused("s3:PutObject", arn, other, who, document):
            return f"the policy of bucket {name} takes objects under another key than the bucket's"
        if not policy.everyone_refused("s3:PutObject", arn, {**context, header: "AES256"}, who, document):
            return f"the policy of bucket {name} takes objects that are not encrypted by KMS"
    return None


def _bucket_users(world: World, purpose: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        found, name = world.bucket(purpose), world.bucket_name(purpose)
        arn = world.place.arn("s3", name, region="", account="")
        for user in _users(world, "read_buckets", "write_buckets")(purpose):
            role = world.role(user)
            wanted = [("s3:ListBucket", arn)]
            if user in _users(world, "read_buckets")(purpose):
                wanted.append(("s3:GetObject", f"{arn}/x"))
            if user in _users(world, "write_buckets")(purpose):
                wanted.append(("s3:PutObject", f"{arn}/x"))
            for action, resource in wanted:
                if cause := policy.refused(role, action, resource, world.context(), f"bucket {name}", found["policy"]):
                    return cause
            if found["encryption"].get("SSEAlgorithm") == "aws:kms":
                if cause := world.under_another_key(f"bucket {name}", found["encryption"].get("KMSMasterKeyID"), "s3"):
                    return cause
                if cause := world.refused_by_key(role, "s3", "s3", "kms:Decrypt", "kms:GenerateDataKey"):
                    return cause
        return None

    return prove


def to_cache(world: World) -> str | None:
    found = world.cache()
    name = found["ReplicationGroupId"]
    if found["Status"] not in ("available", "snapshotting", "modifying"):
        return f"cache {name} is {found['Status']}"
    endpoint = found["NodeGroups"][0]["PrimaryEndpoint"]
    target = reach.Side(f"cache {name}", tuple(found["Subnets"]), tuple(found["Groups"]))
    return reach.way(world.network, world.workers, target, endpoint["Port"])


def cache_tls(world: World) -> str | None:
    found = world.cache()
    name = found["ReplicationGroupId"]
    if not world.params["cache_auth"]:
        raise NotExercised("redis_auth_enabled is false, so the cache is to be open")
    if not found.get("TransitEncryptionEnabled"):
        return f"cache {name} has no encryption in transit"
    if found.get("TransitEncryptionMode", "required") != "required":
        return f"the encryption in transit of cache {name} is {found['TransitEncryptionMode']}, so it talks without TLS too"
    if not found.get("AuthTokenEnabled"):
        return f"cache {name} asks for no AUTH token"
    secret = world.secret("redis-auth-token")
    if secret["deleted"] or not secret["has_value"]:
        return f"secret {secret['name']}, which holds the AUTH token, {'is deleted' if secret['deleted'] else 'has no value'}"
    return None
