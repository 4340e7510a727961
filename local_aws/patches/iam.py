"""Patches to IAM."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.responses import IamResponse

from local_aws.patches import patch, wrap


@patch
def trust_policies_are_policies() -> None:
    """AWS refuses a trust policy without statements (MalformedPolicyDocument). moto takes it."""
    for operation, parameter in (
        ("create_role", "AssumeRolePolicyDocument"),
        ("update_assume_role_policy", "PolicyDocument"),
    ):
        _check(operation, parameter)


def _check(operation: str, parameter: str) -> None:
    @wrap(IamResponse, operation)
    def checked(original: Any, self: Any) -> Any:
        try:
            good = bool(json.loads(self._get_param(parameter))["Statement"])
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            raise MalformedPolicyDocument("This policy contains invalid Json")
        return original(self)
