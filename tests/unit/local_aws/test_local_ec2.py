"""EC2's network as AWS has it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def ec2(client):
    return client("ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def subnet(ec2, vpc):
    return make_subnet(ec2, vpc, "10.0.0.0/20", "us-east-1a")


def make_subnet(ec2, vpc, cidr, zone):
    return ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]


def specification(kind):
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "a", "Value": "b"}]}]}


@pytest.fixture
def nat(ec2, vpc, subnet):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, ClientToken="t")["NatGateway"]
    return {"id": made["NatGatewayId"], "address": address, "gateway": gateway, "made": made}


def test_every_kind_is_tagged_at_creation_and_found_by_tag(ec2, client):
    client("logs").create_log_group(logGroupName="/flow")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **specification("vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", **specification("subnet"))["Subnet"]["SubnetId"]
    ec2.create_internet_gateway(**specification("internet-gateway"))
    address = ec2.allocate_address(Domain="vpc", **specification("elastic-ip"))["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, **specification("natgateway"))
    ec2.create_route_table(VpcId=vpc, **specification("route-table"))
    ec2.create_network_acl(VpcId=vpc, **specification("network-acl"))
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc, **specification("security-group"))
    ec2.authorize_security_group_ingress(
        GroupId=group["GroupId"], IpPermissions=[from_range("10.0.0.0/8")], **specification("security-group-rule")
    )
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-east-1.sts",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        **specification("vpc-endpoint"),
    )
    ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/flow",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/r",
        **specification("vpc-flow-log"),
    )
    kinds = {
        "describe_vpcs": "Vpcs",
        "describe_subnets": "Subnets",
        "describe_internet_gateways": "InternetGateways",
        "describe_addresses": "Addresses",
        "describe_nat_gateways": "NatGateways",
        "describe_route_tables": "RouteTables",
        "describe_network_acls": "NetworkAcls",
        "describe_security_groups": "SecurityGroups",
        "describe_security_group_rules": "SecurityGroupRules",
        "describe_vpc_endpoints": "VpcEndpoints",
        "describe_flow_logs": "FlowLogs",
    }
    for value, count in (("b", 1), ("b*", 1), ("c", 0)):
        filters = [{"Name": "tag:a", "Values": [value]}]
        found = {method: len(getattr(ec2, method)(Filters=filters)[key]) for method, key in kinds.items()}
        assert found == dict.fromkeys(kinds, count)
    assert len(ec2.describe_tags(Filters=[{"Name": "key", "Values": ["a"]}])["Tags"]) == len(kinds)


def test_tags_go_with_the_resource(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **specification("vpc"))["Vpc"]["VpcId"]
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_tags(Filters=[{"Name": "key", "Values": ["a"]}])["Tags"] == []


def test_pages(ec2):
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    sizes = [len(page["Subnets"]) for page in pages]
    assert sizes == [5, 1]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "ap-southeast-2"])
def test_zones(client, refused, region):
    ec2 = client("ec2", region)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert {f"{region}{letter}" for letter in "abc"} <= {zone["ZoneName"] for zone in zones}
    assert {zone["RegionName"] for zone in zones} == {region}
    refused("InvalidParameterValue", ec2.describe_availability_zones, ZoneNames=["mars-1a"])
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    refused(
        "InvalidParameterValue",
        ec2.create_subnet,
        VpcId=vpc,
        CidrBlock="10.0.0.0/20",
        AvailabilityZone="sa-east-1a",
    )


def test_vpc_and_subnet_attributes(ec2, vpc, subnet):
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    for name in ("enableDnsHostnames", "enableDnsSupport"):
        answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
        assert answer[name[0].upper() + name[1:]]["Value"] is True
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["MapPublicIpOnLaunch"] is True


# --- gateways


def test_nat_gateway_is_made_once_a_token(ec2, nat, subnet, refused):
    again = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=nat["address"], ClientToken="t")["NatGateway"]
    assert again["NatGatewayId"] == nat["id"]
    assert nat["made"]["ConnectivityType"] == "public"
    refused("Resource.AlreadyAssociated", ec2.create_nat_gateway, SubnetId=subnet, AllocationId=nat["address"])
    refused("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"])


def test_nat_gateway_gone(ec2, nat, vpc, subnet, refused):
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat["id"])

    def route():
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return next(item for item in routes if item["DestinationCidrBlock"] == "0.0.0.0/0")

    assert (route()["NatGatewayId"], route()["State"]) == (nat["id"], "active")
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=nat["address"])
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)
    refused("DependencyViolation", ec2.detach_internet_gateway, InternetGatewayId=nat["gateway"], VpcId=vpc)
    ec2.delete_nat_gateway(NatGatewayId=nat["id"])
    assert ec2.describe_nat_gateways(NatGatewayIds=[nat["id"]])["NatGateways"][0]["State"] == "deleted"
    assert route()["State"] == "blackhole"
    address = ec2.describe_addresses(AllocationIds=[nat["address"]])["Addresses"][0]
    assert not {"AssociationId", "NetworkInterfaceId", "InstanceId"} & set(address)
    ec2.release_address(AllocationId=nat["address"])
    ec2.detach_internet_gateway(InternetGatewayId=nat["gateway"], VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)


def test_nat_gateway_takes_its_time(aws, ec2, vpc, subnet, refused):
    aws.settings.transitions = {"nat_gateway": 600}
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    identifier = made["NatGatewayId"]

    def state():
        return ec2.describe_nat_gateways(NatGatewayIds=[identifier])["NatGateways"][0]["State"]

    assert (made["State"], state()) == ("pending", "pending")
    pending = [{"Name": "state", "Values": ["pending"]}]
    assert len(ec2.describe_nat_gateways(Filters=pending)["NatGateways"]) == 1
    aws.skip(600)
    assert state() == "available"
    ec2.delete_nat_gateway(NatGatewayId=identifier)
    assert state() == "deleting"
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=address)
    aws.skip(600)
    assert state() == "deleted"
    ec2.release_address(AllocationId=address)


def test_one_internet_gateway_a_vpc(ec2, nat, vpc, refused):
    other = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    refused("InvalidParameterValue", ec2.attach_internet_gateway, InternetGatewayId=other, VpcId=vpc)
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=nat["gateway"])


def test_route_tables(ec2, vpc, subnet, refused):
    first, second = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    ec2.associate_route_table(RouteTableId=first, SubnetId=subnet)
    refused("Resource.AlreadyAssociated", ec2.associate_route_table, RouteTableId=second, SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=first)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=first)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    main = next(table for table in tables if any(item["Main"] for item in table["Associations"]))
    refused("DependencyViolation", ec2.delete_route_table, RouteTableId=main["RouteTableId"])
    refused(
        "InvalidNatGatewayID.NotFound",
        ec2.create_route,
        RouteTableId=second,
        DestinationCidrBlock="0.0.0.0/0",
        NatGatewayId="nat-0123456789abcdef0",
    )


def test_network_acls_are_found_by_id(ec2, vpc):
    made = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    found = ec2.describe_network_acls(Filters=[{"Name": "network-acl-id", "Values": [made]}])["NetworkAcls"]
    assert [acl["NetworkAclId"] for acl in found] == [made]


# --- deletion of a VPC


def test_a_vpc_goes_only_when_empty(ec2, vpc, nat, subnet, refused):
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"]
    ec2.delete_nat_gateway(NatGatewayId=nat["id"])
    steps = [
        lambda: ec2.delete_subnet(SubnetId=subnet),
        lambda: ec2.detach_internet_gateway(InternetGatewayId=nat["gateway"], VpcId=vpc),
        lambda: ec2.delete_security_group(GroupId=group),
        lambda: ec2.delete_network_acl(NetworkAclId=acl),
        lambda: ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]]),
    ]
    for step in steps:
        refused("DependencyViolation", ec2.delete_vpc, VpcId=vpc)
        step()
    ec2.delete_vpc(VpcId=vpc)
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    assert ec2.describe_network_acls(Filters=here)["NetworkAcls"] == []
    assert ec2.describe_security_groups(Filters=here)["SecurityGroups"] == []
    assert ec2.describe_route_tables(Filters=here)["RouteTables"] == []


# --- network ACLs


def test_network_acls(ec2, vpc, subnet, refused):
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]
    assert [(e["RuleNumber"], e["RuleAction"], e["Egress"]) for e in acl["Entries"]] == [
        (32767, "deny", True),
        (32767, "deny", False),
    ]
    rule = {"NetworkAclId": acl["NetworkAclId"], "Egress": False}
    entry = {**rule, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "10.0.0.0/8", "PortRange": {"From": 1, "To": 2}}
    ec2.create_network_acl_entry(RuleNumber=100, **entry)
    refused("NetworkAclEntryAlreadyExists", ec2.create_network_acl_entry, RuleNumber=100, **entry)
    refused("InvalidParameterValue", ec2.create_network_acl_entry, RuleNumber=32767, **entry)
    refused("InvalidNetworkAclEntry.NotFound", ec2.replace_network_acl_entry, RuleNumber=101, **entry)
    refused("InvalidNetworkAclEntry.NotFound", ec2.delete_network_acl_entry, RuleNumber=101, **rule)
    refused("InvalidNetworkAclID.NotFound", ec2.describe_network_acls, NetworkAclIds=["acl-0123456789abcdef0"])
    of_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    default = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]
    assert len(default["Entries"]) == 4
    association = default["Associations"][0]["NetworkAclAssociationId"]
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl["NetworkAclId"])
    assert ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]["NetworkAclId"] == acl["NetworkAclId"]
    refused(
        "InvalidAssociationID.NotFound",
        ec2.replace_network_acl_association,
        AssociationId=association,
        NetworkAclId=acl["NetworkAclId"],
    )
    refused("DependencyViolation", ec2.delete_network_acl, NetworkAclId=acl["NetworkAclId"])
    refused("InvalidParameterValue", ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])


# --- security groups


def from_range(cidr, description=None, port=443):
    item = {"CidrIp": cidr, **({"Description": description} if description else {})}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [item]}


def from_group(group, description=None, port=5432):
    item = {"GroupId": group, **({"Description": description} if description else {})}
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [item]}


@pytest.fixture
def groups(ec2, vpc):
    return [ec2.create_security_group(GroupName=n, Description="d", VpcId=vpc)["GroupId"] for n in ("one", "two")]


def ingress(ec2, group):
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in rules if not rule["IsEgress"]]


def test_default_group_admits_itself(ec2, vpc):
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    group = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    assert ingress(ec2, group["GroupId"]) == []


def test_descriptions_of_rules(ec2, groups, refused):
    one, two = groups
    added = ec2.authorize_security_group_ingress(
        GroupId=one, IpPermissions=[from_group(two, "from two"), from_range("10.0.0.0/8", "range")]
    )["SecurityGroupRules"]
    assert [rule["Description"] for rule in added] == ["from two", "range"]
    assert [rule["Description"] for rule in ingress(ec2, one)] == ["from two", "range"]
    pair = ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"][0]["IpPermissions"][0]["UserIdGroupPairs"][0]
    assert pair["Description"] == "from two"
    refused(
        "InvalidPermission.Duplicate",
        ec2.authorize_security_group_ingress,
        GroupId=one,
        IpPermissions=[from_group(two, "other words")],
    )
    changed = ec2.update_security_group_rule_descriptions_ingress(GroupId=one, IpPermissions=[from_group(two, "new")])
    assert changed["Return"]
    assert ingress(ec2, one)[0]["Description"] == "new"
    ec2.revoke_security_group_ingress(GroupId=one, IpPermissions=[from_group(two)])
    assert [rule["Description"] for rule in ingress(ec2, one)] == ["range"]


def test_a_call_adds_all_its_rules_or_none(ec2, groups, refused):
    one, _two = groups
    ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[from_range("10.0.0.0/8")])
    both = [from_range("10.1.0.0/16", port=80), from_range("10.0.0.0/8")]
    refused("InvalidPermission.Duplicate", ec2.authorize_security_group_ingress, GroupId=one, IpPermissions=both)
    assert len(ingress(ec2, one)) == 1
    missing = [from_range("10.0.0.0/8"), from_range("10.9.0.0/16")]
    refused("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=one, IpPermissions=missing)
    assert len(ingress(ec2, one)) == 1


def test_rules_are_modified_in_place(ec2, groups, refused):
    one, two = groups
    added = ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[from_group(two, "x")])["SecurityGroupRules"]
    rule = added[0]["SecurityGroupRuleId"]

    def modify(**values):
        return {"GroupId": one, "SecurityGroupRules": [{"SecurityGroupRuleId": rule, "SecurityGroupRule": values}]}

    wanted = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379, "ReferencedGroupId": two, "Description": "y"}
    ec2.modify_security_group_rules(**modify(**wanted))
    (shown,) = ingress(ec2, one)
    assert (shown["SecurityGroupRuleId"], shown["FromPort"], shown["Description"]) == (rule, 6379, "y")
    wanted = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIpv4": "10.0.0.0/8"}
    refused("InvalidParameterValue", ec2.modify_security_group_rules, **modify(**wanted))


def test_groups_in_use_stay(ec2, vpc, subnet, groups, refused):
    one, two = groups
    ec2.authorize_security_group_egress(GroupId=one, IpPermissions=[from_group(two)])
    refused("DependencyViolation", ec2.delete_security_group, GroupId=two)
    ec2.delete_security_group(GroupId=one)
    eni = ec2.create_network_interface(SubnetId=subnet, Groups=[two])["NetworkInterface"]["NetworkInterfaceId"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=two)
    ec2.delete_network_interface(NetworkInterfaceId=eni)
    ec2.delete_security_group(GroupId=two)
    filters = [{"Name": "vpc-id", "Values": [vpc]}]
    default = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    refused("CannotDelete", ec2.delete_security_group, GroupId=default)


# --- flow logs


def test_flow_logs(ec2, vpc, client):
    client("logs").create_log_group(logGroupName="/flow")
    role = "arn:aws:iam::123456789012:role/r"
    wanted = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestination": "arn:aws:logs:us-east-1:123456789012:log-group:/flow",
        "DeliverLogsPermissionArn": role,
        "MaxAggregationInterval": 60,
        "LogFormat": "${version} ${vpc-id}",
        "ClientToken": "t",
    }
    first = ec2.create_flow_logs(**wanted)["FlowLogIds"]
    assert ec2.create_flow_logs(**wanted)["FlowLogIds"] == first
    (shown,) = ec2.describe_flow_logs()["FlowLogs"]
    assert shown["LogGroupName"] == "/flow"
    assert shown["DeliverLogsStatus"] == "SUCCESS"
    assert shown["DeliverLogsPermissionArn"] == role
    for key in ("TrafficType", "MaxAggregationInterval", "LogFormat"):
        assert shown[key] == wanted[key]
    ec2.delete_flow_logs(FlowLogIds=first)
    assert ec2.describe_flow_logs()["FlowLogs"] == []


# --- endpoints


@pytest.fixture
def named(ec2, vpc):
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return vpc


def interface(vpc, subnets, service="sts", **more):
    name = f"com.amazonaws.us-east-1.{service}"
    return {"VpcId": vpc, "ServiceName": name, "VpcEndpointType": "Interface", "SubnetIds": subnets, **more}


def shown(ec2, identifier):
    return ec2.describe_vpc_endpoints(VpcEndpointIds=[identifier])["VpcEndpoints"][0]


def test_interface_endpoint_rules(ec2, vpc, subnet, refused):
    refused("InvalidParameter", ec2.create_vpc_endpoint, **interface(vpc, [subnet]))
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.create_vpc_endpoint(**interface(vpc, [subnet], ClientToken="t"))
    ec2.create_vpc_endpoint(**interface(vpc, [subnet], ClientToken="t"))
    assert len(ec2.describe_vpc_endpoints()["VpcEndpoints"]) == 1
    refused("InvalidParameter", ec2.create_vpc_endpoint, **interface(vpc, [subnet]))
    ec2.create_vpc_endpoint(**interface(vpc, [subnet], PrivateDnsEnabled=False))
    refused("InvalidServiceName", ec2.create_vpc_endpoint, **interface(vpc, [subnet], service="nothing"))
    same_zone = make_subnet(ec2, vpc, "10.0.16.0/20", "us-east-1a")
    refused("DuplicateSubnetsInSameZone", ec2.create_vpc_endpoint, **interface(vpc, [subnet, same_zone], "sns"))
    refused("InvalidGroup.NotFound", ec2.create_vpc_endpoint, **interface(vpc, [], "sqs", SecurityGroupIds=["sg-0"]))


def test_interface_endpoint_is_modified(ec2, named, subnet, groups):
    one, two = groups
    made = ec2.create_vpc_endpoint(**interface(named, [subnet], SecurityGroupIds=[one]))["VpcEndpoint"]
    identifier = made["VpcEndpointId"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    other = make_subnet(ec2, named, "10.0.16.0/20", "us-east-1b")
    ec2.modify_vpc_endpoint(
        VpcEndpointId=identifier,
        AddSubnetIds=[other],
        AddSecurityGroupIds=[two],
        RemoveSecurityGroupIds=[one],
        PolicyDocument=policy,
        PrivateDnsEnabled=False,
    )
    now = shown(ec2, identifier)
    assert now["SubnetIds"] == [subnet, other]
    assert [group["GroupId"] for group in now["Groups"]] == [two]
    assert (now["PolicyDocument"], now["PrivateDnsEnabled"]) == (policy, False)
    enis = ec2.describe_network_interfaces(NetworkInterfaceIds=now["NetworkInterfaceIds"])["NetworkInterfaces"]
    assert {eni["SubnetId"] for eni in enis} == {subnet, other}
    assert {eni["RequesterManaged"] for eni in enis} == {True}
    assert {group["GroupId"] for eni in enis for group in eni["Groups"]} == {two}
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, ResetPolicy=True, RemoveSubnetIds=[subnet], PrivateDnsEnabled=True)
    now = shown(ec2, identifier)
    assert (now["SubnetIds"], now["PrivateDnsEnabled"]) == ([other], True)
    assert (now["PolicyDocument"], len(now["NetworkInterfaceIds"])) == (made["PolicyDocument"], 1)
    ec2.delete_subnet(SubnetId=subnet)


def test_interface_endpoint_takes_its_time(aws, ec2, named, subnet, groups, refused):
    aws.settings.transitions = {"vpc_endpoint": 600}
    wanted = interface(named, [subnet], SecurityGroupIds=groups[:1])
    identifier = ec2.create_vpc_endpoint(**wanted)["VpcEndpoint"]["VpcEndpointId"]
    assert shown(ec2, identifier)["State"] == "pending"
    aws.skip(600)
    assert shown(ec2, identifier)["State"] == "available"
    answer = ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier, "vpce-0123456789abcdef0"])
    assert [item["ResourceId"] for item in answer["Unsuccessful"]] == ["vpce-0123456789abcdef0"]
    assert shown(ec2, identifier)["State"] == "deleting"
    refused("DependencyViolation", ec2.delete_security_group, GroupId=groups[0])
    aws.skip(600)
    refused("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=[identifier])
    ec2.delete_security_group(GroupId=groups[0])
    ec2.delete_subnet(SubnetId=subnet)


def test_gateway_endpoint(ec2, vpc, refused):
    first, second = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    wanted = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3", "RouteTableIds": [first]}
    made = ec2.create_vpc_endpoint(**wanted)["VpcEndpoint"]
    identifier = made["VpcEndpointId"]
    assert (made["VpcEndpointType"], made["PrivateDnsEnabled"]) == ("Gateway", False)

    def tables():
        routes = [{"Name": "route.gateway-id", "Values": [identifier]}]
        return [table["RouteTableId"] for table in ec2.describe_route_tables(Filters=routes)["RouteTables"]]

    assert tables() == [first]
    refused("RouteAlreadyExists", ec2.create_vpc_endpoint, **wanted)
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, AddRouteTableIds=[second], RemoveRouteTableIds=[first])
    assert (tables(), shown(ec2, identifier)["RouteTableIds"]) == ([second], [second])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])
    assert tables() == []
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


@pytest.mark.parametrize("operation", ["create_network_acl_entry", "replace_network_acl_entry"])
def test_network_acl_rule_for_icmp_keeps_type_and_code(ec2, vpc, operation):
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    rule = {"NetworkAclId": acl, "RuleNumber": 100, "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8"}
    if operation.startswith("replace"):
        ec2.create_network_acl_entry(**rule, Protocol="-1")
    getattr(ec2, operation)(**rule, Protocol="1", IcmpTypeCode={"Type": 3, "Code": 4})
    entries = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    assert next(entry for entry in entries if entry["RuleNumber"] == 100)["IcmpTypeCode"] == {"Type": 3, "Code": 4}


@pytest.mark.parametrize(("operation", "key"), [("create_route_table", "RouteTable"), ("create_network_acl", "NetworkAcl")])
def test_a_repeated_token_makes_nothing_twice(ec2, vpc, operation, key):
    first, again = (getattr(ec2, operation)(VpcId=vpc, ClientToken="t")[key] for _ in range(2))
    assert first[f"{key}Id"] == again[f"{key}Id"]
