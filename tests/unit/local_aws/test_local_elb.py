"""Elastic Load Balancing as AWS has it."""

from __future__ import annotations

import json

import pytest

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403", "ContentType": "text/plain", "MessageBody": "no"}}
TLS13 = "ELBSecurityPolicy-TLS13-1-2-2021-06"
TAGS = [{"Key": "a", "Value": "b"}]


@pytest.fixture
def elb(client):
    return client("elbv2")


@pytest.fixture
def network(client):
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("abca")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    groups = [ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in ("alb", "other")]
    return {"vpc": vpc, "subnets": subnets, "gateway": gateway, "groups": groups}


@pytest.fixture
def make(elb, network):
    def create(name="a", **more):
        given = {"Subnets": network["subnets"][:2], "SecurityGroups": network["groups"][:1], **more}
        return elb.create_load_balancer(Name=name, **given)["LoadBalancers"][0]

    return create


@pytest.fixture
def targets(elb, network):
    def create(name="t", **more):
        given = {"Protocol": "HTTP", "Port": 80, "VpcId": network["vpc"], "TargetType": "ip", **more}
        return elb.create_target_group(Name=name, **given)["TargetGroups"][0]

    return create


@pytest.fixture
def listen(elb):
    def create(balancer, port=80, action=FIXED, **more):
        given = {"Protocol": "HTTP", **more}
        return elb.create_listener(LoadBalancerArn=balancer, Port=port, DefaultActions=[action], **given)["Listeners"][0]

    return create


@pytest.fixture
def certificate(client):
    """A certificate that is asked for; issued with `prove`."""

    def request(domain="example.com", prove=True):
        acm, route53 = client("acm"), client("route53")
        arn = acm.request_certificate(DomainName=domain, ValidationMethod="DNS")["CertificateArn"]
        (option,) = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
        record = option["ResourceRecord"]
        if prove:
            zone = route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"]
            shown = {"Name": record["Name"], "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
            batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": shown}]}
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        return arn

    return request


def attributes(elb, arn):
    found = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    return {item["Key"]: item["Value"] for item in found}


def put(elb, arn, **values):
    chosen = [{"Key": key.replace("__", "."), "Value": value} for key, value in values.items()]
    return elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=chosen)


def test_a_load_balancer(elb, make, network):
    made = make(Tags=TAGS)
    (found,) = elb.describe_load_balancers(Names=["a"])["LoadBalancers"]
    assert found == made
    assert (found["Type"], found["Scheme"], found["State"]) == ("application", "internet-facing", {"Code": "active"})
    assert found["SecurityGroups"] == network["groups"][:1]
    assert found["CanonicalHostedZoneId"] == "Z35SXDOTRQ7X7K"
    assert elb.describe_tags(ResourceArns=[made["LoadBalancerArn"]])["TagDescriptions"][0]["Tags"] == TAGS


def test_it_is_made_once(make, network, refused):
    made = make()
    assert make() == made
    refused("DuplicateLoadBalancerName", make, SecurityGroups=network["groups"])
    assert make("b")["DNSName"] != made["DNSName"]


def test_bad_load_balancers(client, elb, make, network, refused):
    subnets = network["subnets"]
    for code, changes in (
        ("ValidationError", {"Subnets": subnets[:1]}),
        ("ValidationError", {"Subnets": [subnets[0], subnets[3]]}),
        ("InvalidConfigurationRequest", {"Subnets": [subnets[0], subnets[1], subnets[3]]}),
        ("SubnetNotFound", {"Subnets": [subnets[0], "subnet-0"]}),
        ("InvalidSecurityGroup", {"SecurityGroups": ["sg-0"]}),
        ("ValidationError", {"name": "a-"}),
        ("ValidationError", {"name": "internal-a"}),
    ):
        refused(code, make, **changes)
    client("ec2").detach_internet_gateway(InternetGatewayId=network["gateway"], VpcId=network["vpc"])
    refused("InvalidSubnet", make)
    make("inside", Scheme="internal")
    refused("LoadBalancerNotFound", elb.describe_load_balancers, Names=["inside", "a"])


