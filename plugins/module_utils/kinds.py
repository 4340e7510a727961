# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of resource each tier has, in the order of the tiers: for what has to know them all without loading them."""

from __future__ import annotations

KINDS = {
    "kms": ("kms_key",),
    "waf": (
        "edge_log_group",
        "web_acl",
    ),
    "vpc": (
        "vpc",
        "internet_gateway",
        "subnet",
        "elastic_ip",
        "nat_gateway",
        "route_table",
        "security_group",
        "security_group_rules",
        "default_security_group",
        "network_acl",
        "default_network_acl",
        "vpc_endpoint",
        "log_group",
        "iam_role",
        "flow_log",
    ),
    "eks": (
        "iam_service_linked_role",
        "iam_role",
        "log_group",
        "eks_cluster",
        "iam_oidc_provider",
        "eks_access_entry",
        "eks_pod_identity",
        "launch_template",
        "eks_nodegroup",
        "eks_addon",
        "eks_addon_version",
        "leftover_instance",
        "leftover_load_balancer",
        "leftover_classic_load_balancer",
        "leftover_target_group",
        "leftover_interface",
        "leftover_security_group",
        "leftover_volume",
    ),
    "secrets": ("secret",),
    "rds": (
        "db_subnet_group",
        "db_parameter_group",
        "log_group",
        "iam_role",
        "db_instance",
    ),
    "redis": (
        "generated_secret",
        "log_group",
        "cache_subnet_group",
        "cache_parameter_group",
        "replication_group",
    ),
    "s3": ("s3_bucket",),
    "dynamodb": ("dynamodb_table",),
    "messaging": (
        "sns_topic",
        "sqs_queue",
        "sns_subscription",
    ),
    "cloudfront": (
        "origin_secret",
        "load_balancer",
        "target_group",
        "listener",
        "listener_rule",
        "hosted_zone",
        "certificate",
        "certificate_validation",
        "dns_record",
        "response_headers_policy",
        "distribution",
        "delivery_source",
        "delivery_destination",
        "delivery",
    ),
    "kubernetes": (
        "namespace",
        "resource_quota",
        "limit_range",
        "network_policy",
        "service_account",
        "config_map",
        "secret_store",
        "external_secret",
        "ec2_node_class",
        "node_pool",
        "service",
        "pod_disruption_budget",
        "deployment",
        "horizontal_pod_autoscaler",
        "target_group_binding",
        "trigger_authentication",
        "scaled_object",
        "helm_release",
    ),
    "schema": ("generated_secret",),
}
# What an apply prunes by itself: nothing in the cluster holds data.
PRUNES_ITSELF = ("kubernetes",)


def prunable() -> list[str]:
    """Every kind whose addresses ``platform_prune`` may name."""
    return sorted({name for tier, names in KINDS.items() if tier not in PRUNES_ITSELF for name in names})
