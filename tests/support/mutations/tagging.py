"""Tags, of every kind that has any: foreign ones, ours edited, ours gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .scene import PREFIX, REFUSED, Act, Scene, Touch, as_list, changed, missing, mutation

# What the API calls a list of tags, and what takes them: kind -> (set, remove), each of (scene, resource, tags or keys).
Write = Callable[[Scene, Mapping[str, Any], dict[str, str]], Any]
Remove = Callable[[Scene, Mapping[str, Any], list[str]], Any]


def by_arn(
    service: str, tag: str, untag: str, arn: str, tags: str, keys: str, *shape: str, of: str = "arn"
) -> tuple[Write, Remove]:
    """``arn``, ``tags`` and ``keys``: the parameters of the operations ``tag`` and ``untag``. Without ``shape`` tags are a map."""

    def write(at: Scene, item: Mapping[str, Any], values: dict[str, str]) -> None:
        getattr(at.client(service), tag)(**{arn: item[of], tags: as_list(values, *shape) if shape else values})

    def remove(at: Scene, item: Mapping[str, Any], names: list[str]) -> None:
        getattr(at.client(service), untag)(**{arn: item[of], keys: names})

    return write, remove


PLAIN = ("Key", "Value")
EC2: tuple[Write, Remove] = (
    lambda at, item, tags: at.client("ec2").create_tags(Resources=[item["id"]], Tags=as_list(tags)),
    lambda at, item, keys: at.client("ec2").delete_tags(Resources=[item["id"]], Tags=[{"Key": key} for key in keys]),
)
NAMED = ("add_tags_to_resource", "remove_tags_from_resource", "ResourceName", "Tags", "TagKeys", *PLAIN)
UPPER = ("tag_resource", "untag_resource", "ResourceArn", "Tags", "TagKeys", *PLAIN)
SECRET = by_arn("secretsmanager", "tag_resource", "untag_resource", "SecretId", "Tags", "TagKeys", *PLAIN)
ELB: tuple[Write, Remove] = (
    lambda at, item, tags: at.client("elbv2").add_tags(ResourceArns=[item["arn"]], Tags=as_list(tags)),
    lambda at, item, keys: at.client("elbv2").remove_tags(ResourceArns=[item["arn"]], TagKeys=keys),
)
EKS = by_arn("eks", "tag_resource", "untag_resource", "resourceArn", "tags", "tagKeys")
LOGS = by_arn("logs", "tag_resource", "untag_resource", "resourceArn", "tags", "tagKeys")


def _bucket(at: Scene, item: Mapping[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in at.client("s3").get_bucket_tagging(Bucket=item["id"])["TagSet"]}


def _put_bucket(at: Scene, item: Mapping[str, Any], tags: dict[str, str]) -> None:
    at.client("s3").put_bucket_tagging(Bucket=item["id"], Tagging={"TagSet": as_list(tags)})


TAGGERS: dict[str, tuple[Write, Remove]] = {
    "kms_key": by_arn("kms", "tag_resource", "untag_resource", "KeyId", "Tags", "TagKeys", "TagKey", "TagValue", of="id"),
    "web_acl": by_arn("wafv2", "tag_resource", "untag_resource", "ResourceARN", "Tags", "TagKeys", *PLAIN),
    "log_group": LOGS,
    "edge_log_group": LOGS,
    **dict.fromkeys(
        (
            *("vpc", "subnet", "internet_gateway", "elastic_ip", "nat_gateway", "route_table", "security_group", "network_acl"),
            *("vpc_endpoint", "flow_log", "launch_template"),
        ),
        EC2,
    ),
    "iam_role": by_arn("iam", "tag_role", "untag_role", "RoleName", "Tags", "TagKeys", *PLAIN, of="name"),
    "iam_oidc_provider": by_arn(
        *("iam", "tag_open_id_connect_provider", "untag_open_id_connect_provider"),
        *("OpenIDConnectProviderArn", "Tags", "TagKeys", *PLAIN),
    ),
    **dict.fromkeys(("eks_cluster", "eks_nodegroup", "eks_addon", "eks_access_entry", "eks_pod_identity"), EKS),
    **dict.fromkeys(("secret", "generated_secret", "origin_secret"), SECRET),
    **dict.fromkeys(("db_instance", "db_parameter_group", "db_subnet_group"), by_arn("rds", *NAMED)),
    **dict.fromkeys(("replication_group", "cache_parameter_group", "cache_subnet_group"), by_arn("elasticache", *NAMED)),
    "s3_bucket": (
        lambda at, item, tags: _put_bucket(at, item, {**_bucket(at, item), **tags}),
        lambda at, item, keys: _put_bucket(at, item, {k: v for k, v in _bucket(at, item).items() if k not in keys}),
    ),
    "dynamodb_table": by_arn("dynamodb", *UPPER),
    "sns_topic": by_arn("sns", *UPPER),
    "sqs_queue": by_arn("sqs", "tag_queue", "untag_queue", "QueueUrl", "Tags", "TagKeys", of="url"),
    **dict.fromkeys(("load_balancer", "listener", "listener_rule", "target_group"), ELB),
    "certificate": (
        lambda at, item, tags: at.client("acm").add_tags_to_certificate(CertificateArn=item["arn"], Tags=as_list(tags)),
        lambda at, item, keys: at.client("acm").remove_tags_from_certificate(
            CertificateArn=item["arn"], Tags=[{"Key": key} for key in keys]
        ),
    ),
    "distribution": (
        lambda at, item, tags: at.client("cloudfront").tag_resource(Resource=item["arn"], Tags={"Items": as_list(tags)}),
        lambda at, item, keys: at.client("cloudfront").untag_resource(Resource=item["arn"], TagKeys={"Items": keys}),
    ),
    "hosted_zone": (
        lambda at, item, tags: at.client("route53").change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=item["id"], AddTags=as_list(tags)
        ),
        lambda at, item, keys: at.client("route53").change_tags_for_resource(
            ResourceType="hostedzone", ResourceId=item["id"], RemoveTagKeys=keys
        ),
    ),
    **dict.fromkeys(("delivery", "delivery_source", "delivery_destination"), LOGS),
}
# What is known by a name that AWS lets no other have: under another owner's tags it is somebody else's.
NAMED_KINDS = (
    *("kms_key", "web_acl", "log_group", "iam_role", "secret", "generated_secret", "origin_secret", "db_instance", "eks_cluster"),
    *("db_parameter_group", "db_subnet_group", "replication_group", "cache_parameter_group", "cache_subnet_group", "s3_bucket"),
    *("edge_log_group", "eks_pod_identity", "listener", "listener_rule", "delivery", "delivery_source", "delivery_destination"),
    *("dynamodb_table", "sns_topic", "sqs_queue", "load_balancer", "target_group", "eks_nodegroup", "eks_addon", "distribution"),
)
# What EC2 gives ids of its own: known by what nothing else can have, where its tags say nothing or something else.
KNOWN_BY_PLACE = (
    *("vpc", "subnet", "internet_gateway", "elastic_ip", "nat_gateway", "route_table", "security_group", "network_acl"),
    *("vpc_endpoint", "flow_log", "launch_template", "iam_oidc_provider", "eks_access_entry"),
)
NOT_IN_THE_NETWORK = {"launch_template": "eks", "iam_oidc_provider": "eks", "eks_access_entry": "eks"}


def tagged(at: Scene, *kinds: str) -> tuple[str, Mapping[str, Any], Write, Remove]:
    kind = at.one([one for one in kinds or sorted(TAGGERS) if at.all(one)])
    address, item = at.pick(kind)
    return address, item, *TAGGERS[kind]


@mutation("any")
def foreign_tag_added(at: Scene) -> Touch:
    address, item, write, _remove = tagged(at)
    write(at, item, {"by-hand": at.word()})
    return changed(address, "a foreign tag")


@mutation("any")
def our_environment_tag_changed(at: Scene) -> Touch:
    address, item, write, _remove = tagged(at)
    write(at, item, {PREFIX + "environment": "other"})
    return changed(address, "another environment in its tags")


@mutation("any")
def our_environment_tag_removed(at: Scene) -> Touch:
    address, item, _write, remove = tagged(at)
    remove(at, item, [PREFIX + "environment"])
    return changed(address, "its environment tag removed")


@mutation("any")
def taken_by_another_deployment(at: Scene) -> Touch:
    address, item, write, _remove = tagged(at, *NAMED_KINDS, *KNOWN_BY_PLACE)
    write(at, item, {PREFIX + "deployment": "other-us-east-1"})
    return Touch(f"{address}: tagged as another deployment's", {address: REFUSED})


@mutation("any")
def deployment_tag_removed_from_a_name(at: Scene) -> Touch:
    address, item, _write, remove = tagged(at, *NAMED_KINDS)
    remove(at, item, [PREFIX + "deployment"])
    return Touch(f"{address}: not tagged as ours any more", {address: REFUSED})


@mutation("cloudfront", only="prod", ripples=True)
def certificate_not_tagged_as_ours(at: Scene) -> Touch:
    """Another can stand beside it."""
    address, item, _write, remove = tagged(at, "certificate")
    remove(at, item, [PREFIX + "deployment"])
    return missing(address, "not tagged as ours any more")


@mutation("any")
def address_tag_changed(at: Scene) -> Touch:
    """It stands in its place all the same."""
    address, item, write, _remove = tagged(at, *KNOWN_BY_PLACE)
    write(at, item, {PREFIX + "address": f"{address.split('/')[0]}/by-hand"})
    return changed(address, "another address in its tags")


@mutation("any")
def address_tag_changed_of_a_name(at: Scene) -> Touch:
    address, item, write, _remove = tagged(at, *(kind for kind in NAMED_KINDS if kind != "kms_key"))
    write(at, item, {PREFIX + "address": f"{address.split('/')[0]}/by-hand"})
    return changed(address, "another address in its tags")


def _stripped(kind: str) -> Act:
    def act(at: Scene) -> Touch:
        address, item, _write, remove = tagged(at, kind)
        remove(at, item, [PREFIX + name for name in ("deployment", "environment", "tier", "address")])
        return Touch(f"{address}: our ownership tags taken off", {address: REFUSED})

    act.__name__ = f"ownership_tags_taken_off_{kind}"
    return act


for each in KNOWN_BY_PLACE:
    mutation(NOT_IN_THE_NETWORK.get(each, "vpc"))(_stripped(each))
