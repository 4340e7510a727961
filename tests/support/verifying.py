"""The verification in the test's own process, with the parameters that the inventories give the tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils import tool_module
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import jobs
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.tool import TOOL


def parameters(tiers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What roles/verify passes, out of each tier's own parameters."""
    eks, messaging, vpc, edge = tiers["eks"], tiers["messaging"], tiers["vpc"], tiers["cloudfront"]
    filled = {name: option.get("default") for name, option in TOOL.argument_spec().items()}
    return filled | {
        "environment": eks["environment"],
        "deployment": eks["deployment"],
        "region": eks["region"],
        "workloads": eks["workloads"],
        "topics": messaging["topics"],
        "max_receive_count": messaging["max_receive_count"],
        "tables": tiers["dynamodb"]["tables"],
        "secrets": [entry["name"] for entry in tiers["secrets"]["entries"]],
        "buckets": sorted(tiers["s3"]["buckets"]),
        "bucket_prefix": tiers["s3"]["prefix"],
        "refuse_other_keys": tiers["s3"]["refuse_other_keys"],
        "database": tiers["rds"]["name"],
        "cache_auth": tiers["redis"]["auth_enabled"],
        "cluster_name": eks["cluster_name"],
        "key_for": eks["key_for"],
        "gateway_endpoints": vpc["gateway_endpoints"],
        "interface_endpoints": vpc["interface_endpoints"],
        "nat": vpc["nat_gateways"] != "none",
        # Nobody runs any here.
        "pods": False,
        "domain": edge["domain"],
        "origin_subdomain": edge["origin_subdomain"],
        "origin_header": edge["origin_header"],
        "tls_policy": edge["listener_tls_policy"],
        "from_cloudfront": vpc["alb_from_cloudfront"],
        "alb_cidrs": vpc["alb_ingress_cidrs"],
        "rate_limit": tiers["waf"]["rate_limit"],
        "rule_groups": [group["group"] for group in tiers["waf"]["managed_rule_groups"]],
    }


def for_a_job(**more: Any) -> dict[str, Any]:
    """What matters where a Job makes the connections, without what the tiers say of all the rest."""
    filled = {name: option.get("default") for name, option in TOOL.argument_spec().items()}
    lists = ("workloads", "topics", "tables", "secrets", "buckets", "rule_groups", "gateway_endpoints", "interface_endpoints")
    own = {"environment": "prod", "region": "us-east-1", "cluster_name": "prod-agent-platform", "database": "agentdb"}
    rest = {"bucket_prefix": "agent", "key_for": {"secretsmanager": "secrets"}, "rate_limit": 2000, "run_in": "cluster"}
    job = {**{name: option.get("default") for name, option in jobs.spec("verify").items()}, "image": "ee:1"}
    return {**filled, **{name: [] for name in lists}, **own, **rest, "job": job, **more}


def run(params: Mapping[str, Any], check_mode: bool = False, **more: Any) -> dict[str, Any]:
    return tool_module.run(TOOL, {**params, **more}, RunOptions(check_mode=check_mode))


def failures(result: Mapping[str, Any]) -> dict[str, str]:
    """``[arrow] flow`` -> cause, of the flows that fail."""
    return {f"[{row['arrow']}] {row['flow']}": row["cause"] for row in result["flows"] if row["state"] == "failed"}
