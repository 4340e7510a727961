# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM roles, with their trust, inline and attached policies.

Facts: IAM API reference. GetAccountAuthorizationDetails answers for all roles, their policies and tags at once, where one role by
itself takes four calls and each inline policy one more; it shows neither description nor session duration. Role names are unique
in the account, whatever the region: a name carries the deployment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..aws.errors import is_code, tolerating
from ..aws.policies import parse, same_policy, text
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Change, Delta, Field
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from .strangers import Candidate, among, for_its_name, prefixes

NOT_FOUND = "NoSuchEntity"
PAGE = {"PageSize": 1000}
# Tags of an instance profile that Karpenter made begin with it.
KARPENTER = "karpenter.k8s.aws/"


def same_policies(desired: Mapping[str, Any], observed: Mapping[str, Any] | None) -> bool:
    """Of documents by name."""
    observed = observed or {}
    return set(desired) == set(observed) and all(same_policy(desired[name], observed[name]) for name in desired)


class Role(Kind):
    """``inline_policies``: documents by name, complete. ``managed_policies``: ARNs of attached ones, complete.

    ``permissions_boundary``: the ARN of a policy; unset, whatever boundary the account's owners put on the role stays.
    """

    name = "iam_role"
    services = ("iam",)
    fields = (
        Field("role_name", on_change="replace"),
        Field("path", on_change="replace"),
        Field("description", on_change="keep"),
        Field("trust_policy", equal=same_policy),
        Field("inline_policies", equal=same_policies),
        Field("managed_policies", unordered=True),
        Field("permissions_boundary"),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """Those of our names or of our tags."""
        wanted = {resource.desired["role_name"]: resource.address for resource in view.resources}
        roles = view.api.pages("iam", "get_account_authorization_details", "RoleDetailList", Filter=["Role"], PaginationConfig=PAGE)
        for role in roles:
            tags = as_dict(role.get("Tags"))
            if role["RoleName"] in wanted or view.owner.owns_in_tier(tags):
                address = wanted.get(role["RoleName"]) or address_in(tags, self.name, role["RoleName"])
                yield Observed(address, role["RoleName"], self._values(role), attributes_of(role["RoleName"], role["Arn"]), tags)

    def strangers(self, view: View) -> Iterable[Stranger]:
        """Those of our names, and those that carry our tags and no tier's, which no other list shows."""
        roles = view.api.pages("iam", "get_account_authorization_details", "RoleDetailList", Filter=["Role"], PaginationConfig=PAGE)
        ours = [
            role
            for role in roles
            if role["RoleName"].startswith(prefixes(view)) or view.owner.owns(as_dict(role.get("Tags")))
            if not role["Path"].startswith("/aws-service-role/")
        ]
        yield from among(
            view,
            self,
            [
                Candidate(role["RoleName"], role["RoleName"], for_its_name(view), as_dict(role.get("Tags")), role["Arn"])
                for role in ours
            ],
        )

    @staticmethod
    def _values(role: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "role_name": role["RoleName"],
            "path": role["Path"],
            "trust_policy": parse(role["AssumeRolePolicyDocument"]),
            "inline_policies": {
                policy["PolicyName"]: parse(policy["PolicyDocument"]) for policy in role.get("RolePolicyList") or ()
            },
            "managed_policies": [policy["PolicyArn"] for policy in role.get("AttachedManagedPolicies") or ()],
            "permissions_boundary": (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        }

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        name, path = resource.desired["role_name"], resource.desired.get("path") or "/"
        return {**attributes_of(name, context.api.arn("iam", f"role{path}{name}", region="")), "id": name}

    def create(self, context: Context, resource: Resource) -> Observed:
        desired = resource.desired
        options = {
            parameter: desired[field]
            for field, parameter in (
                ("path", "Path"),
                ("description", "Description"),
                ("permissions_boundary", "PermissionsBoundary"),
            )
            if desired.get(field)
        }
        role = context.api.client("iam").create_role(
            RoleName=desired["role_name"],
            AssumeRolePolicyDocument=text(desired["trust_policy"]),
            Tags=as_list(desired["tags"]),
            **options,
        )["Role"]
        made = {
            "role_name": role["RoleName"],
            "path": role["Path"],
            "trust_policy": desired["trust_policy"],
            "inline_policies": {},
            "managed_policies": [],
            "permissions_boundary": desired.get("permissions_boundary"),
        }
        return Observed(resource.address, role["RoleName"], made, attributes_of(role["RoleName"], role["Arn"]))

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, role = context.api.client("iam"), {"RoleName": observed.id}
        if "trust_policy" in delta:
            client.update_assume_role_policy(**role, PolicyDocument=text(delta["trust_policy"].new))
        if "permissions_boundary" in delta:
            client.put_role_permissions_boundary(**role, PermissionsBoundary=delta["permissions_boundary"].new)
        if "inline_policies" in delta:
            write_inline(client, role, delta["inline_policies"])
        if "managed_policies" in delta:
            write_attached(client, role, delta["managed_policies"])
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_role(**role, Tags=as_list(to_set))
            if to_remove:
                client.untag_role(**role, TagKeys=to_remove)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """IAM deletes no role that still has a policy, or that is in an instance profile: Karpenter leaves its own behind."""
        client, role = context.api.client("iam"), {"RoleName": observed.id}
        calls = [
            *((client.detach_role_policy, {"PolicyArn": arn}) for arn in observed.fields["managed_policies"]),
            *((client.delete_role_policy, {"PolicyName": name}) for name in observed.fields["inline_policies"]),
        ]
        for call, arguments in calls:
            with tolerating(NOT_FOUND):
                call(**role, **arguments)
        try:
            with tolerating(NOT_FOUND):
                client.delete_role(**role)
        except Exception as error:
            if not is_code(error, "DeleteConflict") or not _out_of_profiles(context, role):
                raise
            with tolerating(NOT_FOUND):
                client.delete_role(**role)


def _out_of_profiles(context: Context, role: Mapping[str, str]) -> bool:
    """Delete the instance profiles of the role that Karpenter made; whether there was one. Others are in somebody's use."""
    client, found = context.api.client("iam"), False
    for profile in context.api.pages("iam", "list_instance_profiles_for_role", "InstanceProfiles", **role):
        which = {"InstanceProfileName": profile["InstanceProfileName"]}
        with tolerating(NOT_FOUND):
            tags = as_dict(client.get_instance_profile(**which)["InstanceProfile"].get("Tags"))
            if any(key.startswith(KARPENTER) for key in tags):
                found = True
                client.remove_role_from_instance_profile(**which, **role)
                client.delete_instance_profile(**which)
    return found


def attributes_of(name: str, arn: str) -> dict[str, Any]:
    return {"name": name, "arn": arn}


def write_inline(client: Any, role: Mapping[str, str], change: Change) -> None:
    old, new = change.old or {}, change.new
    for name, document in sorted(new.items()):
        if not same_policy(document, old.get(name)):
            client.put_role_policy(**role, PolicyName=name, PolicyDocument=text(document))
    for name in sorted(set(old) - set(new)):
        client.delete_role_policy(**role, PolicyName=name)


def write_attached(client: Any, role: Mapping[str, str], change: Change) -> None:
    old, new = set(change.old or ()), set(change.new)
    for arn in sorted(new - old):
        client.attach_role_policy(**role, PolicyArn=arn)
    for arn in sorted(old - new):
        client.detach_role_policy(**role, PolicyArn=arn)
