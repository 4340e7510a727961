"""Patches to EC2's VPCs, subnets, network ACLs, flow logs and zones."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.availability_zones_and_regions import Zone
from moto.ec2.responses import EC2Response

from local_aws.patches import patch, wrap
from local_aws.patches.ec2_common import by_token, dependency, error, remember

LAST_RULE = 32767


@patch
def what_is_used_is_not_deleted() -> None:
    """AWS refuses to delete a VPC or a subnet with anything in it (DependencyViolation), and takes the default ACL, the
    default group and the main table with the VPC, a subnet's associations with the subnet. moto deletes a subnet under
    its interfaces and a VPC under its subnets, gateway, groups, ACLs and endpoints, and leaves the default ACL behind."""

    @wrap(EC2Backend, "delete_subnet")
    def delete_subnet(original: Any, self: Any, subnet_id: str) -> Any:
        self.get_subnet(subnet_id)
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise dependency("subnet", subnet_id)
        for table in self.route_tables.values():
            table._associations = {key: value for key, value in table._associations.items() if value != subnet_id}
        for acl in self.network_acls.values():
            acl._associations = {key: item for key, item in acl._associations.items() if item.subnet_id != subnet_id}
        return original(self, subnet_id)

    @wrap(EC2Backend, "delete_vpc")
    def delete_vpc(original: Any, self: Any, vpc_id: str) -> Any:
        self.get_vpc(vpc_id)
        groups = [group for group in self.groups[vpc_id].values() if not group.is_default]
        acls = [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]
        gateways = [item for item in self.internet_gateways.values() if item.vpc and item.vpc.id == vpc_id]
        endpoints = [item for item in self.vpc_end_points.values() if item.vpc_id == vpc_id]
        subnets = [one for zone in self.subnets.values() for one in zone.values() if one.vpc_id == vpc_id]
        if subnets or groups or gateways or endpoints or any(not acl.default for acl in acls):
            raise dependency("vpc", vpc_id)
        answer = original(self, vpc_id)
        for acl in acls:
            self.network_acls.pop(acl.id)
            self.tags.pop(acl.id, None)
        self.groups.pop(vpc_id, None)
        return answer


@patch
def network_acls_are_found_by_id() -> None:
    """AWS filters network ACLs by network-acl-id. moto has no such filter."""

    @wrap(EC2Backend, "describe_network_acls")
    def describe_network_acls(original: Any, self: Any, network_acl_ids: Any = None, filters: Any = None) -> Any:
        filters = dict(filters or {})
        wanted = filters.pop("network-acl-id", None)
        found = original(self, network_acl_ids, filters)
        return found if wanted is None else [acl for acl in found if acl.id in wanted]


@patch
def zones_of_the_region() -> None:
    """AWS knows the zones of the call's region only, answers what group and region a zone belongs to, and refuses an
    unknown name (InvalidParameterValue). moto makes a subnet in another region's zone and answers an empty list."""
    Zone.group_name = property(lambda self: self.region_name)
    Zone.network_border_group = property(lambda self: self.region_name)
    Zone.opt_in_status = "opt-in-not-required"

    @wrap(EC2Response, "describe_availability_zones")
    def describe_availability_zones(original: Any, self: Any) -> Any:
        known = {zone.name for zone in self.ec2_backend.describe_availability_zones()}
        for name in self._get_param("ZoneNames", []):
            if name not in known:
                raise error("InvalidParameterValue", f"Invalid availability zone: [{name}]")
        return original(self)

    @wrap(EC2Response, "create_subnet")
    def create_subnet(original: Any, self: Any) -> Any:
        zone = self._get_param("AvailabilityZone")
        known = sorted(item.name for item in self.ec2_backend.describe_availability_zones())
        if zone and zone not in known:
            raise error(
                "InvalidParameterValue",
                f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
                f"following availability zones: {', '.join(known)}.",
            )
        return original(self)


@patch
def last_rules_of_network_acls() -> None:
    """AWS ends every ACL with a rule 32767 that denies the rest, both ways, which nobody can change. moto gives it to
    default ACLs only, and lets a rule take its number."""

    @wrap(EC2Backend, "create_network_acl")
    def create_network_acl(original: Any, self: Any, vpc_id: str, tags: Any = None, default: bool = False) -> Any:
        acl = original(self, vpc_id, tags, default)
        if not default:
            for egress in (True, False):
                create(self, acl.id, LAST_RULE, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None)
        return acl

    create = EC2Backend.create_network_acl_entry
    for name in ("create_network_acl_entry", "replace_network_acl_entry", "delete_network_acl_entry"):
        _check_rule_number(name)


