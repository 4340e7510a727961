"""A prod run of a tier alone when nothing changed: only its tasks, and the exact calls, since one read too many a resource makes a
run slow."""

from __future__ import annotations

from collections import Counter

import pytest
from support import site

TIERS = site.tiers_in_order()
KEYS, SECRETS, BUCKETS, TABLES, TOPICS, QUEUES = 7, 4, 7, 2, 4, 8
GROUPS, ADDONS, IDENTITIES = 2, 6, 10
# One call for each kind and a page of it, but for what AWS has no bulk form for.
EXPECTED = {
    "kms": {
        "kms:ListAliases": 1,
        "kms:DescribeKey": KEYS,
        "kms:GetKeyPolicy": KEYS,
        "kms:GetKeyRotationStatus": KEYS,
        "kms:ListResourceTags": KEYS,
    },
    "waf": {
        "wafv2:ListWebACLs": 1,
        "wafv2:ListLoggingConfigurations": 1,
        "wafv2:GetWebACL": 1,  # a web ACL a call
        "wafv2:ListTagsForResource": 1,  # likewise
        "resourcegroupstaggingapi:GetResources": 1,
        "logs:DescribeLogGroups": 1,
        "logs:ListTagsForResource": 1,
        "kms:ListAliases": 1,
    },
    "vpc": {
        "ec2:DescribeVpcs": 1,
        "ec2:DescribeVpcAttribute": 2,  # one attribute of one VPC a call
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeInternetGateways": 1,
        "ec2:DescribeAddresses": 1,
        "ec2:DescribeNatGateways": 1,
        "ec2:DescribeRouteTables": 1,
        "ec2:DescribeSecurityGroups": 2,  # ours, and the VPC's default one, which is a kind of its own
        "ec2:DescribeNetworkAcls": 2,  # likewise
        "ec2:DescribeVpcEndpoints": 1,
        "ec2:DescribeFlowLogs": 1,
        "ec2:DescribeManagedPrefixLists": 1,  # the addresses of CloudFront
        "iam:GetAccountAuthorizationDetails": 1,
        "resourcegroupstaggingapi:GetResources": 1,
        "logs:DescribeLogGroups": 1,
        "logs:ListTagsForResource": 1,  # a log group a call
        "kms:ListAliases": 1,
    },
    "eks": {
        "kms:ListAliases": 1,
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeSecurityGroups": 1,
        "iam:ListRoles": 1,
        "iam:GetAccountAuthorizationDetails": 1,
        "iam:ListOpenIDConnectProviders": 1,
        "iam:GetOpenIDConnectProvider": 1,  # a provider a call
        "resourcegroupstaggingapi:GetResources": 1,
        "logs:DescribeLogGroups": 1,
        "logs:ListTagsForResource": 1,
        "eks:ListClusters": 1,
        "eks:DescribeCluster": 1,
        "eks:ListNodegroups": 1,
        "eks:DescribeNodegroup": GROUPS,
        "ec2:DescribeLaunchTemplates": 1,
        "ec2:DescribeLaunchTemplateVersions": 2 * GROUPS,  # the latest, and what the nodes use
        "eks:ListAddons": 1,
        "eks:DescribeAddon": ADDONS,
        "eks:DescribeAddonVersions": ADDONS,
        "eks:ListAccessEntries": 1,
        "eks:DescribeAccessEntry": 3,  # the deployer's, and EKS's own two
        "eks:ListAssociatedAccessPolicies": 1,
        "eks:ListPodIdentityAssociations": 1,
        "eks:DescribePodIdentityAssociation": IDENTITIES,
    },
    "secrets": {
        "kms:ListAliases": 1,
        "secretsmanager:ListSecrets": 1,
        "secretsmanager:DescribeSecret": SECRETS,  # the list may be five minutes old
        "secretsmanager:GetResourcePolicy": SECRETS,
    },
    "rds": {
        "rds:DescribeDBInstances": 1,
        "rds:DescribeDBSubnetGroups": 1,
        "rds:DescribeDBParameterGroups": 1,
        "rds:DescribeDBParameters": 1,
        "rds:ListTagsForResource": 2,  # of the groups: their lists have none
        "resourcegroupstaggingapi:GetResources": 1,
        "logs:DescribeLogGroups": 2,  # a log group a call
        "logs:ListTagsForResource": 2,  # likewise
        "iam:GetAccountAuthorizationDetails": 1,
        "kms:ListAliases": 1,
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeSecurityGroups": 1,
        "eks:DescribeCluster": 1,
    },
    "redis": {
        "eks:DescribeCluster": 1,
        "kms:ListAliases": 1,
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeSecurityGroups": 1,
        "resourcegroupstaggingapi:GetResources": 1,
        "logs:DescribeLogGroups": 2,  # a name a call
        "logs:ListTagsForResource": 2,  # a log group a call
        "secretsmanager:ListSecrets": 1,
        "secretsmanager:DescribeSecret": 2,  # the secret's, and what the cache's token has to do with it
        "secretsmanager:GetResourcePolicy": 1,
        "elasticache:DescribeCacheSubnetGroups": 1,
        "elasticache:DescribeCacheParameterGroups": 1,
        "elasticache:DescribeCacheParameters": 1,  # a parameter group a call
        "elasticache:DescribeReplicationGroups": 1,
        "elasticache:DescribeCacheClusters": 1,
        "elasticache:ListTagsForResource": 3,  # a resource a call
    },
    "s3": {
        "s3:ListBuckets": 1,
        "kms:ListAliases": 1,
        "s3:GetBucketTagging": BUCKETS,
        "s3:GetBucketVersioning": BUCKETS,
        "s3:GetPublicAccessBlock": BUCKETS,
        "s3:GetBucketOwnershipControls": BUCKETS,
        "s3:GetBucketEncryption": BUCKETS,
        "s3:GetBucketPolicy": BUCKETS,
        "s3:GetObjectLockConfiguration": BUCKETS,
        "s3:GetBucketLifecycleConfiguration": BUCKETS,
        "s3:GetBucketLogging": BUCKETS,
    },
    "dynamodb": {
        "kms:ListAliases": 1,
        "dynamodb:ListTables": 1,
        "dynamodb:DescribeTable": TABLES,
        "dynamodb:DescribeTimeToLive": TABLES,
        "dynamodb:DescribeContinuousBackups": TABLES,
        "dynamodb:ListTagsOfResource": TABLES,
        "application-autoscaling:DescribeScalableTargets": 1,
        "application-autoscaling:DescribeScalingPolicies": 1,
    },
    "messaging": {
        "kms:ListAliases": 1,
        "sns:ListTopics": 1,
        "sns:ListSubscriptions": 1,
        "sns:GetTopicAttributes": TOPICS,
        "sns:ListTagsForResource": TOPICS,
        "sns:GetSubscriptionAttributes": TOPICS,
        "sqs:ListQueues": 1,
        "sqs:GetQueueAttributes": QUEUES,
        "sqs:ListQueueTags": QUEUES,
    },
    "cloudfront": {
        "kms:ListAliases": 1,
        "s3:ListBuckets": 1,
        "wafv2:ListWebACLs": 1,
        "ec2:DescribeVpcs": 1,
        "ec2:DescribeSubnets": 1,
        "ec2:DescribeSecurityGroups": 1,
        "secretsmanager:ListSecrets": 1,
        "secretsmanager:DescribeSecret": 1,
        "secretsmanager:GetResourcePolicy": 1,
        "secretsmanager:GetSecretValue": 2,  # what the rule accepts, and what the distribution sends
        "elbv2:DescribeLoadBalancers": 1,
        "elbv2:DescribeLoadBalancerAttributes": 1,
        "elbv2:DescribeTargetGroups": 1,
        "elbv2:DescribeTargetGroupAttributes": 1,
        "elbv2:DescribeListeners": 1,
        "elbv2:DescribeRules": 1,
        "elbv2:DescribeTags": 4,  # a kind of thing a call
        "acm:ListCertificates": 1,
        "acm:ListTagsForCertificate": 2,  # a certificate a call
        "acm:DescribeCertificate": 4,  # its record, and whether it is issued
        "route53:ListHostedZones": 3,  # for the zone, the proofs and the aliases
        "route53:ListTagsForResources": 1,
        "route53:GetHostedZone": 1,
        "route53:ListResourceRecordSets": 2,
        "cloudfront:ListDistributions": 1,
        "cloudfront:ListTagsForResource": 1,
        "cloudfront:GetDistribution": 1,
        "cloudfront:ListResponseHeadersPolicies": 1,
        "logs:DescribeDeliveries": 1,
        "logs:DescribeDeliverySources": 1,
        "logs:DescribeDeliveryDestinations": 1,
        "logs:ListTagsForResource": 3,
    },
    "kubernetes": {
        "eks:DescribeCluster": 1,
        "ec2:DescribeVpcs": 1,
        "ec2:DescribeSubnets": 1,
        "elbv2:DescribeTargetGroups": 1,
        "sqs:ListQueues": 1,
        "sqs:ListQueueTags": QUEUES,
        "sqs:GetQueueAttributes": QUEUES,
        "rds:DescribeDBInstances": 1,
        "elasticache:DescribeReplicationGroups": 1,
    },
    "schema": {
        "kms:ListAliases": 1,
        "secretsmanager:ListSecrets": 1,
        "secretsmanager:DescribeSecret": 1,
        "secretsmanager:GetResourcePolicy": 1,
    },
}


