"""What stands of a deployment, counted with plain boto3 and said in words that a newcomer understands.

One function a tier; none of this project's own code is asked, so that the demo tells what AWS says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass
class Row:
    """One line of the summary: so many of something, and what it is for. Missing when the count is 0; None counts nothing."""

    group: str
    count: int | None
    text: str


Client = Callable[..., Any]


def rows(environment: str, url: str, region: str) -> Iterator[Row]:
    """All lines, tier by tier; the group is written on the first line of each."""
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=region)

    def client(service: str, elsewhere: str | None = None) -> Any:
        return session.client(service, region_name=elsewhere or region, endpoint_url=url)

    for tier in (keys, edge, network, cluster, secrets, database, cache, buckets, tables, messaging):
        group = tier.__name__.capitalize()
        for row in tier(environment, client):
            yield Row(group, row.count, row.text)
            group = ""


def every(client: Any, operation: str, **arguments: Any) -> Iterator[Any]:
    """The items of all pages of a list operation whose answer holds one list."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from next((value for value in page.values() if isinstance(value, list)), [])


def keys(environment: str, client: Client) -> Iterator[Row]:
    names = sorted(
        alias["AliasName"]
        for alias in every(client("kms"), "list_aliases")
        if alias["AliasName"].startswith(f"alias/{environment}/")
    )
    yield Row("", len(names), f"encryption keys, rotated every year: {', '.join(names)}")


def edge(environment: str, client: Client) -> Iterator[Row]:
    waf = client("wafv2", "us-east-1")
    for acl in waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]:
        if acl["Name"].startswith(f"{environment}-"):
            found = waf.get_web_acl(Name=acl["Name"], Scope="CLOUDFRONT", Id=acl["Id"])["WebACL"]
            rules = sorted(found["Rules"], key=lambda rule: rule["Priority"])
            yield Row("", 1, f"web ACL, which every request has to pass: {', '.join(rule['Name'] for rule in rules)}")


def network(environment: str, client: Client) -> Iterator[Row]:
    ec2 = client("ec2")
    mine = [{"Name": "tag:agent-platform:environment", "Values": [environment]}]
    vpcs = list(every(ec2, "describe_vpcs", Filters=mine))
    yield Row("", len(vpcs), f"VPC, a network of its own: {', '.join(vpc['CidrBlock'] for vpc in vpcs)}")
    inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs] or ["none"]}]
    subnets = list(every(ec2, "describe_subnets", Filters=inside))
    zones = len({subnet["AvailabilityZone"] for subnet in subnets})
    yield Row("", len(subnets), f"subnets in {zones} zones: public (load balancer), private (workers), database (no way out)")
    gateways = [gateway for gateway in every(ec2, "describe_nat_gateways", Filters=inside) if gateway["State"] == "available"]
    yield Row("", len(gateways), "NAT gateways, the workers' way out to the internet")
    kinds = Counter(endpoint["VpcEndpointType"] for endpoint in every(ec2, "describe_vpc_endpoints", Filters=inside))
    yield Row(
        "",
        sum(kinds.values()),
        f"endpoints that keep calls to AWS off the internet: {kinds['Gateway']} gateway, {kinds['Interface']} interface",
    )
    groups = [
        group["GroupName"] for group in every(ec2, "describe_security_groups", Filters=inside) if group["GroupName"] != "default"
    ]
    yield Row("", len(groups), f"security groups, who may talk to whom: {', '.join(sorted(groups))}")
    acls = [acl for acl in every(ec2, "describe_network_acls", Filters=inside) if not acl["IsDefault"]]
    yield Row("", len(acls), "network ACLs that keep public and database subnets apart")
    logs = [
        log for vpc in vpcs for log in every(ec2, "describe_flow_logs", Filters=[{"Name": "resource-id", "Values": [vpc["VpcId"]]}])
    ]
    yield Row("", len(logs), "flow log, every connection written down and encrypted")


