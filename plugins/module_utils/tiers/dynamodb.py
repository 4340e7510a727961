# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dynamodb tier: the tables of the agents' conversations and sessions, with their indexes, encrypted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..reconcile.errors import InvalidInput
from ..reconcile.reference import Ref
from ..reconcile.resource import Resource
from ..resources import autoscaling
from ..resources.dynamodb import INDEXES, NO_STREAM, NO_TTL, ON_DEMAND, PROVISIONED, Table
from ..tier_module import Place
from . import kms

NAME = re.compile(r"^[A-Za-z0-9_.-]+$")
NAME_LENGTH = (3, 255)
TYPES = ("S", "N", "B")
WITHOUT_STREAM = "none"
PROJECTED = 20  # attributes an index may name
PROJECTED_BY_TABLE = 100

INDEX_SPEC = {
    "name": {"type": "str", "required": True},
    "hash_key": {"type": "str", "required": True, "no_log": False},
    "range_key": {"type": "str", "no_log": False},
    "projection": {"type": "str", "choices": ["ALL", "KEYS_ONLY", "INCLUDE"]},
    "projected_attributes": {"type": "list", "elements": "str"},
}
# What applies to every table unless the table says otherwise.
COMMON_SPEC = {
    "billing_mode": {"type": "str", "choices": [ON_DEMAND, PROVISIONED], "default": ON_DEMAND},
    "min_read_capacity": {"type": "int", "default": 5},
    "max_read_capacity": {"type": "int", "default": 100},
    "min_write_capacity": {"type": "int", "default": 5},
    "max_write_capacity": {"type": "int", "default": 100},
    "stream": {
        "type": "str",
        "choices": ["NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY", WITHOUT_STREAM],
        "default": "NEW_AND_OLD_IMAGES",
    },
    "table_class": {"type": "str", "choices": ["STANDARD", "STANDARD_INFREQUENT_ACCESS"], "default": "STANDARD"},
}
TABLE_SPEC = {
    "name": {"type": "str", "required": True},
    "attributes": {"type": "dict", "required": True},
    "hash_key": {"type": "str", "required": True, "no_log": False},
    "range_key": {"type": "str", "no_log": False},
    "indexes": {"type": "list", "elements": "dict", "options": INDEX_SPEC},
    "ttl_attribute": {"type": "str"},
    **{name: {key: value for key, value in option.items() if key != "default"} for name, option in COMMON_SPEC.items()},
}
SPEC = {
    "tables": {"type": "list", "elements": "dict", "required": True, "options": TABLE_SPEC},
    "key": {"type": "str", "required": True, "no_log": False},
    **COMMON_SPEC,
    "target_utilization_percent": {"type": "int", "default": 70},
    "scale_in_cooldown_seconds": {"type": "int", "default": 900},
    "scale_out_cooldown_seconds": {"type": "int", "default": 0},
    "point_in_time_recovery": {"type": "bool", "default": True},
    "recovery_days": {"type": "int", "default": 35},
    "deletion_protection": {"type": "bool", "default": True},
    "destroy_data": {"type": "bool", "default": False},
}
RANGES = {
    "min_read_capacity": (1, 40000, "units"),
    "max_read_capacity": (1, 40000, "units"),
    "min_write_capacity": (1, 40000, "units"),
    "max_write_capacity": (1, 40000, "units"),
    "target_utilization_percent": (20, 90, "percent"),
    "scale_in_cooldown_seconds": (0, 86400, "seconds"),
    "scale_out_cooldown_seconds": (0, 86400, "seconds"),
    "recovery_days": (1, 35, "days"),
}


def check(params: Mapping[str, Any], region: str) -> None:
    if not kms.KEY_NAME.match(params["key"]):
        raise InvalidInput(
            f"platform_kms_key_for: the key {params['key']!r} of dynamodb cannot be part of an alias: lower-case letters, "
            "digits, _ and -"
        )
    for name in RANGES:
        _check_range(f"dynamodb_{name}: {params[name]}", name, params[name])
    taken: set[str] = set()
    for table in params["tables"]:
        name = table["name"]
        prefix = f"{params['environment']}-"
        _check_name(f"dynamodb_tables: the name {name!r}", name, prefix)
        if name in taken:
            raise InvalidInput(f"dynamodb_tables: {name!r} is there twice: use each name once")
        taken.add(name)
        _check_attributes(table)
        _check_indexes(table)
        _check_ttl(table)
        for option in RANGES:
            if table.get(option) is not None:
                _check_range(f"dynamodb_tables: {option} {table[option]} of {name}", option, table[option])
        _check_capacity(params, table)


