"""What AWS makes and deletes in one order only: the emulator is more lenient, and a client that tries again hides the rest."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.observer import Observation
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.overlay import Overlay
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import DEPLOYMENT, TIER, Owner
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.resource import Context, Observed
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.teardown import plan_absent
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from contract.cases import eks, messaging, vpc
from support import tiers
from support.mutations.tagging import KNOWN_BY_PLACE, NOT_IN_THE_NETWORK

PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
# Kind -> the kinds that EC2, SNS and SQS keep as long as one of it stands.
GOES_BEFORE = {
    "vpc": {
        "vpc_endpoint": {"subnet", "security_group", "route_table", "vpc"},
        "nat_gateway": {"subnet", "elastic_ip", "internet_gateway", "vpc"},
        "internet_gateway": {"vpc"},
        "subnet": {"route_table", "network_acl", "vpc"},
        "route_table": {"vpc"},
        "network_acl": {"vpc"},
        "security_group_rules": {"security_group"},
        "security_group": {"vpc"},
        "flow_log": {"vpc", "log_group", "iam_role"},
    },
    "messaging": {"sns_subscription": {"sns_topic", "sqs_queue"}},
}
COMES_AFTER = {
    "vpc": {
        "nat_gateway/us-east-1a": {"internet_gateway/main", "subnet/public-us-east-1a", "elastic_ip/nat-us-east-1a"},
        "vpc_endpoint/sts": {"vpc/main", "security_group/endpoints", "subnet/private-us-east-1a"},
        "default_network_acl/main": {"network_acl/public", "network_acl/private", "network_acl/database"},
        "flow_log/vpc": {"log_group/vpc-flow-logs", "iam_role/vpc-flow-logs", "vpc/main"},
    },
    "messaging": {
        "sqs_queue/ticket-events": {"sqs_queue/ticket-events-dlq"},
        "sns_subscription/ticket-events": {"sns_topic/ticket-events", "sqs_queue/ticket-events"},
    },
}


def graph_of(name):
    tier, data = tiers.load(name), {"vpc": vpc, "messaging": messaging, "eks": eks}[name]
    return tier, Graph(tier.declare(tiers.with_defaults(tier, data.PARAMS), PLACE))


@pytest.mark.parametrize("name", COMES_AFTER)
def test_what_something_rests_on_is_made_before_it(name):
    _tier, graph = graph_of(name)
    for address, parents in COMES_AFTER[name].items():
        assert parents <= graph.parents[address], address


class Alone:
    """An API in whose account nothing stands but what is asked about here."""

    def map(self, function, items):
        return []

    def pages(self, *call, **parameters):
        return []


def teardown(name, foreign="", fields=None):
    """The plan with everything of the tier standing; ``foreign``: the kind of which nothing has our tags, with its ``fields``."""
    tier, graph = graph_of(name)
    tags = {DEPLOYMENT: PLACE.deployment, TIER: name}
    seen = {
        resource.address: Observed(
            resource.address,
            resource.address,
            fields=dict(fields or {}) if resource.kind.name == foreign else {},
            tags={} if resource.kind.name == foreign else dict(tags),
        )
        for resource in graph.managed()
    }
    return plan_absent(
        Context(Alone(), Owner(PLACE.deployment, "prod", name)), tier.kinds, graph, Observation(seen, {}, {}), Overlay()
    )


def deletions(name):
    """Address -> the steps that its deletion waits for, with everything of the tier standing."""
    return {action.address: action.needs for action in teardown(name).actions}


@pytest.mark.parametrize("name", GOES_BEFORE)
def test_what_something_stands_in_is_deleted_after_it(name):
    waits = deletions(name)
    for inner, outers in GOES_BEFORE[name].items():
        first = {f"delete {address}" for address in waits if address.startswith(f"{inner}/")}
        assert first
        for address in waits:
            if address.split("/")[0] in outers:
                assert first <= waits[address], (inner, address)


def test_a_queue_goes_before_the_dead_letter_queue_that_it_names():
    assert "delete sqs_queue/ticket-events" in deletions("messaging")["sqs_queue/ticket-events-dlq"]


@pytest.mark.parametrize("kind", KNOWN_BY_PLACE)
def test_what_others_put_in_our_place_keeps_nothing_but_what_it_is_inside(kind):
    plan = teardown(NOT_IN_THE_NETWORK.get(kind, "vpc"), kind)
    own = {address for address in plan.kept if address.startswith(f"{kind}/")}
    assert own
    assert set(plan.kept) - own == ({"vpc/main"} if kind in ("subnet", "security_group") else set())
    assert plan.refusals == []
    assert not own & {action.address for action in plan.actions}


@pytest.mark.parametrize(
    ("kind", "fields", "held"),
    [
        (
            "nat_gateway",
            {"subnet_id": "subnet/public-us-east-1a", "allocation_id": "elastic_ip/nat-us-east-1b"},
            {"subnet/public-us-east-1a", "elastic_ip/nat-us-east-1b", "vpc/main"},
        ),
        ("nat_gateway", {"subnet_id": "subnet/public-us-east-1a", "allocation_id": None}, {"subnet/public-us-east-1a", "vpc/main"}),
        (
            "vpc_endpoint",
            {"subnets": ["subnet/database-us-east-1a"], "security_groups": ["security_group/rds"], "route_tables": []},
            {"subnet/database-us-east-1a", "security_group/rds", "vpc/main"},
        ),
        ("vpc_endpoint", {"subnets": [], "security_groups": [], "route_tables": ["route_table/database"]}, set()),
    ],
)
def test_what_others_have_interfaces_in_stays(kind, fields, held):
    """As it stands, not as ours would."""
    kept = teardown("vpc", kind, fields).kept
    assert {address for address in kept if not address.startswith(f"{kind}/")} == held
