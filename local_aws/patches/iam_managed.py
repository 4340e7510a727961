"""Patches to IAM: the policies that AWS keeps."""

from __future__ import annotations

import functools
import json
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

from local_aws.patches import patch, wrap

OPERATIONS = ("attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy")


@patch
def policies_of_aws() -> None:
    """AWS keeps policies of its own (arn:aws:iam::aws:policy/...), which can be read and attached. moto has them only when told
    to read all of its thousand at the start; here each is there when it is first asked for."""
    for operation in OPERATIONS:
        _know(operation)


def _know(operation: str) -> None:
    @wrap(IAMBackend, operation)
    def known(original: Any, self: Any, policy_arn: str, *args: Any, **kwargs: Any) -> Any:
        prefix, _, name = policy_arn.rpartition("/")
        if ":iam::aws:policy" in prefix and policy_arn not in self.managed_policies and name in _all():
            policy = AWSManagedPolicy.from_data(name, self.account_id, self.region_name, _all()[name])
            if policy.arn == policy_arn:
                self.aws_managed_policies.append(policy)
                self.managed_policies[policy.arn] = policy
        return original(self, policy_arn, *args, **kwargs)


@functools.cache
def _all() -> dict[str, Any]:
    return json.loads(aws_managed_policies_data)
