# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM besides our own roles: OIDC providers, service-linked roles, and the principal behind the caller's session.

Facts: IAM API reference. An OIDC provider of EKS needs no thumbprint: IAM trusts the certificate authority behind it. The ARN of a
session leaves out the path of its role.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..aws.errors import is_code, says, tolerating
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.errors import EngineError
from ..reconcile.reference import Ref, resolve
from ..reconcile.resource import Context, Kind, Observed, Resource, View
from ..reconcile.unknown import UNKNOWN

NOT_FOUND = "NoSuchEntity"


def bare(url: str) -> str:
    """IAM answers URLs without their scheme."""
    return url.removeprefix("https://")


class OidcProvider(Kind):
    """An identity provider of an EKS cluster, found by its tags, or by the cluster's URL, which it alone can have."""

    name = "iam_oidc_provider"
    services = ("iam",)
    observe_after = ("eks_cluster",)
    fields = (Field("url", on_change="replace", canonical=bare), Field("client_ids", unordered=True))

    def observe(self, view: View) -> Iterable[Observed]:
        """One list, which has no tags, and one call for each provider of an EKS cluster in the region."""
        answer = view.api.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
        arns = [item["Arn"] for item in answer if f"oidc.eks.{view.api.region}." in item["Arn"]]
        read = view.api.map(lambda one: self._read(view, one), arns)
        standing = [self._observed(arn, item) for arn, item in zip(arns, read, strict=True) if item]
        wanted = {resource.address for resource in view.resources}
        claimed = {item.address for item in standing if view.owner.owns_in_tier(item.tags or {})} & wanted
        places = self._places(view, wanted - claimed)
        for item in standing:
            if item.fields["url"] in places and item.address not in claimed:
                yield replace(item, address=places[item.fields["url"]])
            elif view.owner.owns_in_tier(item.tags or {}):
                yield item

    def _places(self, view: View, missing: Container[str]) -> dict[str, str]:
        """The URL of each cluster that stands and has no provider of ours -> the provider's address."""

        def lookup(ref: Ref) -> Any:
            standing = view.of("eks_cluster").get(ref.address)
            return standing.value(ref.attribute) if standing else UNKNOWN

        urls = {r.address: resolve(r.desired["url"], lookup) for r in view.resources if r.address in missing}
        return {bare(url): address for address, url in urls.items() if isinstance(url, str)}

    def _observed(self, arn: str, item: Mapping[str, Any]) -> Observed:
        tags = as_dict(item.get("Tags"))
        values = {"url": item["Url"], "client_ids": item.get("ClientIDList") or []}
        return Observed(address_in(tags, self.name, arn), arn, values, {"arn": arn, "url": item["Url"]}, tags)

    @staticmethod
    def _read(view: View, arn: str) -> dict[str, Any] | None:
        with tolerating(NOT_FOUND):
            return view.api.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        return None

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        arn = context.api.client("iam").create_open_id_connect_provider(
            Url=desired["url"], ClientIDList=desired["client_ids"], Tags=as_list(desired["tags"])
        )["OpenIDConnectProviderArn"]
        values = {"url": desired["url"], "client_ids": desired["client_ids"]}
        return Observed(resource.address, arn, values, {"arn": arn, "url": bare(desired["url"])})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, provider = context.api.client("iam"), {"OpenIDConnectProviderArn": observed.id}
        if "client_ids" in delta:
            old, new = set(delta["client_ids"].old or ()), set(delta["client_ids"].new)
            for client_id in sorted(new - old):
                client.add_client_id_to_open_id_connect_provider(**provider, ClientID=client_id)
            for client_id in sorted(old - new):
                client.remove_client_id_from_open_id_connect_provider(**provider, ClientID=client_id)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_open_id_connect_provider(**provider, Tags=as_list(to_set))
            if to_remove:
                client.untag_open_id_connect_provider(**provider, TagKeys=to_remove)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        with tolerating(NOT_FOUND):
            context.api.client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=observed.id)


class ServiceLinkedRole(Kind):
    """A role that a service of AWS acts with, one in an account, whoever uses it: made where it is missing, and never deleted."""

    name = "iam_service_linked_role"
    services = ("iam",)
    tagged = False
    implicit = True
    fields = (Field("service", on_change="replace"),)

    def observe(self, view: View) -> Iterable[Observed]:
        roles = view.api.pages("iam", "list_roles", "Roles", PathPrefix="/aws-service-role/")
        standing = {role["Path"].split("/")[2]: role for role in roles}
        for resource in view.resources:
            role = standing.get(resource.desired["service"])
            if role:
                yield self._observed(resource, role)

    @staticmethod
    def _observed(resource: Resource, role: Mapping[str, Any]) -> Observed:
        return Observed(resource.address, role["RoleName"], {"service": resource.desired["service"]}, {"arn": role["Arn"]})

    def create(self, context: Context, resource: Resource) -> Observed:
        service, client = resource.desired["service"], context.api.client("iam")
        try:
            role = client.create_service_linked_role(AWSServiceName=service)["Role"]
        except Exception as error:
            # Another run, or AWS itself, made it a moment ago.
            if not says(error, "has been taken"):
                raise
            roles = context.api.pages("iam", "list_roles", "Roles", PathPrefix=f"/aws-service-role/{service}/")
            role = roles[0]
        return self._observed(resource, role)


class Caller(Kind):
    """The role or user that makes the calls. It is only ever looked up."""

    name = "iam_caller"
    services = ("iam",)
    tagged = False

    def observe(self, view: View) -> Iterable[Observed]:
        principal = principal_of(view, view.api.caller_arn)
        for resource in view.resources:
            yield Observed(resource.address, principal, attributes={"arn": principal})


def principal_of(view: View, arn: str) -> str:
    """The ARN of the role or user behind a caller's. Raises EngineError where it is neither."""
    kind, name = identity(arn)
    if kind == "user":
        return view.api.arn("iam", f"user/{name}", region="")
    if kind != "role":
        raise EngineError(
            f"eks_deployer: {arn} is neither a role nor a user, so it can have no access to the cluster: set eks_deployer to "
            "the ARN of one that shall have it"
        )
    try:
        return view.api.client("iam").get_role(RoleName=name)["Role"]["Arn"]
    except Exception as error:
        if not is_code(error, "AccessDenied", NOT_FOUND):
            raise
        return view.api.arn("iam", f"role/{name}", region="")


def identity(arn: str) -> tuple[str, str]:
    """(``role`` or ``user`` or another, its name) of a caller's ARN."""
    what, *rest = arn.split(":", 5)[-1].split("/")
    if what == "assumed-role" and rest:
        return "role", rest[0]
    if what == "user" and rest:
        return "user", "/".join(rest)
    return what, "/".join(rest)
