# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrows 1 to 3: from the internet through web ACL, CloudFront and load balancer to a pod, and out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import policy, reach
from .model import Check, NotExercised
from .world import World

HTTPS, HTTP = 443, 80
REFUSED = "403"
# Managed rule groups that stand for the diagram's words.
GROUPS = {"SQL injection rules": "AWSManagedRulesSQLiRuleSet", "OWASP common rules": "AWSManagedRulesCommonRuleSet"}


def checks(world: World) -> list[Check]:
    made = [
        Check("1", "the distribution asks the web ACL", lambda: asked(world)),
        Check("1", "the rate limit blocks and counts", lambda: rate_limit(world.web_acl(), world.params["rate_limit"])),
        *(Check("1", f"{words} block and count", _managed(world, words, name)) for words, name in GROUPS.items()),
        Check("1", "the web ACL logs", lambda: logs(world.web_acl())),
        Check("2", "CloudFront reaches the load balancer", lambda: origin(world)),
        Check("2", "the internet's way to the load balancer", lambda: internet(world)),
        Check("2", "the load balancer refuses what is not CloudFront's", lambda: refuses_others(world)),
        Check("2", "TLS ends at the load balancer", lambda: tls(world)),
        Check("3", "the load balancer reaches the pods", lambda: to_pods(world)),
        Check("3", "pods answer the load balancer", lambda: healthy(world.target_group(), world.params["pods"])),
        Check("3", "pods reach the API providers", lambda: to_providers(world)),
    ]
    return made + [
        Check("3", f"pods of {item['service_account']} get their role", _identity(world, item))
        for item in world.params["workloads"]
    ]


def asked(world: World) -> str | None:
    acl, config = world.web_acl(), world.distribution()["Config"]
    if not config["Enabled"]:
        return f"distribution {world.distribution()['Id']} is disabled"
    asks = config.get("WebACLId") or "no web ACL"
    if asks != acl["ARN"]:
        return f"distribution {world.distribution()['Id']} asks {asks} instead of web ACL {acl['Name']}"
    return None


def _rule(acl: Mapping[str, Any], fits: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any] | None:
    return next((rule for rule in acl["Rules"] if fits(rule["Statement"])), None)


def _counted(acl: Mapping[str, Any], rule: Mapping[str, Any]) -> str | None:
    if not rule["VisibilityConfig"]["CloudWatchMetricsEnabled"]:
        return f"rule {rule['Name']} of web ACL {acl['Name']} has no metrics, so what it stops is not counted"
    return None


def rate_limit(acl: Mapping[str, Any], limit: int) -> str | None:
    rule = _rule(acl, lambda statement: "RateBasedStatement" in statement)
    if rule is None:
        return f"web ACL {acl['Name']} has no rate-based rule"
    if rule["Statement"]["RateBasedStatement"]["Limit"] != limit:
        stands = rule["Statement"]["RateBasedStatement"]["Limit"]
        return f"rule {rule['Name']} of web ACL {acl['Name']} has the limit {stands} and not {limit}"
    if "Count" in rule.get("Action", {}) or "Allow" in rule.get("Action", {}):
        return f"rule {rule['Name']} of web ACL {acl['Name']} stops nothing: its action is {next(iter(rule['Action']))}"
    return _counted(acl, rule)


