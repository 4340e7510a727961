"""The verification says nothing of a deployment that is whole, and names flow and cause of each single thing that is broken."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import requests, smoke
from support import verifying

BREAKS: list[Any] = []


@dataclasses.dataclass
class Scene:
    """A full account, and its resources by address."""

    environment: str
    resources: dict[str, dict[str, Any]]
    client: Callable[..., Any]

    def id(self, address: str) -> str:
        return self.resources[address]["id"]

    def arn(self, address: str) -> str:
        return self.resources[address]["arn"]

    def named(self, name: str) -> str:
        return f"{self.environment}-{name}"

    def role(self, name: str) -> str:
        return f"{self.environment}-us-east-1-eks-{name}"

    def queue(self, name: str) -> str:
        return self.client("sqs").get_queue_url(QueueName=self.named(name))["QueueUrl"]

    def bucket(self, purpose: str) -> str:
        return self.id(f"s3_bucket/{purpose}")


def breaks(flow: str, cause: str, environment: str = "prod"):
    """``flow``: part of the row that has to fail (``[4a] secret``); ``cause``: what its sentence has to name.

    Names of the scene's resources are filled in: ``{security_group/rds}`` is its id, ``{prod-}`` the prefix.
    """

    def enter(act):
        BREAKS.append(pytest.param(act, flow, cause, environment, id=act.__name__))
        return act

    return enter


def edited(document: Any, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> str:
    policy = json.loads(document) if isinstance(document, str) else document
    return json.dumps({**policy, "Statement": edit(policy["Statement"])})


def without(action: str):
    """Statements without an action; those that have no other, not at all."""

    def edit(statements):
        kept = []
        for statement in statements:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            rest = [item for item in actions if item != action]
            if rest:
                kept.append({**statement, "Action": rest})
        return kept

    return edit


def without_sid(sid: str):
    return lambda statements: [statement for statement in statements if statement.get("Sid") != sid]


def deny(action: str, **condition: Any):
    statement = {"Sid": "ByHand", "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*"}
    return lambda statements: [*statements, {**statement, **({"Condition": condition} if condition else {})}]


def role_policy(at: Scene, role: str, edit) -> None:
    iam, name = at.client("iam"), at.role(role)
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=edited(document, edit))


def key_policy(at: Scene, key: str, edit) -> None:
    kms, arn = at.client("kms"), at.arn(f"kms_key/{key}")
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=edited(kms.get_key_policy(KeyId=arn)["Policy"], edit))


# --- 1: web ACL


def edit_acl(at: Scene, edit) -> None:
    waf = at.client("wafv2", region_name="us-east-1")
    item = waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"][0]
    key = {"Scope": "CLOUDFRONT", "Id": item["Id"], "Name": item["Name"]}
    answer = waf.get_web_acl(**key)
    acl = answer["WebACL"]
    rules = edit(acl["Rules"])
    config = {name: acl[name] for name in ("DefaultAction", "VisibilityConfig")}
    waf.update_web_acl(**key, **config, Rules=rules, LockToken=answer["LockToken"])


@breaks("[1] the rate limit", "rule rate-limit of web ACL {deployment}-edge has the limit 9999 and not 2000")
def rate_limit_raised(at):
    def edit(rules):
        for rule in rules:
            if "RateBasedStatement" in rule["Statement"]:
                rule["Statement"]["RateBasedStatement"]["Limit"] = 9999
        return rules

    edit_acl(at, edit)


@breaks("[1] SQL injection rules", "has no rule with the managed group AWSManagedRulesSQLiRuleSet")
def sql_rules_removed(at):
    edit_acl(at, lambda rules: [rule for rule in rules if rule["Name"] != "sql-injection"])


@breaks("[1] OWASP common rules", "rule common of web ACL {deployment}-edge stops nothing: it is overridden to count")
def common_rules_only_count(at):
    edit_acl(at, lambda rules: [{**rule, "OverrideAction": {"Count": {}}} if rule["Name"] == "common" else rule for rule in rules])


@breaks("[1] the web ACL logs", "web ACL {deployment}-edge has no logging configuration")
def acl_logging_removed(at):
    at.client("wafv2", region_name="us-east-1").delete_logging_configuration(ResourceArn=at.arn("web_acl/edge"))


def edit_distribution(at: Scene, edit) -> None:
    cloudfront, identity = at.client("cloudfront"), at.id("distribution/main")
    answer = cloudfront.get_distribution_config(Id=identity)
    config = answer["DistributionConfig"]
    edit(config)
    cloudfront.update_distribution(Id=identity, IfMatch=answer["ETag"], DistributionConfig=config)


@breaks("[1] the distribution asks", "distribution {distribution/main} asks no web ACL")
def acl_taken_off_the_distribution(at):
    edit_distribution(at, lambda config: config.update(WebACLId=""))


# --- 2: CloudFront and load balancer


@breaks("[2] CloudFront reaches", "the rule is gone, or holds another value")
def origin_header_changed(at):
    def edit(config):
        config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"] = "another-value-entirely"

    edit_distribution(at, edit)


@breaks("[2] CloudFront reaches", "no rule of the HTTPS listener")
def listener_rule_deleted(at):
    at.client("elbv2").delete_rule(RuleArn=at.arn("listener_rule/from-cloudfront"))


@breaks("[2] the load balancer refuses", "the default action of the listener of load balancer {prod-}platform is forward")
def listener_forwards_everything(at):
    forward = [{"Type": "forward", "TargetGroupArn": at.arn("target_group/ingress")}]
    at.client("elbv2").modify_listener(ListenerArn=at.arn("listener/main"), DefaultActions=forward)


@breaks(
    "[2] the load balancer refuses", "security group {security_group/alb} ({prod-}alb) lets in 0.0.0.0/0, which is not CloudFront"
)
def load_balancer_open_to_all(at):
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    at.client("ec2").authorize_security_group_ingress(GroupId=at.id("security_group/alb"), IpPermissions=[rule])


@breaks(
    "[2] the internet's way",
    "no rule of security group {security_group/alb} ({prod-}alb) lets tcp 443 in from CloudFront's prefix list",
)
def cloudfront_shut_out(at):
    ec2, group = at.client("ec2"), at.id("security_group/alb")
    rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules)


@breaks(
    "[2] the internet's way",
    "route table {route_table/public} ({prod-}public) sends 0.0.0.0/0 to nowhere instead of the internet gateway",
)
def public_route_deleted(at):
    at.client("ec2").delete_route(RouteTableId=at.id("route_table/public"), DestinationCidrBlock="0.0.0.0/0")


@breaks("[2] TLS ends", "has the TLS policy ELBSecurityPolicy-2016-08 and not ELBSecurityPolicy-TLS13-1-2-2021-06")
def old_tls_allowed(at):
    at.client("elbv2").modify_listener(ListenerArn=at.arn("listener/main"), SslPolicy="ELBSecurityPolicy-2016-08")


# --- 3: pods


def revoke(at: Scene, group: str, egress: bool = False, fits=lambda rule: True) -> None:
    ec2, identity = at.client("ec2"), at.id(f"security_group/{group}")
    found = ec2.describe_security_groups(GroupIds=[identity])["SecurityGroups"][0]
    rules = [rule for rule in found["IpPermissionsEgress" if egress else "IpPermissions"] if fits(rule)]
    assert rules
    call = ec2.revoke_security_group_egress if egress else ec2.revoke_security_group_ingress
    call(GroupId=identity, IpPermissions=rules)


@breaks("[3] the load balancer reaches", "no rule of security group {security_group/alb} ({prod-}alb) lets tcp 8080 out to")
def load_balancer_egress_revoked(at):
    revoke(at, "alb", egress=True)


@breaks("[3] pods of agents/agent", "service account agents/agent has no pod identity in cluster {prod-}agent-platform")
def pod_identity_deleted(at):
    identity = at.resources["eks_pod_identity/agent"]
    at.client("eks").delete_pod_identity_association(
        clusterName=identity["cluster"], associationId=identity["id"].rsplit("/", 1)[-1]
    )


@breaks("[3] pods of agents/agent", "the trust policy of role {deployment}-eks-agent does not let pods.eks.amazonaws.com")
def trust_policy_changed(at):
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    at.client("iam").update_assume_role_policy(RoleName=at.role("agent"), PolicyDocument=document)


@breaks("[3] pods reach the API providers", "instead of a NAT gateway")
def nat_route_deleted(at):
    at.client("ec2").delete_route(RouteTableId=at.id("route_table/private-us-east-1b"), DestinationCidrBlock="0.0.0.0/0")


@breaks(
    "[3] pods reach the API providers",
    "network ACL {network_acl/private} ({prod-}private) does not let tcp 32768-60999 (replies) in from",
)
def replies_from_the_internet_denied(at):
    acl_rule(at, "private", 50, False, "0.0.0.0/0", (40000, 40010))


def acl_rule(at: Scene, acl: str, number: int, egress: bool, cidr: str, ports: tuple[int, int]) -> None:
    at.client("ec2").create_network_acl_entry(
        NetworkAclId=at.id(f"network_acl/{acl}"),
        RuleNumber=number,
        Protocol="6",
        RuleAction="deny",
        Egress=egress,
        CidrBlock=cidr,
        PortRange={"From": ports[0], "To": ports[1]},
    )


# --- 4a: secrets


@breaks("[4a] secret anthropic-api-key", "no policy of role {deployment}-eks-agent allows secretsmanager:GetSecretValue on secret")
def agent_may_not_read(at):
    role_policy(at, "agent", without("secretsmanager:GetSecretValue"))


@breaks(
    "[4a] secret openai-api-key",
    "statement ByHand of the policy of secret {prod/}openai-api-key denies secretsmanager:GetSecretValue",
)
def secret_policy_denies(at):
    client, name = at.client("secretsmanager"), f"{at.environment}/openai-api-key"
    document = client.get_resource_policy(SecretId=name)["ResourcePolicy"]
    client.put_resource_policy(SecretId=name, ResourcePolicy=edited(document, deny("secretsmanager:GetSecretValue")))


@breaks("[4a] secret slack-bot-tokens", "role {deployment}-eks-autoscaler can read secret {prod/}slack-bot-tokens too")
def another_role_reads(at):
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    at.client("iam").put_role_policy(RoleName=at.role("autoscaler"), PolicyName="all", PolicyDocument=document)


@breaks(
    "[4a] secret servicenow-oauth",
    "the policy of key alias/{prod/}secrets neither allows kms:Decrypt to role {deployment}-eks-agent",
)
def secrets_key_shut(at):
    key_policy(
        at, "secrets", lambda statements: without_sid("UseThroughServices")(without_sid("AccountDelegatesToIAM")(statements))
    )


@breaks("[4a] secret", "key alias/{prod/}secrets is Disabled")
def secrets_key_disabled(at):
    at.client("kms").disable_key(KeyId=at.arn("kms_key/secrets"))


@breaks("[4a] secret openai-api-key", "secret {prod/}openai-api-key is encrypted by arn:aws:kms:us-east-1:123456789012:key/")
def secret_under_another_key(at):
    other = at.client("kms").create_key()["KeyMetadata"]["Arn"]
    at.client("secretsmanager").update_secret(SecretId=f"{at.environment}/openai-api-key", KmsKeyId=other)


@breaks("[4a] pods reach secretsmanager", "has no private DNS")
def private_dns_off(at):
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=at.id("vpc_endpoint/secretsmanager"), PrivateDnsEnabled=False)


@breaks("[4a] pods reach kms", "no rule of security group {security_group/endpoints} ({prod-}endpoints) lets tcp 443 in from")
def endpoints_group_shut(at):
    revoke(at, "endpoints")


# --- 4b: PostgreSQL


@breaks("[4b] pods reach PostgreSQL", "no rule of security group {security_group/rds} ({prod-}rds) lets tcp 5432 in from")
def database_group_shut(at):
    revoke(at, "rds")


@breaks(
    "[4b] pods reach PostgreSQL",
    "network ACL {network_acl/database} ({prod-}database) does not let tcp 5432 in from 10.0.80.0/20: rule 50",
)
def database_acl_denies(at):
    acl_rule(at, "database", 50, False, "10.0.80.0/24", (5432, 5432))


@breaks(
    "[4b] pods reach PostgreSQL",
    "network ACL {network_acl/database} ({prod-}database) does not let tcp 32768-60999 (replies) out to",
)
def database_replies_denied(at):
    acl = at.id("network_acl/database")
    at.client("ec2").delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=True)


@breaks("[4b] pods reach PostgreSQL", "database {prod-}agentdb is publicly accessible")
def database_made_public(at):
    at.client("rds").modify_db_instance(DBInstanceIdentifier=at.named("agentdb"), PubliclyAccessible=True, ApplyImmediately=True)


@breaks("[4b] PostgreSQL takes TLS alone", "parameter rds.force_ssl of group {prod-}agentdb-postgres17 is 0")
def tls_not_forced(at):
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "0", "ApplyMethod": "immediate"}
    at.client("rds").modify_db_parameter_group(DBParameterGroupName=at.named("agentdb-postgres17"), Parameters=[parameter])


# --- 4c: DynamoDB


@breaks("[4c] table sessions: keys", "the time to live of table {prod-}sessions is DISABLED")
def time_to_live_off(at):
    specification = {"Enabled": False, "AttributeName": "expiresAt"}
    at.client("dynamodb").update_time_to_live(TableName=at.named("sessions"), TimeToLiveSpecification=specification)


@breaks("[4c] table conversations: keys", "table {prod-}conversations has no index by-created-at")
def index_deleted(at):
    update = [{"Delete": {"IndexName": "by-created-at"}}]
    at.client("dynamodb").update_table(TableName=at.named("conversations"), GlobalSecondaryIndexUpdates=update)


@breaks(
    "[4c] table conversations: its users", "no policy of role {deployment}-eks-agent allows dynamodb:Query on index by-created-at"
)
def agent_may_not_query(at):
    role_policy(at, "agent", without("dynamodb:Query"))


@breaks("[4c] pods reach dynamodb", "has no route to endpoint {vpc_endpoint/dynamodb} (dynamodb)")
def gateway_off_a_route_table(at):
    table = at.id("route_table/private-us-east-1c")
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=at.id("vpc_endpoint/dynamodb"), RemoveRouteTableIds=[table])


# --- 4d: S3


@breaks("[4d] pods reach s3", "the policy of endpoint {vpc_endpoint/s3} (s3) does not let role {deployment}-eks-agent through")
def endpoint_policy_for_others(at):
    allow = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::another-bucket/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    at.client("ec2").modify_vpc_endpoint(VpcEndpointId=at.id("vpc_endpoint/s3"), PolicyDocument=document)


@breaks("[4d] bucket user-uploads refuses", "does not refuse s3:GetObject over plain HTTP")
def plain_http_taken(at):
    bucket_policy(at, "user-uploads", without_sid("TlsOnly"))


@breaks("[4d] bucket knowledge-documents refuses", "takes objects under another key than the bucket's")
def other_keys_taken(at):
    bucket_policy(at, "knowledge-documents", without_sid("OtherKey"))


@breaks("[4d] bucket knowledge-documents: its users", "statement ByHand of the policy of bucket")
def bucket_refuses_the_agent(at):
    who = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/{at.role('agent')}"}}
    bucket_policy(at, "knowledge-documents", deny("s3:PutObject", **who))


def bucket_policy(at: Scene, purpose: str, edit) -> None:
    s3, name = at.client("s3"), at.bucket(purpose)
    s3.put_bucket_policy(Bucket=name, Policy=edited(s3.get_bucket_policy(Bucket=name)["Policy"], edit))


# --- 4e: Redis


@breaks("[4e] pods reach Redis", "no rule of security group {security_group/redis} ({prod-}redis) lets tcp 6379 in from")
def cache_group_shut(at):
    revoke(at, "redis")


def remade_cache(at: Scene, **settings: Any) -> None:
    """AWS takes neither AUTH nor TLS off a cache that has both: somebody made it anew."""
    elasticache, name = at.client("elasticache"), at.named("redis")
    node = elasticache.describe_cache_clusters(CacheClusterId=f"{name}-001")["CacheClusters"][0]
    elasticache.delete_replication_group(ReplicationGroupId=name)
    elasticache.create_replication_group(
        ReplicationGroupId=name,
        ReplicationGroupDescription="made anew",
        Engine="redis",
        EngineVersion="7.1",
        CacheNodeType="cache.r7g.large",
        NumCacheClusters=1,
        CacheSubnetGroupName=node["CacheSubnetGroupName"],
        SecurityGroupIds=[group["SecurityGroupId"] for group in node["SecurityGroups"]],
        **settings,
    )


@breaks("[4e] Redis takes TLS", "cache {prod-}redis asks for no AUTH token")
def auth_taken_off(at):
    remade_cache(at, TransitEncryptionEnabled=True)


@breaks("[4e] Redis takes TLS", "the encryption in transit of cache {prod-}redis is preferred")
def plain_redis_taken(at):
    remade_cache(at, TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")


@breaks("[4e] Redis takes TLS", "cache {prod-}redis has no encryption in transit")
def redis_without_tls(at):
    remade_cache(at, TransitEncryptionEnabled=False)


# --- 4f and async: topics and queues


@breaks(
    "[4f] pods publish to ticket-events",
    "no policy of role {deployment}-eks-agent allows sns:Publish on topic {prod-}ticket-events",
)
def agent_may_not_publish(at):
    role_policy(at, "agent", without("sns:Publish"))


@breaks(
    "[4f] pods publish to ticket-events",
    "topic {prod-}ticket-events is encrypted by no key of ours and not by key alias/{prod/}sns-sqs",
)
def topic_not_encrypted(at):
    at.client("sns").set_topic_attributes(
        TopicArn=at.arn("sns_topic/ticket-events"), AttributeName="KmsMasterKeyId", AttributeValue=""
    )


@breaks("[4f] ticket-events is delivered", "topic {prod-}ticket-events has no subscription for queue {prod-}ticket-events")
def subscription_deleted(at):
    at.client("sns").unsubscribe(SubscriptionArn=at.arn("sns_subscription/ticket-events"))


@breaks(
    "[4f] action-requests is delivered",
    "the policy of queue {prod-}action-requests does not let sns.amazonaws.com use sqs:SendMessage",
)
def queue_policy_shut(at):
    queue_attributes(at, "action-requests", Policy=edited(queue_policy(at, "action-requests"), without_sid("OwnTopicSends")))


@breaks(
    "[4f] knowledge-updates is delivered", "the policy of key alias/{prod/}sns-sqs does not let sns.amazonaws.com use kms:Decrypt"
)
def queue_key_shut_for_sns(at):
    key_policy(at, "sns-sqs", without_sid("ServicesOfThisAccount"))


@breaks("[4f] pods reach sqs", "there is no VPC endpoint for com.amazonaws.us-east-1.sqs")
def endpoint_deleted(at):
    at.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[at.id("vpc_endpoint/sqs")])


@breaks("[async] ticket-events is consumed", "no policy of role {deployment}-eks-consumers allows sqs:DeleteMessage")
def consumers_may_not_delete(at):
    role_policy(at, "consumers", without("sqs:DeleteMessage"))


@breaks("[async] notification-requests: what fails", "the redrive policy of queue {prod-}notification-requests does not name")
def redrive_policy_removed(at):
    queue_attributes(at, "notification-requests", RedrivePolicy="")


@breaks("[async] ticket-events: what fails", "there is no queue {prod-}ticket-events-dlq: apply the messaging tier")
def dead_letter_queue_deleted(at):
    at.client("sqs").delete_queue(QueueUrl=at.queue("ticket-events-dlq"))


def queue_attributes(at: Scene, name: str, **attributes: str) -> None:
    at.client("sqs").set_queue_attributes(QueueUrl=at.queue(name), Attributes=attributes)


def queue_policy(at: Scene, name: str) -> str:
    return at.client("sqs").get_queue_attributes(QueueUrl=at.queue(name), AttributeNames=["Policy"])["Attributes"]["Policy"]


# --- dev: one key, no domain


@breaks("[2] CloudFront reaches", "the origin of distribution {distribution/main} is called by https-only", environment="dev")
def dev_origin_over_tls(at):
    def edit(config):
        config["Origins"]["Items"][0]["CustomOriginConfig"]["OriginProtocolPolicy"] = "https-only"

    edit_distribution(at, edit)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_all_flows_of_a_whole_deployment_pass_without_a_write(site_of, environment):
    site = site_of(environment)
    site.aws.clear_requests()
    result = verifying.run(verifying.parameters(site.parameters))
    assert verifying.failures(result) == {} and not result.get("failed")
    assert [call.operation for call in site.aws.writes()] == []
    arrows = {row["arrow"] for row in result["flows"] if row["state"] == "ok"}
    assert arrows == {"1", "2", "3", "4a", "4b", "4c", "4d", "4e", "4f", "async"}
    assert f"Flows of {environment}-us-east-1 (observe): {result['counts']['ok']} ok, 0 failed" in result["summary"][0]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_smoke_test_asks_what_stands_and_writes_nothing(site_of, environment, monkeypatch):
    """Answered here as by a platform that is as it should be; tests/unit/verify/test_smoke.py has the others."""
    site, asked, read = site_of(environment), set(), []

    def ask(host, path, tls=True, port=None, verified=True):
        asked.add((host, port or (443 if tls else 80)))
        if not tls and port is None:
            return requests.Answer(301, f"https://{host}{path}")
        return requests.Answer(200 if verified and path == "/healthz" else 403)

    def refused(api, service, call):
        read.append(service)
        call(api.client(service))
        return True

    monkeypatch.setattr(requests, "ask", ask)
    monkeypatch.setattr(smoke, "refused_over_plain_http", refused)
    site.aws.clear_requests()
    result = verifying.run(verifying.parameters(site.parameters), mode="smoke")
    assert {row["state"] for row in result["flows"]} == {"ok"} and not result.get("failed"), result["summary"]
    assert result["summary"][0].startswith(f"Flows of {environment}-us-east-1 (smoke): {len(result['flows'])} ok, 0 failed")
    assert [call.operation for call in site.aws.writes()] == []
    domain = site.parameters["cloudfront"]["domain"]
    (balancer,) = [item["DNSName"] for item in site.client("elbv2").describe_load_balancers()["LoadBalancers"]]
    distribution = site.client("cloudfront").list_distributions()["DistributionList"]["Items"][0]
    names = distribution["Aliases"].get("Items") or [distribution["DomainName"]]
    assert bool(domain) == (names != [distribution["DomainName"]])
    expected = {(name, port) for name in names for port in (80, 443)} | {(balancer, 443 if domain else 80)}
    assert {(host, port) for host, port in asked if not host.startswith("s3.")} == expected
    stands = {"s3": len(site.parameters["s3"]["buckets"]), "sqs": len(site.parameters["messaging"]["topics"]), "dynamodb": 2}
    assert {service: read.count(service) for service in read} == stands


@pytest.mark.parametrize(("act", "flow", "cause", "environment"), BREAKS)
def test_what_is_broken_is_named(site_of, act, flow, cause, environment):
    site = site_of(environment)
    parameters = verifying.parameters(site.parameters)
    act(Scene(environment, site.resources, site.client))
    arrow = flow.partition("]")[0].removeprefix("[")
    result = verifying.run(parameters, arrows=[arrow])
    found = {name: text for name, text in verifying.failures(result).items() if name.startswith(flow)}
    assert found, verifying.failures(result)
    for address, item in site.resources.items():
        cause = cause.replace("{" + address + "}", item["id"])
    for name, value in (
        ("deployment", f"{environment}-us-east-1"),
        (f"{environment}-", f"{environment}-"),
        (f"{environment}/", f"{environment}/"),
    ):
        cause = cause.replace("{" + name + "}", value)
    assert all(cause in text for text in found.values()), (cause, found)
    assert result["failed"] and result["msg"].startswith("[")
    assert all("\n" not in text for text in found.values())


def test_there_are_enough_of_them():
    assert len(BREAKS) >= 20
