"""Errors as sentences, the settling table, the connection's parameters, policies and tags. No call is made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws import errors, policies, session, tags
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.delta import Change, Field
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError, InvalidInput
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.ownership import Owner
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, NoCredentialsError


def operation(name: str, tokens: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(name=name, idempotent_members=list(tokens))


def answer(code: str, message: str = "AWS says\n so.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateNatGateway")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (answer("Whatever"), "Could not create x: Whatever: AWS says so."),
        (answer("AddressLimitExceeded"), "Way out: release unused Elastic IPs"),
        (answer("BucketAlreadyExists"), "set platform_prefix to something of your own"),
        (answer("500", "<html>" + "x" * 9000), "Could not create x: 500: <html>xxx"),
        (NoCredentialsError(), "no AWS credentials were found: give them by environment variables"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "no usable answer from http://127.0.0.1:9"),
    ],
)
def test_an_error_becomes_one_sentence(error, sentence):
    text = errors.explain(error, "create x")
    assert sentence in text
    assert "\n" not in text and len(text) < 700


def test_a_mistake_of_ours_is_not_explained():
    assert errors.explain(KeyError("id"), "create x") is None


@pytest.mark.parametrize(
    ("name", "code", "attempt", "delay"),
    [
        ("CreateSubnet", "InvalidVpcID.NotFound", 1, 1),
        ("CreateSubnet", "InvalidVpcID.NotFound", 11, 10),
        ("CreateSubnet", "InvalidVpcID.NotFound", 12, None),
        ("CreateRoute", "InvalidGatewayID.NotFound", 1, 1),
        ("CreateNatGateway", "InvalidElasticIpID.NotFound", 1, 1),
        ("CreateVpcEndpoint", "InvalidRouteTableId.NotFound", 1, 1),
        ("DeleteSubnet", "InvalidSubnetID.NotFound", 1, None),
        ("DeleteSubnet", "DependencyViolation", 2, 2),
        ("CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", 1, 1),
        ("DescribeSubnets", "InvalidSubnetID.NotFound", 1, None),
        ("CreateSubnet", "InvalidParameterValue", 1, None),
    ],
)
def test_what_settles_is_tried_again(name, code, attempt, delay):
    response = (SimpleNamespace(status_code=400), {"Error": {"Code": code}})
    assert session.settle(response, operation(name), attempt) == delay


def test_settling_outlasts_the_minute_for_which_a_queue_name_is_blocked():
    assert sum(session.SETTLING_DELAYS) >= 60


def test_no_response_is_no_opinion():
    assert session.settle(None, operation("CreateSubnet"), 1) is None


CLOSED = ConnectionClosedError(endpoint_url="http://x")
NOT_SENT = EndpointConnectionError(endpoint_url="http://x")
INTERNAL = (SimpleNamespace(status_code=500), {"Error": {"Code": "InternalError"}})
BUSY = (SimpleNamespace(status_code=503), {"Error": {"Code": "RequestLimitExceeded"}})


@pytest.mark.parametrize(("response", "caught"), [(None, CLOSED), (INTERNAL, None)])
def test_a_creation_whose_answer_is_lost_is_not_repeated_blindly(response, caught):
    with pytest.raises(errors.LostAnswer) as raised:
        session.settle(response, operation("AllocateAddress"), 1, caught)
    assert "Could not create x" in errors.explain(raised.value, "create x")


@pytest.mark.parametrize(
    ("made", "response", "caught"),
    [
        (operation("CreateNatGateway", ("ClientToken",)), None, CLOSED),
        (operation("DescribeVpcs"), None, CLOSED),
        (operation("AllocateAddress"), None, NOT_SENT),
        (operation("AllocateAddress"), BUSY, None),
    ],
)
def test_what_can_be_repeated_is_left_to_botocore(made, response, caught):
    assert session.settle(response, made, 1, caught) is None


@pytest.mark.parametrize(
    ("service", "name", "expected"),
    [
        ("ec2", "AllocateAddress", True),
        ("ec2", "CreateVpc", True),
        ("ec2", "CreateNatGateway", False),
        ("kms", "CreateKey", True),
        ("kms", "EnableKey", False),
        ("ec2", "CreateTags", False),
    ],
)
def test_which_operations_have_no_token_is_in_the_service_model(params, service, name, expected):
    model = session.Connection(params).client(service).meta.service_model
    assert session.makes_anew(model.operation_model(name)) is expected


@pytest.fixture
def params():
    return {
        "region": "eu-west-1",
        "access_key": "AKIAEXAMPLE",
        "secret_key": "example",
        "session_token": None,
        "profile": None,
        "endpoint_url": None,
        "validate_certs": True,
        "aws_ca_bundle": None,
        "aws_config": None,
        "debug_botocore_endpoint_logs": False,
    }


def test_clients_are_configured_once(params):
    client = session.Connection(params).client("ec2")
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": session.MAX_ATTEMPTS}
    assert client.meta.config.max_pool_connections == session.CONNECTIONS


def test_a_users_own_configuration_is_added(params):
    config = session.Connection({**params, "aws_config": {"read_timeout": 7}}).client("ec2").meta.config
    assert (config.read_timeout, config.max_pool_connections) == (7, session.CONNECTIONS)


def test_the_endpoint_parameter_is_used(params):
    client = session.Connection({**params, "endpoint_url": "http://127.0.0.1:9"}).client("sqs")
    assert client.meta.endpoint_url == "http://127.0.0.1:9"


def test_a_controllers_name_for_the_session_token_is_understood(params, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "token-of-the-controller")
    client = session.Connection(params).client("sts")
    assert client._request_signer._credentials.token == "token-of-the-controller"


def test_a_region_that_does_not_exist_is_bad_input(params):
    with pytest.raises(InvalidInput, match="platform_region: us-east-9 is not a region"):
        session.Connection({**params, "region": "us-east-9"})


def test_a_profile_that_does_not_exist_is_one_sentence(params, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(EngineError, match="nobody"):
        session.Connection({**params, "access_key": None, "secret_key": None, "profile": "nobody"})


def test_policies_are_compared_by_meaning():
    one = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["a:B", "a:A"], "Resource": "x"}]}
    same = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": "*", "Action": ["a:A", "a:B"], "Resource": ["x"]},
    }
    assert policies.same_policy(one, policies.text(same))
    assert not policies.same_policy(one, {**one, "Statement": [{**one["Statement"][0], "Resource": "y"}]})
    assert not policies.same_policy(one, None)
    assert policies.same_policy({}, None)


def test_a_change_of_tags_is_what_to_set_and_what_to_remove():
    change = Change(Field("tags"), {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert tags.written(change) == ({"b": "9", "d": "4"}, ["c"])


def test_tags_of_others_do_not_count_unless_we_set_them():
    owner = Owner("d", "e", "t", {}, ("kubernetes.io/",))
    observed = {"aws:x": "1", "kubernetes.io/a": "2", "kubernetes.io/b": "3", "by-hand": "4"}
    desired = {"kubernetes.io/a": "2"}
    assert owner.comparable(observed, desired) == {"kubernetes.io/a": "2", "by-hand": "4"}
