"""What others change in the network comes back; what they add beside it stays; and zones come and go by themselves."""

from __future__ import annotations

import json

import pytest

ANYWHERE = "0.0.0.0/0"


def find(platform, operation, key, kind, name):
    """The resource with that address in its tags."""
    filters = [
        {"Name": "tag:agent-platform:deployment", "Values": [platform.deployment]},
        {"Name": "tag:agent-platform:address", "Values": [f"{kind}/{name}"]},
    ]
    (only,) = getattr(platform.client("ec2"), operation)(Filters=filters)[key]
    return only


def subnet(platform, name):
    return find(platform, "describe_subnets", "Subnets", "subnet", name)["SubnetId"]


def table(platform, name):
    return find(platform, "describe_route_tables", "RouteTables", "route_table", name)


def acl(platform, name):
    return find(platform, "describe_network_acls", "NetworkAcls", "network_acl", name)


def group(platform, name):
    return find(platform, "describe_security_groups", "SecurityGroups", "security_group", name)["GroupId"]


def move_subnet_to_the_public_table(platform, ec2):
    private = table(platform, "private-us-east-1b")
    (link,) = private["Associations"]
    target = table(platform, "public")["RouteTableId"]
    ec2.replace_route_table_association(AssociationId=link["RouteTableAssociationId"], RouteTableId=target)


def leave_a_subnet_to_the_main_table(platform, ec2):
    for link in table(platform, "database")["Associations"]:
        if link["SubnetId"] == subnet(platform, "database-us-east-1c"):
            ec2.disassociate_route_table(AssociationId=link["RouteTableAssociationId"])


def open_a_way_out_for_the_databases(platform, ec2):
    gateway = find(platform, "describe_internet_gateways", "InternetGateways", "internet_gateway", "main")
    ec2.create_route(
        RouteTableId=table(platform, "database")["RouteTableId"],
        DestinationCidrBlock=ANYWHERE,
        GatewayId=gateway["InternetGatewayId"],
    )


def move_a_database_subnet_to_the_public_acl(platform, ec2):
    (link,) = [
        link for link in acl(platform, "database")["Associations"] if link["SubnetId"] == subnet(platform, "database-us-east-1a")
    ]
    target = acl(platform, "public")["NetworkAclId"]
    ec2.replace_network_acl_association(AssociationId=link["NetworkAclAssociationId"], NetworkAclId=target)


def let_everybody_through_the_private_acl(platform, ec2):
    ec2.create_network_acl_entry(
        NetworkAclId=acl(platform, "private")["NetworkAclId"],
        RuleNumber=1,
        Protocol="-1",
        RuleAction="allow",
        Egress=False,
        CidrBlock=ANYWHERE,
    )


def open_postgresql_to_everybody(platform, ec2):
    anywhere = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": ANYWHERE}]}
    ec2.authorize_security_group_ingress(GroupId=group(platform, "rds"), IpPermissions=[anywhere])


def take_the_log_group_s_key_and_retention_away(platform, _ec2):
    name = f"/{platform.deployment}/vpc/flow-logs"
    platform.client("logs").disassociate_kms_key(logGroupName=name)
    platform.client("logs").delete_retention_policy(logGroupName=name)


