"""What enters the configuration is made; what leaves it is kept and reported, never deleted."""

from __future__ import annotations

import boto3
from support import tiers


def bucket_names():
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


def test_a_bucket_that_left_the_configuration_is_kept_and_reported(prepare):
    whole = prepare("s3")
    whole.on_whole()
    before = bucket_names()
    left = {name: bucket for name, bucket in whole.parameters["buckets"].items() if name != "backups"}
    result = tiers.run(whole.tier, {**whole.parameters, "buckets": left})
    assert result["plan"] == []
    assert [address.split("/")[1] for address in result["unmanaged"]] == ["backups"]
    assert bucket_names() == before


def test_a_topic_is_added_with_its_queues_and_nothing_else_is_touched(prepare):
    whole = prepare("messaging")
    whole.on_whole()
    more = [*whole.parameters["topics"], {**whole.parameters["topics"][-1], "name": "invoices"}]
    planned = tiers.addresses(tiers.run(whole.tier, {**whole.parameters, "topics": more}))
    assert set(planned.values()) == {"create"}
    assert planned and all("invoices" in address for address in planned)
