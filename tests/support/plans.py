"""What a plan of the whole site says, what an apply did, and whether two plans are the same. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.report import comparison, drift, plan_file

from .mutations import CHANGED, MISSING, REFUSED, UNMANAGED
from .tiers import changes

# The services that are called to write a kind, as the request log spells them; all but the first only sometimes.
SERVICES: dict[str, tuple[str, ...]] = {
    "kms_key": ("kms",),
    "web_acl": ("wafv2",),
    **dict.fromkeys(("log_group", "edge_log_group", "delivery", "delivery_source", "delivery_destination"), ("logs",)),
    **dict.fromkeys(
        (
            *("vpc", "subnet", "internet_gateway", "elastic_ip", "nat_gateway", "route_table", "security_group", "flow_log"),
            *("security_group_rules", "network_acl", "vpc_endpoint", "launch_template"),
            *("default_security_group", "default_network_acl"),
        ),
        ("ec2",),
    ),
    **dict.fromkeys(("iam_role", "iam_oidc_provider", "iam_service_linked_role"), ("iam",)),
    **dict.fromkeys(
        (
            *("eks_cluster", "eks_nodegroup", "eks_addon", "eks_addon_version", "eks_addon_release", "eks_access_entry"),
            "eks_pod_identity",
        ),
        ("eks",),
    ),
    **dict.fromkeys(("secret", "generated_secret", "origin_secret"), ("secretsmanager",)),
    **dict.fromkeys(("db_instance", "db_parameter_group", "db_subnet_group"), ("rds",)),
    **dict.fromkeys(("replication_group", "cache_parameter_group", "cache_subnet_group"), ("elasticache",)),
    "s3_bucket": ("s3",),
    "dynamodb_table": ("dynamodb", "application-autoscaling"),
    "sns_topic": ("sns",),
    "sns_subscription": ("sns",),
    "sqs_queue": ("sqs",),
    **dict.fromkeys(("load_balancer", "listener", "listener_rule", "target_group"), ("elbv2",)),
    "certificate": ("acm",),
    **dict.fromkeys(("hosted_zone", "dns_record", "certificate_validation"), ("route53",)),
    **dict.fromkeys(("distribution", "response_headers_policy"), ("cloudfront",)),
}
# Made by the call that makes something else: an add-on comes with a version.
COMES_WITH = {"eks_addon_version": "eks_addon"}


def kind_of(address: str) -> str:
    return address.split("/", 1)[0]


def addresses(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Address -> action, of all tiers."""
    return {item["address"]: item["action"] for result in results.values() for item in result.get("plan", ())}


def refused(result: Mapping[str, Any]) -> dict[str, str]:
    """Address -> reason; a tier that cannot be planned at all is refused under no address."""
    found = {item["address"]: item["reason"] for item in result.get("refusals", ())}
    return {**found, **({"": result["msg"]} if result.get("failed") else {})}


def all_refused(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {address: reason for result in results.values() for address, reason in refused(result).items()}


def differences(results: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Address -> changed, missing, unmanaged or refused: what the report of a drift says, and what no run mends by itself."""
    seen = next(reversed(results.values()))["planned"]["seen"]
    told = drift.document(dict.fromkeys(plan_file.PLACE, "x"), results, (), seen)
    assert told["errors"] == []
    found = {item["address"]: kind for kind in (CHANGED, MISSING, UNMANAGED) for item in told[kind]}
    assert told["drift"] == bool(found)
    return found | dict.fromkeys(all_refused(results), REFUSED)


def rests_on(results: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The planned addresses, and what they refer to."""
    grounds = [ground for result in results.values() for ground in result.get("ground", {}).values()]
    return set(addresses(results)) | {what for ground in grounds for what in ground if "/" in what}


def moved(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of an approved plan is not the same in a fresh one, as ``site.yml`` tells it; empty: that may be applied."""
    approved, fresh = (
        plan_file.document(dict.fromkeys(plan_file.PLACE, "x"), one, "0", datetime.now(UTC)) for one in (before, after)
    )
    lines = comparison.moved(approved, fresh)
    assert bool(lines) == (approved["digest"] != fresh["digest"]), f"the digests say otherwise: {lines}"
    return [*lines, *(f"{tier}: {result['msg']}" for tier, result in after.items() if result.get("failed"))]


def check_writes(result: Mapping[str, Any], wrote: Iterable[Any]) -> None:
    """The request log of a tier's apply against what it says that it did; knows nothing of how a kind is written."""
    called = [(call.service, call.operation) for call in wrote]
    services = [service for service, _operation in called]
    planned = {item["address"] for item in result["plan"]}
    groups: dict[tuple[str, ...], list[str]] = {}
    for address in sorted(planned):
        ones = groups.setdefault(SERVICES[kind_of(address)], [])
        if address.replace(kind_of(address), COMES_WITH.get(kind_of(address), "-")) not in planned:
            ones.append(address)
    for group, ones in groups.items():
        number = sum(services.count(service) for service in group)
        assert number >= len(ones), f"{number} writes to {' or '.join(group)} for {ones}: {called}"
    allowed = {service for group in groups for service in group}
    assert set(services) <= allowed, (
        f"writes that no planned action explains: {[call for call in called if call[0] not in allowed]}"
    )


def check_applied(planned: Mapping[str, Any], result: Mapping[str, Any], wrote: Collection[Any]) -> None:
    """A tier's apply did what its plan said, and nothing else."""
    assert not result.get("failed"), result["msg"]
    assert changes(result) == changes(planned)
    check_writes(result, wrote)


def check_empty(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Nothing is left to do."""
    assert {tier: result["plan"] for tier, result in results.items() if result.get("plan")} == {}
    assert all_refused(results) == {}
