"""Packets through groups, network ACLs and routes, on a network of two tiers that is written down here."""

from __future__ import annotations

import copy
from ipaddress import IPv4Network

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import reach
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.reach import LINUX, Network, Side, denied, way
from hypothesis import given
from hypothesis import strategies as st

NEAR, FAR = "10.0.1.0/24", "10.0.2.0/24"


def entry(number, action, cidr, ports=None, egress=False, protocol="6"):
    made = {"RuleNumber": number, "RuleAction": action, "CidrBlock": cidr, "Egress": egress, "Protocol": protocol}
    return {**made, **({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {})}


def both(number, action, cidr, protocol="-1"):
    return [entry(number, action, cidr, egress=egress, protocol=protocol) for egress in (False, True)]


def acl(name, subnet, entries):
    associations = [{"SubnetId": subnet}]
    return {
        "NetworkAclId": name,
        "Associations": associations,
        "Entries": [*entries, *both(32767, "deny", "0.0.0.0/0")],
        "Tags": [],
    }


def group(name, ingress=(), egress=()):
    return {"GroupId": name, "GroupName": name, "IpPermissions": list(ingress), "IpPermissionsEgress": list(egress)}


def rule(port, groups=(), cidrs=(), protocol="tcp"):
    return {
        "IpProtocol": protocol,
        "FromPort": port,
        "ToPort": port,
        "UserIdGroupPairs": [{"GroupId": name} for name in groups],
        "IpRanges": [{"CidrIp": cidr} for cidr in cidrs],
    }


RAW = {
    "vpc": {"VpcId": "vpc"},
    "subnets": [{"SubnetId": "near", "CidrBlock": NEAR}, {"SubnetId": "far", "CidrBlock": FAR}],
    "groups": [
        group("clients", egress=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]),
        group("servers", ingress=[rule(5432, ["clients"])]),
    ],
    "acls": [
        acl("acl-near", "near", both(100, "allow", "0.0.0.0/0")),
        acl("acl-far", "far", [entry(100, "allow", NEAR, (5432, 5432)), entry(100, "allow", NEAR, (1024, 65535), egress=True)]),
    ],
    "tables": [
        {
            "RouteTableId": "rtb-near",
            "Associations": [{"SubnetId": "near"}],
            "Routes": [
                {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"},
            ],
        },
        {
            "RouteTableId": "rtb-main",
            "Associations": [{"Main": True}],
            "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}],
        },
    ],
    "endpoints": [],
    "nat_gateways": [{"NatGatewayId": "nat-1", "State": "available", "SubnetId": "near"}],
}
CLIENT = Side("the clients", ("near",), ("clients",))
SERVER = Side("the server", ("far",), ("servers",))


def changed(edit):
    raw = copy.deepcopy(RAW)
    edit(raw)
    return Network(raw)


def test_nothing_is_in_the_way():
    assert way(Network(RAW), CLIENT, SERVER, 5432) is None


def test_another_port_is_let_in_by_nobody():
    assert (
        way(Network(RAW), CLIENT, SERVER, 5433)
        == "no rule of security group servers (servers) lets tcp 5433 in from clients (clients)"
    )


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (lambda raw: raw["groups"][1].update(IpPermissions=[]), "servers (servers) lets tcp 5432 in from clients"),
        (lambda raw: raw["groups"][1].update(IpPermissions=[rule(5432, ["others"])]), "lets tcp 5432 in from clients"),
        (lambda raw: raw["groups"][1].update(IpPermissions=[rule(5432, ["clients"], protocol="udp")]), "lets tcp 5432 in"),
        (lambda raw: raw["groups"][1].update(IpPermissions=[rule(5432, cidrs=["10.0.1.0/25"])]), "lets tcp 5432 in from clients"),
        (lambda raw: raw["groups"][0].update(IpPermissionsEgress=[]), "clients (clients) lets tcp 5432 out to servers"),
        (lambda raw: raw["groups"].pop(), "the server has security group servers that is not in this network"),
        (
            lambda raw: raw["acls"][0]["Entries"].insert(0, entry(90, "deny", FAR, (5000, 6000), egress=True)),
            "network ACL acl-near does not let tcp 5432 out to 10.0.2.0/24: rule 90 denies it",
        ),
        (
            lambda raw: raw["acls"][0]["Entries"].insert(0, entry(90, "deny", "10.0.2.128/25", (60999, 60999))),
            "network ACL acl-near does not let tcp 32768-60999 (replies) in from 10.0.2.0/24: rule 90 denies it",
        ),
        (
            lambda raw: raw["acls"][1]["Entries"].pop(0),
            "network ACL acl-far does not let tcp 5432 in from 10.0.1.0/24: its last rule denies it",
        ),
        (
            lambda raw: raw["acls"][1]["Entries"].pop(1),
            "network ACL acl-far does not let tcp 32768-60999 (replies) out to 10.0.1.0/24: its last rule denies it",
        ),
        (lambda raw: raw["acls"].pop(), "subnet far has no network ACL"),
        (
            lambda raw: raw["tables"][0]["Routes"].append({"DestinationCidrBlock": FAR, "InstanceId": "i-1", "State": "active"}),
            "route table rtb-near sends 10.0.2.0/24 to i-1 instead of keeping it in the network",
        ),
        (lambda raw: raw["tables"][1].update(Routes=[]), "route table rtb-main sends 10.0.1.0/24 to nothing"),
        (lambda raw: raw["tables"].pop(), "subnet far has no route table"),
    ],
)
def test_what_is_in_the_way_is_named(edit, cause):
    assert cause in way(changed(edit), CLIENT, SERVER, 5432)


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw["groups"][1].update(IpPermissions=[rule(5432, cidrs=["10.0.1.0/25", "10.0.1.128/25"])]),
        lambda raw: raw["groups"][1].update(IpPermissions=[{**rule(0, ["clients"]), "ToPort": 65535}]),
        lambda raw: raw["groups"][1].update(IpPermissions=[rule(5432, ["clients"], protocol="6")]),
        # A later denial decides nothing that an earlier rule has decided.
        lambda raw: raw["acls"][0]["Entries"].append(entry(200, "deny", FAR, (5432, 5432), egress=True)),
        # Nor does one for other traffic.
        lambda raw: raw["acls"][0]["Entries"].insert(0, entry(90, "deny", FAR, (1, 5431), egress=True)),
        lambda raw: raw["acls"][0]["Entries"].insert(0, entry(90, "deny", FAR, egress=True, protocol="17")),
        # Two rules may let the two halves through.
        lambda raw: raw["acls"][1].update(
            Entries=[
                entry(100, "allow", "10.0.1.0/25", (5432, 5432)),
                entry(101, "allow", "10.0.1.128/25", (5432, 5432)),
                entry(100, "allow", NEAR, (1024, 40000), egress=True),
                entry(101, "allow", NEAR, (40001, 65535), egress=True),
            ]
        ),
    ],
)
def test_what_is_not_in_the_way(edit):
    assert way(changed(edit), CLIENT, SERVER, 5432) is None


