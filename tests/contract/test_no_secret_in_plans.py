"""No secret, nor a hash of one, gets into what a plan file is made of: the ground of everything that stands in prod."""

from __future__ import annotations

import json

import boto3
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile import ground as ground_module
from support import site, tiers
from support.clock import skip_pauses

from local_aws.in_process import InProcessAws

TOKEN = "canary-of-the-cache-0123456789"
NAME = "canary-of-a-secret"


@pytest.fixture(scope="module")
def parameters():
    found = {tier: dict(arguments) for tier, arguments in site.parameters("prod").items()}
    found["secrets"]["values"] = {entry["name"]: {"key": NAME} for entry in found["secrets"]["entries"]}
    found["redis"]["auth_token"] = TOKEN
    return found


@pytest.fixture(scope="module")
def deployed(parameters):
    with pytest.MonkeyPatch.context() as patch, InProcessAws() as aws:
        skip_pauses(patch)
        for name, arguments in parameters.items():
            tiers.run(tiers.load(name), arguments)
        yield aws


def generated():
    """Every value in Secrets Manager, those that AWS and the tiers made among them."""
    client = boto3.client("secretsmanager", region_name=tiers.REGION)
    names = [secret["Name"] for page in client.get_paginator("list_secrets").paginate() for secret in page["SecretList"]]
    for name in names:
        value = client.get_secret_value(SecretId=name).get("SecretString")
        if value:
            yield from _texts(json.loads(value)) if value.startswith("{") else [value]


def _texts(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, str) and len(value) >= 12:
        yield value


def test_the_ground_of_everything_that_stands_holds_none(deployed, parameters, monkeypatch):
    hashed = []
    real = ground_module.digest
    monkeypatch.setattr(ground_module, "digest", lambda value: (hashed.append(ground_module.canonical_text(value)), real(value))[1])
    secrets = {TOKEN, NAME, *generated()}
    assert len(secrets) >= 4
    overlay, told, grounds = None, [], set()
    for name, arguments in parameters.items():
        # Another tag touches everything that can carry one.
        wanted = {**arguments, "verb": "plan", "tags": {"touched": "yes"}, "planned": overlay}
        result = tiers.attempt(tiers.load(name), wanted)
        overlay = result["planned"]
        checked = ArgumentSpecValidator(tiers.load(name).argument_spec()).validate(wanted)
        told.append(json.dumps(remove_values(result, checked._no_log_values)))
        grounds |= set(result["ground"])
    assert {address.split("/")[0] for address in grounds} >= {
        *("secret", "generated_secret", "origin_secret", "listener_rule", "replication_group", "distribution", "db_instance")
    }
    found = [secret for secret in secrets if any(secret in text for text in hashed)]
    assert found == []
    assert [secret for secret in secrets if any(secret in text for text in told)] == []


def test_a_new_value_is_told_without_being_shown(deployed, parameters):
    arguments = {**parameters["secrets"], "verb": "plan"}
    arguments["values"] = {name: {"key": "canary-of-another"} for name in arguments["values"]}
    result = tiers.attempt(tiers.load("secrets"), arguments)
    fields = [change for item in result["plan"] for change in item["fields"]]
    assert fields
    assert all((change["old"], change["new"]) == ("(sensitive)", "(sensitive)") for change in fields)
    assert "canary" not in json.dumps(result["ground"])
