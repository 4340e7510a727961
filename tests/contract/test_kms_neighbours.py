"""Keys of others in the account, whose aliases look like ours."""

from __future__ import annotations

from collections import Counter

import boto3
from support import tiers


def test_a_key_of_others_under_our_environment_s_name_is_only_asked_whose_it_is(prepare):
    """Its policy may let us ask nothing, and a key that is not symmetric has no rotation to ask about."""
    prepared = prepare("kms")
    prepared.on_whole()
    client = boto3.client("kms")
    theirs = client.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/prod/signing", TargetKeyId=theirs)
    prepared.aws.clear_requests()
    again = tiers.run(prepared.tier, prepared.parameters)
    assert (again["changed"], again["unmanaged"]) == (False, [])
    calls = Counter(request.operation for request in prepared.aws.requests)
    assert calls["ListResourceTags"] == calls["DescribeKey"] + 1
    assert calls["DescribeKey"] == calls["GetKeyPolicy"] == calls["GetKeyRotationStatus"] == len(again["resources"])
