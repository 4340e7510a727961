"""Patches to Elastic Load Balancing: listeners, rules, target groups, tags."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import ListenerNotFoundError, PriorityInUseError, RuleNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeAction, FakeListener, FakeRule, FakeTargetGroup
from moto.elbv2.responses import ELBV2Response
from moto.elbv2.ssl_policies import SSL_POLICIES
from moto.moto_api._internal import mock_random

from local_aws.patches import patch, replace, wrap
from local_aws.patches.elbv2_balancers import error

MOST_TAGS, MOST_DESCRIBED = 50, 20
POLICY = "ELBSecurityPolicy-2016-08"
TARGET_DEFAULTS = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.enabled": "false",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.type": "lb_cookie",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
RESPONSE_HEADERS = (
    "strict_transport_security",
    "access_control_allow_origin",
    "access_control_allow_methods",
    "access_control_allow_headers",
    "access_control_allow_credentials",
    "access_control_expose_headers",
    "access_control_max_age",
    "content_security_policy",
    "x_content_type_options",
    "x_frame_options",
)


@patch
def listeners_are_checked() -> None:
    """AWS answers the listener that stands when it is asked for again with the same settings (DuplicateListener with others on its
    port), and refuses HTTPS without a certificate, one that does not exist (CertificateNotFound) or is not issued
    (UnsupportedCertificate), and an unknown policy (SSLPolicyNotFound). moto takes any number on one port, and any certificate."""

    @wrap(ELBV2Response, "create_listener")
    def create_listener(original: Any, self: Any) -> ActionResult:
        backend, given = self.elbv2_backend, dict(self._get_params())
        balancer = backend.load_balancers.get(given["LoadBalancerArn"])
        if balancer and balancer.type == "application":
            for known in balancer.listeners.values():
                if known.port == given.get("Port"):
                    if known.settings == given:
                        return ActionResult({"Listeners": [known]})
                    raise error("DuplicateListener", f"A listener already exists on port {known.port} for this load balancer")
            _check_tls(backend, given.get("Protocol"), given.get("Certificates") or [], given.get("SslPolicy"))
            _check_targets(backend, given["DefaultActions"], balancer.arn)
        answer = original(self)
        for made in answer.result["Listeners"]:
            made.settings = given
        return answer

    @wrap(FakeListener, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.settings = {}
        self.mutual_authentication = {"Mode": "off"} if self.protocol == "HTTPS" else None
        if self.protocol == "HTTP":
            self.ssl_policy = None
        if self.protocol in ("HTTP", "HTTPS"):
            empty = {f"routing.http.response.{name}.header_value": "" for name in RESPONSE_HEADERS}
            self.attributes = {"routing.http.response.server.enabled": "true", **empty}

    @wrap(ELBv2Backend, "modify_listener")
    def modify_listener(
        original: Any,
        self: Any,
        arn: str,
        port: Any = None,
        protocol: Any = None,
        ssl_policy: Any = None,
        certificates: Any = None,
        actions: Any = None,
    ) -> FakeListener:
        (listener,) = self.describe_listeners(None, [arn])
        balancer = self.load_balancers[listener.load_balancer_arn]
        if port is not None and any(item.port == port and item is not listener for item in balancer.listeners.values()):
            raise error("DuplicateListener", f"A listener already exists on port {port} for this load balancer")
        becomes = protocol or listener.protocol
        kept = [{"CertificateArn": item} for item in listener.certificates[:1]]
        if balancer.type == "application":
            _check_tls(self, becomes, certificates or (kept if becomes == "HTTPS" else []), ssl_policy)
            _check_targets(self, actions or [], balancer.arn)
        others = listener.certificates[1:]
        listener = original(self, arn, port, protocol, ssl_policy, certificates, actions)
        if becomes == "HTTP":
            listener.ssl_policy, listener.certificates, listener.certificate = None, [], None
        else:
            listener.ssl_policy = listener.ssl_policy or POLICY
            listener.certificates = list(dict.fromkeys([*listener.certificates[:1], *others]))
        listener.settings = {}
        return listener

    @wrap(ELBv2Backend, "delete_listener")
    def delete_listener(original: Any, self: Any, listener_arn: str) -> FakeListener:
        listener = original(self, listener_arn)
        for item in (listener_arn, *(rule.arn for rule in listener.rules.values())):
            self.tagging_service.delete_all_tags_for_resource(item)
        return listener


@patch
def rules_and_actions_are_read_back_whole() -> None:
    """AWS shows a forward both as TargetGroupArn and as ForwardConfig, a path or host condition both as Values and as its Config,
    and rules in the order of their priorities, which are 1 to 50000. moto echoes what was given, in the order of creation."""

    @wrap(FakeAction, "__init__")
    def action_init(original: Any, self: Any, data: dict[str, Any]) -> None:
        if data.get("Type") == "forward":
            if data.get("TargetGroupArn") and not data.get("ForwardConfig"):
                data["ForwardConfig"] = {"TargetGroups": [{"TargetGroupArn": data["TargetGroupArn"]}]}
            groups = (data.get("ForwardConfig") or {}).get("TargetGroups") or []
            if len(groups) == 1:
                data.setdefault("TargetGroupArn", groups[0]["TargetGroupArn"])
        original(self, data)

    @wrap(FakeRule, "__init__")
    def rule_init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.arn = f"{self.arn.rpartition('/')[0]}/{mock_random.get_random_hex(16)}"

    ordered = FakeListener.rules.fget

    def rules(self: Any) -> dict[Any, Any]:
        return dict(sorted(ordered(self).items(), key=_priority))

    FakeListener.rules = property(rules)

    @wrap(ELBv2Backend, "create_rule")
    def create_rule(original: Any, self: Any, listener_arn: str, conditions: Any, priority: Any, actions: Any, tags: Any) -> Any:
        if not 1 <= int(priority) <= 50000:
            raise error("ValidationError", f"Priority '{priority}' must be between 1 and 50000")
        (listener,) = self.describe_listeners(None, [listener_arn]) or [None]
        if listener is None:
            raise ListenerNotFoundError()
        if any(rule.priority == int(priority) for rule in listener._non_default_rules.values()):
            raise PriorityInUseError()
        _check_targets(self, actions, listener.load_balancer_arn)
        made = original(self, listener_arn, [_one_way(item) for item in conditions], int(priority), actions, tags)
        made.conditions = _both_ways(made.conditions)
        return made

    @wrap(ELBv2Backend, "modify_rule")
    def modify_rule(original: Any, self: Any, rule_arn: str, conditions: Any, actions: Any) -> Any:
        (rule,) = self.describe_rules(None, [rule_arn])
        if rule.is_default:
            raise error("OperationNotPermitted", f"Default rule '{rule_arn}' cannot be modified")
        (listener,) = self.describe_listeners(None, [rule.listener_arn])
        _check_targets(self, actions, listener.load_balancer_arn)
        changed = original(self, rule_arn, [_one_way(item) for item in conditions], actions)
        changed.conditions = _both_ways(changed.conditions)
        return changed

    @replace(ELBv2Backend, "delete_rule")
    def delete_rule(self: Any, arn: str) -> None:
        for balancer in self.load_balancers.values():
            for listener in balancer.listeners.values():
                if arn in (rule.arn for rule in listener._default_rule.values()):
                    raise error("OperationNotPermitted", f"Default rule '{arn}' cannot be deleted")
                if arn in listener._non_default_rules:
                    listener.remove_rule(arn)
                    self.tagging_service.delete_all_tags_for_resource(arn)
                    return
        raise RuleNotFoundError("One or more rules not found")


@patch
def target_groups() -> None:
    """AWS answers the target group that stands when it is asked for again with the same settings (DuplicateTargetGroupName with
    others), shows every attribute with its default, refuses unknown ones, and a group behind two load balancers
    (TargetGroupAssociationLimit). moto refuses the repetition, shows some, takes any, and never forgets a load balancer."""

    @wrap(ELBv2Backend, "create_target_group")
    def create_target_group(original: Any, self: Any, name: str, **kwargs: Any) -> FakeTargetGroup:
        settings = {"name": name, **kwargs}
        for known in self.target_groups.values():
            if known.name == name and known.settings == settings:
                return known
        made = original(self, name, **dict(kwargs))
        made.settings = settings
        return made

    @wrap(FakeTargetGroup, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.settings = {}
        if self.protocol in ("HTTP", "HTTPS"):
            self.attributes = dict(TARGET_DEFAULTS)

    @wrap(ELBv2Backend, "modify_target_group_attributes")
    def modify(original: Any, self: Any, target_group_arn: str, attributes: dict[str, Any]) -> None:
        found = self.target_groups.get(target_group_arn)
        unknown = sorted(set(attributes) - set(TARGET_DEFAULTS)) if found and found.protocol in ("HTTP", "HTTPS") else []
        if unknown:
            raise error("ValidationError", f"Target group attribute key '{unknown[0]}' is not recognized")
        original(self, target_group_arn, attributes)

    @wrap(ELBv2Backend, "delete_target_group")
    def delete(original: Any, self: Any, target_group_arn: str) -> Any:
        answer = original(self, target_group_arn)
        self.tagging_service.delete_all_tags_for_resource(target_group_arn)
        return answer

    FakeTargetGroup.load_balancer_arns = property(_balancers, _ignore)  # type: ignore[assignment]


@patch
def tags_in_bulk() -> None:
    """AWS takes 50 tags a resource, describes the tags of 20 resources a call (ValidationError for more), and names one that does
    not exist. moto takes 10 tags, and answers no tags for what does not exist."""

    @replace(ELBv2Backend, "add_tags")
    def add_tags(self: Any, resource_arns: list[str], tags: list[dict[str, str]]) -> None:
        for arn in resource_arns:
            self._get_resource_by_arn(arn)
            names = {*self.tagging_service.get_tag_dict_for_resource(arn), *(tag["Key"] for tag in tags)}
            if len(names) > MOST_TAGS:
                raise error("TooManyTags", "You've reached the limit on the number of tags for this resource.")
            self.tagging_service.tag_resource(arn, tags)

    @wrap(ELBv2Backend, "describe_tags")
    def describe_tags(original: Any, self: Any, resource_arns: list[str]) -> Any:
        if len(resource_arns) > MOST_DESCRIBED:
            raise error("ValidationError", f"Cannot have more than {MOST_DESCRIBED} resources described")
        for arn in resource_arns:
            if ":listener-rule" not in arn:  # moto does not find default rules
                self._get_resource_by_arn(arn)
        return original(self, resource_arns)


def _check_tls(backend: Any, protocol: Any, certificates: list[dict[str, Any]], policy: str | None) -> None:
    if policy is not None and policy not in SSL_POLICIES:
        raise error("SSLPolicyNotFound", f"SSL policy '{policy}' not found")
    if protocol != "HTTPS":
        if certificates or policy:
            raise error("ValidationError", f"Certificates and a security policy cannot be specified for {protocol} listeners")
        return
    if len(certificates) != 1:
        raise error("ValidationError", "A certificate must be specified for HTTPS listeners, exactly one")
    arn = certificates[0]["CertificateArn"]
    if not backend._certificate_exists(arn):
        raise error("CertificateNotFound", f"Certificate '{arn}' not found")
    if ":acm:" in arn:
        from moto.acm.models import acm_backends

        if acm_backends[backend.account_id][backend.region_name]._certificates[arn].status != "ISSUED":
            raise error(
                "UnsupportedCertificate",
                f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key "
                "size.",
            )


def _check_targets(backend: Any, actions: list[dict[str, Any]], balancer: str) -> None:
    for action in actions:
        for arn in backend._get_target_group_arns_from(action):
            group = backend.target_groups.get(arn)
            if group and set(group.load_balancer_arns) - {balancer}:
                message = "The following target groups cannot be associated with more than one load balancer"
                raise error("TargetGroupAssociationLimit", f"{message}: {arn}")


MEMBERS = {"path-pattern": "PathPatternConfig", "host-header": "HostHeaderConfig"}


def _one_way(item: dict[str, Any]) -> dict[str, Any]:
    """A condition as it was read may be sent again: AWS takes both forms of one list, moto does not."""
    member = MEMBERS.get(item.get("Field", ""), "")
    if item.get("Values") and item.get("Values") == (item.get(member) or {}).get("Values"):
        return {key: value for key, value in item.items() if key != "Values"}
    return item


def _both_ways(conditions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    shown = []
    for item in conditions:
        member = MEMBERS.get(item.get("Field", ""))
        values = item.get("Values") or (item.get(member or "") or {}).get("Values")
        shown.append({**item, "Values": values, member: {"Values": values}} if member and values else item)
    return shown


def _priority(item: tuple[Any, Any]) -> float:
    return float("inf") if item[1].is_default else float(item[1].priority)


def _balancers(group: Any) -> list[str]:
    from moto.elbv2.models import elbv2_backends

    backend = elbv2_backends[group.account_id][group.region_name]
    return [
        balancer.arn
        for balancer in backend.load_balancers.values()
        if any(
            group.arn in backend._get_target_group_arns_from(action.data)
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
            for action in rule.actions
        )
    ]


def _ignore(group: Any, value: Any) -> None:
    """moto's own list of a group's load balancers is not kept."""
