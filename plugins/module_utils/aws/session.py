# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's connection parameters to configured clients: the only place that makes one."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.loaders
import botocore.session
from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info
from botocore.exceptions import ClientError, HTTPClientError

from ..reconcile.errors import EngineError, InvalidInput
from .budget import keep_within_budget
from .errors import LostAnswer

MAX_ATTEMPTS = 8
# Names of environment variables whose values are not to be kept in any form.
SECRET = re.compile("SECRET|TOKEN|PASSWORD")
# More than the engine's and the API layer's threads together use of one host.
CONNECTIONS = 40
# Held while botocore loads: it neither allows threads to do so nor gains from them.
LOADING = threading.RLock()

# Operations that fail for a while after what they refer to was made, or after what held it was deleted: EC2 and IAM answer
# from replicas. EC2 has more than one code for most of that, by operation. operation prefix -> codes. They are retried by
# botocore's own loop, here only told when and how long.
SETTLING = {
    ("Create", "Associate", "Attach", "Authorize", "Enable", "Modify", "Put", "Replace", "Subscribe", "Revoke"): (
        "InvalidVpcID.NotFound",
        "InvalidVpcId.NotFound",
        "InvalidSubnetID.NotFound",
        "InvalidSubnetId.NotFound",
        "InvalidGroup.NotFound",
        "InvalidGroupId.NotFound",
        "InvalidSecurityGroupID.NotFound",
        "InvalidSecurityGroupId.NotFound",
        "InvalidInternetGatewayID.NotFound",
        "InvalidGatewayID.NotFound",
        "InvalidRouteTableID.NotFound",
        "InvalidRouteTableId.NotFound",
        "InvalidNatGatewayID.NotFound",
        "NatGatewayNotFound",
        "InvalidNetworkAclID.NotFound",
        "InvalidAllocationID.NotFound",
        "InvalidElasticIpID.NotFound",
        "InvalidVpcEndpointId.NotFound",
        "InvalidID",
        "Resource.AlreadyAssociated",
        "OperationAborted",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "QueueDeletedRecently",
        "NoSuchBucket",
        "InvalidTargetBucketForLogging",
        "NotFoundException",  # of KMS, for a key made a moment ago
    ),
    # WAF knows a new web ACL, IP set or rule group everywhere only after seconds, and makes a role to deliver logs with.
    ("CreateWebACL", "UpdateWebACL", "PutLoggingConfiguration", "TagResource"): (
        "WAFUnavailableEntityException",
        "WAFServiceLinkedRoleErrorException",
    ),
    ("Delete", "Detach", "Release", "Disassociate"): (
        "DependencyViolation",
        "InvalidIPAddress.InUse",
        "AuthFailure.ReleaseAddress",
        "OperationAborted",
    ),
}
REPEATABLE = ("CreateTags",)
SETTLING_DELAYS = (
    1,
    2,
    3,
    5,
    5,
    5,
    8,
    8,
    10,
    10,
    10,
)  # seconds: a little over a minute, the longest that SQS blocks a name