# What one tier of a run need not ask because another one told, for each tier after it.
TOLD = {
    "kms:ListAliases": 11,
    "ec2:DescribeSubnets": 4,
    "ec2:DescribeSecurityGroups": 4,
    "ec2:DescribeVpcs": 1,
    "eks:DescribeCluster": 2,
    "s3:ListBuckets": 1,
    "wafv2:ListWebACLs": 1,
}
# Of the preflight, for the whole run.
WHO = {"sts:GetCallerIdentity": 1}
# Before anything is written: where the cluster answers, by a run that has to do with what is in it.
WAYS_IN = {"eks:DescribeCluster": 1}


@pytest.mark.parametrize("tier", TIERS)
def test_each_tier_alone_changes_nothing_and_calls_no_more_than_it_must(deployed, tier):
    platform = deployed("prod")
    platform.local.restore(platform.snapshot)
    platform.local.clear_requests()
    results = platform.results("site.yml", "--tags", tier)
    assert {name: result["changed"] for name, result in results.items()} == {tier: False}
    calls = Counter(f"{call['service']}:{call['operation']}" for call in platform.local.requests())
    assert calls == Counter(WHO) + Counter(EXPECTED[tier]) + Counter(WAYS_IN if tier == "kubernetes" else {})


def test_the_whole_site_asks_for_nothing_twice(deployed):
    platform = deployed("prod")
    platform.local.restore(platform.snapshot)
    platform.local.clear_requests()
    results = platform.results("site.yml")
    assert not any(result["changed"] for result in results.values())
    calls = Counter(f"{call['service']}:{call['operation']}" for call in platform.local.requests())
    expected = Counter(WHO) + Counter(WAYS_IN)
    for tier in TIERS:
        expected.update(EXPECTED[tier])
    expected.subtract(TOLD)
    assert calls == expected


