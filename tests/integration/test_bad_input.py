"""Bad input and a way to AWS that does not work: one sentence each, through the site, before anything is written."""

from __future__ import annotations

import shutil

import pytest
import yaml
from support import site

KEYS = yaml.safe_load((site.ROOT / "roles/platform/defaults/main.yml").read_text())["platform_kms_key_for"]
BAD = {
    "platform_environment": ("Prod_1", "2 to 16 lower-case letters"),
    "platform_region": ("us-east-9", "is not a region"),
    "platform_kms_key_for": ({**KEYS, "s3": "UPPER"}, "lower-case letters"),
    "kms_deletion_window_days": (31, "7 to 30"),
    "kms_rotation_period_days": (30, "90 to 2560"),
    "waf_rate_limit": (9, "10 to 2000000000"),
    "waf_rate_limit_priority": (20, "is taken by"),
    "vpc_cidr": ("10.0.0.0/8", "/16"),
    "platform_domain": ("", "cloudfront_require_domain: false"),
    "cloudfront_alb_zones": (["us-east-1a"], "1 zones are less than the 2"),
    "cloudfront_price_class": ("PriceClass_1", "PriceClass_All"),
    "dynamodb_recovery_days": (36, "1 to 35 days"),
    "dynamodb_target_utilization_percent": (95, "20 to 90 percent"),
    "messaging_dlq_retention_days": (1, "shorter"),
    "messaging_max_receive_count": (0, "1 to 1000"),
    "redis_auth_token": ("refused@by@AWS@", "16 to 128 letters"),
    "redis_engine_version": ("7.x", "major and minor"),
    "redis_nodes": (1, "2 to 6 nodes"),
    "secrets_recovery_window_days": (6, "7 to 30"),
    "secrets_values": ({"no-such-secret": "x"}, "is none of secrets_entries"),
    "s3_user_uploads_expiration_days": (0, "at least 1"),
    "s3_additional_buckets": (["logs"], "unable to convert to dict"),
    "messaging_retention_days": ("a week", "unable to convert to int"),
}


@pytest.fixture(scope="module")
def refused(local, tmp_path_factory):
    """One run of the site for as many deployments as there are bad variables, each with one of them: host -> what failed; and all
    that was written, and called."""
    inventory = tmp_path_factory.mktemp("bad") / "inventory"
    shutil.copytree(site.ROOT / "inventories/prod", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    # An extra variable would win over that of a host, and the environment's own over one of the group in this file.
    common = yaml.safe_load((site.ROOT / "local_aws/vars.yml").read_text())
    hosts["prod"]["hosts"] = {name: {**common, name: value} for name, (value, _accepted) in BAD.items()}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    local.clear_requests()
    done = site.ansible("site.yml", "-i", str(inventory), env=site.as_json(local.env))
    return done, site.failures(done.stdout), local.requests()


@pytest.mark.parametrize("variable", BAD)
def test_one_sentence_before_the_first_call(refused, variable):
    done, failures, requests = refused
    _value, accepted = BAD[variable]
    (said,) = failures[variable]
    assert done.returncode != 0
    assert variable in said and accepted in said
    assert "Traceback" not in done.stdout + done.stderr
    assert requests == []


@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/plan.yml", "playbooks/messaging.yml"])
def test_the_arguments_of_a_role_are_checked_whatever_playbook_has_it(empty, playbook):
    empty.local.clear_requests()
    done = empty.run(playbook, "--tags", "messaging", "-e", "messaging_topics=none", **site.as_json({}))
    assert done.returncode != 0
    (said,) = (message for messages in site.failures(done.stdout).values() for message in messages)
    assert said.startswith("Validation of arguments failed:") and "messaging_topics" in said
    # A playbook without the site's validation knows at most who calls.
    assert {call["operation"] for call in empty.local.requests()} <= {"GetCallerIdentity"}


WAYS = {
    "no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials were found"),
    "nobody listens": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("playbook", ["site.yml", "playbooks/kms.yml"])
def test_a_way_that_does_not_work_is_one_sentence(empty, way, playbook):
    env, sentence = WAYS[way]
    more = {**env, "AWS_EC2_METADATA_DISABLED": "true"}
    if way == "no credentials":
        done = empty.run(playbook, "-e", '{"platform_aws_environment": {}}', **more)
    else:
        done = empty.run(playbook, **more)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert sentence in said
    assert "Traceback" not in said
    assert said.count("identity") >= 1
