"""Patches to IAM."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import EmptyResult
from moto.iam import models
from moto.iam.exceptions import EntityAlreadyExists, MalformedPolicyDocument
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from local_aws.patches import patch, replace, wrap

# Service -> the end of the name of its service-linked role.
LINKED = {
    "application-autoscaling": "ApplicationAutoScaling",
    "autoscaling": "AutoScaling",
    "eks": "AmazonEKS",
    "eks-nodegroup": "AmazonEKSNodegroup",
    "elasticache": "ElastiCache",
    "elasticloadbalancing": "ElasticLoadBalancing",
    "rds": "RDS",
    "spot": "EC2Spot",
}
LINKED_IN_FULL = {"dynamodb.application-autoscaling": "ApplicationAutoScaling_DynamoDBTable"}


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


@patch
def service_linked_roles() -> None:
    """AWS names the role after the service (AWSServiceRoleForAmazonEKS), takes no second one (InvalidInput), and lets nobody delete
    it by DeleteRole (UnmodifiableEntity). moto names it after the service's address, with another code, and deletes it."""
    models.SERVICE_NAME_CONVERSION.update(LINKED)

    @wrap(IAMBackend, "create_role")
    def create_role(original: Any, self: Any, role_name: str, *args: Any, **kwargs: Any) -> Any:
        service = (kwargs.get("linked_service") or "").removesuffix(".amazonaws.com")
        if service in LINKED_IN_FULL:
            role_name = f"AWSServiceRoleFor{LINKED_IN_FULL[service]}"
        try:
            return original(self, role_name, *args, **kwargs)
        except EntityAlreadyExists:
            if not service:
                raise
            message = f"Service role name {role_name} has been taken in this account, please try a different suffix."
            raise models.RESTError("InvalidInput", message) from None

    @wrap(IamResponse, "delete_role")
    def delete_role(original: Any, self: Any) -> Any:
        role = next((role for role in self.backend.roles.values() if role.name == self._get_param("RoleName")), None)
        if role and role.path.startswith("/aws-service-role/"):
            message = "Cannot perform the operation on the protected role - this role is only modifiable by AWS"
            raise models.RESTError("UnmodifiableEntity", message)
        return original(self)


@patch
def openid_connect_providers() -> None:
    """AWS says which provider there is already, finds the thumbprint itself where none is given, and adds and removes single client
    ids. moto says Unknown, shows no thumbprint, and has no call for client ids."""

    @wrap(IAMBackend, "create_open_id_connect_provider")
    def create(original: Any, self: Any, url: str, thumbprint_list: list[str], *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, url, thumbprint_list or ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"], *args, **kwargs)
        except EntityAlreadyExists:
            raise EntityAlreadyExists(f"Provider with url {url} already exists.") from None

    def add(self: Any) -> EmptyResult:
        provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
        if self._get_param("ClientID") not in provider.client_id_list:
            provider.client_id_list = [*provider.client_id_list, self._get_param("ClientID")]
        return EmptyResult()

    def remove(self: Any) -> EmptyResult:
        provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
        provider.client_id_list = [item for item in provider.client_id_list if item != self._get_param("ClientID")]
        return EmptyResult()

    replace(IamResponse, "add_client_id_to_open_id_connect_provider")(add)
    replace(IamResponse, "remove_client_id_from_open_id_connect_provider")(remove)
