"""The database's inside as a user runs it: plan, approved apply, second run, drift. Its details are in test_schema_inside.py."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import boto3
import psycopg
import pytest
from support import jobs, site

from local_aws.launch import LocalAws
from local_aws.postgres import missing

TAGS = ("--tags", "kms,schema")


@pytest.fixture
def local():
    if why := missing():
        pytest.skip(f"not tried: {why}")
    with LocalAws("--database") as running:
        yield running


def client(local, service):
    return boto3.client(
        service, endpoint_url=local.url, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def value(local, secret):
    return json.loads(client(local, "secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


class Kubelet(threading.Thread):
    """Ends every Job well, as soon as it sees it."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.over = api, threading.Event()

    def run(self):
        played = jobs.Played(self.api)
        while not self.over.wait(0.5):
            for name, item in self.api.items(jobs.JOBS).items():
                if not (item.get("status") or {}).get("conditions"):
                    jobs.completes(played, name)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.over.set()
        self.join(10)


@pytest.fixture
def without_database():
    with LocalAws() as running:
        yield running


def test_by_a_job_in_the_cluster(without_database, tmp_path):
    """What the Job finds in the database is not this test's affair, but that the tier comes by itself to the cluster and back."""
    api = jobs.make_cluster(lambda service: client(without_database, service))
    jobs.make_instance(lambda service: client(without_database, service))
    jobs.make_namespace(api, "schema")
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\nof RDS\n-----END CERTIFICATE-----\n")
    wanted = json.dumps({"schema_run_in": "cluster", "schema_job": {"image": "ee:1"}, "schema_ca_bundle": str(bundle)})
    places = {"ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"), "TMPDIR": str(tmp_path)}

    def run(*arguments):
        given = ("-i", "inventories/prod", "-e", "@local_aws/vars.yml", "-e", wanted)
        done = site.ansible(*arguments, *given, env=site.as_json({**without_database.env, **places}))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return site.results(done.stdout)["schema"]

    (tmp_path / "local").mkdir()
    run_kms = ("playbooks/site.yml", "--tags", "kms,schema")
    with Kubelet(api):
        first = run(*run_kms)
    (name,) = api.items(jobs.JOBS)
    fields = {item["address"]: {one["field"]: one["new"] for one in item["fields"]} for item in first["plan"]}
    assert first["changed"] and fields["kubernetes_job/schema"] == {"image": "ee:1", "job": name, "migrations": 5}
    second = run("playbooks/schema.yml")
    assert (second["changed"], second["plan"]) == (False, [])
    # Neither a token nor the certificate of the cluster is left.
    left = [file for file in tmp_path.rglob("*") if file.is_file() and file != bundle]
    assert [file for file in left if file.suffix == ".crt" or "k8s-aws-v1" in file.read_text(errors="replace")] == []


def connect(local, instance, login):
    where = {"host": instance["Endpoint"]["Address"], "port": instance["Endpoint"]["Port"], "dbname": "agentdb"}
    tls = {"sslmode": "verify-full", "sslrootcert": local.env["LOCAL_AWS_DATABASE_CA"]}
    return psycopg.connect(**where, **tls, user=login["username"], password=login["password"], autocommit=True)


def test_plan_approved_apply_second_run_and_drift(local, tmp_path):
    rds = client(local, "rds")
    rds.create_db_instance(
        DBInstanceIdentifier="prod-agentdb",
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        DBName="agentdb",
        MasterUsername="agentadmin",
        ManageMasterUserPassword=True,
    )
    instance = rds.describe_db_instances(DBInstanceIdentifier="prod-agentdb")["DBInstances"][0]
    home = tmp_path / "home"
    home.mkdir()
    places = {"HOME": str(home), "ANSIBLE_LOCAL_TEMP": str(home / "local"), "ANSIBLE_REMOTE_TEMP": str(home / "remote")}

    def run(*arguments):
        given = ("-i", "inventories/prod", "-e", "@local_aws/vars.yml", "-vvv", "--diff")
        return site.ansible(*arguments, *given, env=site.as_json({**local.env, **places}))

    def results(*arguments):
        done = run(*arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        outputs.append(done.stdout + done.stderr)
        return site.results(done.stdout)

    outputs: list[str] = []
    path = tmp_path / "plan.json"
    results("playbooks/plan.yml", *TAGS, "-e", f"platform_plan_path={path}")
    plan = json.loads(path.read_text())
    planned = [action["address"] for action in plan["actions"] if action["tier"] == "schema"]
    assert {"database/agentdb", "database_role/agent_app", "migration/0001_users"} < set(planned)
    results("playbooks/kms.yml", "-e", f"platform_plan={path}")
    first = results("playbooks/schema.yml", "-e", f"platform_plan={path}")["schema"]
    assert first["changed"] and sorted(item["address"] for item in first["plan"]) == sorted(planned)
    assert not results("playbooks/schema.yml")["schema"]["changed"]

    login = value(local, "prod/rds/agent-app")
    with connect(local, instance, login) as application:
        assert application.execute("SELECT count(*) FROM users").fetchone() == (0,)
    master = value(local, instance["MasterUserSecret"]["SecretArn"])
    with connect(local, instance, master) as connection:
        connection.execute("SET ROLE agent_migrate")
        connection.execute("GRANT DELETE ON agent.workflows TO agent_app")
    looked = run("playbooks/drift.yml", "--tags", "schema")
    outputs.append(looked.stdout + looked.stderr)
    assert looked.returncode != 0 and "database_role/agent_app" in looked.stdout

    left = [file.read_text(errors="replace") for file in Path(home).rglob("*") if file.is_file()]
    for secret in (login["password"], master["password"]):
        assert not [text for text in [*outputs, path.read_text(), *left] if secret in text]
