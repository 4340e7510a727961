"""Patches to EC2's VPC endpoints."""

from __future__ import annotations

import json
from typing import Any

from moto.core.base_backend import BaseBackend
from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend, vpcs
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.responses import EC2Response
from moto.ec2.utils import generic_filter, random_private_ip

from local_aws.patches import patch, replace, wrap
from local_aws.patches.ec2_common import SWEEPS, by_token, error, remember
from local_aws.transitions import now, settled

KIND = "vpc_endpoint"
GATEWAYS = ("s3", "dynamodb")
# Names of endpoint services that moto asks its other services' modules for.
OTHERS = [
    "cloudformation",
    "codepipeline",
    "dynamodb",
    "ecr.api",
    "ecr.dkr",
    "iot",
    "iot.data",
    "kinesis-firehose",
    "kinesis-streams",
    "redshift-data",
    "route53resolver",
    "s3",
    "sagemaker.api",
    "sagemaker.runtime",
]


@patch
def endpoint_services() -> None:
    """AWS offers S3 and DynamoDB as gateway and as interface, in the zones of the region. moto offers DynamoDB as
    gateway only; and to answer it imports and sets up a dozen other services, which takes seconds."""

    def collect(_account_id: str, region: str) -> list[dict[str, Any]]:
        with vpcs.ENDPOINT_SERVICE_COLLECTION_LOCK:
            known = vpcs.DEFAULT_VPC_ENDPOINT_SERVICES
            if region not in known:
                zones = [zone.name for zone in vpcs.RegionsAndZonesBackend.zones.get(region, [])]
                names = sorted({*vpcs.AWS_ENDPOINT_SERVICES, *OTHERS})
                services = [_service(region, zones, name, "Interface") for name in names]
                known[region] = services + [_service(region, zones, name, "Gateway") for name in GATEWAYS]
            return known[region]

    EC2Backend._collect_default_endpoint_services = staticmethod(collect)


def _service(region: str, zones: list[str], name: str, kind: str) -> dict[str, Any]:
    host = ".".join(reversed(name.split("."))) if name.startswith("ecr.") else name
    (service,) = BaseBackend.default_vpc_endpoint_service_factory(
        region, zones, host, kind, private_dns_names=kind == "Interface", special_service_name=name
    )
    return service


@patch
def endpoint_states() -> None:
    """AWS: an interface endpoint is pending, then available; deleting, then gone, with its interfaces. A gateway endpoint
    is there and gone at once. moto: available at once, and `deleted` for ever."""

    def get_state(self: Any) -> str:
        interface = self.vpc_endpoint_type == "Interface"
        done = not interface or settled(KIND, self.state_since)
        if self.final_state == "available":
            return "available" if done else "pending"
        return "deleted" if done else "deleting"

    def set_state(self: Any, state: str) -> None:
        self.final_state, self.state_since = state, now()

    VPCEndPoint.state = property(get_state, set_state)
    VPCEndPoint.vpc_endpoint_id = property(lambda self: self.id)

    def sweep(backend: Any) -> None:
        for endpoint in [item for item in backend.vpc_end_points.values() if item.state == "deleted"]:
            for eni in endpoint.network_interface_ids:
                backend.enis.pop(eni, None)
            backend.vpc_end_points.pop(endpoint.id)
            backend.tags.pop(endpoint.id, None)

    SWEEPS.append(sweep)


@patch
def endpoint_creation() -> None:
    """AWS: the type is Gateway unless given; the service must exist; private DNS needs both DNS attributes of the VPC and
    is taken once a service and VPC; a route table is taken once a gateway service; subnets lie in different zones; the
    default group serves where none is given; ClientToken makes the call idempotent. moto checks none of it."""

    @wrap(EC2Response, "create_vpc_endpoint")
    def create_vpc_endpoint(original: Any, self: Any) -> Any:
        backend, token = self.ec2_backend, self._get_param("ClientToken")
        known = by_token(backend, KIND, token)
        if known and known.result["VpcEndpoint"].id in backend.vpc_end_points:
            return known
        _check(self, backend)
        return remember(backend, KIND, token, original(self))

    @wrap(EC2Backend, "create_vpc_endpoint")
    def create(original: Any, self: Any, **kwargs: Any) -> Any:
        interface = kwargs["endpoint_type"] == "Interface"
        kwargs["endpoint_type"] = kwargs["endpoint_type"] or "Gateway"
        if not interface:
            kwargs["private_dns_enabled"] = False
        elif not kwargs.get("security_group_ids"):
            kwargs["security_group_ids"] = [self.get_default_security_group(kwargs["vpc_id"]).id]
        subnets = kwargs.get("subnet_ids") or []
        kwargs["subnet_ids"] = []
        endpoint = original(self, **kwargs)
        endpoint.security_group_ids = list(dict.fromkeys(endpoint.security_group_ids))
        for subnet in subnets:
            _add_subnet(self, endpoint, subnet)
        return endpoint