def _check_range(what: str, name: str, value: int) -> None:
    low, high, unit = RANGES[name]
    if not low <= value <= high:
        raise InvalidInput(f"{what} is outside {low} to {high} {unit}")


def _check_name(what: str, name: str, prefix: str = "") -> None:
    low, high = NAME_LENGTH
    if not NAME.match(name) or not low <= len(prefix + name) <= high:
        whole = f" with {prefix} before it" if prefix else ""
        raise InvalidInput(f"{what} is none that AWS accepts: {low} to {high} letters, digits and _ . -{whole}")


def _check_attributes(table: Mapping[str, Any]) -> None:
    name, types = table["name"], table["attributes"]
    for attribute, kind in types.items():
        if kind not in TYPES:
            raise InvalidInput(
                f"dynamodb_tables: the type {kind!r} of attribute {attribute!r} of {name} is none that a key can have: one of "
                f"{', '.join(TYPES)}"
            )
        if not 1 <= len(attribute.encode()) <= 255:
            raise InvalidInput(f"dynamodb_tables: attribute {attribute!r} of {name} is outside 1 to 255 bytes")
    used = set()
    for what, attribute in _key_attributes(table):
        if attribute not in types:
            raise InvalidInput(
                f"dynamodb_tables: {what} {attribute!r} of {name} has no type: name it among its attributes, which are "
                f"{', '.join(sorted(types)) or 'none'}"
            )
        used.add(attribute)
    unused = sorted(set(types) - used)
    if unused:
        raise InvalidInput(
            f"dynamodb_tables: attribute {unused[0]!r} of {name} is part of no key: AWS takes the attributes of keys only, so "
            "leave it out (items may have it all the same)"
        )
    _check_pair(f"of {name}", table)


