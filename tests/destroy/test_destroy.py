"""A whole deployment is destroyed: what goes, what is kept and why, what is left behind, and what may not be touched."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from support import site, teardown, tiers

# The places at which a deployment is cut off: a sample, or (``make test-long``) many.
CUT_OFF = 50 if os.environ.get("FULL") else 8
STATEFUL = ("bucket", "cache", "database", "log group", "secret", "table")


def test_without_a_confirmation_nothing_is_written(prod):
    before = prod.census()
    looked = prod.look(lift=True)
    assert prod.aws.writes() == []
    assert (looked.refusals, looked.failures) == ({}, {})
    assert prod.census() == before


def test_a_wrong_confirmation_names_the_right_one(dev):
    refused = teardown.attempt(dev.parameters, "prod-us-east-1")
    (reason,) = refused.failures.values()
    assert reason.endswith("to confirm, name it: -e confirm=dev-us-east-1")
    assert dev.aws.writes() == []


def test_a_protected_prod_is_refused_with_both_ways_out(prod):
    looked = prod.look()
    assert set(looked.refusals) == {"load_balancer/main", f"eks_cluster/{prod.cluster}"}
    for tier, reason in zip(("cloudfront", "eks"), (looked.refusals[address] for address in looked.refusals), strict=True):
        assert f"set {tier}_deletion_protection: false" in reason
        assert "-e lift_deletion_protection=true" in reason
    looked = prod.look(data=True)
    assert {address.split("/")[0] for address in looked.refusals} == {
        *("load_balancer", "eks_cluster", "db_instance", "dynamodb_table")
    }


def test_by_default_what_holds_data_stays_with_what_it_stands_in_and_the_site_comes_back(prod):
    before = prod.census()
    looked = prod.look(lift=True)
    done = prod.destroy(lift=True)
    assert (sorted(done.gone), sorted(done.kept)) == (sorted(looked.gone), sorted(looked.kept))
    assert done.left == []
    after = prod.census()
    for what in STATEFUL:
        assert after[what] == before[what], what
    assert after["key"] == before["key"]
    own = prod.deployment
    assert after["network acl"] == [f"{own} default_network_acl/main", f"{own} network_acl/database"]
    assert after["route table"] == [f"{own} route_table/database", "untagged route table"]
    assert after["security group"] == [
        f"{own} {name}" for name in ("default_security_group/main", "security_group/rds", "security_group/redis")
    ]
    assert after["role"] == [f"{own}-rds-monitoring", f"{own}-vpc-flow-logs"]
    gone = (
        "cluster",
        "distribution",
        "load balancer",
        "nat gateway",
        "elastic ip",
        "internet gateway",
        "vpc endpoint",
        "web acl",
        "topic",
    )
    assert not {*gone, "queue", "node group"} & set(after)
    prod.aws.clear_requests()
    assert prod.destroy(lift=True).gone == []
    assert prod.aws.writes() == []
    ids = {name: _ids(prod, name) for name in ("rds", "elasticache")}
    made = prod.site()
    replaced = {item["address"] for result in made.values() for item in result["plan"] if item["action"] == "replace"}
    assert replaced == set()
    assert {name: _ids(prod, name) for name in ids} == ids
    assert prod.census() == before
    assert all(result["plan"] == [] for result in prod.site(check_mode=True).values())


def _ids(whole: Any, service: str) -> list[str]:
    client = whole.client(service)
    if service == "rds":
        return [item["DbiResourceId"] for item in client.describe_db_instances()["DBInstances"]]
    return [item["ARN"] for item in client.describe_replication_groups()["ReplicationGroups"]]


def test_with_data_only_last_snapshots_and_their_keys_stay(prod):
    done = prod.destroy(data=True, lift=True)
    database = prod.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    cache = prod.client("elasticache").describe_snapshots(SnapshotSource="user")["Snapshots"]
    names = [database[0]["DBSnapshotIdentifier"], cache[0]["SnapshotName"]]
    assert (len(database), len(cache)) == (1, 1)
    tables = [f"backup prod-{name}$DeletedTableBackup, which DynamoDB keeps for 35 days" for name in ("conversations", "sessions")]
    assert sorted(done.left) == sorted([f"database snapshot {names[0]}", f"cache snapshot {names[1]}", *tables])
    assert set(done.kept) == {"kms_key/dynamodb", "kms_key/elasticache", "kms_key/rds"}
    assert prod.census() == {
        "alias": ["alias/prod/dynamodb", "alias/prod/elasticache", "alias/prod/rds"],
        "key": [f"{prod.deployment} {key}" for key in sorted(done.kept)],
    }
    prod.aws.clear_requests()
    again = prod.destroy(data=True, lift=True)
    assert (again.gone, set(again.kept), prod.aws.writes()) == ([], set(done.kept), [])
    prod.site()
    assert all(result["plan"] == [] for result in prod.site(check_mode=True).values())


def test_keys_of_snapshots_stay_after_what_they_are_of_left_the_configuration(prod):
    done = prod.destroy(data=True, lift=True)
    (snapshot,) = prod.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    ours = [tag["Key"] for tag in snapshot["TagList"]]
    prod.client("rds").remove_tags_from_resource(ResourceName=snapshot["DBSnapshotArn"], TagKeys=ours)
    without = {**prod.parameters, "dynamodb": {**prod.parameters["dynamodb"], "tables": []}}
    again = teardown.attempt(without, prod.deployment, data=True, lift=True)
    assert (again.failures, again.gone) == ({}, [])
    assert again.kept == {address: again.kept[address] for address in done.kept}
    assert "DeletedTableBackup" in again.kept["kms_key/dynamodb"]
    assert snapshot["DBSnapshotIdentifier"] in again.kept["kms_key/rds"]


def test_queues_with_messages_stay_and_full_buckets_and_tables_go_with_data(dev):
    sqs, s3, table = dev.client("sqs"), dev.client("s3"), dev.client("dynamodb")
    urls = {url.rsplit("/", 1)[-1]: url for url in sqs.list_queues()["QueueUrls"]}
    sqs.send_message(QueueUrl=urls["dev-ticket-events"], MessageBody="visible")
    sqs.send_message(QueueUrl=urls["dev-knowledge-updates"], MessageBody="later", DelaySeconds=900)
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].endswith("user-uploads"))
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    keys = table.describe_table(TableName="dev-sessions")["Table"]
    types = {item["AttributeName"]: item["AttributeType"] for item in keys["AttributeDefinitions"]}
    item = {key["AttributeName"]: {types[key["AttributeName"]]: "1"} for key in keys["KeySchema"]}
    table.put_item(TableName="dev-sessions", Item=item)
    done = dev.destroy()
    for queue in ("ticket-events", "knowledge-updates"):
        assert "holds 1 message; destroy_data=dev-us-east-1 takes it too" in done.kept[f"sqs_queue/{queue}"]
    assert "sqs_queue/action-requests" in done.gone
    dev.destroy(data=True)
    assert dev.census() == {}


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_bucket_stays_with_its_key_and_says_until_when(dev, mode):
    s3 = dev.client("s3")
    bucket = next(one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].endswith("audit-logs"))
    s3.put_object(Bucket=bucket, Key="a", Body=b"a", ObjectLockMode=mode, ObjectLockRetainUntilDate="2099-01-01T00:00:00Z")
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    done = dev.destroy(data=True)
    assert "until at least 2099-01-01" in done.kept["s3_bucket/audit-logs"]
    assert "kms_key/shared" in done.kept
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert s3.list_object_versions(Bucket=bucket)["Versions"][0]["Key"] == "a"


def test_a_neighbour_of_our_own_is_untouched(dev):
    """Another environment of ours in the account, made by the same tiers."""
    other = site.parameters("prod")
    for tier in ("kms", "vpc", "secrets", "s3", "dynamodb", "messaging"):
        tiers.run(tiers.load(tier), other[tier])
    everything = dev.census()
    dev.destroy(data=True)
    left = dev.census()
    theirs = {what: [name for name in names if "prod" in name or "prod-us-east-1" in name] for what, names in everything.items()}
    assert {what: names for what, names in left.items() if what != "route table"} == {
        what: names for what, names in theirs.items() if names and what != "route table"
    }
    planned = None
    for tier in ("kms", "vpc", "secrets", "s3", "dynamodb", "messaging"):
        result = tiers.run(tiers.load(tier), {**other[tier], "planned": planned}, check_mode=True)
        planned = result["planned"]
        assert result["plan"] == []


def test_what_others_have_in_the_account_is_untouched(dev):
    """A network with our range, and what is called almost as ours is."""
    ec2, s3, sqs, kms = (dev.client(name) for name in ("ec2", "s3", "sqs", "kms"))
    cidr = ec2.describe_vpcs(VpcIds=[dev.vpc()])["Vpcs"][0]["CidrBlock"]
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.split("/")[0] + "/24")
    for group in ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [dev.vpc()]}])["SecurityGroups"]:
        if group["GroupName"] != "default":
            ec2.create_security_group(VpcId=vpc, GroupName=group["GroupName"], Description="theirs")
    s3.create_bucket(Bucket="dev-theirs")
    sqs.create_queue(QueueName="dev-theirs")
    key = kms.create_key(Description="theirs")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/devious", TargetKeyId=key)
    everything = {what: set(names) for what, names in dev.census().items()}
    dev.destroy(data=True)
    left = {what: set(names) for what, names in dev.census().items()}
    assert all(names <= everything[what] for what, names in left.items())
    assert left["vpc"] == {"untagged vpc"} and left["subnet"] == {"untagged subnet"}
    assert left["security group"] == {"untagged security group"}
    assert (left["bucket"], left["alias"]) == ({"dev-theirs"}, {"alias/devious"})
    assert [name.rsplit("/", 1)[-1] for name in left["queue"]] == ["dev-theirs"]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]


@pytest.mark.parametrize("seed", range(CUT_OFF))
def test_a_deployment_that_was_cut_off(dev, seed):
    """At a random write, then destroyed with everything; and at a random write of that, and destroyed again."""
    chance = random.Random(seed)
    aws = dev.aws
    aws.reset()
    aws.clear_requests()
    _until(aws, chance.randrange(1, 250), lambda: dev.site())
    _until(aws, chance.randrange(1, 120), lambda: teardown.attempt(dev.parameters, dev.deployment, data=True))
    done = dev.destroy(data=True)
    assert dev.census() == {}
    assert done.kept == {}
    aws.clear_requests()
    assert dev.destroy(data=True).gone == []
    assert aws.writes() == []


def _until(aws: Any, writes: int, run: Any) -> None:
    """Run until so many writes have reached AWS; every later call fails as if the process were gone."""
    done = [0]

    def count(call: Any) -> None:
        done[0] += 1
        if done[0] == writes:
            aws.settings.faults = []
            aws.settings.fault(code="AccessDenied", status=403)

    aws.settings.fault(access="write", when="after", callback=count)
    try:
        run()
    except AssertionError:
        pass  # A tier failed, as it is meant to.
    finally:
        aws.settings.clear()