class Connection:
    """Credentials, region and endpoint of one deployment.

    ``params``: the parameters of a module whose argument spec includes ``aws_argument_spec()`` of amazon.aws, which reads the usual
    environment variables. Raises InvalidInput for a region that botocore does not know, EngineError for unusable parameters.
    """

    def __init__(self, params: Mapping[str, Any], user_agent: str = "agent_platform.aws"):
        region, self.endpoint_url, connect = get_aws_connection_info(_Module(params))
        self.region = region or ""
        config = connect.pop("aws_config", None) or botocore.config.Config()
        self._config = botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            max_pool_connections=CONNECTIONS,
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra=user_agent,
        ).merge(config)
        profile = connect.pop("profile_name", None)
        if connect.get("aws_access_key_id") and not connect.get("aws_session_token"):
            # Automation controllers name the session token so.
            token = os.environ.get("AWS_SECURITY_TOKEN")
            if token and connect["aws_access_key_id"] == os.environ.get("AWS_ACCESS_KEY_ID"):
                connect["aws_session_token"] = token
        self._connect = connect
        with LOADING:
            try:
                self._session = _session(profile)
            except botocore.exceptions.ProfileNotFound as error:
                raise EngineError(f"{error}: name a profile of your AWS configuration, or none") from error
            self.partition = self._partition_of(self.region)

    def _partition_of(self, region: str) -> str:
        # Asked of STS, which is in every region and whose model, unlike that of EC2, is small.
        for partition in self._session.get_available_partitions():
            if region in self._session.get_available_regions("sts", partition_name=partition):
                return partition
        raise InvalidInput(
            f"platform_region: {region or 'none'} is not a region that botocore knows: use one such as us-east-1 or eu-west-1, "
            "or install a newer boto3 if the region is new"
        )

    @property
    def fingerprint(self) -> str:
        """The same for connections that have the same caller. Made of what names the credentials, and of no secret."""
        named = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("AWS_", "EC2_")) and (name.endswith("_FILE") or not SECRET.search(name))
        }
        key = self._connect.get("aws_access_key_id")
        parts = [self.endpoint_url, self.region, self._session.profile, key, os.environ.get("HOME"), named]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def client(
        self, service: str, region: str | None = None, own_endpoint: bool = False, use_ssl: bool = True, **config: Any
    ) -> Any:
        """A botocore client. ``config`` overrides the common configuration (timeouts, retries). ``own_endpoint``: AWS's for the
        region, whatever the parameters and the environment say. ``use_ssl``: of an endpoint that is AWS's.
        """
        if own_endpoint:
            config["ignore_configured_endpoint_urls"] = True
        with LOADING:
            client = self._session.create_client(
                service,
                region_name=region or self.region,
                use_ssl=use_ssl,
                endpoint_url=None if own_endpoint else self.endpoint_url,
                config=self._config.merge(botocore.config.Config(**config)) if config else self._config,
                **self._connect,
            )
        keep_within_budget(client)
        client.meta.events.register(f"needs-retry.{client.meta.service_model.service_id.hyphenize()}", settle)
        return client


def _session(profile: str | None) -> botocore.session.Session:
    """A session whose loader is the process's own: service models are read from disk once. It is not boto3's, which adds to its
    clients what nobody here uses."""
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@functools.cache
def _loader(data_path: str | None) -> botocore.loaders.Loader:
    return botocore.loaders.create_loader(data_path)


def load() -> None:
    """Read into this process's loader what every client needs, for the processes that are forked from it. Makes no call."""
    import ansible_collections.amazon.aws.plugins.module_utils.modules  # noqa: F401 - loaded, not used

    from ..resources import tagged  # noqa: F401
    from . import api, errors, policies, retry, tags  # noqa: F401

    # A profile of the environment that does not exist may not be the run's own; a task that needs it says so.
    with contextlib.suppress(botocore.exceptions.BotoCoreError):
        _session(None).create_client("sts", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


def settle(response: Any, operation: Any, attempts: int, caught_exception: Exception | None = None, **_kwargs: Any) -> float | None:
    """Handler of botocore's ``needs-retry``: seconds to wait before the next attempt, or None for no opinion.

    Raises LostAnswer where botocore's own opinion, to try again, could make something twice.
    """
    if makes_anew(operation) and (lost := _lost(response, operation, caught_exception)):
        raise LostAnswer(lost) from lost
    if not response or attempts > len(SETTLING_DELAYS):
        return None
    for prefixes, codes in SETTLING.items():
        if _code(response) in codes and operation.name.startswith(prefixes):
            return SETTLING_DELAYS[attempts - 1]
    return None


def makes_anew(operation: Any) -> bool:
    """True for an operation that, repeated, makes another resource or fails because of the first: it has no idempotency token."""
    named = operation.name.startswith(("Create", "Allocate", "RequestCertificate")) and operation.name not in REPEATABLE
    return named and not operation.idempotent_members


def _lost(response: Any, operation: Any, caught: Exception | None) -> Exception | None:
    """The error that leaves open whether AWS acted: an answer that broke off, or an internal error that is no throttling."""
    if isinstance(caught, HTTPClientError):  # where botocore says ConnectionError, nothing was sent
        return caught
    if response and response[0].status_code in (500, 502, 504):
        return ClientError(response[1], operation.name)
    return None


def _code(response: Any) -> str | None:
    return response[1].get("Error", {}).get("Code") if isinstance(response[1], dict) else None


class _Module:
    """What amazon.aws wants to see of a module to read the connection parameters."""

    def __init__(self, params: Mapping[str, Any]):
        self.params = dict(params)

    def fail_json(self, msg: str, **_kwargs: Any) -> None:
        raise EngineError(msg)
