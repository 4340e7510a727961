"""The part of the platform that is measured, as one list that stock modules, Terraform and plain boto3 work from: ``part.json``.

It is written from what our own tiers ask of an empty account, so that all make the same things with the same settings:

    python -m benchmarks.part [--check]
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "benchmarks/part.json"
# Tiers of the part, in the order of the site. The rest of the site has no stock modules that could express it.
TIERS = ("kms", "vpc", "secrets", "s3", "dynamodb", "messaging")
ADDRESS = "agent-platform:address"
POLICIES = ("Policy", "PolicyDocument", "ResourcePolicy", "RedrivePolicy", "RedriveAllowPolicy", "AssumeRolePolicyDocument")


def read() -> dict[str, Any]:
    """The list as it is kept."""
    return json.loads(FILE.read_text())


def tags(params: dict[str, Any]) -> dict[str, str]:
    """The tags of a creation, whichever way its service spells them."""
    found = params.get("Tags") or params.get("tags") or params.get("CreateBucketConfiguration", {}).get("Tags")
    if params.get("TagSpecifications"):
        found = params["TagSpecifications"][0]["Tags"]
    if isinstance(found, dict):
        return found
    return {tag.get("Key") or tag["TagKey"]: tag.get("Value") or tag["TagValue"] for tag in found or []}


def name_of(params: dict[str, Any]) -> str:
    """The name after the kind in our address, which is a thing's name in the list."""
    return tags(params)[ADDRESS].split("/", 1)[1]


class Recorded:
    """The writes of a fresh run, by operation, each with its parameters (policies opened) and its answer."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.names: dict[str, str] = {}

    def of(self, operation: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        found = [(_open(params), answer) for name, params, answer in self.calls if name == operation]
        # Ids, which are made up anew each time, must not order anything.
        return sorted(found, key=lambda call: tags(call[0]).get(ADDRESS) or json.dumps(call[0], sort_keys=True, default=str))

    def one(self, operation: str, **wanted: Any) -> dict[str, Any] | None:
        """The parameters of the only call with these, None when there was none."""
        found = [
            params for params, _answer in self.of(operation) if all(params.get(name) == value for name, value in wanted.items())
        ]
        assert len(found) <= 1, f"{operation} {wanted}: {len(found)} calls"
        return found[0] if found else None

    def called(self, identity: str | None) -> str | None:
        """The name of what has this id or ARN."""
        return self.names[identity] if identity else None


def record() -> tuple[Recorded, dict[str, list[str]]]:
    """Run our tiers on an empty account in this process; answers what they wrote and what stands then."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / ".collections")]
    from support import census, site, tiers

    from local_aws.in_process import InProcessAws

    parameters = site.parameters("prod")
    recorded = Recorded()
    with InProcessAws(), _listening(recorded):
        for name in TIERS:
            tiers.run(tiers.load(name), parameters[name])
        standing = census.census()
    for operation, thing, identity in (
        ("CreateSubnet", "Subnet", "SubnetId"),
        ("CreateRouteTable", "RouteTable", "RouteTableId"),
        ("AllocateAddress", "", "AllocationId"),
        ("CreateNatGateway", "NatGateway", "NatGatewayId"),
        ("CreateNetworkAcl", "NetworkAcl", "NetworkAclId"),
        ("CreateSecurityGroup", "", "GroupId"),
        ("CreateInternetGateway", "InternetGateway", "InternetGatewayId"),
        ("CreateKey", "KeyMetadata", "Arn"),
        ("CreateKey", "KeyMetadata", "KeyId"),
        ("CreateSecret", "", "ARN"),
    ):
        for params, answer in recorded.of(operation):
            recorded.names[(answer[thing] if thing else answer)[identity]] = name_of(params)
    return recorded, standing


@contextmanager
def _listening(recorded: Recorded) -> Iterator[None]:
    from botocore.client import BaseClient

    call = BaseClient._make_api_call

    def listening(self: Any, operation: str, params: dict[str, Any]) -> Any:
        answer = call(self, operation, params)
        recorded.calls.append((operation, params, answer))
        return answer

    BaseClient._make_api_call = listening
    try:
        yield
    finally:
        BaseClient._make_api_call = call


def _open(value: Any) -> Any:
    """``value`` with policies as documents."""
    if isinstance(value, dict):
        opened = {name: json.loads(one) if name in POLICIES and isinstance(one, str) else one for name, one in value.items()}
        return {name: _open(one) for name, one in opened.items()}
    return [_open(one) for one in value] if isinstance(value, list) else value


def listed(recorded: Recorded) -> dict[str, Any]:
    """The list, from what was recorded."""
    return {"account": "123456789012", "region": "us-east-1", **_network(recorded), **_keys(recorded), **_stores(recorded)}


