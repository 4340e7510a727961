"""Patches to the Resource Groups Tagging API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from moto.core.resource_tagging import TaggedResource
from moto.resourcegroupstaggingapi.exceptions import ResourceGroupsTaggingAPIError
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from local_aws.patches import patch, replace, wrap

# Kinds of EC2 that moto leaves out: name in an ARN, how to list them.
LEFT_OUT = {
    "elastic-ip": lambda ec2: [address.allocation_id for address in ec2.addresses],
    "launch-template": lambda ec2: list(ec2.launch_templates),
    "network-acl": lambda ec2: list(ec2.network_acls),
    "vpc-endpoint": lambda ec2: list(ec2.vpc_end_points),
    "vpc-flow-log": lambda ec2: list(ec2.flow_logs),
    "security-group-rule": lambda ec2: [
        rule.id
        for groups in ec2.groups.values()
        for group in groups.values()
        for rule in (*group.ingress_rules, *group.egress_rules)
    ],
}
RENAMED = {"logs:loggroup": "logs:log-group", "ec2:flow-logs": None}


@patch
def what_is_found() -> None:
    """AWS finds buckets in their own region only, what CloudFront has in us-east-1, calls log groups `logs:log-group`, and finds
    Elastic IPs, network ACLs, VPC endpoints, flow logs (`vpc-flow-log`), rules of groups, launch templates, hosted zones (in
    us-east-1), and what is in EKS. moto finds buckets and distributions everywhere and none of the others."""

    @wrap(ResourceGroupsTaggingAPIBackend, "_get_resources_generator")
    def resources(
        original: Any, self: Any, tag_filters: Any = None, resource_type_filters: Any = None, resource_arn_list: Any = None
    ) -> Iterator[TaggedResource]:
        every = [*original(self, tag_filters, None, resource_arn_list), *_left_out(self, tag_filters), *_of_eks(self, tag_filters)]
        for resource in every:
            kind = RENAMED.get(resource.resource_type, resource.resource_type)
            wanted = not resource_type_filters or {kind, (kind or "").split(":")[0]} & set(resource_type_filters)
            listed = not resource_arn_list or resource.arn in resource_arn_list
            if kind and wanted and listed and _is_here(self, kind, resource.arn):
                yield resource


def _is_here(backend: Any, kind: str, arn: str) -> bool:
    if kind == "s3:bucket":
        return bool(_bucket_region(backend, arn) == backend.region_name)
    return not kind.startswith("cloudfront:") or backend.region_name == "us-east-1"


def _zones(backend: Any, matches: Any) -> Iterator[TaggedResource]:
    route53 = sys.modules.get("moto.route53.models")
    if route53 and backend.region_name == "us-east-1":
        known = route53.route53_backends[backend.account_id]["aws"]
        for identifier in known.zones:
            tags = dict(known.resource_tags.get(identifier, {}))
            if tags and matches(tags):
                yield TaggedResource(
                    arn=f"arn:aws:route53:::hostedzone/{identifier}", tags=tags, resource_type="route53:hostedzone"
                )


def _left_out(backend: Any, tag_filters: Any) -> Iterator[TaggedResource]:
    from moto.core.resource_tagging import make_tag_matcher
    from moto.ec2.models import ec2_backends

    yield from _zones(backend, make_tag_matcher(tag_filters))
    accounts = ec2_backends.get(backend.account_id) or {}
    if backend.region_name not in accounts.keys():  # noqa: SIM118 - `in` alone asks for known regions
        return
    ec2, matches = accounts[backend.region_name], make_tag_matcher(tag_filters)
    for kind, identifiers in LEFT_OUT.items():
        for identifier in identifiers(ec2):
            tags = dict(ec2.tags.get(identifier, {}))
            if tags and matches(tags):
                arn = f"arn:aws:ec2:{backend.region_name}:{backend.account_id}:{kind}/{identifier}"
                yield TaggedResource(arn=arn, tags=tags, resource_type=f"ec2:{kind}")


def _of_eks(backend: Any, tag_filters: Any) -> Iterator[TaggedResource]:
    if "moto.eks.models" not in sys.modules:
        return
    from moto.core.resource_tagging import make_tag_matcher
    from moto.eks.models import eks_backends

    from local_aws.patches.eks_common import tagged

    accounts = eks_backends.get(backend.account_id) or {}
    if backend.region_name not in accounts.keys():  # noqa: SIM118 - `in` alone asks for known regions
        return
    matches = make_tag_matcher(tag_filters)
    for arn, shown in tagged(accounts[backend.region_name]).items():
        if shown["tags"] and matches(shown["tags"]):
            kind = arn.split(":")[5].split("/")[0]
            yield TaggedResource(arn=arn, tags=shown["tags"], resource_type=f"eks:{kind}")


def _bucket_region(backend: Any, arn: str) -> str:
    from moto.s3.models import s3_backends

    return s3_backends[backend.account_id]["aws"].get_bucket(arn.rsplit(":", 1)[-1]).region_name


@patch
def pages() -> None:
    """Not about AWS: moto keeps an unfinished list as a generator, which no snapshot can carry. Here a page's token is a
    position."""

    @replace(ResourceGroupsTaggingAPIBackend, "get_resources")
    def get_resources(
        self: Any,
        pagination_token: str | None = None,
        resources_per_page: int = 50,
        tags_per_page: int = 100,
        tag_filters: Any = None,
        resource_type_filters: Any = None,
        resource_arn_list: Any = None,
    ) -> tuple[str | None, list[TaggedResource]]:
        if pagination_token and not pagination_token.isdigit():
            raise ResourceGroupsTaggingAPIError("PaginationTokenExpiredException", "Token does not exist")
        found = list(self._get_resources_generator(tag_filters, resource_type_filters, resource_arn_list))
        start = int(pagination_token or 0)
        end = start + int(resources_per_page or 50)
        return (str(end) if end < len(found) else None), found[start:end]