def test_what_refers_to_a_tier_that_changes_is_read_again_in_its_turn(deployed):
    """And nothing else is."""
    platform = deployed("dev")
    platform.local.restore(platform.snapshot)
    platform.local.clear_requests()
    results = platform.results("site.yml", "--tags", "kms,waf,vpc,s3", "-e", "kms_rotation_period_days=200")
    assert {name: result["changed"] for name, result in results.items()} == {"kms": True, "waf": False, "vpc": False, "s3": False}
    lists = ("kms:ListAliases", "s3:ListBuckets", "ec2:DescribeVpcs")
    calls = Counter(f"{call['service']}:{call['operation']}" for call in platform.local.requests())
    assert [calls[name] >= 2 for name in lists] == [True, True, True]
    platform.local.restore(platform.snapshot)
    platform.local.clear_requests()
    results = platform.results("site.yml", "--tags", "kms,s3,dynamodb", "-e", "s3_knowledge_documents_noncurrent_days=61")
    assert {name: result["changed"] for name, result in results.items()} == {"kms": False, "s3": True, "dynamodb": False}
    calls = Counter(f"{call['service']}:{call['operation']}" for call in platform.local.requests())
    assert (calls["kms:ListAliases"], calls["s3:ListBuckets"], calls["dynamodb:ListTables"]) == (1, 2, 1)