def test_states(aws, elb, make):
    aws.settings.transitions["load_balancer"] = 30
    assert make()["State"] == {"Code": "provisioning"}
    assert elb.describe_load_balancers()["LoadBalancers"][0]["State"] == {"Code": "provisioning"}
    aws.skip(30)
    assert elb.describe_load_balancers()["LoadBalancers"][0]["State"] == {"Code": "active"}
    aws.settings.failures["load_balancer"] = "no capacity"
    assert make("b")["State"] == {"Code": "provisioning"}
    aws.skip(30)
    assert elb.describe_load_balancers(Names=["b"])["LoadBalancers"][0]["State"] == {"Code": "failed", "Reason": "no capacity"}


def test_attributes(elb, make, refused):
    arn = make()["LoadBalancerArn"]
    found = attributes(elb, arn)
    assert (found["idle_timeout.timeout_seconds"], found["routing.http.drop_invalid_header_fields.enabled"]) == ("60", "false")
    assert (found["access_logs.s3.enabled"], found["access_logs.s3.bucket"]) == ("false", "")
    put(elb, arn, idle_timeout__timeout_seconds="120", routing__http__desync_mitigation_mode="strictest")
    assert attributes(elb, arn) == {
        **found,
        "idle_timeout.timeout_seconds": "120",
        "routing.http.desync_mitigation_mode": "strictest",
    }
    for bad in ({"idle_timeout__timeout_seconds": "4001"}, {"nothing": "1"}, {"routing__http2__enabled": "yes"}):
        refused("ValidationError", lambda given=bad: put(elb, arn, **given))


def test_deletion_protection(elb, make, refused):
    arn = make()["LoadBalancerArn"]
    put(elb, arn, deletion_protection__enabled="true")
    refused("OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    put(elb, arn, deletion_protection__enabled="false")
    elb.delete_load_balancer(LoadBalancerArn=arn)
    refused("LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[arn])
    refused("LoadBalancerNotFound", elb.describe_tags, ResourceArns=[arn])
    elb.delete_load_balancer(LoadBalancerArn=arn)


@pytest.mark.parametrize(
    "principal",
    [{"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, {"AWS": "arn:aws:iam::127311923021:root"}],
    ids=["service", "account"],
)
def test_access_logs(client, elb, make, refused, principal):
    arn, s3 = make()["LoadBalancerArn"], client("s3")
    given = {"access_logs__s3__enabled": "true", "access_logs__s3__bucket": "alb-logs", "access_logs__s3__prefix": "alb"}
    refused("InvalidConfigurationRequest", lambda: put(elb, arn, **given))
    s3.create_bucket(Bucket="alb-logs")
    refused("InvalidConfigurationRequest", lambda: put(elb, arn, **given))
    target = "arn:aws:s3:::alb-logs/alb/AWSLogs/123456789012/*"
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": target}
    s3.put_bucket_policy(Bucket="alb-logs", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    put(elb, arn, **given)
    assert attributes(elb, arn)["access_logs.s3.prefix"] == "alb"
    refused("InvalidConfigurationRequest", lambda: put(elb, arn, access_logs__s3__prefix="other"))
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket="alb-logs", ServerSideEncryptionConfiguration={"Rules": [rule]})
    refused("InvalidConfigurationRequest", lambda: put(elb, arn, idle_timeout__timeout_seconds="9"))


def test_interfaces(aws, client, elb, make, network, refused):
    ec2 = client("ec2")
    aws.settings.transitions["load_balancer_interfaces"] = 60
    arn = make()["LoadBalancerArn"]

    def interfaces():
        found = ec2.describe_network_interfaces()["NetworkInterfaces"]
        return {item["SubnetId"]: [group["GroupId"] for group in item["Groups"]] for item in found}

    subnets, (group, other) = network["subnets"], network["groups"]
    assert interfaces() == {subnet: [group] for subnet in subnets[:2]}
    elb.set_subnets(LoadBalancerArn=arn, Subnets=subnets[1:3])
    elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])
    assert interfaces() == {subnet: [other] for subnet in subnets[1:3]}
    refused("ValidationError", elb.set_subnets, LoadBalancerArn=arn, Subnets=subnets[:1])
    refused("InvalidSecurityGroup", elb.set_security_groups, LoadBalancerArn=arn, SecurityGroups=["sg-0"])
    ec2.delete_security_group(GroupId=group)
    for _ in range(2):  # while it stands, and while its interfaces go
        refused("DependencyViolation", ec2.delete_security_group, GroupId=other)
        refused("DependencyViolation", ec2.delete_subnet, SubnetId=subnets[1])
        gateway = {"InternetGatewayId": network["gateway"], "VpcId": network["vpc"]}
        refused("DependencyViolation", ec2.detach_internet_gateway, **gateway)
        elb.delete_load_balancer(LoadBalancerArn=arn)
    aws.skip(60)
    ec2.delete_security_group(GroupId=other)
    ec2.delete_subnet(SubnetId=subnets[1])
    ec2.detach_internet_gateway(**gateway)
    assert interfaces() == {}


def test_target_groups(elb, make, targets, listen, refused):
    check = {"HealthCheckPath": "/healthz", "HealthCheckIntervalSeconds": 15, "Matcher": {"HttpCode": "200-299"}}
    made = targets(Tags=TAGS, **check)
    assert targets(Tags=TAGS, **check) == made
    refused("DuplicateTargetGroupName", targets)
    (found,) = elb.describe_target_groups(Names=["t"])["TargetGroups"]
    assert (found["TargetType"], found["HealthCheckPath"], found["Matcher"]["HttpCode"]) == ("ip", "/healthz", "200-299")
    assert (found["HealthCheckTimeoutSeconds"], found["HealthyThresholdCount"], found["UnhealthyThresholdCount"]) == (5, 5, 2)
    arn = made["TargetGroupArn"]
    change = [{"Key": "deregistration_delay.timeout_seconds", "Value": "30"}]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=change)
    shown = {item["Key"]: item["Value"] for item in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}
    assert (shown["deregistration_delay.timeout_seconds"], shown["slow_start.duration_seconds"]) == ("30", "0")
    bad = [{"Key": "nothing", "Value": "1"}]
    refused("ValidationError", elb.modify_target_group_attributes, TargetGroupArn=arn, Attributes=bad)
    one, two = make()["LoadBalancerArn"], make("b")["LoadBalancerArn"]
    forward = {"Type": "forward", "TargetGroupArn": arn}
    listener = listen(one, action=forward)
    (action,) = listener["DefaultActions"]
    assert action["TargetGroupArn"] == arn
    assert action["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": arn, "Weight": 1}]
    assert elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"] == [one]
    refused("TargetGroupAssociationLimit", listen, balancer=two, action=forward)
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=arn)
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    assert elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]["LoadBalancerArns"] == []
    elb.delete_target_group(TargetGroupArn=arn)
    refused("TargetGroupNotFound", elb.describe_target_groups, Names=["t"])


