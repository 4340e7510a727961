"""Probes that do not go away are told of."""

from __future__ import annotations

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws.probing import PREFIX, Bucket
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from botocore.stub import Stubber


class Api:
    def __init__(self, client):
        self._client = client

    def client(self, name):
        return self._client


@pytest.mark.parametrize("code", [None, "AccessDenied"])
def test_a_probe_that_is_not_deleted_is_named(code):
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    versions = [{"Key": f"{PREFIX}{name}", "VersionId": "1"} for name in ("first", "second")]
    errors = {"Errors": [{**versions[1], "Code": code, "Message": "no"}]} if code else {}
    with Stubber(s3) as stub:
        stub.add_response("list_object_versions", {"Versions": versions})
        stub.add_response("delete_objects", errors)
        bucket = Bucket(Api(s3), "dev-user-uploads")
        if code is None:
            assert bucket.remove() == 2
        else:
            with pytest.raises(EngineError, match=rf"bucket dev-user-uploads: .*{PREFIX}second \({code}\)"):
                bucket.remove()