def _check(response: Any, backend: Any) -> None:
    service, vpc = response._get_param("ServiceName"), backend.get_vpc(response._get_param("VpcId"))
    kind = response._get_param("VpcEndpointType") or "Gateway"
    services = backend._collect_default_endpoint_services(backend.account_id, backend.region_name)
    custom = [item.to_dict() for item in backend.configurations.values()]
    kinds = {t["ServiceType"] for s in services + custom if s["ServiceName"] == service for t in s["ServiceType"]}
    if kind not in kinds:
        raise error("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist")
    _check_policy(response._get_param("PolicyDocument"))
    for group in response._get_param("SecurityGroupIds", []):
        if backend.get_security_group_from_id(group) is None:
            raise error("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    if kind == "Interface":
        _check_zones(backend, response._get_param("SubnetIds", []))
        if response._get_bool_param("PrivateDnsEnabled", if_none=True):
            _check_private_dns(backend, vpc, service)
    else:
        for table in response._get_param("RouteTableIds", []):
            _check_table(backend, table, service)


def _check_policy(document: str | None) -> None:
    try:
        good = not document or isinstance(json.loads(document), dict)
    except ValueError:
        good = False
    if not good:
        raise error("InvalidPolicyDocument", "The policy document is not valid JSON")


def _check_zones(backend: Any, subnets: list[str]) -> None:
    zones = [backend.get_subnet(subnet).availability_zone for subnet in subnets]
    for zone in zones:
        if zones.count(zone) > 1:
            message = f"Found another VPC endpoint subnet in the availability zone of {zone}"
            raise error("DuplicateSubnetsInSameZone", message)


def _check_private_dns(backend: Any, vpc: Any, service: str, but: str = "") -> None:
    if not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
        raise error(
            "InvalidParameter",
            f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc.id}",
        )
    for endpoint in backend.vpc_end_points.values():
        taken = (endpoint.vpc_id, endpoint.service_name, endpoint.private_dns_enabled) == (vpc.id, service, True)
        if taken and endpoint.id != but and endpoint.vpc_endpoint_type == "Interface":
            raise error(
                "InvalidParameter",
                "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
                f"{service} in the VPC {vpc.id}",
            )


def _check_table(backend: Any, table: str, service: str) -> None:
    backend.get_route_table(table)
    for endpoint in backend.vpc_end_points.values():
        if endpoint.service_name == service and table in endpoint.route_table_ids and endpoint.final_state == "available":
            prefix_list = endpoint.destination_prefix_list_id
            message = f"route table {table} already has a route with destination-prefix-list-id {prefix_list}"
            raise error("RouteAlreadyExists", message)


def _add_subnet(backend: Any, endpoint: Any, subnet: str) -> None:
    address = random_private_ip(backend.get_subnet(subnet).cidr_block)
    eni = backend.create_network_interface(
        subnet,
        address,
        group_ids=endpoint.security_group_ids,
        description=f"VPC Endpoint Interface {endpoint.id}",
    )
    eni.requester_managed, eni.interface_type, eni.status = True, "vpc_endpoint", "in-use"
    endpoint.subnet_ids.append(subnet)
    endpoint.network_interface_ids.append(eni.id)


def _remove_subnet(backend: Any, endpoint: Any, subnet: str) -> None:
    if subnet in endpoint.subnet_ids:
        index = endpoint.subnet_ids.index(subnet)
        endpoint.subnet_ids.pop(index)
        backend.enis.pop(endpoint.network_interface_ids.pop(index), None)


