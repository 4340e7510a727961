"""The storage tier's bad input, each a sentence, and what it declares."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.graph import Graph
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref
from ansible_collections.agent_platform.aws.plugins.module_utils.resources.s3 import lifecycle
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers.s3 import OWN_VARIABLES
from support import tiers

TIER = tiers.load("s3")
PLACE = Place("prod", "prod-us-east-1", "us-east-1", "123456789012", "aws")
LONGER_REGION = "ap-southeast-1"
LOGS = {"access-logs": {"encryption": "s3"}}
STEPS = [("STANDARD_IA", 30), ("GLACIER_IR", 90), ("DEEP_ARCHIVE", 180)]


def parameters(bucket=None, purpose="reports", **override):
    given = {"prefix": "agent", "kms_key": "storage", "log_bucket": "access-logs", "buckets": {purpose: bucket or {}, **LOGS}}
    return tiers.with_defaults(TIER, {**given, **override})


def steps(*pairs):
    return [{"storage_class": storage_class, "days": days} for storage_class, days in pairs]


def declared(**override):
    return {item.address: item for item in TIER.declare(parameters(**override), PLACE)}


BAD_BUCKETS = [
    (None, "'x' is not a dictionary of settings"),
    ({"colour": "red"}, "s3_buckets.reports: colour. Supported parameters include"),
    ({"encryption": "none"}, "must be one of: kms, s3"),
    ({"lock_mode": "LEGAL", "lock_days": 1}, "must be one of: COMPLIANCE, GOVERNANCE, got: LEGAL"),
    ({"lock_mode": "COMPLIANCE"}, "s3_buckets.reports.lock_mode: COMPLIANCE and s3_buckets.reports.lock_days: None go together"),
    ({"lock_days": 1}, "lock_mode: None and"),
    ({"lock_mode": "COMPLIANCE", "lock_days": 0}, "s3_buckets.reports.lock_days: 0 is out of range: at least 1 and at most 36500"),
    ({"lock_mode": "COMPLIANCE", "lock_days": 36501}, "lock_days: 36501 is out of range"),
    ({"lock_mode": "GOVERNANCE", "lock_days": 1, "versioning": False}, "versioning: False does not go with a lock"),
    ({"expiration_days": 0}, "s3_buckets.reports.expiration_days: 0 is out of range: at least 1"),
    ({"expiration_days": "soon"}, "expiration_days"),
    ({"noncurrent_days": -1}, "noncurrent_days: -1 is out of range: at least 1"),
    ({"noncurrent_versions": 101, "noncurrent_days": 1}, "noncurrent_versions: 101 is out of range: at least 1 and at most 100"),
    ({"noncurrent_versions": 3}, "noncurrent_versions: 3 says how many old versions stay"),
    ({"transitions": steps(("COLD", 30))}, "must be one of: STANDARD_IA, INTELLIGENT_TIERING"),
    ({"transitions": [{"days": 30}]}, "missing required arguments: storage_class"),
    ({"transitions": steps(("STANDARD_IA", 29))}, "transitions: STANDARD_IA after 29 days is out of range: at least 30 here"),
    ({"transitions": steps(("STANDARD_IA", 30), ("GLACIER_IR", 59))}, "GLACIER_IR after 59 days is out of range: at least 60 here"),
    (
        {"transitions": steps(("GLACIER_IR", 90), ("DEEP_ARCHIVE", 90))},
        "DEEP_ARCHIVE after 90 days is out of range: at least 91 here",
    ),
    ({"transitions": steps(("GLACIER", -1))}, "GLACIER after -1 days is out of range: at least 0 here"),
    ({"transitions": steps(("DEEP_ARCHIVE", 30), ("GLACIER", 90))}, "GLACIER after DEEP_ARCHIVE is out of order"),
    (
        {"transitions": steps(*STEPS), "expiration_days": 180},
        "expiration_days: 180 is not after the transition to DEEP_ARCHIVE at 180 days",
    ),
]
BAD = [
    *((parameters(bucket) if bucket else parameters("x"), sentence) for bucket, sentence in BAD_BUCKETS),
    (parameters(prefix="Agent"), "platform_prefix: 'Agent' cannot begin a bucket's name"),
    (parameters(prefix=""), "platform_prefix: ''"),
    (parameters(prefix="xn--agent"), "platform_prefix: 'xn--agent'"),
    (parameters(prefix="sthree"), "has 'sthree-', which S3 keeps for itself"),
    (parameters(prefix="amzn-s3-demo"), "has 'amzn-s3-demo-', which S3 keeps for itself"),
    (parameters(purpose="Reports"), "s3_buckets: 'Reports' cannot be part of a bucket's name: use lower-case letters"),
    (parameters(purpose="a..b"), "s3_buckets: 'a..b' cannot be part"),
    (parameters(purpose="a-"), "s3_buckets: 'a-' cannot be part"),
    (parameters(purpose="x-s3alias"), "has '-s3alias', which S3 keeps for itself"),
    (parameters(purpose="x" * 30), "has 64 characters: shorten it or platform_prefix to at most 63"),
    (parameters({"expiration_days": 0}, "user-uploads"), "s3_user_uploads_expiration_days: 0 is out of range: at least 1"),
    (parameters({"transitions": steps(("GLACIER", -1))}, "backups"), "s3_backups_transitions: GLACIER after -1 days"),
    (parameters(abort_multipart_days=0), "s3_abort_multipart_days: 0 is out of range: at least 1"),
    (parameters(log_bucket="elsewhere"), "s3_log_bucket: 'elsewhere' is not one of s3_buckets: access-logs, reports"),
    (parameters(log_bucket="reports"), "s3_buckets.reports.encryption: 'kms' is not for the bucket that gets the access logs"),
    (
        parameters({"encryption": "s3", "lock_mode": "GOVERNANCE", "lock_days": 1}, log_bucket="reports"),
        "s3_buckets.reports.lock_mode: the bucket that gets the access logs cannot have a lock",
    ),
]


@pytest.mark.parametrize(("given", "sentence"), BAD, ids=[sentence for _given, sentence in BAD])
def test_bad_input_is_one_sentence(given, sentence):
    with pytest.raises(InvalidInput) as caught:
        TIER.check(given, "us-east-1")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_region_counts_in_the_length_of_a_name():
    given = parameters(purpose="x" * 28)
    TIER.check(given, "us-east-1")
    with pytest.raises(InvalidInput, match="has 67 characters"):
        TIER.check(given, LONGER_REGION)


@pytest.mark.parametrize(
    "bucket",
    [
        None,
        {"transitions": steps(*STEPS), "expiration_days": 181},
        {"transitions": steps(("STANDARD_IA", 30), ("GLACIER_IR", 60))},
        {"transitions": steps(("GLACIER", 0)), "expiration_days": 1},
        {"lock_mode": "COMPLIANCE", "lock_days": 36500},
        {"expiration_days": "90", "noncurrent_days": "", "lock_mode": None},
    ],
)
def test_good_input_passes(bucket):
    TIER.check(parameters(bucket), "us-east-1")


def test_every_variable_that_a_sentence_names_is_one_of_the_role():
    defaults = yaml.safe_load((tiers.ROOT / "roles/s3/defaults/main.yml").read_text())
    assert set(defaults) >= OWN_VARIABLES


def test_a_bucket_and_the_key_and_the_log_bucket_it_rests_on():
    resources = declared()
    reports = resources["s3_bucket/reports"]
    assert reports.desired["name"] == "agent-prod-123456789012-us-east-1-reports"
    assert reports.desired["encryption"] == {"algorithm": "aws:kms", "key": Ref("kms_key/storage", "arn"), "bucket_key": True}
    assert reports.desired["logging"] == {"bucket": Ref("s3_bucket/access-logs", "name"), "prefix": "reports/"}
    assert resources["s3_bucket/access-logs"].desired["logging"] == {}
    graph = Graph(resources.values())
    assert graph.parents["s3_bucket/reports"] == {"kms_key/storage", "s3_bucket/access-logs"}
    assert [item.address for item in graph.looked_up()] == ["kms_key/storage"]


def test_no_key_is_looked_up_where_none_is_used():
    assert set(declared(bucket={"encryption": "s3"})) == {"s3_bucket/reports", "s3_bucket/access-logs"}


def sids(resource):
    return [statement["Sid"] for statement in resource.desired["policy"]["Statement"]]


def test_uploads_with_other_keys_are_refused_where_that_is_wanted():
    both = ["TlsOnly", "CurrentTlsOnly"]
    assert sids(declared()["s3_bucket/reports"]) == [*both, "OtherEncryption", "OtherKey", "CallersOwnKey"]
    assert sids(declared(refuse_other_keys=False)["s3_bucket/reports"]) == both
    assert sids(declared()["s3_bucket/access-logs"]) == [*both, "ServerAccessLogs", "LoadBalancerLogs", "EdgeLogs"]


def test_a_refusal_of_what_a_header_says_wants_the_header():
    """A negated condition holds where its key is missing, and would refuse every plain upload."""
    for statement in declared()["s3_bucket/reports"].desired["policy"]["Statement"]:
        negated = [test for test in statement["Condition"] if "Not" in test]
        keys = {key for test in negated for key in statement["Condition"][test]}
        assert keys <= set(statement["Condition"].get("Null", {}))


def test_only_log_delivery_for_our_buckets_is_let_in():
    allowed = [
        (address, statement)
        for address, item in declared().items()
        for statement in (item.desired["policy"]["Statement"] if "policy" in item.desired else ())
        if statement["Effect"] == "Allow"
    ]
    assert {address for address, _statement in allowed} == {"s3_bucket/access-logs"}
    assert {statement["Principal"]["Service"]: statement["Condition"] for _address, statement in allowed} == {
        "logging.s3.amazonaws.com": {
            "ArnLike": {"aws:SourceArn": "arn:aws:s3:::agent-prod-123456789012-us-east-1-*"},
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        },
        "logdelivery.elasticloadbalancing.amazonaws.com": {
            "ArnLike": {"aws:SourceArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/*"},
        },
        "delivery.logs.amazonaws.com": {
            "ArnLike": {"aws:SourceArn": "arn:aws:logs:us-east-1:123456789012:delivery-source:*"},
            "StringEquals": {"aws:SourceAccount": "123456789012", "s3:x-amz-acl": "bucket-owner-full-control"},
        },
    }


def rules(bucket):
    return {rule["ID"]: rule for rule in declared(bucket=bucket)["s3_bucket/reports"].desired["lifecycle"]["Rules"]}


def test_lifecycle_rules_follow_from_the_settings():
    assert set(rules(None)) == {"abort-stale-uploads"}
    whole = rules({"transitions": steps(*STEPS), "expiration_days": 365, "noncurrent_days": 7, "noncurrent_versions": 3})
    assert set(whole) == {"abort-stale-uploads", "tier", "expire", "expire-old-versions"}
    assert whole["expire-old-versions"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7, "NewerNoncurrentVersions": 3}
    assert "Expiration" not in whole["expire-old-versions"]
    assert rules({"noncurrent_days": 7})["expire-old-versions"]["Expiration"] == {"ExpiredObjectDeleteMarker": True}


@pytest.mark.parametrize(
    "stored",
    [
        {"Filter": {}},
        {"Filter": {"Prefix": ""}},
        {"Prefix": ""},
        {
            "Filter": {"Prefix": ""},
            "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}, {"Days": 30, "StorageClass": "STANDARD_IA"}],
        },
    ],
)
def test_lifecycle_forms_that_mean_the_same_are_the_same(stored):
    steps_in_order = [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}]
    ours = lifecycle.rule("tier", **({"Transitions": steps_in_order} if "Transitions" in stored else {}))
    theirs = {"ID": "tier", "Status": "Enabled", **stored}
    other = lifecycle.rule("other")
    same = [
        {"Rules": [ours, other], "TransitionDefaultMinimumObjectSize": "all_storage_classes_128K"},
        {"Rules": [other, theirs]},
    ]
    assert lifecycle.canonical(same[0]) == lifecycle.canonical(same[1])


@pytest.mark.parametrize("stored", [{"Filter": {"Prefix": "a/"}}, {"Prefix": "a/"}, {"Filter": {}, "Status": "Disabled"}])
def test_lifecycle_forms_that_mean_something_else_are_not(stored):
    theirs = {"ID": "tier", "Status": "Enabled", **stored}
    assert lifecycle.canonical({"Rules": [lifecycle.rule("tier")]}) != lifecycle.canonical({"Rules": [theirs]})
