"""The database's inside as a user runs it: plan, approved apply, second run, drift. Its details are in test_schema_inside.py."""

from __future__ import annotations

import functools
import json
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


def test_set_up_by_a_job_and_proved_by_another(local, tmp_path):
    """All the way: the Jobs' pods, with their service accounts' roles, reach the database that this machine need not reach."""
    make = functools.partial(client, local)
    api = jobs.make_cluster(make)
    group = "prod-agentdb-postgres17"
    subnets = [item["SubnetId"] for item in make("ec2").describe_subnets()["Subnets"]]
    make("rds").create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily="postgres17", Description="x")
    make("rds").create_db_subnet_group(DBSubnetGroupName="prod-agentdb", DBSubnetGroupDescription="x", SubnetIds=subnets)
    found = {
        "EngineVersion": "17.6",
        "DBParameterGroupName": group,
        "DBSubnetGroupName": "prod-agentdb",
        "PubliclyAccessible": False,
    }
    jobs.make_instance(make, DBName="agentdb", **found)
    jobs.make_namespace(api, "schema", "verify")
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for name in ("schema", "verify"):
        role = make("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        where = {"clusterName": jobs.CLUSTER, "namespace": jobs.NAMESPACE, "serviceAccount": name}
        make("eks").create_pod_identity_association(**where, roleArn=role)
    wanted = {"schema_run_in": "cluster", "verify_run_in": "cluster", "verify_mode": "full", "verify_arrows": ["4b"]}
    places = {"ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"), "TMPDIR": str(tmp_path)}

    def run(*arguments, code=0):
        given = ("-i", "inventories/prod", "-e", "@local_aws/vars.yml", "-e", json.dumps(wanted))
        done = site.ansible(*arguments, *given, env=site.as_json({**local.env, **places}))
        logs = [api.read(f"{jobs.PODS}/{name}/log")[1] for name in api.items(jobs.PODS)]
        assert done.returncode == code, "\n".join([done.stdout[-3000:], done.stderr[-3000:], *logs])
        return site.results(done.stdout)

    (tmp_path / "local").mkdir()
    first = run("playbooks/site.yml", "--tags", "kms,schema")["schema"]
    (name,) = api.items(jobs.JOBS)
    fields = {item["address"]: {one["field"]: one["new"] for one in item["fields"]} for item in first["plan"]}
    assert first["changed"] and fields["kubernetes_job/schema"] == {
        "image": "local-aws/execution-environment:1",
        "job": name,
        "migrations": 5,
    }
    instance = make("rds").describe_db_instances(DBInstanceIdentifier="prod-agentdb")["DBInstances"][0]
    with connect(local, instance, value(local, "prod/rds/agent-app")) as application:
        assert application.execute("SELECT count(*) FROM users").fetchone() == (0,)
    second = run("playbooks/schema.yml")["schema"]
    assert (second["changed"], second["plan"]) == (False, [])
    # There is no network here, which other rows tell.
    rows = {row["flow"]: row for row in run("playbooks/verify.yml", code=2)["verify"]["flows"]}
    for flow in ("PostgreSQL refuses a connection without TLS", "PostgreSQL lets the application in over TLS"):
        assert (rows[flow]["state"], rows[flow]["how"]) == ("ok", "exercised"), rows[flow]
    # Neither a token nor the certificate of the cluster is left.
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
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
        given = ("-i", "inventories/prod", "-e", "@local_aws/vars.yml", "-e", "schema_run_in=direct", "-vvv", "--diff")
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
