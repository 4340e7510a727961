"""The schema tier in the test's own process: the account of an emulator, a real PostgreSQL, and the modules of
community.postgresql."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import psycopg
import yaml
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.agent_platform.aws.plugins.module_utils import tier_module
from ansible_collections.agent_platform.aws.plugins.module_utils.reconcile.errors import EngineError
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import RunOptions
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema as beyond

from local_aws.database import DATABASE
from local_aws.in_process import InProcessAws

from . import tiers

ENVIRONMENT, INSTANCE = "prod", "prod-agentdb"
SECRET = "prod/rds/agent-app"
DEFAULTS = yaml.safe_load((tiers.ROOT / "roles/schema/defaults/main.yml").read_text())
KEYS = ("s3", "logs", "cloudtrail", "backup", "ecr", "rds", "dynamodb", "sns", "sqs", "elasticache", "eks", "ebs", "secretsmanager")


class Ended(Exception):
    """A module came to its end, with this result."""


def execute(module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Run a module here. Raises EngineError when it fails, as the executor of the action plugin does."""
    result = answered(module, arguments)
    if result["failed"]:
        raise EngineError(f"{module.rsplit('.', 1)[-1]} failed: {result['msg']}")
    return result


def answered(module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a module that runs here answers."""
    collection, _, name = module.rpartition(".")

    def end(self: Any, failed: bool = False, **result: Any) -> None:
        raise Ended({**result, "failed": failed})

    with (
        patch_module_args(dict(arguments)),
        mock.patch.object(basic.AnsibleModule, "exit_json", lambda self, **result: end(self, **result)),
        mock.patch.object(basic.AnsibleModule, "fail_json", lambda self, msg, **result: end(self, failed=True, msg=msg, **result)),
    ):
        try:
            importlib.import_module(f"ansible_collections.{collection}.plugins.modules.{name}").main()
        except Ended as ended:
            return ended.args[0]
    raise AssertionError(f"{module} came to no end")


@dataclass
class Inside:
    """The tier as ``run`` runs it. ``calls``: the modules that were called."""

    aws: InProcessAws
    server: Any
    calls: list[str] = field(default_factory=list)

    def parameters(self, **more: Any) -> dict[str, Any]:
        own = {name.removeprefix("schema_"): value for name, value in DEFAULTS.items() if name.startswith("schema_")}
        own |= {
            "migrations_path": str(tiers.ROOT / "roles/schema/files/migrations"),
            "instance": "agentdb",
            "database": "agentdb",
            "ca_bundle": str(self.server.ca),
            "secrets_key": "secrets",
        }
        return tiers.with_defaults(tiers.load("schema"), {**own, **more}, ENVIRONMENT)

    def run(self, check_mode: bool = False, **more: Any) -> dict[str, Any]:
        """What the action plugin answers."""
        params = self.parameters(**more)
        options = RunOptions(check_mode=check_mode, diff_mode=True)
        result = tier_module.run(tiers.load("schema"), params, options)
        self.calls.clear()

        def noted(module: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
            self.calls.append(module.rsplit(".", 1)[-1])
            return execute(module, arguments)

        action = SimpleNamespace(_task=SimpleNamespace(check_mode=check_mode, diff=True))
        if not result.get("failed"):
            with mock.patch.object(beyond, "executor", lambda *_arguments: noted):
                result = beyond.go_on(action, params, result, {}, True, options.callers)
        return json.loads(json.dumps(result))

    def must(self, **more: Any) -> dict[str, Any]:
        result = self.run(**more)
        assert not result.get("failed"), result["msg"]
        return result

    def make_instance(self, **more: str) -> None:
        """As the rds tier makes it, in what matters here."""
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier=INSTANCE,
            Engine="postgres",
            DBInstanceClass="db.t4g.medium",
            AllocatedStorage=20,
            DBName="agentdb",
            MasterUsername="agentadmin",
            ManageMasterUserPassword=True,
            **more,
        )

    def login(self, secret_id: str = SECRET, **version: str) -> dict[str, str]:
        """Username and password in a secret."""
        return json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=secret_id, **version)["SecretString"])

    def stages(self) -> dict[str, str]:
        versions = boto3.client("secretsmanager").describe_secret(SecretId=SECRET)["VersionIdsToStages"]
        return {stage: version for version, stages in versions.items() for stage in stages}

    def connect(self, user: str, password: str) -> psycopg.Connection[Any]:
        return psycopg.connect(**self.server.login(user, password, "agentdb"), autocommit=True)

    def as_master(self) -> psycopg.Connection[Any]:
        item = boto3.client("rds").describe_db_instances(DBInstanceIdentifier=INSTANCE)["DBInstances"][0]
        login = self.login(item["MasterUserSecret"]["SecretArn"])
        return self.connect(login["username"], login["password"])

    def as_application(self) -> psycopg.Connection[Any]:
        login = self.login()
        return self.connect(login["username"], login["password"])


@contextmanager
def inside(server: Any) -> Iterator[Inside]:
    """In an account with keys and nothing else."""
    with InProcessAws() as aws:
        keys = tiers.load("kms")
        tiers.run(keys, tiers.with_defaults(keys, {"key_for": dict.fromkeys(KEYS, "secrets")}, ENVIRONMENT))
        DATABASE.server = server
        try:
            yield Inside(aws, server)
        finally:
            DATABASE.server = None
