"""What the diagrams and the issue say about the network, read back with plain boto3."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
BLOCKS = {"public": (0, 16, 32), "private": (64, 80, 96), "database": (128, 144, 160)}
INTERFACES = ("ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "sns", "sqs", "kms")
GATEWAYS = ("s3", "dynamodb")
ANYWHERE = "0.0.0.0/0"
every_tier = pytest.mark.parametrize("tier", BLOCKS)


def prefix(platform):
    return "10.0" if platform.is_prod else "10.10"


def ours(platform):
    return [
        {"Name": "tag:agent-platform:deployment", "Values": [platform.deployment]},
        {"Name": "tag:agent-platform:tier", "Values": ["vpc"]},
    ]


def described(platform, operation, key, **arguments):
    client = platform.client("ec2")
    arguments = arguments or {"Filters": ours(platform)}
    if not client.can_paginate(operation):
        return getattr(client, operation)(**arguments)[key]
    return [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]


def vpc(platform):
    (only,) = described(platform, "describe_vpcs", "Vpcs")
    return only


def named(platform, items):
    """By the name without the environment."""
    found = {}
    for item in items:
        tags = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
        found[tags["Name"].removeprefix(platform.environment + "-")] = {**item, "Tags": tags}
    return found


def subnets(platform):
    return named(platform, described(platform, "describe_subnets", "Subnets"))


def of_tier(platform, tier):
    return {name: subnet for name, subnet in subnets(platform).items() if name.startswith(tier)}


def tables(platform):
    return named(platform, described(platform, "describe_route_tables", "RouteTables"))


def routes(table):
    """Destination -> target, of those that EC2 has not made itself."""
    return {
        route["DestinationCidrBlock"]: route.get("NatGatewayId") or route["GatewayId"]
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") and route.get("GatewayId") != "local"
    }


def nat_gateways(platform):
    found = described(platform, "describe_nat_gateways", "NatGateways", Filter=ours(platform))
    return [item for item in found if item["State"] == "available"]


def groups(platform):
    return named(platform, described(platform, "describe_security_groups", "SecurityGroups"))


def rules(group, direction):
    """(protocol, first port, last port, peer) of each rule."""
    found = set()
    for permission in group["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]:
        peers = [pair["GroupId"] for pair in permission["UserIdGroupPairs"]] + [r["CidrIp"] for r in permission["IpRanges"]]
        peers += [item["PrefixListId"] for item in permission.get("PrefixListIds") or ()]
        assert not permission.get("Ipv6Ranges")
        found |= {(permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"), peer) for peer in peers}
    return found


def acls(platform):
    return named(platform, described(platform, "describe_network_acls", "NetworkAcls"))


def entries(acl, egress):
    found = [entry for entry in acl["Entries"] if entry["Egress"] is egress and entry["RuleNumber"] < 32767]
    return sorted(found, key=lambda entry: entry["RuleNumber"])


def lets_through(acl, egress, peer, port):
    """What the first entry that applies to TCP of ``port`` from or to the range ``peer`` says."""
    for entry in entries(acl, egress):
        ports = entry.get("PortRange", {"From": 0, "To": 65535})
        applies = entry["Protocol"] == "-1" or (entry["Protocol"] == "6" and ports["From"] <= port <= ports["To"])
        if applies and ip_network(peer).subnet_of(ip_network(entry["CidrBlock"])):
            return entry["RuleAction"] == "allow"
    return False


def endpoints(platform):
    found = described(platform, "describe_vpc_endpoints", "VpcEndpoints")
    return {item["ServiceName"].removeprefix(f"com.amazonaws.{platform.region}."): item for item in found}


def flow_log(platform):
    (only,) = described(platform, "describe_flow_logs", "FlowLogs", Filter=ours(platform))
    return only


# --- addresses


def test_vpc_has_the_range_of_the_diagram(platform):
    assert vpc(platform)["CidrBlock"] == f"{prefix(platform)}.0.0/16"


@pytest.mark.parametrize("attribute", ["Support", "Hostnames"])
def test_dns_is_on(platform, attribute):
    answer = platform.client("ec2").describe_vpc_attribute(VpcId=vpc(platform)["VpcId"], Attribute=f"enableDns{attribute}")
    assert answer[f"EnableDns{attribute}"] == {"Value": True}


@every_tier
def test_each_zone_has_its_subnet_with_the_range_of_the_diagram(platform, tier):
    expected = {
        f"{tier}-{zone}": (zone, f"{prefix(platform)}.{block}.0/20") for zone, block in zip(ZONES, BLOCKS[tier], strict=True)
    }
    found = {name: (subnet["AvailabilityZone"], subnet["CidrBlock"]) for name, subnet in of_tier(platform, tier).items()}
    assert found == expected


@every_tier
def test_no_subnet_hands_out_public_addresses(platform, tier):
    assert {subnet["MapPublicIpOnLaunch"] for subnet in of_tier(platform, tier).values()} == {False}


@pytest.mark.parametrize(("tier", "role"), [("public", "elb"), ("private", "internal-elb")])
def test_subnets_carry_the_tags_that_eks_and_the_load_balancer_controller_need(platform, tier, role):
    for subnet in of_tier(platform, tier).values():
        assert subnet["Tags"][f"kubernetes.io/role/{role}"] == "1"
        assert subnet["Tags"][f"kubernetes.io/cluster/{platform.environment}-agent-platform"] == "shared"


def test_database_subnets_are_nothing_to_the_cluster(platform):
    tags = {key for subnet in of_tier(platform, "database").values() for key in subnet["Tags"]}
    assert not [key for key in tags if key.startswith("kubernetes.io/")]


# --- ways out


def test_one_internet_gateway_is_attached(platform):
    (gateway,) = described(platform, "describe_internet_gateways", "InternetGateways")
    assert [link["VpcId"] for link in gateway["Attachments"]] == [vpc(platform)["VpcId"]]


def test_nat_gateways_with_an_elastic_ip_in_each_public_subnet_or_one_in_dev(platform):
    addresses = {item["AllocationId"] for item in described(platform, "describe_addresses", "Addresses")}
    found = {item["SubnetId"]: item["NatGatewayAddresses"][0]["AllocationId"] for item in nat_gateways(platform)}
    public = of_tier(platform, "public")
    expected = public if platform.is_prod else ["public-us-east-1a"]
    assert set(found) == {public[name]["SubnetId"] for name in expected}
    assert set(found.values()) == addresses
    assert len(addresses) == (3 if platform.is_prod else 1)


def test_public_subnets_go_out_by_the_internet_gateway(platform):
    (gateway,) = described(platform, "describe_internet_gateways", "InternetGateways")
    table = tables(platform)["public"]
    assert routes(table) == {ANYWHERE: gateway["InternetGatewayId"]}
    assert {link["SubnetId"] for link in table["Associations"]} == {
        subnet["SubnetId"] for subnet in of_tier(platform, "public").values()
    }


@pytest.mark.parametrize("zone", ZONES)
def test_private_subnets_go_out_by_their_zone_s_nat_gateway_or_the_one_of_dev(platform, zone):
    name = f"private-{zone}"
    table, private = tables(platform)[name], subnets(platform)[name]
    by_subnet = {item["SubnetId"]: item["NatGatewayId"] for item in nat_gateways(platform)}
    of_zone = subnets(platform)[f"public-{zone if platform.is_prod else 'us-east-1a'}"]["SubnetId"]
    assert routes(table) == {ANYWHERE: by_subnet[of_zone]}
    assert [link["SubnetId"] for link in table["Associations"]] == [private["SubnetId"]]


def test_database_subnets_have_no_way_out(platform):
    table = tables(platform)["database"]
    assert [route["GatewayId"] for route in table["Routes"]] == ["local"]
    assert {link["SubnetId"] for link in table["Associations"]} == {
        subnet["SubnetId"] for subnet in of_tier(platform, "database").values()
    }


# --- endpoints


@pytest.mark.parametrize("service", GATEWAYS)
def test_gateway_endpoint_is_on_the_private_tables_alone(platform, service):
    endpoint = endpoints(platform)[service]
    assert (endpoint["VpcEndpointType"], endpoint["State"].lower()) == ("Gateway", "available")
    assert set(endpoint["RouteTableIds"]) == {
        table["RouteTableId"] for name, table in tables(platform).items() if name.startswith("private")
    }


@pytest.mark.parametrize("service", INTERFACES)
def test_interface_endpoint_is_in_the_private_subnets_with_private_dns_and_its_own_group(platform, service):
    endpoint = endpoints(platform)[service]
    private = of_tier(platform, "private")
    zones = private if platform.is_prod else ["private-us-east-1a"]
    assert (endpoint["VpcEndpointType"], endpoint["State"].lower()) == ("Interface", "available")
    assert endpoint["PrivateDnsEnabled"] is True
    assert set(endpoint["SubnetIds"]) == {private[name]["SubnetId"] for name in zones}
    assert [group["GroupId"] for group in endpoint["Groups"]] == [groups(platform)["endpoints"]["GroupId"]]


def test_there_are_no_other_endpoints(platform):
    assert set(endpoints(platform)) == {*GATEWAYS, *INTERFACES}


@pytest.mark.parametrize("service", [*GATEWAYS, *INTERFACES])
def test_endpoint_s_policy_is_for_this_account(platform, service):
    first, *others = json.loads(endpoints(platform)[service]["PolicyDocument"])["Statement"]
    assert first["Condition"] == {"StringEquals": {"aws:PrincipalAccount": platform.account_id}}
    assert len(others) == {"s3": 2, "sts": 1}.get(service, 0)


def test_s3_endpoint_lets_image_layers_and_system_packages_through(platform):
    statements = json.loads(endpoints(platform)["s3"]["PolicyDocument"])["Statement"][1:]
    assert {statement["Action"] for statement in statements} == {"s3:GetObject"}
    resources = [resource for statement in statements for resource in statement["Resource"]]
    assert f"arn:aws:s3:::prod-{platform.region}-starport-layer-bucket/*" in resources
    assert f"arn:aws:s3:::al2023-repos-{platform.region}-de612dc2/*" in resources


# --- security groups


@pytest.mark.parametrize(("name", "port"), [("rds", 5432), ("redis", 6379), ("endpoints", 443)])
def test_group_lets_in_the_workers_alone_on_its_port_and_nothing_out(platform, name, port):
    found = groups(platform)
    assert rules(found[name], "ingress") == {("tcp", port, port, found["workers"]["GroupId"])}
    assert rules(found[name], "egress") == set()


def test_database_has_no_way_to_secrets_manager(platform):
    found = groups(platform)
    (of_endpoint,) = endpoints(platform)["secretsmanager"]["Groups"]
    peers = {peer for *_, peer in rules(found["endpoints"], "ingress")}
    assert of_endpoint["GroupId"] == found["endpoints"]["GroupId"]
    assert found["rds"]["GroupId"] not in peers
    assert rules(found["rds"], "egress") == set()


def test_workers_talk_among_themselves_and_to_all_and_hear_the_load_balancer(platform):
    found = groups(platform)
    workers, alb = found["workers"]["GroupId"], found["alb"]["GroupId"]
    assert rules(found["workers"], "ingress") == {("-1", None, None, workers), ("tcp", 0, 65535, alb)}
    assert rules(found["workers"], "egress") == {("-1", None, None, ANYWHERE)}


def test_load_balancer_reaches_the_workers_alone_and_only_cloudfront_reaches_it(platform):
    """On the port for TLS; on the other one where there is no domain, and so no certificate."""
    found = groups(platform)
    wanted = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.global.cloudfront.origin-facing"]}]
    (addresses,) = described(platform, "describe_managed_prefix_lists", "PrefixLists", Filters=wanted)
    port = 443 if platform.is_prod else 80
    assert rules(found["alb"], "ingress") == {("tcp", port, port, addresses["PrefixListId"])}
    assert rules(found["alb"], "egress") == {("tcp", 0, 65535, found["workers"]["GroupId"])}


def test_default_group_has_no_rules(platform):
    filters = [{"Name": "vpc-id", "Values": [vpc(platform)["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
    (default,) = described(platform, "describe_security_groups", "SecurityGroups", Filters=filters)
    assert default["IpPermissions"] == default["IpPermissionsEgress"] == []


def test_no_group_is_tagged_as_the_cluster_s(platform):
    """EKS wants exactly one with that tag: the one that it makes."""
    keys = {key for group in groups(platform).values() for key in group["Tags"]}
    assert not [key for key in keys if key.startswith("kubernetes.io/cluster/")]


# --- network ACLs


@every_tier
def test_subnets_of_a_tier_use_its_network_acl(platform, tier):
    found = {link["SubnetId"] for link in acls(platform)[tier]["Associations"]}
    assert found == {subnet["SubnetId"] for subnet in of_tier(platform, tier).values()}


def test_database_acl_lets_in_postgresql_and_redis_from_the_private_ranges(platform):
    private = {subnet["CidrBlock"] for subnet in of_tier(platform, "private").values()}
    database = {subnet["CidrBlock"] for subnet in of_tier(platform, "database").values()}
    found = {
        (entry["RuleAction"], entry["Protocol"], entry["PortRange"]["From"], entry["PortRange"]["To"], entry["CidrBlock"])
        for entry in entries(acls(platform)["database"], egress=False)
    }
    expected = {("allow", "6", port, port, cidr) for port in (5432, 6379) for cidr in private}
    assert found == expected | {("allow", "6", 0, 65535, cidr) for cidr in database}


def test_database_acl_lets_out_replies_to_the_private_ranges(platform):
    private = {subnet["CidrBlock"] for subnet in of_tier(platform, "private").values()}
    database = {subnet["CidrBlock"] for subnet in of_tier(platform, "database").values()}
    found = {
        (entry["RuleAction"], entry["PortRange"]["From"], entry["PortRange"]["To"], entry["CidrBlock"])
        for entry in entries(acls(platform)["database"], egress=True)
    }
    expected = {("allow", 1024, 65535, cidr) for cidr in private} | {("allow", 0, 65535, cidr) for cidr in database}
    assert found == expected


@pytest.mark.parametrize("egress", [False, True])
def test_public_acl_denies_the_database_before_it_allows_anything(platform, egress):
    found = entries(acls(platform)["public"], egress)
    database = {subnet["CidrBlock"] for subnet in of_tier(platform, "database").values()}
    first = [entry for entry in found if entry["RuleAction"] == "deny"]
    assert found[: len(first)] == first
    assert {(entry["Protocol"], entry["CidrBlock"]) for entry in first} == {("-1", cidr) for cidr in database}


@pytest.mark.parametrize(
    ("source", "target", "port", "allowed"),
    [
        ("public", "private", 8080, True),
        ("private", "public", 443, True),
        ("private", "database", 5432, True),
        ("private", "database", 6379, True),
        ("database", "private", 443, False),
        ("public", "database", 5432, False),
        ("database", "public", 443, False),
    ],
)
def test_acls_let_a_tier_reach_its_neighbour_alone(platform, source, target, port, allowed):
    found, answers = acls(platform), 40000
    pairs = [
        (here["CidrBlock"], there["CidrBlock"])
        for here in of_tier(platform, source).values()
        for there in of_tier(platform, target).values()
    ]
    for here, there in pairs:
        asked = lets_through(found[source], True, there, port) and lets_through(found[target], False, here, port)
        answered = lets_through(found[target], True, here, answers) and lets_through(found[source], False, there, answers)
        assert (asked and answered) is allowed, (here, there)


@pytest.mark.parametrize("tier", ["public", "private"])
def test_replies_from_the_internet_get_in(platform, tier):
    found = entries(acls(platform)[tier], egress=False)
    replies = [entry for entry in found if entry.get("PortRange") == {"From": 1024, "To": 65535}]
    assert [(entry["RuleAction"], entry["CidrBlock"]) for entry in replies] == [("allow", ANYWHERE)]


def test_private_acl_lets_nothing_else_in_from_outside_the_network(platform):
    network = ip_network(vpc(platform)["CidrBlock"])
    outside = [e for e in entries(acls(platform)["private"], False) if not ip_network(e["CidrBlock"]).subnet_of(network)]
    assert [(entry["Protocol"], entry["RuleAction"]) for entry in outside] == [("6", "allow"), ("1", "allow")]


def test_default_network_acl_lets_nothing_through(platform):
    filters = [{"Name": "vpc-id", "Values": [vpc(platform)["VpcId"]]}, {"Name": "default", "Values": ["true"]}]
    (default,) = described(platform, "describe_network_acls", "NetworkAcls", Filters=filters)
    assert {(entry["RuleNumber"], entry["RuleAction"]) for entry in default["Entries"]} == {(32767, "deny")}
    assert default["Associations"] == []


# --- flow logs


def test_all_traffic_of_the_vpc_is_logged(platform):
    log = flow_log(platform)
    assert (log["ResourceId"], log["TrafficType"], log["FlowLogStatus"]) == (vpc(platform)["VpcId"], "ALL", "ACTIVE")


def test_flow_logs_are_encrypted_and_kept_for_a_time(platform):
    (group,) = platform.client("logs").describe_log_groups(logGroupNamePrefix=flow_log(platform)["LogGroupName"])["logGroups"]
    alias = f"alias/{platform.environment}/{'storage' if platform.is_prod else 'shared'}"
    assert group["kmsKeyId"] == platform.client("kms").describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    assert group["retentionInDays"] == (90 if platform.is_prod else 14)


def test_flow_logs_role_is_the_service_s_and_writes_to_its_group_alone(platform):
    iam, log = platform.client("iam"), flow_log(platform)
    name = log["DeliverLogsPermissionArn"].rsplit("/", 1)[1]
    assert name.startswith(platform.deployment)
    (trust,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": platform.account_id}
    (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    for statement in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]["Statement"]:
        if statement["Action"] != "logs:DescribeLogGroups":
            assert all(f":log-group:{log['LogGroupName']}" in resource for resource in statement["Resource"])
