"""Patches to EC2's gateways and addresses: internet and NAT gateways, Elastic IPs, route tables."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.route_tables import Route
from moto.ec2.responses import EC2Response
from moto.ec2.utils import generic_filter, random_private_ip

from local_aws.patches import patch, replace, wrap
from local_aws.patches.ec2_common import SWEEPS, by_token, error, remember
from local_aws.transitions import now, settled

KIND = "nat_gateway"


@patch
def nat_gateway_states() -> None:
    """AWS: pending, then available; deleting, then deleted, visible for about an hour; the address and the interface
    are held until `deleted`. moto: available and deleted at once, and both are held for ever."""

    def get_state(self: Any) -> str:
        done = settled(KIND, self.state_since)
        if self.final_state == "available":
            return "available" if done else "pending"
        return "deleted" if done else "deleting"

    def set_state(self: Any, state: str) -> None:
        self.final_state, self.state_since = state, now()

    NatGateway.state = property(get_state, set_state)

    def sweep(backend: Any) -> None:
        for nat in backend.nat_gateways.values():
            if nat.state == "deleted" and nat._eni:
                for address in [item for item in backend.addresses if item.eni is nat._eni]:
                    address.eni = address.association_id = None
                backend.enis.pop(nat._eni.id, None)
                nat._eni = None

    SWEEPS.append(sweep)

    @replace(EC2Backend, "delete_nat_gateway")
    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        nat = self.nat_gateways.get(nat_gateway_id)
        if nat is None:
            raise error("NatGatewayNotFound", f"NAT gateway {nat_gateway_id} was not found")
        if nat.final_state != "deleted":
            nat.state = "deleted"
        return nat


@patch
def nat_gateway_creation() -> None:
    """AWS honours ClientToken, answers ConnectivityType, takes the interface's address from the subnet, and knows the
    filters tag, tag-key and nat-gateway-id. moto makes a second gateway and ignores the filters on tags."""
    NatGateway.nat_gateway_id = property(lambda self: self.id)

    @wrap(NatGateway, "__init__")
    def init(original: Any, self: Any, backend: Any, subnet_id: str, *args: Any, **kwargs: Any) -> None:
        original(self, backend, subnet_id, *args, **kwargs)
        self.connectivity_type = self.connectivity_type or "public"
        self.private_ip = self._eni.private_ip_address = random_private_ip(backend.get_subnet(subnet_id).cidr_block)
        self._eni.requester_managed, self._eni.interface_type = True, "nat_gateway"
        self._eni.description = f"Interface for NAT Gateway {self.id}"

    @wrap(EC2Response, "create_nat_gateway")
    def create_nat_gateway(original: Any, self: Any) -> Any:
        token = self._get_param("ClientToken")
        known = by_token(self.ec2_backend, KIND, token)
        return known or remember(self.ec2_backend, KIND, token, original(self))

    @replace(EC2Backend, "describe_nat_gateways")
    def describe_nat_gateways(self: Any, filters: Any, nat_gateway_ids: list[str] | None) -> list[Any]:
        for identifier in nat_gateway_ids or []:
            if identifier not in self.nat_gateways:
                raise error("NatGatewayNotFound", f"NAT gateway {identifier} was not found")
        found = [nat for nat in self.nat_gateways.values() if not nat_gateway_ids or nat.id in nat_gateway_ids]
        return generic_filter(filters, found)


@patch
def addresses_in_use() -> None:
    """AWS refuses to release or to re-use an address that is associated (InvalidIPAddress.InUse, and
    Resource.AlreadyAssociated), and answers no instance or interface where there is none. moto releases it from under
    a NAT gateway, and answers empty names."""
    ElasticAddress.instance_id = property(lambda self: self.instance.id if self.instance else None)
    ElasticAddress.network_interface_id = property(lambda self: self.eni.id if self.eni else None)

    @wrap(EC2Backend, "release_address")
    def release_address(original: Any, self: Any, address: Any = None, allocation_id: Any = None) -> None:
        found = self.address_by_ip([address]) if address else self.address_by_allocation([allocation_id])
        if found[0].association_id or found[0].eni:
            raise error(
                "InvalidIPAddress.InUse",
                f"The specified address '{found[0].public_ip}' is currently in use by '{found[0].network_interface_id}'.",
            )
        original(self, address, allocation_id)


@patch
def one_internet_gateway_a_vpc() -> None:
    """AWS attaches one internet gateway to a VPC, and detaches it only when no public address is mapped there any more
    (DependencyViolation). moto attaches any number and detaches always."""

    @wrap(EC2Backend, "attach_internet_gateway")
    def attach(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> Any:
        for gateway in self.internet_gateways.values():
            if gateway.vpc and gateway.vpc.id == vpc_id and gateway.id != internet_gateway_id:
                message = f"Network {vpc_id} already has an internet gateway attached"
                raise error("InvalidParameterValue", message)
        return original(self, internet_gateway_id, vpc_id)

    @wrap(EC2Backend, "detach_internet_gateway")
    def detach(original: Any, self: Any, internet_gateway_id: str, vpc_id: str) -> None:
        if any(item.eni and item.eni.subnet.vpc_id == vpc_id for item in self.addresses):
            raise error(
                "DependencyViolation",
                f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
                "detaching the gateway.",
            )
        original(self, internet_gateway_id, vpc_id)


@patch
def routes() -> None:
    """AWS shows a route whose target is gone as a blackhole, and refuses a target that does not exist. moto shows it as
    active, and makes a route to nothing."""

    def state(self: Any) -> str:
        nat, gateway = self.nat_gateway, self.gateway
        gone = (nat is not None and nat.final_state == "deleted") or (
            gateway is not None and gateway.id.startswith("igw-") and gateway.vpc is None
        )
        return "blackhole" if gone else "active"

    Route.state = property(state)
    for name in ("create_route", "replace_route"):

        @wrap(EC2Backend, name)
        def to_what_exists(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            nat = kwargs.get("nat_gateway_id")
            if nat and nat not in self.nat_gateways:
                raise error("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat}' does not exist")
            gateway = kwargs.get("gateway_id")
            if gateway and gateway.startswith("igw-") and self.get_internet_gateway(gateway).vpc is None:
                message = f"route table and network gateway {gateway} belong to different networks"
                raise error("InvalidParameterValue", message)
            return original(self, *args, **kwargs)


@patch
def one_route_table_a_subnet() -> None:
    """AWS refuses to associate a subnet that has another table (Resource.AlreadyAssociated). moto answers the other
    table's association as if it were the new one."""

    @wrap(EC2Backend, "associate_route_table")
    def associate(original: Any, self: Any, route_table_id: str, gateway_id: Any = None, subnet_id: Any = None) -> str:
        table = self.get_route_table(route_table_id)
        for other in self.route_tables.values():
            if subnet_id and subnet_id in other._associations.values() and other is not table:
                raise error(
                    "Resource.AlreadyAssociated",
                    f"the specified association for route table {route_table_id} conflicts with an existing association",
                )
        if subnet_id and self.get_subnet(subnet_id).vpc_id != table.vpc_id:
            raise error("InvalidParameterValue", f"{route_table_id} and {subnet_id} belong to different networks")
        return original(self, route_table_id, gateway_id, subnet_id)
