# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in, as WAF, CloudFront, Elastic Load Balancing and Certificate Manager answer it."""

from __future__ import annotations

from typing import Any

from ..api import Api
from ..errors import is_code, tolerating

EDGE = "us-east-1"
WAF = f"wafv2@{EDGE}"
SERVICES = ("cloudfront", "elbv2", "acm", WAF)


def web_acl(api: Api, name: str) -> dict[str, Any] | None:
    """The web ACL of CloudFront's scope with this name, and as ``Logging`` its logging configuration (None: it does not log)."""
    client = api.client(WAF)
    marker: dict[str, str] = {}
    found = None
    while found is None:
        answer = client.list_web_acls(Scope="CLOUDFRONT", Limit=100, **marker)
        found = next((item for item in answer.get("WebACLs") or () if item["Name"] == name), None)
        if not answer.get("NextMarker") or not answer.get("WebACLs"):
            break
        marker = {"NextMarker": answer["NextMarker"]}
    if found is None:
        return None
    acl = client.get_web_acl(Scope="CLOUDFRONT", Id=found["Id"], Name=name)["WebACL"]
    acl["Logging"] = None
    with tolerating("WAFNonexistentItemException"):
        acl["Logging"] = client.get_logging_configuration(ResourceArn=acl["ARN"])["LoggingConfiguration"]
    return acl


def distribution(api: Api, comment: str) -> dict[str, Any] | None:
    """The distribution with this comment, and as ``Config`` its whole configuration. It holds the header's secret value."""
    client, marker = api.client("cloudfront"), ""
    while True:
        answer = client.list_distributions(**({"Marker": marker} if marker else {}))["DistributionList"]
        for item in answer.get("Items") or ():
            if item.get("Comment") == comment:
                config = client.get_distribution_config(Id=item["Id"])["DistributionConfig"]
                return {**item, "Config": config}
        marker = answer.get("NextMarker") or ""
        if not marker:
            return None


def load_balancer(api: Api, name: str) -> dict[str, Any] | None:
    """The load balancer, as ``Listeners`` its listeners, and as ``Rules`` of each listener its rules."""
    client = api.client("elbv2")
    try:
        balancer = client.describe_load_balancers(Names=[name])["LoadBalancers"][0]
    except Exception as error:
        if is_code(error, "LoadBalancerNotFound"):
            return None
        raise
    arn = balancer["LoadBalancerArn"]
    listeners = api.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)
    for listener in listeners:
        listener["Rules"] = api.pages("elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
    return {**balancer, "Listeners": listeners}


def target_group(api: Api, name: str) -> dict[str, Any] | None:
    """The target group, and as ``Health`` the states of its targets."""
    client = api.client("elbv2")
    try:
        group = client.describe_target_groups(Names=[name])["TargetGroups"][0]
    except Exception as error:
        if is_code(error, "TargetGroupNotFound"):
            return None
        raise
    health = client.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    return {**group, "Health": [item["TargetHealth"]["State"] for item in health]}


def certificate(api: Api, arn: str) -> dict[str, Any] | None:
    """A certificate of the deployment's region."""
    with tolerating("ResourceNotFoundException"):
        return api.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    return None
