"""Everything that stands in an account, counted with plain boto3 and none of our own code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import boto3

ADDRESS = "agent-platform:address"
DEPLOYMENT = "agent-platform:deployment"

# What -> (client, operation, key of the answer, id of an item). AWS's own things are left out by ``ours``.
BULK: dict[str, tuple[str, str, str, str]] = {
    "vpc": ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    "subnet": ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    "internet gateway": ("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "elastic ip": ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    "nat gateway": ("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    "route table": ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    "security group": ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    "network acl": ("ec2", "describe_network_acls", "NetworkAcls", "NetworkAclId"),
    "vpc endpoint": ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "flow log": ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    "log group": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "role": ("iam", "list_roles", "Roles", "RoleName"),
    "database": ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    "database's subnets": ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    "database's parameters": ("rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
    "bucket": ("s3", "list_buckets", "Buckets", "Name"),
    "table": ("dynamodb", "list_tables", "TableNames", ""),
    "scalable target": ("application-autoscaling", "describe_scalable_targets", "ScalableTargets", "ResourceId"),
    "topic": ("sns", "list_topics", "Topics", "TopicArn"),
    "subscription": ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    "queue": ("sqs", "list_queues", "QueueUrls", ""),
    "cache": ("elasticache", "describe_replication_groups", "ReplicationGroups", "ReplicationGroupId"),
    "cache subnet group": ("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups", "CacheSubnetGroupName"),
    "cache parameter group": ("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups", "CacheParameterGroupName"),
    "secret": ("secretsmanager", "list_secrets", "SecretList", "Name"),
    "alias": ("kms", "list_aliases", "Aliases", "AliasName"),
    "key": ("kms", "list_keys", "Keys", "KeyId"),
    "launch template": ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "oidc provider": ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
    "cluster": ("eks", "list_clusters", "clusters", ""),
    "web acl": ("wafv2", "list_web_acls", "WebACLs", "Name"),
    "load balancer": ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
    "target group": ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
    "certificate": ("acm", "list_certificates", "CertificateSummaryList", "DomainName"),
    "hosted zone": ("route53", "list_hosted_zones", "HostedZones", "Name"),
    "distribution": ("cloudfront", "list_distributions", "DistributionList.Items", "Comment"),
    "response headers policy": (
        *("cloudfront", "list_response_headers_policies", "ResponseHeadersPolicyList.Items"),
        "ResponseHeadersPolicy.ResponseHeadersPolicyConfig.Name",
    ),
    "log delivery's source": ("logs", "describe_delivery_sources", "deliverySources", "name"),
    "log delivery's destination": ("logs", "describe_delivery_destinations", "deliveryDestinations", "name"),
    "log delivery": ("logs", "describe_deliveries", "deliveries", "deliverySourceName"),
    "web acl's log": ("wafv2", "list_logging_configurations", "LoggingConfigurations", "ResourceArn"),
}
# Likewise, of each cluster: (operation, key of the answer, id of an item, if it is no name).
IN_CLUSTERS: dict[str, tuple[str, str, str]] = {
    "node group": ("list_nodegroups", "nodegroups", ""),
    "add-on": ("list_addons", "addons", ""),
    "access entry": ("list_access_entries", "accessEntries", ""),
    "pod identity": ("list_pod_identity_associations", "associations", "serviceAccount"),
}
# What stands in something else: what -> (what that is, its id, operation, its parameter, key of the answer, what names an item).
INSIDE: dict[str, tuple[str, str, str, str, str, tuple[str, ...]]] = {
    "listener": ("load balancer", "LoadBalancerArn", "describe_listeners", "LoadBalancerArn", "Listeners", ("Port",)),
    "dns record": ("hosted zone", "Id", "list_resource_record_sets", "HostedZoneId", "ResourceRecordSets", ("Name", "Type")),
}
# What an operation has to be told.
ARGUMENTS = {
    "list_web_acls": {"Scope": "CLOUDFRONT"},
    "list_logging_configurations": {"Scope": "CLOUDFRONT"},
    "describe_scalable_targets": {"ServiceNamespace": "dynamodb"},
    "list_response_headers_policies": {"Type": "custom"},
}
# What names a thing in a VPC that has a name of its own.
NAMES = ("LoadBalancerName", "TargetGroupName")
GONE = {"deleted", "deleting", "PendingDeletion"}


def census(client: Callable[[str], Any] | None = None) -> dict[str, list[str]]:
    """What -> sorted names: the ownership address where a tag gives one, else the id. Only what is not AWS's own.

    Keys that wait for their deletion and deleted NAT gateways do not stand any more.
    """
    client = client or _clients()
    default = {vpc["VpcId"] for vpc in client("ec2").describe_vpcs()["Vpcs"] if vpc["IsDefault"]}
    found: dict[str, list[str]] = {}
    listed: dict[str, list[Any]] = {}
    for what, (service, operation, key, identity) in BULK.items():
        api = client(service)
        arguments = ARGUMENTS.get(operation, {})
        pages = (
            api.get_paginator(operation).paginate(**arguments)
            if api.can_paginate(operation)
            else [getattr(api, operation)(**arguments)]
        )
        listed[what] = items = [item for page in pages for item in _at(page, key) or []]
        names = [name for item in items if not _in(item, default) and (name := _name(what, item, identity, api)) is not None]
        found[what] = sorted(names)
    eks = client("eks")
    for what, (operation, key, identity) in IN_CLUSTERS.items():
        items = [
            item
            for name in found["cluster"]
            for page in eks.get_paginator(operation).paginate(clusterName=name)
            for item in page[key]
        ]
        found[what] = sorted(item[identity] if identity else item for item in items)
    for what, (outer, identity, operation, parameter, key, naming) in INSIDE.items():
        api = client(BULK[outer][0])
        items = [item for whole in listed[outer] for item in getattr(api, operation)(**{parameter: whole[identity]})[key]]
        found[what] = sorted(" ".join(str(item[part]) for part in naming) for item in items)
    return found


def _at(value: Any, path: str) -> Any:
    """What is in ``value`` under keys that dots join; None where there is nothing."""
    for key in path.split("."):
        value = (value or {}).get(key)
    return value


def duplicates(counted: dict[str, list[str]]) -> list[str]:
    """Names that stand more than once."""
    return [f"{what} {name}" for what, names in counted.items() for name in sorted(set(names)) if names.count(name) > 1]


def _clients() -> Callable[[str], Any]:
    return functools.cache(boto3.client)


def _name(what: str, item: Any, identity: str, api: Any) -> str | None:
    if what == "queue":
        return item.rsplit("/", 1)[-1]
    if what == "web acl's log":
        return item[identity].split("/")[-2]
    if what in ("table", "cluster"):
        return item
    if what == "scalable target":
        return f"{item[identity]} {item['ScalableDimension']}"
    if what == "key":
        return _key(item, api)
    if what == "alias":
        return None if item[identity].startswith("alias/aws/") else item[identity]
    if what == "role":
        return None if item["Path"].startswith("/aws-service-role/") else item[identity]
    if what == "secret" and item["Name"].startswith("rds!"):
        return "RDS's own master secret"
    if what.startswith("database"):
        return item[identity]
    if identity in NAMES:
        return item[identity]
    if item.get("State") in GONE:
        return None
    if what == "subscription":
        return item["TopicArn"] + " " + item["Endpoint"]
    if what == "oidc provider":
        item = api.get_open_id_connect_provider(OpenIDConnectProviderArn=item[identity]) | item
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or []}
    if DEPLOYMENT in tags:
        return f"{tags[DEPLOYMENT]} {tags.get(ADDRESS)}"
    # Each VPC has a main route table, which is nobody's to tag.
    return f"untagged {what}" if "VpcId" in item else _at(item, identity)


def _in(item: Any, vpcs: set[str]) -> bool:
    """Whether it is, or is part of, one of ``vpcs``: a new account has a default VPC."""
    if isinstance(item, str):
        return False
    attached = {attachment.get("VpcId") for attachment in item.get("Attachments") or []}
    return item.get("VpcId") in vpcs or bool(attached & vpcs)


def _key(item: Any, kms: Any) -> str | None:
    metadata = kms.describe_key(KeyId=item["KeyId"])["KeyMetadata"]
    if metadata["KeyManager"] == "AWS" or metadata["KeyState"] in GONE:
        return None
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=item["KeyId"])["Tags"]}
    return f"{tags.get(DEPLOYMENT)} {tags.get(ADDRESS)}"
