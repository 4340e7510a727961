"""Policy documents, decided as IAM's user guide says."""

from __future__ import annotations

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import policy
from ansible_collections.agent_platform.aws.plugins.module_utils.verify.policy import (
    Request,
    Role,
    Who,
    holds,
    judge,
    refused,
    refused_key,
)

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:role/agent"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
THING = "arn:aws:s3:::bucket/key"


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action="s3:GetObject", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="s3:GetObject", resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def role(*statements, boundary=None):
    return Role("agent", ARN, {"access": document(*statements)}, {}, boundary)


def asked(action="s3:GetObject", resource=THING, **context):
    return Request(Who(ARN), action, resource, context)


@pytest.mark.parametrize(
    ("statements", "policy_of_it", "cause"),
    [
        ([allow()], None, None),
        ([], None, "no policy of role agent allows s3:GetObject on it"),
        ([allow("s3:PutObject")], None, "no policy of role agent allows"),
        ([allow("S3:getobject")], None, None),
        ([allow("s3:*")], None, None),
        ([allow(resource="arn:aws:s3:::bucket/*")], None, None),
        ([allow(resource="arn:aws:s3:::other/*")], None, "no policy of role agent allows"),
        ([allow(resource="arn:aws:s3:::bucket/ke?")], None, None),
        ([allow("*"), deny()], None, "a statement of policy access of role agent denies s3:GetObject on it"),
        ([allow("*"), deny(resource="arn:aws:s3:::other")], None, None),
        ([{"Effect": "Allow", "NotAction": "s3:PutObject", "Resource": "*"}], None, None),
        ([{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}], None, "no policy of role agent allows"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": THING}], None, "no policy of role agent allows"),
        # Of the resource: by name it needs nothing else; by the account it leaves it to the role's own.
        ([], document(allow(Principal={"AWS": ARN})), None),
        ([], document(allow(Principal="*")), None),
        ([], document(allow(Principal={"AWS": "*"})), None),
        ([], document(allow(Principal={"AWS": ROOT})), "no policy of role agent allows"),
        ([], document(allow(Principal={"AWS": ACCOUNT})), "no policy of role agent allows"),
        ([], document(allow(Principal={"AWS": "arn:aws:iam::123456789012:role/other"})), "no policy of role agent allows"),
        ([], document(allow(Principal={"Service": "s3.amazonaws.com"})), "no policy of role agent allows"),
        ([allow()], document(deny(Principal="*", Sid="No")), "statement No of the policy of it denies s3:GetObject to role agent"),
        ([allow()], document(deny(Principal={"AWS": ROOT})), "a statement of the policy of it denies"),
        ([allow()], document(deny(NotPrincipal={"AWS": ARN})), None),
        ([allow()], document(deny(NotPrincipal={"AWS": "arn:aws:iam::1:role/x"})), "a statement of the policy of it denies"),
        ([allow()], document(deny(Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})), None),
        (
            [allow()],
            document(deny(Principal="*", Condition={"ArnLike": {"aws:PrincipalArn": "*role/agent"}})),
            "denies s3:GetObject",
        ),
    ],
)
def test_what_a_role_may(statements, policy_of_it, cause):
    found = refused(role(*statements), "s3:GetObject", THING, {"aws:securetransport": "true"}, "it", policy_of_it)
    assert found is None if cause is None else cause in found


def test_a_boundary_bounds():
    bounded = role(allow("*"), boundary=document(allow("s3:PutObject")))
    assert (
        refused(bounded, "s3:GetObject", THING, {}, "it", None)
        == "the permissions boundary of role agent does not allow s3:GetObject"
    )
    assert refused(bounded, "s3:PutObject", THING, {}, "it", None) is None


@pytest.mark.parametrize(
    ("statements", "key", "cause"),
    [
        ([allow("kms:Decrypt")], document(allow("kms:*", Principal={"AWS": ROOT})), None),
        ([], document(allow("kms:*", Principal={"AWS": ROOT})), "no policy of role agent allows kms:Decrypt on the key"),
        ([allow("kms:Decrypt")], document(), "the policy of the key neither allows kms:Decrypt to role agent nor leaves it to IAM"),
        ([], document(allow("kms:Decrypt", Principal={"AWS": ARN})), None),
        ([deny("kms:*")], document(allow("kms:Decrypt", Principal={"AWS": ARN})), "policy access of role agent denies"),
        (
            [],
            document(
                allow("kms:Decrypt", Principal={"AWS": "*"}, Condition={"StringEquals": {"kms:ViaService": "s3.amazonaws.com"}})
            ),
            None,
        ),
        (
            [],
            document(
                allow("kms:Decrypt", Principal={"AWS": "*"}, Condition={"StringEquals": {"kms:ViaService": "ec2.amazonaws.com"}})
            ),
            "neither allows",
        ),
    ],
)
def test_what_a_role_may_with_a_key(statements, key, cause):
    found = refused_key(role(*statements), "kms:Decrypt", "arn:key", {"kms:viaservice": "s3.amazonaws.com"}, "the key", key)
    assert found is None if cause is None else cause in found


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {"aws:sourceaccount": "1"}, True),
        ({"StringEquals": {"aws:SourceAccount": ["2", "1"]}}, {"aws:sourceaccount": "1"}, True),
        ({"StringEquals": {"aws:SourceAccount": "1"}}, {}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, {}, True),
        ({"StringEquals": {"a": "1", "b": "2"}}, {"a": "1", "b": "3"}, False),
        ({"StringLike": {"a": "x*"}}, {"a": "xyz"}, True),
        ({"StringNotLike": {"a": "x*"}}, {"a": "xyz"}, False),
        ({"StringEquals": {"a": "X"}}, {"a": "x"}, False),
        ({"StringEqualsIgnoreCase": {"a": "X"}}, {"a": "x"}, True),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:securetransport": "true"}, False),
        ({"BoolIfExists": {"a": "true"}}, {}, True),
        ({"Null": {"a": "true"}}, {}, True),
        ({"Null": {"a": "false"}}, {}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:tlsversion": "1.3"}, False),
        ({"NumericGreaterThanEquals": {"n": "3"}}, {"n": "3"}, True),
        ({"DateLessThan": {"d": "2026-01-01T00:00:00Z"}}, {"d": "2025-01-01T00:00:00Z"}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": "10.1.2.3"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws:sourceip": "10.1.2.3"}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:prod-*"}}, {"aws:sourcearn": "arn:aws:sns:us-east-1:1:prod-x"}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, True),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": ["a", "b"]}, False),
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {}, True),
        (
            {"StringEquals": {"aws:PrincipalAccount": "${aws:SourceAccount}"}},
            {"aws:principalaccount": "1", "aws:sourceaccount": "1"},
            True,
        ),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:SourceAccount}"}}, {"aws:principalaccount": "1"}, False),
    ],
)
def test_conditions(condition, context, expected):
    assert holds(condition, asked(**context)) is expected


def test_services():
    queue = document(allow("sqs:SendMessage", Principal={"Service": "sns.amazonaws.com"}))
    assert policy.refused_service("sns.amazonaws.com", "sqs:SendMessage", "arn", {}, "queue q", queue) is None
    assert "does not let s3.amazonaws.com use sqs:SendMessage" in policy.refused_service(
        "s3.amazonaws.com", "sqs:SendMessage", "arn", {}, "queue q", queue
    )


def test_a_role_of_the_same_account_is_not_delegated_to_by_another_account():
    verdict = judge([("it", document(allow(Principal={"AWS": "arn:aws:iam::999999999999:root"})))], asked())
    assert not verdict.allowed and not verdict.delegated
