"""Patches to CloudWatch Logs' deliveries: what a service logs (a source), to where (a destination), and the two joined."""

from __future__ import annotations

import json
from typing import Any

from moto.logs.exceptions import ConflictException, ResourceNotFoundException, ValidationException
from moto.logs.models import Delivery, DeliveryDestination, DeliverySource, LogsBackend, logs_backends
from moto.logs.responses import LogsResponse

from local_aws.patches import patch, replace, wrap
from local_aws.policy import service_may, statements

SERVICE = "delivery.logs.amazonaws.com"
PREFIX = "AWSLogs/{account-id}/CloudFront/"
LOG_TYPES = {
    "cloudfront": ("ACCESS_LOGS", "CONNECTION_LOGS"),
    "elasticloadbalancing": ("ALB_ACCESS_LOGS", "ALB_CONNECTION_LOGS", "ALB_HEALTH_CHECK_LOGS"),
}
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html (beyond the default fields)
MORE_FIELDS = {
    "DistributionId",
    "asn",
    "cache-behavior-path-pattern",
    "c-country",
    "c-ip-version",
    "cmcd-buffer-length",
    "cs-accept",
    "cs-accept-encoding",
    "cs-header-names",
    "cs-headers",
    "cs-headers-count",
    "distribution-tenant-id",
    "origin-fbl",
    "origin-lbl",
    "r-host",
    "s-ip",
    "sr-reason",
    "timestamp",
    "timestamp(ms)",
    "connection-id",
    "viewer-headers",
    "primary-distribution-id",
    "primary-distribution-dns-name",
    "origin-ip",
}


