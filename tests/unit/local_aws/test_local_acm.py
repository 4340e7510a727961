"""Certificate Manager as AWS has it."""

from __future__ import annotations

import pytest
from test_local_cloudfront import configuration, listed

NAMES = ["*.example.com", "api.example.com"]
REGIONS = ("us-east-1", "eu-west-1")


@pytest.fixture
def acm(client):
    return client("acm")


@pytest.fixture
def ask(client):
    def request(region="us-east-1", domain="example.com", **more):
        given = {"DomainName": domain, "ValidationMethod": "DNS", "SubjectAlternativeNames": NAMES, **more}
        return client("acm", region).request_certificate(**given)["CertificateArn"]

    return request


@pytest.fixture
def look(client):
    def describe(arn):
        return client("acm", arn.split(":")[3]).describe_certificate(CertificateArn=arn)["Certificate"]

    return describe


@pytest.fixture
def prove(client, look):
    """Puts the validation records of a certificate in a zone of the account, the first `count` of them."""

    def records(arn, count=None, action="UPSERT"):
        route53 = client("route53")
        zones = route53.list_hosted_zones()["HostedZones"]
        zone = zones[0] if zones else route53.create_hosted_zone(Name="example.com", CallerReference="r")["HostedZone"]
        every = {item["ResourceRecord"]["Name"]: item["ResourceRecord"] for item in look(arn)["DomainValidationOptions"]}
        changes = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": record["Name"],
                    "Type": record["Type"],
                    "TTL": 60,
                    "ResourceRecords": [{"Value": record["Value"]}],
                },
            }
            for record in list(every.values())[:count]
        ]
        route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": changes})

    return records


def test_a_request(acm, ask, look):
    arn = ask(Tags=[{"Key": "a", "Value": "b"}], Options={"CertificateTransparencyLoggingPreference": "DISABLED"})
    found = look(arn)
    assert (found["Status"], found["DomainName"], found["Type"]) == ("PENDING_VALIDATION", "example.com", "AMAZON_ISSUED")
    assert found["SubjectAlternativeNames"] == ["example.com", *NAMES]
    assert found["Options"]["CertificateTransparencyLoggingPreference"] == "DISABLED"
    options = {item["DomainName"]: item for item in found["DomainValidationOptions"]}
    assert options["example.com"]["ResourceRecord"] == options["*.example.com"]["ResourceRecord"]
    assert options["example.com"]["ResourceRecord"] != options["api.example.com"]["ResourceRecord"]
    assert {item["ValidationStatus"] for item in options.values()} == {"PENDING_VALIDATION"}
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    (summary,) = acm.list_certificates()["CertificateSummaryList"]
    assert (summary["CertificateArn"], summary["Status"], summary["InUse"]) == (arn, "PENDING_VALIDATION", False)
    assert acm.list_certificates(CertificateStatuses=["ISSUED"])["CertificateSummaryList"] == []


def test_a_token_makes_one_certificate(aws, acm, ask):
    first = ask(IdempotencyToken="t")
    assert ask(IdempotencyToken="t") == first
    assert ask(IdempotencyToken="u") != first
    assert ask() != ask()
    aws.skip(3600)
    assert ask(IdempotencyToken="t") != first
    acm.delete_certificate(CertificateArn=first)
    assert ask(IdempotencyToken="t") != first


def test_bad_requests(ask, refused):
    refused("ValidationException", ask, domain="no domain")
    refused("ValidationException", ask, IdempotencyToken="not-a-word")


@pytest.mark.parametrize("region", REGIONS)
def test_it_is_issued_once_all_records_stand(aws, ask, look, prove, region):
    aws.settings.transitions["certificate"] = 10
    arn = ask(region)
    aws.skip(60)
    prove(arn, 1)
    aws.skip(10)
    found = look(arn)
    states = {item["DomainName"]: item["ValidationStatus"] for item in found["DomainValidationOptions"]}
    assert (found["Status"], states["example.com"]) == ("PENDING_VALIDATION", "SUCCESS")
    assert states["api.example.com"] == "PENDING_VALIDATION"
    prove(arn)
    assert look(arn)["Status"] == "PENDING_VALIDATION"
    aws.skip(10)
    assert look(arn)["Status"] == "ISSUED"
    assert look(arn)["NotAfter"] > look(arn)["IssuedAt"]