def test_traffic_inside_of_a_subnet_passes_no_acl():
    network = changed(lambda raw: raw["acls"][0].update(Entries=both(32767, "deny", "0.0.0.0/0")))
    assert reach.acls_in_the_way(network, "near", "near", 443, LINUX) is None


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (lambda raw: None, None),
        (lambda raw: raw["tables"][0]["Routes"].pop(), "route table rtb-near sends 0.0.0.0/0 to nowhere instead of a NAT gateway"),
        (
            lambda raw: raw["tables"][0]["Routes"][1].update(NatGatewayId="nat-gone"),
            "route table rtb-near sends 0.0.0.0/0 to nat-gone, which is gone",
        ),
        (lambda raw: raw["nat_gateways"][0].update(State="failed"), "to nat-1, which is failed"),
        (
            lambda raw: raw["tables"][0]["Routes"][1].update(State="blackhole"),
            "the route of 0.0.0.0/0 in route table rtb-near is a blackhole",
        ),
        (
            lambda raw: raw["acls"][0]["Entries"].insert(0, entry(90, "deny", "0.0.0.0/0", (443, 443), egress=True)),
            "network ACL acl-near does not let tcp 443 out to",
        ),
    ],
)
def test_the_way_out(edit, cause):
    found = reach.to_the_internet(changed(edit), ("near",), "nat", 443)
    assert found is None if cause is None else cause in found


PORTS = st.integers(0, 50)
CIDRS = st.sampled_from(["10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", "10.0.0.1/32", "10.0.0.3/32", "0.0.0.0/0", "10.0.4.0/30"])
ENTRIES = st.lists(
    st.builds(
        lambda number, action, cidr, ports: entry(number, action, cidr, (min(ports), max(ports))),
        st.integers(1, 20),
        st.sampled_from(["allow", "deny"]),
        CIDRS,
        st.tuples(PORTS, PORTS),
    ),
    max_size=6,
    unique_by=lambda one: one["RuleNumber"],
)


@given(ENTRIES, st.tuples(PORTS, PORTS))
def test_as_if_each_packet_were_tried_by_itself(entries, ports):
    """The evaluation of ranges, against the rule that AWS states: the first rule that fits a packet decides."""
    span = (min(ports), max(ports))
    target = IPv4Network("10.0.0.0/30")

    def passes(address, port):
        for one in sorted(entries, key=lambda one: one["RuleNumber"]):
            if address in IPv4Network(one["CidrBlock"]) and one["PortRange"]["From"] <= port <= one["PortRange"]["To"]:
                return one["RuleAction"] == "allow"
        return False

    each = [passes(address, port) for address in target for port in range(span[0], span[1] + 1)]
    assert (denied(entries, False, target, span) is None) == all(each)
