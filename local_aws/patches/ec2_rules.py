"""Patches to EC2's security groups and their rules."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import GroupedSecurityRuleView, SecurityGroup, SecurityGroupRule
from moto.ec2.responses import EC2Response

from local_aws.patches import patch, replace, wrap
from local_aws.patches.ec2_common import error

SOURCES = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")


def _source(rule: Any) -> tuple[Any, ...]:
    """Where a rule lets traffic from or to: at most one of the four is set."""
    ip_range = rule.ip_range
    return ip_range.get("CidrIp"), ip_range.get("CidrIpv6"), rule.prefix_list_id, rule.source_group.get("GroupId")


@patch
def new_descriptions_are_answered() -> None:
    """AWS answers Return to a change of rules' descriptions. moto answers nothing."""
    for direction in ("ingress", "egress"):

        @wrap(EC2Response, f"update_security_group_rule_descriptions_{direction}")
        def update(original: Any, self: Any) -> Any:
            original(self)
            return ActionResult({"Return": True})


@patch
def descriptions_of_every_rule() -> None:
    """AWS keeps a description on a rule whatever its source, and shows it in SecurityGroupRules too; two rules that
    differ in nothing else are one (InvalidPermission.Duplicate). moto shows it for address ranges only, and takes the
    description for a difference."""

    def description(self: Any) -> str | None:
        holder = self.source_group or self.ip_range
        return holder.get("Description") or getattr(self, "prefix_list_description", None)

    SecurityGroupRule.description = property(description)

    def same(self: Any, other: Any) -> bool:
        key = (self.ip_protocol, self.from_port, self.to_port, _source(self))
        return key == (other.ip_protocol, other.from_port, other.to_port, _source(other))

    SecurityGroupRule.__eq__ = same  # type: ignore[method-assign]
    SecurityGroupRule.__hash__ = object.__hash__  # type: ignore[method-assign]

    @wrap(SecurityGroupRule, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        prefix_list = args[7] if len(args) > 7 else kwargs.get("prefix_list_id")
        self.prefix_list_description = (prefix_list or {}).get("Description")

    @replace(EC2Backend, "_sg_update_description")
    def update_description(_self: Any, security_rule: Any, rule: Any) -> None:
        _describe(rule, security_rule.description)

    @wrap(SecurityGroup, "_flattened_rules")
    def flattened(original: Any, self: Any, rules: list[Any]) -> list[GroupedSecurityRuleView]:
        views = original(self, rules)
        texts = {rule.prefix_list_id: rule.prefix_list_description for rule in rules if rule.prefix_list_id}
        for view in views:
            for item in view.prefix_list_ids:
                if texts.get(item["PrefixListId"]):
                    item["Description"] = texts[item["PrefixListId"]]
        return views


def _describe(rule: Any, text: str | None) -> None:
    """Set a rule's description; none takes it away."""
    if rule.prefix_list_id:
        rule.prefix_list_description = text
        return
    holder = rule.source_group or rule.ip_range
    holder.pop("Description", None)
    if text:
        holder["Description"] = text


@patch
def default_groups_let_themselves_in() -> None:
    """AWS's default group of a VPC admits all traffic from its own members. moto's has no rule for what comes in."""

    @wrap(SecurityGroup, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.is_default and self.vpc_id:
            own = {"GroupId": self.id, "UserId": self.owner_id}
            rule = SecurityGroupRule(self.ec2_backend, "-1", self.id, None, None, None, own, is_egress=False)
            self.ingress_rules.append(rule)


@patch
def all_rules_of_a_call_or_none() -> None:
    """AWS adds or revokes all permissions of a call, or none of them, and answers every rule that it added. moto keeps
    those before the first that fails, and answers the last permission's rules only."""
    for operation in ("authorize_security_group_ingress", "authorize_security_group_egress"):
        _atomic(operation, "SecurityGroupRules")
    for operation in ("revoke_security_group_ingress", "revoke_security_group_egress"):
        _atomic(operation, None)


def _atomic(operation: str, answered: str | None) -> None:
    @replace(EC2Response, operation)
    def all_or_none(self: Any) -> ActionResult:
        self.error_on_dryrun()
        backend = self.ec2_backend
        group = backend.get_security_group_by_name_or_id(self._get_param("GroupName") or self._get_param("GroupId"))
        before = (list(group.ingress_rules), list(group.egress_rules)) if group else None
        added: list[Any] = []
        try:
            for arguments in self._process_rules_from_querystring():
                if not answered:
                    arguments.pop("sgrule_tags")
                result = getattr(backend, operation)(**arguments)
                added += result[0] if answered else []
        except Exception:
            if before:
                group.ingress_rules, group.egress_rules = before
            for rule in added:
                backend.tags.pop(rule.id, None)
            raise
        return ActionResult({"Return": True, **({answered: added} if answered else {})})


@patch
def rules_are_modified_whole() -> None:
    """AWS replaces, by ModifySecurityGroupRules, protocol, ports, source and description of a rule that keeps its id and the type
    of its source. moto changes ports and IPv4 ranges only, and demands ports of protocol -1."""

    @replace(EC2Backend, "modify_security_group_rules")
    def modify(self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
        group = self.get_security_group_by_name_or_id(group_id)
        if group is None:
            raise error("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        for rule_id, wanted in rules.items():
            rule = group.get_rule(rule_id)
            if rule is None:
                message = f"The security group rule ID '{rule_id}' does not exist"
                raise error("InvalidSecurityGroupRuleId.NotFound", message)
            _modify(rule, wanted)


def _modify(rule: Any, wanted: dict[str, Any]) -> None:
    given = [name for name in SOURCES if wanted.get(name) is not None]
    if len(given) != 1:
        choice = "exactly one of: cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
        if not given:
            raise error("MissingParameter", f"The request must contain {choice}")
        raise error("InvalidParameterCombination", f"Only {choice} can be specified")
    current = next(name for name, value in zip(SOURCES, _source(rule), strict=True) if value is not None)
    if given[0] != current:
        message = f"Invalid rule type for security group rule '{rule.id}'. You may not specify {given[0]} for it."
        raise error("InvalidParameterValue", message)
    protocol = wanted.get("IpProtocol")
    if protocol is None:
        raise error("InvalidParameterValue", "VPC security group rules must specify protocols explicitly.")
    ports = wanted.get("FromPort"), wanted.get("ToPort")
    if str(protocol) != "-1" and None in ports:
        raise error("InvalidParameterValue", "Must specify both from and to ports with TCP/UDP.")
    rule.ip_protocol = str(protocol)
    rule.from_port, rule.to_port = (None, None) if rule.ip_protocol == "-1" else ports
    value = wanted[current]
    if current == "PrefixListId":
        rule.prefix_list_id = value
    elif current == "ReferencedGroupId":
        rule.source_group["GroupId"] = value
    else:
        rule.ip_range["CidrIp" if current == "CidrIpv4" else "CidrIpv6"] = value
    _describe(rule, wanted.get("Description"))


@patch
def groups_in_use_stay() -> None:
    """AWS refuses to delete a group that another group's rule or an interface refers to (DependencyViolation), and a
    VPC's default group (CannotDelete). moto deletes them."""

    @wrap(EC2Response, "delete_security_group")
    def delete_security_group(original: Any, self: Any) -> Any:
        backend = self.ec2_backend
        group = backend.get_security_group_from_id(self._get_param("GroupId") or "")
        if group:
            if group.is_default:
                raise error("CannotDelete", f"the specified group: {group.id} name: default cannot be deleted by a user")
            others = [item for groups in backend.groups.values() for item in groups.values() if item is not group]
            rules = [rule for item in others for rule in (*item.ingress_rules, *item.egress_rules)]
            used = any(rule.source_group.get("GroupId") == group.id for rule in rules)
            if used or any(group in eni._group_set for eni in backend.enis.values()):
                raise error("DependencyViolation", f"resource {group.id} has a dependent object")
        return original(self)