def _key_attributes(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it is, and the attribute, of each part of the table's key and its indexes' keys."""
    for part in ("hash_key", "range_key"):
        if table.get(part) is not None:
            yield part, table[part]
    for index in table.get("indexes") or ():
        for part in ("hash_key", "range_key"):
            if index.get(part) is not None:
                yield f"the {part} of index {index['name']}", index[part]


def _check_pair(of: str, key: Mapping[str, Any]) -> None:
    if key.get("range_key") == key["hash_key"]:
        raise InvalidInput(
            f"dynamodb_tables: hash_key and range_key {of} are both {key['hash_key']!r}: use two different attributes"
        )


def _check_indexes(table: Mapping[str, Any]) -> None:
    name, indexes = table["name"], table.get("indexes") or []
    if len(indexes) > INDEXES:
        raise InvalidInput(f"dynamodb_tables: {name} has {len(indexes)} indexes: DynamoDB takes at most {INDEXES} a table")
    taken: set[str] = set()
    projected = 0
    for index in indexes:
        _check_name(f"dynamodb_tables: the name {index['name']!r} of an index of {name}", index["name"])
        if index["name"] in taken:
            raise InvalidInput(f"dynamodb_tables: {name} has two indexes {index['name']!r}: use each name once")
        taken.add(index["name"])
        of = f"of index {index['name']} of {name}"
        _check_pair(of, index)
        attributes, included = index.get("projected_attributes") or [], index.get("projection") == "INCLUDE"
        if bool(attributes) != included:
            raise InvalidInput(
                f"dynamodb_tables: projected_attributes {attributes!r} {of}: name 1 to {PROJECTED} where projection is INCLUDE, "
                "and none elsewhere"
            )
        if len(set(attributes)) != len(attributes) or len(attributes) > PROJECTED:
            raise InvalidInput(
                f"dynamodb_tables: projected_attributes {of} are {len(attributes)}: name 1 to {PROJECTED}, each once"
            )
        projected += len(attributes)
    if projected > PROJECTED_BY_TABLE:
        raise InvalidInput(
            f"dynamodb_tables: the indexes of {name} name {projected} projected_attributes: DynamoDB takes at most "
            f"{PROJECTED_BY_TABLE} a table"
        )


def _check_ttl(table: Mapping[str, Any]) -> None:
    attribute = table.get("ttl_attribute")
    if attribute is None:
        return
    if not 1 <= len(attribute.encode()) <= 255:
        raise InvalidInput(f"dynamodb_tables: ttl_attribute {attribute!r} of {table['name']} is outside 1 to 255 bytes")
    if attribute in (table["hash_key"], table.get("range_key")):
        raise InvalidInput(
            f"dynamodb_tables: ttl_attribute {attribute!r} of {table['name']} is part of its key: use an attribute of its own"
        )
    if table["attributes"].get(attribute, "N") != "N":
        raise InvalidInput(
            f"dynamodb_tables: ttl_attribute {attribute!r} of {table['name']} is of type {table['attributes'][attribute]} in a key "
            "of an index: a time to live is seconds since 1970, so N"
        )


def _check_capacity(params: Mapping[str, Any], table: Mapping[str, Any]) -> None:
    for direction in ("read", "write"):
        low, high = (_of(params, table, f"{end}_{direction}_capacity") for end in ("min", "max"))
        if low > high:
            raise InvalidInput(
                f"dynamodb_min_{direction}_capacity: {low} for {table['name']} is more than "
                f"dynamodb_max_{direction}_capacity ({high}): use 1 to {high} units"
            )


def _of(params: Mapping[str, Any], table: Mapping[str, Any], name: str) -> Any:
    """The table's own value, or the common one."""
    own = table.get(name)
    return params[name] if own is None else own


def declare(params: Mapping[str, Any], place: Place) -> list[Resource]:
    tables = [_table(params, table, place) for table in params["tables"]]
    return [kms.looked_up(place, params["key"]), *tables] if tables else []


def _table(params: Mapping[str, Any], table: Mapping[str, Any], place: Place) -> Resource:
    indexes = {
        index["name"]: {
            **_key(table, index),
            "projection": index.get("projection") or "ALL",
            "attributes": sorted(index.get("projected_attributes") or ()),
        }
        for index in table.get("indexes") or ()
    }
    stream = _of(params, table, "stream")
    provisioned = _of(params, table, "billing_mode") == PROVISIONED
    low = {direction: _of(params, table, f"min_{direction}_capacity") for direction in ("read", "write")}
    return Resource(
        Table(),
        table["name"],
        {
            "name": f"{place.environment}-{table['name']}",
            "key": _key(table, table),
            "indexes": sorted(indexes),
            "index_definitions": indexes,
            "billing_mode": _of(params, table, "billing_mode"),
            "capacity": low if provisioned else None,
            "scaling": _scaling(params, table, indexes) if provisioned else {},
            "table_class": _of(params, table, "table_class"),
            "kms_key": Ref(f"kms_key/{params['key']}", "arn"),
            "stream": NO_STREAM if stream == WITHOUT_STREAM else stream,
            "deletion_protection": params["deletion_protection"],
            "ttl_attribute": table.get("ttl_attribute") or NO_TTL,
            "recovery_days": params["recovery_days"] if params["point_in_time_recovery"] else 0,
        },
        options={"destroy_data": params["destroy_data"]},
    )


def _key(table: Mapping[str, Any], key: Mapping[str, Any]) -> dict[str, Any]:
    """The key of the table or of one of its indexes, with the types of its attributes."""

    def part(name: str) -> dict[str, str] | None:
        attribute = key.get(name)
        return None if attribute is None else {"name": attribute, "type": table["attributes"][attribute]}

    return {"hash": part("hash_key"), "range": part("range_key")}


def _scaling(params: Mapping[str, Any], table: Mapping[str, Any], indexes: Mapping[str, Any]) -> dict[str, Any]:
    """The table and each index within the same bounds: a write to the table is one to its indexes too."""
    return {
        key: {
            "min": _of(params, table, f"min_{direction}_capacity"),
            "max": _of(params, table, f"max_{direction}_capacity"),
            "utilization_percent": params["target_utilization_percent"],
            "scale_in_cooldown_seconds": params["scale_in_cooldown_seconds"],
            "scale_out_cooldown_seconds": params["scale_out_cooldown_seconds"],
        }
        for index in (None, *sorted(indexes))
        for key, direction in zip(autoscaling.dimensions(index), ("read", "write"), strict=True)
    }
