# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real requests from where Ansible runs, through a deployment of a real account: what no reading of its configuration shows.

Nothing is written: requests to the way in are GETs, of which the web ACL blocks, logs and counts some, and calls of AWS are reads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

from ..aws.probing import Untold, refused_over_plain_http
from . import requests, way_in
from .model import EXERCISED, Check, NotExercised
from .requests import Answer
from .world import World

REFUSED = 403
REDIRECTS = (301, 302, 307, 308)
# Managed rule group -> what it is sent to stop: a query that no pod ever sees.
ATTACKS = {
    "AWSManagedRulesSQLiRuleSet": ("SQL injection", "1' OR '1'='1' UNION SELECT password FROM users--"),
    "AWSManagedRulesCommonRuleSet": ("cross-site scripting", "<script>alert(document.cookie)</script>"),
}
FROM_HERE = "run it from where the internet is reached without a proxy"


def checks(world: World) -> list[Check]:
    topics = [item["name"] for item in world.params["topics"]]
    made = [
        ("1", "CloudFront answers over HTTPS", lambda: answers(world)),
        ("1", "CloudFront sends plain HTTP to HTTPS", lambda: redirects(world)),
        *(("1", f"the web ACL blocks {words}", _blocks(world, name)) for name, (words, _query) in ATTACKS.items()),
        ("2", "the load balancer refuses who comes past CloudFront", lambda: refuses(world)),
        ("3", "a pod answers a request from the internet", lambda: served(world)),
        *(
            ("4c", f"table {world.named(item['name'])} over plain HTTP", _table(world, item["name"]))
            for item in world.params["tables"]
        ),
        *(("4d", f"bucket {purpose} refuses plain HTTP", _bucket(world, purpose)) for purpose in world.params["buckets"]),
        *(("4d", f"bucket {purpose} refuses who does not sign", _unsigned(world, purpose)) for purpose in world.params["buckets"]),
        *(("4f", f"queue {world.named(name)} refuses plain HTTP", _queue(world, name)) for name in topics),
    ]
    return [Check(arrow, flow, prove, EXERCISED) for arrow, flow, prove in made]


def _hosts(world: World) -> list[str]:
    """Under which the distribution is called: its own names, or else the one that CloudFront gave it."""
    found = world.distribution()
    return list((found["Config"].get("Aliases") or {}).get("Items") or ()) or [found["DomainName"]]


def _path(world: World) -> str:
    """One that pods answer without knowing who asks."""
    return world.target_group().get("HealthCheckPath") or "/"


def _get(world: World, host: str, path: str, tls: bool = True) -> Answer:
    """Raises NotExercised where this place is what keeps it from an answer."""
    try:
        return requests.ask(host, path, tls)
    except requests.Silent as error:
        raise NotExercised(f"{error}: {FROM_HERE}") from error
    except requests.Unresolved as error:
        _resolves(world.distribution()["DomainName"], error)
        raise


def _resolves(host: str, error: requests.Unresolved) -> None:
    """Raises NotExercised where not even CloudFront's own name has an address."""
    try:
        requests.ask(host, "/")
    except requests.Unresolved:
        raise NotExercised(f"{error}, and neither has {host}, which is CloudFront's: {FROM_HERE}") from error
    except requests.Unanswered:
        pass


def answers(world: World) -> str | None:
    """Whatever the answer is: it came by TLS, under a certificate for the name."""
    for host in _hosts(world):
        try:
            _get(world, host, _path(world))
        except requests.Untrusted as error:
            return f"{error}: look at the certificate of distribution {world.distribution()['Id']}"
        except requests.Unresolved as error:
            return f"{error}: look at its records, and at the name servers that the domain's registrar names"
    return None


def redirects(world: World) -> str | None:
    for host in _hosts(world):
        found = _get(world, host, _path(world), tls=False)
        if found.status not in REDIRECTS or not found.location.startswith(f"https://{host}"):
            return (
                f"http://{host} is answered {found.status} and not sent to https: look at the viewer protocol policy of "
                f"distribution {world.distribution()['Id']}"
            )
    return None


