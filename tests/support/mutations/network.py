"""The VPC and what stands in it."""

from __future__ import annotations

from typing import Any

from .scene import NoTarget, Scene, Touch, changed, missing, mutation, widened

WORLD = "0.0.0.0/0"


def described(at: Scene, operation: str, key: str, **ids: Any) -> Any:
    found = getattr(at.client("ec2"), operation)(**ids)[key]
    if not found:
        raise NoTarget(f"{operation} finds none")
    return found[0]


@mutation("vpc")
def vpc_dns_hostnames_off(at: Scene) -> Touch:
    address, vpc = at.pick("vpc")
    at.client("ec2").modify_vpc_attribute(VpcId=vpc["id"], EnableDnsHostnames={"Value": False})
    return changed(address, "no host names")


@mutation("vpc")
def vpc_dns_support_off(at: Scene) -> Touch:
    address, vpc = at.pick("vpc")
    at.client("ec2").modify_vpc_attribute(VpcId=vpc["id"], EnableDnsSupport={"Value": False})
    return changed(address, "no DNS")


@mutation("vpc")
def subnet_gives_public_addresses(at: Scene) -> Touch:
    address, subnet = at.pick("subnet")
    standing = described(at, "describe_subnets", "Subnets", SubnetIds=[subnet["id"]])["MapPublicIpOnLaunch"]
    at.client("ec2").modify_subnet_attribute(SubnetId=subnet["id"], MapPublicIpOnLaunch={"Value": not standing})
    return changed(address, f"MapPublicIpOnLaunch {not standing}")


def own_routes(at: Scene) -> list[tuple[str, str, dict[str, Any]]]:
    """(address, id, route) of each route to a gateway that we wrote; endpoints write their own."""
    found = []
    for address, table in at.all("route_table"):
        routes = described(at, "describe_route_tables", "RouteTables", RouteTableIds=[table["id"]])["Routes"]
        ours = [route for route in routes if route.get("DestinationCidrBlock") == WORLD]
        found += [(address, table["id"], route) for route in ours]
    return found


@mutation("vpc")
def route_removed(at: Scene) -> Touch:
    address, table_id, route = at.one(own_routes(at))
    at.client("ec2").delete_route(RouteTableId=table_id, DestinationCidrBlock=route["DestinationCidrBlock"])
    return changed(address, "default route removed")


@mutation("vpc")
def route_added(at: Scene) -> Touch:
    address, table = at.pick("route_table")
    destination = f"192.0.2.{at.rng.randrange(16) * 16}/28"
    gateway = at.id("internet_gateway/main")
    at.client("ec2").create_route(RouteTableId=table["id"], DestinationCidrBlock=destination, GatewayId=gateway)
    return changed(address, f"a route for {destination}")


@mutation("vpc")
def route_to_the_internet(at: Scene) -> Touch:
    address, table_id, _route = at.one([item for item in own_routes(at) if "NatGatewayId" in item[2]])
    gateway = at.id("internet_gateway/main")
    at.client("ec2").replace_route(RouteTableId=table_id, DestinationCidrBlock=WORLD, GatewayId=gateway)
    return changed(address, "default route to the internet gateway")


def associations(at: Scene) -> list[tuple[str, str]]:
    """(address of a route table, association of a subnet)."""
    found = []
    for address, table in at.all("route_table"):
        links = described(at, "describe_route_tables", "RouteTables", RouteTableIds=[table["id"]])["Associations"]
        found += [(address, link["RouteTableAssociationId"]) for link in links if link.get("SubnetId")]
    return found


@mutation("vpc")
def route_table_loses_a_subnet(at: Scene) -> Touch:
    address, link = at.one(associations(at))
    at.client("ec2").disassociate_route_table(AssociationId=link)
    return changed(address, "a subnet taken from it")


@mutation("vpc")
def subnet_moved_to_another_route_table(at: Scene) -> Touch:
    address, link = at.one(associations(at))
    other = at.one([table["id"] for name, table in at.all("route_table") if name != address])
    at.client("ec2").replace_route_table_association(AssociationId=link, RouteTableId=other)
    return changed(address, "a subnet moved to another table")


@mutation("vpc")
def security_group_opened(at: Scene) -> Touch:
    address, rules = at.pick("security_group_rules")
    port = at.rng.choice([22, 3389, 5432, 8080])
    permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": WORLD}]}
    at.client("ec2").authorize_security_group_ingress(GroupId=rules["id"], IpPermissions=[permission])
    return changed(address, f"port {port} open to the world")


