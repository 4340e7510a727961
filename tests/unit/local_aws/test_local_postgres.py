"""The real PostgreSQL beside the local AWS: how it ends, and that it is what DescribeDBInstances says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import boto3
import psycopg
import pytest

from local_aws import postgres
from local_aws.launch import ROOT, LocalAws
from local_aws.watch import alive

PATIENCE = 60.0
STARTS = """
import sys
from local_aws.postgres import Postgres
server = Postgres()
server.start()
print(server.process.pid, server.directory, flush=True)
sys.stdin.read()
"""


def gone(pid):
    give_up = time.monotonic() + PATIENCE
    while alive(pid):
        assert time.monotonic() < give_up, f"{pid} still runs"
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def available():
    if why := postgres.missing():
        pytest.skip(f"not tried: {why}")


def test_where_there_is_none_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr(postgres, "PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    assert postgres.missing().startswith("PostgreSQL is not installed here")
    assert "apt-get install postgresql" in postgres.missing()


def test_it_ends_with_whoever_started_it(available):
    """Who is killed can stop nothing any more."""
    owner = subprocess.Popen([sys.executable, "-c", STARTS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        pid, directory = owner.stdout.readline().split()
        assert alive(int(pid))
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        owner.stdin.close()
        owner.stdout.close()
    assert gone(int(pid))
    shutil.rmtree(directory)


def test_it_takes_its_port_on_whatever_address_has_it_free_and_leaves_nothing(available):
    with postgres.Postgres(port=postgres.PORT) as first, postgres.Postgres(port=postgres.PORT) as second:
        assert (first.port, second.port) == (5432, 5432)
        assert first.address != second.address
        assert all(server.address.startswith("127.") for server in (first, second))
        processes = [server.process.pid for server in (first, second)]
    assert all(gone(pid) for pid in processes)
    assert not first.directory.exists() and not second.directory.exists()


@pytest.fixture(scope="module")
def aws(available):
    with LocalAws("--database") as running:
        yield running


def client(aws, service):
    return boto3.client(
        service, endpoint_url=aws.url, region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )


def make(aws, name):
    client(aws, "rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t4g.medium",
        AllocatedStorage=20,
        DBName="agentdb",
        MasterUsername="agentadmin",
        ManageMasterUserPassword=True,
    )
    return described(aws, name)


def described(aws, name):
    return client(aws, "rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]


def connect(aws, instance):
    """As anybody does who asks AWS where the database is and what its password is."""
    secret = client(aws, "secretsmanager").get_secret_value(SecretId=instance["MasterUserSecret"]["SecretArn"])
    login = json.loads(secret["SecretString"])
    return psycopg.connect(
        host=instance["Endpoint"]["Address"],
        port=instance["Endpoint"]["Port"],
        user=login["username"],
        password=login["password"],
        dbname=instance["DBName"],
        sslmode="verify-full",
        sslrootcert=aws.env["LOCAL_AWS_DATABASE_CA"],
        autocommit=True,
    )


def test_the_endpoint_of_an_instance_answers_to_the_password_in_its_secret(aws):
    empty = aws.snapshot()
    instance = make(aws, "one")
    assert instance["Endpoint"]["Port"] == 5432
    with connect(aws, instance) as connection:
        connection.execute("CREATE TABLE mine ()")
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, pg_has_role('rds_superuser', 'member') FROM pg_roles WHERE rolname = user"
        )
        assert row.fetchone() == (False, True, True)
    other = make(aws, "two")
    assert other["Endpoint"]["Address"].endswith(".rds.amazonaws.com")
    aws.restore(empty)
    # The next one is another: it gets the server, and finds it empty.
    again = make(aws, "three")
    with connect(aws, again) as connection:
        assert connection.execute("SELECT to_regclass('mine')").fetchone() == (None,)
    standing = aws.snapshot()
    secret = again["MasterUserSecret"]["SecretArn"]
    changed = json.dumps({"username": "agentadmin", "password": "changed-since"})
    client(aws, "secretsmanager").put_secret_value(SecretId=secret, SecretString=changed)
    connect(aws, described(aws, "three")).close()
    aws.restore(standing)
    connect(aws, described(aws, "three")).close()


def test_it_ends_with_the_local_aws(available):
    local = LocalAws("--database")
    local.start()
    directory = Path(local.env["LOCAL_AWS_DATABASE_CA"]).parent
    pid = int((directory / "data/postmaster.pid").read_text().split()[0])
    assert alive(pid) and os.path.exists(directory)
    local.stop()
    assert gone(pid) and not directory.exists()


def test_without_it_nothing_is_said_of_one():
    with LocalAws() as local:
        assert "LOCAL_AWS_DATABASE_CA" not in local.env