def test_listeners(client, elb, make, listen, certificate, refused):
    balancer, pending, issued = make()["LoadBalancerArn"], certificate("example.org", prove=False), certificate()
    secure = {"Protocol": "HTTPS", "port": 443, "SslPolicy": TLS13}

    def by(arn):
        return {"Certificates": [{"CertificateArn": arn}]}

    refused("ValidationError", listen, balancer=balancer, **secure)
    refused("UnsupportedCertificate", listen, balancer=balancer, **secure, **by(pending))
    refused("CertificateNotFound", listen, balancer=balancer, **secure, **by(pending[:-4] + "0000"))
    refused("SSLPolicyNotFound", listen, balancer=balancer, **{**secure, "SslPolicy": "x"}, **by(issued))
    made = listen(balancer, **secure, **by(issued), Tags=TAGS)
    assert listen(balancer, **secure, **by(issued), Tags=TAGS) == made
    refused("DuplicateListener", listen, balancer=balancer, port=443)
    assert (made["SslPolicy"], made["Certificates"]) == (TLS13, [{"CertificateArn": issued}])
    assert made["DefaultActions"] == [FIXED]
    assert client("acm").describe_certificate(CertificateArn=issued)["Certificate"]["InUseBy"] == [balancer]
    refused("ResourceInUseException", client("acm").delete_certificate, CertificateArn=issued)
    other = certificate("example.net")
    arn = made["ListenerArn"]
    (changed,) = elb.modify_listener(ListenerArn=arn, SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")["Listeners"]
    assert changed["Certificates"] == [{"CertificateArn": issued}]
    (changed,) = elb.modify_listener(ListenerArn=arn, **by(other))["Listeners"]
    assert changed["Certificates"] == [{"CertificateArn": other}]
    refused("UnsupportedCertificate", elb.modify_listener, ListenerArn=arn, **by(pending))
    client("acm").delete_certificate(CertificateArn=issued)
    plain = listen(balancer)
    assert "SslPolicy" not in plain
    (changed,) = elb.modify_listener(ListenerArn=arn, Protocol="HTTP", Port=8080)["Listeners"]
    assert ("Certificates" in changed, "SslPolicy" in changed, changed["Port"]) == (False, False, 8080)
    refused("DuplicateListener", elb.modify_listener, ListenerArn=arn, Port=80)


def test_rules(elb, make, targets, listen, refused):
    balancer = make()["LoadBalancerArn"]
    listener, group = listen(balancer)["ListenerArn"], targets()["TargetGroupArn"]
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-secret", "Values": ["one", "two"]}}

    def rule(priority, condition=header, **more):
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        given = {"ListenerArn": listener, "Priority": priority, "Conditions": [condition], "Actions": actions}
        return elb.create_rule(**given, **more)["Rules"][0]

    made = rule(10, Tags=TAGS)
    path = rule(5, {"Field": "path-pattern", "Values": ["/a"]})
    assert made["Conditions"] == [header]
    assert (made["Priority"], made["IsDefault"]) == ("10", False)
    assert path["Conditions"][0]["PathPatternConfig"] == {"Values": ["/a"]}
    found = elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [item["Priority"] for item in found] == ["5", "10", "default"]
    assert found[-1]["Actions"] == [FIXED]
    refused("PriorityInUse", rule, priority=10)
    refused("ValidationError", rule, priority=50001)
    refused("OperationNotPermitted", elb.delete_rule, RuleArn=found[-1]["RuleArn"])
    changed = {**header, "HttpHeaderConfig": {"HttpHeaderName": "x-secret", "Values": ["three"]}}
    assert elb.modify_rule(RuleArn=made["RuleArn"], Conditions=[changed])["Rules"][0]["Conditions"] == [changed]
    assert elb.describe_tags(ResourceArns=[made["RuleArn"]])["TagDescriptions"][0]["Tags"] == TAGS
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)
    elb.delete_rule(RuleArn=made["RuleArn"])
    refused("RuleNotFound", elb.delete_rule, RuleArn=made["RuleArn"])
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=group)