def _network(recorded: Recorded) -> dict[str, Any]:
    of, called = recorded.of, recorded.called
    tables = {params["SubnetId"]: called(params["RouteTableId"]) for params, _answer in of("AssociateRouteTable")}
    routes = {called(params["RouteTableId"]): params for params, _answer in of("CreateRoute")}
    entries = [params for params, _answer in of("CreateNetworkAclEntry")]
    vpc, gateway, group = of("CreateVpc")[0][0], of("CreateInternetGateway")[0][0], of("CreateLogGroup")[0][0]
    role, flow_log = of("CreateRole")[0][0], of("CreateFlowLogs")[0][0]
    written = of("PutRolePolicy")[0][0]
    return {
        "vpc": {"cidr": vpc["CidrBlock"], "tags": tags(vpc)},
        "internet_gateway": {"tags": tags(gateway)},
        "subnets": [
            {
                "name": name_of(params),
                "cidr": params["CidrBlock"],
                "zone": params["AvailabilityZone"],
                "route_table": tables[answer["Subnet"]["SubnetId"]],
                "network_acl": name_of(params).split("-")[0],
                "tags": tags(params),
            }
            for params, answer in of("CreateSubnet")
        ],
        "elastic_ips": [{"name": name_of(params), "tags": tags(params)} for params, _answer in of("AllocateAddress")],
        "nat_gateways": [
            {
                "name": name_of(params),
                "subnet": called(params["SubnetId"]),
                "elastic_ip": called(params["AllocationId"]),
                "tags": tags(params),
            }
            for params, _answer in of("CreateNatGateway")
        ],
        "route_tables": [
            {
                "name": name_of(params),
                "gateway": called(routes.get(name_of(params), {}).get("GatewayId")),
                "nat_gateway": called(routes.get(name_of(params), {}).get("NatGatewayId")),
                "tags": tags(params),
            }
            for params, _answer in of("CreateRouteTable")
        ],
        "network_acls": [
            {
                "name": name_of(params),
                "tags": tags(params),
                "entries": [
                    {
                        "number": entry["RuleNumber"],
                        "egress": entry["Egress"],
                        "protocol": entry["Protocol"],
                        "action": entry["RuleAction"],
                        "cidr": entry["CidrBlock"],
                        "ports": list(entry["PortRange"].values()) if "PortRange" in entry else None,
                        "icmp": list(entry["IcmpTypeCode"].values()) if "IcmpTypeCode" in entry else None,
                    }
                    for entry in sorted(entries, key=lambda one: (one["Egress"], one["RuleNumber"]))
                    if entry["NetworkAclId"] == answer["NetworkAcl"]["NetworkAclId"]
                ],
            }
            for params, answer in of("CreateNetworkAcl")
        ],
        "security_groups": [
            {
                "name": name_of(params),
                "group_name": params["GroupName"],
                "description": params["Description"],
                "tags": tags(params),
                "ingress": _rules(recorded, recorded.one("AuthorizeSecurityGroupIngress", GroupId=answer["GroupId"])),
                "egress": _rules(recorded, recorded.one("AuthorizeSecurityGroupEgress", GroupId=answer["GroupId"]))
                + _rules(recorded, recorded.one("UpdateSecurityGroupRuleDescriptionsEgress", GroupId=answer["GroupId"])),
            }
            for params, answer in of("CreateSecurityGroup")
        ],
        # What a VPC comes with is emptied and tagged.
        "defaults": {address.split("/")[0]: found for address, found in _defaults(recorded).items()},
        "endpoints": [
            {
                "name": name_of(params),
                "service": params["ServiceName"],
                "type": params["VpcEndpointType"],
                "policy": params["PolicyDocument"],
                "subnets": sorted(called(one) for one in params.get("SubnetIds", [])),
                "security_groups": [called(one) for one in params.get("SecurityGroupIds", [])],
                "route_tables": sorted(called(one) for one in params.get("RouteTableIds", [])),
                "tags": tags(params),
            }
            for params, _answer in of("CreateVpcEndpoint")
        ],
        "log_group": {
            "name": group["logGroupName"],
            "key": called(group["kmsKeyId"]),
            "retention_days": recorded.of("PutRetentionPolicy")[0][0]["retentionInDays"],
            "tags": group["tags"],
        },
        "role": {
            "name": role["RoleName"],
            "description": role["Description"],
            "trust": role["AssumeRolePolicyDocument"],
            "policy_name": written["PolicyName"],
            "policy": written["PolicyDocument"],
            "tags": tags(role),
        },
        "flow_log": {
            "traffic": flow_log["TrafficType"],
            "interval": flow_log["MaxAggregationInterval"],
            "tags": tags(flow_log),
        },
    }


def _defaults(recorded: Recorded) -> dict[str, dict[str, str]]:
    return {tags(params)[ADDRESS]: tags(params) for params, _answer in recorded.of("CreateTags")}


def _rules(recorded: Recorded, call: dict[str, Any] | None) -> list[dict[str, Any]]:
    found = []
    for permission in (call or {}).get("IpPermissions", []):
        base = {"protocol": permission["IpProtocol"], "from": permission.get("FromPort"), "to": permission.get("ToPort")}
        for peer in permission.get("UserIdGroupPairs", []):
            found.append({**base, "group": recorded.called(peer["GroupId"]), "description": peer["Description"]})
        for peer in permission.get("PrefixListIds", []):
            name = "com.amazonaws.global.cloudfront.origin-facing"
            found.append({**base, "prefix_list": name, "description": peer["Description"]})
        for peer in permission.get("IpRanges", []):
            found.append({**base, "cidr": peer["CidrIp"], "description": peer["Description"]})
    return found


