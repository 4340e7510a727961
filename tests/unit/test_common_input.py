"""What every tier checks before the first call, and what validating alone answers."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import check_common
from support import tiers


@pytest.mark.parametrize("name", ["p", "Prod", "1prod", "prod-", "pro--d", "prod_1", "aws", "sg", "sg-1", "a" * 17, ""])
def test_an_environment_that_aws_names_cannot_carry(name):
    with pytest.raises(InvalidInput, match=r"platform_environment: .*use 2 to 16 lower-case letters"):
        check_common({"environment": name}, "prod-us-east-1")


@pytest.mark.parametrize("name", ["dev", "prod", "staging", "qa-2"])
def test_an_environment_of_ones_own(name):
    check_common({"environment": name}, f"{name}-ap-southeast-1")


@pytest.mark.parametrize("name", ["x", "a" * 49, "Prod"])
def test_a_deployment_that_names_cannot_carry(name):
    with pytest.raises(InvalidInput, match=r"platform_deployment: .*use 2 to 48"):
        check_common({"environment": "prod"}, name)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({f"k{n}": "v" for n in range(41)}, "at most 40"),
        ({"aws:x": "v"}, "key 'aws:x' cannot be used"),
        ({"agent-platform:tier": "v"}, "key 'agent-platform:tier' cannot be used"),
        ({"k" * 129: "v"}, "1 to 128"),
        ({"k": "v" * 257}, "at most 256"),
        ({"k": 5}, "the value 5 of 'k'"),
        ({"k": "a<b"}, "'a<b'"),
    ],
)
def test_tags_that_aws_refuses(tags, message):
    with pytest.raises(InvalidInput, match=message):
        check_common({"environment": "prod", "tags": tags}, "prod-us-east-1")


def test_validating_needs_neither_credentials_nor_a_network(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    tier = tiers.load("kms")
    parameters = tiers.with_defaults(tier, {"verb": "validate", "key_for": {"s3": "storage"}, "validate_certs": True})
    assert tiers.attempt(tier, parameters)["changed"] is False
    refused = tiers.attempt(tier, {**parameters, "deletion_window_days": 6})
    assert refused["msg"] == "kms_deletion_window_days: 6 is outside 7 to 30 days"
