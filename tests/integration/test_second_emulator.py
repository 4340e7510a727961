"""The tiers on MiniStack, an emulator that shares no code with the local AWS, so that nothing is tuned to the latter; in another
region than the other tests, since that costs nothing.

What MiniStack cannot carry is in three tables: operations that it lacks, settings that it does not tell back, and resources that it
loses. A test proves each entry, and fails as soon as MiniStack can do it. What is ours to mend has no place here.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest
from ansible_collections.agent_platform.aws.plugins.module_utils.aws import retry
from ansible_collections.agent_platform.aws.plugins.module_utils.aws.errors import is_code
from ansible_collections.agent_platform.aws.plugins.module_utils.tier_module import NO_ACCOUNT, Place
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from support import site, tiers
from support.census import census
from support.ministack import MiniStack

from local_aws.classify import WRITE, classify
from local_aws.sharing import share_between_clients

REGION = "us-west-2"
TIERS = [tier for tier in site.tiers_in_order() if tier != site.IN_THE_CLUSTER]


@dataclass(frozen=True)
class Lacks:
    """A reading operation that MiniStack has not, with arguments to try it with; the tests give the answer in its place."""

    arguments: dict[str, Any]
    answer: dict[str, Any] | Callable[[Any, dict[str, Any]], dict[str, Any]]


def _zones_tags(route53: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """One by one."""
    one = functools.partial(route53.list_tags_for_resource, ResourceType=asked["ResourceType"])
    return {"ResourceTagSets": [one(ResourceId=zone)["ResourceTagSet"] for zone in asked["ResourceIds"]]}


POSTGRES = [
    "rds.force_ssl",
    *(
        f"log_{what}"
        for what in ("connections", "disconnections", "lock_waits", "min_duration_statement", "statement", "temp_files")
    ),
]
# (client, operation)
LACKING = {
    ("application-autoscaling", "DescribeScalableTargets"): Lacks({"ServiceNamespace": "dynamodb"}, {"ScalableTargets": []}),
    ("application-autoscaling", "DescribeScalingPolicies"): Lacks({"ServiceNamespace": "dynamodb"}, {"ScalingPolicies": []}),
    ("rds", "DescribeEngineDefaultParameters"): Lacks(
        {"DBParameterGroupFamily": "postgres17"},
        {"EngineDefaults": {"Parameters": [{"ParameterName": name, "ApplyType": "dynamic"} for name in POSTGRES]}},
    ),
    ("route53", "ListTagsForResources"): Lacks({"ResourceType": "hostedzone", "ResourceIds": ["Z1"]}, _zones_tags),
    ("wafv2", "ListLoggingConfigurations"): Lacks({"Scope": "CLOUDFRONT"}, {"LoggingConfigurations": []}),
}
# (tier, address, field) -> why what is read back is not what was written.
UNTOLD = {
    ("waf", "web_acl/*", "log_destination"): "no PutLoggingConfiguration",
    ("waf", "web_acl/*", "redacted_headers"): "no PutLoggingConfiguration",
    ("vpc", "nat_gateway/*", "allocation_id"): "a NAT gateway lists no addresses",
    ("vpc", "network_acl/*", "ingress"): "entries of a network ACL lose their ports",
    ("vpc", "network_acl/*", "egress"): "entries of a network ACL lose their ports",
    ("vpc", "network_acl/*", "subnets"): "subnets have no network ACL",
    ("vpc", "security_group_rules/alb", "ingress"): "a rule loses its prefix list",
    ("vpc", "security_group_rules/workers", "egress"): "no UpdateSecurityGroupRuleDescriptionsEgress",
    ("vpc", "vpc_endpoint/*", "policy"): "an endpoint has no policy",
    ("vpc", "vpc_endpoint/*", "private_dns"): "an endpoint has no private DNS",
    ("vpc", "vpc_endpoint/*", "security_groups"): "an endpoint has no security groups",
    ("eks", "eks_cluster/*", "deletion_protection"): "a cluster has no deletion protection",
    ("eks", "eks_cluster/*", "support_type"): "a cluster has no upgrade policy",
    ("eks", "eks_nodegroup/*", "max_unavailable_percent"): "a node group has no update configuration",
    ("eks", "eks_nodegroup/*", "template"): "a node group loses its launch template",
    ("eks", "eks_nodegroup/*", "template_id"): "a node group loses its launch template",
    ("eks", "launch_template/*", "settings"): "a volume has no key",
    ("rds", "db_instance/*", "log_exports"): "an instance exports no logs",
    ("rds", "db_instance/*", "secret_key"): "a managed password has no key",
    ("redis", "replication_group/*", "kms_key"): "a replication group has no key",
    ("cloudfront", "target_group/*", "protocol_version"): "a target group has no protocol version",
}
# Tiers that go only when they are taken down a second time.
TWICE = {
    "cloudfront": "certificates are proved by records that are not AWS's, so their zone seems to be in use until they are gone",
}
# (tier, address) -> why what was made is not found again.
LOST = {
    ("vpc", "flow_log/*"): "a flow log loses the tags of its creation",
    ("eks", "iam_oidc_provider/*"): "a cluster's issuer is no https address",
}


def _adapted(parameters: dict[str, dict[str, Any]], account: str) -> dict[str, dict[str, Any]]:
    """What has to be configured otherwise."""
    otherwise: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
        "eks": lambda eks: {
            # The caller is the account's root, which EKS gives no access.
            "deployer": f"arn:aws:iam::{account}:role/deployer",
            # No DescribeAddonVersions.
            "addons": [{**addon, "version": "v1.0.0-eksbuild.1"} for addon in eks["addons"]],
        },
        # DescribeDBEngineVersions finds no major version.
        "rds": lambda rds: {"engine_version": "17.5"},
    }
    return {tier: {**given, **otherwise[tier](given)} if tier in otherwise else given for tier, given in parameters.items()}


@dataclass
class Account:
    """An empty account, to which all clients of the test lead; ``writes``: the calls so far that were no reads."""

    parameters: dict[str, dict[str, Any]]
    writes: list[str] = field(default_factory=list)
    client: Callable[[str], Any] = field(default_factory=lambda: functools.cache(boto3.client))

    def ground(self, tier: str) -> None:
        """What the tier refers to, and what that does."""
        for other in TIERS:
            if other in _required(tier, self.parameters):
                self.run(other)
        self.writes.clear()

    def run(self, tier: str, check_mode: bool = False, **more: Any) -> dict[str, Any]:
        """Run the tier without what MiniStack cannot carry of it."""
        result = self.attempt(tier, check_mode, None, **more)
        assert not result.get("failed"), result["msg"]
        return result

    def attempt(self, tier: str, check_mode: bool, tried: tuple[str, ...] | None, **more: Any) -> dict[str, Any]:
        """As ``run``, but with that entry of the tables, and a failure is an answer."""
        change = functools.partial(_carried, tier, tried)
        return tiers.attempt(tiers.load(tier), {**self.parameters[tier], **more}, check_mode, change)

    def census(self) -> dict[str, list[str]]:
        return census(self.client)


def _required(tier: str, parameters: dict[str, dict[str, Any]]) -> set[str]:
    """The other tiers whose resources it refers to; some are of no tier, but AWS's own."""
    params = parameters[tier]
    place = Place(params["environment"], params["deployment"], REGION, NO_ACCOUNT, "aws")
    needed = {item.provider for item in tiers.load(tier).declare(params, place) if item.provider in parameters}
    return needed.union(*(_required(other, parameters) for other in needed))