def _keys(recorded: Recorded) -> dict[str, Any]:
    return {
        "keys": [
            {
                "name": name_of(params),
                "alias": recorded.one("CreateAlias", TargetKeyId=answer["KeyMetadata"]["KeyId"])["AliasName"],
                "description": params["Description"],
                "policy": params["Policy"],
                "rotation_days": recorded.one("EnableKeyRotation", KeyId=answer["KeyMetadata"]["KeyId"])["RotationPeriodInDays"],
                "tags": tags(params),
            }
            for params, answer in recorded.of("CreateKey")
        ],
        "secrets": [
            {
                "name": params["Name"],
                "description": params["Description"],
                "key": recorded.called(params["KmsKeyId"]),
                "policy": recorded.one("PutResourcePolicy", SecretId=answer["ARN"])["ResourcePolicy"],
                "tags": tags(params),
            }
            for params, answer in recorded.of("CreateSecret")
        ],
    }


def _stores(recorded: Recorded) -> dict[str, Any]:
    of, called = recorded.of, recorded.called
    return {
        "buckets": [_bucket(recorded, params) for params, _answer in of("CreateBucket")],
        "tables": [
            {
                "name": params["TableName"],
                "attributes": {one["AttributeName"]: one["AttributeType"] for one in params["AttributeDefinitions"]},
                "keys": [one["AttributeName"] for one in params["KeySchema"]],
                "indexes": [
                    {"name": index["IndexName"], "keys": [one["AttributeName"] for one in index["KeySchema"]]}
                    for index in params["GlobalSecondaryIndexes"]
                ],
                "stream": params["StreamSpecification"]["StreamViewType"],
                "key": called(params["SSESpecification"]["KMSMasterKeyId"]),
                "ttl": recorded.one("UpdateTimeToLive", TableName=params["TableName"])["TimeToLiveSpecification"]["AttributeName"],
                "recovery_days": recorded.one("UpdateContinuousBackups", TableName=params["TableName"])[
                    "PointInTimeRecoverySpecification"
                ]["RecoveryPeriodInDays"],
                "tags": tags(params),
            }
            for params, _answer in of("CreateTable")
        ],
        "topics": [
            {
                "name": params["Name"],
                "key": called(params["Attributes"]["KmsMasterKeyId"]),
                "tracing": params["Attributes"]["TracingConfig"],
                "policy": params["Attributes"]["Policy"],
                "signature_version": recorded.one("SetTopicAttributes", TopicArn=answer["TopicArn"])["AttributeValue"],
                "tags": tags(params),
            }
            for params, answer in of("CreateTopic")
        ],
        "queues": [
            {
                "name": params["QueueName"],
                "key": called(params["Attributes"]["KmsMasterKeyId"]),
                "attributes": {name: value for name, value in params["Attributes"].items() if name != "KmsMasterKeyId"},
                "tags": tags(params),
            }
            for params, _answer in of("CreateQueue")
        ],
        "subscriptions": [
            {"topic": params["TopicArn"], "queue": params["Endpoint"], "attributes": params["Attributes"]}
            for params, _answer in of("Subscribe")
        ],
    }


def _bucket(recorded: Recorded, params: dict[str, Any]) -> dict[str, Any]:
    name = params["Bucket"]
    encryption = recorded.one("PutBucketEncryption", Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    logging = recorded.one("PutBucketLogging", Bucket=name)["BucketLoggingStatus"].get("LoggingEnabled")
    lock = recorded.one("PutObjectLockConfiguration", Bucket=name)
    key = encryption["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
    return {
        "name": name,
        "key": recorded.called(key),
        "policy": recorded.one("PutBucketPolicy", Bucket=name)["Policy"],
        "lifecycle": recorded.one("PutBucketLifecycleConfiguration", Bucket=name)["LifecycleConfiguration"]["Rules"],
        "log_target": logging["TargetBucket"] if logging else None,
        "log_prefix": logging["TargetPrefix"] if logging else None,
        "lock": lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] if lock else None,
        "tags": tags(params),
    }


def generated(recorded: Recorded) -> str:
    """What ``part.json`` has to be."""
    # A line for each thing.
    lines = []
    for what, found in listed(recorded).items():
        value = ",\n  ".join(json.dumps(one) for one in found) if isinstance(found, list) else json.dumps(found)
        lines.append(f'"{what}": ' + (f"[\n  {value}\n ]" if isinstance(found, list) else value))
    text = "{\n " + ",\n ".join(lines) + "\n}\n"
    for identity, name in recorded.names.items():
        # In policies: a key's ARN is only known once it is made.
        text = text.replace(identity, f"<<{name}>>")
    return text


def main() -> int:
    os.chdir(ROOT)
    text = generated(record()[0])
    if "--check" in sys.argv[1:]:
        if text != FILE.read_text():
            print("benchmarks/part.json is not what our tiers make; run python -m benchmarks.part", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
