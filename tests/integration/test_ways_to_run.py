"""From the checkout, installed from the tarball, and as a controller's project; several deployments in one account."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support import site
from support.census import census, duplicates

TIERS = site.tiers_in_order()
# Of the whole account, or, as the logs of the web ACLs, in us-east-1 for a deployment of another region too.
GLOBAL = (
    *("bucket", "role", "web acl", "web acl's log", "log group", "distribution", "response headers policy", "certificate"),
    *("hosted zone", "dns record", "log delivery", "log delivery's source", "log delivery's destination"),
)
# prod needs a domain.
DOMAIN = ("-e", f"@{site.ROOT}/local_aws/vars.yml")
CHANGED = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s.*failed=(\d+)", re.MULTILINE)


def recap(done):
    """Host -> (changed, failed)."""
    return {host: (int(changed), int(failed)) for host, changed, failed in CHANGED.findall(done.stdout)}


def census_of(platform, region):
    """What stands in one region; CloudFront's web ACLs, wherever the deployment is, in their only one."""
    return census(lambda service: platform.client(service, "us-east-1" if service == "wafv2" else region))


def tracked(into: Path) -> Path:
    """A copy of the tracked files, as a controller or a fresh clone has them."""
    into.mkdir()
    names = subprocess.run(["git", "ls-files", "-z"], cwd=site.ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source, target = site.ROOT / name, into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    return into


def test_installed_from_the_tarball(empty, tmp_path):
    galaxy = str(Path(sys.executable).parent / "ansible-galaxy")
    built = subprocess.run(
        [galaxy, "collection", "build", "--output-path", str(tmp_path / "dist"), str(tracked(tmp_path / "source"))],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    tarball = re.search(r"at (\S+\.tar\.gz)", built.stdout).group(1)
    installed = tmp_path / "collections"
    subprocess.run(
        [galaxy, "collection", "install", "--no-deps", "--offline", tarball, "-p", str(installed)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    contents = {path.name for path in (installed / "ansible_collections/agent_platform/aws").iterdir()}
    assert contents.isdisjoint({".venv", ".collections", ".git", "ansible_collections"})
    shutil.copytree(site.ROOT / "inventories/prod", tmp_path / "inventory")
    env = {**empty.local.env, "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    done = site.ansible("agent_platform.aws.site", "-i", "inventory", *DOMAIN, "--check", env=env, cwd=tmp_path)
    assert recap(done) == {"prod-us-east-1": (len(TIERS), 0)}, done.stdout
    assert (
        str(installed)
        in site.ansible("agent_platform.aws.site", "-i", "inventory", "--list-tasks", "-vvv", env=env, cwd=tmp_path).stdout
    )


def test_as_a_controllers_project(empty, tmp_path):
    project = tracked(tmp_path / "project")
    requirements = yaml.safe_load((project / "collections/requirements.yml").read_text())
    assert {item["name"] for item in requirements["collections"]} >= {"amazon.aws", "community.aws"}
    done = site.ansible("site.yml", "-i", "inventories/prod", *DOMAIN, "--check", env=empty.local.env, cwd=project)
    assert recap(done) == {"prod-us-east-1": (len(TIERS), 0)}, done.stdout


@pytest.mark.parametrize("empty", ["prod"], indirect=True)
def test_two_regions_of_one_account_stand_side_by_side(empty, tmp_path):
    inventory = tmp_path / "two"
    shutil.copytree(site.ROOT / "inventories/prod", inventory)
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    hosts["prod"]["hosts"] = {"prod-us-east-1": {}, "prod-eu-west-1": {"platform_region": "eu-west-1"}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    first = site.ansible("site.yml", "-i", str(inventory), *DOMAIN, env=empty.local.env)
    assert recap(first) == {"prod-us-east-1": (len(TIERS), 0), "prod-eu-west-1": (len(TIERS), 0)}, first.stdout
    second = site.ansible("site.yml", "-i", str(inventory), *DOMAIN, env=empty.local.env)
    assert recap(second) == {"prod-us-east-1": (0, 0), "prod-eu-west-1": (0, 0)}, second.stdout
    here, there = census_of(empty, "us-east-1"), census_of(empty, "eu-west-1")
    assert {what: len(here[what]) for what in here if what not in GLOBAL} == {
        what: len(there[what]) for what in there if what not in GLOBAL
    }
    assert duplicates(here) == duplicates(there) == []
    assert len(here["bucket"]) == 14
    gone = site.ansible(
        "playbooks/messaging.yml",
        "-i",
        str(inventory),
        "--limit",
        "prod-eu-west-1",
        "-e",
        "messaging_state=absent",
        env=empty.local.env,
    )
    assert recap(gone) == {"prod-eu-west-1": (1, 0)}, gone.stdout
    assert census(empty.client)["queue"] == here["queue"]
    assert census_of(empty, "eu-west-1")["queue"] == []


def test_staging_is_a_copied_inventory_with_another_name_and_cidr(empty, tmp_path):
    inventory = tmp_path / "staging"
    shutil.copytree(site.ROOT / "inventories/prod", inventory)
    (inventory / "group_vars/prod").rename(inventory / "group_vars/staging")
    hosts = (inventory / "hosts.yml").read_text().replace("prod", "staging")
    (inventory / "hosts.yml").write_text(hosts)
    extra = (*DOMAIN, "-e", "vpc_cidr=10.20.0.0/16")
    first = site.ansible("site.yml", "-i", str(inventory), *extra, env=empty.local.env)
    assert recap(first) == {"staging-us-east-1": (len(TIERS), 0)}, first.stdout
    second = site.ansible("site.yml", "-i", str(inventory), *extra, env=empty.local.env)
    assert recap(second) == {"staging-us-east-1": (0, 0)}, second.stdout
    standing = census(empty.client)
    assert "alias/staging/storage" in standing["alias"]
    assert all(name.startswith("staging-us-east-1 ") for name in standing["subnet"])
    (vpc,) = empty.client("ec2").describe_vpcs(Filters=[{"Name": "tag:agent-platform:environment", "Values": ["staging"]}])["Vpcs"]
    assert vpc["CidrBlock"] == "10.20.0.0/16"


def test_with_and_without_the_preload_a_run_does_the_same(empty):
    check = ("site.yml", "--check", "--tags", "kms,waf,vpc")
    with_it = empty.results(*check)
    # Any other callback takes its place.
    done = empty.run(*check, **site.as_json({"ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.timer"}))
    assert done.returncode == 0, done.stdout
    without = site.results(done.stdout)
    assert {tier: result["plan"] for tier, result in without.items()} == {tier: result["plan"] for tier, result in with_it.items()}
