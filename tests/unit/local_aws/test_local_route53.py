"""Route 53 as AWS has it."""

from __future__ import annotations

import pytest

TEXT = {"Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"v"'}]}


@pytest.fixture
def route53(client):
    return client("route53")


@pytest.fixture
def zone(route53):
    return route53.create_hosted_zone(Name="Example.com", CallerReference="r")["HostedZone"]["Id"].rsplit("/", 1)[1]


@pytest.fixture
def change(route53, zone):
    def send(*changes):
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})["ChangeInfo"]

    return send


def text(name="a.example.com", value='"v"', **more):
    return {"Name": name, **TEXT, "ResourceRecords": [{"Value": value}], **more}


def alias(name, zone, target, health=False, kind="A"):
    goal = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": health}
    return {"Name": name, "Type": kind, "AliasTarget": goal}


def test_zones(route53, zone, refused):
    found = route53.get_hosted_zone(Id=zone)
    assert found["HostedZone"]["Name"] == "example.com."
    assert len(found["DelegationSet"]["NameServers"]) == 4
    refused("HostedZoneAlreadyExists", route53.create_hosted_zone, Name="example.com", CallerReference="r")
    other = route53.create_hosted_zone(Name="example.com", CallerReference="s")["HostedZone"]
    assert other["Id"] != found["HostedZone"]["Id"]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "a", "Value": "b"}])
    (tagged,) = route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[zone])["ResourceTagSets"]
    assert tagged["Tags"] == [{"Key": "a", "Value": "b"}]
    ids = [str(number) for number in range(11)]
    refused("InvalidInput", route53.list_tags_for_resources, ResourceType="hostedzone", ResourceIds=ids)
    refused("NoSuchHostedZone", route53.list_tags_for_resource, ResourceType="hostedzone", ResourceId="Z0")


def test_zones_are_listed_by_name_from_a_name_on(route53, zone):
    for name in ("b.example.com", "zz.org", "a.org"):
        route53.create_hosted_zone(Name=name, CallerReference=name)
    names, start = [], {}
    while start is not None:
        page = route53.list_hosted_zones_by_name(MaxItems="2", **start)
        names += [item["Name"] for item in page["HostedZones"]]
        more = page["IsTruncated"]
        start = {"DNSName": page["NextDNSName"], "HostedZoneId": page["NextHostedZoneId"]} if more else None
    assert names == ["example.com.", "b.example.com.", "a.org.", "zz.org."]
    assert route53.list_hosted_zones_by_name(DNSName="b.org")["HostedZones"][0]["Name"] == "zz.org."
    pages = route53.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["HostedZones"]) for page in pages] == [3, 1]


def test_changes(route53, zone, change, refused):
    change(("CREATE", text("A.example.com")))
    assert "already exists" in refused("InvalidChangeBatch", lambda: change(("CREATE", text())))
    change(("UPSERT", text(value='"w"')), ("UPSERT", text("*.example.com")))
    assert "do not match" in refused("InvalidChangeBatch", lambda: change(("DELETE", text())))
    assert "not found" in refused("InvalidChangeBatch", lambda: change(("DELETE", text("b.example.com"))))
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [record["Name"] for record in found if record["Type"] == "TXT"] == ["\\052.example.com.", "a.example.com."]
    refused("HostedZoneNotEmpty", route53.delete_hosted_zone, Id=zone)
    change(("DELETE", text(value='"w"')), ("DELETE", text("*.example.com")))
    route53.delete_hosted_zone(Id=zone)
    refused("NoSuchHostedZone", route53.get_hosted_zone, Id=zone)


@pytest.mark.parametrize(
    ("code", "record"),
    [
        ("InvalidChangeBatch", text("a.example.org")),
        ("InvalidChangeBatch", text("xexample.com")),
        ("InvalidChangeBatch", text(value="bare")),
        ("InvalidChangeBatch", text(Type="A", value="no address")),
        ("InvalidChangeBatch", text("example.com", Type="CNAME", value="b.example.com")),
        ("InvalidInput", {"Name": "a.example.com", "Type": "A"}),
        ("InvalidInput", {**alias("a.example.com", "Z2FDTNDATAQYW2", "d.cloudfront.net"), "TTL": 1, "ResourceRecords": []}),
        ("InvalidChangeBatch", alias("a.example.com", "Z2FDTNDATAQYW2", "d.cloudfront.net")),
        ("InvalidInput", alias("a.example.com", "Z2FDTNDATAQYW2", "d.cloudfront.net", health=True)),
        ("InvalidChangeBatch", alias("a.example.com", "Z35SXDOTRQ7X7K", "x.us-east-1.elb.amazonaws.com")),
    ],
)
def test_what_is_refused(route53, zone, change, refused, code, record):
    if code == "InvalidInput" and record.get("TTL"):
        record = {**record, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    refused(code, lambda: change(("CREATE", text("ok.example.com")), ("UPSERT", record)))
    assert len(route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]) == 2  # nothing was applied


def test_a_cname_stands_alone(route53, zone, change, refused):
    change(("CREATE", text()))
    refused("InvalidChangeBatch", lambda: change(("CREATE", text(Type="CNAME", value="b.example.com"))))


def test_the_zones_own_records_stay(route53, zone, change, refused):
    (own,) = [r for r in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"] if r["Type"] == "NS"]
    refused("InvalidChangeBatch", lambda: change(("DELETE", own)))


def test_changes_take_time(aws, route53, change, refused):
    aws.settings.transitions["dns_change"] = 30
    made = change(("CREATE", text()))
    assert made["Status"] == "PENDING"
    assert route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "PENDING"
    aws.skip(30)
    assert route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    refused("NoSuchChange", route53.get_change, Id="C0")


def test_records_are_listed_in_pages(route53, zone, change):
    change(*[("CREATE", text(f"{number}.example.com")) for number in range(7)])
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 4})
    assert [len(page["ResourceRecordSets"]) for page in pages] == [4, 4, 1]


def test_zones_are_found_by_tag(client, route53, zone):
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=[{"Key": "a", "Value": "b"}])
    for region, count in (("us-east-1", 1), ("eu-west-1", 0)):
        tagging = client("resourcegroupstaggingapi", region)
        found = tagging.get_resources(TagFilters=[{"Key": "a", "Values": ["b"]}])["ResourceTagMappingList"]
        assert [item["ResourceARN"] for item in found] == [f"arn:aws:route53:::hostedzone/{zone}"] * count


def test_state_is_carried_through_a_snapshot(aws, route53, zone, change):
    made = change(("CREATE", text()))
    before = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    copy = aws.snapshot()
    change(("DELETE", text()))
    aws.reset()
    assert route53.list_hosted_zones()["HostedZones"] == []
    aws.restore(copy)
    assert route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"] == before
    assert route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "INSYNC"
