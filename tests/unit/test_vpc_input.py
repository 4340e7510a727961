"""The network tier's bad input, each a sentence, and what it declares."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref, resolve
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from support import tiers

TIER = tiers.load("vpc")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
LETTERS = "abcdef"


def zones(*indexes, **first):
    """us-east-1a and so on with these indexes; ``first``: more of the first one."""
    items = [{"zone": f"us-east-1{letter}", "index": index} for letter, index in zip(LETTERS, indexes, strict=False)]
    return [{**items[0], **first}, *items[1:]]


GOOD = {"cidr": "10.0.0.0/16", "availability_zones": zones(0, 1, 2), "cluster_name": "prod-x", "flow_log_key": "storage"}


def parameters(**override):
    return tiers.with_defaults(TIER, {**GOOD, **override})


def declared(**override):
    params = parameters(**override)
    TIER.check(params, PLACE.region)
    return {resource.address: resource for resource in TIER.declare(params, PLACE)}


def wanted(**override):
    """Address -> desired values, with references as texts, so that they can be compared."""
    return {address: resolve(resource.desired, str) for address, resource in declared(**override).items()}


def zone(**options):
    return {"availability_zones": zones(0, 1, 2, **options)}


WHOLE = {"public": "10.0.0.0/28", "private": "10.0.0.16/28", "database": "10.0.0.32/28"}
BAD = [
    ({"cidr": "10.0.0.0"}, "vpc_cidr: '10.0.0.0' is outside /16 to /28"),
    ({"cidr": "ten"}, "vpc_cidr: 'ten' is not an IPv4 range"),
    ({"cidr": "10.0.0.0/8"}, "vpc_cidr: '10.0.0.0/8' is outside /16 to /28"),
    ({"cidr": "10.0.0.0/29"}, "vpc_cidr: '10.0.0.0/29' is outside /16 to /28"),
    (
        {"cidr": "10.0.1.0/16"},
        "vpc_cidr: '10.0.1.0/16' is not an IPv4 range: use one such as 10.0.0.0/16 that begins on a boundary",
    ),
    ({"cidr": "fd00::/64"}, "vpc_cidr: 'fd00::/64' is not an IPv4 range"),
    ({"cidr": "169.254.0.0/16"}, "vpc_cidr: 169.254.0.0/16 overlaps 169.254.0.0/16, which AWS reserves"),
    ({"cidr": "10.0.0.0/25"}, "us-east-1a has no public range, and a sixteenth of vpc_cidr 10.0.0.0/25 is smaller than /28"),
    ({"availability_zones": zones(0)}, "vpc_availability_zones: 1 zones are outside 2 to 6"),
    ({"availability_zones": zones(*range(6)) + zones(6)}, "vpc_availability_zones: 7 zones are outside 2 to 6"),
    (zone(zone="eu-west-1a"), "vpc_availability_zones: 'eu-west-1a' is no availability zone of us-east-1"),
    (zone(zone="us-east-1"), "'us-east-1' is no availability zone of us-east-1: use the region and a letter, such as us-east-1a"),
    (zone(zone="us-east-1b"), "vpc_availability_zones: 'us-east-1b' is there twice"),
    (zone(index=1), "vpc_availability_zones: index 1 is that of us-east-1a and of us-east-1b"),
    (zone(index=-1), "vpc_availability_zones: index -1 of us-east-1a is outside 0 to 9"),
    (zone(index=10), "vpc_availability_zones: index 10 of us-east-1a is outside 0 to 9"),
    (zone(index=4), "us-east-1a has no public range, and its index 4 is outside 0 to 3"),
    (zone(public="10.0.0.0/12"), "'10.0.0.0/12', the public subnet of us-east-1a, is outside /16 to /28"),
    (zone(private="10.0.64.1/20"), "'10.0.64.1/20', the private subnet of us-east-1a, is not an IPv4 range"),
    (zone(public="10.1.0.0/20"), "10.1.0.0/20, the public subnet of us-east-1a, is outside vpc_cidr 10.0.0.0/16"),
    (
        zone(private="10.0.16.0/24"),
        "10.0.16.0/20, the public subnet of us-east-1b, overlaps 10.0.16.0/24, the private subnet of us-east-1a",
    ),
    ({"cluster_name": "-x"}, "platform_cluster_name: '-x' is no name for an EKS cluster"),
    ({"cluster_name": "x" * 101}, "1 to 100 letters"),
    ({"subnet_tags": {"private": {"aws:x": "y"}}}, "vpc_subnet_tags: 'aws:x': 'y' of private cannot be a tag"),
    ({"subnet_tags": {"public": {"x": 1}}}, "vpc_subnet_tags: 'x': 1 of public cannot be a tag"),
    ({"subnet_tags": {"public": {f"x{n}": "" for n in range(44)}}}, "the public subnets would have 51 tags: at most 50"),
    ({"gateway_endpoints": ["s3", "s3"]}, "vpc_gateway_endpoints: 's3' is there twice"),
    ({"interface_endpoints": ["sts", "kms", "sts"]}, "vpc_interface_endpoints: 'sts' is there twice"),
    ({"interface_endpoints": ["ECR"]}, "vpc_interface_endpoints: 'ECR' is no name of a service"),
    ({"interface_endpoints": ["s3"]}, "vpc_interface_endpoints: 's3' is reached through vpc_gateway_endpoints"),
    (
        {"interface_endpoint_zones": ["us-east-1f"]},
        "vpc_interface_endpoint_zones: 'us-east-1f' is none of vpc_availability_zones: us-east-1a, us-east-1b, us-east-1c",
    ),
    ({"interface_endpoint_zones": []}, "vpc_interface_endpoint_zones: [] is no zone at all"),
    ({"alb_ingress_cidrs": ["everyone"]}, "vpc_alb_ingress_cidrs: 'everyone' is not an IPv4 range"),
    ({"alb_ingress_cidrs": ["203.0.113.1/24"]}, "vpc_alb_ingress_cidrs: '203.0.113.1/24' is not an IPv4 range"),
    ({"alb_ingress_cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}, "names something twice"),
    ({"alb_ingress_ports": [0]}, "vpc_alb_ingress_ports: 0 is outside 1 to 65535"),
    (
        {"alb_ingress_cidrs": [f"203.0.{n}.0/24" for n in range(61)], "alb_from_cloudfront": False},
        "61 ranges for 1 ports are 61 rules: a security group takes 60",
    ),
    (
        {"alb_ingress_cidrs": [f"203.0.{n}.0/24" for n in range(6)]},
        "6 ranges and CloudFront's prefix list, which counts 55, for 1 ports are 61 rules",
    ),
    ({"alb_ingress_ports": [80, 443]}, "for 2 ports are 110 rules: a security group takes 60"),
    ({"flow_log_key": "Logs"}, "platform_kms_key_for: the key 'Logs' of logs cannot be in an alias"),
    ({"flow_log_retention_days": 15}, "vpc_flow_log_retention_days: 15 is none of 1, 3, 5, 7, 14, 30"),
    ({"permissions_boundary": "boundary"}, "vpc_permissions_boundary: 'boundary' is no policy"),
]


@pytest.mark.parametrize(("override", "said"), BAD, ids=[said[:60] for _override, said in BAD])
def test_bad_input_is_one_sentence_that_names_variable_and_value(override, said):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(parameters(**override), "us-east-1")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        zone(**WHOLE, index=9),
        {"cidr": "10.0.0.0/24"},
        {"availability_zones": zones(3, 0)},
        {"permissions_boundary": ""},
        {"permissions_boundary": "arn:aws:iam::123456789012:policy/boundary"},
        {"interface_endpoints": [], "interface_endpoint_zones": []},
        {"subnet_tags": {"private": {"karpenter.sh/discovery": "prod-x"}, "public": None}},
    ],
)
def test_good_input_passes_and_declares_a_graph(override):
    Graph(declared(**override).values())


def test_ranges_are_those_of_the_diagram():
    found = {address: resource.desired["cidr"] for address, resource in declared().items() if address.startswith("subnet/")}
    assert found == {
        f"subnet/{tier}-us-east-1{letter}": f"10.0.{third}.0/20"
        for tier, thirds in (("public", (0, 16, 32)), ("private", (64, 80, 96)), ("database", (128, 144, 160)))
        for letter, third in zip("abc", thirds, strict=True)
    }


def test_order_of_zones_means_nothing():
    assert wanted(availability_zones=list(reversed(GOOD["availability_zones"]))) == wanted()


def test_another_zone_only_adds():
    before, after = wanted(availability_zones=zones(0, 1)), wanted()
    shared = {"route_table/public", "route_table/database"}
    lists = ("subnets", "route_tables")
    for address, desired in before.items():
        later = after[address]
        if address.startswith("network_acl/"):
            for direction in ("ingress", "egress"):
                assert desired[direction].items() <= later[direction].items()
        elif address.startswith("vpc_endpoint/") or address in shared:
            assert {k: v for k, v in desired.items() if k not in lists} == {k: v for k, v in later.items() if k not in lists}
        else:
            assert desired == later, address
    assert all("us-east-1c" in address for address in set(after) - set(before))


@pytest.mark.parametrize(("mode", "zones_with"), [("per_zone", "abc"), ("single", "a"), ("none", "")])
def test_nat_gateways_and_who_uses_them(mode, zones_with):
    found = declared(nat_gateways=mode)
    assert {address for address in found if address.startswith("nat_gateway/")} == {
        f"nat_gateway/us-east-1{letter}" for letter in zones_with
    }
    for letter in "abc":
        own = letter if letter in zones_with else zones_with
        expected = {"0.0.0.0/0": Ref(f"nat_gateway/us-east-1{own}")} if own else {}
        assert found[f"route_table/private-us-east-1{letter}"].desired["routes"] == expected


def test_single_nat_gateway_is_in_the_zone_of_the_lowest_index():
    assert "nat_gateway/us-east-1b" in declared(nat_gateways="single", availability_zones=zones(2, 0, 1))


@pytest.mark.parametrize("number", range(2, 7))
def test_network_acls_stay_below_the_quota(number):
    explicit = [
        {"zone": f"us-east-1{letter}", "index": index, "public": f"10.0.{index}.0/24"}
        | {"private": f"10.0.{64 + index}.0/24", "database": f"10.0.{128 + index}.0/24"}
        for index, letter in enumerate(LETTERS[:number])
    ]
    for address, resource in declared(availability_zones=explicit).items():
        if address.startswith("network_acl/"):
            assert len(resource.desired["ingress"]) < 20 and len(resource.desired["egress"]) < 20


def allowed(entries, cidr, protocol, port):
    """What a network ACL answers: the lowest number that matches, else no."""
    for number in sorted(entries, key=int):
        entry = entries[number]
        covers = entry["protocol"] == "-1" or (entry["protocol"] == protocol and entry["from_port"] <= port <= entry["to_port"])
        if covers and ip_network(cidr).subnet_of(ip_network(entry["cidr"])):
            return entry["action"] == "allow"
    return False


FLOWS = [
    # ACL, direction, other end, port, whether it passes
    ("database", "ingress", "10.0.64.9/32", 5432, True),
    ("database", "ingress", "10.0.96.9/32", 6379, True),
    ("database", "ingress", "10.0.64.9/32", 22, False),
    ("database", "ingress", "10.0.0.9/32", 5432, False),
    ("database", "ingress", "198.51.100.1/32", 5432, False),
    ("database", "ingress", "198.51.100.1/32", 40000, False),
    ("database", "ingress", "10.0.144.9/32", 16379, True),
    ("database", "egress", "10.0.80.9/32", 40000, True),
    ("database", "egress", "10.0.80.9/32", 443, False),
    ("database", "egress", "10.0.16.9/32", 40000, False),
    ("database", "egress", "198.51.100.1/32", 443, False),
    ("public", "ingress", "198.51.100.1/32", 443, True),
    ("public", "ingress", "198.51.100.1/32", 22, False),
    ("public", "ingress", "198.51.100.1/32", 40000, True),
    ("public", "ingress", "10.0.64.9/32", 8443, True),
    ("public", "ingress", "10.0.128.9/32", 40000, False),
    ("public", "egress", "10.0.128.9/32", 5432, False),
    ("public", "egress", "10.0.64.9/32", 8080, True),
    ("public", "egress", "198.51.100.1/32", 443, True),
    ("private", "ingress", "10.0.0.9/32", 8080, True),
    ("private", "ingress", "10.0.128.9/32", 40000, True),
    ("private", "ingress", "10.0.128.9/32", 443, False),
    ("private", "ingress", "198.51.100.1/32", 443, False),
    ("private", "egress", "198.51.100.1/32", 443, True),
]


@pytest.mark.parametrize(("acl", "direction", "other", "port", "passes"), FLOWS)
def test_network_acls_let_through_what_the_diagram_shows(acl, direction, other, port, passes):
    entries = declared()[f"network_acl/{acl}"].desired[direction]
    assert allowed(entries, other, "tcp", port) is passes


@pytest.mark.parametrize("service", ["s3", "dynamodb", "sts", "kms"])
def test_endpoint_policies_trust_others_only_with_what_is_named(service):
    first, *others = declared()[f"vpc_endpoint/{service}"].desired["policy"]["Statement"]
    assert first["Condition"] == {"StringEquals": {"aws:PrincipalAccount": PLACE.account_id}}
    assert {statement["Action"] for statement in others} <= {"s3:GetObject", "sts:AssumeRoleWithWebIdentity"}
    assert "*" not in [statement["Resource"] for statement in others]


def test_longest_deployment_fits_into_the_role_s_name():
    place = Place("prod", "d" * 48, "us-east-1", PLACE.account_id, "aws")
    (role,) = [r for r in TIER.declare(parameters(), place) if r.address == "iam_role/vpc-flow-logs"]
    assert len(role.desired["role_name"]) <= 64
