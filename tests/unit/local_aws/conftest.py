"""Fixtures of the local AWS's own tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


@pytest.fixture
def aws():
    """An empty local AWS in this process."""
    from local_aws.in_process import InProcessAws

    with InProcessAws() as running:
        yield running


@pytest.fixture
def client(aws):
    """`client("kms")`: one client a service, made once a test."""
    import boto3

    made = {}

    def get(service, region=None):
        key = (service, region)
        if key not in made:
            made[key] = boto3.client(service, region_name=region or aws.region)
        return made[key]

    return get


@pytest.fixture
def refused():
    """`refused(code, function, **arguments)`: the call must fail with this AWS error code; answers the message."""
    from botocore.exceptions import ClientError

    def check(code, function, **arguments):
        with pytest.raises(ClientError) as caught:
            function(**arguments)
        assert caught.value.response["Error"]["Code"] == code, caught.value
        return caught.value.response["Error"]["Message"]

    return check
