"""Bad input and a way to AWS that does not work: one sentence each, through the site, before anything is written."""

from __future__ import annotations

import json

import pytest

BAD = {
    "platform_environment": ("Prod_1", "2 to 16 lower-case letters"),
    "platform_region": ("us-east-9", "is not a region"),
    "platform_kms_key_for": ({"s3": "UPPER"}, "lower-case letters"),
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
}


@pytest.mark.parametrize("variable", BAD)
def test_one_sentence_before_the_first_call(empty, variable):
    value, accepted = BAD[variable]
    empty.local.clear_requests()
    done = empty.run("site.yml", "-e", json.dumps({variable: value}), ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert variable in said and accepted in said
    assert "Traceback" not in said
    assert empty.local.requests() == []


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
