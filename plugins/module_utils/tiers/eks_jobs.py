# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Jobs of the platform may do in AWS: the one that sets up the database's inside, and the one that proves the way to
database and cache.

Facts: Service Authorization Reference (Amazon RDS, Amazon ElastiCache, AWS Secrets Manager, AWS KMS), RDS user guide ("Password
management with Amazon RDS and AWS Secrets Manager": its secrets are called ``rds!db-...`` and tagged with their instance).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..aws.policies import document
from ..tier_module import Place
from .eks_statements import READ_SECRET, allow, through

DATABASE_SECRET, CACHE_SECRET = "rds/agent-app", "redis-auth-token"
SUFFIX = "-??????"


def _database(params: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return allow("rds:DescribeDBInstances", place.arn("rds", f"db:{place.environment}-{params['database']}"))


def _schema(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """Signs in to the one database as its master user, and keeps the password of the application's user.

    The secret itself is the schema tier's to make and to change, which runs with the deployer's rights before.
    """
    instance = place.arn("rds", f"db:{place.environment}-{params['database']}")
    application = place.arn("secretsmanager", f"secret:{place.environment}/{DATABASE_SECRET}{SUFFIX}")
    policy = document(
        [
            _database(params, place),
            allow(
                READ_SECRET,
                place.arn("secretsmanager", "secret:rds!*"),
                {"ArnEquals": {"aws:ResourceTag/aws:rds:primaryDBInstanceArn": instance}},
            ),
            allow(
                [
                    *READ_SECRET,
                    "secretsmanager:GetResourcePolicy",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                application,
            ),
            through(params, place, "secretsmanager"),
            # What finds the key and the secrets of the deployment; neither can be held to some.
            allow(["kms:ListAliases", "secretsmanager:ListSecrets"], "*"),
        ]
    )
    return "sets up the inside of the database", {"schema": policy}, []


def _verify(params: Mapping[str, Any], place: Place) -> tuple[str, dict[str, Any], list[str]]:
    """Signs in as the application does, to database and cache."""
    env = place.environment
    cache = [place.arn("elasticache", f"{kind}:{env}-*") for kind in ("replicationgroup", "cluster", "subnetgroup")]
    looks = [f"elasticache:Describe{what}" for what in ("CacheClusters", "CacheSubnetGroups", "ReplicationGroups")]
    statements = [
        _database(params, place),
        allow("rds:DescribeDBParameters", place.arn("rds", f"pg:{env}-*")),
        allow(looks, cache),
        allow(
            [*READ_SECRET, "secretsmanager:GetResourcePolicy"],
            [place.arn("secretsmanager", f"secret:{env}/{name}{SUFFIX}") for name in (DATABASE_SECRET, CACHE_SECRET)],
        ),
        through(params, place, "secretsmanager"),
    ]
    return "proves the way to database and cache", {"verify": document(statements)}, []


ACTORS = {"schema": _schema, "verify": _verify}
