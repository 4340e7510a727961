"""What the pods of the platform's Jobs run, run here: what Ansible writes there is what is understood of it outside."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.kubernetes import jobs
from ansible_collections.agent_platform.aws.plugins.module_utils.schema import job
from ansible_collections.agent_platform.aws.plugins.module_utils.schema.migrations import load
from ansible_collections.agent_platform.aws.plugins.module_utils.verify import connections
from ansible_collections.agent_platform.aws.plugins.plugin_utils import schema_job, verify_job
from ansible_collections.agent_platform.aws.plugins.plugin_utils.version import collection_version
from support import site, tiers, verifying
from support.database import MIGRATIONS

from local_aws.launch import LocalAws


@pytest.fixture(scope="module")
def local():
    with LocalAws() as running:
        yield running


def settings(spec):
    return {**{name: option.get("default") for name, option in spec.items()}, "image": "ee:1"}


def pod(local, objects, folder):
    """What the pod wrote, and whether it ended well. Its files lie in ``folder`` instead of where they are mounted."""
    config, made = objects
    (container,) = made["spec"]["template"]["spec"]["containers"]
    mounted = container["volumeMounts"][0]["mountPath"]

    def placed(text):
        return re.sub(rf"(?<![\w.-]){mounted}(?=[/\"])", str(folder), text)

    for name, text in config["data"].items():
        (folder / name).write_text(placed(text))
    own = {item["name"]: item["value"].replace("/tmp", str(folder)) for item in container["env"]}
    done = site.ansible(*(placed(part) for part in container["command"][1:]), env={**local.env, **own})
    return done.stdout + done.stderr, done.returncode == 0


def test_the_rows_of_the_proof_come_back(local, tmp_path):
    log, well = pod(local, verify_job.objects(verifying.for_a_job(), "prod-us-east-1", "us-east-1"), tmp_path)
    assert well, log[-3000:]
    rows = verify_job.rows_in(log)
    assert [(row.arrow, row.flow) for row in rows] == [(check.arrow, check.flow) for check in connections.CHECKS]
    assert rows[0].cause == "there is no database prod-agentdb: apply the rds tier"
    assert rows[1].how.startswith("not exercised: verify_mode is observe")


def setting_up(version):
    """The objects of a Job that a run of this version of the collection makes."""
    own = {"secrets_key": "secrets", "migrations_path": str(MIGRATIONS)}
    given = schema_job.variables(tiers.with_defaults(tiers.load("schema"), own))
    ground = {"database": "db-1", "secret": "arn", "month": "2026-11"}
    options = settings(tiers.load("schema").spec["job"]["options"])
    return job.manifests(options, json.loads(json.dumps(given)), load(MIGRATIONS), "none", ground, "prod-us-east-1", version)


def test_why_the_database_was_not_set_up_is_told(local, tmp_path):
    log, well = pod(local, setting_up(collection_version()), tmp_path)
    assert not well and "needs kms_key/secrets" in jobs.last_words(log), log[-3000:]


def test_an_image_with_another_version_of_the_collection_does_nothing(local, tmp_path):
    log, well = pod(local, setting_up("9.0.1"), tmp_path)
    words = f"the image of schema_job has agent_platform.aws {collection_version()}, and this Job is of 9.0.1: build the image anew"
    assert not well and jobs.last_words(log).startswith(words), log[-3000:]
    assert "agent_platform.aws.schema" not in log