def lose_tags_and_public_dns(platform, ec2):
    vpc = find(platform, "describe_vpcs", "Vpcs", "vpc", "main")["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    ec2.delete_tags(Resources=[subnet(platform, "public-us-east-1a")], Tags=[{"Key": "kubernetes.io/role/elb"}])


DRIFTS = {
    move_subnet_to_the_public_table: {("route_table/private-us-east-1b", "subnets")},
    leave_a_subnet_to_the_main_table: {("route_table/database", "subnets")},
    open_a_way_out_for_the_databases: {("route_table/database", "routes")},
    move_a_database_subnet_to_the_public_acl: {("network_acl/database", "subnets")},
    let_everybody_through_the_private_acl: {("network_acl/private", "ingress")},
    open_postgresql_to_everybody: {("security_group_rules/rds", "ingress")},
    take_the_log_group_s_key_and_retention_away: {
        ("log_group/vpc-flow-logs", "kms_key"),
        ("log_group/vpc-flow-logs", "retention_days"),
    },
    lose_tags_and_public_dns: {("vpc/main", "dns_hostnames"), ("subnet/public-us-east-1a", "tags")},
}


def changes(result):
    return {(item["address"], change["field"]) for item in result["plan"] for change in item["fields"]}


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_what_others_change_is_found_by_check_mode_and_comes_back(scratch):
    for drift in DRIFTS:
        drift(scratch, scratch.client("ec2"))
    expected = set().union(*DRIFTS.values())
    assert changes(scratch.results("playbooks/vpc.yml", "--check")["vpc"]) == expected
    assert changes(scratch.results("playbooks/vpc.yml")["vpc"]) == expected
    assert scratch.results("playbooks/vpc.yml")["vpc"]["plan"] == []


@pytest.mark.parametrize("scratch", ["prod"], indirect=True)
def test_a_lost_nat_gateway_is_made_anew_with_its_address(scratch):
    """Where its deletion has not ended, that is waited for: until then it holds the address."""
    ec2 = scratch.client("ec2")
    filters = [{"Name": "tag:agent-platform:address", "Values": ["nat_gateway/us-east-1a"]}]
    (before,) = ec2.describe_nat_gateways(Filter=filters)["NatGateways"]
    ec2.delete_nat_gateway(NatGatewayId=before["NatGatewayId"])
    result = scratch.results("playbooks/vpc.yml")["vpc"]
    assert {item["address"]: item["action"] in ("create", "replace") for item in result["plan"]} == {
        "nat_gateway/us-east-1a": True,
        "route_table/private-us-east-1a": False,
    }
    (after,) = [item for item in ec2.describe_nat_gateways(Filter=filters)["NatGateways"] if item["State"] == "available"]
    same = [item["NatGatewayAddresses"][0]["AllocationId"] for item in (before, after)]
    assert same[0] == same[1]
    assert scratch.results("playbooks/vpc.yml")["vpc"]["plan"] == []


@pytest.mark.parametrize("scratch", ["dev"], indirect=True)
def test_zones_come_and_go_without_touching_the_others(scratch):
    def run(letters):
        zones = [{"zone": f"us-east-1{letter}", "index": "abcd".index(letter)} for letter in letters]
        return scratch.results("playbooks/vpc.yml", "-e", json.dumps({"vpc_availability_zones": zones}))["vpc"]

    assert run("cab")["plan"] == []
    more = run("dabc")
    created = {item["address"] for item in more["plan"] if item["action"] == "create"}
    assert created == {
        *(f"subnet/{tier}-us-east-1d" for tier in ("public", "private", "database")),
        "route_table/private-us-east-1d",
    }
    assert {item["address"] for item in more["plan"]} - created == {
        *(f"network_acl/{tier}" for tier in ("public", "private", "database")),
        "route_table/public",
        "route_table/database",
        "vpc_endpoint/s3",
        "vpc_endpoint/dynamodb",
    }
    fewer = run("abc")
    assert set(fewer["unmanaged"]) == created
    assert {item["address"] for item in fewer["plan"]} <= {
        *(f"network_acl/{tier}" for tier in ("public", "private", "database")),
        "vpc_endpoint/s3",
        "vpc_endpoint/dynamodb",
    }
    assert run("abc")["plan"] == []


@pytest.mark.parametrize(
    ("zone", "said"), [("us-east-1z", "no availability zone of this account"), ("us-east-1e", "EKS has no control plane")]
)
def test_a_zone_that_is_no_use_is_one_sentence_before_any_write(empty, zone, said):
    zones = [{"zone": "us-east-1a", "index": 0}, {"zone": zone, "index": 1}]
    empty.results("playbooks/kms.yml")
    empty.local.clear_requests()
    done = empty.run("playbooks/vpc.yml", "-e", json.dumps({"vpc_availability_zones": zones}))
    text = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert f"vpc_availability_zones: '{zone}'" in text and said in text and "us-east-1b" in text
    assert [request for request in empty.local.requests() if request["access"] == "write"] == []
