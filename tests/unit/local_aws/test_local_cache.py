"""The real Redis behind a replication group."""

from __future__ import annotations

import socket
from pathlib import Path

import boto3
import pytest

from local_aws import redis as local
from local_aws.cache import CACHE
from local_aws.launch import LocalAws

pytestmark = pytest.mark.skipif(bool(local.missing()), reason=local.missing())
OLD, NEW = "the-first-token-of-all", "the-second-token-of-all"


def answers(endpoint, token):
    import redis

    tls = {"ssl": True, "ssl_ca_certs": str(CACHE.server.ca), "protocol": 2}
    with redis.Redis(host=endpoint["Address"], port=endpoint["Port"], password=token, **tls) as client:
        try:
            return client.ping()
        except redis.AuthenticationError:
            return False


def test_it_takes_the_tokens_that_the_group_takes(aws):
    elasticache = boto3.client("elasticache")

    def made(name, **settings):
        elasticache.create_replication_group(
            ReplicationGroupId=name, ReplicationGroupDescription="x", Engine="redis", CacheNodeType="cache.t4g.small", **settings
        )
        return endpoint(name)

    def endpoint(name):
        group = elasticache.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]
        return group["NodeGroups"][0]["PrimaryEndpoint"]

    CACHE.start()
    try:
        first = made("first", TransitEncryptionEnabled=True, AuthToken=OLD)
        assert first["Address"].startswith("127.") and first["Port"] == 6379
        assert answers(first, OLD) and not answers(first, NEW)
        assert made("second", TransitEncryptionEnabled=True, AuthToken=OLD)["Address"].endswith("amazonaws.com")
        change = {"ReplicationGroupId": "first", "AuthToken": NEW, "ApplyImmediately": True}
        elasticache.modify_replication_group(**change, AuthTokenUpdateStrategy="ROTATE")
        assert answers(endpoint("first"), OLD) and answers(endpoint("first"), NEW)
        elasticache.modify_replication_group(**change, AuthTokenUpdateStrategy="SET")
        assert not answers(endpoint("first"), OLD) and answers(endpoint("first"), NEW)
    finally:
        CACHE.stop()
    assert endpoint("first")["Address"].endswith("amazonaws.com")


def test_a_server_of_the_local_aws_has_one_on_demand():
    with LocalAws("--cache") as server:
        authority = Path(server.env["LOCAL_AWS_CACHE_CA"])
        assert authority.exists()
        client = boto3.client(
            "elasticache",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_replication_group(
            ReplicationGroupId="group",
            ReplicationGroupDescription="x",
            Engine="redis",
            CacheNodeType="cache.t4g.small",
            TransitEncryptionEnabled=True,
            AuthToken=OLD,
        )
        (group,) = client.describe_replication_groups()["ReplicationGroups"]
        endpoint = group["NodeGroups"][0]["PrimaryEndpoint"]
        socket.create_connection((endpoint["Address"], endpoint["Port"]), 5).close()
    # The server ends, and its Redis with it.
    assert not authority.exists()
    with pytest.raises(OSError):
        socket.create_connection((endpoint["Address"], endpoint["Port"]), 5)
