"""Patches to Elastic Load Balancing: load balancers, their attributes, their network interfaces."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.utils import random_private_ip
from moto.elbv2.exceptions import ELBClientError, LoadBalancerNotFoundError
from moto.elbv2.models import ELBv2Backend, FakeLoadBalancer

from local_aws.patches import ec2_common, patch, replace, wrap
from local_aws.patches.alias_zones import LOAD_BALANCER_ZONES
from local_aws.policy import as_list, service_may, statements
from local_aws.transitions import failure, now, settled

KIND = "load_balancer"
GONE = "load_balancer_interfaces"
NAME = re.compile(r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?")
LOG_DELIVERY = "logdelivery.elasticloadbalancing.amazonaws.com"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
LOG_ACCOUNTS = {
    "us-east-1": "127311923021",
    "us-west-2": "797873946194",
    "eu-west-1": "156460612806",
    "eu-central-1": "054676820928",
}
DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
CHOICES = {
    "routing.http.desync_mitigation_mode": ("monitor", "defensive", "strictest"),
    "routing.http.xff_header_processing.mode": ("append", "preserve", "remove"),
    "load_balancing.cross_zone.enabled": ("true",),
}
RANGES = {"idle_timeout.timeout_seconds": (1, 4000), "client_keep_alive.seconds": (60, 604800)}


def error(code: str, message: str) -> ELBClientError:
    """An ELB error, to raise."""
    return ELBClientError(code, message)


@patch
def balancer_states() -> None:
    """AWS: provisioning, then active (or failed, with a reason). moto: active as soon as someone looks."""

    def get_state(self: Any) -> str:
        if not settled(KIND, self.made_at):
            return "provisioning"
        return "failed" if self.failure else "active"

    def set_state(self: Any, _state: str) -> None:
        self.made_at, self.failure = now(), failure(KIND)

    FakeLoadBalancer.state = property(get_state, set_state)
    FakeLoadBalancer.activate = _nothing

    def state_shown(self: Any) -> dict[str, str]:
        code = self.state
        return {"Code": code, "Reason": self.failure} if code == "failed" else {"Code": code}

    FakeLoadBalancer.load_balancer_state = property(state_shown)


@patch
def balancer_creation() -> None:
    """AWS answers the load balancer that stands when it is asked for again with the same settings (DuplicateLoadBalancerName
    with others), and refuses a bad name, subnets in fewer than two zones or two in one, of several VPCs or of one without an
    internet gateway (InvalidSubnet), and groups that do not exist (InvalidSecurityGroup). The default group serves where none
    is given. moto makes a second of the name and checks none of it."""

    @wrap(ELBv2Backend, "create_load_balancer")
    def create_load_balancer(original: Any, self: Any, **kwargs: Any) -> FakeLoadBalancer:
        kwargs["scheme"] = kwargs.get("scheme") or "internet-facing"
        kind = kwargs["loadbalancer_type"] = kwargs.get("loadbalancer_type") or "application"
        ids = [*(kwargs.get("subnet_ids") or ()), *(item["SubnetId"] for item in kwargs.get("subnet_mappings") or ())]
        subnets, groups = _subnets(self, ids, kind), kwargs["security_groups"] or []
        if not NAME.fullmatch(kwargs["name"]):
            raise error("ValidationError", f"The load balancer name '{kwargs['name']}' is not valid")
        if kind == "application":
            _check_groups(self, groups, subnets[0].vpc_id)
            kwargs["security_groups"] = groups or [self.ec2_backend.get_default_security_group(subnets[0].vpc_id).id]
        settings = {key: sorted(value, key=str) if isinstance(value, list) else value for key, value in kwargs.items()}
        for known in self.load_balancers.values():
            if known.name == kwargs["name"]:
                if known.settings == settings:
                    return known
                message = f"A load balancer with the same name '{known.name}' exists, but with different settings"
                raise error("DuplicateLoadBalancerName", message)
        vpc = subnets[0].vpc_id
        attached = any(item.vpc and item.vpc.id == vpc for item in self.ec2_backend.internet_gateways.values())
        if kwargs["scheme"] == "internet-facing" and not attached:
            raise error("InvalidSubnet", f"VPC {vpc} has no internet gateway")
        made = original(self, **kwargs)
        made.settings = settings
        _place(self, made)
        return made

    @wrap(FakeLoadBalancer, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        region, number = self.arn.split(":")[3], int(self.arn.rsplit("/", 1)[1], 16) % 10**9
        internal = "internal-" if self.scheme == "internal" else ""
        self.dns_name = f"{internal}{self.name}-{number}.{region}.elb.amazonaws.com"
        self.canonical_hosted_zone_id = LOAD_BALANCER_ZONES.get(region, "Z35SXDOTRQ7X7K")
        if self.type == "application":
            self.attrs = {**DEFAULTS, "ipv6.deny_all_igw_traffic": "true" if internal else "false"}

    @replace(ELBv2Backend, "describe_load_balancers")
    def describe_load_balancers(self: Any, arns: list[str] | None, names: list[str] | None) -> list[FakeLoadBalancer]:
        every = list(self.load_balancers.values())
        for wanted, known in ((arns, {item.arn for item in every}), (names, {item.name for item in every})):
            missing = [item for item in wanted or () if item not in known]
            if missing:
                raise error("LoadBalancerNotFound", f"Load balancers '{missing}' not found")
        return [item for item in every if (not arns or item.arn in arns) and (not names or item.name in names)]


@patch
def balancers_have_interfaces() -> None:
    """AWS puts an interface of the load balancer, in its groups, into each of its subnets: they cannot be deleted meanwhile, nor
    the internet gateway detached; the interfaces go some time after the load balancer. moto has none."""

    @wrap(ELBv2Backend, "set_subnets")
    def set_subnets(original: Any, self: Any, arn: str, subnets: list[str], mappings: list[dict[str, Any]]) -> Any:
        if arn in self.load_balancers:
            _subnets(self, [*subnets, *(item["SubnetId"] for item in mappings)], self.load_balancers[arn].type)
        answer = original(self, arn, subnets, mappings)
        _place(self, self.load_balancers[arn])
        return answer

    @wrap(ELBv2Backend, "set_security_groups")
    def set_security_groups(original: Any, self: Any, arn: str, sec_groups: list[str]) -> None:
        if arn in self.load_balancers:
            _check_groups(self, sec_groups, self.load_balancers[arn].vpc_id)
        original(self, arn, sec_groups)
        _place(self, self.load_balancers[arn])

    @wrap(EC2Backend, "detach_internet_gateway")
    def detach(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> None:
        if any(getattr(eni, "balancer", None) and eni.public and eni.subnet.vpc_id == vpc_id for eni in self.enis.values()):
            raise ec2_common.error("DependencyViolation", f"Network {vpc_id} has some mapped public address(es).")
        original(self, internet_gateway_id, vpc_id)

    ec2_common.SWEEPS.append(_sweep)


@patch
def balancer_deletion() -> None:
    """AWS refuses to delete a load balancer under deletion protection (OperationNotPermitted); listeners, rules and tags go with
    it. moto deletes it and keeps the tags."""

    @replace(ELBv2Backend, "delete_load_balancer")
    def delete_load_balancer(self: Any, arn: str) -> None:
        found = self.load_balancers.get(arn)
        if found is None:
            return
        if found.attrs.get("deletion_protection.enabled") == "true":
            message = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise error("OperationNotPermitted", message)
        for listener in found.listeners.values():
            for item in (listener.arn, *(rule.arn for rule in listener.rules.values())):
                self.tagging_service.delete_all_tags_for_resource(item)
        self.tagging_service.delete_all_tags_for_resource(arn)
        del self.load_balancers[arn]
        for eni in _interfaces(self.ec2_backend, arn):
            eni.released_at = now()
        _sweep(self.ec2_backend)


@patch
def balancer_attributes() -> None:
    """AWS shows every attribute with its default, refuses values out of range (ValidationError), and logs to a bucket of the region
    that is encrypted by SSE-S3 and whose policy lets the log delivery in (InvalidConfigurationRequest otherwise). moto shows four
    attributes, and takes any value and bucket."""

    @wrap(ELBv2Backend, "modify_load_balancer_attributes")
    def modify(original: Any, self: Any, arn: str, attrs: dict[str, Any]) -> Any:
        found = self.load_balancers.get(arn)
        if found is None:
            raise LoadBalancerNotFoundError()
        if found.type == "application":
            for key, value in attrs.items():
                _check_attribute(key, value)
            wanted = {**found.attrs, **attrs}
            for kind in ("access_logs", "connection_logs", "health_check_logs"):
                if wanted[f"{kind}.s3.enabled"] == "true":
                    _check_logs(self, wanted[f"{kind}.s3.bucket"], wanted[f"{kind}.s3.prefix"])
            found.attrs = wanted
            return wanted
        return original(self, arn, attrs)


def _nothing(balancer: Any) -> None:
    """A load balancer becomes active by time, not by being looked at."""


def _subnets(backend: Any, ids: list[str], kind: str) -> list[Any]:
    known = {subnet.id: subnet for zone in backend.ec2_backend.subnets.values() for subnet in zone.values()}
    missing = [item for item in ids if item not in known]
    if missing:
        raise error("SubnetNotFound", f"The subnet ID '{missing[0]}' does not exist")
    found = [known[item] for item in ids]
    zones = [subnet.availability_zone for subnet in found]
    if len(set(zones)) < (2 if kind == "application" else 1):
        raise error("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    if len(set(zones)) != len(zones):
        message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        raise error("InvalidConfigurationRequest", message)
    if len({subnet.vpc_id for subnet in found}) > 1:
        raise error("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
    return found


def _check_groups(backend: Any, groups: list[str], vpc: str) -> None:
    for group in groups:
        known = backend.ec2_backend.get_security_group_from_id(group)
        if known is None:
            raise error("InvalidSecurityGroup", f"The security group '{group}' does not exist")
        if known.vpc_id != vpc:
            raise error("InvalidConfigurationRequest", f"The security group '{group}' is not in VPC '{vpc}'")


def _interfaces(ec2: Any, arn: str) -> list[Any]:
    return [eni for eni in ec2.enis.values() if getattr(eni, "balancer", None) == arn and eni.released_at is None]


def _place(backend: Any, balancer: Any) -> None:
    """One interface a subnet, in the load balancer's groups."""
    ec2: Any = ec2_backends[backend.account_id][backend.region_name]
    wanted = {subnet.id: subnet for subnet in balancer.subnets}
    groups = [ec2.get_security_group_from_id(group) for group in balancer.security_groups or ()]
    for eni in _interfaces(ec2, balancer.arn):
        if wanted.pop(eni.subnet.id, None) is None:
            ec2.enis.pop(eni.id)
        eni._group_set = list(groups)
    for subnet in wanted.values():
        eni = ec2.create_network_interface(
            subnet,
            random_private_ip(subnet.cidr_block),
            group_ids=list(balancer.security_groups or ()),
            description=f"ELB {balancer.arn.split(':loadbalancer/')[1]}",
        )
        eni.balancer, eni.released_at, eni.public = balancer.arn, None, balancer.scheme == "internet-facing"
        eni.requester_managed = True