@patch
def endpoint_modification() -> None:
    """AWS moves an endpoint's interfaces, their groups and its routes with its subnets, groups and tables, and knows
    ResetPolicy and PrivateDnsEnabled. moto changes the lists alone and ignores those two."""

    @replace(EC2Response, "modify_vpc_endpoint")
    def modify_vpc_endpoint(self: Any) -> Any:
        backend = self.ec2_backend
        endpoint = backend.get_vpc_end_point(self._get_param("VpcEndpointId"))
        _check_policy(self._get_param("PolicyDocument"))
        added = [item for item in self._get_param("AddSubnetIds", []) if item not in endpoint.subnet_ids]
        removed = self._get_param("RemoveSubnetIds", [])
        _check_zones(backend, [item for item in endpoint.subnet_ids if item not in removed] + added)
        private_dns = self._get_bool_param("PrivateDnsEnabled")
        if private_dns and not endpoint.private_dns_enabled:
            _check_private_dns(backend, backend.get_vpc(endpoint.vpc_id), endpoint.service_name, but=endpoint.id)
        tables = [item for item in self._get_param("AddRouteTableIds", []) if item not in endpoint.route_table_ids]
        for table in tables:
            _check_table(backend, table, endpoint.service_name)
        if self._get_bool_param("ResetPolicy"):
            endpoint.policy_document = json.dumps(VPCEndPoint.DEFAULT_POLICY)
        if private_dns is not None:
            endpoint.private_dns_enabled = private_dns
        endpoint.modify(
            self._get_param("PolicyDocument"),
            None,
            None,
            None,
            None,
            self._get_param("AddSecurityGroupIds", []),
            self._get_param("RemoveSecurityGroupIds", []),
        )
        for subnet in removed:
            _remove_subnet(backend, endpoint, subnet)
        for subnet in added:
            _add_subnet(backend, endpoint, subnet)
        groups = [backend.get_security_group_from_id(group) for group in endpoint.security_group_ids]
        for eni in endpoint.network_interface_ids:
            backend.enis[eni]._group_set = list(groups)
        for table in self._get_param("RemoveRouteTableIds", []):
            if table in endpoint.route_table_ids:
                endpoint.route_table_ids.remove(table)
                _remove_route(backend, endpoint, table)
        for table in tables:
            endpoint.route_table_ids.append(table)
            prefix_list = endpoint.destination_prefix_list_id
            backend.create_route(table, None, gateway_id=endpoint.id, destination_prefix_list_id=prefix_list)
        return ActionResult({"Return": True})


def _remove_route(backend: Any, endpoint: Any, table: str) -> None:
    routes = backend.get_route_table(table)._routes
    for key in [key for key, route in routes.items() if route.gateway is endpoint]:
        routes.pop(key)


@patch
def endpoint_deletion() -> None:
    """AWS deletes the endpoints that it finds and lists the others as Unsuccessful. moto fails on a gateway endpoint
    whose type was left out, and lists none."""

    @replace(EC2Response, "delete_vpc_endpoints")
    def delete_vpc_endpoints(self: Any) -> Any:
        backend, missing = self.ec2_backend, []
        for identifier in self._get_param("VpcEndpointIds", []):
            endpoint = backend.vpc_end_points.get(identifier)
            if endpoint is None:
                text = f"The Vpc Endpoint Id '{identifier}' does not exist"
                missing.append({"ResourceId": identifier, "Error": {"Code": "InvalidVpcEndpointId.NotFound", "Message": text}})
            elif endpoint.final_state != "deleted":
                endpoint.state = "deleted"
                for table in endpoint.route_table_ids:
                    if table in backend.route_tables:
                        _remove_route(backend, endpoint, table)
        for sweep in SWEEPS:
            sweep(backend)
        return ActionResult({"Unsuccessful": missing})

    @replace(EC2Backend, "describe_vpc_endpoints")
    def describe_vpc_endpoints(self: Any, vpc_end_point_ids: list[str] | None, filters: Any = None) -> list[Any]:
        wanted = [self.get_vpc_end_point(identifier) for identifier in vpc_end_point_ids or []]
        return generic_filter(filters, wanted or list(self.vpc_end_points.values()))
