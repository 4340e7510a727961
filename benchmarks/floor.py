"""The least that Python can do for the part: one process of plain boto3 with threads, and only the calls that are needed.

    floor.py fresh     makes everything, on an empty account
    floor.py same      reads every setting of everything from the service that keeps it, and fails where something is missing
    floor.py pool N    makes N calls that cost the emulator next to nothing: what the proxy itself allows

There is no plan, no comparison, no waiting and no retry in it. AWS's tagging API would save the reads of tags, but answers late, so
that a run could not rest on it; neither does ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

THREADS = 24
SERVICES = ("sts", "kms", "ec2", "logs", "iam", "secretsmanager", "s3", "dynamodb", "sns", "sqs")
PART = Path(__file__).with_name("part.json")


class Floor:
    def __init__(self) -> None:
        self.text = PART.read_text()
        self.part = json.loads(self.text)
        session = boto3.session.Session(region_name=self.part["region"])
        config = Config(max_pool_connections=THREADS)
        self.api = {name: session.client(name, config=config) for name in SERVICES}
        self.pool = ThreadPoolExecutor(THREADS)
        self.ids: dict[str, str] = {}

    def each(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return list(self.pool.map(function, items))

    def together(self, *calls: Callable[[], Any]) -> list[Any]:
        return [future.result() for future in [self.pool.submit(call) for call in calls]]

    # --- nothing to change

    def same(self) -> None:
        part, api = self.part, self.api
        api["sts"].get_caller_identity()
        ec2, kms = api["ec2"], api["kms"]
        vpc = [{"Name": "tag:agent-platform:deployment", "Values": [part["vpc"]["tags"]["agent-platform:deployment"]]}]
        aliases, queues, subscriptions, vpcs, *_rest = self.together(
            kms.list_aliases,
            lambda: api["sqs"].list_queues(QueueNamePrefix=part["queues"][0]["name"].split("-")[0]),
            api["sns"].list_subscriptions,
            lambda: ec2.describe_vpcs(Filters=vpc),
            lambda: ec2.describe_internet_gateways(Filters=vpc),
            lambda: ec2.describe_subnets(Filters=vpc),
            lambda: ec2.describe_addresses(Filters=vpc),
            lambda: ec2.describe_nat_gateways(Filters=vpc),
            lambda: ec2.describe_route_tables(Filters=vpc),
            lambda: ec2.describe_security_groups(Filters=vpc),
            lambda: ec2.describe_network_acls(Filters=vpc),
            lambda: ec2.describe_vpc_endpoints(Filters=vpc),
            lambda: ec2.describe_flow_logs(Filters=vpc),
            lambda: ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [self._prefix_list_name()]}]),
            lambda: api["logs"].describe_log_groups(logGroupNamePrefix=part["log_group"]["name"]),
            lambda: api["logs"].list_tags_for_resource(resourceArn=self._log_group_arn()),
            lambda: api["iam"].get_role(RoleName=part["role"]["name"]),
            lambda: api["iam"].get_role_policy(RoleName=part["role"]["name"], PolicyName=part["role"]["policy_name"]),
        )
        by_alias = {alias["AliasName"]: alias["TargetKeyId"] for alias in aliases["Aliases"] if "TargetKeyId" in alias}
        keys = [by_alias[key["alias"]] for key in part["keys"]]
        topics = [self._arn("sns", topic["name"]) for topic in part["topics"]]
        calls: list[Callable[[], Any]] = [
            lambda name=name: ec2.describe_vpc_attribute(VpcId=vpcs["Vpcs"][0]["VpcId"], Attribute=name)
            for name in ("enableDnsSupport", "enableDnsHostnames")
        ]
        for read in (kms.describe_key, kms.get_key_rotation_status, kms.get_key_policy, kms.list_resource_tags):
            calls += [lambda read=read, key=key: read(KeyId=key) for key in keys]
        for read in (api["secretsmanager"].describe_secret, api["secretsmanager"].get_resource_policy):
            calls += [lambda read=read, secret=secret: read(SecretId=secret["name"]) for secret in part["secrets"]]
        for bucket in part["buckets"]:
            calls += [lambda read=read, name=bucket["name"]: read(Bucket=name) for read in self._bucket_reads(bucket)]
        dynamodb = api["dynamodb"]
        for table in part["tables"]:
            for read in (dynamodb.describe_table, dynamodb.describe_time_to_live, dynamodb.describe_continuous_backups):
                calls.append(lambda read=read, name=table["name"]: read(TableName=name))
            calls.append(
                lambda name=table["name"]: dynamodb.list_tags_of_resource(ResourceArn=self._arn("dynamodb", f"table/{name}"))
            )
        for topic in topics:
            calls.append(lambda topic=topic: api["sns"].get_topic_attributes(TopicArn=topic))
            calls.append(lambda topic=topic: api["sns"].list_tags_for_resource(ResourceArn=topic))
        for one in subscriptions["Subscriptions"]:
            calls.append(lambda one=one: api["sns"].get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"]))
        for url in queues["QueueUrls"]:
            calls.append(lambda url=url: api["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["All"]))
            calls.append(lambda url=url: api["sqs"].list_queue_tags(QueueUrl=url))
        self.together(*calls)

    def _bucket_reads(self, bucket: dict[str, Any]) -> list[Callable[..., Any]]:
        s3 = self.api["s3"]
        reads = [
            s3.get_bucket_tagging,
            s3.get_bucket_versioning,
            s3.get_public_access_block,
            s3.get_bucket_ownership_controls,
            s3.get_bucket_encryption,
            s3.get_bucket_policy,
            s3.get_bucket_lifecycle_configuration,
            s3.get_bucket_logging,
        ]
        return [*reads, s3.get_object_lock_configuration] if bucket["lock"] else reads

    # --- everything anew

    def fresh(self) -> None:
        part = self.part
        self.api["sts"].get_caller_identity()
        network = self.pool.submit(self._network_first)
        self.each(self._key, part["keys"])
        for name, arn in self.ids.items():
            if name.startswith("key/"):
                self.text = self.text.replace(f"<<{name[4:]}>>", arn)
        self.part = part = json.loads(self.text)
        self.api["logs"].create_log_group(
            logGroupName=part["log_group"]["name"], kmsKeyId=self._key_arn(part["log_group"]), tags=part["log_group"]["tags"]
        )
        network.result()
        # What waits for another of the same stage is made in one go with it, so that no thread waits for the pool.
        self.together(
            *[lambda one=one: self._bucket(one) for one in sorted(part["buckets"], key=lambda bucket: bucket["log_target"] or "")],
            *[lambda one=one: self._nat_gateway(one) for one in part["nat_gateways"]],
            *[lambda one=one: self._subnet(one) for one in part["subnets"]],
            *[lambda one=one: self._group_rules(one) for one in part["security_groups"]],
            *[lambda acl=acl, one=one: self._acl_entry(acl, one) for acl in part["network_acls"] for one in acl["entries"]],
            *[lambda one=one: self._endpoint(one) for one in part["endpoints"] if one["type"] == "Interface"],
            *[lambda one=one: self._secret(one) for one in part["secrets"]],
            *[lambda one=one: self._table(one) for one in part["tables"]],
            *[lambda one=one: self._topic(one) for one in part["topics"]],
            *[lambda one=one: self._queue(one) for one in part["queues"] if "RedrivePolicy" not in one["attributes"]],
            *self._defaults(),
            self._role,
            lambda: self.api["logs"].put_retention_policy(
                logGroupName=part["log_group"]["name"], retentionInDays=part["log_group"]["retention_days"]
            ),
        )
        ec2 = self.api["ec2"]
        self.together(
            *[lambda one=one: self._logging(one) for one in part["buckets"] if one["log_target"]],
            *[lambda one=one: self._route(one) for one in part["route_tables"] if one["gateway"] or one["nat_gateway"]],
            *[lambda one=one: self._endpoint(one) for one in part["endpoints"] if one["type"] == "Gateway"],
            *[lambda one=one: self._queue(one) for one in part["queues"] if "RedrivePolicy" in one["attributes"]],
            *[lambda one=one: self._recovery(one) for one in part["tables"]],
            lambda: ec2.create_flow_logs(
                ResourceType="VPC",
                ResourceIds=[self.ids["vpc"]],
                TrafficType=part["flow_log"]["traffic"],
                LogDestinationType="cloud-watch-logs",
                LogGroupName=part["log_group"]["name"],
                DeliverLogsPermissionArn=self._arn("iam", "role/" + part["role"]["name"], region=""),
                MaxAggregationInterval=part["flow_log"]["interval"],
                **_tagged("vpc-flow-log", part["flow_log"]),
            ),
        )
        self.each(self._subscription, part["subscriptions"])

    def _key(self, key: dict[str, Any]) -> None:
        kms = self.api["kms"]
        tags = [{"TagKey": name, "TagValue": value} for name, value in key["tags"].items()]
        made = kms.create_key(Description=key["description"], Policy=json.dumps(key["policy"]), Tags=tags)["KeyMetadata"]
        self.ids["key/" + key["name"]] = made["Arn"]
        kms.enable_key_rotation(KeyId=made["KeyId"], RotationPeriodInDays=key["rotation_days"])
        kms.create_alias(AliasName=key["alias"], TargetKeyId=made["KeyId"])

    def _network_first(self) -> None:
        """The VPC, and what the rest of the network refers to. Runs on one thread of the pool and uses the others."""
        part, ec2 = self.part, self.api["ec2"]
        vpc = ec2.create_vpc(CidrBlock=part["vpc"]["cidr"], **_tagged("vpc", part["vpc"]))["Vpc"]["VpcId"]
        self.ids["vpc"] = vpc

        def gateway() -> None:
            made = ec2.create_internet_gateway(**_tagged("internet-gateway", part["internet_gateway"]))
            self.ids["igw"] = made["InternetGateway"]["InternetGatewayId"]
            ec2.attach_internet_gateway(InternetGatewayId=self.ids["igw"], VpcId=vpc)

        def subnet(one: dict[str, Any]) -> None:
            made = ec2.create_subnet(VpcId=vpc, CidrBlock=one["cidr"], AvailabilityZone=one["zone"], **_tagged("subnet", one))
            self.ids["subnet/" + one["name"]] = made["Subnet"]["SubnetId"]

        def table(one: dict[str, Any]) -> None:
            made = ec2.create_route_table(VpcId=vpc, **_tagged("route-table", one))
            self.ids["table/" + one["name"]] = made["RouteTable"]["RouteTableId"]

        def acl(one: dict[str, Any]) -> None:
            made = ec2.create_network_acl(VpcId=vpc, **_tagged("network-acl", one))
            self.ids["acl/" + one["name"]] = made["NetworkAcl"]["NetworkAclId"]

        def group(one: dict[str, Any]) -> None:
            made = ec2.create_security_group(
                VpcId=vpc, GroupName=one["group_name"], Description=one["description"], **_tagged("security-group", one)
            )
            self.ids["group/" + one["name"]] = made["GroupId"]

        def address(one: dict[str, Any]) -> None:
            made = ec2.allocate_address(Domain="vpc", **_tagged("elastic-ip", one))
            self.ids["eip/" + one["name"]] = made["AllocationId"]

        def default(kind: str, read: Callable[..., Any], key: str, identity: str, wanted: str) -> None:
            found = read(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": wanted, "Values": [_DEFAULTS[wanted]]}])[key][0]
            self.ids[kind] = found[identity]
            if kind == "default_network_acl":
                self.default_entries = [
                    (entry["Egress"], entry["RuleNumber"]) for entry in found["Entries"] if entry["RuleNumber"] < 32767
                ]

        def prefix_list() -> None:
            found = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [self._prefix_list_name()]}])
            self.ids["prefix list"] = found["PrefixLists"][0]["PrefixListId"]

        self.together(
            gateway,
            prefix_list,
            lambda: ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True}),
            lambda: default("default_security_group", ec2.describe_security_groups, "SecurityGroups", "GroupId", "group-name"),
            lambda: default("default_network_acl", ec2.describe_network_acls, "NetworkAcls", "NetworkAclId", "default"),
            *[lambda one=one: subnet(one) for one in part["subnets"]],
            *[lambda one=one: table(one) for one in part["route_tables"]],
            *[lambda one=one: acl(one) for one in part["network_acls"]],
            *[lambda one=one: group(one) for one in part["security_groups"]],
            *[lambda one=one: address(one) for one in part["elastic_ips"]],
        )
        acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"]
        self.associations = {
            held["SubnetId"]: held["NetworkAclAssociationId"] for one in acls for held in one.get("Associations", [])
        }

    def _defaults(self) -> list[Callable[[], Any]]:
        ec2, group, acl = self.api["ec2"], self.ids["default_security_group"], self.ids["default_network_acl"]
        everything = {"IpProtocol": "-1"}
        return [
            lambda: ec2.revoke_security_group_ingress(
                GroupId=group, IpPermissions=[{**everything, "UserIdGroupPairs": [{"GroupId": group}]}]
            ),
            lambda: ec2.revoke_security_group_egress(
                GroupId=group, IpPermissions=[{**everything, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
            ),
            *[
                lambda egress=egress, number=number: ec2.delete_network_acl_entry(
                    NetworkAclId=acl, Egress=egress, RuleNumber=number
                )
                for egress, number in self.default_entries
            ],
            *[
                lambda kind=kind, tags=tags: ec2.create_tags(Resources=[self.ids[kind]], Tags=_list(tags))
                for kind, tags in self.part["defaults"].items()
            ],
        ]

    def _subnet(self, subnet: dict[str, Any]) -> None:
        ec2, identity = self.api["ec2"], self.ids["subnet/" + subnet["name"]]
        ec2.associate_route_table(SubnetId=identity, RouteTableId=self.ids["table/" + subnet["route_table"]])
        ec2.replace_network_acl_association(
            AssociationId=self.associations[identity], NetworkAclId=self.ids["acl/" + subnet["network_acl"]]
        )

    def _nat_gateway(self, nat: dict[str, Any]) -> None:
        made = self.api["ec2"].create_nat_gateway(
            SubnetId=self.ids["subnet/" + nat["subnet"]],
            AllocationId=self.ids["eip/" + nat["elastic_ip"]],
            **_tagged("natgateway", nat),
        )
        self.ids["nat/" + nat["name"]] = made["NatGateway"]["NatGatewayId"]

    def _route(self, table: dict[str, Any]) -> None:
        way = {"GatewayId": self.ids["igw"]} if table["gateway"] else {"NatGatewayId": self.ids["nat/" + table["nat_gateway"]]}
        self.api["ec2"].create_route(RouteTableId=self.ids["table/" + table["name"]], DestinationCidrBlock="0.0.0.0/0", **way)

    def _acl_entry(self, acl: dict[str, Any], entry: dict[str, Any]) -> None:
        more: dict[str, Any] = {}
        if entry["ports"]:
            more["PortRange"] = dict(zip(("From", "To"), entry["ports"], strict=True))
        if entry["icmp"]:
            more["IcmpTypeCode"] = dict(zip(("Type", "Code"), entry["icmp"], strict=True))
        self.api["ec2"].create_network_acl_entry(
            NetworkAclId=self.ids["acl/" + acl["name"]],
            Egress=entry["egress"],
            RuleNumber=entry["number"],
            Protocol=entry["protocol"],
            RuleAction=entry["action"],
            CidrBlock=entry["cidr"],
            **more,
        )

    def _group_rules(self, group: dict[str, Any]) -> None:
        ec2, identity = self.api["ec2"], self.ids["group/" + group["name"]]
        open_out = [rule for rule in group["egress"] if rule.get("cidr")]
        if group["ingress"]:
            ec2.authorize_security_group_ingress(GroupId=identity, IpPermissions=[self._rule(rule) for rule in group["ingress"]])
        if open_out:
            # A new group lets everything out; here it is only told why.
            ec2.update_security_group_rule_descriptions_egress(
                GroupId=identity, IpPermissions=[self._rule(rule) for rule in open_out]
            )
            return
        ec2.revoke_security_group_egress(
            GroupId=identity, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        )
        if group["egress"]:
            ec2.authorize_security_group_egress(GroupId=identity, IpPermissions=[self._rule(rule) for rule in group["egress"]])

    def _rule(self, rule: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"IpProtocol": rule["protocol"]}
        if rule["from"] is not None:
            found.update(FromPort=rule["from"], ToPort=rule["to"])
        why = {"Description": rule["description"]}
        if rule.get("group"):
            return {**found, "UserIdGroupPairs": [{"GroupId": self.ids["group/" + rule["group"]], **why}]}
        if rule.get("prefix_list"):
            return {**found, "PrefixListIds": [{"PrefixListId": self.ids["prefix list"], **why}]}
        return {**found, "IpRanges": [{"CidrIp": rule["cidr"], **why}]}

    def _endpoint(self, endpoint: dict[str, Any]) -> None:
        more: dict[str, Any] = {"RouteTableIds": [self.ids["table/" + one] for one in endpoint["route_tables"]]}
        if endpoint["type"] == "Interface":
            more = {
                "SubnetIds": [self.ids["subnet/" + one] for one in endpoint["subnets"]],
                "SecurityGroupIds": [self.ids["group/" + one] for one in endpoint["security_groups"]],
                "PrivateDnsEnabled": True,
            }
        self.api["ec2"].create_vpc_endpoint(
            VpcId=self.ids["vpc"],
            ServiceName=endpoint["service"],
            VpcEndpointType=endpoint["type"],
            PolicyDocument=json.dumps(endpoint["policy"]),
            **_tagged("vpc-endpoint", endpoint),
            **more,
        )

    def _role(self) -> None:
        role, iam = self.part["role"], self.api["iam"]
        iam.create_role(
            RoleName=role["name"],
            AssumeRolePolicyDocument=json.dumps(role["trust"]),
            Description=role["description"],
            Tags=_list(role["tags"]),
        )
        iam.put_role_policy(RoleName=role["name"], PolicyName=role["policy_name"], PolicyDocument=json.dumps(role["policy"]))

    def _secret(self, secret: dict[str, Any]) -> None:
        api = self.api["secretsmanager"]
        made = api.create_secret(
            Name=secret["name"], Description=secret["description"], KmsKeyId=self._key_arn(secret), Tags=_list(secret["tags"])
        )
        api.put_resource_policy(SecretId=made["ARN"], ResourcePolicy=json.dumps(secret["policy"]), BlockPublicPolicy=True)

    def _bucket(self, bucket: dict[str, Any]) -> None:
        s3, name = self.api["s3"], bucket["name"]
        s3.create_bucket(
            Bucket=name,
            CreateBucketConfiguration={"Tags": _list(bucket["tags"])},
            ObjectLockEnabledForBucket=bool(bucket["lock"]),
            ObjectOwnership="BucketOwnerEnforced",
        )
        encryption: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        if bucket["key"]:
            encryption = {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._key_arn(bucket)},
                "BucketKeyEnabled": True,
            }
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [encryption]})
        if bucket["lock"]:
            s3.put_object_lock_configuration(
                Bucket=name,
                ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": bucket["lock"]}},
            )
        else:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(bucket["policy"]))
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": bucket["lifecycle"]})

    def _logging(self, bucket: dict[str, Any]) -> None:
        target = {"TargetBucket": bucket["log_target"], "TargetPrefix": bucket["log_prefix"]}
        self.api["s3"].put_bucket_logging(Bucket=bucket["name"], BucketLoggingStatus={"LoggingEnabled": target})

    def _table(self, table: dict[str, Any]) -> None:
        self.api["dynamodb"].create_table(
            TableName=table["name"],
            AttributeDefinitions=[{"AttributeName": one, "AttributeType": kind} for one, kind in table["attributes"].items()],
            KeySchema=_schema(table["keys"]),
            GlobalSecondaryIndexes=[
                {"IndexName": one["name"], "KeySchema": _schema(one["keys"]), "Projection": {"ProjectionType": "ALL"}}
                for one in table["indexes"]
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": table["stream"]},
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": self._key_arn(table)},
            DeletionProtectionEnabled=True,
            Tags=_list(table["tags"]),
        )

    def _recovery(self, table: dict[str, Any]) -> None:
        dynamodb, name = self.api["dynamodb"], table["name"]
        # AWS takes neither before the table is there.
        while dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            pass
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": table["ttl"]})
        dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": True,
                "RecoveryPeriodInDays": table["recovery_days"],
            },
        )

    def _topic(self, topic: dict[str, Any]) -> None:
        attributes = {
            "KmsMasterKeyId": self._key_arn(topic),
            "TracingConfig": topic["tracing"],
            "Policy": json.dumps(topic["policy"]),
        }
        attributes["SignatureVersion"] = topic["signature_version"]
        self.api["sns"].create_topic(Name=topic["name"], Attributes=attributes, Tags=_list(topic["tags"]))

    def _queue(self, queue: dict[str, Any]) -> None:
        attributes = {name: value if isinstance(value, str) else json.dumps(value) for name, value in queue["attributes"].items()}
        attributes["KmsMasterKeyId"] = self._key_arn(queue)
        self.api["sqs"].create_queue(QueueName=queue["name"], Attributes=attributes, tags=queue["tags"])

    def _subscription(self, subscription: dict[str, Any]) -> None:
        attributes = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in subscription["attributes"].items()
        }
        self.api["sns"].subscribe(
            TopicArn=subscription["topic"], Protocol="sqs", Endpoint=subscription["queue"], Attributes=attributes
        )

    def _key_arn(self, thing: dict[str, Any]) -> str:
        return self.ids["key/" + thing["key"]]

    def _prefix_list_name(self) -> str:
        rules = [rule for group in self.part["security_groups"] for rule in group["ingress"]]
        return next(rule["prefix_list"] for rule in rules if "prefix_list" in rule)

    def _log_group_arn(self) -> str:
        return self._arn("logs", "log-group:" + self.part["log_group"]["name"])

    def _arn(self, service: str, resource: str, region: str | None = None) -> str:
        return f"arn:aws:{service}:{self.part['region'] if region is None else region}:{self.part['account']}:{resource}"

    def pool_of(self, calls: int) -> None:
        self.each(lambda _number: self.api["sts"].get_caller_identity(), range(calls))


# How what a VPC comes with is found.
_DEFAULTS = {"group-name": "default", "default": "true"}


def _list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def _tagged(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": _list(thing["tags"])}]}


def _schema(keys: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


def main() -> int:
    floor = Floor()
    if sys.argv[1] == "pool":
        floor.pool_of(int(sys.argv[2]))
    else:
        getattr(floor, sys.argv[1])()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
