"""Patches to Secrets Manager."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.exceptions import InvalidParameterException, InvalidRequestException
from moto.secretsmanager.models import FakeSecret, ReplicaSecret, SecretsManagerBackend
from moto.secretsmanager.responses import SecretsManagerResponse

from local_aws.patches import patch, wrap

NAME = re.compile(r"^[A-Za-z0-9/_+=.@-]{1,512}$")
VALUE_BYTES = 65536
REFUSED_WHEN_DELETED = (
    "delete_resource_policy",
    "get_resource_policy",
    "put_resource_policy",
    "put_secret_value",
    "remove_regions_from_replication",
    "replicate_secret_to_regions",
    "tag_resource",
    "untag_resource",
)
MARKED = "You can't perform this operation on the secret because it was marked for deletion."


@patch
def deleted_secrets_refuse() -> None:
    """AWS refuses every change of a secret that is marked as deleted, and to read its policy, with InvalidRequestException. moto
    refuses only to read its value, to rotate and to update it."""
    for operation in REFUSED_WHEN_DELETED:
        _refuse_when_deleted(operation)


def _refuse_when_deleted(operation: str) -> None:
    @wrap(SecretsManagerResponse, operation)
    def checked(original: Any, self: Any) -> Any:
        secret = self.backend.secrets.get(self._get_param("SecretId") or "")
        if secret is not None and secret.is_deleted():
            raise InvalidRequestException(MARKED)
        return original(self)


@patch
def deleted_names_are_taken() -> None:
    """AWS refuses a new secret under the name of one that is scheduled for deletion with InvalidRequestException. moto answers
    ResourceExistsException, as for one that stands."""

    @wrap(SecretsManagerResponse, "create_secret")
    def create_secret(original: Any, self: Any) -> Any:
        secret = self.backend.secrets.get(self._get_param("Name") or "")
        if secret is not None and secret.is_deleted():
            raise InvalidRequestException(
                "You can't create this secret because a secret with this name is already scheduled for deletion."
            )
        return original(self)


@patch
def names_and_values_are_checked() -> None:
    """AWS takes names of ASCII letters, digits and /_+=.@- only (ValidationException), and values of at most 65536 bytes. moto
    takes any."""
    for operation in ("create_secret", "put_secret_value", "update_secret"):
        _check(operation)


def _check(operation: str) -> None:
    @wrap(SecretsManagerResponse, operation)
    def checked(original: Any, self: Any) -> Any:
        name = self._get_param("Name")
        if operation == "create_secret" and not NAME.match(name or ""):
            message = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
            raise JsonRESTError("ValidationException", message)
        if len((self._get_param("SecretString") or "").encode()) > VALUE_BYTES:
            raise JsonRESTError(
                "ValidationException",
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: "
                f"Member must have length less than or equal to {VALUE_BYTES}",
            )
        return original(self)


@patch
def policies_are_checked() -> None:
    """AWS refuses a resource policy that is no policy document with MalformedPolicyDocumentException, and with BlockPublicPolicy
    one that lets in everyone without a condition with PublicPolicyException. moto stores both."""

    @wrap(SecretsManagerResponse, "put_resource_policy")
    def put_resource_policy(original: Any, self: Any) -> Any:
        try:
            statements = json.loads(self._get_param("ResourcePolicy"))["Statement"]
        except (ValueError, TypeError, KeyError):
            raise JsonRESTError("MalformedPolicyDocumentException", "This resource policy contains invalid Json.") from None
        public = any(
            item.get("Effect") == "Allow" and item.get("Principal") in ("*", {"AWS": "*"}) and "Condition" not in item
            for item in (statements if isinstance(statements, list) else [statements])
        )
        if public and self._get_bool_param("BlockPublicPolicy", False):
            raise JsonRESTError("PublicPolicyException", "This resource policy grants public access to the secret.")
        return original(self)


@patch
def replicas_have_keys() -> None:
    """AWS shows the key that was named for a replica, and replicates to a region once only. moto shows its own default key and
    makes a second replica."""

    @wrap(FakeSecret, "create_replicas")
    def create_replicas(original: Any, self: Any, replica_regions: list[dict[str, str]], force_overwrite: bool) -> Any:
        standing = {replica.region for replica in getattr(self, "replicas", ())}
        for wanted in replica_regions:
            if wanted["Region"] in standing:
                raise InvalidParameterException(f"Secret is already replicated to region {wanted['Region']}.")
        made = original(self, replica_regions, force_overwrite)
        keys = {wanted["Region"]: wanted.get("KmsKeyId") for wanted in replica_regions}
        for replica in made:
            if keys[replica.region]:
                replica.config["KmsKeyId"] = keys[replica.region]
        return made


@patch
def failed_replicas_name_the_secret() -> None:
    """AWS names the secret in the StatusMessage of a replica that failed because its name is taken in that region. moto calls
    every secret `simple` there."""

    @wrap(ReplicaSecret, "__init__")
    def init(original: Any, self: Any, source: Any, region: str, status: Any = None, message: Any = None) -> None:
        original(self, source, region, status, message and message.replace("Secret name simple", f"Secret name {source.name}"))


@patch
def descriptions_can_be_emptied() -> None:
    """AWS takes an empty Description in UpdateSecret. moto keeps the old one."""

    @wrap(SecretsManagerResponse, "update_secret")
    def update_secret(original: Any, self: Any) -> Any:
        answer = original(self)
        if self._get_param("Description") == "":
            self.backend.secrets[self._get_param("SecretId")].description = ""
        return answer


@patch
def managed_key_is_left_out() -> None:
    """AWS leaves KmsKeyId out of DescribeSecret for a secret under the key that AWS manages, and shows no field that has no value.
    moto shows both as null."""

    @wrap(FakeSecret, "to_dict")
    def to_dict(original: Any, self: Any) -> dict[str, Any]:
        return {name: value for name, value in original(self).items() if value is not None}


@patch
def current_follows_its_label() -> None:
    """AWS answers the version that carries AWSCURRENT where no version is named. moto goes on answering the one that carried it
    before UpdateSecretVersionStage moved it."""

    @wrap(SecretsManagerBackend, "update_secret_version_stage")
    def update_secret_version_stage(original: Any, self: Any, secret_id: str, *args: Any, **kwargs: Any) -> Any:
        answer = original(self, secret_id, *args, **kwargs)
        secret = self.secrets[secret_id]
        for version, held in secret.versions.items():
            if "AWSCURRENT" in held["version_stages"]:
                secret.set_default_version_id(version)
        return answer