def _sweep(ec2: Any) -> None:
    for eni in list(ec2.enis.values()):
        released = getattr(eni, "released_at", None)
        if released is not None and settled(GONE, released):
            ec2.enis.pop(eni.id)


def _check_attribute(key: str, value: str) -> None:
    if key not in DEFAULTS:
        raise error("ValidationError", f"Load balancer attribute key '{key}' is not recognized")
    choices = CHOICES.get(key) or (("true", "false") if key.endswith(".enabled") else None)
    if choices and value not in choices:
        raise error("ValidationError", f"The value of '{key}' must be one of {list(choices)}, not '{value}'")
    if key in RANGES and not (value.isdigit() and RANGES[key][0] <= int(value) <= RANGES[key][1]):
        raise error("ValidationError", f"The value of '{key}' must be between {RANGES[key][0]} and {RANGES[key][1]}")


def _check_logs(backend: Any, name: str, prefix: str) -> None:
    from moto.s3.models import s3_backends

    bucket = s3_backends[backend.account_id]["aws"].buckets.get(name)
    if bucket is None or bucket.region_name != backend.region_name:
        raise error("InvalidConfigurationRequest", f"The bucket '{name}' does not exist in this region")
    rule = json.dumps(bucket.encryption or {}, default=str)
    account = backend.account_id
    arn = f"arn:aws:elasticloadbalancing:{backend.region_name}:{account}:loadbalancer/app"
    context = {
        "aws:sourceaccount": account,
        "aws:sourcearn": arn,
        "aws:securetransport": "true",
        "s3:x-amz-acl": "bucket-owner-full-control",
    }
    target = "/".join(part for part in (name, prefix, "AWSLogs", account, "ELBAccessLogTestFile") if part)
    policy = _by_service(bucket.policy, LOG_ACCOUNTS.get(backend.region_name))
    if "aws:kms" in rule or not service_may(policy, LOG_DELIVERY, "s3:PutObject", f"arn:aws:s3:::{target}", context):
        raise error("InvalidConfigurationRequest", f"Access Denied for bucket: {name}. Please check S3bucket permission")


def _by_service(document: Any, account: str | None) -> str | None:
    """The policy, with the account from which load balancers of older regions log written as the service that it stands for."""
    names = {account, f"arn:aws:iam::{account}:root"}
    kept = []
    for item in statements(document):
        principal = item.get("Principal")
        if isinstance(principal, dict) and names & set(as_list(principal.get("AWS"))):
            item = {**item, "Principal": {"Service": LOG_DELIVERY}}
        kept.append(item)
    return json.dumps({"Statement": kept}) if kept else None
