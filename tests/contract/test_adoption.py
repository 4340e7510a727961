"""Taking over what stands under our names without our tags: tags are all that is written, and nothing is made anew afterwards."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.delta import Change, Delta
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import PREFIX
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.planner import TAGS
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reconciler import Reconciler
from support import tiers

TAGGING = ("TagResource", "TagQueue", "TagRole", "AddTags", "AddTagsToResource", "PutBucketTagging", "ChangeTagsForResource")
# Known by the network that they are in, which without any tag of ours nobody knows.
IN_THE_NETWORK = {
    *("vpc", "subnet", "internet_gateway", "elastic_ip", "nat_gateway", "route_table", "security_group", "network_acl"),
    *("vpc_endpoint", "flow_log"),
}
# Of which another can stand beside it: without our tags nobody knows which is which.
FOUND_BY_TAGS = {*IN_THE_NETWORK, "certificate", "hosted_zone"}
# What is in a cluster is looked at once the cluster is ours.
IN_CLUSTERS = ("eks_addon", "eks_nodegroup", "eks_pod_identity", "eks_access_entry")


def strip(prepared, but="", unknown=FOUND_BY_TAGS):
    """Take our tags off everything ``but`` one, by the kinds' own way of writing tags; address -> id of what can be known without
    them, which ``unknown`` kinds cannot."""
    stripped = {}
    seen = []
    finish = Reconciler._finish

    def watching(self, plan, graph, *more):
        seen.append(self)
        for action in plan.actions:
            kind, observed = action.resource.kind, action.observed
            if kind.tagged and not kind.implicit and action.verb == "delete" and action.address != but:
                kept = {key: value for key, value in observed.tags.items() if not key.startswith(PREFIX)}
                delta = Delta([Change(TAGS, dict(observed.tags), kept)])
                kind.update(
                    self.context, self._adopted(type("", (), {"resource": action.resource, "delta": delta})), observed, delta
                )
                if kind.name not in unknown:
                    stripped[action.address] = observed.id
        plan.actions = []
        return finish(self, plan, graph, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reconciler, "_finish", watching)
        patch.setattr(type(prepared.tier.kinds[0]), "blocks_delete", lambda *args: None)
        more = {"destroy_data": True} if "destroy_data" in prepared.parameters else {}
        deployment = "prod-us-east-1"
        lifted = {"lift_deletion_protection": True, "confirm": deployment, "confirm_data": deployment}
        tiers.attempt(prepared.tier, {**prepared.parameters, **more, **lifted, "verb": "destroy"})
    return stripped


@pytest.mark.parametrize("name", tiers.tier_names())
def test_only_tags_are_written_and_nothing_is_replaced(prepare, name):
    whole = prepare(name)
    whole.on_whole()
    stripped = strip(whole)
    assert stripped or name == "vpc"
    whole.aws.clear_requests()

    left = dict(stripped)
    first = {address: name for address, name in stripped.items() if not address.startswith(IN_CLUSTERS)}
    for expected in filter(None, (first, {address: name for address, name in stripped.items() if address not in first})):
        whole.aws.clear_requests()
        looked = tiers.run(whole.tier, {**whole.parameters, "verb": "adopt"})
        assert {item["address"]: item["id"] for item in looked["plan"]} == expected
        assert whole.aws.writes() == []
        done = tiers.run(whole.tier, {**whole.parameters, "verb": "adopt", "confirm": "prod-us-east-1"})
        left = {address: name for address, name in left.items() if address not in tiers.addresses(done)}
        written = {request.operation for request in whole.aws.writes()}
        assert all("Tag" in operation or operation in TAGGING for operation in written), written
    assert left == {}
    assert tiers.run(whole.tier, {**whole.parameters, "verb": "adopt"})["plan"] == []

    if set(stripped) == set(whole_addresses(whole)):
        plan = tiers.run(whole.tier, whole.parameters)["plan"]
        assert {(item["action"], change["field"]) for item in plan for change in item["fields"]} <= {("update", "tags")}
        assert tiers.run(whole.tier, whole.parameters)["plan"] == []


def test_what_is_in_a_network_is_taken_over_by_where_it_stands(prepare):
    """One subnet tells which network it is."""
    whole = prepare("vpc")
    whole.on_whole()
    spared = "subnet/public-us-east-1b"
    stripped = strip(whole, spared, unknown=())
    assert {address.split("/", 1)[0] for address in stripped} >= IN_THE_NETWORK
    whole.aws.clear_requests()
    looked = tiers.attempt(whole.tier, {**whole.parameters, "verb": "plan"})
    assert {item["address"] for item in looked["refusals"]} == set(stripped)
    assert all("or hand it over with playbooks/adopt.yml" in item["reason"] for item in looked["refusals"])
    assert {item["action"] for item in looked["plan"]} == {"update"}
    assert tiers.attempt(whole.tier, whole.parameters)["failed"]
    assert whole.aws.writes() == []
    done = tiers.run(whole.tier, {**whole.parameters, "verb": "adopt", "confirm": "prod-us-east-1"})
    assert {item["address"]: item["id"] for item in done["plan"]} == stripped
    assert {request.operation for request in whole.aws.writes()} <= {"CreateTags", *TAGGING}
    assert tiers.run(whole.tier, whole.parameters)["plan"] == []


def whole_addresses(whole):
    tagged = {kind.name for kind in whole.tier.kinds if kind.tagged and not kind.implicit}
    return [address for address in whole.created["resources"] if address.split("/", 1)[0] in tagged]


def test_tags_of_others_stay_and_what_another_deployment_has_is_refused(prepare):
    whole = prepare("messaging")
    whole.on_ground()
    sqs = boto3.client("sqs")
    mine = sqs.create_queue(QueueName="prod-ticket-events", tags={"team": "support"})["QueueUrl"]
    sqs.create_queue(QueueName="prod-action-requests", tags={"agent-platform:deployment": "prod-eu-west-1"})
    whole.aws.clear_requests()
    result = tiers.attempt(whole.tier, {**whole.parameters, "verb": "adopt", "confirm": "prod-us-east-1"})
    assert result["failed"] and "belongs to deployment prod-eu-west-1" in result["msg"]
    assert whole.aws.writes() == []

    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="prod-action-requests")["QueueUrl"])
    done = tiers.run(whole.tier, {**whole.parameters, "verb": "adopt", "confirm": "prod-us-east-1"})
    assert [item["address"] for item in done["plan"]] == ["sqs_queue/ticket-events"]
    tags = sqs.list_queue_tags(QueueUrl=mine)["Tags"]
    assert (tags["team"], tags["agent-platform:deployment"]) == ("support", "prod-us-east-1")
    # What is not as the configuration says shows from now on, and is changed in place.
    planned = tiers.addresses(tiers.run(whole.tier, whole.parameters, check_mode=True))
    assert planned["sqs_queue/ticket-events"] == "update"


def test_a_wrong_confirmation_is_an_input_error(prepare):
    whole = prepare("messaging")
    whole.on_ground()
    result = tiers.attempt(whole.tier, {**whole.parameters, "verb": "adopt", "confirm": "prod"})
    assert result["failed"] and "-e confirm=prod-us-east-1" in result["msg"]
    assert whole.aws.requests == []
