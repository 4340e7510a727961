"""Patches to CloudWatch Logs."""

from __future__ import annotations

from typing import Any

from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse

from local_aws.patches import patch, replace, wrap
from local_aws.policy import key_lets

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@patch
def retention_is_one_of_a_list() -> None:
    """AWS takes certain numbers of days only (InvalidParameterException). moto takes any."""

    @wrap(LogsBackend, "put_retention_policy")
    def put_retention_policy(original: Any, self: Any, log_group_name: str, retention_in_days: int) -> None:
        if int(retention_in_days) not in DAYS:
            raise InvalidParameterException(
                constraint=f"Member must satisfy enum value set: {list(DAYS)}",
                parameter="retentionInDays",
                value=retention_in_days,
            )
        original(self, log_group_name, retention_in_days)


@patch
def keys_must_admit_the_group() -> None:
    """AWS refuses a KMS key that does not exist, or whose policy does not let logs.<region>.amazonaws.com use it for this
    group (InvalidParameterException). moto takes any text."""

    @wrap(LogsBackend, "create_log_group")
    def create_log_group(original: Any, self: Any, log_group_name: str, tags: Any, **kwargs: Any) -> Any:
        if kwargs.get("kmsKeyId") and log_group_name not in self.groups:
            _check_key(self, log_group_name, kwargs["kmsKeyId"])
        return original(self, log_group_name, tags or {}, **kwargs)


def _check_key(backend: Any, name: str, key: str) -> None:
    account, region = backend.account_id, backend.region_name
    arn = f"arn:aws:logs:{region}:{account}:log-group:{name}"
    context = {
        "aws:sourceaccount": account,
        "aws:sourcearn": arn,
        "aws:securetransport": "true",
        "kms:encryptioncontext:aws:logs:arn": arn,
        "kms:calleraccount": account,
        "kms:viaservice": f"logs.{region}.amazonaws.com",
    }
    if not (key.startswith("arn:") and key_lets(account, region, key, f"logs.{region}.amazonaws.com", context)):
        raise InvalidParameterException(f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'")


@patch
def keys_are_associated() -> None:
    """AWS changes a group's key by AssociateKmsKey and takes it away by DisassociateKmsKey. moto has neither."""

    @replace(LogsResponse, "associate_kms_key")
    def associate_kms_key(self: Any) -> str:
        group = _group(self)
        _check_key(self.logs_backend, group.name, self._get_param("kmsKeyId"))
        group.kms_key_id = self._get_param("kmsKeyId")
        return ""

    @replace(LogsResponse, "disassociate_kms_key")
    def disassociate_kms_key(self: Any) -> str:
        _group(self).kms_key_id = None
        return ""


def _group(response: Any) -> Any:
    identifier = response._get_param("logGroupName") or response._get_param("resourceIdentifier") or ""
    name = identifier.rsplit(":log-group:", 1)[-1].removesuffix(":*")
    if name not in response.logs_backend.groups:
        raise ResourceNotFoundException()
    return response.logs_backend.groups[name]