@patch
def delivery_sources() -> None:
    """AWS takes a resource that exists, CloudFront's in us-east-1, once a kind of log (ConflictException), and shows a source whose
    resource has gone as INACTIVE. moto takes anything, any number of times, and loses the tags when it is put again."""

    @wrap(LogsBackend, "put_delivery_source")
    def put_delivery_source(original: Any, self: Any, name: str, resource_arn: str, log_type: str, tags: Any) -> Any:
        service = resource_arn.split(":")[2]
        if service not in LOG_TYPES:
            return original(self, name, resource_arn, log_type, tags)
        if service == "cloudfront" and self.region_name != "us-east-1":
            raise ValidationException("This service is not supported in this region: CloudFront's logs are set up in us-east-1.")
        if log_type not in LOG_TYPES[service]:
            raise ValidationException("This service is not allowed for this LogSource.")
        if not _stands(self.account_id, resource_arn):
            raise ResourceNotFoundException(f"The specified resource does not exist: {resource_arn}")
        known = self.delivery_sources.get(name)
        if known:
            _no_tags(tags)
            if (resource_arn, log_type) != (known.resource_arns[0], known.log_type):
                raise ConflictException("Update to existing Delivery Source with new ResourceId or LogType is not allowed.")
            return known
        if any((resource_arn, log_type) == (item.resource_arns[0], item.log_type) for item in self.delivery_sources.values()):
            raise ConflictException("This ResourceId has already been used in another Delivery Source in this account.")
        made = DeliverySource(self.account_id, self.region_name, name, resource_arn, log_type, tags)
        self.delivery_sources[name] = made
        self.tag_resource(made.arn, tags or {})
        return made

    @wrap(DeliverySource, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        shown = _with_tags(original(self))
        if self.service not in LOG_TYPES or _stands(self.arn.split(":")[4], self.resource_arns[0]):
            return {**shown, "status": "ACTIVE"}
        return {**shown, "status": "INACTIVE", "statusReason": "RESOURCE_DELETED"}


@patch
def delivery_destinations() -> None:
    """AWS takes a bucket or log group that exists (ResourceNotFoundException) and keeps a destination's kind and format. moto takes
    anything, and loses tags and policy when a destination is put again."""

    @wrap(LogsBackend, "put_delivery_destination")
    def put_delivery_destination(original: Any, self: Any, **kwargs: Any) -> Any:
        arn = kwargs["delivery_destination_configuration"]["destinationResourceArn"]
        _check_destination(self.account_id, arn)
        known = self.delivery_destinations.get(kwargs["name"])
        made = original(self, **kwargs)
        if known:
            if made.delivery_destination_type != known.delivery_destination_type:
                self.delivery_destinations[known.name] = known
                raise ValidationException("Update to existing Delivery Destination with a new type is not allowed.")
            made.policy, made.output_format = known.policy, known.output_format
        return made

    @wrap(DeliveryDestination, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        return _with_tags(original(self))


@patch
def deliveries() -> None:
    """AWS refuses unknown record fields (ValidationException) and a delimiter for JSON, begins the path of CloudFront's files with
    AWSLogs/{account-id}/CloudFront/ unless the destination has a prefix, changes a delivery by UpdateDeliveryConfiguration, and
    adds the statement that lets the delivery in to a bucket's policy that lacks it. moto does none of it."""

    @wrap(LogsBackend, "create_delivery")
    def create_delivery(original: Any, self: Any, **kwargs: Any) -> Any:
        source = self.delivery_sources.get(kwargs["delivery_source_name"])
        destination = _destination(self, kwargs["delivery_destination_arn"])
        made = original(self, **{**kwargs, "record_fields": None, "s3_delivery_configuration": None})
        try:
            _configure(made, source, destination, kwargs)
        except ValidationException:
            del self.deliveries[made.id]
            self.tagger.delete_all_tags_for_resource(made.arn)
            raise
        if made.destination_type == "S3":
            _let_in(self, source, destination)
        return made

    @replace(LogsResponse, "update_delivery_configuration")
    def update_delivery_configuration(self: Any) -> str:
        backend = self.logs_backend
        found = backend.get_delivery(self._get_param("id"))
        source = backend.delivery_sources[found.delivery_source_name]
        given = {
            "record_fields": self._get_param("recordFields"),
            "field_delimiter": self._get_param("fieldDelimiter"),
            "s3_delivery_configuration": self._get_param("s3DeliveryConfiguration"),
        }
        _configure(found, source, _destination(backend, found.delivery_destination_arn), given)
        return "{}"

    @wrap(Delivery, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        return _with_tags(original(self))


@patch
def deliveries_end_before_their_ends() -> None:
    """AWS refuses to delete a source or destination of a delivery (ConflictException), and forgets the tags of what is deleted.
    moto deletes it and keeps them."""

    @wrap(LogsBackend, "delete_delivery_source")
    def delete_delivery_source(original: Any, self: Any, name: str) -> None:
        found = self.delivery_sources.get(name)
        if any(item.delivery_source_name == name for item in self.deliveries.values()):
            raise ConflictException("Cannot delete a Delivery Source that has an associated Delivery.")
        original(self, name)
        self.tagger.delete_all_tags_for_resource(found.arn)

    @wrap(LogsBackend, "delete_delivery_destination")
    def delete_delivery_destination(original: Any, self: Any, name: str) -> None:
        found = self.delivery_destinations.get(name)
        if found and any(item.delivery_destination_arn == found.arn for item in self.deliveries.values()):
            raise ConflictException("Cannot delete a Delivery Destination that has an associated Delivery.")
        original(self, name)
        self.tagger.delete_all_tags_for_resource(found.arn)

    @wrap(LogsBackend, "delete_delivery")
    def delete_delivery(original: Any, self: Any, id: str) -> None:
        found = self.deliveries.get(id)
        original(self, id)
        self.tagger.delete_all_tags_for_resource(found.arn)


@patch
def deliveries_are_listed_in_pages() -> None:
    """AWS lists sources, destinations and deliveries by 50 at most, and deliveries and sources by what they belong to. moto lists
    all, at once."""

    @replace(LogsResponse, "describe_deliveries")
    def describe_deliveries(self: Any) -> str:
        names = self._get_param("deliverySourceNames")
        every = self.logs_backend.describe_deliveries()
        return _page(self, "deliveries", [item for item in every if not names or item.delivery_source_name in names])

    @replace(LogsResponse, "describe_delivery_sources")
    def describe_delivery_sources(self: Any) -> str:
        arns = self._get_param("resourceArns")
        every = self.logs_backend.describe_delivery_sources()
        return _page(self, "deliverySources", [item for item in every if not arns or item.resource_arns[0] in arns])

    @replace(LogsResponse, "describe_delivery_destinations")
    def describe_delivery_destinations(self: Any) -> str:
        return _page(self, "deliveryDestinations", self.logs_backend.describe_delivery_destinations())


def _page(response: Any, key: str, every: list[Any]) -> str:
    start, limit = int(response._get_param("nextToken") or 0), min(int(response._get_param("limit") or 50), 50)
    answer: dict[str, Any] = {key: [item.to_dict() for item in every[start : start + limit]]}
    if start + limit < len(every):
        answer["nextToken"] = str(start + limit)
    return json.dumps(answer)


def _no_tags(tags: Any) -> None:
    if tags:
        raise ConflictException("Tags can only be provided when a resource is being created, not updated.")


def _with_tags(shown: dict[str, Any]) -> dict[str, Any]:
    _, _, _, region, account, *_ = shown["arn"].split(":")
    tags = logs_backends[account][region].tagger.get_tag_dict_for_resource(shown["arn"])
    shown = {key: value for key, value in shown.items() if key != "tags"}
    return {**shown, "tags": tags} if tags else shown


def _stands(account: str, arn: str) -> bool:
    if arn.split(":")[2] == "cloudfront":
        from moto.cloudfront.models import cloudfront_backends

        return arn in {item.arn for item in cloudfront_backends[account]["aws"].distributions.values()}
    from moto.elbv2.models import elbv2_backends

    return arn in elbv2_backends[account][arn.split(":")[3]].load_balancers


def _check_destination(account: str, arn: str) -> None:
    service, region = arn.split(":")[2], arn.split(":")[3]
    if service == "logs":
        name = arn.split(":log-group:")[-1].removesuffix(":*")
        found = name in logs_backends[account][region].groups
    elif service == "s3":
        from moto.s3.models import s3_backends

        found = _bucket(arn) in s3_backends[account]["aws"].buckets
    else:
        return
    if not found:
        raise ResourceNotFoundException(f"The specified destination does not exist: {arn}")


def _bucket(arn: str) -> str:
    return arn.split(":::")[-1].partition("/")[0]


def _destination(backend: Any, arn: str) -> Any:
    return next((item for item in backend.delivery_destinations.values() if item.arn == arn), None)


def _configure(delivery: Any, source: Any, destination: Any, given: dict[str, Any]) -> None:
    """Set what is given (None: as it is); ValidationException before anything is set."""
    fields, delimiter, path = given["record_fields"], given["field_delimiter"], given["s3_delivery_configuration"]
    unknown = sorted(set(fields or ()) - set(delivery.record_fields) - MORE_FIELDS - set(_defaults(delivery)))
    if unknown and source.service == "cloudfront":
        raise ValidationException(f"The record fields {unknown} are not valid for this log type.")
    if delimiter and destination.output_format in ("json", "parquet"):
        raise ValidationException("A field delimiter cannot be given for this output format.")
    if path is not None and delivery.destination_type != "S3":
        raise ValidationException("S3 delivery configuration cannot be given for this destination.")
    if fields:
        delivery.record_fields = fields
    if delimiter is not None:
        delivery.field_delimiter = delimiter
    if delivery.destination_type == "S3":
        kept = {"suffixPath": "", "enableHiveCompatiblePath": False, **delivery.s3_delivery_configuration, **(path or {})}
        prefixed = "/" in destination.delivery_destination_configuration["destinationResourceArn"].split(":::")[-1]
        if source.service == "cloudfront" and not prefixed and not kept["suffixPath"].startswith("AWSLogs/"):
            kept["suffixPath"] = PREFIX + kept["suffixPath"].lstrip("/")
        elif prefixed and not (path or {}).get("suffixPath") and kept["suffixPath"] == PREFIX:
            kept["suffixPath"] = ""
        delivery.s3_delivery_configuration = kept


def _defaults(delivery: Any) -> list[str]:
    _, _, _, region, account, *_ = delivery.arn.split(":")
    return list(Delivery(account, region, "", "", "CWL", None, None, None, None).record_fields)


def _let_in(backend: Any, source: Any, destination: Any) -> None:
    """Add to the bucket's policy what AWS adds itself when the policy does not let the delivery write."""
    from moto.s3.models import s3_backends

    account, target = backend.account_id, destination.delivery_destination_configuration["destinationResourceArn"]
    bucket = s3_backends[account]["aws"].buckets[_bucket(target)]
    prefixed = "/" in target.split(":::")[-1]
    where = f"{target.rstrip('/')}/*" if prefixed else f"{target}/AWSLogs/{account}/*"
    context = {
        "s3:x-amz-acl": "bucket-owner-full-control",
        "aws:sourceaccount": account,
        "aws:sourcearn": source.arn,
        "aws:securetransport": "true",
    }
    if service_may(bucket.policy, SERVICE, "s3:PutObject", where.replace("*", "file"), context):
        return
    statement = {
        "Sid": "AWSLogDeliveryWrite",
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "s3:PutObject",
        "Resource": where,
        "Condition": {
            "StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": source.arn},
        },
    }
    document = {"Version": "2012-10-17", "Statement": [*statements(bucket.policy), statement]}
    bucket.policy = json.dumps(document).encode()
