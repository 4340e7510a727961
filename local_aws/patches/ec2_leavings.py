"""EC2: filters by several tag keys, and the keys of snapshots."""

from __future__ import annotations

import fnmatch
from typing import Any

from moto.ec2 import utils
from moto.ec2.models.elastic_block_store import EBSBackend

from local_aws.patches import patch, wrap


@patch
def several_values_of_a_filter_are_alternatives() -> None:
    """AWS: a filter with several values finds what has any of them, for tag-key too. moto, where a resource has several values
    itself: only what has all of them, or no others."""

    @wrap(utils, "is_filter_matching")
    def is_filter_matching(original: Any, obj: Any, name: str, values: Any) -> bool:
        if name in ("tag-key", "tag-value") and isinstance(values, list):
            standing = obj.get_filter_value(name) or ()
            return any(fnmatch.fnmatchcase(value, pattern) for value in standing for pattern in values)
        return original(obj, name, values)


@patch
def snapshots_show_their_key() -> None:
    """AWS: a snapshot of an encrypted volume is encrypted with the volume's key and names it. moto names none."""

    @wrap(EBSBackend, "create_snapshot")
    def create_snapshot(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        snapshot = original(self, *args, **kwargs)
        snapshot.kms_key_id = snapshot.volume.kms_key_id
        return snapshot