def served(world: World) -> str | None:
    host, path = _hosts(world)[0], _path(world)
    found = _get(world, host, path)
    if found.status == REFUSED:
        return (
            f"https://{host}{path} is answered {REFUSED}: the web ACL blocks it (look at its log), or the load balancer does not "
            f"get the header {world.params['origin_header']} from CloudFront"
        )
    if found.status >= 500:
        # Tells first whether anybody is there who could answer.
        return way_in.healthy(world.target_group(), world.params["pods"]) or (
            f"https://{host}{path} is answered {found.status} although a pod is healthy: look at the logs of the load balancer and "
            "of the pods"
        )
    return None


def _blocks(world: World, group: str) -> Callable[[], str | None]:
    words, attack = ATTACKS[group]

    def prove() -> str | None:
        if group not in world.params["rule_groups"]:
            raise NotExercised(f"{group} is not among waf_managed_rule_groups")
        host, path = _hosts(world)[0], _path(world)
        if _get(world, host, path).status == REFUSED:
            raise NotExercised(f"https://{host}{path} is answered {REFUSED} without it, too, so that nothing follows from that")
        found = _get(world, host, f"{path}?q={quote(attack)}")
        if found.status == REFUSED:
            return None
        return (
            f"a request like {words} is answered {found.status} and not {REFUSED}: look at the rule of web ACL "
            f"{world.web_acl()['Name']} with {group}, whether it only counts, and whether distribution "
            f"{world.distribution()['Id']} asks that web ACL"
        )

    return prove


def refuses(world: World) -> str | None:
    """By no answer (its security group), or by an answer that says so (its listener)."""
    balancer = world.load_balancer()
    # Where CloudFront is not reached either, silence says nothing.
    _get(world, _hosts(world)[0], _path(world))
    for listener in balancer["Listeners"]:
        try:
            # Its certificate is for the name under which CloudFront calls it.
            found = requests.ask(
                balancer["DNSName"], _path(world), listener["Protocol"] == "HTTPS", listener["Port"], verified=False
            )
        except requests.Silent:
            continue
        if found.status != REFUSED:
            return (
                f"load balancer {balancer['LoadBalancerName']} answers {found.status} on port {listener['Port']} to who comes past "
                "CloudFront: look at its security group, and at the default action and the rules of its listener"
            )
    return None


def _over_plain_http(world: World, service: str, call: Callable[[Any], Any]) -> bool:
    try:
        return refused_over_plain_http(world.api, service, call)
    except Untold as why:
        raise NotExercised(str(why)) from why


def _table(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        world.table(name)
        full = world.named(name)
        if _over_plain_http(world, "dynamodb", lambda client: client.describe_table(TableName=full)):
            return None
        raise NotExercised(
            f"DynamoDB answers over plain HTTP who signs, since nothing of table {full} is to refuse it: that pods come by HTTPS "
            "is their clients' doing, which is the default of AWS's own"
        )

    return prove


def _bucket(world: World, purpose: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        world.bucket(purpose)
        name = world.bucket_name(purpose)
        if _over_plain_http(world, "s3", lambda client: client.list_objects_v2(Bucket=name, MaxKeys=1)):
            return None
        return f"bucket {name} is listed over plain HTTP: look at the statement of its policy about aws:SecureTransport"

    return prove


def _unsigned(world: World, purpose: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        world.bucket(purpose)
        name, endpoint = world.bucket_name(purpose), urlsplit(world.api.client("s3").meta.endpoint_url)
        if endpoint.scheme != "https":
            raise NotExercised(f"the endpoint of s3 is {endpoint.geturl()} by configuration, and not AWS's")
        try:
            found = requests.ask(endpoint.hostname or "", f"/{name}?list-type=2&max-keys=1", port=endpoint.port)
        except requests.Unanswered as error:
            raise NotExercised(f"{error}: {FROM_HERE}") from error
        if found.status == REFUSED:
            return None
        return (
            f"bucket {name} answers {found.status} and not {REFUSED} to who does not sign: look at its policy, its access lists "
            "and its public access block"
        )

    return prove


def _queue(world: World, name: str) -> Callable[[], str | None]:
    def prove() -> str | None:
        url = world.queue(name)["url"]
        call = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
        if _over_plain_http(world, "sqs", lambda client: client.get_queue_attributes(**call)):
            return None
        return f"queue {world.named(name)} answers over plain HTTP: look at the statement of its policy about aws:SecureTransport"

    return prove