def _check_rule_number(name: str) -> None:
    @wrap(EC2Response, name)
    def checked(original: Any, self: Any) -> Any:
        number = self._get_param("RuleNumber")
        if not 1 <= number < LAST_RULE:
            raise error("InvalidParameterValue", f"Value ({number}) for parameter ruleNumber is invalid.")
        acl = self.ec2_backend.get_network_acl(self._get_param("NetworkAclId"))
        stands = any((e.rule_number, e.egress) == (number, self._get_param("Egress")) for e in acl.network_acl_entries)
        if not stands and not name.startswith("create"):
            code = "InvalidNetworkAclEntry.NotFound"
            raise error(code, f"The network acl entry identified by rule number {number} does not exist")
        return original(self)


@patch
def network_acls_that_do_not_exist() -> None:
    """AWS answers InvalidNetworkAclID.NotFound and InvalidAssociationID.NotFound, and refuses to delete a default ACL.
    moto answers another code, fails, or deletes it."""

    @wrap(EC2Backend, "describe_network_acls")
    def describe_network_acls(original: Any, self: Any, network_acl_ids: Any = None, filters: Any = None) -> Any:
        for identifier in network_acl_ids or []:
            self.get_network_acl(identifier)
        return original(self, network_acl_ids, filters)

    @wrap(EC2Backend, "replace_network_acl_association")
    def replace_association(original: Any, self: Any, association_id: str, network_acl_id: str) -> Any:
        self.get_network_acl(network_acl_id)
        if not any(association_id in acl._associations for acl in self.network_acls.values()):
            code = "InvalidAssociationID.NotFound"
            raise error(code, f"The association ID '{association_id}' does not exist")
        return original(self, association_id, network_acl_id)

    @wrap(EC2Response, "delete_network_acl")
    def delete_network_acl(original: Any, self: Any) -> Any:
        identifier = self._get_param("NetworkAclId")
        if self.ec2_backend.get_network_acl(identifier).default:
            raise error("InvalidParameterValue", f"The default network ACL '{identifier}' cannot be deleted.")
        return original(self)


@patch
def icmp_rules_of_network_acls() -> None:
    """AWS keeps type and code of a rule for ICMP. moto looks for them under a name that its parser does not give them."""

    for name in ("create_network_acl_entry", "replace_network_acl_entry"):

        @wrap(EC2Response, name)
        def written(original: Any, self: Any) -> Any:
            answer = original(self)
            icmp, number, egress = (self._get_param(key) for key in ("IcmpTypeCode", "RuleNumber", "Egress"))
            for entry in self.ec2_backend.get_network_acl(self._get_param("NetworkAclId")).network_acl_entries:
                if icmp and (entry.rule_number, entry.egress) == (number, egress):
                    entry.icmp_type, entry.icmp_code = icmp.get("Type"), icmp.get("Code")
            return answer


@patch
def tables_and_acls_are_made_once() -> None:
    """AWS answers what was made when CreateRouteTable or CreateNetworkAcl is repeated with the same ClientToken. moto
    makes another."""

    for name in ("create_route_table", "create_network_acl"):

        @wrap(EC2Response, name)
        def once(original: Any, self: Any, name: str = name) -> Any:
            token = self._get_param("ClientToken")
            known = by_token(self.ec2_backend, name, token)
            return known or remember(self.ec2_backend, name, token, original(self))


@patch
def flow_log_creation() -> None:
    """AWS honours ClientToken and takes a log group by its ARN (LogDestination) as well as by its name. moto refuses
    the repetition and reports an access error for the ARN."""

    @wrap(EC2Response, "create_flow_logs")
    def create_flow_logs(original: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        known = by_token(self.ec2_backend, "flow_log", token)
        return known or remember(self.ec2_backend, "flow_log", token, original(self))

    @wrap(EC2Backend, "create_flow_logs")
    def by_arn_too(original: Any, self: Any, **kwargs: Any) -> Any:
        destination = kwargs.get("log_destination") or ""
        if ":log-group:" in destination and not kwargs.get("log_group_name"):
            kwargs["log_group_name"] = destination.split(":log-group:")[1].removesuffix(":*")
        return original(self, **kwargs)


@patch
def main_tables_stay() -> None:
    """AWS refuses to delete a VPC's main route table (DependencyViolation). moto deletes it."""

    @wrap(EC2Response, "delete_route_table")
    def delete_route_table(original: Any, self: Any) -> Any:
        identifier = self._get_param("RouteTableId")
        if self.ec2_backend.get_route_table(identifier).main_association_id:
            raise dependency("routeTable", identifier)
        return original(self)
