"""The document and the lines that a drift run ends with, and what has to know every kind."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils import kinds
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes.objects import NAMES
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.report import drift
from ansible_collections.agent_platform.aws.plugins.module_utils.resources import tagged
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.strangers import made_by_others
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import check_common
from support import site, tiers

PLACE = {"deployment": "prod-us-east-1", "environment": "prod", "region": "us-east-1"}
TOPIC = {"field": "display_name", "old": "Tickets", "new": "Events"}
RESULTS = {
    "vpc": {
        "plan": [
            {"address": "subnet/private", "action": "create", "fields": [{"field": "cidr", "old": None, "new": "10.0.0.0/24"}]}
        ],
        "strangers": [
            {"address": "iam_role/prod-x", "id": "prod-x", "why": "its name", "owned": False},
            {"address": "log_group/x", "id": "x", "why": "its name", "owned": False},
        ],
    },
    "messaging": {
        "plan": [{"address": "sns_topic/events", "action": "update", "fields": [TOPIC]}],
        "refusals": [
            {"address": "sns_topic/events", "reason": "not tagged"},
            {"address": "sqs_queue/events", "reason": "cannot be changed"},
            {"address": "subnet/private", "reason": "does not exist", "missing": True},
            {"address": "kms_key/sns-sqs", "reason": "does not exist", "missing": True},
        ],
        "strangers": [
            {"address": "iam_role/prod-x", "id": "prod-x", "why": "its name", "owned": False},
            {"address": "sqs_queue/old", "id": "arn:old", "why": "its tags", "owned": True},
        ],
    },
    "eks": {"failed": True, "msg": "AccessDenied"},
}


def addresses(found):
    return {kind: [item["address"] for item in found[kind]] for kind in (*drift.KINDS, "ignored")}


def test_each_difference_is_told_once():
    found = drift.document(PLACE, RESULTS, seen={"x", "arn:old"})
    assert addresses(found) == {
        "changed": ["sns_topic/events", "sqs_queue/events"],
        "missing": ["subnet/private", "kms_key/sns-sqs"],
        "unmanaged": ["iam_role/prod-x", "sqs_queue/old"],
        "ignored": [],
    }
    assert found["changed"][0]["fields"] == [TOPIC] and found["changed"][0]["reasons"] == ["not tagged"]
    assert found["drift"] and found["errors"] == [{"tier": "eks", "message": "AccessDenied"}]
    assert found["schema_version"] == 1


def test_the_lines_have_addresses_ids_and_values():
    told = drift.lines(drift.document(PLACE, RESULTS))
    assert told[0] == "Drift of prod-us-east-1: 2 changed, 2 missing, 3 unmanaged"
    assert "             display_name: Tickets -> Events" in told
    assert "unmanaged  sqs_queue/old (arn:old)" in told
    assert "not known: the eks tier could not be looked at: AccessDenied" in told


def test_ignores_have_reasons_and_do_not_count():
    ignores = [
        {"address": "s*", "reason": "ours to know"},
        {"address": "iam_role/prod-x", "reason": "theirs"},
        {"address": "log_group/?", "reason": "a question mark is one"},
        {"address": "kms_key/sns-sqs", "reason": "known"},
    ]
    results = {name: RESULTS[name] for name in ("vpc", "messaging")}
    found = drift.document(PLACE, results, ignores, seen={"x"})
    assert not found["drift"] and drift.failure(found) is None
    assert [item["address"] for item in found["ignores_without_match"]] == ["log_group/?"]
    assert {item["ignored_because"] for item in found["ignored"]} == {"ours to know", "theirs", "known"}
    assert any("log_group/?" in line for line in drift.lines(found))


def test_what_could_not_be_looked_at_fails_the_run_too():
    assert "1 tiers not known" in drift.failure(drift.document(PLACE, {"eks": RESULTS["eks"]}))


def test_no_drift():
    found = drift.document(PLACE, {"kms": {"plan": [], "strangers": []}})
    assert (found["drift"], drift.failure(found)) == (False, None)
    assert drift.lines(found) == ["Drift of prod-us-east-1: none"]


def test_an_adoption_tells_addresses_ids_and_tags():
    plan = [
        {"address": "sqs_queue/x", "action": "adopt", "id": "arn:x", "fields": [{"field": "tags", "old": {"team": "a"}, "new": {}}]}
    ]
    told = drift.adoption_lines({"messaging": {"plan": plan}}, False, "prod-us-east-1")
    assert told == [
        "Would be taken over by prod-us-east-1: 1",
        "sqs_queue/x (arn:x): team=a",
        "Nothing was changed. To go on: -e confirm=prod-us-east-1",
    ]
    assert drift.adoption_lines({}, False, "prod-us-east-1") == ["Would be taken over by prod-us-east-1: 0"]


def test_the_table_of_kinds_is_that_of_the_tiers():
    assert list(kinds.KINDS) == site.tiers_in_order()
    of_aws = {name: tuple(kind.name for kind in tiers.load(name).kinds) for name in tiers.tier_names()}
    assert {**of_aws, site.IN_THE_CLUSTER: NAMES} == kinds.KINDS


@pytest.mark.parametrize("name", ["sqs_queue", "sqs_queue/", "instance/i-1", "ec2:volume/vol-1", "", "queue/x"])
def test_pruning_of_what_is_no_kind_of_ours_is_an_input_error(name):
    with pytest.raises(InvalidInput, match="platform_prune"):
        check_common({"environment": "prod", "prune": [name]}, "prod-us-east-1")


def test_pruning_of_any_kind_of_any_tier_passes_in_every_tier():
    check_common({"environment": "prod", "prune": ["sqs_queue/x", "security_group/y/z"]}, "prod-us-east-1")


@pytest.mark.parametrize(
    "tags",
    [
        {"aws:autoscaling:groupName": "x"},
        {"aws:cloudformation:stack-name": "x"},
        {"elbv2.k8s.aws/cluster": "x"},
        {"kubernetes.io/cluster/x": "owned"},
        {"node.k8s.amazonaws.com/instance_id": "i-1"},
        {"cluster.k8s.amazonaws.com/name": "x"},
        {"ebs.csi.aws.com/cluster": "true"},
        {"karpenter.sh/nodepool": "x"},
        {"eks:nodegroup-name": "x"},
    ],
    ids=lambda tags: next(iter(tags)),
)
def test_tags_of_aws_and_of_controllers(tags):
    assert made_by_others({**tags, "Name": "x"})


@pytest.mark.parametrize("tags", [{}, {"Name": "x"}, {"kubernetes.io/cluster/x": "shared"}, {"kubernetes.io/role/elb": "1"}])
def test_tags_of_people(tags):
    assert not made_by_others(tags)


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:sqs:us-east-1:1:prod-x", "sqs", "prod-x"),
        ("arn:aws:s3:::bucket", "s3", "bucket"),
        ("arn:aws:ec2:us-east-1:1:volume/vol-1", "ec2:volume", "vol-1"),
        ("arn:aws:logs:us-east-1:1:log-group:/a/b", "logs:log-group", "/a/b"),
        ("arn:aws:secretsmanager:us-east-1:1:secret:prod/x-abc", "secretsmanager:secret", "prod/x-abc"),
    ],
)
def test_names_in_arns(arn, kind, name):
    assert (tagged.type_of(arn), tagged.name_of(arn)) == (kind, name)
    assert arn in tagged.names_in(arn)
