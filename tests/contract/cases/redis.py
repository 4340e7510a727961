"""The redis tier: what its contract is tried with."""

from .case import Case

TIER = "redis"
REQUIRES = ("kms", "vpc")
PARAMS = {
    "cluster_name": "",
    "zones": ["us-east-1a", "us-east-1b"],
    "key": "elasticache",
    "secrets_key": "secrets",
    "log_key": "storage",
    "parameters": {"maxmemory-policy": "volatile-lru", "timeout": 300},
}
OTHER_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
TOPIC = "arn:aws:sns:us-east-1:123456789012:cache-events"


def without_the_last(items):
    return items[:-1]


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


CASES = [
    Case(
        "replication_group",
        "replication_group/redis",
        updates={
            "description": "prod-us-east-1: another description",
            "version": "7.2",
            "node_type": "cache.m7g.xlarge",
            "nodes": 5,
            "multi_az": False,
            "security_groups": ["sg-12345678"],
            "parameter_group": "default.redis7",
            "snapshot_retention_days": 14,
            "snapshot_window": "22:00-23:30",
            "maintenance_window": "mon:04:00-mon:06:00",
            "auto_minor_version_upgrade": False,
            "notification_topic": TOPIC,
            "logs": without_the_last,
            "tags": {"owner": "agents"},
        },
        immutable={
            "group_id": "prod-cache",
            "port": 6380,
            "subnet_group": "another",
            "kms_key": OTHER_KEY,
        },
        exempt={
            "engine": "goes with the version and the parameter group: a test of its own",
            "automatic_failover": "Multi-AZ rests on it: a test of its own",
            "transit_encryption": "with AUTH there is one mode alone: tests of its own",
            "auth_secret": "written at creation",
            "auth_token": "always desired current: rotation has tests of its own",
        },
    ),
    Case(
        "cache_subnet_group",
        "cache_subnet_group/redis",
        updates={"description": "another", "subnets": without_the_last, "tags": {"owner": "agents"}},
        exempt={"name": "it cannot be replaced while the cache stands in it"},
    ),
    Case(
        "cache_parameter_group",
        "cache_parameter_group/redis-redis7",
        updates={"parameters": {"maxmemory-policy": "allkeys-lru", "slowlog-max-len": "64"}, "tags": {"owner": "agents"}},
        exempt={
            "name": "another family is another group, under another address",
            "family": "likewise",
            "description": "written at creation",
        },
    ),
    Case(
        "generated_secret",
        "generated_secret/redis-auth-token",
        updates={
            "description": "another description",
            "kms_key": OTHER_KEY,
            "policy": without_the_last_statement,
            "tags": {"owner": "agents"},
        },
        immutable={"name": "prod/another"},
        exempt={
            "available": "always desired true: tests of its own",
            "stored": "always desired true: tests of its own",
        },
    ),
    Case(
        "log_group",
        "log_group/redis-slow-log",
        updates={"retention_days": 30, "tags": {"owner": "agents"}},
        exempt={
            "log_group_name": "its natural name: under another one it is another group",
            "kms_key": "only one key lets CloudWatch Logs use it; tests/integration/test_vpc_drift.py takes it away",
        },
    ),
]