def test_one_record_serves_all_regions_and_stays_issued(ask, look, prove):
    arns = [ask(region) for region in REGIONS]
    prove(arns[0])
    prove(arns[0], action="DELETE")
    assert [look(arn)["Status"] for arn in arns] == ["ISSUED", "ISSUED"]
    assert look(ask())["Status"] == "PENDING_VALIDATION"


def test_a_private_zone_proves_nothing(client, ask, look, prove):
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    where = {"VPC": {"VPCRegion": "us-east-1", "VPCId": vpc}, "HostedZoneConfig": {"PrivateZone": True}}
    client("route53").create_hosted_zone(Name="example.com", CallerReference="p", **where)
    arn = ask()
    prove(arn)
    assert look(arn)["Status"] == "PENDING_VALIDATION"


def test_the_record_is_shown_later(aws, ask, look):
    aws.settings.transitions["certificate_record"] = 5
    arn = ask()
    assert not any("ResourceRecord" in item for item in look(arn)["DomainValidationOptions"])
    aws.skip(5)
    assert all("ResourceRecord" in item for item in look(arn)["DomainValidationOptions"])


def test_failures(aws, ask, look, prove):
    forgotten = ask()
    aws.skip(72 * 3600)
    assert look(forgotten)["Status"] == "VALIDATION_TIMED_OUT"
    aws.settings.failures["certificate"] = "CAA_ERROR"
    arn = ask()
    prove(arn)
    assert (look(arn)["Status"], look(arn)["FailureReason"]) == ("FAILED", "CAA_ERROR")


def test_a_distribution_uses_an_issued_certificate_of_us_east_1(client, acm, ask, look, prove, refused):
    cloudfront, pending, elsewhere = client("cloudfront"), ask(), ask("eu-west-1")

    def make(arn, name="www.example.com"):
        viewer = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
        config = configuration(name, ViewerCertificate=viewer, Aliases=listed(name))
        return cloudfront.create_distribution(DistributionConfig=config)["Distribution"]

    refused("InvalidViewerCertificate", make, arn=pending)
    prove(pending)
    refused("InvalidViewerCertificate", make, arn=elsewhere)
    refused("InvalidViewerCertificate", make, arn=pending, name="www.example.org")
    made = make(pending)
    assert made["DistributionConfig"]["ViewerCertificate"]["CertificateSource"] == "acm"
    assert look(pending)["InUseBy"] == [made["ARN"]]
    refused("ResourceInUseException", acm.delete_certificate, CertificateArn=pending)
    config = configuration("other", ViewerCertificate=made["DistributionConfig"]["ViewerCertificate"])
    config["Aliases"] = listed("www.example.com")
    refused("CNAMEAlreadyExists", cloudfront.create_distribution, DistributionConfig=config)
    zone = client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    target = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": made["DomainName"], "EvaluateTargetHealth": False}
    for kind in ("A", "AAAA"):
        record = {"Name": "www.example.com", "Type": kind, "AliasTarget": target}
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def test_state_is_carried_through_a_snapshot(aws, acm, ask, look, prove, refused):
    arn = ask(Tags=[{"Key": "a", "Value": "b"}])
    copy = aws.snapshot()
    prove(arn)
    assert look(arn)["Status"] == "ISSUED"
    aws.restore(copy)
    assert look(arn)["Status"] == "PENDING_VALIDATION"
    prove(arn)
    assert look(arn)["Status"] == "ISSUED"
    issued = aws.snapshot()
    aws.reset()
    refused("ResourceNotFoundException", acm.describe_certificate, CertificateArn=arn)
    aws.restore(issued)
    assert look(arn)["Status"] == "ISSUED"
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_the_body_is_there_once_issued(acm, ask, prove, refused):
    arn = ask()
    refused("RequestInProgressException", acm.get_certificate, CertificateArn=arn)
    prove(arn)
    assert "BEGIN CERTIFICATE" in acm.get_certificate(CertificateArn=arn)["Certificate"]
