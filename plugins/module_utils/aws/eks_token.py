# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an AWS identity proves itself to an EKS cluster (github.com/kubernetes-sigs/aws-iam-authenticator, "API Authorization").

The token is a call of STS's GetCallerIdentity, signed and not made, with the cluster's name in a signed header. The cluster makes
the call to learn who signed it; so the token is good for that cluster alone, and for fifteen minutes.
"""

from __future__ import annotations

import base64
from typing import Any

from botocore.exceptions import BotoCoreError

from ..reconcile.errors import EngineError
from .errors import explain
from .session import Connection

HEADER = "x-k8s-aws-id"
PREFIX = "k8s-aws-v1."
# Of the signature, in seconds: what AWS's own tools use. The cluster goes by the date in it.
EXPIRES = 60


def token(connection: Connection, cluster: str) -> str:
    """The bearer token of the connection's caller for ``cluster``. Makes no call, except to renew credentials that expired.

    The host is AWS's own in the region, whatever endpoint is configured, since a cluster takes no other. Raises EngineError.
    """
    sts = connection.client("sts", own_endpoint=True)

    def name_the_cluster(request: Any, **_kwargs: Any) -> None:
        request.headers[HEADER] = cluster

    sts.meta.events.register("before-sign.sts.GetCallerIdentity", name_the_cluster)
    try:
        url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=EXPIRES, HttpMethod="GET")
    except BotoCoreError as error:
        raise EngineError(explain(error, f"sign a token for the cluster {cluster}") or str(error)) from error
    return PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