def test_tags_in_bulk(elb, make, targets, refused):
    arns = [make()["LoadBalancerArn"], targets()["TargetGroupArn"]]
    many = [{"Key": str(number), "Value": "v"} for number in range(50)]
    elb.add_tags(ResourceArns=arns, Tags=many)
    refused("TooManyTags", elb.add_tags, ResourceArns=arns, Tags=TAGS)
    elb.remove_tags(ResourceArns=arns, TagKeys=[str(number) for number in range(1, 50)])
    found = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert [(item["ResourceArn"], item["Tags"]) for item in found] == [(arn, many[:1]) for arn in arns]
    refused("ValidationError", elb.describe_tags, ResourceArns=[f"{arns[0]}{number}" for number in range(21)])


def test_an_alias_to_a_load_balancer(client, make):
    made, route53 = make(), client("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="r")["HostedZone"]["Id"]
    target = {
        "HostedZoneId": made["CanonicalHostedZoneId"],
        "DNSName": f"dualstack.{made['DNSName']}",
        "EvaluateTargetHealth": False,
    }
    record = {"Name": "origin.example.com", "Type": "A", "AliasTarget": target}
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
    (found,) = [item for item in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"] if item["Type"] == "A"]
    assert found["AliasTarget"]["DNSName"] == f"dualstack.{made['DNSName']}.".lower()


def test_state_is_carried_through_a_snapshot(aws, elb, make, targets, listen, client, refused):
    balancer, group = make(Tags=TAGS)["LoadBalancerArn"], targets()["TargetGroupArn"]
    listener = listen(balancer, action={"Type": "forward", "TargetGroupArn": group})["ListenerArn"]

    def read():
        seen = [elb.describe_load_balancers(), elb.describe_target_groups(), elb.describe_rules(ListenerArn=listener)]
        seen += [elb.describe_listeners(LoadBalancerArn=balancer), elb.describe_tags(ResourceArns=[balancer, group, listener])]
        seen += [client("ec2").describe_network_interfaces()]
        return [{key: value for key, value in item.items() if key != "ResponseMetadata"} for item in seen]

    before = read()
    copy = aws.snapshot()
    put(elb, balancer, idle_timeout__timeout_seconds="9")
    aws.reset()
    assert elb.describe_load_balancers()["LoadBalancers"] == []
    aws.restore(copy)
    assert read() == before
    assert attributes(elb, balancer)["idle_timeout.timeout_seconds"] == "60"
    refused("ResourceInUse", elb.delete_target_group, TargetGroupArn=group)
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []
