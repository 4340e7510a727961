"""The roles of the platform's Jobs as the eks tier declares them, asked by the evaluator of policies whether they may."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.reference import Ref, resolve
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import Place
from ansible_collections.agent_platform.aws.plugins.module_utils.tiers import eks
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import policy
from botocore.client import BaseClient
from contract.cases import eks as data

from . import tiers

ACCOUNT = "123456789012"
PLACE = Place("prod", "prod-us-east-1", "us-east-1", ACCOUNT, "aws")
ACCOUNTS = {"schema": "platform-jobs/schema", "verify": "platform-jobs/verify", "ext-secrets": "external-secrets/external-secrets"}
KEYS = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/"
INSTANCE_TAG = "aws:resourcetag/aws:rds:primarydbinstancearn"
# What has no resource in a policy.
EVERYTHING = {"ListAliases", "ListSecrets"}


def role(name: str, **changed: Any) -> policy.Role:
    """A key is called by the name that it has in the declaration."""
    given = {**copy.deepcopy(data.PARAMS), "service_accounts": ACCOUNTS, **changed}
    found = {item.address: item for item in eks.declare(tiers.with_defaults(tiers.load("eks"), given), PLACE)}[
        f"iam_role/eks-{name}"
    ]

    def key(ref: Ref) -> str:
        return KEYS + ref.address.partition("/")[2]

    documents = resolve(found.desired["inline_policies"], key)
    return policy.Role(found.desired["role_name"], PLACE.arn("iam", f"role/{name}", region=""), documents, {})


def may(who: policy.Role, action: str, resource: str, **context: str) -> bool:
    """By what the role itself is allowed; a name of ``context`` has ``__`` for a colon."""
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    return policy.refused(who, action, resource, keys, "it", None) is None


@contextmanager
def calls() -> Iterator[list[tuple[str, str, Mapping[str, Any]]]]:
    """(service, operation, parameters) of every call of AWS that is made meanwhile."""
    made: list[tuple[str, str, Mapping[str, Any]]] = []
    call = BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        made.append((self.meta.service_model.service_name, operation, json.loads(json.dumps(parameters, default=str))))
        return call(self, operation, parameters)

    with mock.patch.object(BaseClient, "_make_api_call", noted):
        yield made