def _managed(world: World, words: str, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        if name not in world.params["rule_groups"]:
            raise NotExercised(f"{name} is not among waf_managed_rule_groups")
        return managed(world.web_acl(), name)

    return prove


def managed(acl: Mapping[str, Any], name: str) -> str | None:
    rule = _rule(acl, lambda statement: statement.get("ManagedRuleGroupStatement", {}).get("Name") == name)
    if rule is None:
        return f"web ACL {acl['Name']} has no rule with the managed group {name}"
    if "Count" in rule.get("OverrideAction", {}):
        return f"rule {rule['Name']} of web ACL {acl['Name']} stops nothing: it is overridden to count"
    return _counted(acl, rule)


def logs(acl: Mapping[str, Any]) -> str | None:
    if not acl["VisibilityConfig"]["CloudWatchMetricsEnabled"]:
        return f"web ACL {acl['Name']} has no metrics"
    if not (acl["Logging"] or {}).get("LogDestinationConfigs"):
        return f"web ACL {acl['Name']} has no logging configuration"
    return None


def _listener(world: World) -> Mapping[str, Any] | str:
    """The one listener that CloudFront's origin speaks to, or why there is none."""
    balancer = world.load_balancer()
    port = HTTPS if world.params["domain"] else HTTP
    found = next((item for item in balancer["Listeners"] if item["Port"] == port), None)
    return found or f"load balancer {balancer['LoadBalancerName']} has no listener on port {port}, where CloudFront calls"


def _origin(world: World) -> Mapping[str, Any]:
    return world.distribution()["Config"]["Origins"]["Items"][0]


def _sent(world: World) -> str | None:
    """The value of the header with which CloudFront proves itself. It goes into no sentence."""
    wanted = world.params["origin_header"].lower()
    headers = (_origin(world).get("CustomHeaders") or {}).get("Items") or []
    return next((item["HeaderValue"] for item in headers if item["HeaderName"].lower() == wanted), None)


def _values(world: World, rule: Mapping[str, Any]) -> list[str]:
    """What a listener's rule accepts as that header."""
    wanted, found = world.params["origin_header"].lower(), []
    for condition in rule.get("Conditions") or ():
        config = condition.get("HttpHeaderConfig") or {}
        if condition.get("Field") == "http-header" and config.get("HttpHeaderName", "").lower() == wanted:
            found += config["Values"]
    return found


def _forwards(listener: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        rule for rule in listener["Rules"] if not rule["IsDefault"] and any(act["Type"] == "forward" for act in rule["Actions"])
    ]


def origin(world: World) -> str | None:
    listener, balancer, found = _listener(world), world.load_balancer(), _origin(world)
    if isinstance(listener, str):
        return listener
    called = f"distribution {world.distribution()['Id']}"
    domain = world.params["domain"]
    wanted = f"{world.params['origin_subdomain']}.{domain}" if domain else balancer["DNSName"]
    if found["DomainName"].lower() != wanted.lower():
        return f"the origin of {called} is {found['DomainName']} and not {wanted}"
    protocol = (found.get("CustomOriginConfig") or {}).get("OriginProtocolPolicy")
    if protocol != ("https-only" if domain else "http-only"):
        return f"the origin of {called} is called by {protocol}, and the load balancer listens for {listener['Protocol']} alone"
    sent = _sent(world)
    if sent is None:
        return f"the origin of {called} sends no header {world.params['origin_header']}"
    if not any(sent in _values(world, rule) for rule in _forwards(listener)):
        return (
            f"no rule of the {listener['Protocol']} listener of load balancer {balancer['LoadBalancerName']} forwards the value of "
            f"{world.params['origin_header']} that {called} sends: the rule is gone, or holds another value of the origin's secret"
        )
    return None


def internet(world: World) -> str | None:
    balancer, network = world.load_balancer(), world.network
    port = HTTPS if world.params["domain"] else HTTP
    subnets = [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
    if balancer["Scheme"] != "internet-facing" or balancer["State"]["Code"] != "active":
        return f"load balancer {balancer['LoadBalancerName']} is {balancer['Scheme']} and {balancer['State']['Code']}"
    for subnet in subnets:
        # It is called: in by the port, out to whatever port the caller has.
        blocked = (
            reach.no_way_out(network, subnet, "internet")
            or reach.acl_in_the_way(network, subnet, False, reach.ANYWHERE_BUT, (port, port))
            or reach.acl_in_the_way(network, subnet, True, reach.ANYWHERE_BUT, reach.ANY_CLIENT)
        )
        if blocked:
            return blocked
    lists = [
        item["PrefixListId"]
        for group in balancer["SecurityGroups"]
        for rule in network.groups.get(group, {}).get("IpPermissions") or ()
        if reach.covers_port(rule, "tcp", port)
        for item in rule.get("PrefixListIds") or ()
    ]
    if world.params["from_cloudfront"] and world.cloudfront_list() not in lists:
        groups = ", ".join(network.name(network.groups[group]) for group in balancer["SecurityGroups"] if group in network.groups)
        return f"no rule of security group {groups} lets tcp {port} in from CloudFront's prefix list"
    return None


def refuses_others(world: World) -> str | None:
    listener, balancer, network = _listener(world), world.load_balancer(), world.network
    if isinstance(listener, str):
        return listener
    name = balancer["LoadBalancerName"]
    if others := [item["Port"] for item in balancer["Listeners"] if item["Port"] != listener["Port"]]:
        return f"load balancer {name} has another listener, on port {others[0]}"
    default = listener["DefaultActions"][0]
    answers = (default.get("FixedResponseConfig") or {}).get("StatusCode")
    if default["Type"] != "fixed-response" or answers != REFUSED:
        return f"the default action of the listener of load balancer {name} is {default['Type']} and not the answer {REFUSED}"
    for rule in _forwards(listener):
        if not _values(world, rule):
            header = world.params["origin_header"]
            return f"rule {rule['Priority']} of the listener of load balancer {name} forwards what has no header {header}"
    allowed = set(world.params["alb_cidrs"])
    for group in balancer["SecurityGroups"]:
        for rule in network.groups.get(group, {}).get("IpPermissions") or ():
            ranges = {item["CidrIp"] for item in rule.get("IpRanges") or ()} | {
                item["CidrIpv6"] for item in rule.get("Ipv6Ranges") or ()
            }
            lists = {item["PrefixListId"] for item in rule.get("PrefixListIds") or ()}
            others = (ranges - allowed) | (lists - {world.cloudfront_list()})
            if others or rule.get("UserIdGroupPairs"):
                who = sorted(others)[0] if others else rule["UserIdGroupPairs"][0]["GroupId"]
                return f"security group {network.name(network.groups[group])} lets in {who}, which is not CloudFront"
    return None


def tls(world: World) -> str | None:
    if not world.params["domain"]:
        raise NotExercised("platform_domain is empty, so the load balancer speaks HTTP, to CloudFront alone")
    listener, balancer = _listener(world), world.load_balancer()
    if isinstance(listener, str):
        return listener
    name, host = balancer["LoadBalancerName"], f"{world.params['origin_subdomain']}.{world.params['domain']}"
    if listener["Protocol"] != "HTTPS":
        return f"the listener of load balancer {name} on port {listener['Port']} speaks {listener['Protocol']}"
    if listener.get("SslPolicy") != world.params["tls_policy"]:
        wanted = world.params["tls_policy"]
        return f"the listener of load balancer {name} has the TLS policy {listener.get('SslPolicy')} and not {wanted}"
    certificate = world.certificate(listener["Certificates"][0]["CertificateArn"])
    names = {certificate["DomainName"], *certificate.get("SubjectAlternativeNames", ())}
    if certificate["Status"] != "ISSUED":
        return f"certificate {certificate['CertificateArn']} of load balancer {name} is {certificate['Status']}"
    if host not in names and "*." + host.partition(".")[2] not in names:
        return f"certificate {certificate['CertificateArn']} of load balancer {name} is not for {host}, which CloudFront asks for"
    return None


def to_pods(world: World) -> str | None:
    listener, balancer, group = _listener(world), world.load_balancer(), world.target_group()
    if isinstance(listener, str):
        return listener
    arns = {
        target
        for rule in _forwards(listener)
        for action in rule["Actions"]
        for target in (
            action.get("TargetGroupArn"),
            *(one["TargetGroupArn"] for one in action.get("ForwardConfig", {}).get("TargetGroups", ())),
        )
    }
    if group["TargetGroupArn"] not in arns:
        return f"no rule of load balancer {balancer['LoadBalancerName']} forwards to target group {group['TargetGroupName']}"
    subnets = tuple(zone["SubnetId"] for zone in balancer["AvailabilityZones"])
    source = reach.Side("the load balancer", subnets, tuple(balancer["SecurityGroups"]), reach.ANY_CLIENT)
    return reach.way(world.network, source, world.workers, group["Port"])


def healthy(group: Mapping[str, Any], expected: bool) -> str | None:
    """``expected``: whether pods are to be there."""
    states = group["Health"]
    if not states:
        nobody = f"no pod is registered in target group {group['TargetGroupName']}, so nothing answers users"
        if not expected:
            raise NotExercised(f"{nobody}; verify_pods says that none is to be")
        return (
            f"{nobody}: look at playbooks/kubernetes.yml, which brings them, at kubectl -n agents get pods,targetgroupbindings (or "
            "your kubernetes_namespace), and at the log of the AWS Load Balancer Controller"
        )
    if "healthy" not in states:
        path, port, are = group.get("HealthCheckPath"), group["Port"], ", ".join(sorted(set(states)))
        return (
            f"none of {len(states)} targets of target group {group['TargetGroupName']} is healthy ({are}): "
            f"look at what the pods answer to {path} on port {port}"
        )
    return None


def to_providers(world: World) -> str | None:
    """Out of the private subnets by NAT, and from the gateways' subnets to the internet."""
    if not world.params["nat"]:
        raise NotExercised("vpc_nat_gateways is none, so pods have no way to the internet")
    network, workers = world.network, world.workers
    rules = [rule for group in workers.groups for rule in network.groups.get(group, {}).get("IpPermissionsEgress") or ()]
    if not any(
        reach.covers_port(rule, "tcp", HTTPS) and any(item["CidrIp"] == "0.0.0.0/0" for item in rule.get("IpRanges") or ())
        for rule in rules
    ):
        names = ", ".join(network.name(network.groups[group]) for group in workers.groups if group in network.groups)
        return f"no rule of security group {names} lets tcp {HTTPS} out to 0.0.0.0/0"
    return reach.to_the_internet(network, workers.subnets, "nat", HTTPS) or _through_nat(network, workers)


def _through_nat(network: reach.Network, workers: reach.Side) -> str | None:
    gateways = {
        route["NatGatewayId"]
        for subnet in workers.subnets
        for route in (network.table(subnet) or {"Routes": ()})["Routes"]
        if route.get("NatGatewayId")
    }
    for subnet in sorted({network.nat[gateway]["SubnetId"] for gateway in gateways}):
        blocked = (
            reach.no_way_out(network, subnet, "internet")
            or reach.acl_in_the_way(network, subnet, True, reach.ANYWHERE_BUT, (HTTPS, HTTPS))
            or reach.acl_in_the_way(network, subnet, False, reach.ANYWHERE_BUT, reach.ANY_CLIENT)
        )
        for source in workers.subnets:
            cidr = network.cidr(source)
            blocked = blocked or reach.acl_in_the_way(network, subnet, False, cidr, (HTTPS, HTTPS))
            blocked = blocked or reach.acl_in_the_way(network, subnet, True, cidr, reach.LINUX)
        if blocked:
            return blocked
    return None


def _identity(world: World, workload: Mapping[str, Any]) -> Callable[[], str | None]:
    def prove() -> str | None:
        role, account = world.role(workload["name"]), workload["service_account"]
        given = world.identities.get(account)
        if given != role.arn:
            what = f"the pod identity of {account} gives {given}" if given else f"service account {account} has no pod identity"
            return f"{what} in cluster {world.cluster} instead of role {role.name}"
        namespace, name = account.split("/")
        tags = {
            "aws:requesttag/eks-cluster-arn": world.place.arn("eks", f"cluster/{world.cluster}"),
            "aws:requesttag/kubernetes-namespace": namespace,
            "aws:requesttag/kubernetes-service-account": name,
        }
        for action in ("sts:AssumeRole", "sts:TagSession"):
            who = policy.Who(service="pods.eks.amazonaws.com")
            verdict = policy.judge([("it", role.trust)], policy.Request(who, action, "*", tags))
            if not verdict.allowed:
                return f"the trust policy of role {role.name} does not let pods.eks.amazonaws.com use {action} for {account}"
        return None

    return prove