def _carried(tier: str, tried: tuple[str, ...] | None, resources: list[Any]) -> None:
    lost, untold = ([entry for entry in table if entry[0] == tier and entry != tried] for table in (LOST, UNTOLD))
    resources[:] = [item for item in resources if not any(_about(entry, item.address) for entry in lost)]
    for resource in resources:
        resource.kind = _forgetful(resource.kind, {entry[2] for entry in untold if _about(entry, resource.address)})


def _about(entry: tuple[str, ...], address: str) -> bool:
    return fnmatchcase(address, entry[1])


def _forgetful(kind: Any, untold: set[str]) -> Any:
    """The kind with fields that are written at its creation and never compared."""
    forgetful = copy.copy(kind)
    forgetful.fields = tuple(
        dataclasses.replace(item, on_change="keep", equal=None, canonical=None, unordered=False) if item.name in untold else item
        for item in kind.fields
    )
    return forgetful


@pytest.fixture(scope="module")
def ministack() -> Iterator[MiniStack]:
    share_between_clients()
    with MiniStack(REGION) as running:
        yield running


@pytest.fixture
def led(ministack, monkeypatch) -> str:
    """Every client of the test leads to an account of its own: MiniStack takes an access key of twelve digits for its number,
    which is answered."""
    account = f"{next(_numbers):012d}"
    for name, value in {**ministack.env, "AWS_ACCESS_KEY_ID": account}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_URL", "EC2_URL"):
        monkeypatch.delenv(name, raising=False)
    # boto3.client() would remember the last account's credentials.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert boto3.client("sts").get_caller_identity()["Account"] == account
    # Waiting for what does not come takes no time.
    monkeypatch.setattr(retry, "DELAYS", (0,))
    return account


