# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Response headers policies.

Facts: CloudFront API reference (CreateResponseHeadersPolicy, UpdateResponseHeadersPolicy, which replaces everything and takes the
ETag of the last read). A policy carries no tags; its name is unique in the account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...aws.errors import is_code, tolerating
from ...aws.retry import until
from ...reconcile.delta import Delta, Field
from ...reconcile.resource import Context, Kind, Observed, Resource, Stranger, View

CLIENT = "cloudfront"
GONE = "NoSuchResponseHeadersPolicy"
# Settings that this kind does not manage and that an update would otherwise drop.
HANDED_BACK = ("CorsConfig", "CustomHeadersConfig", "ServerTimingHeadersConfig")


class ResponseHeadersPolicy(Kind):
    """A policy of the account. Its natural name is its name. ``security`` is the API's SecurityHeadersConfig.

    ``removed_headers`` are headers of the origin that viewers do not get.
    """

    name = "response_headers_policy"
    services = (CLIENT,)
    tagged = False
    fields = (
        Field("name", on_change="replace"),
        Field("comment"),
        Field("security"),
        Field("removed_headers", unordered=True),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        wanted = {resource.desired["name"]: resource.address for resource in view.resources}
        for policy in _list(view.api.client(CLIENT)):
            config = policy["ResponseHeadersPolicyConfig"]
            if config["Name"] in wanted:
                yield Observed(wanted[config["Name"]], policy["Id"], fields=_fields(config), attributes={"name": config["Name"]})

    def strangers(self, view: View) -> Iterable[Stranger]:
        """AWS cannot tag them: whatever has the deployment's name and is not in the configuration counts."""
        for policy in _list(view.api.client(CLIENT)):
            name = policy["ResponseHeadersPolicyConfig"]["Name"]
            if name.startswith(f"{view.owner.deployment}-") and policy["Id"] not in view.known:
                why = f"its name begins with {view.owner.deployment}- and it is not in the configuration"
                yield Stranger(f"{self.name}/{name}", policy["Id"], why=why)

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        answer = context.api.client(CLIENT).create_response_headers_policy(ResponseHeadersPolicyConfig=_config(desired))
        policy = answer["ResponseHeadersPolicy"]
        fields = _fields(policy["ResponseHeadersPolicyConfig"])
        return Observed(resource.address, policy["Id"], fields=fields, attributes={"name": desired["name"]})

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client = context.api.client(CLIENT)
        answer = client.get_response_headers_policy(Id=observed.id)
        standing = answer["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
        kept = {name: standing[name] for name in HANDED_BACK if standing.get(name)}
        config = {**kept, **_config({**_fields(standing), **_set(resource.desired)})}
        client.update_response_headers_policy(Id=observed.id, IfMatch=answer["ETag"], ResponseHeadersPolicyConfig=config)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """A distribution that has just gone uses it for a moment longer."""
        client = context.api.client(CLIENT)

        def call() -> None:
            with tolerating(GONE):
                tag = client.get_response_headers_policy(Id=observed.id)["ETag"]
                client.delete_response_headers_policy(Id=observed.id, IfMatch=tag)

        until(call, not_yet=lambda error: is_code(error, "ResponseHeadersPolicyInUse"))


def _list(client: Any) -> Iterable[dict[str, Any]]:
    """botocore has no paginator for it."""
    more: dict[str, str] = {}
    while True:
        answer = client.list_response_headers_policies(Type="custom", **more)["ResponseHeadersPolicyList"]
        yield from (item["ResponseHeadersPolicy"] for item in answer.get("Items") or ())
        if not answer.get("NextMarker"):
            return
        more = {"Marker": answer["NextMarker"]}


def _fields(config: Mapping[str, Any]) -> dict[str, Any]:
    removed = config.get("RemoveHeadersConfig", {}).get("Items") or ()
    return {
        "name": config["Name"],
        "comment": config.get("Comment", ""),
        "security": config.get("SecurityHeadersConfig") or {},
        "removed_headers": [item["Header"].lower() for item in removed],
    }


def _config(values: Mapping[str, Any]) -> dict[str, Any]:
    removed = [{"Header": header} for header in sorted(values.get("removed_headers") or ())]
    return {
        "Name": values["name"],
        "Comment": values["comment"],
        "SecurityHeadersConfig": values["security"],
        "RemoveHeadersConfig": {"Quantity": len(removed), "Items": removed},
    }


def _set(desired: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in desired.items() if value is not None}
