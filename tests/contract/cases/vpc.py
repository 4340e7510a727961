"""The network tier: what its contract is tried with."""

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref

from .case import Case

TIER = "vpc"
REQUIRES = ("kms",)
PARAMS = {
    "cidr": "10.0.0.0/16",
    "availability_zones": [{"zone": "us-east-1a", "index": 0}, {"zone": "us-east-1b", "index": 1}],
    "cluster_name": "prod-agent-platform",
    "subnet_tags": {"private": {"karpenter.sh/discovery": "prod-agent-platform"}},
    "nat_gateways": "per_zone",
    "gateway_endpoints": ["s3"],
    "interface_endpoints": ["sts", "logs"],
    "alb_ingress_cidrs": ["203.0.113.0/24"],
    "flow_log_key": "storage",
}

ONE_VPC = "the tier has one VPC, which is itself never replaced"
ONE_PLACE = "a subnet has one, so two would take it from each other; tests/integration/test_vpc_drift.py moves one and has it back"
ONE_GROUP = "the rules of a group are those of the group of their name, which is itself never replaced"


def without_the_first(items):
    if isinstance(items, dict):
        first = sorted(items)[0]
        return {key: value for key, value in items.items() if key != first}
    return items[1:]


def with_other_descriptions(rules):
    return [{**rule, "description": "another description"} for rule in rules]


def with_a_port_more(rules):
    return [*rules, {**rules[0], "from_port": 9090, "to_port": 9090}]


def with_a_denial(entries):
    """A new rule, another for an old number, and one rule less."""
    first, second, *_others = sorted(entries)
    deny = {"action": "deny", "protocol": "udp", "from_port": 53, "to_port": 53, "cidr": "198.51.100.0/24"}
    kept = {number: entry for number, entry in entries.items() if number != first}
    return {**kept, second: deny, "50": {**deny, "protocol": "icmp", "from_port": 8, "to_port": -1}}


def without_the_last_statement(policy):
    return {**policy, "Statement": policy["Statement"][:-1]}


CASES = [
    Case(
        "vpc",
        "vpc/main",
        updates={"dns_hostnames": False, "tags": {"owner": "network"}},
        immutable={"cidr": "10.9.0.0/16"},
        exempt={"dns_support": "always desired true, and what EC2 refuses to lose while host names and private DNS rest on it"},
    ),
    Case("internet_gateway", "internet_gateway/main", exempt={"vpc_id": ONE_VPC}),
    Case(
        "subnet",
        "subnet/database-us-east-1a",
        updates={"map_public_ip": True},
        immutable={"cidr": "10.0.240.0/20", "availability_zone": "us-east-1c"},
        exempt={"vpc_id": ONE_VPC},
    ),
    Case("elastic_ip", "elastic_ip/nat-us-east-1a", updates={"tags": {"allow-listed-by": "a partner"}}),
    Case(
        "nat_gateway",
        "nat_gateway/us-east-1a",
        immutable={"subnet_id": Ref("subnet/public-us-east-1b")},
        exempt={
            "allocation_id": "each other address of the tier is in use",
            "connectivity": "a private one takes no address: it is another kind of thing",
        },
    ),
    Case(
        "route_table",
        "route_table/private-us-east-1a",
        updates={
            "routes": {
                "0.0.0.0/0": Ref("nat_gateway/us-east-1b"),
                "198.51.100.0/24": Ref("internet_gateway/main"),
            },
        },
        exempt={"vpc_id": ONE_VPC, "subnets": ONE_PLACE},
    ),
    Case(
        "security_group",
        "security_group/alb",
        updates={"tags": {"owner": "edge"}},
        immutable={"group_name": "prod-other", "description": "another description"},
        exempt={"vpc_id": ONE_VPC},
    ),
    Case(
        "security_group_rules",
        "security_group_rules/workers",
        updates={"ingress": with_other_descriptions, "egress": with_other_descriptions},
        exempt={"group_id": ONE_GROUP},
    ),
    Case("security_group_rules", "security_group_rules/alb", updates={"ingress": with_a_port_more, "egress": []}),
    Case("security_group_rules", "security_group_rules/rds", updates={"ingress": without_the_first}),
    Case(
        "default_security_group",
        "default_security_group/main",
        updates={
            direction: [
                {"protocol": "udp", "from_port": 53, "to_port": 53, "peer": "2001:db8::/32", "description": "One"},
                {"protocol": "tcp", "from_port": 80, "to_port": 81, "peer": Ref("security_group/alb"), "description": ""},
            ]
            for direction in ("ingress", "egress")
        },
        exempt={"vpc_id": ONE_VPC},
    ),
    Case(
        "network_acl",
        "network_acl/database",
        updates={
            "ingress": with_a_denial,
            "egress": without_the_first,
        },
        exempt={"vpc_id": ONE_VPC, "subnets": ONE_PLACE},
    ),
    Case(
        "default_network_acl",
        "default_network_acl/main",
        updates={
            direction: {
                "100": {"action": "allow", "protocol": "-1", "from_port": None, "to_port": None, "cidr": "10.0.0.0/8"},
                "110": {"action": "allow", "protocol": "47", "from_port": None, "to_port": None, "cidr": "2001:db8::/32"},
            }
            for direction in ("ingress", "egress")
        },
        exempt={"vpc_id": ONE_VPC},
    ),
    Case(
        "vpc_endpoint",
        "vpc_endpoint/sts",
        updates={
            "policy": without_the_last_statement,
            "private_dns": False,
            "subnets": without_the_first,
            "security_groups": [Ref("security_group/workers")],
        },
        immutable={"service": "com.amazonaws.us-east-1.ec2"},
        exempt={"vpc_id": ONE_VPC, "type": "a service that is offered as both keeps its type with its name in the tables"},
    ),
    Case("vpc_endpoint", "vpc_endpoint/s3", updates={"route_tables": without_the_first, "policy": without_the_last_statement}),
    Case(
        "log_group",
        "log_group/vpc-flow-logs",
        updates={"retention_days": 30, "tags": {"owner": "audit"}},
        exempt={
            "log_group_name": "its natural name: under another one it is another group",
            "kms_key": "only one key lets CloudWatch Logs use it; tests/integration/test_vpc_drift.py takes it away",
        },
    ),
    Case(
        "iam_role",
        "iam_role/vpc-flow-logs",
        updates={
            "trust_policy": lambda policy: {**policy, "Statement": [{**policy["Statement"][0], "Sid": "Another"}]},
            "inline_policies": lambda policies: {
                "other": {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
            },
            "permissions_boundary": "arn:aws:iam::aws:policy/PowerUserAccess",
            "tags": {"owner": "audit"},
        },
        exempt={
            "role_name": "its natural name: under another one it is another role",
            "path": "a role that was made anew has the same id, its name; see tests/contract/test_iam_role.py",
            "managed_policies": "the policies have to exist; see tests/contract/test_iam_role.py",
            "description": "written at creation only, since the bulk read does not show it",
        },
    ),
    Case(
        "flow_log",
        "flow_log/vpc",
        immutable={"traffic_type": "REJECT", "aggregation_interval": 60},
        exempt={
            "vpc_id": ONE_VPC,
            "log_group": "the tier has one log group",
            "role_arn": "the tier has one role",
        },
    ),
]