_numbers = itertools.count(1)


@pytest.fixture
def account(led, monkeypatch) -> Account:
    """With what MiniStack lacks answered, for prod, which has everything."""
    made = Account(_adapted(site.parameters("prod", "-e", f"platform_region={REGION}"), led))
    call = BaseClient._make_api_call

    def answered(self: Any, operation: str, arguments: Any) -> Any:
        service = self.meta.service_model.service_name
        if (service, operation) in LACKING:
            answer = LACKING[service, operation].answer
            return answer(self, arguments) if callable(answer) else answer
        if classify(service, operation) == WRITE:
            made.writes.append(f"{service}:{operation}")
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", answered)
    return made


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_comes_up_stays_and_goes(account, tier):
    account.ground(tier)
    before = account.census()
    planned = account.run(tier, check_mode=True)
    assert account.writes == []
    assert set(tiers.addresses(planned).values()) == {"create"}
    assert tiers.changes(account.run(tier)) == tiers.changes(planned)
    account.writes.clear()
    for check_mode in (True, False):
        again = account.run(tier, check_mode=check_mode)
        assert (tiers.changes(again), again["changed"], again["unmanaged"]) == (set(), False, [])
    assert account.writes == []
    unlocked = {name: False for name in account.parameters[tier] if name.endswith("deletion_protection")}
    if unlocked:
        account.run(tier, **unlocked)
    account.run(tier, state="absent", **unlocked)
    if tier in TWICE:
        assert account.run(tier, state="absent", **unlocked)["plan"] != []
    assert account.run(tier, state="absent", **unlocked)["plan"] == []
    assert account.census() == before


def test_a_role_needs_nothing_but_the_endpoint(ministack):
    """As a user runs it, in Ansible's processes; the local AWS is not there."""
    arguments = ("playbooks/kms.yml", "-i", "inventories/dev", "-e", "@local_aws/vars.yml", "-e", f"platform_region={REGION}")
    for changed in (True, False):
        done = site.ansible(*arguments, env=site.as_json(ministack.env))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert site.results(done.stdout)["kms"]["changed"] is changed


def test_the_emulator_listens_here_alone_and_ends_with_the_test(tmp_path):
    """However the test ends: nothing is left to stop it."""
    script = "import os; from support.ministack import MiniStack; print(MiniStack().__enter__().url, flush=True); os._exit(1)"
    environment = {**os.environ, "PYTHONPATH": str(site.ROOT / "tests"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    host, port = done.stdout.strip().removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    end = time.monotonic() + 10
    while _answers(host, int(port)):
        assert time.monotonic() < end, "it still answers"
        time.sleep(0.05)


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@pytest.mark.parametrize(("service", "operation"), LACKING)
def test_an_operation_is_lacking_still(led, service, operation):
    client = boto3.client(service, config=Config(retries={"total_max_attempts": 1}))
    method = next(name for name, named in client.meta.method_to_api_mapping.items() if named == operation)
    with pytest.raises(ClientError) as error:
        getattr(client, method)(**LACKING[service, operation].arguments)
    # What is asked about need not exist.
    assert not is_code(error.value, "NotFound", "NoSuchHostedZone")


@pytest.mark.parametrize("tier", sorted({tier for tier, *_rest in (*UNTOLD, *LOST)} & set(TIERS)))
def test_what_is_not_carried_would_fail_still(account, tier):
    """With an entry of the tables, the tier would change something for ever, or refuse to."""
    account.ground(tier)
    account.run(tier)
    for entry in (entry for entry in LOST if entry[0] == tier):
        account.attempt(tier, False, entry)
    entries = [entry for entry in (*UNTOLD, *LOST) if entry[0] == tier]
    carried = [entry for entry in entries if not _shows(account.attempt(tier, True, entry), entry)]
    assert carried == [], "MiniStack can do more now: take these entries out"


def _shows(result: dict[str, Any], entry: tuple[str, ...]) -> bool:
    changes = tiers.changes({"plan": result.get("plan", [])})
    if len(entry) == 2:
        return any(_about(entry, address) and action == "create" for address, action, _field in changes)
    refused = entry[1].rstrip("*") in result.get("msg", "") and f"({entry[2]}: " in result["msg"]
    return refused or any(_about(entry, address) and field == entry[2] for address, _action, field in changes)