def cluster(environment: str, client: Client) -> Iterator[Row]:
    eks = client("eks")
    for name in every(eks, "list_clusters"):
        if not name.startswith(f"{environment}-"):
            continue
        found = eks.describe_cluster(name=name)["cluster"]
        network = found["resourcesVpcConfig"]
        reach = ", ".join(network["publicAccessCidrs"]) if network["endpointPublicAccess"] else "the VPC alone"
        yield Row("", 1, f"EKS cluster {name}, Kubernetes {found['version']}, whose API answers {reach}")
        names = list(every(eks, "list_nodegroups", clusterName=name))
        yield Row("", len(names), "groups of nodes, which the cluster autoscaler sizes:")
        for group in names:
            nodes = eks.describe_nodegroup(clusterName=name, nodegroupName=group)["nodegroup"]
            size, types = nodes["scalingConfig"], " or ".join(nodes["instanceTypes"])
            yield Row("", None, f"  {group}: {size['minSize']} to {size['maxSize']} of {types}, {nodes['capacityType']}")
        addons = sorted(every(eks, "list_addons", clusterName=name))
        yield Row("", len(addons), f"add-ons: {', '.join(addons)}")
        accounts = sorted(item["serviceAccount"] for item in every(eks, "list_pod_identity_associations", clusterName=name))
        yield Row("", len(accounts), f"service accounts with a role of their own: {', '.join(accounts)}")


def secrets(environment: str, client: Client) -> Iterator[Row]:
    named = [{"Key": "name", "Values": [f"{environment}/"]}]
    found = {secret["Name"]: secret for secret in every(client("secretsmanager"), "list_secrets", Filters=named)}
    yield Row("", len(found), f"secrets that only this account reads: {', '.join(sorted(found))}")
    without = [name for name, secret in found.items() if not secret.get("SecretVersionsToStages")]
    if without:
        yield Row("", None, f"  {len(without)} have no value yet: give them one by hand (put-secret-value), or by secrets_values")


def database(environment: str, client: Client) -> Iterator[Row]:
    found = [
        item
        for item in every(client("rds"), "describe_db_instances")
        if item["DBInstanceIdentifier"].startswith(f"{environment}-") and item["DBInstanceStatus"] == "available"
    ]
    for item in found or [None]:
        text = "PostgreSQL database, encrypted and backed up"
        if item:
            standby = "with a standby in another zone" if item["MultiAZ"] else "without a standby"
            grows = f", growing from {item['AllocatedStorage']} to {item['MaxAllocatedStorage']} GiB"
            text = (
                f"PostgreSQL {item['EngineVersion']} database {item['DBName']} on {item['DBInstanceClass']}, {standby}"
                f"{grows if item.get('MaxAllocatedStorage') else ''}, backups of {item['BackupRetentionPeriod']} days"
            )
        yield Row("", 1 if item else 0, text)


def cache(environment: str, client: Client) -> Iterator[Row]:
    groups = [
        group
        for group in every(client("elasticache"), "describe_replication_groups")
        if group["ReplicationGroupId"].startswith(f"{environment}-")
    ]
    nodes = sum(len(group["MemberClusters"]) for group in groups)
    names = ", ".join(f"{group['ReplicationGroupId']} ({group['Engine']}, {group['Status']})" for group in groups)
    yield Row("", nodes, f"cache nodes, encrypted and over TLS, that remember sessions and responses for a while: {names}")


def buckets(environment: str, client: Client) -> Iterator[Row]:
    s3 = client("s3")
    names = sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if f"-{environment}-" in bucket["Name"])
    yield Row("", len(names), "buckets, encrypted, private and versioned:")
    for name in names:
        versioned = s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
        yield Row("", None, f"  {name}{'' if versioned else ' (not versioned)'}")


def tables(environment: str, client: Client) -> Iterator[Row]:
    dynamodb = client("dynamodb")
    names = sorted(name for name in every(dynamodb, "list_tables") if name.startswith(f"{environment}-"))
    found = [dynamodb.describe_table(TableName=name)["Table"] for name in names]
    yield Row("", len(names), f"DynamoDB tables, encrypted, that remember conversations and sessions: {', '.join(names)}")
    yield Row("", sum(len(table.get("GlobalSecondaryIndexes", ())) for table in found), "indexes, to find items by another key")


def messaging(environment: str, client: Client) -> Iterator[Row]:
    topics = [topic["TopicArn"].rpartition(":")[2] for topic in every(client("sns"), "list_topics")]
    topics = sorted(name for name in topics if name.startswith(f"{environment}-"))
    yield Row("", len(topics), f"topics that services publish to: {', '.join(topics)}")
    sqs = client("sqs")
    queues = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        for url in every(sqs, "list_queues", QueueNamePrefix=f"{environment}-")
    }
    consumed = [url for url, attributes in queues.items() if "RedrivePolicy" in attributes]
    yield Row("", len(consumed), "queues, one a topic, that consumers read")
    yield Row("", len(queues) - len(consumed), "dead-letter queues, where a message goes that no consumer could handle")
