# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands, read when it is first asked for, and never twice."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..aws.reading import access, edge, network, stores, topics
from ..reconcile.errors import EngineError
from ..tier_module import Place
from ..tiers import kms
from ..tiers.cloudfront import load_balancer_name
from ..tiers.s3 import bucket_name
from . import policy, reach

SERVICES = (*access.SERVICES, *edge.SERVICES, *network.SERVICES, *stores.SERVICES, *topics.SERVICES)
WORKERS = "the workers"


class World:
    """A deployment as its APIs tell it. What is missing raises Missing, whose text says which tier makes it."""

    def __init__(self, api: Any, place: Place, params: Mapping[str, Any]):
        self.api, self.place, self.params = api, place, params
        self._known: dict[tuple[str, str], Any] = {}
        # Host and port -> why nothing answers there, or None.
        self.unreachable: dict[tuple[str, int], str | None] = {}

    def named(self, name: str) -> str:
        return f"{self.place.environment}-{name}"

    def context(self, service: str = "") -> dict[str, str]:
        """Condition keys of a call of a role of this account, through ``service`` where that calls KMS for it."""
        keys = {
            "aws:principalaccount": self.place.account_id,
            "aws:principalisawsservice": "false",
            "aws:securetransport": "true",
            "aws:requestedregion": self.place.region,
            "s3:tlsversion": "1.3",
        }
        if service:
            keys |= {"kms:viaservice": f"{service}.{self.place.region}.amazonaws.com", "kms:calleraccount": self.place.account_id}
        return keys

    def _once(self, kind: str, name: str, read: Callable[[], Any], tier: str) -> Any:
        if (kind, name) not in self._known:
            self._known[kind, name] = read()
        found = self._known[kind, name]
        if found is None:
            raise Missing(f"there is no {kind} {name}: apply the {tier} tier")
        return found

    @property
    def network(self) -> reach.Network:
        raw = self._once("network", self.place.deployment, lambda: network.network(self.api, self.place.deployment), "vpc")
        return self._once("parsed network", self.place.deployment, lambda: reach.Network(raw), "vpc")

    @property
    def cluster(self) -> str:
        return self.params["cluster_name"]

    @property
    def workers(self) -> reach.Side:
        found = self._once("cluster", self.cluster, lambda: network.workers(self.api, self.cluster), "eks")
        return reach.Side(WORKERS, tuple(found["subnets"]), tuple(found["groups"]))

    @property
    def identities(self) -> dict[str, str]:
        return self._once("pod identities of cluster", self.cluster, lambda: network.identities(self.api, self.cluster), "eks")

    @functools.cached_property
    def roles(self) -> dict[str, policy.Role]:
        """By their name without the deployment's, such as ``eks-agent``."""
        prefix = f"{self.place.deployment}-"
        found = {item["name"].removeprefix(prefix): item for item in access.roles(self.api, prefix)}
        return {name: policy.Role(**item, session=self._session(name)) for name, item in found.items()}

    def _session(self, role: str) -> dict[str, str]:
        """The tags that EKS gives the session of a pod (EKS user guide, "Grant Pods access to AWS resources based on tags")."""
        accounts = {f"eks-{item['name']}": item["service_account"] for item in self.params["workloads"]}
        if role not in accounts:
            return {}
        namespace, account = accounts[role].split("/")
        tags = {"eks-cluster-name": self.cluster, "kubernetes-namespace": namespace, "kubernetes-service-account": account}
        return {f"aws:principaltag/{key}": value for key, value in tags.items()}

    def role(self, workload: str) -> policy.Role:
        name = f"eks-{workload}"
        if name not in self.roles:
            raise Missing(f"there is no role {self.place.deployment}-{name}: apply the eks tier")
        return self.roles[name]

    def key(self, service: str) -> dict[str, Any]:
        """The key that encrypts what ``service`` keeps; ``owner``: what to call it."""
        alias = kms.alias(self.place.environment, self.params["key_for"][service])
        found = self._once("key", alias, lambda: access.key(self.api, alias), "kms")
        return {**found, "owner": f"key {alias}"}

    def under_another_key(self, what: str, given: str | None, key_service: str) -> str | None:
        """Whether something is encrypted by another key than its service's. ``given``: what AWS says, an ARN, an id or an alias."""
        key = self.key(key_service)
        alias = kms.alias(self.place.environment, self.params["key_for"][key_service])
        if given in (key["arn"], key["arn"].rsplit("/", 1)[1], alias) or (given or "").endswith(f":{alias}"):
            return None
        return f"{what} is encrypted by {given or 'no key of ours'} and not by {key['owner']}"

    def refused_by_key(self, role: policy.Role, service: str, key_service: str, *actions: str) -> str | None:
        """Why a role may not use a service's key through the service."""
        key = self.key(key_service)
        if key["state"] != "Enabled":
            return f"{key['owner']} is {key['state']}, so nothing under it can be read"
        for action in actions:
            if cause := policy.refused_key(role, action, key["arn"], self.context(service), key["owner"], key["policy"]):
                return cause
        return None

    def secret(self, name: str) -> dict[str, Any]:
        full = f"{self.place.environment}/{name}"
        return {**self._once("secret", full, lambda: access.secret(self.api, full), "secrets"), "name": full}

    def database(self) -> dict[str, Any]:
        name = self.named(self.params["database"])
        return self._once("database", name, lambda: stores.database(self.api, name), "rds")

    def cache(self) -> dict[str, Any]:
        return self._once("cache", self.named("redis"), lambda: stores.cache(self.api, self.named("redis")), "redis")

    def table(self, name: str) -> dict[str, Any]:
        return self._once("table", self.named(name), lambda: stores.table(self.api, self.named(name)), "dynamodb")

    def bucket_name(self, purpose: str) -> str:
        return bucket_name(self.params["bucket_prefix"], self.place, purpose)

    def bucket(self, purpose: str) -> dict[str, Any]:
        name = self.bucket_name(purpose)
        return self._once("bucket", name, lambda: stores.bucket(self.api, name), "s3")

    def topic(self, name: str) -> dict[str, Any]:
        arn = self.place.arn("sns", self.named(name))
        return {**self._once("topic", self.named(name), lambda: topics.topic(self.api, arn), "messaging"), "arn": arn}

    def queue(self, name: str) -> dict[str, Any]:
        return self._once("queue", self.named(name), lambda: topics.queue(self.api, self.named(name)), "messaging")

    def web_acl(self) -> dict[str, Any]:
        name = f"{self.place.deployment}-edge"
        return self._once("web ACL", name, lambda: edge.web_acl(self.api, name), "waf")

    def distribution(self) -> dict[str, Any]:
        comment = f"{self.place.deployment}: the edge of the platform"
        return self._once("distribution", comment, lambda: edge.distribution(self.api, comment), "cloudfront")

    def load_balancer(self) -> dict[str, Any]:
        name = load_balancer_name(self.place.environment)
        return self._once("load balancer", name, lambda: edge.load_balancer(self.api, name), "cloudfront")

    def target_group(self) -> dict[str, Any]:
        name = self.named("ingress")
        return self._once("target group", name, lambda: edge.target_group(self.api, name), "cloudfront")

    def certificate(self, arn: str) -> dict[str, Any]:
        return self._once("certificate", arn, lambda: edge.certificate(self.api, arn), "cloudfront")

    def cloudfront_list(self) -> str:
        return self._once("prefix list", network.CLOUDFRONT_LIST, lambda: network.cloudfront_list(self.api), "vpc")

    def endpoint(self, service: str) -> dict[str, Any]:
        full = f"com.amazonaws.{self.place.region}.{service}"
        found = [item for item in self.network.endpoints if item["ServiceName"] == full and item["State"].lower() != "deleted"]
        if not found:
            raise Missing(f"there is no VPC endpoint for {full}: apply the vpc tier")
        return found[0]


class Missing(EngineError):
    """Something that the flow needs does not stand. The text is the likely cause."""
