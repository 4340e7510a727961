# Copyright (c) agent_platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager: secrets, with or without a value of ours.

Facts: Secrets Manager API reference (CreateSecret, UpdateSecret, DeleteSecret, ListSecrets, PutResourcePolicy) and user guide
("Delete a secret", "Replicate secrets across Regions", "Secret encryption").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..aws.errors import is_code, says, tolerating
from ..aws.policies import parse, same_policy, text
from ..aws.retry import until
from ..aws.tags import address_in, as_dict, as_list, written
from ..reconcile.delta import Delta, Field
from ..reconcile.errors import WaitFailed
from ..reconcile.resource import Context, Kind, Observed, Resource, Stranger, View
from ..reconcile.waiter import Waiter
from .strangers import Candidate, among, for_its_name, prefixes

NOT_FOUND = "ResourceNotFoundException"
# Of a secret that was deleted.
UNUSABLE = "InvalidRequestException"
# What DescribeSecret shows of a replica for which no key was named.
AWS_KEY = "alias/aws/secretsmanager"
# Staging labels of versions.
CURRENT, PENDING, PREVIOUS = "AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"
AVAILABLE, DELETED, REPLICATING = "available", "deleted", "replicating"
UNDER_WAY = ("InProgress", "Pending")


def secret_string(value: Any) -> str:
    """What is stored: a text as it is, a mapping as the JSON object that the console shows as pairs."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def same_value(desired: Any, observed: Any) -> bool:
    """A text is stored as given; of a mapping only the JSON counts, so that one typed in by hand is the same."""
    if not isinstance(observed, str):
        return False
    if isinstance(desired, str):
        return desired == observed
    try:
        return json.loads(observed) == desired
    except ValueError:
        return False


def same_key(desired: str, observed: str | None) -> bool:
    """Secrets Manager shows the key as it was named: by its ARN or its id."""
    return observed is not None and (desired == observed or desired.endswith(f":key/{observed}"))


class Secret(Kind):
    """A secret. Its natural name is its name; AWS ends its ARN with a hyphen and six random characters.

    ``value`` is a text or a mapping. Where it is not set, the secret is made without one, and nothing ever reads or writes the
    value that somebody puts there. ``replicas`` is a list of ``{region, kms_key}``.
    Options: ``recovery_window_days`` (7 to 30), ``delete_without_recovery``.

    A deleted secret keeps its name until its window ends, and comes back by an update of ``available``.
    """

    name = "secret"
    services = ("secretsmanager",)
    stateful = True
    revivable = True
    # A new or restored secret, and a replica, are there for every call only after a moment. A deletion is a mark.
    waiter = Waiter(ready=frozenset({AVAILABLE}), delay=2, timeout=300, await_deletion=False)
    fields = (
        Field("name", on_change="replace"),
        Field("available"),
        Field("description"),
        Field("kms_key", equal=same_key),
        Field("policy", equal=same_policy),
        Field("value", sensitive=True, equal=same_value),
        Field("replicas", unordered=True),
    )

    def observe(self, view: View) -> Iterable[Observed]:
        """The list only finds what is not desired any more: it may be five minutes old, so each secret is asked for itself."""
        wanted = {resource.desired["name"]: resource for resource in view.resources}
        mine = [{"Key": "name", "Values": [f"{view.owner.environment}/"]}]
        listed = view.api.pages("secretsmanager", "list_secrets", "SecretList", Filters=mine)
        others = [secret["Name"] for secret in listed if view.owner.owns_in_tier(as_dict(secret.get("Tags")))]
        names = [*wanted, *(name for name in others if name not in wanted)]
        standing = {secret["Name"] for secret in listed}
        # Of what is listed the policy is asked for beside the rest.
        rows = [
            [
                lambda name=name: self._identify(view, name, wanted.get(name)),
                *([lambda name=name: self._policy(view, name)] if name in standing else []),
            ]
            for name in names
        ]
        found = [(name, row) for name, row in zip(names, view.api.table(rows), strict=True) if row[0]]
        return view.api.map(lambda item: self._read(view, item[1], wanted.get(item[0])), found)

    def find(self, view: View) -> Iterable[Observed]:
        found = view.api.map(lambda resource: self._identify(view, resource.desired["name"], resource), view.resources)
        return [observed for observed in found if observed and not observed.leaving]

    def strangers(self, view: View) -> Iterable[Stranger]:
        mine = [{"Key": "name", "Values": list(prefixes(view, "/"))}]
        listed = view.api.pages("secretsmanager", "list_secrets", "SecretList", Filters=mine)
        yield from among(
            view,
            self,
            [Candidate(item["Name"], item["ARN"], for_its_name(view, "/"), as_dict(item.get("Tags"))) for item in listed],
        )

    def _identify(self, context: Context, name: str, resource: Resource | None) -> Observed | None:
        """The secret without its policy and its value; None when there is none."""
        secret = describe(context, name)
        if secret is None:
            return None
        tags = as_dict(secret.get("Tags"))
        state = state_of(secret)
        return Observed(
            resource.address if resource else address_in(tags, self.name, name),
            secret["ARN"],
            fields={
                "name": secret["Name"],
                "available": state != DELETED,
                "description": secret.get("Description", ""),
                "kms_key": secret.get("KmsKeyId"),
                "replicas": replicas_of(secret),
                "stored": CURRENT in stages_of(secret),
            },
            attributes={"arn": secret["ARN"], "name": secret["Name"]},
            tags=tags,
            # A deleted one is not on its way to anywhere: only an update brings it back.
            state=None if state == DELETED else state,
            leaving=state == DELETED,
        )

    @staticmethod
    def _policy(context: Context, name: str) -> Any:
        """None too of what has none, is not there, or is deleted."""
        with tolerating(NOT_FOUND, UNUSABLE):
            return parse(context.api.client("secretsmanager").get_resource_policy(SecretId=name).get("ResourcePolicy"))
        return None

    def _read(self, context: Context, row: Sequence[Any], resource: Resource | None) -> Observed:
        """``row``: the secret, and its policy where that was asked for."""
        observed = row[0]
        # Of a deleted secret AWS shows neither.
        if not observed.leaving:
            observed.fields["policy"] = row[1] if len(row) > 1 else self._policy(context, observed.id)
            if resource and resource.desired.get("value") is not None:
                observed.fields["value"] = current_value(context, observed.id)
        return observed

    def create(self, context: Context, resource: Resource) -> Observed:
        """Without a value, which is written only when the policy is in place.

        Such a call has no idempotency: if its answer gets lost, botocore's next attempt finds what the first one made.
        """
        desired = resource.desired
        call = {
            "Name": desired["name"],
            "Description": desired["description"],
            "KmsKeyId": desired["kms_key"],
            "Tags": as_list(desired["tags"]),
            **self.first_value(resource),
        }
        client = context.api.client("secretsmanager")
        try:
            # A deletion without recovery blocks the name for a moment longer than it shows the secret.
            answer = until(lambda: client.create_secret(**call), not_yet=lambda error: says(error, "scheduled for deletion"))
        except Exception as error:
            standing = self._identify(context, desired["name"], resource) if is_code(error, "ResourceExistsException") else None
            if standing is None or not context.owner.owns(standing.tags or {}):
                raise
            return standing
        made = {name: desired[name] for name in ("name", "description", "kms_key")}
        attributes = {"arn": answer["ARN"], "name": desired["name"]}
        fields = {**made, "available": True, "replicas": [], "stored": "VersionId" in answer}
        return Observed(resource.address, answer["ARN"], fields=fields, attributes=attributes)

    def first_value(self, resource: Resource) -> dict[str, str]:
        """Arguments of CreateSecret that store a value in the same call: none."""
        return {}

    def update(self, context: Context, resource: Resource, observed: Observed, delta: Delta) -> None:
        client, arn = context.api.client("secretsmanager"), observed.id
        restored = "available" in delta
        if restored:
            client.restore_secret(SecretId=arn)
            until(lambda: self.refresh(context, observed), lambda state: state != DELETED)
        if "tags" in delta:
            to_set, to_remove = written(delta["tags"])
            if to_set:
                client.tag_resource(SecretId=arn, Tags=as_list(to_set))
            if to_remove:
                client.untag_resource(SecretId=arn, TagKeys=to_remove)
        if "policy" in delta:
            policy = text(delta["policy"].new)
            client.put_resource_policy(SecretId=arn, ResourcePolicy=policy, BlockPublicPolicy=True)
        # With a new key AWS encrypts the current, the pending and the previous version anew; older ones stay under the old key.
        details = {"description": "Description", "kms_key": "KmsKeyId"}
        changed = {argument: delta[name].new for name, argument in details.items() if name in delta}
        if changed:
            client.update_secret(SecretId=arn, **changed)
        if "value" in delta:
            value = delta["value"].new
            # The value of a deleted secret could not be compared before.
            if not restored or not same_value(value, current_value(context, arn)):
                client.put_secret_value(SecretId=arn, SecretString=secret_string(value))
        if "replicas" in delta:
            self._replicate(context, arn, delta["replicas"].new)

    @staticmethod
    def _replicate(context: Context, arn: str, desired: list[dict[str, str]]) -> None:
        """Remove what is no longer desired, has another key or failed; then add what is missing."""
        client = context.api.client("secretsmanager")
        standing = replicas_of(describe(context, arn) or {})
        wrong = [item["region"] for item in standing if item not in desired]
        if wrong:
            client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=wrong)
        missing = [item for item in desired if item not in standing]
        if missing:
            keys = {item["region"]: {} if item["kms_key"] == AWS_KEY else {"KmsKeyId": item["kms_key"]} for item in missing}
            regions = [{"Region": region, **key} for region, key in keys.items()]
            client.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=regions)

    def delete(self, context: Context, observed: Observed, options: Mapping[str, Any]) -> None:
        """Mark it; its replicas go at once, since AWS deletes no secret that has any."""
        client = context.api.client("secretsmanager")
        if options.get("delete_without_recovery"):
            how: dict[str, Any] = {"ForceDeleteWithoutRecovery": True}
        else:
            how = {"RecoveryWindowInDays": options.get("recovery_window_days", 30)}
        with tolerating(NOT_FOUND):
            regions = [item["region"] for item in replicas_of(describe(context, observed.id) or {})]
            if regions:
                client.remove_regions_from_replication(SecretId=observed.id, RemoveReplicaRegions=regions)
            until(
                lambda: client.delete_secret(SecretId=observed.id, **how),
                not_yet=lambda error: says(error, "still has replica regions"),
            )

    def refresh(self, context: Context, observed: Observed) -> str | None:
        secret = describe(context, observed.id)
        for replica in (secret or {}).get("ReplicationStatus") or ():
            if replica["Status"] == "Failed":
                raise WaitFailed(
                    f"{observed.address}: the replica in {replica['Region']} failed: "
                    f"{replica.get('StatusMessage', 'no reason given')}: mend that (another secret of this name there, the "
                    "region's key, a region that is not enabled) and run again"
                )
        return state_of(secret) if secret else None

    def planned(self, context: Context, resource: Resource) -> Mapping[str, Any]:
        """Its ARN ends with characters that nobody knows before."""
        return {"name": resource.desired["name"]}


def describe(context: Context, secret_id: str) -> dict[str, Any] | None:
    """DescribeSecret, which shows a deleted secret too; None when there is none."""
    with tolerating(NOT_FOUND):
        return context.api.client("secretsmanager").describe_secret(SecretId=secret_id)
    return None


def current_value(context: Context, arn: str) -> Any:
    """The current value; None before the first. A binary one is bytes, which no value of ours equals."""
    with tolerating(NOT_FOUND):
        answer = context.api.client("secretsmanager").get_secret_value(SecretId=arn)
        return answer.get("SecretString", answer.get("SecretBinary"))
    return None


def stages_of(secret: Mapping[str, Any]) -> dict[str, str]:
    """Staging label -> id of the version that carries it, of an answer of DescribeSecret."""
    return {stage: version for version, stages in (secret.get("VersionIdsToStages") or {}).items() for stage in stages}


def state_of(secret: Mapping[str, Any]) -> str:
    if secret.get("DeletedDate"):
        return DELETED
    under_way = any(replica["Status"] in UNDER_WAY for replica in secret.get("ReplicationStatus") or ())
    return REPLICATING if under_way else AVAILABLE


def replicas_of(secret: Mapping[str, Any]) -> list[dict[str, str]]:
    """``{region, kms_key}`` of each replica, and the ``status`` of one that failed, so that it equals none that is desired."""
    return [
        {
            "region": replica["Region"],
            "kms_key": replica.get("KmsKeyId") or AWS_KEY,
            **({"status": "Failed"} if replica["Status"] == "Failed" else {}),
        }
        for replica in secret.get("ReplicationStatus") or ()
    ]
