"""Patches to ElastiCache's groups of subnets and parameters, tags and events."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult, EmptyResult, PaginatedResult
from moto.core.utils import utcnow
from moto.elasticache.exceptions import (
    CacheSubnetGroupAlreadyExists,
    CacheSubnetGroupNotFound,
    ElastiCacheException,
    ReplicationGroupNotFound,
)
from moto.elasticache.models import CacheSubnetGroup, ElastiCacheBackend
from moto.elasticache.responses import ElastiCacheResponse

from local_aws.patches import patch, replace, wrap
from local_aws.transitions import settled

KIND = "replication_group"
FAMILIES = ("redis5.0", "redis6.x", "redis7", "valkey7", "valkey8", "valkey9")
NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$")
# Parameter -> AWS's default, of those that people change.
PARAMETERS = {
    "activedefrag": "no",
    "databases": "16",
    "lfu-decay-time": "1",
    "maxmemory-policy": "volatile-lru",
    "maxmemory-samples": "3",
    "notify-keyspace-events": "",
    "reserved-memory-percent": "25",
    "slowlog-log-slower-than": "10000",
    "slowlog-max-len": "128",
    "tcp-keepalive": "300",
    "timeout": "0",
}
POLICIES = tuple(
    f"{which}-{how}"
    for which in ("volatile", "allkeys")
    for how in ("lru", "lfu", "random", "ttl")
    if (which, how) != ("allkeys", "ttl")
)
CHANGES_A_CALL = 20


def error(code: str, message: str) -> ElastiCacheException:
    return ElastiCacheException(code, message)


@patch
def backend_holds_more() -> None:
    """AWS has parameter groups and tells events. moto has neither, nor knows the ARN of a parameter group."""

    @wrap(ElastiCacheBackend, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.parameter_groups: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []


def tell(backend: Any, source: str, message: str, since: float) -> None:
    """An event of a replication group that is seen once its transition is through."""
    backend.events.append({"SourceIdentifier": source, "Message": message, "Date": utcnow(), "since": since})


@patch
def events() -> None:
    """AWS tells what happened to a replication group, why its creation failed among it, for 14 days. moto has no DescribeEvents."""

    @replace(ElastiCacheResponse, "describe_events")
    def describe_events(self: Any) -> Any:
        source = self._get_param("SourceIdentifier")
        found = [
            {"SourceType": KIND.replace("_", "-"), **{key: event[key] for key in ("SourceIdentifier", "Message", "Date")}}
            for event in self.elasticache_backend.events
            if source in (None, event["SourceIdentifier"]) and settled(KIND, event["since"])
        ]
        return PaginatedResult({"Events": found})


@patch
def subnet_groups_change() -> None:
    """AWS changes the description and the subnets of a subnet group, deletes one that no cluster uses (else
    CacheSubnetGroupInUse), lower-cases its name, shows the subnets' zones and refuses subnets that do not exist (InvalidSubnet).
    moto has no ModifyCacheSubnetGroup and no DeleteCacheSubnetGroup, shows no zone, and takes any subnet."""

    @wrap(CacheSubnetGroup, "__init__")
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        for subnet in self.subnets:
            subnet["subnet_availability_zone"] = {"Name": subnet["subnet_availability_zone"]}

    @wrap(ElastiCacheBackend, "create_cache_subnet_group")
    def create(original: Any, self: Any, cache_subnet_group_name: str, **kwargs: Any) -> Any:
        name = cache_subnet_group_name.lower()
        if name in self.cache_subnet_groups:
            raise CacheSubnetGroupAlreadyExists(name)
        check_subnets(self, kwargs["subnet_ids"])
        return original(self, cache_subnet_group_name=name, **kwargs)

    def check_subnets(backend: Any, ids: list[str]) -> None:
        from moto.ec2.models import ec2_backends

        ec2 = ec2_backends[backend.account_id][backend.region_name]
        standing = {subnet.id for subnet in ec2.describe_subnets()}
        for subnet in ids:
            if subnet not in standing:
                raise error("InvalidSubnet", f"The subnet ID '{subnet}' does not exist")

    def find(self: Any) -> Any:
        name = self._get_param("CacheSubnetGroupName").lower()
        if name not in self.elasticache_backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        return self.elasticache_backend.cache_subnet_groups[name]

    @replace(ElastiCacheResponse, "modify_cache_subnet_group")
    def modify(self: Any) -> Any:
        group, backend = find(self), self.elasticache_backend
        subnets = self._get_param("SubnetIds") or group.subnet_ids
        check_subnets(backend, subnets)
        made = CacheSubnetGroup(
            backend.account_id,
            backend.region_name,
            group.cache_subnet_group_name,
            self._get_param("CacheSubnetGroupDescription") or group.cache_subnet_group_description,
            subnets,
            [],
        )
        backend.cache_subnet_groups[group.cache_subnet_group_name] = made
        return ActionResult({"CacheSubnetGroup": made})

    @replace(ElastiCacheResponse, "delete_cache_subnet_group")
    def delete(self: Any) -> Any:
        group, backend = find(self), self.elasticache_backend
        backend.sweep()
        for user in backend.replication_groups.values():
            if user.cache_subnet_group_name == group.cache_subnet_group_name:
                raise error("CacheSubnetGroupInUse", f"Cache subnet group {group.cache_subnet_group_name} is currently in use.")
        del backend.cache_subnet_groups[group.cache_subnet_group_name]
        forget_tags(backend, group.arn)
        return EmptyResult()


def forget_tags(backend: Any, arn: str) -> None:
    if backend.tagging_service.has_tags(arn):
        backend.tagging_service.delete_all_tags_for_resource(arn)


@patch
def parameter_groups() -> None:
    """AWS has cache parameter groups: of a family, with values for those parameters that were set, at most 20 a call, with the
    source user only where a value is not the default, deleted only when no cluster uses them. moto has none."""

    def find(self: Any) -> dict[str, Any]:
        name = self._get_param("CacheParameterGroupName").lower()
        groups = self.elasticache_backend.parameter_groups
        if name not in groups:
            raise error("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")
        return groups[name]

    def shown(group: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in group.items() if key != "values"}

    @replace(ElastiCacheResponse, "create_cache_parameter_group")
    def create(self: Any) -> Any:
        backend = self.elasticache_backend
        name, family = self._get_param("CacheParameterGroupName").lower(), self._get_param("CacheParameterGroupFamily")
        if not NAME.match(name) or len(name) > 255:
            raise error("InvalidParameterValue", f"The parameter CacheParameterGroupName {name} is not a valid identifier.")
        if name in backend.parameter_groups:
            raise error("CacheParameterGroupAlreadyExists", f"Cache parameter group {name} already exists.")
        if family not in FAMILIES:
            raise error("InvalidParameterValue", f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
        group = {
            "CacheParameterGroupName": name,
            "CacheParameterGroupFamily": family,
            "Description": self._get_param("Description"),
            "IsGlobal": False,
            "ARN": f"arn:aws:elasticache:{backend.region_name}:{backend.account_id}:parametergroup:{name}",
            "values": {},
        }
        backend.parameter_groups[name] = group
        if self._get_param("Tags"):
            backend.tagging_service.tag_resource(group["ARN"], self._get_param("Tags"))
        return ActionResult({"CacheParameterGroup": shown(group)})

    @replace(ElastiCacheResponse, "describe_cache_parameter_groups")
    def describe(self: Any) -> Any:
        one = self._get_param("CacheParameterGroupName")
        groups = [find(self)] if one else list(self.elasticache_backend.parameter_groups.values())
        return PaginatedResult({"CacheParameterGroups": [shown(group) for group in groups]})

    @replace(ElastiCacheResponse, "describe_cache_parameters")
    def describe_parameters(self: Any) -> Any:
        values = find(self)["values"]
        found = [
            {
                "ParameterName": name,
                "ParameterValue": values.get(name, default),
                "Source": "user" if values.get(name, default) != default else "system",
                "IsModifiable": True,
            }
            for name, default in PARAMETERS.items()
        ]
        source = self._get_param("Source")
        return PaginatedResult({"Parameters": [item for item in found if source in (None, item["Source"])]})

    def check(items: list[dict[str, Any]]) -> None:
        if not 1 <= len(items) <= CHANGES_A_CALL:
            raise error("InvalidParameterValue", f"At least one and at most {CHANGES_A_CALL} parameters can be changed a call.")
        for item in items:
            if item["ParameterName"] not in PARAMETERS:
                raise error("InvalidParameterValue", f"Parameter {item['ParameterName']} doesn't exist.")
            if item["ParameterName"] == "maxmemory-policy" and item.get("ParameterValue") not in (*POLICIES, "noeviction", None):
                raise error("InvalidParameterValue", f"The parameter maxmemory-policy cannot be {item['ParameterValue']}.")

    @replace(ElastiCacheResponse, "modify_cache_parameter_group")
    def modify(self: Any) -> Any:
        group, items = find(self), self._get_param("ParameterNameValues", [])
        check(items)
        group["values"].update({item["ParameterName"]: item["ParameterValue"] for item in items})
        return ActionResult({"CacheParameterGroupName": group["CacheParameterGroupName"]})

    @replace(ElastiCacheResponse, "reset_cache_parameter_group")
    def reset(self: Any) -> Any:
        group, items = find(self), self._get_param("ParameterNameValues", [])
        if self._get_bool_param("ResetAllParameters"):
            group["values"].clear()
        else:
            check(items)
        for item in items:
            group["values"].pop(item["ParameterName"], None)
        return ActionResult({"CacheParameterGroupName": group["CacheParameterGroupName"]})

    @replace(ElastiCacheResponse, "delete_cache_parameter_group")
    def delete(self: Any) -> Any:
        group, backend = find(self), self.elasticache_backend
        backend.sweep()
        name = group["CacheParameterGroupName"]
        if any(user.cache_parameter_group_name == name for user in backend.replication_groups.values()):
            raise error("InvalidCacheParameterGroupState", f"One or more cache clusters are still members of {name}.")
        del backend.parameter_groups[name]
        forget_tags(backend, group["ARN"])
        return EmptyResult()


@patch
def tags_need_what_they_are_on() -> None:
    """AWS lists and sets tags of what exists, parameter groups among it (else a NotFound), and of a replication group only when
    it is not being made or deleted (InvalidReplicationGroupState). moto takes any ARN but a parameter group's."""

    def check(backend: Any, arn: str) -> None:
        kind, _colon, name = arn.split(":", 5)[5].partition(":")
        backend.sweep()
        if kind == "replicationgroup":
            group = backend.replication_groups.get(name)
            if group is None:
                raise ReplicationGroupNotFound(name)
            if group.phase in ("creating", "deleting") and group.status != "available":
                raise error("InvalidReplicationGroupState", "Cluster not in available state for tag based operations")
        if kind == "subnetgroup" and name not in backend.cache_subnet_groups:
            raise CacheSubnetGroupNotFound(name)
        if kind == "parametergroup" and name not in backend.parameter_groups:
            raise error("CacheParameterGroupNotFound", f"CacheParameterGroup {name} not found.")

    @wrap(ElastiCacheBackend, "list_tags_for_resource")
    def list_tags(original: Any, self: Any, arn: str) -> Any:
        check(self, arn)
        return self.tagging_service.list_tags_for_resource(arn) if ":parametergroup:" in arn else original(self, arn)

    @wrap(ElastiCacheBackend, "add_tags_to_resource")
    def add_tags(original: Any, self: Any, arn: str, tags: Any) -> None:
        check(self, arn)
        original(self, arn, tags)

    @wrap(ElastiCacheBackend, "remove_tags_from_resource")
    def remove_tags(original: Any, self: Any, arn: str, tags: Any) -> None:
        check(self, arn)
        original(self, arn, tags)

    @wrap(ElastiCacheBackend, "iter_tagged_resources")
    def iterate(original: Any, self: Any) -> Any:
        self.sweep()
        return original(self)