@mutation("vpc")
def security_group_lets_more_out(at: Scene) -> Touch:
    address, rules = at.pick("security_group_rules")
    permission = {"IpProtocol": "udp", "FromPort": 4000, "ToPort": 4100, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
    at.client("ec2").authorize_security_group_egress(GroupId=rules["id"], IpPermissions=[permission])
    return changed(address, "a way out added")


@mutation("vpc")
def security_group_rule_removed(at: Scene) -> Touch:
    ec2, found = at.client("ec2"), []
    for address, rules in at.all("security_group_rules"):
        group = described(at, "describe_security_groups", "SecurityGroups", GroupIds=[rules["id"]])
        both = {"ingress": group["IpPermissions"], "egress": group["IpPermissionsEgress"]}
        number = sum(map(len, both.values()))
        found += [(address, rules["id"], direction, one, number) for direction in both for one in by_ports(both[direction])]
    address, group_id, direction, permission, number = at.one(found)
    getattr(ec2, f"revoke_security_group_{direction}")(GroupId=group_id, IpPermissions=[permission])
    # Rules of which none is left are not there.
    return (changed if number > 1 else missing)(address, f"a rule of {direction} removed")


def by_ports(permissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(permissions, key=lambda one: (one["IpProtocol"], one.get("FromPort", 0), one.get("ToPort", 0)))


@mutation("vpc")
def default_security_group_opened(at: Scene) -> Touch:
    address, group = at.pick("default_security_group")
    permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": WORLD}]}
    at.client("ec2").authorize_security_group_ingress(GroupId=group["id"], IpPermissions=[permission])
    return changed(address, "open to the world")


def entries(at: Scene) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for address, acl in at.all("network_acl"):
        item = described(at, "describe_network_acls", "NetworkAcls", NetworkAclIds=[acl["id"]])
        ours = [entry for entry in item["Entries"] if entry["RuleNumber"] < 32767]
        found += [(address, acl["id"], one) for one in sorted(ours, key=lambda one: (one["Egress"], one["RuleNumber"]))]
    return found


@mutation("vpc")
def acl_entry_removed(at: Scene) -> Touch:
    address, acl_id, entry = at.one(entries(at))
    at.client("ec2").delete_network_acl_entry(NetworkAclId=acl_id, RuleNumber=entry["RuleNumber"], Egress=entry["Egress"])
    return changed(address, f"rule {entry['RuleNumber']} removed")


@mutation("vpc")
def acl_entry_added(at: Scene) -> Touch:
    address, acl = at.pick("network_acl", "default_network_acl")
    at.client("ec2").create_network_acl_entry(
        NetworkAclId=acl["id"], RuleNumber=7, Egress=at.rng.random() < 0.5, Protocol="-1", RuleAction="allow", CidrBlock=WORLD
    )
    return changed(address, "rule 7 added")


@mutation("vpc")
def acl_entry_turned(at: Scene) -> Touch:
    address, acl_id, entry = at.one(entries(at))
    turned = {
        name: entry[name]
        for name in ("RuleNumber", "Egress", "Protocol", "CidrBlock", "PortRange", "IcmpTypeCode")
        if name in entry
    }
    action = "deny" if entry["RuleAction"] == "allow" else "allow"
    at.client("ec2").replace_network_acl_entry(NetworkAclId=acl_id, RuleAction=action, **turned)
    return changed(address, f"rule {entry['RuleNumber']} says {action}")


@mutation("vpc")
def subnet_moved_to_another_acl(at: Scene) -> Touch:
    address, acl = at.pick("network_acl")
    links = described(at, "describe_network_acls", "NetworkAcls", NetworkAclIds=[acl["id"]])["Associations"]
    names = {attributes["id"]: name for name, attributes in at.all("subnet")}
    link = at.one(sorted(links, key=lambda one: names.get(one["SubnetId"], "")))
    other = at.one([item["id"] for name, item in at.all("network_acl", "default_network_acl") if name != address])
    at.client("ec2").replace_network_acl_association(AssociationId=link["NetworkAclAssociationId"], NetworkAclId=other)
    return changed(address, "a subnet moved to another ACL")


@mutation("vpc")
def endpoint_policy_open(at: Scene) -> Touch:
    address, endpoint = at.pick("vpc_endpoint")
    standing = described(at, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[endpoint["id"]])["PolicyDocument"]
    policy = widened(standing, "*", principal="*")
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint["id"], PolicyDocument=policy)
    return changed(address, "its policy widened")


def interface(at: Scene) -> tuple[str, Any]:
    return at.pick("vpc_endpoint", where=lambda name: name not in ("s3", "dynamodb"))


def gateway(at: Scene) -> tuple[str, Any]:
    return at.pick("vpc_endpoint", where=lambda name: name in ("s3", "dynamodb"))


@mutation("vpc")
def endpoint_private_names_off(at: Scene) -> Touch:
    address, endpoint = interface(at)
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint["id"], PrivateDnsEnabled=False)
    return changed(address, "no private names")


@mutation("vpc")
def endpoint_another_group(at: Scene) -> Touch:
    address, endpoint = interface(at)
    group = at.one([at.id(f"security_group/{name}") for name in ("alb", "workers", "redis")])
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint["id"], AddSecurityGroupIds=[group])
    return changed(address, "another security group on it")


@mutation("vpc")
def endpoint_leaves_a_route_table(at: Scene) -> Touch:
    address, endpoint = gateway(at)
    names = {table["id"]: name for name, table in at.all("route_table")}
    standing = described(at, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[endpoint["id"]])["RouteTableIds"]
    table = at.one(sorted(standing, key=lambda one: names.get(one, "")))
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=endpoint["id"], RemoveRouteTableIds=[table])
    return changed(address, "a route table taken from it")


@mutation("vpc")
def endpoint_deleted(at: Scene) -> Touch:
    address, endpoint = at.pick("vpc_endpoint")
    refused = at.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[endpoint["id"]]).get("Unsuccessful")
    if refused:
        raise NoTarget(str(refused))
    return missing(address)


@mutation("vpc", ripples=True)
def nat_gateway_deleted(at: Scene) -> Touch:
    address, nat = at.pick("nat_gateway")
    at.client("ec2").delete_nat_gateway(NatGatewayId=nat["id"])
    return missing(address)


@mutation("vpc", ripples=True)
def nat_gateway_deleted_and_its_address_released(at: Scene) -> Touch:
    address, nat = at.pick("nat_gateway")
    elastic = f"elastic_ip/nat-{address.split('/')[1]}"
    at.client("ec2").delete_nat_gateway(NatGatewayId=nat["id"])
    at.client("ec2").release_address(AllocationId=at.id(elastic))
    return missing(address, "deleted, and its address released", elastic)


@mutation("vpc")
def flow_log_deleted(at: Scene) -> Touch:
    address, log = at.pick("flow_log")
    at.client("ec2").delete_flow_logs(FlowLogIds=[log["id"]])
    return missing(address)
