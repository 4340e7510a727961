"""EC2: filters by several tag keys, and the keys of snapshots."""

from __future__ import annotations

import fnmatch
from typing import Any

from moto.ec2 import utils
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.instances import InstanceBackend

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


@patch
def interfaces_end_with_their_instance() -> None:
    """AWS: the first interface of an instance is deleted with it. moto leaves it in its subnet."""

    @wrap(InstanceBackend, "terminate_instances")
    def terminate_instances(original: Any, self: Any, instance_ids: list[str]) -> Any:
        answer = original(self, instance_ids)
        for instance_id in instance_ids:
            for eni_id, eni in list(self.enis.items()):
                if eni.instance is not None and eni.instance.id == instance_id and eni.device_index in (0, "0", None):
                    del self.enis[eni_id]
        return answer
