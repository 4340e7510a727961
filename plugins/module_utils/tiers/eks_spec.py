# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the eks tier."""

from __future__ import annotations

from .eks_karpenter import AUTOSCALER, CHOICES

CALLER = "caller"

# Of nodes, whoever starts them.
CAPACITY = ["ON_DEMAND", "SPOT"]
TAINTS = {
    "type": "list",
    "elements": "dict",
    "options": {
        "key": {"type": "str", "required": True, "no_log": False},
        "value": {"type": "str"},
        "effect": {"type": "str", "required": True},
    },
}
NODE_GROUP_SPEC = {
    "name": {"type": "str", "required": True},
    "instance_types": {"type": "list", "elements": "str", "required": True},
    "capacity_type": {"type": "str", "choices": CAPACITY},
    "min_size": {"type": "int", "required": True},
    "max_size": {"type": "int", "required": True},
    "desired_size": {"type": "int"},
    "labels": {"type": "dict"},
    "taints": TAINTS,
    "disk_size_gib": {"type": "int"},
}
ADDON_SPEC = {
    "name": {"type": "str", "required": True},
    "version": {"type": "str"},
    "configuration": {"type": "dict"},
}
ACCESS_SPEC = {
    "name": {"type": "str", "required": True},
    "principal": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str"},
    "policies": {
        "type": "list",
        "elements": "dict",
        "options": {
            "policy": {"type": "str", "required": True},
            "namespaces": {"type": "list", "elements": "str"},
        },
    },
}
WORKLOAD_SPEC = {
    "name": {"type": "str", "required": True},
    "service_account": {"type": "str", "required": True},
    "tables": {"type": "list", "elements": "str"},
    "read_buckets": {"type": "list", "elements": "str"},
    "write_buckets": {"type": "list", "elements": "str"},
    "publish": {"type": "list", "elements": "str"},
    "consume": {"type": "list", "elements": "str"},
    "secrets": {"type": "list", "elements": "str", "no_log": False},
}
SPEC = {
    "cluster_name": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "availability_zones": {"type": "list", "elements": "str", "required": True},
    "key_for": {"type": "dict", "required": True, "no_log": False},
    "prefix": {"type": "str", "required": True},
    "support_type": {"type": "str", "choices": ["STANDARD", "EXTENDED"], "default": "STANDARD"},
    "public_access_cidrs": {"type": "list", "elements": "str", "default": []},
    "service_cidr": {"type": "str"},
    "log_retention_days": {"type": "int", "default": 90},
    "deletion_protection": {"type": "bool", "default": True},
    "deployer": {"type": "str", "default": CALLER},
    "access_entries": {"type": "list", "elements": "dict", "default": [], "options": ACCESS_SPEC},
    "addons": {"type": "list", "elements": "dict", "default": [], "options": ADDON_SPEC},
    "node_groups": {"type": "list", "elements": "dict", "required": True, "options": NODE_GROUP_SPEC},
    "capacity_type": {"type": "str", "choices": CAPACITY, "default": "ON_DEMAND"},
    "max_unavailable_percent": {"type": "int", "default": 33},
    "disk_size_gib": {"type": "int", "default": 50},
    "disk_iops": {"type": "int", "default": 3000},
    "disk_throughput": {"type": "int", "default": 125},
    "metadata_hop_limit": {"type": "int", "default": 1},
    "node_tags": {"type": "dict", "default": {}},
    "force_updates": {"type": "bool", "default": False},
    "replace_node_groups": {"type": "bool", "default": False},
    "node_autoscaler": {"type": "str", "choices": list(CHOICES), "default": AUTOSCALER},
    "service_accounts": {"type": "dict", "default": {}},
    "database": {"type": "str", "default": "agentdb"},
    "workloads": {"type": "list", "elements": "dict", "default": [], "options": WORKLOAD_SPEC},
    "permissions_boundary": {"type": "str"},
}
