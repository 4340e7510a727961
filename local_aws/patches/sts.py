"""Patches to STS."""

from __future__ import annotations

from typing import Any

from moto.sts.models import STSBackend

from local_aws.patches import patch, wrap


@patch
def callers_are_users_of_iam() -> None:
    """AWS names a user who calls by an ARN of IAM, which a trust policy and an access entry take. moto names its own by one of STS,
    which nothing takes."""

    @wrap(STSBackend, "get_caller_identity")
    def get_caller_identity(original: Any, self: Any, *args: Any, **kwargs: Any) -> tuple[str, str, str]:
        user_id, arn, account_id = original(self, *args, **kwargs)
        return user_id, arn.replace(":sts:", ":iam:") if ":user/" in arn else arn, account_id
